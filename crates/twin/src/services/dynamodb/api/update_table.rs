//! UpdateTable: indexes, streams, billing, and the Regions a table is in.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::describe::describe;
use super::replicas;
use super::request::{authorize, parse, table_name};
use super::shapes::{
    AttributeDefinition, BillingMode, IndexDefinition, ScalarType, SseSpecification, StreamSpecification, Throughput,
};
use super::tables::{billing, index, kms_key, stream_view};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::replication;
use crate::services::dynamodb::schema::IndexKind;
use crate::services::dynamodb::table::Table;
use crate::wire::{AwsError, Request, Response, json};

/// How long a new index of a small table is CREATING, and any other change UPDATING. AWS gives no numbers; a few
/// minutes and a few seconds are what small tables commonly take.
const INDEX_CREATION: Duration = Duration::from_secs(120);
pub const CHANGE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateTable {
    pub table_name: String,
    #[serde(default)]
    pub attribute_definitions: Vec<AttributeDefinition>,
    pub billing_mode: Option<BillingMode>,
    pub provisioned_throughput: Option<Throughput>,
    #[serde(default)]
    pub global_secondary_index_updates: Vec<IndexUpdate>,
    pub stream_specification: Option<StreamSpecification>,
    #[serde(rename = "SSESpecification")]
    pub sse_specification: Option<SseSpecification>,
    #[serde(default)]
    pub replica_updates: Vec<ReplicaUpdate>,
    pub multi_region_consistency: Option<Consistency>,
    #[serde(default)]
    pub global_table_witness_updates: Vec<WitnessUpdate>,
    pub table_class: Option<String>,
    pub deletion_protection_enabled: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IndexUpdate {
    pub create: Option<IndexDefinition>,
    pub delete: Option<IndexName>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IndexName {
    pub index_name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReplicaUpdate {
    pub create: Option<ReplicaRegion>,
    pub update: Option<ReplicaRegion>,
    pub delete: Option<ReplicaRegion>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReplicaRegion {
    pub region_name: String,
    #[serde(rename = "KMSMasterKeyId")]
    pub kms_master_key_id: Option<String>,
    pub table_class_override: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Consistency {
    Eventual,
    Strong,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct WitnessUpdate {
    pub create: Option<WitnessRegion>,
    pub delete: Option<WitnessRegion>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct WitnessRegion {
    pub region_name: String,
}

pub fn update(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let mut request: UpdateTable = parse(request)?;
    request.table_name = table_name(&request.table_name)?.to_owned();
    authorize(call, "dynamodb:UpdateTable", &request.table_name)?;
    let table = update_table(dynamodb, &call.cloud, call.region, request)?;
    json::ok("1.0", &call.request_id, &json!({ "TableDescription": table }))
}

/// Changes a table; everything is checked before anything changes.
pub fn update_table(
    dynamodb: &DynamoDb,
    cloud: &Arc<Cloud>,
    region: Region,
    request: UpdateTable,
) -> Result<serde_json::Value, AwsError> {
    let now = cloud.clock.now();
    let opening;
    let shown = {
        let mut state = dynamodb.lock();
        let table = state.describe(region, &request.table_name, now)?;
        if table.replicas.get(&region).is_none_or(|replica| !replica.is_active(now)) || table.updated_at > now {
            let message = format!(
                "Attempt to change a resource which is still in use: Table is being updated: {}",
                request.table_name
            );
            return Err(AwsError::bad_request("ResourceInUseException", message));
        }
        change_settings(table, cloud, region, &request, now)?;
        for update in &request.global_secondary_index_updates {
            change_index(table, update, &request.attribute_definitions, now)?;
        }
        let id = table.id;
        opening = replicas::change(&mut state, cloud, (region, id), &request, now)?;
        let table = state.describe(region, &request.table_name, now)?;
        describe(table, &cloud.account, region, now)
    };
    for (table, to) in opening {
        replication::open(cloud, table, region, to);
    }
    Ok(shown)
}

fn change_settings(
    table: &mut Table,
    cloud: &Cloud,
    region: Region,
    request: &UpdateTable,
    now: Timestamp,
) -> Result<(), AwsError> {
    if request.billing_mode.is_some() || request.provisioned_throughput.is_some() {
        table.billing = billing(request.billing_mode, request.provisioned_throughput)?;
        table.updated_at = now + CHANGE;
    }
    if let Some(specification) = request.stream_specification {
        let view = stream_view(Some(specification))?;
        match (table.stream_view(), view) {
            (Some(_), Some(_)) => {
                return Err(AwsError::validation("Table already has an enabled stream: delete it before another"));
            }
            (None, None) => return Err(AwsError::validation("Table does not have a stream to be disabled")),
            (Some(_), None) if table.replicas.len() > 1 => {
                return Err(AwsError::validation("Streams cannot be disabled while the table has replicas"));
            }
            (_, view) => table.set_stream(view, now),
        }
        table.updated_at = now + CHANGE;
    }
    if let Some(replica) = table.replicas.get_mut(&region) {
        let settings = &mut replica.settings;
        if request.sse_specification.is_some() {
            settings.kms_key = kms_key(request.sse_specification.as_ref(), cloud, region)?;
        }
        if request.table_class.is_some() {
            settings.table_class.clone_from(&request.table_class);
        }
        if let Some(protect) = request.deletion_protection_enabled {
            settings.deletion_protection = protect;
        }
    }
    Ok(())
}

fn change_index(
    table: &mut Table,
    update: &IndexUpdate,
    given: &[AttributeDefinition],
    now: Timestamp,
) -> Result<(), AwsError> {
    if let Some(definition) = &update.create {
        if table.index(&definition.index_name).is_some() {
            let why = format!(
                "One or more parameter values were invalid: Attempting to create an index which already exists: {}",
                definition.index_name
            );
            return Err(AwsError::validation(why));
        }
        let made = index(IndexKind::Global, definition, &definitions(table, given), now + INDEX_CREATION)?;
        table.replicas.values_mut().for_each(|replica| replica.add_index(&made));
        table.indexes.push(made);
    }
    if let Some(IndexName { index_name }) = &update.delete {
        let found = table.index(index_name).filter(|(_, index)| index.kind == IndexKind::Global).map(|(at, _)| at);
        let at = found.ok_or_else(|| {
            AwsError::bad_request("ResourceNotFoundException", format!("Requested resource not found: {index_name}"))
        })?;
        table.indexes.remove(at);
        for replica in table.replicas.values_mut() {
            replica.indexes.remove(at);
        }
    }
    table.updated_at = now + CHANGE;
    Ok(())
}

/// What the request defines, and what the table's keys already are.
fn definitions(table: &Table, given: &[AttributeDefinition]) -> Vec<AttributeDefinition> {
    let known = table.keys.attributes().chain(table.indexes.iter().flat_map(|index| index.keys.attributes()));
    let known = known.map(|attribute| AttributeDefinition {
        attribute_name: attribute.name.clone(),
        attribute_type: match attribute.kind {
            "N" => ScalarType::N,
            "B" => ScalarType::B,
            _ => ScalarType::S,
        },
    });
    given.iter().cloned().chain(known).collect()
}
