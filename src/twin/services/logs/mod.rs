//! CloudWatch Logs: groups, streams and the lines functions write.

use futures_util::future::BoxFuture;

use crate::clock::Timestamp;
use crate::region::Region;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, json};

#[derive(Default)]
pub struct Logs;

impl Logs {
    /// Adds a line to a stream, creating group and stream where they are missing.
    pub fn append(&self, _region: Region, _group: &str, _stream: &str, _at: Timestamp, _message: &str) {}
}

impl Service for Logs {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("logs", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
