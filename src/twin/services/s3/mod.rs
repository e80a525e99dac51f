//! S3: versioned buckets in memory.

use futures_util::future::BoxFuture;

use crate::seed::Seed;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response};

pub struct S3;

impl S3 {
    pub fn new(_seed: Seed) -> Self {
        Self
    }

    /// The newest version of an object, as a service reads it for the account (Lambda's code, a template's body).
    pub fn read(&self, _bucket: &str, _key: &str) -> Option<bytes::Bytes> {
        None
    }
}

impl Service for S3 {
    fn protocol(&self) -> Protocol {
        Protocol::S3
    }

    fn operation(&self, request: &Request) -> String {
        format!("{} {}", request.method(), request.uri().path())
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("s3", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
