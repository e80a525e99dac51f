//! What callers are told about secrets, values apart.

use serde_json::{Value, json};

use super::invalid_parameter;
use super::secret::{ReplicaStatus, Secret};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::wire::{AwsError, Members};

pub(super) fn describe(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "DescribeSecret", input.require("SecretId")?)?;
    let mut answer = entry(&call.cloud, secret, "VersionIdsToStages");
    if !secret.replicas.is_empty() {
        answer["ReplicationStatus"] = replication_status(secret);
    }
    Ok(answer)
}

pub(super) fn list(call: &Call, input: &Members) -> Result<Value, AwsError> {
    call.authorize("secretsmanager:ListSecrets", "*")?;
    let mut names = Vec::new();
    for filter in input.list("Filters") {
        if filter["Key"] != "name" {
            let message = format!("the embedded twin filters secrets by name alone, not by {}", filter["Key"]);
            return Err(invalid_parameter(message));
        }
        names.push(filter["Values"].as_array().cloned().unwrap_or_default());
    }
    let fits = |secret: &&Secret| {
        let prefix = |value: &Value| value.as_str().is_some_and(|prefix| secret.name.starts_with(prefix));
        names.iter().all(|values| values.iter().any(prefix))
    };
    let now = call.cloud.clock.now();
    let planned = input.flag("IncludePlannedDeletion");
    let state = call.cloud.secretsmanager.lock();
    let shown = |secret: &&Secret| match secret.deleted {
        Some(deletion) => planned && deletion.at > now,
        None => true,
    };
    let here = state.secrets.values().filter(|secret| secret.region == call.region);
    let mut found: Vec<&Secret> = here.filter(shown).filter(fits).collect();
    if input.text("SortOrder") == Some("desc") {
        found.reverse();
    }
    let from: usize = match input.text("NextToken") {
        Some(token) => {
            token.parse().map_err(|_| AwsError::bad_request("InvalidNextTokenException", "The token isn't valid."))?
        }
        None => 0,
    };
    // A page has 100 entries unless told (API reference, ListSecrets).
    let size = usize::try_from(input.integer("MaxResults").unwrap_or(100)).unwrap_or(100).clamp(1, 100);
    let page = found.iter().skip(from).take(size);
    let entries: Vec<_> = page.map(|secret| entry(&call.cloud, secret, "SecretVersionsToStages")).collect();
    let mut answer = json!({"SecretList": entries});
    if found.len() > from + size {
        answer["NextToken"] = (from + size).to_string().into();
    }
    Ok(answer)
}

fn entry(cloud: &Cloud, secret: &Secret, stages: &str) -> Value {
    let tags: Vec<_> = secret.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let labelled = secret.versions.iter().filter(|(_, version)| !version.stages.is_empty());
    let labels: serde_json::Map<String, Value> =
        labelled.map(|(id, version)| (id.clone(), json!(version.stages))).collect();
    let mut out = json!({
        "ARN": secret.arn(cloud),
        "Name": secret.name,
        "CreatedDate": secret.created.seconds(),
        "LastChangedDate": secret.changed.seconds(),
        "RotationEnabled": false,
        "Tags": tags,
        stages: labels,
    });
    if !secret.description.is_empty() {
        out["Description"] = secret.description.as_str().into();
    }
    if let Some(key) = &secret.kms_key {
        out["KmsKeyId"] = key.as_str().into();
    }
    if let Some(rotation) = &secret.rotation {
        rotation.describe(&mut out);
    }
    if let Some(accessed) = secret.accessed {
        out["LastAccessedDate"] = day(accessed).seconds().into();
    }
    if let Some(deletion) = secret.deleted {
        out["DeletedDate"] = deletion.asked.seconds().into();
    }
    if secret.is_replica() || !secret.replicas.is_empty() {
        out["PrimaryRegion"] = secret.primary.as_str().into();
    }
    out
}

/// LastAccessedDate is the day, never the time (API reference, DescribeSecret).
fn day(at: Timestamp) -> Timestamp {
    at.floor_to(std::time::Duration::from_secs(86_400))
}

pub(super) fn replication_status(secret: &Secret) -> Value {
    let entries = secret.replicas.iter().map(|(region, replica)| {
        let (status, message) = match &replica.status {
            ReplicaStatus::InProgress => ("InProgress", None),
            ReplicaStatus::InSync => ("InSync", None),
            ReplicaStatus::Failed(why) => ("Failed", Some(why.as_str())),
        };
        let key = replica.kms_key.as_deref().unwrap_or("alias/aws/secretsmanager");
        let mut entry = json!({"Region": region.as_str(), "KmsKeyId": key, "Status": status});
        if let Some(message) = message {
            entry["StatusMessage"] = message.into();
        }
        entry
    });
    Value::Array(entries.collect())
}
