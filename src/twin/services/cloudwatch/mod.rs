//! CloudWatch: metrics as they are published, alarms by the documented rules.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::clock::Timestamp;
use crate::region::Region;
use crate::twin::Cloud;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, cbor};

/// One sample of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub namespace: &'static str,
    pub metric: &'static str,
    /// Name and value, in the order the service documents.
    pub dimensions: Vec<(String, String)>,
    pub value: f64,
    pub unit: &'static str,
    pub at: Timestamp,
}

/// Starts the evaluation of alarms.
pub fn start(_cloud: &Arc<Cloud>) {}

#[derive(Default)]
pub struct CloudWatch;

impl CloudWatch {
    /// Adds one sample to a metric of the Region.
    pub fn record(&self, _region: Region, _sample: Sample) {}
}

impl Service for CloudWatch {
    fn protocol(&self) -> Protocol {
        Protocol::RpcV2Cbor
    }

    fn operation(&self, request: &Request) -> String {
        cbor::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("cloudwatch", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
