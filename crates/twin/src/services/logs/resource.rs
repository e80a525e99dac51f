//! `AWS::Logs::LogGroup`.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::api::{check_retention, group_arn};
use super::group::Group;
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::wire::AwsError;

/// Ref gives the name.
pub struct LogGroupHandler;

const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);

static SPEC: Spec = Spec {
    name: "AWS::Logs::LogGroup",
    properties: &[
        Property::new("DataProtectionPolicy", Kind::Any),
        Property::new("FieldIndexPolicies", Kind::List(&Kind::Any)),
        Property::new("KmsKeyId", Kind::Text),
        Property::new("LogGroupClass", Kind::Text),
        Property::new("LogGroupName", Kind::Text).replaces(),
        Property::new("RetentionInDays", Kind::Integer),
        Property::new("Tags", Kind::List(&TAG)),
    ],
    attributes: &["Arn"],
};

impl ResourceHandler for LogGroupHandler {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let name = optional_text(properties, "LogGroupName").map_or_else(|| cx.generated_name(), str::to_owned);
            let mut group = Group { created: cx.cloud.clock.now(), ..Group::default() };
            set(cx, &mut group, properties)?;
            cx.cloud.logs.lock().create_group(cx.region, &name, group)?;
            Ok(created(cx, &name))
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
            set(cx, cx.cloud.logs.lock().group_mut(cx.region, physical_id)?, new)?;
            Ok(created(cx, physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            cx.cloud.logs.lock().delete_group(cx.region, physical_id);
            Ok(())
        })
    }
}

/// The template reference: the ARN ends in `:*`.
fn created(cx: &ResourceContext, name: &str) -> Created {
    Created::new(name).with("Arn", format!("{}:*", group_arn(&cx.cloud.account, cx.region, name)))
}

fn set(cx: &ResourceContext, group: &mut Group, properties: &Value) -> Result<(), AwsError> {
    let days = properties.get("RetentionInDays").and_then(Value::as_u64);
    let days = days.map(|days| check_retention(u32::try_from(days).unwrap_or(u32::MAX))).transpose()?;
    group.retention_days = days;
    group.kms_key_id = optional_text(properties, "KmsKeyId").map(str::to_owned);
    group.class = optional_text(properties, "LogGroupClass").map(str::to_owned);
    let mut tags: BTreeMap<String, String> = cx.stack_tags.iter().cloned().collect();
    for tag in properties.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        tags.insert(text(tag, "Key").to_owned(), text(tag, "Value").to_owned());
    }
    group.tags = tags;
    Ok(())
}
