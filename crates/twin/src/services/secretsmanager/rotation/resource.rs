//! `AWS::SecretsManager::RotationSchedule`.

use std::future::ready;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::super::resources::run;
use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, text};

static SCHEDULE: Spec = Spec {
    name: "AWS::SecretsManager::RotationSchedule",
    properties: &[
        Property::new("HostedRotationLambda", Kind::Any),
        Property::new("RotateImmediatelyOnUpdate", Kind::Boolean),
        Property::new("RotationLambdaARN", Kind::Text),
        Property::new(
            "RotationRules",
            Kind::Object(&[
                Property::new("AutomaticallyAfterDays", Kind::Integer),
                Property::new("Duration", Kind::Text),
                Property::new("ScheduleExpression", Kind::Text),
            ]),
        ),
        Property::new("SecretId", Kind::Text).required().replaces(),
    ],
    attributes: &["Id"],
};

pub(in super::super) struct RotationScheduleHandler;

impl ResourceHandler for RotationScheduleHandler {
    fn spec(&self) -> &'static Spec {
        &SCHEDULE
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(put(cx, properties)))
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(put(cx, new)))
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        let done = match run(cx, "CancelRotateSecret", super::cancel, json!({"SecretId": physical_id})) {
            Err(error) if error.code != "ResourceNotFoundException" => Err(error.into()),
            _ => Ok(()),
        };
        Box::pin(ready(done))
    }
}

fn put(cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
    if properties.get("HostedRotationLambda").is_some() {
        let message = "the embedded twin has no HostedRotationLambda (it is a nested stack of AWS's): deploy a rotation \
                       function and name it in RotationLambdaARN";
        return Err(ResourceError(message.to_owned()));
    }
    let mut input = json!({"SecretId": text(properties, "SecretId")});
    for (property, member) in [
        ("RotationLambdaARN", "RotationLambdaARN"),
        ("RotationRules", "RotationRules"),
        ("RotateImmediatelyOnUpdate", "RotateImmediately"),
    ] {
        if let Some(value) = properties.get(property) {
            input[member] = value.clone();
        }
    }
    let answer = run(cx, "RotateSecret", super::rotate, input)?;
    let arn = text(&answer, "ARN");
    Ok(Created::new(arn).with("Id", arn))
}
