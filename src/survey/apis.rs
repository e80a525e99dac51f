//! API Gateway: a deployed API that answers over HTTP, and what is measured of it.

use aws_sdk_cloudwatch::types::Dimension;
use bytes::Bytes;
use serde_json::{Value, json};

use super::bench::{Bench, minutes, seconds, until};
use super::functions::{LIVE, function, live};
use super::metrics::sum;
use super::miss::{Miss, Probed, lie, unbuilt, unknown};
use super::stacks;
use crate::capability::Capability;
use crate::region::Place;
use crate::wait::Look;

pub const STAGE: &str = "live";
/// Where users ask from.
const FROM: &str = "north-america";
const REQUESTS: usize = 5;
/// The resource whose integration takes its alias from the stage.
const VARIABLE: &str = "/by-variable";

/// An API in front of the probes' function.
#[derive(Clone)]
pub struct Api {
    pub host: String,
    pub name: String,
}

/// What an API said to one request.
pub struct Said {
    pub status: u16,
    pub body: String,
}

impl Said {
    /// Whether it was the function's own answer.
    pub fn by_function(&self) -> bool {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["version"].is_string() && body["region"].is_string()
    }
}

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Api, minutes(20), answers(bench)).await;
    bench.attempt(Capability::StageVariables, minutes(4), variables(bench)).await;
    bench.attempt(Capability::ApiMetrics, minutes(10), measures(bench)).await;
}

async fn answers(bench: &Bench<'_>) -> Probed {
    let api = api(bench).await?;
    match until(minutes(2), seconds(3), async || answered(bench, &api, "/health").await).await? {
        Ok(status) => Ok(format!("{} answers over HTTP with what its function says, status {status}", api.host)),
        Err(last) => lie(format!("the API's stack is CREATE_COMPLETE; {last}")),
    }
}

/// The same function behind an alias that the stage names, as the stack's is.
async fn variables(bench: &Bench<'_>) -> Probed {
    let api = api(bench).await?;
    match until(minutes(1), seconds(3), async || answered(bench, &api, VARIABLE).await).await? {
        Ok(status) => {
            Ok(format!("an integration with ${{stageVariables.alias}} leads to its function, status {status}"))
        }
        Err(last) => lie(format!("an integration with ${{stageVariables.alias}} is accepted; {last}")),
    }
}

/// Whether the function has answered for a resource.
async fn answered(bench: &Bench<'_>, api: &Api, resource: &str) -> Probed<Look<u16>> {
    Ok(match get(bench, &api.host, &path(resource)).await {
        Ok(said) if said.by_function() => Look::Ready(said.status),
        // A resource that the API has and its function does not: that is the function's word too.
        Ok(said) if said.status == 404 && resource == VARIABLE => Look::Ready(said.status),
        Ok(Said { status, body }) => {
            Look::NotYet(format!("it answers {status}: {}", body.chars().take(100).collect::<String>()))
        }
        Err(why) => Look::NotYet(format!("it does not answer: {why}")),
    })
}

/// The function's answers are 503s: the metric must count them.
async fn measures(bench: &Bench<'_>) -> Probed {
    let api = api(bench).await?;
    let mut failed = 0;
    for _ in 0..REQUESTS {
        let said = get(bench, &api.host, &path("/health")).await.map_err(Miss::Absent)?;
        failed += usize::from(said.status >= 500);
    }
    if failed == 0 {
        return unknown("no request could be made to fail with a 5xx");
    }
    let dimensions = [Dimension::builder().name("ApiName").value(&api.name).build()];
    let cloudwatch = &bench.ours()?.cloudwatch;
    let look = async || {
        let counted = sum(cloudwatch, bench.target.clock(), "AWS/ApiGateway", "5XXError", &dimensions).await?;
        Ok(match counted {
            Some(sum) if sum >= failed as f64 => Look::Ready(sum),
            counted => Look::NotYet(format!("5XXError is {counted:?}")),
        })
    };
    // API Gateway sends its metrics every minute (developer guide, "Monitor REST API execution").
    match until(minutes(6), seconds(5), look).await? {
        Ok(counted) => Ok(format!("{failed} more answers were a 5xx, and 5XXError counts {counted} by now")),
        Err(last) => Err(Miss::Absent(format!("{failed} answers were a 5xx; {last}"))),
    }
}

/// The API that all probes share.
pub async fn api(bench: &Bench<'_>) -> Probed<Api> {
    bench.api.get_or_init(|| deploy(bench)).await.clone()
}

async fn deploy(bench: &Bench<'_>) -> Probed<Api> {
    let (function, alias) = (function(bench).await?, live(bench).await?);
    let name = bench.name("api");
    let uri = |alias: &str| {
        json!({ "Fn::Sub": format!(
            "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/{}:{alias}/invocations",
            function.arn
        ) })
    };
    let invoking = |uri: Value| json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": uri });
    let ok = json!({ "200": { "description": "an answer" } });
    let document = json!({
        "openapi": "3.0.3",
        "info": { "title": name, "version": "1.0.0" },
        "paths": {
            "/health": { "get": { "responses": ok, "x-amazon-apigateway-integration": invoking(uri(LIVE)) } },
            VARIABLE: { "get": {
                "responses": ok,
                "x-amazon-apigateway-integration": invoking(uri("${!stageVariables.alias}")),
            } },
            "/ok": { "get": { "responses": ok, "x-amazon-apigateway-integration": {
                "type": "mock",
                "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
                "responses": { "default": { "statusCode": "200" } },
            } } },
        },
    });
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Api": { "Type": "AWS::ApiGateway::RestApi", "Properties": {
                "Name": name, "Body": document, "EndpointConfiguration": { "Types": ["REGIONAL"] },
            } },
            "Deployed": { "Type": "AWS::ApiGateway::Deployment", "Properties": { "RestApiId": { "Ref": "Api" } } },
            "Stage": { "Type": "AWS::ApiGateway::Stage", "Properties": {
                "RestApiId": { "Ref": "Api" }, "DeploymentId": { "Ref": "Deployed" }, "StageName": STAGE,
                "Variables": { "alias": LIVE },
            } },
            "MayInvoke": { "Type": "AWS::Lambda::Permission", "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": alias,
                "Principal": "apigateway.amazonaws.com",
                "SourceArn": { "Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*" },
            } },
        },
        "Outputs": { "Host": { "Value": { "Fn::Sub": "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}" } } },
    });
    let ended = stacks::create(bench, "functions", "api", bench.here, &template).await?.expect_complete()?;
    match ended.outputs.get("Host") {
        Some(host) => Ok(Api { host: host.clone(), name }),
        None => lie("the API's stack is CREATE_COMPLETE without its output"),
    }
}

/// The path of an API's resource as users ask for it.
pub fn path(resource: &str) -> String {
    format!("/{STAGE}{resource}")
}

/// Asks a host over the target's internet, on a connection of its own.
pub async fn get(bench: &Bench<'_>, host: &str, path: &str) -> Result<Said, String> {
    let internet = bench.internet();
    let place = Place::parse(FROM).map_err(|error| error.to_string())?;
    let asking = async {
        let found = internet.resolver(place).resolve(host).await;
        let Some(address) = found.addresses.first().copied() else { return Err(format!("{host} has no address")) };
        let connection = internet.connect(place, address, host).await.map_err(|error| error.to_string())?;
        let request = http::Request::get(path).header(http::header::HOST, host).body(Bytes::new());
        let response = connection.send(request.map_err(|error| unbuilt(error).evidence().to_owned())?).await;
        let response = response.map_err(|error| error.to_string())?;
        let body = String::from_utf8_lossy(response.body()).into_owned();
        Ok(Said { status: response.status().as_u16(), body })
    };
    tokio::time::timeout(seconds(30), asking).await.unwrap_or_else(|_| Err("timed out".to_owned()))
}
