//! Lambda: functions whose code is linked into this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::region::Region;
use crate::seed::Seed;
use crate::twin::Cloud;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::{Call, Principal};
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response};

mod code;
pub use code::{Code, Environment, Event, FunctionError, Instance, Invocation, LogSink, Reply};

pub struct Lambda {
    _code: BTreeMap<String, Arc<dyn Code>>,
}

impl Lambda {
    pub fn new(_seed: Seed, code: BTreeMap<String, Arc<dyn Code>>) -> Self {
        Self { _code: code }
    }

    /// Invokes a function and waits for its answer. `function` is a name or an ARN, with or without a qualifier;
    /// `by` must be allowed by the function's resource policy (services) or an identity policy (roles).
    pub async fn invoke(
        &self,
        _cloud: &Arc<Cloud>,
        _region: Region,
        _function: &str,
        _by: &Principal,
        _event: Event,
    ) -> Result<Result<Reply, FunctionError>, AwsError> {
        Err(AwsError::not_implemented("lambda", "Invoke"))
    }

    /// Queues an asynchronous invocation: retried twice after a function error, one minute and two minutes later.
    pub fn invoke_async(
        &self,
        _cloud: &Arc<Cloud>,
        _region: Region,
        _function: &str,
        _by: &Principal,
        _event: serde_json::Value,
    ) -> Result<(), AwsError> {
        Err(AwsError::not_implemented("lambda", "InvokeAsync"))
    }
}

impl Service for Lambda {
    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn operation(&self, request: &Request) -> String {
        format!("{} {}", request.method(), request.uri().path())
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("lambda", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
