//! BatchGetItem and BatchWriteItem: many items, each by itself; nothing is ever left unprocessed here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::capacity::{ConsumedCapacity, read_units};
use super::query::Items;
use super::request::{Names, OnFailure, ReturnCapacity, ReturnMetrics, authorize, parse, table_name};
use super::write::{self, Action, Plan, Refused, Write};
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::expr::{self, Bindings};
use crate::services::dynamodb::key::Key;
use crate::services::dynamodb::state::{Access, State};
use crate::services::dynamodb::value::{Item, item_size};
use crate::services::dynamodb::version::Stamp;
use crate::wire::{AwsError, Request, Response, json};

/// API reference: at most 100 items in BatchGetItem, 25 in BatchWriteItem, 16 MB in an answer.
const GETS_MAX: usize = 100;
const WRITES_MAX: usize = 25;
const ANSWER_BYTES: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchGet {
    request_items: BTreeMap<String, KeysAndAttributes>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeysAndAttributes {
    keys: Vec<Item>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    consistent_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_names: Names,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchGot {
    responses: BTreeMap<String, Items>,
    unprocessed_keys: BTreeMap<String, KeysAndAttributes>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumed_capacity: Vec<ConsumedCapacity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchWrite {
    request_items: BTreeMap<String, Vec<WriteRequest>>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _return_item_collection_metrics: ReturnMetrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WriteRequest {
    put_request: Option<PutRequest>,
    delete_request: Option<DeleteRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRequest {
    item: Item,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteRequest {
    key: Item,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchWritten {
    unprocessed_items: BTreeMap<String, ()>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumed_capacity: Vec<ConsumedCapacity>,
}

pub fn get(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: BatchGet = parse(request)?;
    for name in request.request_items.keys() {
        authorize(call, "dynamodb:BatchGetItem", table_name(name)?)?;
    }
    check_count(request.request_items.values().map(|asked| asked.keys.len()).sum(), GETS_MAX, "BatchGetItem")?;
    let mut answer =
        BatchGot { responses: BTreeMap::new(), unprocessed_keys: BTreeMap::new(), consumed_capacity: Vec::new() };
    let mut bytes_left = ANSWER_BYTES;
    for (name, asked) in request.request_items {
        let (items, rest, units) = get_of_table(dynamodb, call, table_name(&name)?, asked, &mut bytes_left)?;
        let consumed = ConsumedCapacity::of_table(request.return_consumed_capacity, table_name(&name)?, units);
        answer.consumed_capacity.extend(consumed);
        answer.responses.insert(name.clone(), Items(items));
        answer.unprocessed_keys.extend(rest.map(|rest| (name, rest)));
    }
    json::ok("1.0", &call.request_id, &answer)
}

type OfTable = (Vec<Arc<Item>>, Option<KeysAndAttributes>, f64);

fn get_of_table(
    dynamodb: &DynamoDb,
    call: &Call,
    name: &str,
    mut asked: KeysAndAttributes,
    bytes_left: &mut usize,
) -> Result<OfTable, AwsError> {
    let mut state = dynamodb.lock();
    let (table, cache) = state.open(call, name, Access::reading(asked.consistent_read))?;
    let projection = asked.projection_expression.as_deref().map(|text| cache.projection(text)).transpose()?;
    let bindings = Bindings::new(asked.expression_attribute_names.as_ref(), None)?;
    match &projection {
        Some(projection) => {
            bindings.check_defined("ProjectionExpression", projection)?;
            bindings.check_used(&[(&projection.names, &projection.values)])?;
        }
        None => bindings.check_used(&[])?,
    }
    let keys: Vec<Key> = asked.keys.iter().map(|key| Key::exactly(&table.keys, key)).collect::<Result<_, _>>()?;
    if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
        return Err(AwsError::validation("Provided list of item keys contains duplicates"));
    }
    let (mut items, mut units, mut read) = (Vec::new(), 0.0, 0);
    for key in &keys {
        let item = table.stored(call.region, key).map(|(item, _)| item);
        let size = item.map_or(0, |item| item_size(item));
        if size > *bytes_left {
            break;
        }
        *bytes_left -= size;
        read += 1;
        units += read_units(size, asked.consistent_read);
        items.extend(match (item, &projection) {
            (Some(item), Some(projection)) => Some(Arc::new(expr::project(item, &projection.tree, &bindings)?)),
            (item, _) => item.cloned(),
        });
    }
    asked.keys.drain(..read);
    let rest = (!asked.keys.is_empty()).then_some(asked);
    Ok((items, rest, units))
}

pub fn write(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: BatchWrite = parse(request)?;
    for name in request.request_items.keys() {
        authorize(call, "dynamodb:BatchWriteItem", table_name(name)?)?;
    }
    check_count(request.request_items.values().map(Vec::len).sum(), WRITES_MAX, "BatchWriteItem")?;
    let consumed_capacity = dynamodb.change(&call.cloud, |state| {
        let mut plans = Vec::new();
        for (name, writes) in request.request_items {
            let name = table_name(&name)?.to_owned();
            plans.push((plan_table(state, call, &name, writes)?, name));
        }
        commit(state, call, &plans, request.return_consumed_capacity)
    })?;
    json::ok("1.0", &call.request_id, &BatchWritten { unprocessed_items: BTreeMap::new(), consumed_capacity })
}

/// Plans the writes of one table; a bad one refuses the whole batch before anything is written.
fn plan_table(state: &mut State, call: &Call, name: &str, writes: Vec<WriteRequest>) -> Result<Vec<Plan>, AwsError> {
    let stamp = Stamp::now(&call.cloud, call.region);
    let (table, cache) = state.open(call, name, Access::Write)?;
    let mut plans: Vec<Plan> = Vec::with_capacity(writes.len());
    for write in writes {
        let action = match (write.put_request, write.delete_request) {
            (Some(put), None) => Action::Put(put.item),
            (None, Some(delete)) => Action::Delete(delete.key),
            _ => {
                return Err(AwsError::validation(
                    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of PutRequest \
                     and DeleteRequest",
                ));
            }
        };
        let write = Write { action, condition: None, names: None, values: None, on_failure: OnFailure::None };
        plans.push(write::plan(table, cache, stamp, write).map_err(Refused::into_error)?);
    }
    if plans.iter().map(|plan| &plan.key).collect::<BTreeSet<_>>().len() != plans.len() {
        return Err(AwsError::validation("Provided list of item keys contains duplicates"));
    }
    Ok(plans)
}

fn commit(
    state: &mut State,
    call: &Call,
    plans: &[(Vec<Plan>, String)],
    wanted: ReturnCapacity,
) -> Result<Vec<ConsumedCapacity>, AwsError> {
    let stamp = Stamp::now(&call.cloud, call.region);
    let mut consumed = Vec::new();
    let mut waking = Vec::new();
    for (plans, name) in plans {
        let (table, _) = state.open(call, name, Access::Local)?;
        if wanted != ReturnCapacity::None {
            let units = plans.iter().map(|plan| plan.units(table)).sum();
            consumed.extend(ConsumedCapacity::of_table(wanted, name, units));
        }
        for plan in plans {
            waking.extend(write::commit(table, stamp, plan));
        }
    }
    state.waking.extend(waking);
    Ok(consumed)
}

fn check_count(count: usize, most: usize, operation: &str) -> Result<(), AwsError> {
    match count {
        0 => Err(AwsError::validation(
            "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        )),
        count if count > most => {
            Err(AwsError::validation(format!("Too many items requested for the {operation} call")))
        }
        _ => Ok(()),
    }
}
