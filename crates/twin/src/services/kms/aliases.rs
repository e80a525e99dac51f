//! Aliases: Regional names for keys.

use serde_json::{Value, json};

use super::Kms;
use super::key::{Alias, State};
use crate::Cloud;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::{AwsError, Members, Request};

pub(super) fn run(kms: &Kms, call: &Call, operation: &str, request: &Request) -> Result<Value, AwsError> {
    match operation {
        "CreateAlias" | "UpdateAlias" => {
            let input = Members::read(request, &["AliasName", "TargetKeyId"])?;
            let (alias, key) = (input.require("AliasName")?, input.require("TargetKeyId")?);
            call.authorize(&format!("kms:{operation}"), &call.arn("kms", alias))?;
            put(kms, &call.cloud, call.region, alias, key, operation == "UpdateAlias")?;
            Ok(json!({}))
        }
        "DeleteAlias" => {
            let input = Members::read(request, &["AliasName"])?;
            let alias = input.require("AliasName")?;
            call.authorize("kms:DeleteAlias", &call.arn("kms", alias))?;
            remove(kms, &call.cloud, call.region, alias)?;
            Ok(json!({}))
        }
        _ => {
            let input = Members::read(request, &["KeyId", "Limit", "Marker"])?;
            call.authorize("kms:ListAliases", "*")?;
            list(kms, call, input.text("KeyId"))
        }
    }
}

/// Points an alias at a key of the same Region.
pub(super) fn put(
    kms: &Kms,
    cloud: &Cloud,
    region: Region,
    alias: &str,
    key: &str,
    exists: bool,
) -> Result<(), AwsError> {
    let plain = alias.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && !name.starts_with("aws/"));
    if !plain {
        let message = format!("{alias:?} is no alias name: it begins with \"alias/\" and not with \"alias/aws/\"");
        return Err(AwsError::bad_request("InvalidAliasNameException", message));
    }
    let mut state = kms.lock();
    let key_id = state.find_mut(cloud, region, key)?.id.clone();
    let at = (region, alias.to_owned());
    if exists && !state.aliases.contains_key(&at) {
        return Err(missing(cloud, region, alias));
    }
    if !exists && state.aliases.contains_key(&at) {
        let message = format!("An alias with the name arn:aws:kms:{region}:{}:{alias} already exists", cloud.account);
        return Err(AwsError::bad_request("AlreadyExistsException", message));
    }
    state.aliases.insert(at, Alias { key_id, created: cloud.clock.now() });
    Ok(())
}

pub(super) fn remove(kms: &Kms, cloud: &Cloud, region: Region, alias: &str) -> Result<(), AwsError> {
    let removed = kms.lock().aliases.remove(&(region, alias.to_owned()));
    removed.map(drop).ok_or_else(|| missing(cloud, region, alias))
}

fn missing(cloud: &Cloud, region: Region, alias: &str) -> AwsError {
    let message = format!("Alias arn:aws:kms:{region}:{}:{alias} is not found.", cloud.account);
    AwsError::bad_request("NotFoundException", message)
}

fn list(kms: &Kms, call: &Call, key: Option<&str>) -> Result<Value, AwsError> {
    let mut state = kms.lock();
    let only = key.map(|key| state.find_mut(&call.cloud, call.region, key).map(|key| key.id.clone())).transpose()?;
    Ok(json!({"Aliases": entries(&state, call, only.as_deref()), "Truncated": false}))
}

fn entries(state: &State, call: &Call, only: Option<&str>) -> Vec<Value> {
    let in_region = state.aliases.iter().filter(|((region, _), _)| *region == call.region);
    in_region
        .filter(|(_, alias)| only.is_none_or(|only| only == alias.key_id))
        .map(|((_, name), alias)| {
            json!({
                "AliasName": name,
                "AliasArn": call.arn("kms", name),
                "TargetKeyId": alias.key_id,
                "CreationDate": alias.created.seconds(),
                "LastUpdatedDate": alias.created.seconds(),
            })
        })
        .collect()
}
