//! Lambda: functions whose code is linked into this process.
//!
//! ```text
//! api (REST) ─┐                      ┌ admission: exists? allowed? concurrency left?
//! resources ──┴→ control ─→ state    │
//! API Gateway, alarms, topics ─→ invoke / events ─→ environment (cold or warm) ─→ code
//! ```
//!
//! State changes happen under one lock that is never held while a function runs. No process, no container and no
//! socket is started here: a package only names the crate that is called.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use rand_chacha::ChaCha8Rng;

use crate::gateway::Call;
use crate::region::Region;
use crate::seed::Seed;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response};

mod admission;
mod api;
mod code;
mod control;
mod degraded;
mod environment;
mod events;
mod function;
mod invoke;
mod metrics;
mod package;
mod policy;
pub mod proxy;
mod resources;
mod settings;
mod target;
mod timing;

pub use code::{Code, Environment, Event, FunctionError, Instance, Invocation, LogSink, Reply};
pub use policy::matches;
pub use resources::resources;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub struct Lambda {
    /// The functions linked into this process, by the name of their crate.
    code: BTreeMap<String, Arc<dyn Code>>,
    state: Mutex<State>,
}

struct State {
    regions: BTreeMap<Region, function::Functions>,
    rng: ChaCha8Rng,
    /// Decides whom a degradation hits: what it draws moves nothing else.
    hits: ChaCha8Rng,
}

impl Lambda {
    pub fn new(seed: Seed, code: BTreeMap<String, Arc<dyn Code>>) -> Self {
        let (rng, hits) = (seed.stream("twin/lambda"), seed.stream("twin/lambda/degraded"));
        let state = State { regions: BTreeMap::new(), rng, hits };
        Self { code, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
        draw(&mut self.state().rng)
    }
}

impl Service for Lambda {
    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn operation(&self, request: &Request) -> String {
        api::Path::read(request).operation.to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(api::handle(self, call, request))
    }
}
