//! `AWS::SSM::Parameter`.

use std::collections::BTreeMap;
use std::future::ready;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::write;
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::gateway::{Call, Principal};
use crate::wire::Members;

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(ParameterHandler)]
}

static PARAMETER: Spec = Spec {
    name: "AWS::SSM::Parameter",
    properties: &[
        Property::new("AllowedPattern", Kind::Text),
        Property::new("DataType", Kind::Text),
        Property::new("Description", Kind::Text),
        Property::new("Name", Kind::Text).replaces(),
        Property::new("Policies", Kind::Text),
        Property::new("Tags", Kind::Map(&Kind::Text)),
        Property::new("Tier", Kind::Text),
        Property::new("Type", Kind::Text).required(),
        Property::new("Value", Kind::Text).required(),
    ],
    attributes: &["Type", "Value"],
};

struct ParameterHandler;

impl ParameterHandler {
    fn put(cx: &ResourceContext, name: &str, properties: &Value, overwrite: bool) -> Result<Created, ResourceError> {
        for property in ["AllowedPattern", "Policies"] {
            if properties.get(property).is_some() {
                return Err(ResourceError(format!(
                    "the embedded twin does not model {property} of AWS::SSM::Parameter"
                )));
            }
        }
        if text(properties, "Type") == "SecureString" {
            // As the template reference says of Type.
            return Err(ResourceError("CloudFormation doesn't support creating a SecureString parameter".to_owned()));
        }
        let mut input = json!({"Name": name, "Overwrite": overwrite});
        for property in ["DataType", "Description", "Tier", "Type", "Value"] {
            input[property] = properties.get(property).cloned().unwrap_or(Value::Null);
        }
        let known = ["Name", "Overwrite", "DataType", "Description", "Tier", "Type", "Value"];
        write::put(&call(cx), &Members::of(input, &known)?)?;
        let mut tags: BTreeMap<String, String> = cx.stack_tags.iter().cloned().collect();
        for (key, value) in properties.get("Tags").and_then(Value::as_object).into_iter().flatten() {
            tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
        if let Some(parameter) = cx.cloud.ssm.lock().parameters.get_mut(&(cx.region, name.to_owned())) {
            parameter.tags = tags;
        }
        let value = text(properties, "Value");
        Ok(Created::new(name).with("Type", text(properties, "Type")).with("Value", value))
    }
}

fn call(cx: &ResourceContext) -> Call {
    Call { cloud: cx.cloud.clone(), region: cx.region, principal: Principal::Account, request_id: String::new() }
}

impl ResourceHandler for ParameterHandler {
    fn spec(&self) -> &'static Spec {
        &PARAMETER
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        let generated = || format!("CFN-{}", cx.generated_name());
        let name = optional_text(properties, "Name").map_or_else(generated, str::to_owned);
        Box::pin(ready(Self::put(cx, &name, properties, false)))
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        // A parameter cannot change its type, so one of another type takes its place and its name.
        if optional_text(old, "Type").is_some_and(|kind| kind != text(new, "Type")) {
            cx.cloud.ssm.lock().parameters.remove(&(cx.region, physical_id.to_owned()));
        }
        Box::pin(ready(Self::put(cx, physical_id, new, true)))
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        cx.cloud.ssm.lock().parameters.remove(&(cx.region, physical_id.to_owned()));
        Box::pin(ready(Ok(())))
    }
}
