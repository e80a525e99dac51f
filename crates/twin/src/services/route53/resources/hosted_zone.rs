//! `AWS::Route53::HostedZone`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::tags;
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::route53::change::ChangeInfo;

const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);

static SPEC: Spec = Spec {
    name: "AWS::Route53::HostedZone",
    properties: &[
        Property::new("Name", Kind::Text).required().replaces(),
        Property::new("HostedZoneConfig", Kind::Object(&[Property::new("Comment", Kind::Text)])),
        Property::new("HostedZoneFeatures", Kind::Object(&[Property::new("EnableAcceleratedRecovery", Kind::Boolean)])),
        Property::new("HostedZoneTags", Kind::List(&TAG)),
        Property::new(
            "QueryLoggingConfig",
            Kind::Object(&[Property::new("CloudWatchLogsLogGroupArn", Kind::Text).required()]),
        ),
        Property::new(
            "VPCs",
            Kind::List(&Kind::Object(&[
                Property::new("VPCId", Kind::Text).required(),
                Property::new("VPCRegion", Kind::Text).required(),
            ])),
        ),
    ],
    attributes: &["Id", "NameServers"],
};

pub struct HostedZone;

fn comment(properties: &Value) -> &str {
    properties.get("HostedZoneConfig").and_then(|config| optional_text(config, "Comment")).unwrap_or_default()
}

/// What the twin has no model of is refused: a private zone would answer nobody, query logs would stay empty.
fn supported(properties: &Value) -> Result<(), ResourceError> {
    let found =
        ["VPCs", "QueryLoggingConfig", "HostedZoneFeatures"].into_iter().find(|name| properties.get(name).is_some());
    match found {
        None => Ok(()),
        Some(name) => Err(ResourceError(format!(
            "the embedded twin does not model {name} of AWS::Route53::HostedZone; see docs/fidelity.md"
        ))),
    }
}

async fn insync(cx: &ResourceContext, change: &ChangeInfo) {
    cx.cloud.route53.insync(&cx.cloud, change).await;
}

impl ResourceHandler for HostedZone {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            supported(properties)?;
            let name = text(properties, "Name");
            let reference = cx.generated_name();
            let (id, servers, change) =
                cx.cloud.route53.create_zone(&cx.cloud, name, &reference, comment(properties))?;
            cx.cloud.route53.set_tags("hostedzone", &id, tags(cx, properties, "HostedZoneTags"));
            insync(cx, &change).await;
            Ok(Created::new(&id).with("Id", id.as_str()).with("NameServers", servers))
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
            supported(new)?;
            cx.cloud.route53.comment_zone(physical_id, comment(new))?;
            cx.cloud.route53.set_tags("hostedzone", physical_id, tags(cx, new, "HostedZoneTags"));
            let servers = cx.cloud.route53.name_servers(physical_id)?;
            Ok(Created::new(physical_id).with("Id", physical_id).with("NameServers", servers))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            match cx.cloud.route53.delete_zone(&cx.cloud, physical_id) {
                Ok(change) => insync(cx, &change).await,
                Err(error) if error.code == "NoSuchHostedZone" => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        })
    }
}
