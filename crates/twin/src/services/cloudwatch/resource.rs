//! `AWS::CloudWatch::Alarm`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::alarm::Definition;
use super::shape::from_json;
use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text};

pub struct AlarmHandler;

const DIMENSION: Kind =
    Kind::Object(&[Property::new("Name", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);
const DIMENSIONS: Kind = Kind::List(&DIMENSION);
const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);
const METRIC: Kind = Kind::Object(&[
    Property::new("Dimensions", DIMENSIONS),
    Property::new("MetricName", Kind::Text),
    Property::new("Namespace", Kind::Text),
]);
const METRIC_STAT: Kind = Kind::Object(&[
    Property::new("Metric", METRIC).required(),
    Property::new("Period", Kind::Integer).required(),
    Property::new("Stat", Kind::Text).required(),
    Property::new("Unit", Kind::Text),
]);
const QUERY: Kind = Kind::Object(&[
    Property::new("AccountId", Kind::Text),
    Property::new("Expression", Kind::Text),
    Property::new("Id", Kind::Text).required(),
    Property::new("Label", Kind::Text),
    Property::new("MetricStat", METRIC_STAT),
    Property::new("Period", Kind::Integer),
    Property::new("ReturnData", Kind::Boolean),
]);

/// Template reference, `AWS::CloudWatch::Alarm`.
static SPEC: Spec = Spec {
    name: "AWS::CloudWatch::Alarm",
    properties: &[
        Property::new("ActionsEnabled", Kind::Boolean),
        Property::new("AlarmActions", Kind::List(&Kind::Text)),
        Property::new("AlarmDescription", Kind::Text),
        Property::new("AlarmName", Kind::Text).replaces(),
        Property::new("ComparisonOperator", Kind::Text).required(),
        Property::new("DatapointsToAlarm", Kind::Integer),
        Property::new("Dimensions", DIMENSIONS),
        Property::new("EvaluateLowSampleCountPercentile", Kind::Text),
        Property::new("EvaluationPeriods", Kind::Integer).required(),
        Property::new("ExtendedStatistic", Kind::Text),
        Property::new("InsufficientDataActions", Kind::List(&Kind::Text)),
        Property::new("MetricName", Kind::Text),
        Property::new("Metrics", Kind::List(&QUERY)),
        Property::new("Namespace", Kind::Text),
        Property::new("OKActions", Kind::List(&Kind::Text)),
        Property::new("Period", Kind::Integer),
        Property::new("Statistic", Kind::Text),
        Property::new("Tags", Kind::List(&TAG)),
        Property::new("Threshold", Kind::Number),
        Property::new("ThresholdMetricId", Kind::Text),
        Property::new("TreatMissingData", Kind::Text),
        Property::new("Unit", Kind::Text),
    ],
    attributes: &["Arn"],
};

impl ResourceHandler for AlarmHandler {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let name = optional_text(properties, "AlarmName").map_or_else(|| cx.generated_name(), str::to_owned);
            if cx.cloud.cloudwatch.has_alarm(cx.region, &name) {
                return Err(ResourceError(format!("{name} already exists in {}", cx.region)));
            }
            put(cx, &name, properties)
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { put(cx, physical_id, new) })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            cx.cloud.cloudwatch.remove_alarm(cx.region, physical_id);
            Ok(())
        })
    }
}

fn put(cx: &ResourceContext, name: &str, properties: &Value) -> Result<Created, ResourceError> {
    let mut members = properties.clone();
    members["AlarmName"] = name.into();
    let mut tags = members.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
    for (key, value) in &cx.stack_tags {
        if !tags.iter().any(|tag| tag["Key"] == key.as_str()) {
            tags.push(serde_json::json!({ "Key": key, "Value": value }));
        }
    }
    members["Tags"] = tags.into();
    let definition: Definition = from_json(members)?;
    let arn = cx.cloud.cloudwatch.put_alarm(&cx.cloud, cx.region, definition)?;
    Ok(Created::new(name).with("Arn", arn))
}
