//! Properties that set something on a Region's replica: tags, expiry, recovery, protection.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::steps;
use crate::formation::{ResourceContext, ResourceError, optional_text};
use crate::region::Region;
use crate::services::dynamodb::table::TimeToLive;

/// The tags of a resource over those of its stack.
pub fn tags(cx: &ResourceContext, properties: &Value) -> BTreeMap<String, String> {
    let own = list(properties, "Tags").iter().filter_map(|tag| {
        Some((optional_text(tag, "Key")?.to_owned(), optional_text(tag, "Value").unwrap_or_default().to_owned()))
    });
    cx.stack_tags.iter().cloned().chain(own).collect()
}

/// Sets on a Region's replica what `properties` of a table, or of one of its replicas, say.
pub fn apply(cx: &ResourceContext, name: &str, region: Region, properties: &Value) -> Result<(), ResourceError> {
    let tags = tags(cx, properties);
    let recovery = properties.get("PointInTimeRecoverySpecification");
    let days = recovery.and_then(|recovery| recovery.get("RecoveryPeriodInDays")).and_then(Value::as_u64);
    steps::set(cx, name, region, |table, region| {
        let Some(replica) = table.replicas.get_mut(&region) else { return };
        let settings = &mut replica.settings;
        settings.tags = tags;
        settings.deletion_protection = flag(Some(properties), "DeletionProtectionEnabled");
        settings.point_in_time_recovery = flag(recovery, "PointInTimeRecoveryEnabled");
        settings.recovery_period_days = days.and_then(|days| u32::try_from(days).ok());
        settings.table_class = optional_text(properties, "TableClass").map(str::to_owned);
    })
}

/// Sets the attribute items expire by, which all replicas share.
pub fn apply_time_to_live(cx: &ResourceContext, name: &str, properties: &Value) -> Result<(), ResourceError> {
    let time_to_live = properties.get("TimeToLiveSpecification").map(|specification| TimeToLive {
        attribute: optional_text(specification, "AttributeName").unwrap_or_default().to_owned(),
        is_enabled: flag(Some(specification), "Enabled"),
    });
    if time_to_live.as_ref().is_some_and(|wanted| wanted.is_enabled && wanted.attribute.is_empty()) {
        return Err(ResourceError("TimeToLiveSpecification is enabled and names no AttributeName".to_owned()));
    }
    let dynamodb = &cx.cloud.dynamodb;
    let now = cx.cloud.clock.now();
    dynamodb.change(&cx.cloud, |state| {
        let waking = state.describe(cx.region, name, now)?.set_time_to_live(dynamodb.seed, time_to_live, now);
        state.waking.extend(waking);
        Ok(())
    })
}

/// StreamSpecification as the API has it; a template never says `StreamEnabled`.
pub fn stream(properties: &Value) -> Option<Value> {
    let view = properties.get("StreamSpecification")?.get("StreamViewType")?;
    Some(json!({ "StreamEnabled": true, "StreamViewType": view }))
}

/// Indexes with the members the API has.
pub fn indexes(properties: &Value, name: &str) -> Vec<Value> {
    let members = ["IndexName", "KeySchema", "Projection", "ProvisionedThroughput"];
    list(properties, name).iter().map(|index| steps::pick(index, &members).into()).collect()
}

pub fn list<'a>(properties: &'a Value, name: &str) -> &'a [Value] {
    properties.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub fn flag(properties: Option<&Value>, name: &str) -> bool {
    properties.and_then(|properties| properties.get(name)).and_then(Value::as_bool).unwrap_or(false)
}

/// The one index to create or delete between two versions of a template: CloudFormation takes one at a time.
pub fn index_update(old: &Value, new: &Value) -> Result<Option<Value>, ResourceError> {
    let name = |index: &Value| optional_text(index, "IndexName").unwrap_or_default().to_owned();
    let by_name = |properties| -> BTreeMap<String, Value> {
        indexes(properties, "GlobalSecondaryIndexes").into_iter().map(|index| (name(&index), index)).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let mut updates = Vec::new();
    for (name, index) in &before {
        match after.get(name) {
            None => updates.push(json!({ "Delete": { "IndexName": name } })),
            Some(now) if (&now["KeySchema"], &now["Projection"]) != (&index["KeySchema"], &index["Projection"]) => {
                return Err(ResourceError(format!(
                    "the KeySchema or Projection of index {name} cannot be changed: give the new index another name"
                )));
            }
            Some(_) => {}
        }
    }
    let added = after.iter().filter(|(name, _)| !before.contains_key(*name));
    updates.extend(added.map(|(_, index)| json!({ "Create": index })));
    if updates.len() > 1 {
        return Err(ResourceError(
            "Cannot perform more than one GSI creation or deletion in a single update".to_owned(),
        ));
    }
    Ok(updates.pop())
}
