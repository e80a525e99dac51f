//! `AWS::ApiGateway::Stage`, and the stage a deployment can bring with it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{TAGS, TEXT_MAP, gone, refuse, tags};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::apigateway::rest_api::{Canary, StageSettings, conflict};

pub struct StageResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::Stage",
    properties: &[
        Property::new("AccessLogSetting", Kind::Object(ACCESS_LOG)),
        Property::new("CacheClusterEnabled", Kind::Boolean),
        Property::new("CacheClusterSize", Kind::Text),
        Property::new("CanarySetting", Kind::Object(CANARY)),
        Property::new("ClientCertificateId", Kind::Text),
        Property::new("DeploymentId", Kind::Text),
        Property::new("Description", Kind::Text),
        Property::new("DocumentationVersion", Kind::Text),
        Property::new("MethodSettings", Kind::List(&Kind::Object(METHOD_SETTING))),
        Property::new("RestApiId", Kind::Text).required().replaces(),
        Property::new("StageName", Kind::Text).replaces(),
        Property::new("Tags", TAGS),
        Property::new("TracingEnabled", Kind::Boolean),
        Property::new("Variables", TEXT_MAP),
    ],
    attributes: &[],
};

pub const ACCESS_LOG: &[Property] = &[Property::new("DestinationArn", Kind::Text), Property::new("Format", Kind::Text)];

pub const CANARY: &[Property] = &[
    Property::new("DeploymentId", Kind::Text),
    Property::new("PercentTraffic", Kind::Number),
    Property::new("StageVariableOverrides", TEXT_MAP),
    Property::new("UseStageCache", Kind::Boolean),
];

pub const METHOD_SETTING: &[Property] = &[
    Property::new("CacheDataEncrypted", Kind::Boolean),
    Property::new("CacheTtlInSeconds", Kind::Integer),
    Property::new("CachingEnabled", Kind::Boolean),
    Property::new("DataTraceEnabled", Kind::Boolean),
    Property::new("HttpMethod", Kind::Text),
    Property::new("LoggingLevel", Kind::Text),
    Property::new("MetricsEnabled", Kind::Boolean),
    Property::new("ResourcePath", Kind::Text),
    Property::new("ThrottlingBurstLimit", Kind::Integer),
    Property::new("ThrottlingRateLimit", Kind::Number),
];

impl ResourceHandler for StageResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let name = text(properties, "StageName");
            let settings = settings(cx, properties, text(properties, "DeploymentId"))?;
            let now = cx.cloud.clock.now();
            cx.cloud.apigateway.with(cx.region, text(properties, "RestApiId"), |api| {
                if api.stages.contains_key(name) {
                    return Err(conflict(format!("Stage already exists: {name}")));
                }
                api.put_stage(name, settings, now)
            })?;
            Ok(Created::new(name))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let settings = settings(cx, new, text(new, "DeploymentId"))?;
            let now = cx.cloud.clock.now();
            cx.cloud
                .apigateway
                .with(cx.region, text(new, "RestApiId"), |api| api.put_stage(physical_id, settings, now))?;
            Ok(Created::new(physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            gone(cx.cloud.apigateway.with(cx.region, text(properties, "RestApiId"), |api| {
                api.stages.remove(physical_id);
                Ok(())
            }))
        })
    }
}

/// What a stage is configured with, by the properties of a Stage or a StageDescription.
pub fn settings(cx: &ResourceContext, properties: &Value, deployment_id: &str) -> Result<StageSettings, ResourceError> {
    refuse(properties, &["CacheClusterEnabled", "ClientCertificateId", "CachingEnabled"])?;
    Ok(StageSettings {
        deployment_id: deployment_id.to_owned(),
        description: optional_text(properties, "Description").unwrap_or_default().to_owned(),
        variables: texts(properties.get("Variables")),
        canary: canary(properties.get("CanarySetting"), deployment_id)?,
        throttle: throttle(properties)?,
        tags: tags(cx, properties),
    })
}

fn canary(given: Option<&Value>, deployment_id: &str) -> Result<Option<Canary>, ResourceError> {
    let Some(given) = given else { return Ok(None) };
    let percent = given.get("PercentTraffic").and_then(Value::as_f64).unwrap_or(0.0);
    if !(0.0..=100.0).contains(&percent) {
        return Err(ResourceError(format!("PercentTraffic is {percent}: it must be between 0 and 100")));
    }
    Ok(Some(Canary {
        deployment_id: optional_text(given, "DeploymentId").unwrap_or(deployment_id).to_owned(),
        percent,
        variables: texts(given.get("StageVariableOverrides")),
    }))
}

/// The throttle of the whole stage; one of a single method would need a bucket of its own and is refused.
fn throttle(properties: &Value) -> Result<Option<(f64, f64)>, ResourceError> {
    let mut whole = limits(properties);
    for setting in properties.get("MethodSettings").and_then(Value::as_array).into_iter().flatten() {
        refuse(setting, &["CachingEnabled"])?;
        let Some(limits) = limits(setting) else { continue };
        let path = optional_text(setting, "ResourcePath").unwrap_or("/*");
        let method = optional_text(setting, "HttpMethod").unwrap_or("*");
        if path != "/*" || method != "*" {
            return Err(ResourceError(format!(
                "the embedded twin throttles whole stages (ResourcePath /*, HttpMethod *), not {method} {path}"
            )));
        }
        whole = Some(limits);
    }
    Ok(whole)
}

/// Rate and burst; one that is not given is the account's.
fn limits(setting: &Value) -> Option<(f64, f64)> {
    use crate::services::apigateway::throttle::ACCOUNT;
    let number = |name: &str| setting.get(name).and_then(Value::as_f64);
    match (number("ThrottlingRateLimit"), number("ThrottlingBurstLimit")) {
        (None, None) => None,
        (rate, burst) => Some((rate.unwrap_or(ACCOUNT.0), burst.unwrap_or(ACCOUNT.1))),
    }
}

fn texts(given: Option<&Value>) -> BTreeMap<String, String> {
    let members = given.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
