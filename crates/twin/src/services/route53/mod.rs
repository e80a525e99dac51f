//! Route 53's control plane: hosted zones, record sets and health checks, by the API and by templates.
//!
//! ```text
//! api (path → operation) → zones, records, checks, tags ─→ state ─publish→ world::dns     (what is served, later)
//! resources (templates) ──────────↗ change, batch (pure)        └─put────→ world::health  (what is checked)
//! ```
//!
//! Two ages of every record live in two places: what was accepted is here, what is served is in [`crate::world::dns`].
//! Nothing in here answers a query.

mod api;
mod batch;
mod change;
mod checks;
mod quota;
mod records;
mod resources;
mod shape;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod zones;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::gateway::Call;
use crate::seed::Seed;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response};

pub use change::{Action, Change, ChangeInfo, Draft, DraftAlias};
pub use checks::Config as HealthCheckConfig;
pub use resources::resources;

pub struct Route53 {
    state: Mutex<state::State>,
    quota: Mutex<quota::Quota>,
}

impl Route53 {
    pub fn new(_seed: Seed) -> Self {
        Self { state: Mutex::new(state::State::default()), quota: Mutex::new(quota::Quota::default()) }
    }

    fn state(&self) -> MutexGuard<'_, state::State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Route53 {
    fn protocol(&self) -> Protocol {
        Protocol::RestXml
    }

    fn operation(&self, request: &Request) -> String {
        api::route(request).map_or_else(|| api::unknown(request), |route| route.operation.to_owned())
    }

    fn is_global(&self) -> bool {
        true
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { api::handle(self, call, request) })
    }
}
