//! CreateTable, DescribeTable, DeleteTable, ListTables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::describe::describe as description;
use super::request::{authorize, check_name, parse, table_name};
use super::shapes::{
    AttributeDefinition, BillingMode, CreateTable, IndexDefinition, KeySchemaElement, KeyType, ProjectionType,
    SseSpecification, StreamSpecification, Throughput,
};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::replica::{Replica, Settings};
use crate::services::dynamodb::schema::{Index, IndexKind, KeyAttribute, KeySchema, Projection};
use crate::services::dynamodb::stream::{Stream, View};
use crate::services::dynamodb::table::{Billing, Table};
use crate::wire::{AwsError, Request, Response, json};

/// How long a new table is CREATING. AWS gives no number; empty tables are commonly ACTIVE within ten seconds.
const CREATION: Duration = Duration::from_secs(8);
/// How long a table is DELETING; as above.
const DELETION: Duration = Duration::from_secs(5);
/// "The table was the source of a new replica in the last 24 hours" keeps it from being deleted (API reference).
const SOURCE_HOLD: Duration = Duration::from_secs(24 * 3_600);
/// "Up to 20 global secondary indexes per table", quotas page; 5 local ones.
const GLOBAL_INDEXES_MAX: usize = 20;
const LOCAL_INDEXES_MAX: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OneTable {
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTables {
    exclusive_start_table_name: Option<String>,
    limit: Option<usize>,
}

pub fn create(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: CreateTable = parse(request)?;
    authorize(call, "dynamodb:CreateTable", &request.table_name)?;
    let table = create_table(dynamodb, &call.cloud, call.region, request)?;
    json::ok("1.0", &call.request_id, &json!({ "TableDescription": table }))
}

/// Creates a table with its first replica; it turns ACTIVE when `CREATION` is over.
pub fn create_table(
    dynamodb: &DynamoDb,
    cloud: &Arc<Cloud>,
    region: Region,
    request: CreateTable,
) -> Result<Json, AwsError> {
    let now = cloud.clock.now();
    check_name("tableName", &request.table_name)?;
    let keys = key_schema(&request.key_schema, &request.attribute_definitions)?;
    let indexes = all_indexes(&request, &keys, now + CREATION)?;
    check_definitions(&request.attribute_definitions, &keys, &indexes)?;
    let billing = billing(request.billing_mode, request.provisioned_throughput)?;
    let stream = stream_view(request.stream_specification)?.map(|view| Stream::new(view, now));
    let settings = Settings {
        tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        deletion_protection: request.deletion_protection_enabled,
        table_class: request.table_class,
        kms_key: kms_key(request.sse_specification.as_ref(), cloud, region)?,
        ..Settings::default()
    };
    let name = request.table_name;
    dynamodb.change(cloud, |state| {
        if state.describe(region, &name, now).is_ok() {
            return Err(AwsError::bad_request("ResourceInUseException", format!("Table already exists: {name}")));
        }
        let mut replica = Replica::new(region, cloud.ids.uuid(), now, indexes.len());
        replica.active_at = Some(now + CREATION);
        replica.settings = settings;
        replica.stream = stream;
        let table = state.insert(region, |id| Table {
            id,
            name,
            keys,
            indexes,
            billing,
            time_to_live: None,
            strong: None,
            updated_at: now,
            replicas: BTreeMap::from([(region, replica)]),
            links: BTreeMap::new(),
            seeded_at: BTreeMap::new(),
        });
        Ok(description(table, &cloud.account, region, now))
    })
}

pub fn describe(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: OneTable = parse(request)?;
    let name = table_name(&request.table_name)?;
    authorize(call, "dynamodb:DescribeTable", name)?;
    let now = call.cloud.clock.now();
    let table = {
        let mut state = dynamodb.lock();
        description(state.describe(call.region, name, now)?, &call.cloud.account, call.region, now)
    };
    json::ok("1.0", &call.request_id, &json!({ "Table": table }))
}

pub fn delete(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: OneTable = parse(request)?;
    let name = table_name(&request.table_name)?;
    authorize(call, "dynamodb:DeleteTable", name)?;
    let table = delete_table(dynamodb, &call.cloud, call.region, name)?;
    json::ok("1.0", &call.request_id, &json!({ "TableDescription": table }))
}

/// Starts the deletion of a Region's table; other replicas stay.
pub fn delete_table(dynamodb: &DynamoDb, cloud: &Arc<Cloud>, region: Region, name: &str) -> Result<Json, AwsError> {
    let now = cloud.clock.now();
    let mut state = dynamodb.lock();
    let table = state.describe(region, name, now)?;
    if table.strong.is_some() {
        return Err(AwsError::validation(
            "A replica of a global table with multi-Region strong consistency cannot be deleted by itself: remove all \
             other members first",
        ));
    }
    check_not_source(table, region, now)?;
    let Some(replica) = table.replicas.get_mut(&region) else {
        return Err(AwsError::bad_request("ResourceNotFoundException", "Requested resource not found"));
    };
    if replica.settings.deletion_protection {
        return Err(AwsError::validation(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection \
             first.",
        ));
    }
    if replica.status(now) != "ACTIVE" {
        let message = format!("Attempt to change a resource which is still in use: Table is being changed: {name}");
        return Err(AwsError::bad_request("ResourceInUseException", message));
    }
    replica.gone_at = Some(now + DELETION);
    table.unlink(region);
    Ok(description(table, &cloud.account, region, now))
}

/// Refuses to remove a replica that others were filled from a short while ago.
pub fn check_not_source(table: &Table, region: Region, now: Timestamp) -> Result<(), AwsError> {
    let is_held = table.seeded_at.get(&region).is_some_and(|at| now.since(*at) < SOURCE_HOLD);
    if is_held && table.replicas.len() > 1 {
        return Err(AwsError::validation(
            "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the \
             table in the last 24 hours.",
        ));
    }
    Ok(())
}

pub fn list(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: ListTables = parse(request)?;
    call.authorize("dynamodb:ListTables", "*")?;
    let limit = request.limit.unwrap_or(100);
    if !(1..=100).contains(&limit) {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
             value less than or equal to 100 and greater than or equal to 1"
        )));
    }
    let now = call.cloud.clock.now();
    let mut names: Vec<String> = {
        let mut state = dynamodb.lock();
        let after = request.exclusive_start_table_name.unwrap_or_default();
        let all: Vec<String> = state.names.get(&call.region).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        all.into_iter().filter(|name| *name > after && state.describe(call.region, name, now).is_ok()).collect()
    };
    let last = (names.len() > limit).then(|| names[limit - 1].clone());
    names.truncate(limit);
    let answer = match last {
        Some(last) => json!({ "TableNames": names, "LastEvaluatedTableName": last }),
        None => json!({ "TableNames": names }),
    };
    json::ok("1.0", &call.request_id, &answer)
}

/// Keys with their types; `HASH` first.
pub fn key_schema(elements: &[KeySchemaElement], definitions: &[AttributeDefinition]) -> Result<KeySchema, AwsError> {
    let attribute = |element: &KeySchemaElement| {
        let name = &element.attribute_name;
        let defined = definitions.iter().find(|definition| definition.attribute_name == *name);
        let kind = defined.map(|definition| definition.attribute_type.name()).ok_or_else(|| {
            let known: Vec<&str> = definitions.iter().map(|known| known.attribute_name.as_str()).collect();
            invalid(&format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{name}], \
                 AttributeDefinitions: [{}]",
                known.join(", ")
            ))
        })?;
        Ok::<_, AwsError>(KeyAttribute { name: name.clone(), kind })
    };
    match elements {
        [hash] if hash.key_type == KeyType::Hash => Ok(KeySchema { partition: attribute(hash)?, sort: None }),
        [hash, range] if hash.key_type == KeyType::Hash && range.key_type == KeyType::Range => {
            if hash.attribute_name == range.attribute_name {
                return Err(invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name"));
            }
            Ok(KeySchema { partition: attribute(hash)?, sort: Some(attribute(range)?) })
        }
        [] => Err(AwsError::validation(
            "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        )),
        _ => Err(AwsError::validation(
            "Invalid KeySchema: The first KeySchemaElement must be a HASH key type, and the second, if there is one, a \
             RANGE key type",
        )),
    }
}

/// An index as it is defined.
pub fn index(
    kind: IndexKind,
    definition: &IndexDefinition,
    definitions: &[AttributeDefinition],
    active_at: Timestamp,
) -> Result<Index, AwsError> {
    check_name("indexName", &definition.index_name)?;
    let projection = match (definition.projection.projection_type, definition.projection.non_key_attributes.as_slice())
    {
        (None, _) => return Err(invalid("Unknown ProjectionType: null")),
        (Some(ProjectionType::Include), []) => {
            return Err(invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"));
        }
        (Some(ProjectionType::Include), names) => Projection::Include(names.to_vec()),
        (Some(ProjectionType::All), []) => Projection::All,
        (Some(ProjectionType::KeysOnly), []) => Projection::KeysOnly,
        (Some(_), _) => return Err(invalid("NonKeyAttributes are specified, but ProjectionType is not INCLUDE")),
    };
    let keys = key_schema(&definition.key_schema, definitions)?;
    Ok(Index { name: definition.index_name.clone(), kind, keys, projection, active_at })
}

fn all_indexes(request: &CreateTable, keys: &KeySchema, active_at: Timestamp) -> Result<Vec<Index>, AwsError> {
    let global = request.global_secondary_indexes.iter().map(|definition| (IndexKind::Global, definition));
    let local = request.local_secondary_indexes.iter().map(|definition| (IndexKind::Local, definition));
    let mut indexes: Vec<Index> = Vec::new();
    for (kind, definition) in global.chain(local) {
        let made = index(kind, definition, &request.attribute_definitions, active_at)?;
        if indexes.iter().any(|known| known.name == made.name) {
            return Err(invalid(&format!("Duplicate index name: {}", made.name)));
        }
        if kind == IndexKind::Local && (made.keys.partition != keys.partition || made.keys.sort.is_none()) {
            return Err(invalid(&format!(
                "Index KeySchema does not have a range key, or its hash key is not the table's, for index: {}",
                made.name
            )));
        }
        indexes.push(made);
    }
    if !request.local_secondary_indexes.is_empty() && keys.sort.is_none() {
        return Err(invalid(
            "Table KeySchema does not have a range key, which is required when specifying a \
                            LocalSecondaryIndex",
        ));
    }
    let (global, local) = (request.global_secondary_indexes.len(), request.local_secondary_indexes.len());
    if global > GLOBAL_INDEXES_MAX || local > LOCAL_INDEXES_MAX {
        return Err(invalid(&format!(
            "Number of indexes exceeds the limit of {GLOBAL_INDEXES_MAX} global and {LOCAL_INDEXES_MAX} local ones"
        )));
    }
    Ok(indexes)
}

/// Every defined attribute is a key of something, each once.
fn check_definitions(definitions: &[AttributeDefinition], keys: &KeySchema, indexes: &[Index]) -> Result<(), AwsError> {
    for (position, definition) in definitions.iter().enumerate() {
        let name = definition.attribute_name.as_str();
        if definitions[..position].iter().any(|other| other.attribute_name == name) {
            return Err(invalid("Duplicate AttributeName in AttributeDefinitions"));
        }
        let is_used = keys.names().chain(indexes.iter().flat_map(|index| index.keys.names())).any(|used| used == name);
        if !is_used {
            return Err(invalid(if indexes.is_empty() {
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions"
            } else {
                "Some AttributeDefinitions are not used as key attributes"
            }));
        }
    }
    Ok(())
}

pub fn billing(mode: Option<BillingMode>, throughput: Option<Throughput>) -> Result<Billing, AwsError> {
    match (mode, throughput) {
        (Some(BillingMode::PayPerRequest), None) => Ok(Billing::PayPerRequest),
        (Some(BillingMode::PayPerRequest), Some(_)) => Err(invalid(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (_, Some(Throughput { read_capacity_units: read, write_capacity_units: write })) if read > 0 && write > 0 => {
            Ok(Billing::Provisioned { read, write })
        }
        _ => Err(invalid(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
    }
}

pub fn stream_view(specification: Option<StreamSpecification>) -> Result<Option<View>, AwsError> {
    match specification {
        None | Some(StreamSpecification { stream_enabled: false, stream_view_type: None }) => Ok(None),
        Some(StreamSpecification { stream_enabled: true, stream_view_type: Some(view) }) => Ok(Some(view)),
        Some(StreamSpecification { stream_enabled: true, stream_view_type: None }) => {
            Err(invalid("StreamViewType is required when StreamEnabled is true"))
        }
        Some(_) => Err(invalid("StreamViewType cannot be specified when StreamEnabled is false")),
    }
}

/// The key of server-side encryption, where it is on; tables are else encrypted with a key AWS owns.
pub fn kms_key(
    specification: Option<&SseSpecification>,
    cloud: &Cloud,
    region: Region,
) -> Result<Option<String>, AwsError> {
    let Some(specification) = specification else { return Ok(None) };
    if specification.sse_type.as_deref().is_some_and(|kind| kind != "KMS") {
        return Err(invalid("SSEType AES256 is not supported"));
    }
    if !specification.enabled {
        return Ok(None);
    }
    let key = specification.kms_master_key_id.as_deref().unwrap_or("alias/aws/dynamodb");
    usable_key(cloud, region, key).map(Some)
}

/// The ARN of a key that can encrypt in this Region: a replica needs one of its own Region.
pub fn usable_key(cloud: &Cloud, region: Region, key: &str) -> Result<String, AwsError> {
    let found = cloud.kms.usable(cloud, region, key);
    found.map_err(|error| invalid(&format!("KMSMasterKeyId {key:?} cannot be used in {region}: {}", error.message)))
}

fn invalid(why: &str) -> AwsError {
    AwsError::validation(format!("One or more parameter values were invalid: {why}"))
}
