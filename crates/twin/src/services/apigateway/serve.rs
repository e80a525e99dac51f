//! The data plane: one request of a user, from the Region's edge to a function and back.

use std::sync::Arc;
use std::time::Duration;

use super::ApiGateway;
use super::integration::{Integration, LambdaProxy};
use super::locate::Located;
use super::metrics::{self, Served};
use super::refusal::Refusal;
use super::rest_api::Live;
use super::route::Found;
use crate::Cloud;
use crate::gateway::Principal;
use crate::region::Region;
use crate::services::lambda::{Event, Reply, proxy};
use crate::wire::{Request, Response};

/// What API Gateway itself adds: Latency less IntegrationLatency is mostly below 10 ms in public measurements.
const OVERHEAD_MS: (f64, f64) = (4.0, 0.3);
/// The largest payload ("Amazon API Gateway quotas": 10 MB).
const PAYLOAD_BYTES_MAX: usize = 10 * 1024 * 1024;
const PRINCIPAL: &str = "apigateway.amazonaws.com";

/// What a proxy integration tells the function beside the request; an extension of the request.
#[derive(Clone, Debug)]
pub struct ProxyContext {
    /// The path as the API has it: `/orders/{id}`.
    pub resource: String,
    pub path_parameters: Vec<(String, String)>,
    pub stage: Arc<str>,
    pub request_id: String,
}

impl ApiGateway {
    /// Answers a user's request that reached the Region's edge: the Host header names the API or a custom domain.
    pub async fn serve(&self, cloud: &Arc<Cloud>, region: Region, request: Request) -> Response {
        let begun = cloud.clock.now();
        let request_id = cloud.ids.uuid();
        tokio::time::sleep(cloud.latency.around(OVERHEAD_MS.0, OVERHEAD_MS.1)).await;
        let located = match self.locate(cloud, region, &request) {
            Ok(located) => located,
            Err(refusal) => return refusal.response(&request_id),
        };
        let live = located.live.clone();
        let (answer, integration) = self.answer(cloud, region, located, request, &request_id).await;
        let mut response = answer.unwrap_or_else(|refusal| refusal.response(&request_id));
        if let Ok(id) = http::HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        let latency = cloud.clock.now().since(begun);
        let status = response.status().as_u16();
        metrics::served(cloud, region, &live, &Served { at: begun, status, latency, integration });
        response
    }

    /// The answer, and how long the integration took to give it.
    async fn answer(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        located: Located,
        request: Request,
        request_id: &str,
    ) -> (Result<Response, Refusal>, Duration) {
        let Located { live, path, canary, throttled } = located;
        if throttled {
            return (Err(Refusal::Throttled), Duration::ZERO);
        }
        if request.body().len() > PAYLOAD_BYTES_MAX {
            return (Err(Refusal::TooLarge), Duration::ZERO);
        }
        let served = match &live.canary {
            Some((_, served)) if canary => served,
            _ => &live.main,
        };
        let Some(found) = served.routes.find(request.method().as_str(), &path) else {
            return (Err(Refusal::MissingAuthenticationToken), Duration::ZERO);
        };
        let route = found.route.clone();
        match &route.integration {
            Integration::Mock(mock) => (Ok(mock.answer()), Duration::ZERO),
            Integration::Lambda(lambda) => {
                let begun = cloud.clock.now();
                let function = lambda.function(&served.variables);
                let source = source_arn(cloud, region, &live, request.method(), &route.resource);
                let event = event(request, &path, found, &live, request_id);
                let answer = invoke(cloud, region, lambda, &function, &source, event).await;
                (answer, cloud.clock.now().since(begun))
            }
        }
    }
}

async fn invoke(
    cloud: &Arc<Cloud>,
    region: Region,
    lambda: &LambdaProxy,
    function: &str,
    source: &str,
    event: Event,
) -> Result<Response, Refusal> {
    if !lambda.is_post {
        return Err(Refusal::Internal);
    }
    let (by, source) = match &lambda.credentials {
        Some(role) => (Principal::Role(role.clone()), None),
        None => (Principal::Service(PRINCIPAL.to_owned()), Some(source)),
    };
    let invocation = cloud.lambda.invoke_for(cloud, region, function, &by, source, event);
    let answer = tokio::time::timeout(lambda.timeout, invocation).await.map_err(|_elapsed| Refusal::TimedOut)?;
    // Throttled, without permission, gone, or Lambda itself failing: API Gateway logs a configuration or internal
    // error and answers 500. A function that failed is a malformed answer to it: 502.
    match answer.map_err(|_| Refusal::Internal)? {
        Ok(Reply::Http(response)) => Ok(response),
        Ok(Reply::Json(value)) => proxy::from_json(&value).ok_or(Refusal::BadGateway),
        Err(_function_error) => Err(Refusal::BadGateway),
    }
}

/// The request as the function gets it: the path without the stage, everything else as it came.
fn event(request: Request, path: &str, found: Found, live: &Live, request_id: &str) -> Event {
    let (mut parts, body) = request.into_parts();
    let mut uri = parts.uri.clone().into_parts();
    let whole = match parts.uri.query() {
        Some(query) => format!("{path}?{query}").try_into(),
        None => path.try_into(),
    };
    if let Ok(whole) = whole {
        uri.path_and_query = Some(whole);
    }
    if let Ok(uri) = http::Uri::from_parts(uri) {
        parts.uri = uri;
    }
    parts.extensions.insert(ProxyContext {
        resource: found.route.resource.clone(),
        path_parameters: found.parameters,
        stage: live.stage.clone(),
        request_id: request_id.to_owned(),
    });
    Event::Http(Request::from_parts(parts, body))
}

/// What permissions name in `SourceArn`.
fn source_arn(cloud: &Cloud, region: Region, live: &Live, method: &http::Method, resource: &str) -> String {
    format!("arn:aws:execute-api:{region}:{}:{}/{}/{method}{resource}", cloud.account, live.api_id, live.stage)
}
