//! The life of a secret: made, changed, tagged, marked for deletion, restored.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::secret::{CURRENT, Deletion, Secret, tags};
use super::value::SecretValue;
use super::{describe, invalid_parameter, invalid_request, replication, versions};
use crate::gateway::Call;
use crate::wire::{AwsError, Members};

/// The recovery window is 7 to 30 days, 30 unless told (API reference, DeleteSecret).
const RECOVERY_DAYS: std::ops::RangeInclusive<i64> = 7..=30;
const RECOVERY_DAYS_DEFAULT: i64 = 30;

pub(super) fn create(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let name = input.require("Name")?;
    check_name(name)?;
    let cloud = &call.cloud;
    let value = SecretValue::read(input)?;
    call.authorize("secretsmanager:CreateSecret", &call.arn("secretsmanager", &format!("secret:{name}")))?;
    let mut state = cloud.secretsmanager.lock();
    let now = cloud.clock.now();
    match state.secrets.get(&(call.region, name.to_owned())) {
        Some(Secret { deleted: Some(deletion), .. }) if deletion.at > now => {
            return Err(invalid_request(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        Some(Secret { deleted: None, versions, .. }) => {
            // The same call again, by its token and value, is answered as the first one was.
            let again = input.text("ClientRequestToken").and_then(|token| versions.get(token));
            if !again.is_some_and(|version| version.value == value) {
                let message = format!("The operation failed because the secret {name} already exists.");
                return Err(AwsError::bad_request("ResourceExistsException", message));
            }
            let secret = state.find_mut(call, "CreateSecret", name)?;
            return Ok(created(call, secret, input.text("ClientRequestToken")));
        }
        _ => {}
    }
    let mut secret = Secret {
        name: name.to_owned(),
        suffix: cloud.ids.mixed(6),
        region: call.region,
        primary: call.region,
        description: input.text("Description").unwrap_or_default().to_owned(),
        kms_key: customer_key(input.text("KmsKeyId")),
        created: now,
        changed: now,
        accessed: None,
        deleted: None,
        tags: tags(input.list("Tags")),
        versions: IndexMap::new(),
        replicas: BTreeMap::new(),
        rotation: None,
        generation: 0,
    };
    let wanted = replication::wanted(call, &secret, input)?;
    let id = match value {
        Some(value) => {
            let stages = [CURRENT.to_owned()];
            Some(versions::add(call, &mut secret, input.text("ClientRequestToken"), value, &stages)?)
        }
        None => None,
    };
    secret.replicas = wanted;
    replication::send(cloud, &mut secret);
    let answer = created(call, &secret, id.as_deref());
    state.secrets.insert((call.region, name.to_owned()), secret);
    Ok(answer)
}

fn created(call: &Call, secret: &Secret, version: Option<&str>) -> Value {
    let mut answer = json!({"ARN": secret.arn(&call.cloud), "Name": secret.name});
    if let Some(version) = version {
        answer["VersionId"] = version.into();
    }
    if !secret.replicas.is_empty() {
        answer["ReplicationStatus"] = describe::replication_status(secret);
    }
    answer
}

/// The customer's key, none where the caller names the one AWS manages.
pub(super) fn customer_key(named: Option<&str>) -> Option<String> {
    named.filter(|key| !key.is_empty() && !key.ends_with("alias/aws/secretsmanager")).map(str::to_owned)
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "Invalid name {name:?}. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
    )))
}

pub(super) fn update(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let value = SecretValue::read(input)?;
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "UpdateSecret", input.require("SecretId")?)?;
    secret.check_writable()?;
    if let Some(description) = input.text("Description") {
        secret.description = description.to_owned();
    }
    if let Some(key) = input.text("KmsKeyId") {
        secret.kms_key = customer_key(Some(key));
    }
    let mut answer = json!({"ARN": secret.arn(&call.cloud), "Name": secret.name});
    match value {
        Some(value) => {
            let token = input.text("ClientRequestToken");
            answer["VersionId"] = versions::add(call, secret, token, value, &[CURRENT.to_owned()])?.into();
        }
        None => changed(call, secret),
    }
    Ok(answer)
}

pub(super) fn delete(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let force = input.flag("ForceDeleteWithoutRecovery");
    let days = input.integer("RecoveryWindowInDays");
    if force && days.is_some() {
        return Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let days = days.unwrap_or(RECOVERY_DAYS_DEFAULT);
    if !RECOVERY_DAYS.contains(&days) {
        return Err(invalid_parameter(format!(
            "The RecoveryWindowInDays value must be between 7 and 30 days, not {days}."
        )));
    }
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "DeleteSecret", input.require("SecretId")?)?;
    if secret.is_replica() || (!force && secret.deleted.is_some()) {
        secret.check_writable()?;
    }
    if !secret.replicas.is_empty() {
        let regions: Vec<_> = secret.replicas.keys().collect();
        let message = format!("You can't delete secret {} that still has replica regions {regions:?}.", secret.name);
        return Err(invalid_request(message));
    }
    let now = call.cloud.clock.now();
    let wait = if force { 0 } else { u64::try_from(days).unwrap_or(30) * 86_400 };
    let deletion = Deletion { asked: now, at: now + Duration::from_secs(wait) };
    secret.deleted = Some(deletion);
    let answer = json!({"ARN": secret.arn(&call.cloud), "Name": secret.name, "DeletionDate": deletion.at.seconds()});
    if force {
        let at = (secret.region, secret.name.clone());
        state.secrets.remove(&at);
    }
    Ok(answer)
}

pub(super) fn restore(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "RestoreSecret", input.require("SecretId")?)?;
    secret.deleted = None;
    Ok(json!({"ARN": secret.arn(&call.cloud), "Name": secret.name}))
}

pub(super) fn tag(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "TagResource", input.require("SecretId")?)?;
    secret.check_writable()?;
    secret.tags.extend(tags(input.list("Tags")));
    changed(call, secret);
    Ok(json!({}))
}

pub(super) fn untag(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "UntagResource", input.require("SecretId")?)?;
    secret.check_writable()?;
    let gone = input.texts("TagKeys");
    secret.tags.retain(|key, _| !gone.contains(key));
    changed(call, secret);
    Ok(json!({}))
}

fn changed(call: &Call, secret: &mut Secret) {
    secret.changed = call.cloud.clock.now();
    replication::send(&call.cloud, secret);
}
