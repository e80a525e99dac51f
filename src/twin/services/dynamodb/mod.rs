//! DynamoDB: the table engine, and the replication that carries items between Regions.

use futures_util::future::BoxFuture;

use crate::seed::Seed;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, json};

pub struct DynamoDb;

impl DynamoDb {
    pub fn new(_seed: Seed) -> Self {
        Self
    }
}

impl Service for DynamoDb {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.0" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("dynamodb", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
