//! GetParameter, GetParameters and GetParametersByPath.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::parameter::{Kind, Parameter};
use crate::gateway::Call;
use crate::wire::{AwsError, Members};

/// GetParameters takes at most 10 names, and a page by path has at most 10 (API reference).
const NAMES_MAX: usize = 10;

pub(super) fn one(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let name = input.require("Name")?;
    let found = read(call, "ssm:GetParameter", name, input.flag("WithDecryption"))?;
    found.map(|parameter| json!({"Parameter": parameter})).ok_or_else(not_found)
}

pub(super) fn several(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let names = input.texts("Names");
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(AwsError::validation(format!("Names holds 1 to {NAMES_MAX} names, not {}", names.len())));
    }
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        match read(call, "ssm:GetParameters", &name, input.flag("WithDecryption"))? {
            Some(parameter) => found.push(parameter),
            None => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
}

pub(super) fn by_path(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let path = input.require("Path")?;
    if !path.starts_with('/') {
        let message = "The parameter path must begin with a slash \"/\"";
        return Err(AwsError::validation(message));
    }
    call.authorize("ssm:GetParametersByPath", &arn(call, path.trim_end_matches('/')))?;
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let from = match input.text("NextToken") {
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| AwsError::bad_request("InvalidNextToken", "The specified token isn't valid."))?,
        None => 0,
    };
    let page = usize::try_from(input.integer("MaxResults").unwrap_or(10)).unwrap_or(10).clamp(1, NAMES_MAX);
    let deep = input.flag("Recursive");
    let state = call.cloud.ssm.lock();
    let under: Vec<_> = state
        .parameters
        .range((call.region, prefix.clone())..)
        .take_while(|((region, name), _)| *region == call.region && name.starts_with(&prefix))
        .filter(|((_, name), _)| deep || !name[prefix.len()..].contains('/'))
        .collect();
    let shown = under.iter().skip(from).take(page);
    let shown = shown
        .filter_map(|((_, name), parameter)| {
            show(call, name, parameter, None, input.flag("WithDecryption")).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut answer = json!({"Parameters": shown});
    if under.len() > from + page {
        answer["NextToken"] = (from + page).to_string().into();
    }
    Ok(answer)
}

/// The parameter a caller names by name or ARN, with or without `:version`.
fn read(call: &Call, action: &str, asked: &str, decrypt: bool) -> Result<Option<Value>, AwsError> {
    let local = local_name(call, asked);
    let (name, version) = match local.rsplit_once(':') {
        Some((name, version)) => match version.parse::<i64>() {
            Ok(version) => (name, Some(version)),
            Err(_) => {
                let message = format!("{asked}: the embedded twin does not model parameter labels, only versions");
                return Err(AwsError::validation(message));
            }
        },
        None => (local.as_str(), None),
    };
    call.authorize(action, &arn(call, name))?;
    let state = call.cloud.ssm.lock();
    let Some(parameter) = state.parameters.get(&(call.region, name.to_owned())) else { return Ok(None) };
    show(call, name, parameter, version, decrypt)
}

/// The name behind an ARN of this Region; anything else is a name already.
pub(super) fn local_name(call: &Call, asked: &str) -> String {
    let Some(rest) = asked.strip_prefix(&call.arn("ssm", "parameter")) else { return asked.to_owned() };
    // `parameter/a/b` is /a/b where there are paths, and `parameter/a` is a.
    let plain = rest.trim_start_matches('/');
    if plain.contains('/') { rest.to_owned() } else { plain.to_owned() }
}

fn show(
    call: &Call,
    name: &str,
    parameter: &Parameter,
    wanted: Option<i64>,
    decrypt: bool,
) -> Result<Option<Value>, AwsError> {
    let found = match wanted {
        Some(number) => parameter.versions.get_key_value(&number),
        None => parameter.versions.last_key_value(),
    };
    let Some((number, version)) = found else {
        let message = format!("Systems Manager could not find version {} of {name}.", wanted.unwrap_or_default());
        return Err(AwsError::bad_request("ParameterVersionNotFound", message));
    };
    let value = match (parameter.kind, &version.key) {
        (Kind::Secure, Some(key)) if decrypt => {
            unlock(call, key, "kms:Decrypt")?;
            version.value.clone()
        }
        (Kind::Secure, _) => sealed(call, name, *number),
        _ => version.value.clone(),
    };
    Ok(Some(json!({
        "Name": name,
        "Type": parameter.kind.name(),
        "Value": value,
        "Version": number,
        "LastModifiedDate": version.at.seconds(),
        "ARN": arn(call, name),
        "DataType": parameter.data_type,
    })))
}

/// Checks that a key works and that the caller may use it.
pub(super) fn unlock(call: &Call, key: &str, action: &str) -> Result<(), AwsError> {
    let kms = &call.cloud.kms;
    kms.usable(&call.cloud, call.region, key)
        .map_err(|error| AwsError::bad_request("InvalidKeyId", format!("{}: {}", error.code, error.message)))?;
    kms.authorize(call, action, key)
}

/// What a secure value looks like to who does not ask for its decryption: opaque, and drawn from nothing of it.
fn sealed(call: &Call, name: &str, version: i64) -> String {
    STANDARD.encode(Sha256::digest(format!("{}/{}/{name}/{version}", call.cloud.seed, call.region)))
}

pub(super) fn arn(call: &Call, name: &str) -> String {
    call.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
}

pub(super) fn not_found() -> AwsError {
    AwsError::bad_request("ParameterNotFound", "Systems Manager could not find the parameter.")
}
