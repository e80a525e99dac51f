//! The life of a key: made, replicated, disabled, scheduled for deletion, saved from it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Kms;
use super::key::{Key, KeyState, State};
use crate::Cloud;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::{AwsError, Members, Request};

/// ScheduleKeyDeletion waits 7 to 30 days, 30 unless told (KMS API reference, ScheduleKeyDeletion).
const DELETION_DAYS: std::ops::RangeInclusive<i64> = 7..=30;
const DELETION_DAYS_DEFAULT: i64 = 30;

/// What a new key is made with; CreateKey and templates both fill it.
#[derive(Default)]
pub(super) struct NewKey {
    pub description: String,
    pub policy: Option<Value>,
    pub tags: BTreeMap<String, String>,
    pub multi_region: bool,
    pub rotates: bool,
    pub enabled: bool,
}

pub(super) fn run(kms: &Kms, call: &Call, operation: &str, request: &Request) -> Result<Value, AwsError> {
    match operation {
        "CreateKey" => create_key(kms, call, request),
        "ReplicateKey" => replicate_key(kms, call, request),
        "UpdatePrimaryRegion" => update_primary(kms, call, request),
        "ListKeys" => {
            Members::read(request, &["Limit", "Marker"])?;
            call.authorize("kms:ListKeys", "*")?;
            let state = kms.lock();
            let here = state.keys.values().filter(|key| key.region == call.region);
            let keys: Vec<_> = here.map(|key| json!({"KeyId": key.id, "KeyArn": key.arn(&call.cloud)})).collect();
            Ok(json!({"Keys": keys, "Truncated": false}))
        }
        "ScheduleKeyDeletion" => {
            let input = Members::read(request, &["KeyId", "PendingWindowInDays"])?;
            let days = input.integer("PendingWindowInDays").unwrap_or(DELETION_DAYS_DEFAULT);
            on_key(kms, call, operation, &input, |key, _| schedule_deletion(&call.cloud, key, days))
        }
        _ => on_one_key(kms, call, operation, request),
    }
}

fn create_key(kms: &Kms, call: &Call, request: &Request) -> Result<Value, AwsError> {
    let known =
        ["Description", "Policy", "Tags", "MultiRegion", "KeyUsage", "KeySpec", "CustomerMasterKeySpec", "Origin"];
    let input = Members::read(request, &known)?;
    call.authorize("kms:CreateKey", "*")?;
    for (member, only) in [
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("KeySpec", "SYMMETRIC_DEFAULT"),
        ("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
        ("Origin", "AWS_KMS"),
    ] {
        if let Some(value) = input.text(member).filter(|value| *value != only) {
            let message = format!("the embedded twin makes keys with {member} {only} alone, not {value}");
            return Err(AwsError::bad_request("UnsupportedOperationException", message));
        }
    }
    let new = NewKey {
        description: input.text("Description").unwrap_or_default().to_owned(),
        policy: input.text("Policy").map(policy).transpose()?,
        tags: tags(input.list("Tags")),
        multi_region: input.flag("MultiRegion"),
        rotates: false,
        enabled: true,
    };
    let key = create(kms, &call.cloud, call.region, new);
    Ok(json!({"KeyMetadata": metadata(&kms.lock(), &call.cloud, &key)}))
}

/// Makes a key.
pub(super) fn create(kms: &Kms, cloud: &Cloud, region: Region, new: NewKey) -> Key {
    let uuid = cloud.ids.uuid();
    let id = if new.multi_region { format!("mrk-{}", uuid.replace('-', "")) } else { uuid };
    let mut key = Key::new(cloud, region, id);
    key.description = new.description;
    key.tags = new.tags;
    key.rotates = new.rotates;
    key.primary = new.multi_region.then_some(region);
    if let Some(policy) = new.policy {
        key.policy = policy;
    }
    if !new.enabled {
        key.state = KeyState::Disabled;
    }
    kms.lock().keys.insert((region, key.id.clone()), key.clone());
    key
}

fn replicate_key(kms: &Kms, call: &Call, request: &Request) -> Result<Value, AwsError> {
    let input = Members::read(request, &["KeyId", "ReplicaRegion", "Policy", "Description", "Tags"])?;
    let to = Region::parse(input.require("ReplicaRegion")?).map_err(|error| AwsError::validation(error.to_string()))?;
    let arn = kms.lock().find_mut(&call.cloud, call.region, input.require("KeyId")?)?.arn(&call.cloud);
    call.authorize("kms:ReplicateKey", &arn)?;
    let new = NewKey {
        description: input.text("Description").unwrap_or_default().to_owned(),
        policy: input.text("Policy").map(policy).transpose()?,
        tags: tags(input.list("Tags")),
        enabled: true,
        ..NewKey::default()
    };
    let key = replicate(kms, &call.cloud, &arn, to, new)?;
    let state = kms.lock();
    let policy = key.policy.to_string();
    Ok(json!({"ReplicaKeyMetadata": metadata(&state, &call.cloud, &key), "ReplicaPolicy": policy}))
}

/// Makes the replica of a multi-Region primary key, named by its ARN, in another Region.
pub(super) fn replicate(kms: &Kms, cloud: &Cloud, primary_arn: &str, to: Region, new: NewKey) -> Result<Key, AwsError> {
    let from = primary_arn.split(':').nth(3).and_then(|name| Region::parse(name).ok());
    let from = from.ok_or_else(|| {
        AwsError::bad_request("InvalidArnException", format!("{primary_arn:?} is not the ARN of a key"))
    })?;
    if !cloud.regions.contains(&to) {
        let message = format!("the twin has no Region {to}; it was started with {:?}", cloud.regions);
        return Err(AwsError::bad_request("UnsupportedOperationException", message));
    }
    let mut state = kms.lock();
    let primary = state.find_mut(cloud, from, primary_arn)?;
    if primary.primary != Some(from) {
        let message = format!("{primary_arn} is not a multi-Region primary key: create it with MultiRegion true");
        return Err(AwsError::bad_request("UnsupportedOperationException", message));
    }
    primary.check_usable(cloud)?;
    let (id, primary_rotates) = (primary.id.clone(), primary.rotates);
    let at = (to, id.clone());
    if !cloud.faults.can_reach(from, to) {
        return Err(AwsError::new(500, "KMSInternalException", format!("{to} cannot be reached from {from}")));
    }
    if state.keys.contains_key(&at) {
        let message = format!("{id} exists in {to} already");
        return Err(AwsError::bad_request("AlreadyExistsException", message));
    }
    let mut key = Key::new(cloud, to, id);
    key.description = new.description;
    key.tags = new.tags;
    key.rotates = primary_rotates;
    key.primary = Some(from);
    if let Some(policy) = new.policy {
        key.policy = policy;
    }
    if !new.enabled {
        key.state = KeyState::Disabled;
    }
    state.keys.insert(at, key.clone());
    Ok(key)
}

/// Makes a replica the primary. Both Regions take part, so it does not work while one is lost.
fn update_primary(kms: &Kms, call: &Call, request: &Request) -> Result<Value, AwsError> {
    let input = Members::read(request, &["KeyId", "PrimaryRegion"])?;
    let cloud = &call.cloud;
    let to = Region::parse(input.require("PrimaryRegion")?).map_err(|error| AwsError::validation(error.to_string()))?;
    let mut state = kms.lock();
    let key = state.find_mut(cloud, call.region, input.require("KeyId")?)?;
    call.authorize("kms:UpdatePrimaryRegion", &key.arn(cloud))?;
    key.check_usable(cloud)?;
    let (id, arn) = (key.id.clone(), key.arn(cloud));
    if key.primary != Some(call.region) {
        let message = format!("{arn} is not a multi-Region primary key");
        return Err(AwsError::bad_request("UnsupportedOperationException", message));
    }
    if !state.keys.contains_key(&(to, id.clone())) {
        return Err(AwsError::bad_request("NotFoundException", format!("{id} has no replica in {to}")));
    }
    if !cloud.faults.can_reach(call.region, to) {
        return Err(AwsError::new(500, "KMSInternalException", format!("{to} cannot be reached from {}", call.region)));
    }
    state.keys.values_mut().filter(|key| key.id == id).for_each(|key| key.primary = Some(to));
    Ok(json!({}))
}

/// Schedules a key's deletion; the answer of ScheduleKeyDeletion.
pub(super) fn schedule_deletion(cloud: &Cloud, key: &mut Key, days: i64) -> Result<Value, AwsError> {
    if !DELETION_DAYS.contains(&days) {
        return Err(AwsError::validation(format!("PendingWindowInDays is 7 to 30, not {days}")));
    }
    if matches!(key.state, KeyState::PendingDeletion { .. }) {
        return Err(key.invalid_state(cloud));
    }
    let at = cloud.clock.now() + Duration::from_secs(u64::try_from(days).unwrap_or(7) * 86_400);
    key.state = KeyState::PendingDeletion { at };
    Ok(json!({
        "KeyId": key.arn(cloud),
        "DeletionDate": at.seconds(),
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }))
}

fn on_one_key(kms: &Kms, call: &Call, operation: &str, request: &Request) -> Result<Value, AwsError> {
    let cloud = &call.cloud;
    let extra: &[&str] = match operation {
        "TagResource" => &["Tags"],
        "UntagResource" => &["TagKeys"],
        "ListResourceTags" => &["Limit", "Marker"],
        "GetKeyPolicy" => &["PolicyName"],
        "PutKeyPolicy" => &["PolicyName", "Policy", "BypassPolicyLockoutSafetyCheck"],
        "UpdateKeyDescription" => &["Description"],
        _ => &[],
    };
    let input = Members::read(request, &[&["KeyId"], extra].concat())?;
    if operation == "DescribeKey" {
        let key = kms.lock().find_mut(cloud, call.region, input.require("KeyId")?)?.clone();
        call.authorize("kms:DescribeKey", &key.arn(cloud))?;
        return Ok(json!({"KeyMetadata": metadata(&kms.lock(), cloud, &key)}));
    }
    on_key(kms, call, operation, &input, |key, input| change(call, operation, key, input))
}

/// Runs `act` on the key the input names, once the caller may.
fn on_key(
    kms: &Kms,
    call: &Call,
    operation: &str,
    input: &Members,
    act: impl FnOnce(&mut Key, &Members) -> Result<Value, AwsError>,
) -> Result<Value, AwsError> {
    let mut state = kms.lock();
    let key = state.find_mut(&call.cloud, call.region, input.require("KeyId")?)?;
    call.authorize(&format!("kms:{operation}"), &key.arn(&call.cloud))?;
    act(key, input)
}

fn change(call: &Call, operation: &str, key: &mut Key, input: &Members) -> Result<Value, AwsError> {
    let cloud = &call.cloud;
    let doomed = matches!(key.state, KeyState::PendingDeletion { .. });
    match operation {
        "CancelKeyDeletion" if !doomed => return Err(key.invalid_state(cloud)),
        "CancelKeyDeletion" => {
            // A key saved from deletion is disabled until it is enabled again (KMS API reference).
            key.state = KeyState::Disabled;
            return Ok(json!({"KeyId": key.arn(cloud)}));
        }
        "ListResourceTags" => {
            let tags: Vec<_> = key.tags.iter().map(|(key, value)| json!({"TagKey": key, "TagValue": value})).collect();
            return Ok(json!({"Tags": tags, "Truncated": false}));
        }
        "GetKeyPolicy" => return Ok(json!({"Policy": key.policy.to_string(), "PolicyName": "default"})),
        "GetKeyRotationStatus" => return Ok(json!({"KeyId": key.arn(cloud), "KeyRotationEnabled": key.rotates})),
        _ if doomed => return Err(key.invalid_state(cloud)),
        "EnableKey" => key.state = KeyState::Enabled,
        "DisableKey" => key.state = KeyState::Disabled,
        "EnableKeyRotation" => key.rotates = true,
        "DisableKeyRotation" => key.rotates = false,
        "UpdateKeyDescription" => key.description = input.require("Description")?.to_owned(),
        "PutKeyPolicy" => key.policy = policy(input.require("Policy")?)?,
        "TagResource" => key.tags.extend(tags(input.list("Tags"))),
        "UntagResource" => {
            let gone = input.texts("TagKeys");
            key.tags.retain(|key, _| !gone.contains(key));
        }
        _ => return Err(AwsError::not_implemented("kms", operation)),
    }
    Ok(json!({}))
}

fn policy(text: &str) -> Result<Value, AwsError> {
    serde_json::from_str(text)
        .map_err(|error| AwsError::bad_request("MalformedPolicyDocumentException", format!("not JSON: {error}")))
}

fn tags(list: &[Value]) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((tag["TagKey"].as_str()?.to_owned(), tag["TagValue"].as_str()?.to_owned()));
    list.iter().filter_map(pair).collect()
}

fn metadata(state: &State, cloud: &Cloud, key: &Key) -> Value {
    let name = match key.state {
        KeyState::Enabled => "Enabled",
        KeyState::Disabled => "Disabled",
        KeyState::PendingDeletion { .. } => "PendingDeletion",
    };
    let mut out = json!({
        "AWSAccountId": cloud.account,
        "KeyId": key.id,
        "Arn": key.arn(cloud),
        "CreationDate": key.created.seconds(),
        "Enabled": key.state == KeyState::Enabled,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": name,
        "Origin": "AWS_KMS",
        "KeyManager": if key.managed { "AWS" } else { "CUSTOMER" },
        "KeySpec": "SYMMETRIC_DEFAULT",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": key.primary.is_some(),
    });
    if let KeyState::PendingDeletion { at } = key.state {
        out["DeletionDate"] = at.seconds().into();
    }
    if let Some(primary) = key.primary {
        let place = |region: Region| json!({"Arn": super::key::arn(cloud, region, &key.id), "Region": region.as_str()});
        let replicas: Vec<_> = state
            .keys
            .values()
            .filter(|other| other.id == key.id && other.region != primary)
            .map(|other| place(other.region))
            .collect();
        out["MultiRegionConfiguration"] = json!({
            "MultiRegionKeyType": if key.region == primary { "PRIMARY" } else { "REPLICA" },
            "PrimaryKey": place(primary),
            "ReplicaKeys": replicas,
        });
    }
    out
}
