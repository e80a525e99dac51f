//! KMS: Regional keys and aliases, enough for what encrypts with them.

use futures_util::future::BoxFuture;

use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, json};

#[derive(Default)]
pub struct Kms;

impl Service for Kms {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("kms", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
