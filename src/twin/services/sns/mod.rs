//! SNS: topics and their deliveries to functions, across Regions too.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::twin::Cloud;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, query};

#[derive(Default)]
pub struct Sns;

impl Sns {
    /// Publishes to a topic; deliveries happen in the background.
    pub fn publish(
        &self,
        _cloud: &Arc<Cloud>,
        _topic_arn: &str,
        _subject: Option<&str>,
        _message: &str,
    ) -> Result<String, AwsError> {
        Err(AwsError::not_implemented("sns", "Publish"))
    }
}

impl Service for Sns {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("sns", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
