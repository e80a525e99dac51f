//! What templates make of Route 53: zones, record sets, groups of them, health checks. Every change of a zone is
//! waited for until it is INSYNC, as CloudFormation does.

mod health_check;
mod hosted_zone;
mod record_set;

use serde_json::Value;

use crate::formation::{ResourceContext, ResourceHandler};

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(hosted_zone::HostedZone),
        Box::new(record_set::RecordSet),
        Box::new(record_set::RecordSetGroup),
        Box::new(health_check::HealthCheck),
    ]
}

/// The tags of a resource: the stack's, and over them those its property declares.
fn tags(cx: &ResourceContext, properties: &Value, name: &str) -> Vec<(String, String)> {
    let text = |tag: &Value, key: &str| tag.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let declared = properties.get(name).and_then(Value::as_array).into_iter().flatten();
    cx.stack_tags.iter().cloned().chain(declared.map(|tag| (text(tag, "Key"), text(tag, "Value")))).collect()
}
