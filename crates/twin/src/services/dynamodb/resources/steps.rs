//! What both types do on the way: create, change, wait, describe, delete.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::formation::{Created, ResourceContext, ResourceError};
use crate::region::Region;
use crate::services::dynamodb::api::{CreateTable, UpdateTable, create_table, delete_table, update_table};
use crate::services::dynamodb::replica::Replica;
use crate::services::dynamodb::table::Table;
use crate::wire::AwsError;

/// How often a table that is not ready is looked at, and how long in all before the resource has failed.
const POLL: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

/// Creates a table from a request that has CreateTable's members, and waits until it is ACTIVE.
pub async fn create(cx: &ResourceContext, request: Value) -> Result<(), ResourceError> {
    let request: CreateTable = shape(request)?;
    let name = request.table_name.clone();
    create_table(&cx.cloud.dynamodb, &cx.cloud, cx.region, request)?;
    wait(cx, &name, cx.region, true).await
}

/// One UpdateTable, from its members, waited for.
pub async fn update(cx: &ResourceContext, request: Value) -> Result<(), ResourceError> {
    let request: UpdateTable = shape(request)?;
    let name = request.table_name.clone();
    update_table(&cx.cloud.dynamodb, &cx.cloud, cx.region, request)?;
    wait(cx, &name, cx.region, true).await
}

/// Adds a Region, changes or removes it, and waits until that is done.
pub async fn change_replica(
    cx: &ResourceContext,
    name: &str,
    change: &str,
    region: Region,
    kms_key: Option<&str>,
) -> Result<(), ResourceError> {
    let mut wanted = json!({ "RegionName": region });
    if let Some(key) = kms_key {
        wanted["KMSMasterKeyId"] = key.into();
    }
    let request = json!({ "TableName": name, "ReplicaUpdates": [{ change: wanted }] });
    update_table(&cx.cloud.dynamodb, &cx.cloud, cx.region, shape(request)?)?;
    wait(cx, name, region, change != "Delete").await?;
    if change == "Create" { wait(cx, name, cx.region, true).await } else { Ok(()) }
}

/// Makes a table strongly consistent with these Regions and witnesses, and waits until all stand.
pub async fn form(
    cx: &ResourceContext,
    name: &str,
    others: &[(Region, Option<&str>)],
    witnesses: &[Region],
) -> Result<(), ResourceError> {
    let replicas: Vec<Value> = others
        .iter()
        .map(|(region, key)| match key {
            Some(key) => json!({ "Create": { "RegionName": region, "KMSMasterKeyId": key } }),
            None => json!({ "Create": { "RegionName": region } }),
        })
        .collect();
    let witnesses: Vec<Value> = witnesses.iter().map(|one| json!({ "Create": { "RegionName": one } })).collect();
    let request = json!({
        "TableName": name, "MultiRegionConsistency": "STRONG",
        "ReplicaUpdates": replicas, "GlobalTableWitnessUpdates": witnesses,
    });
    update(cx, request).await?;
    for (region, _) in others {
        wait(cx, name, *region, true).await?;
    }
    Ok(())
}

/// Takes all other members from a strongly consistent table, and waits until they are gone.
pub async fn dissolve(
    cx: &ResourceContext,
    name: &str,
    others: &[Region],
    witness: Option<Region>,
) -> Result<(), ResourceError> {
    let delete = |region: &Region| json!({ "Delete": { "RegionName": region } });
    let replicas: Vec<Value> = others.iter().map(delete).collect();
    let witnesses: Vec<Value> = witness.iter().map(delete).collect();
    let request = json!({ "TableName": name, "ReplicaUpdates": replicas, "GlobalTableWitnessUpdates": witnesses });
    update(cx, request).await?;
    for region in others {
        wait(cx, name, *region, false).await?;
    }
    Ok(())
}

/// Deletes the Region's table and waits until it is gone; one that is gone already is fine.
pub async fn delete(cx: &ResourceContext, name: &str) -> Result<(), ResourceError> {
    match delete_table(&cx.cloud.dynamodb, &cx.cloud, cx.region, name) {
        Err(error) if error.code == "ResourceNotFoundException" => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => wait(cx, name, cx.region, false).await,
    }
}

/// Waits until a Region's replica is ACTIVE and nothing changes, or until it is gone.
async fn wait(cx: &ResourceContext, name: &str, region: Region, wants_active: bool) -> Result<(), ResourceError> {
    let deadline = cx.cloud.clock.now() + PATIENCE;
    loop {
        let now = cx.cloud.clock.now();
        let is_done = {
            let mut state = cx.cloud.dynamodb.lock();
            match state.describe(region, name, now) {
                Ok(table) => wants_active && is_settled(table, region, now),
                Err(_) => !wants_active,
            }
        };
        if is_done {
            return Ok(());
        }
        if now >= deadline {
            let wanted = if wants_active { "ACTIVE" } else { "deleted" };
            return Err(ResourceError(format!(
                "table {name} in {region} was not {wanted} after {} minutes; can the Regions reach each other?",
                PATIENCE.as_secs() / 60
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

fn is_settled(table: &Table, region: Region, now: Timestamp) -> bool {
    let is_active = |replica: &Replica| replica.is_active(now) && replica.updated_at <= now;
    table.replicas.get(&region).is_some_and(is_active)
        && table.updated_at <= now
        && table.indexes.iter().all(|index| index.active_at <= now)
}

/// Changes what a Region's replica is set to.
pub fn set(
    cx: &ResourceContext,
    name: &str,
    region: Region,
    change: impl FnOnce(&mut Table, Region),
) -> Result<(), ResourceError> {
    let mut state = cx.cloud.dynamodb.lock();
    change(state.describe(region, name, cx.cloud.clock.now())?, region);
    Ok(())
}

/// What the resource is once it exists.
pub fn created(cx: &ResourceContext, name: &str) -> Result<Created, ResourceError> {
    let mut state = cx.cloud.dynamodb.lock();
    let table = state.describe(cx.region, name, cx.cloud.clock.now())?;
    let arn = cx.arn("dynamodb", &format!("table/{name}"));
    let mut created = Created::new(name);
    if let Some(replica) = table.replicas.get(&cx.region) {
        created = created.with("TableId", replica.id.clone());
        if let Some(stream) = &replica.stream {
            created = created.with("StreamArn", format!("{arn}/stream/{}", stream.label));
        }
    }
    Ok(created.with("Arn", arn))
}

/// The members of these names, where they are given.
pub fn pick(properties: &Value, names: &[&str]) -> Map<String, Value> {
    let given = names.iter().filter_map(|name| Some(((*name).to_owned(), properties.get(name)?.clone())));
    given.collect()
}

fn shape<T: DeserializeOwned>(request: Value) -> Result<T, ResourceError> {
    serde_json::from_value(request).map_err(|error| {
        // What the engine's spec lets through and the API does not, such as an unknown BillingMode.
        ResourceError::from(AwsError::validation(format!("the properties make no valid request: {error}")))
    })
}
