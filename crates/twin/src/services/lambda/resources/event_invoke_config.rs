//! `AWS::Lambda::EventInvokeConfig`: how asynchronous invocations are retried.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, text};
use crate::services::lambda::control::event_config;
use crate::services::lambda::function::EventConfig;
use crate::services::lambda::target::Target;

pub struct EventInvokeConfigResource;

static SPEC: Spec = Spec {
    name: "AWS::Lambda::EventInvokeConfig",
    properties: &[
        Property::new("DestinationConfig", Kind::Object(DESTINATIONS)),
        Property::new("FunctionName", Kind::Text).required().replaces(),
        Property::new("MaximumEventAgeInSeconds", Kind::Integer),
        Property::new("MaximumRetryAttempts", Kind::Integer),
        Property::new("Qualifier", Kind::Text).required().replaces(),
    ],
    attributes: &[],
};

const DESTINATIONS: &[Property] =
    &[Property::new("OnFailure", Kind::Object(DESTINATION)), Property::new("OnSuccess", Kind::Object(DESTINATION))];
const DESTINATION: &[Property] = &[Property::new("Destination", Kind::Text).required()];

impl EventInvokeConfigResource {
    fn put(cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
        let name = Target::parse(text(properties, "FunctionName")).name;
        let qualifier = text(properties, "Qualifier");
        let config = event_config(properties, EventConfig::default())?;
        cx.cloud.lambda.put_event_config(&cx.cloud, cx.region, name, Some(qualifier), config)?;
        Ok(Created::new(format!("{name}|{qualifier}")))
    }
}

impl ResourceHandler for EventInvokeConfigResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Self::put(cx, properties) })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Self::put(cx, new) })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            let (name, qualifier) = physical_id.split_once('|').unwrap_or((physical_id, "$LATEST"));
            let removed = cx.cloud.lambda.with(&cx.cloud, cx.region, name, |function| {
                function.event_configs.remove(qualifier);
                Ok(())
            });
            removed.or_else(|error| if error.status == 404 { Ok(()) } else { Err(error.into()) })
        })
    }
}
