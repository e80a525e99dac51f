//! PutParameter and DeleteParameter.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::parameter::{Kind, Parameter, Version};
use super::read::{arn, local_name, not_found, unlock};
use crate::gateway::Call;
use crate::wire::{AwsError, Members};

/// A value has at most 4 KB in the standard tier, 8 KB in the advanced one (user guide, "Managing parameter tiers").
const STANDARD_MAX: usize = 4_096;
const ADVANCED_MAX: usize = 8_192;

pub(super) fn put(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let (name, value) = (input.require("Name")?, input.require("Value")?);
    check(name, value, input)?;
    call.authorize("ssm:PutParameter", &arn(call, name))?;
    let kind = match input.text("Type") {
        None => None,
        Some(text) => Some(Kind::named(text).ok_or_else(|| {
            AwsError::bad_request("UnsupportedParameterType", format!("The parameter type {text} is not supported."))
        })?),
    };
    let mut state = call.cloud.ssm.lock();
    let at = (call.region, name.to_owned());
    let there = state.parameters.get(&at);
    if there.is_some() && !input.flag("Overwrite") {
        let message =
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
        return Err(AwsError::bad_request("ParameterAlreadyExists", message));
    }
    let kind = kind
        .or(there.map(|parameter| parameter.kind))
        .ok_or_else(|| AwsError::validation("A parameter type is required when you create a parameter."))?;
    if there.is_some_and(|parameter| parameter.kind != kind) {
        let message = "The parameter type cannot be changed: delete the parameter and create it again.";
        return Err(AwsError::bad_request("HierarchyTypeMismatchException", message));
    }
    if there.is_some() && !input.list("Tags").is_empty() {
        return Err(AwsError::validation("Tags and Overwrite can't be used together."));
    }
    let key = (kind == Kind::Secure).then(|| input.text("KeyId").unwrap_or("alias/aws/ssm").to_owned());
    if let Some(key) = &key {
        unlock(call, key, "kms:Encrypt")?;
    }
    let version = Version { value: value.to_owned(), at: call.cloud.clock.now(), key };
    let parameter = state.parameters.entry(at).or_insert_with(|| Parameter {
        kind,
        description: String::new(),
        data_type: input.text("DataType").unwrap_or("text").to_owned(),
        tags: tags(input.list("Tags")),
        versions: BTreeMap::new(),
    });
    if let Some(description) = input.text("Description") {
        parameter.description = description.to_owned();
    }
    let number = parameter.add(version);
    Ok(json!({"Version": number, "Tier": input.text("Tier").unwrap_or("Standard")}))
}

fn check(name: &str, value: &str, input: &Members) -> Result<(), AwsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let lower = name.trim_start_matches('/').to_ascii_lowercase();
    if name.is_empty() || !name.chars().all(fits) || lower.starts_with("aws") || lower.starts_with("ssm") {
        let message = format!(
            "Parameter name {name:?}: only letters, digits and _.-/ are allowed, and it can't begin with \"aws\" or \"ssm\""
        );
        return Err(AwsError::validation(message));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(AwsError::validation("Parameter name must be a fully qualified name: it begins with \"/\"."));
    }
    if input.text("DataType").is_some_and(|kind| kind != "text") {
        return Err(AwsError::validation("the embedded twin models the DataType \"text\" alone"));
    }
    let max = match input.text("Tier") {
        None | Some("Standard") => STANDARD_MAX,
        Some("Advanced" | "Intelligent-Tiering") => ADVANCED_MAX,
        Some(other) => return Err(AwsError::validation(format!("unknown Tier {other:?}"))),
    };
    if value.is_empty() || value.len() > max {
        return Err(AwsError::validation(format!("a value of this tier has 1 to {max} bytes, not {}", value.len())));
    }
    Ok(())
}

pub(super) fn tags(list: &[Value]) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()));
    list.iter().filter_map(pair).collect()
}

pub(super) fn delete(call: &Call, input: &Members) -> Result<Value, AwsError> {
    if remove(call, input.require("Name")?)? { Ok(json!({})) } else { Err(not_found()) }
}

pub(super) fn delete_several(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
    for name in input.texts("Names") {
        if remove(call, &name)? { deleted.push(name) } else { invalid.push(name) }
    }
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
}

fn remove(call: &Call, asked: &str) -> Result<bool, AwsError> {
    let name = local_name(call, asked);
    call.authorize("ssm:DeleteParameter", &arn(call, &name))?;
    Ok(call.cloud.ssm.lock().parameters.remove(&(call.region, name)).is_some())
}
