//! IAM: roles and policies, recorded and evaluated.

use futures_util::future::BoxFuture;

use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::{Call, Credentials, Principal};
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, query};

#[derive(Default)]
pub struct Iam;

impl Iam {
    /// The credentials of a role, as a function's environment gets them.
    pub fn credentials_for(&self, role_arn: &str) -> Credentials {
        Credentials { access_key: format!("ASIA{role_arn}") }
    }

    /// Who signs with this access key.
    pub fn principal(&self, access_key: &str) -> Option<Principal> {
        access_key.strip_prefix("ASIA").map(|arn| Principal::Role(arn.to_owned()))
    }

    /// Whether an identity policy of the principal allows the action on the resource.
    pub fn allows(&self, _principal: &Principal, _action: &str, _resource: &str) -> bool {
        true
    }
}

impl Service for Iam {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
    }

    fn is_global(&self) -> bool {
        true
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("iam", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
