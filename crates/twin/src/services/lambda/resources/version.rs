//! `AWS::Lambda::Version`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::lambda::target::Target;

pub struct VersionResource;

static SPEC: Spec = Spec {
    name: "AWS::Lambda::Version",
    properties: &[
        Property::new("CodeSha256", Kind::Text).replaces(),
        Property::new("Description", Kind::Text).replaces(),
        Property::new("FunctionName", Kind::Text).required().replaces(),
        Property::new("FunctionScalingConfig", Kind::Any),
        Property::new("ProvisionedConcurrencyConfig", Kind::Any),
        Property::new("RuntimePolicy", Kind::Any).replaces(),
    ],
    attributes: &["FunctionArn", "Version"],
};

impl ResourceHandler for VersionResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            for name in ["ProvisionedConcurrencyConfig", "FunctionScalingConfig", "RuntimePolicy"] {
                if properties.get(name).is_some() {
                    return Err(ResourceError(format!("the embedded twin does not model {name} of a version")));
                }
            }
            let name = Target::parse(text(properties, "FunctionName")).name;
            let description = optional_text(properties, "Description");
            let sha256 = optional_text(properties, "CodeSha256");
            let shown = cx.cloud.lambda.publish(&cx.cloud, cx.region, name, description, sha256)?;
            let member = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (arn, version) = (member("FunctionArn"), member("Version"));
            Ok(Created::new(arn.clone()).with("FunctionArn", arn).with("Version", version))
        })
    }

    fn update<'a>(
        &'a self,
        _cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        _new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let version = Target::parse(physical_id).qualifier.unwrap_or_default().to_owned();
            Ok(Created::new(physical_id).with("FunctionArn", physical_id).with("Version", version))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            let target = Target::parse(physical_id);
            if target.qualifier.is_some() {
                cx.cloud.lambda.remove(cx.region, target.name, target.qualifier)?;
            }
            Ok(())
        })
    }
}
