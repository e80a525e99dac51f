//! API Gateway: REST APIs from an OpenAPI body or from resources and methods, and the data plane that serves them.
//!
//! ```text
//! resources (templates) ─→ rest_api, domain ─→ deployment: routes compiled once
//! users ─→ serve ─→ locate (host, base path, stage) ─→ route ─→ integration ─→ lambda
//! ```
//!
//! What a body asks for and the twin does not do is refused when the API is made, not ignored when it is called.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use rand_chacha::ChaCha8Rng;

use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response};

mod api;
mod domain;
mod integration;
mod locate;
mod metrics;
mod openapi;
mod refusal;
mod resources;
mod rest_api;
mod route;
mod serve;
mod throttle;

pub use resources::resources;
pub use serve::ProxyContext;

#[cfg(test)]
mod tests;

#[derive(Default)]
pub struct ApiGateway {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    apis: BTreeMap<String, rest_api::RestApi>,
    edges: BTreeMap<Region, Edge>,
    accounts: BTreeMap<Region, throttle::Bucket>,
    /// Decides which requests are a canary's; made of the run's seed at the first request.
    rng: Option<ChaCha8Rng>,
}

/// The custom domains of a Region, by name.
#[derive(Default)]
struct Edge {
    domains: BTreeMap<String, domain::Domain>,
}

impl ApiGateway {
    /// The Region whose edge answers for this host name: `<api>.execute-api.<region>.amazonaws.com` or the
    /// Regional target of a custom domain. `None` where no deployed API has it.
    pub fn region_of_host(&self, host: &str) -> Option<Region> {
        let (id, region) = locate::execute_api(host)?;
        let region = Region::parse(region).ok()?;
        let state = self.state();
        let is_api = state.apis.get(id).is_some_and(|api| api.region == region);
        let edge = state.edges.get(&region);
        let is_target = || edge.is_some_and(|edge| edge.domains.values().any(|domain| domain.target == host));
        (is_api || is_target()).then_some(region)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at or changes one API of a Region.
    fn with<T>(
        &self,
        region: Region,
        id: &str,
        work: impl FnOnce(&mut rest_api::RestApi) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let mut state = self.state();
        let api = state.apis.get_mut(id).filter(|api| api.region == region);
        work(api.ok_or_else(|| not_found(format!("Invalid API identifier specified: {id}")))?)
    }
}

impl Service for ApiGateway {
    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn operation(&self, request: &Request) -> String {
        api::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { api::handle(self, call, request) })
    }
}

fn account_bucket(now: Timestamp) -> throttle::Bucket {
    throttle::Bucket::full(throttle::ACCOUNT.0, throttle::ACCOUNT.1, now)
}

fn bad_request(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("BadRequestException", message)
}

fn not_found(message: impl Into<String>) -> AwsError {
    AwsError::new(404, "NotFoundException", message)
}
