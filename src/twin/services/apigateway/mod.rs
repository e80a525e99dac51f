//! API Gateway: REST APIs from an OpenAPI body, and the data plane that serves them.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::region::Region;
use crate::twin::Cloud;
use crate::twin::formation::ResourceHandler;
use crate::twin::gateway::Call;
use crate::twin::services::Service;
use crate::twin::wire::{AwsError, Protocol, Request, Response};

#[derive(Default)]
pub struct ApiGateway;

impl ApiGateway {
    /// Answers a user's request that reached the Region's edge: the Host header names the API or a custom domain.
    pub async fn serve(&self, _cloud: &Arc<Cloud>, _region: Region, _request: Request) -> Response {
        crate::twin::wire::respond(403, "application/json", "", r#"{"message":"Forbidden"}"#)
    }

    /// The Region whose edge answers for this host name: `<api>.execute-api.<region>.amazonaws.com` or the
    /// Regional target of a custom domain. `None` where no deployed API has it.
    pub fn region_of_host(&self, _host: &str) -> Option<Region> {
        None
    }
}

impl Service for ApiGateway {
    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn operation(&self, request: &Request) -> String {
        format!("{} {}", request.method(), request.uri().path())
    }

    fn handle<'a>(&'a self, _call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { Err(AwsError::not_implemented("apigateway", &self.operation(request))) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
