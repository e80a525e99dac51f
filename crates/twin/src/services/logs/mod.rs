//! CloudWatch Logs: groups, streams and the lines functions write.
//!
//! ```text
//! functions (append), PutLogEvents ─→ group ─→ stream (the newest events) ─→ GetLogEvents, FilterLogEvents (pattern)
//! ```
//!
//! Events can be read the moment they are written, and a stream keeps a bounded number of them: whoever needs all
//! of a busy function's lines reads along.

mod api;
mod group;
mod pattern;
mod resource;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::clock::Timestamp;
use crate::formation::ResourceHandler;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, json};
use group::State;

#[derive(Default)]
pub struct Logs {
    state: Mutex<State>,
}

impl Logs {
    /// Adds a line to a stream, creating group and stream where they are missing.
    pub fn append(&self, region: Region, group: &str, stream: &str, at: Timestamp, message: &str) {
        self.lock().append(region, group, stream, at, message);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Logs {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move {
            let answer = self.act(call, json::operation(request), json::body(request)?)?;
            json::ok("1.1", &call.request_id, &answer)
        })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(resource::LogGroupHandler)]
}
