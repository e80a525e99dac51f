//! `AWS::Route53::HealthCheck`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::tags;
use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec};
use crate::services::route53::checks::Config;

const CONFIG: Kind = Kind::Object(&[
    Property::new(
        "AlarmIdentifier",
        Kind::Object(&[Property::new("Name", Kind::Text).required(), Property::new("Region", Kind::Text).required()]),
    ),
    Property::new("ChildHealthChecks", Kind::List(&Kind::Text)),
    Property::new("EnableSNI", Kind::Boolean),
    Property::new("FailureThreshold", Kind::Integer),
    Property::new("FullyQualifiedDomainName", Kind::Text),
    Property::new("HealthThreshold", Kind::Integer),
    Property::new("InsufficientDataHealthStatus", Kind::Text),
    Property::new("Inverted", Kind::Boolean),
    Property::new("IPAddress", Kind::Text),
    Property::new("MeasureLatency", Kind::Boolean).replaces(),
    Property::new("Port", Kind::Integer),
    Property::new("Regions", Kind::List(&Kind::Text)),
    Property::new("RequestInterval", Kind::Integer).replaces(),
    Property::new("ResourcePath", Kind::Text),
    Property::new("RoutingControlArn", Kind::Text).replaces(),
    Property::new("SearchString", Kind::Text),
    Property::new("Type", Kind::Text).required().replaces(),
]);
const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);

static SPEC: Spec = Spec {
    name: "AWS::Route53::HealthCheck",
    properties: &[
        Property::new("HealthCheckConfig", CONFIG).required(),
        Property::new("HealthCheckTags", Kind::List(&TAG)),
    ],
    attributes: &["HealthCheckId"],
};

pub struct HealthCheck;

fn config(properties: &Value) -> Config {
    Config::from_template(properties.get("HealthCheckConfig").unwrap_or(&Value::Null))
}

impl ResourceHandler for HealthCheck {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let reference = cx.generated_name();
            let made = cx.cloud.route53.create_check(&cx.cloud, &reference, config(properties))?;
            cx.cloud.route53.set_tags("healthcheck", &made.id, tags(cx, properties, "HealthCheckTags"));
            Ok(Created::new(&made.id).with("HealthCheckId", made.id.as_str()))
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
            let wanted = config(new);
            cx.cloud.route53.update_check(&cx.cloud, physical_id, None, true, |held| {
                *held = wanted;
                Ok(())
            })?;
            cx.cloud.route53.set_tags("healthcheck", physical_id, tags(cx, new, "HealthCheckTags"));
            Ok(Created::new(physical_id).with("HealthCheckId", physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            match cx.cloud.route53.delete_check(&cx.cloud, physical_id) {
                Err(error) if error.code != "NoSuchHealthCheck" => Err(error.into()),
                _ => Ok(()),
            }
        })
    }
}
