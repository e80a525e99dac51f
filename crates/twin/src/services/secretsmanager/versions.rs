//! The calls on versions: read one, add one, list them, move their labels.

use serde_json::{Value, json};

use super::secret::{CURRENT, Secret};
use super::value::SecretValue;
use super::{invalid_parameter, invalid_request, not_found, replication};
use crate::gateway::Call;
use crate::wire::{AwsError, Members};

/// A version has at most 20 labels (API reference, PutSecretValue).
const STAGES_MAX: usize = 20;

pub(super) fn get(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "GetSecretValue", input.require("SecretId")?)?;
    secret.check_alive()?;
    let stage = input.text("VersionStage");
    let (id, version) = match input.text("VersionId") {
        Some(id) => {
            let found = secret.versions.get_key_value(id);
            let (id, version) = found.ok_or_else(|| not_found(&format!("secret value for VersionId: {id}")))?;
            if stage.is_some_and(|stage| !version.stages.contains(stage)) {
                return Err(invalid_request(
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                ));
            }
            (id, version)
        }
        None => {
            let stage = stage.unwrap_or(CURRENT);
            secret.staged(stage).ok_or_else(|| not_found(&format!("secret value for staging label: {stage}")))?
        }
    };
    let Some(value) = &version.value else {
        let asked = input.text("VersionId").map_or_else(
            || format!("secret value for staging label: {}", stage.unwrap_or(CURRENT)),
            |id| format!("secret value for VersionId: {id}"),
        );
        return Err(not_found(&asked));
    };
    unlock(call, secret, "kms:Decrypt", "DecryptionFailure")?;
    let mut answer = json!({
        "ARN": secret.arn(&call.cloud),
        "Name": secret.name,
        "VersionId": id,
        "VersionStages": version.stages,
        "CreatedDate": version.created.seconds(),
    });
    value.write(&mut answer);
    secret.accessed = Some(call.cloud.clock.now());
    Ok(answer)
}

/// Checks the customer's key of a secret, where it has one: that it works, and that the caller may use it.
pub(super) fn unlock(call: &Call, secret: &Secret, action: &str, failure: &str) -> Result<(), AwsError> {
    let Some(key) = &secret.kms_key else { return Ok(()) };
    let kms = &call.cloud.kms;
    if let Err(error) = kms.usable(&call.cloud, call.region, key) {
        let verb = if failure == "DecryptionFailure" { "decrypt" } else { "encrypt" };
        let message = format!(
            "Secrets Manager can't {verb} the protected secret text using the provided KMS key {key}: {}: {}",
            error.code, error.message
        );
        return Err(AwsError::bad_request(failure, message));
    }
    kms.authorize(call, action, key).map_err(|error| {
        AwsError::bad_request("AccessDeniedException", format!("Access to KMS is not allowed: {}", error.message))
    })
}

pub(super) fn put(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let value = SecretValue::read(input)?
        .ok_or_else(|| invalid_parameter("You must provide either SecretString or SecretBinary."))?;
    let stages = input.texts("VersionStages");
    let stages = if stages.is_empty() { vec![CURRENT.to_owned()] } else { stages };
    if stages.len() > STAGES_MAX {
        return Err(invalid_parameter(format!("a version has at most {STAGES_MAX} staging labels")));
    }
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "PutSecretValue", input.require("SecretId")?)?;
    let id = add(call, secret, input.text("ClientRequestToken"), value, &stages)?;
    Ok(json!({
        "ARN": secret.arn(&call.cloud),
        "Name": secret.name,
        "VersionId": id,
        "VersionStages": secret.versions.get(&id).map(|version| &version.stages),
    }))
}

/// Adds a version under the caller's token. The same token with the same value is the same call again.
pub(super) fn add(
    call: &Call,
    secret: &mut Secret,
    token: Option<&str>,
    value: SecretValue,
    stages: &[String],
) -> Result<String, AwsError> {
    secret.check_writable()?;
    unlock(call, secret, "kms:GenerateDataKey", "EncryptionFailure")?;
    let id = token.map_or_else(|| call.cloud.ids.uuid(), str::to_owned);
    check_token(&id)?;
    if let Some(held) = secret.versions.get(&id).and_then(|version| version.value.as_ref()) {
        if *held == value {
            return Ok(id);
        }
        let message = format!("You can't modify the value of version {id}: add a new version with another token.");
        return Err(AwsError::bad_request("ResourceExistsException", message));
    }
    // The first version is the current one, whatever the caller labels it (API reference, PutSecretValue).
    let mut stages = stages.to_vec();
    if secret.versions.is_empty() && !stages.iter().any(|stage| stage == CURRENT) {
        stages.push(CURRENT.to_owned());
    }
    secret.add_version(id.clone(), value, call.cloud.clock.now(), &stages);
    replication::send(&call.cloud, secret);
    Ok(id)
}

pub(super) fn check_token(token: &str) -> Result<(), AwsError> {
    if (32..=64).contains(&token.len()) {
        return Ok(());
    }
    Err(invalid_parameter("ClientRequestToken has 32 to 64 characters"))
}

pub(super) fn list(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "ListSecretVersionIds", input.require("SecretId")?)?;
    let all = input.flag("IncludeDeprecated");
    let versions: Vec<_> = secret
        .versions
        .iter()
        .filter(|(_, version)| all || !version.stages.is_empty())
        .map(|(id, version)| {
            json!({"VersionId": id, "VersionStages": version.stages, "CreatedDate": version.created.seconds()})
        })
        .collect();
    Ok(json!({"ARN": secret.arn(&call.cloud), "Name": secret.name, "Versions": versions}))
}

pub(super) fn move_stage(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let stage = input.require("VersionStage")?;
    let (from, to) = (input.text("RemoveFromVersionId"), input.text("MoveToVersionId"));
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "UpdateSecretVersionStage", input.require("SecretId")?)?;
    secret.check_writable()?;
    for id in [from, to].into_iter().flatten() {
        if !secret.versions.contains_key(id) {
            return Err(not_found(&format!("secret value for VersionId: {id}")));
        }
    }
    let holder = secret.staged(stage).map(|(id, _)| id.clone());
    if let Some(holder) = &holder
        && from != Some(holder)
        && to != Some(holder)
    {
        let message = format!(
            "The parameter RemoveFromVersionId can't be empty or another version: staging label {stage} is on version {holder}."
        );
        return Err(invalid_parameter(message));
    }
    match to {
        Some(to) => secret.label(to, stage),
        None if stage == CURRENT => {
            return Err(invalid_parameter(format!("{CURRENT} can be moved to another version, not removed")));
        }
        None => secret.unlabel(stage),
    }
    secret.changed = call.cloud.clock.now();
    replication::send(&call.cloud, secret);
    Ok(json!({"ARN": secret.arn(&call.cloud), "Name": secret.name}))
}
