//! The REST API of API Gateway, as far as operators read it: what exists, and what it leads to.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::domain::{Domain, hosted_zone};
use super::rest_api::{RestApi, Stage};
use super::{ApiGateway, not_found};
use crate::gateway::Call;
use crate::wire::{AwsError, Request, Response, respond};

/// The operation of a request; "" for those the twin does not have.
pub fn operation(request: &Request) -> &'static str {
    let parts: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    if request.method() != http::Method::GET {
        return "";
    }
    match parts.as_slice() {
        ["restapis"] => "GetRestApis",
        ["restapis", _] => "GetRestApi",
        ["restapis", _, "stages"] => "GetStages",
        ["restapis", _, "stages", _] => "GetStage",
        ["restapis", _, "deployments"] => "GetDeployments",
        ["restapis", _, "resources"] => "GetResources",
        ["domainnames"] => "GetDomainNames",
        ["domainnames", _] => "GetDomainName",
        ["domainnames", _, "basepathmappings"] => "GetBasePathMappings",
        ["account"] => "GetAccount",
        _ => "",
    }
}

pub fn handle(gateway: &ApiGateway, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let operation = operation(request);
    let path = request.uri().path();
    if operation.is_empty() {
        return Err(AwsError::not_implemented("apigateway", &format!("{} {path}", request.method())));
    }
    // API Gateway names its permissions after HTTP methods and its resources after paths.
    call.authorize("apigateway:GET", &format!("arn:aws:apigateway:{}::{path}", call.region))?;
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    let answer = match operation {
        "GetRestApis" => {
            let state = gateway.state();
            items(state.apis.values().filter(|api| api.region == call.region).map(rest_api))
        }
        "GetDomainNames" | "GetDomainName" | "GetBasePathMappings" => domains(gateway, call, operation, part(1))?,
        "GetAccount" => json!({ "throttleSettings": { "rateLimit": 10_000.0, "burstLimit": 5_000 } }),
        _ => gateway.with(call.region, part(1), |api| of_api(api, operation, part(3)))?,
    };
    Ok(respond(200, "application/json", &call.request_id, answer.to_string()))
}

fn of_api(api: &RestApi, operation: &str, name: &str) -> Result<Value, AwsError> {
    Ok(match operation {
        "GetRestApi" => rest_api(api),
        // GetStages answers with `item`, as the other collections do.
        "GetStages" => items(api.stages.iter().map(|(name, shown)| stage(name, shown))),
        "GetStage" => {
            let found = api.stages.get(name).ok_or_else(|| not_found("Invalid stage identifier specified"))?;
            stage(name, found)
        }
        "GetDeployments" => items(api.deployments.iter().map(|(id, deployment)| {
            json!({ "id": id, "description": deployment.description, "createdDate": deployment.created.millis() / 1_000 })
        })),
        _ => items(api.resources.iter().map(|(id, path)| {
            let methods = api.paths.get(path).into_iter().flat_map(|methods| methods.keys());
            let methods: serde_json::Map<String, Value> = methods.map(|method| (method.clone(), json!({}))).collect();
            json!({ "id": id, "path": path, "resourceMethods": methods })
        })),
    })
}

fn items(all: impl Iterator<Item = Value>) -> Value {
    json!({ "item": all.collect::<Vec<Value>>() })
}

fn rest_api(api: &RestApi) -> Value {
    json!({
        "id": &*api.id,
        "name": &*api.settings.name,
        "description": api.settings.description,
        "createdDate": api.created.millis() / 1_000,
        "rootResourceId": api.root_id,
        "apiKeySource": "HEADER",
        "endpointConfiguration": { "types": ["REGIONAL"] },
        "disableExecuteApiEndpoint": api.settings.execute_api_disabled,
        "tags": pairs(&api.settings.tags),
    })
}

fn stage(name: &str, stage: &Stage) -> Value {
    let settings = &stage.settings;
    let mut shown = json!({
        "stageName": name,
        "deploymentId": settings.deployment_id,
        "description": settings.description,
        "variables": settings.variables,
        "createdDate": stage.created.millis() / 1_000,
        "cacheClusterEnabled": false,
        "tags": pairs(&settings.tags),
    });
    if let Some(canary) = &settings.canary {
        shown["canarySettings"] = json!({
            "deploymentId": canary.deployment_id,
            "percentTraffic": canary.percent,
            "stageVariableOverrides": canary.variables,
        });
    }
    shown
}

fn pairs(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}

fn domains(gateway: &ApiGateway, call: &Call, operation: &str, name: &str) -> Result<Value, AwsError> {
    let state = gateway.state();
    let all = state.edges.get(&call.region).map(|edge| &edge.domains);
    let show = |name: &str, domain: &Domain| {
        json!({
            "domainName": name,
            "regionalDomainName": domain.target,
            "regionalHostedZoneId": hosted_zone(call.region),
            "regionalCertificateArn": domain.certificate_arn,
            "endpointConfiguration": { "types": ["REGIONAL"] },
            "securityPolicy": domain.security_policy,
            "domainNameStatus": "AVAILABLE",
            "tags": pairs(&domain.tags),
        })
    };
    if operation == "GetDomainNames" {
        return Ok(items(all.into_iter().flatten().map(|(name, domain)| show(name, domain))));
    }
    let domain = all.and_then(|all| all.get(name));
    let domain = domain.ok_or_else(|| not_found("Invalid domain name identifier specified"))?;
    if operation == "GetDomainName" {
        return Ok(show(name, domain));
    }
    Ok(items(domain.mappings.iter().map(|(base, mapping)| {
        let base = if base.is_empty() { "(none)" } else { base };
        json!({ "basePath": base, "restApiId": mapping.api_id, "stage": mapping.stage })
    })))
}
