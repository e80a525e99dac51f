//! What templates can ask of API Gateway.

mod account;
mod base_path_mapping;
mod deployment;
mod domain_name;
mod method;
mod resource;
mod rest_api;
mod stage;

use serde_json::Value;

use crate::formation::{Kind, Property, ResourceContext, ResourceError, ResourceHandler};

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(rest_api::RestApiResource),
        Box::new(resource::ResourceResource),
        Box::new(method::MethodResource),
        Box::new(deployment::DeploymentResource),
        Box::new(stage::StageResource),
        Box::new(domain_name::DomainNameResource),
        Box::new(base_path_mapping::BasePathMappingResource),
        Box::new(account::AccountResource),
    ]
}

const TEXTS: Kind = Kind::List(&Kind::Text);
const TEXT_MAP: Kind = Kind::Map(&Kind::Text);
const TAGS: Kind = Kind::List(&Kind::Object(&[
    Property::new("Key", Kind::Text).required(),
    Property::new("Value", Kind::Text).required(),
]));

/// The stack's tags and the resource's own.
fn tags(cx: &ResourceContext, properties: &Value) -> Vec<(String, String)> {
    let own = properties.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let own =
        own.filter_map(|tag| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.as_str()?.to_owned())));
    cx.stack_tags.iter().cloned().chain(own).collect()
}

/// Refuses properties that change what users meet and that the twin has no model of.
fn refuse(properties: &Value, names: &[&str]) -> Result<(), ResourceError> {
    let given = |name: &&&str| properties.get(**name).is_some_and(|value| !is_nothing(value));
    match names.iter().find(given) {
        Some(name) => Err(ResourceError(format!("the embedded twin does not model {name}; see docs/fidelity.md"))),
        None => Ok(()),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(entries) => entries.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A thing that is gone already has been removed.
fn gone(result: Result<(), crate::wire::AwsError>) -> Result<(), ResourceError> {
    result.or_else(|error| if error.status == 404 { Ok(()) } else { Err(error.into()) })
}
