//! `AWS::ApiGateway::Deployment`: a snapshot of an API's paths.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::stage::{ACCESS_LOG, CANARY, METHOD_SETTING, settings};
use super::{TAGS, TEXT_MAP, gone, refuse};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};

pub struct DeploymentResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::Deployment",
    properties: &[
        Property::new("DeploymentCanarySettings", Kind::Any).replaces(),
        Property::new("Description", Kind::Text),
        Property::new("RestApiId", Kind::Text).required().replaces(),
        Property::new("StageDescription", Kind::Object(STAGE)),
        Property::new("StageName", Kind::Text),
    ],
    attributes: &["DeploymentId"],
};

const STAGE: &[Property] = &[
    Property::new("AccessLogSetting", Kind::Object(ACCESS_LOG)),
    Property::new("CacheClusterEnabled", Kind::Boolean),
    Property::new("CacheClusterSize", Kind::Text),
    Property::new("CacheDataEncrypted", Kind::Boolean),
    Property::new("CacheTtlInSeconds", Kind::Integer),
    Property::new("CachingEnabled", Kind::Boolean),
    Property::new("CanarySetting", Kind::Object(CANARY)),
    Property::new("ClientCertificateId", Kind::Text),
    Property::new("DataTraceEnabled", Kind::Boolean),
    Property::new("Description", Kind::Text),
    Property::new("DocumentationVersion", Kind::Text),
    Property::new("LoggingLevel", Kind::Text),
    Property::new("MethodSettings", Kind::List(&Kind::Object(METHOD_SETTING))),
    Property::new("MetricsEnabled", Kind::Boolean),
    Property::new("Tags", TAGS),
    Property::new("ThrottlingBurstLimit", Kind::Integer),
    Property::new("ThrottlingRateLimit", Kind::Number),
    Property::new("TracingEnabled", Kind::Boolean),
    Property::new("Variables", TEXT_MAP),
];

impl ResourceHandler for DeploymentResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            refuse(properties, &["DeploymentCanarySettings"])?;
            let now = cx.cloud.clock.now();
            let description = optional_text(properties, "Description").unwrap_or_default();
            let api_id = text(properties, "RestApiId");
            let deploy =
                |api: &mut crate::services::apigateway::rest_api::RestApi| api.deploy(&cx.cloud.ids, description, now);
            let id = cx.cloud.apigateway.with(cx.region, api_id, deploy)?;
            put_stage(cx, properties, &id)?;
            Ok(Created::new(id.clone()).with("DeploymentId", id))
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
            // A deployment stays the snapshot it is: only its words and its stage change.
            put_stage(cx, new, physical_id)?;
            Ok(Created::new(physical_id).with("DeploymentId", physical_id))
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
                if let Some(stage) = optional_text(properties, "StageName")
                    && api.stages.get(stage).is_some_and(|stage| stage.settings.deployment_id == physical_id)
                {
                    api.stages.remove(stage);
                }
                api.remove_deployment(physical_id)
            }))
        })
    }
}

/// Points the stage the deployment names at it.
fn put_stage(cx: &ResourceContext, properties: &Value, deployment_id: &str) -> Result<(), ResourceError> {
    let Some(stage) = optional_text(properties, "StageName") else { return Ok(()) };
    let description = properties.get("StageDescription").unwrap_or(&Value::Null);
    let settings = settings(cx, description, deployment_id)?;
    let now = cx.cloud.clock.now();
    cx.cloud.apigateway.with(cx.region, text(properties, "RestApiId"), |api| api.put_stage(stage, settings, now))?;
    Ok(())
}
