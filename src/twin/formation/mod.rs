//! CloudFormation: templates in, resources out, through change sets.

mod handler;

pub use handler::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, Update, optional_text, text,
};

use futures_util::future::BoxFuture;

use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response, query};

#[derive(Default)]
pub struct CloudFormation;

impl Service for CloudFormation {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("cloudformation", &self.operation(request))) })
    }
}
