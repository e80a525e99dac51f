//! The seam between the twin and the functions linked into it.
//!
//! A [`Code`] is what a package holds; starting it gives an [`Instance`], one execution environment that serves one
//! invocation at a time and keeps what it learned between them, as on AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use aws_types::SdkConfig;
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::Cloud;
use crate::clock::{Clock, Timestamp};
use crate::gateway::TwinHttpClient;
use crate::region::Region;

/// What a function's package holds.
pub trait Code: Send + Sync {
    /// The init phase of one execution environment.
    fn start(&self, environment: Environment) -> BoxFuture<'static, Result<Box<dyn Instance>, FunctionError>>;
}

/// One execution environment.
pub trait Instance: Send + Sync {
    fn invoke<'a>(&'a self, event: Event, invocation: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>>;
}

/// What the environment of a function offers it.
#[derive(Clone)]
pub struct Environment {
    pub function_name: String,
    pub version: String,
    pub region: Region,
    /// The environment variables of the function's configuration, `AWS_REGION` and the like included.
    pub variables: BTreeMap<String, String>,
    /// An SDK configuration that signs as the function's role and calls from its Region.
    pub sdk: SdkConfig,
    /// The same network for requests that are not signed.
    pub http: TwinHttpClient,
    pub clock: Clock,
    /// Where what the function prints goes.
    pub log: LogSink,
}

/// What a function is invoked with.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "boxing the common variant would cost every request an allocation")]
pub enum Event {
    /// A proxy request of API Gateway, already read by the runtime.
    Http(http::Request<Bytes>),
    Json(serde_json::Value),
}

/// What an invocation came back with.
#[derive(Clone, Debug)]
pub enum Reply {
    Http(http::Response<Bytes>),
    Json(serde_json::Value),
}

/// One invocation, as the runtime's context shows it.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    pub deadline: Timestamp,
}

/// How a function failed: the `errorType` and `errorMessage` of its response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct FunctionError {
    pub kind: String,
    pub message: String,
}

/// The standard output of an execution environment: lines of its log stream.
#[derive(Clone)]
pub struct LogSink {
    pub(super) cloud: Weak<Cloud>,
    pub(super) region: Region,
    pub(super) group: Arc<str>,
    pub(super) stream: Arc<str>,
}

impl LogSink {
    pub fn print(&self, line: &str) {
        if let Some(cloud) = self.cloud.upgrade() {
            cloud.logs.append(self.region, &self.group, &self.stream, cloud.clock.now(), line);
        }
    }
}
