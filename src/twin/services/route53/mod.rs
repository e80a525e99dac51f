//! Route 53: hosted zones, record sets and health checks, by the API.

use futures_util::future::BoxFuture;

use crate::seed::Seed;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response};

pub struct Route53;

impl Route53 {
    pub fn new(_seed: Seed) -> Self {
        Self
    }
}

impl Service for Route53 {
    fn protocol(&self) -> Protocol {
        Protocol::RestXml
    }

    fn operation(&self, request: &Request) -> String {
        format!("{} {}", request.method(), request.uri().path())
    }

    fn is_global(&self) -> bool {
        true
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("route53", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
