//! PutItem, GetItem, UpdateItem, DeleteItem.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::capacity::{ConsumedCapacity, read_units};
use super::request::{
    Names, OnFailure, ReturnCapacity, ReturnMetrics, ReturnValues, Values, authorize, parse, table_name,
};
use super::write::{self, Action, Plan, Refused, Write};
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::expr::{self, Bindings, Cache};
use crate::services::dynamodb::key::Key;
use crate::services::dynamodb::state::Access;
use crate::services::dynamodb::table::Table;
use crate::services::dynamodb::value::{Item, item_size};
use crate::services::dynamodb::version::Stamp;
use crate::wire::{AwsError, Request, Response, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutItem {
    table_name: String,
    item: Item,
    condition_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Values,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _return_item_collection_metrics: ReturnMetrics,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateItem {
    table_name: String,
    key: Item,
    update_expression: Option<String>,
    condition_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Values,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _return_item_collection_metrics: ReturnMetrics,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteItem {
    table_name: String,
    key: Item,
    condition_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Values,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _return_item_collection_metrics: ReturnMetrics,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetItem {
    table_name: String,
    key: Item,
    #[serde(default)]
    consistent_read: bool,
    projection_expression: Option<String>,
    expression_attribute_names: Names,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<&'a ConsumedCapacity>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Got<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed_capacity: Option<ConsumedCapacity>,
}

pub fn put(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: PutItem = parse(request)?;
    let table = table_name(&request.table_name)?;
    authorize(call, "dynamodb:PutItem", table)?;
    only_old(request.return_values)?;
    let write = Write {
        action: Action::Put(request.item),
        condition: request.condition_expression,
        names: request.expression_attribute_names,
        values: request.expression_attribute_values,
        on_failure: request.return_values_on_condition_check_failure,
    };
    let done = perform(dynamodb, call, table, |_, _| Ok(write), request.return_consumed_capacity)?;
    done.answer(call, request.return_values, &None)
}

pub fn update(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: UpdateItem = parse(request)?;
    let table = table_name(&request.table_name)?;
    authorize(call, "dynamodb:UpdateItem", table)?;
    let wants_touched = matches!(request.return_values, ReturnValues::UpdatedOld | ReturnValues::UpdatedNew);
    let names = if wants_touched { request.expression_attribute_names.clone() } else { None };
    let write = Write {
        action: Action::Update { key: request.key, expression: request.update_expression },
        condition: request.condition_expression,
        names: request.expression_attribute_names,
        values: request.expression_attribute_values,
        on_failure: request.return_values_on_condition_check_failure,
    };
    let done = perform(dynamodb, call, table, |_, _| Ok(write), request.return_consumed_capacity)?;
    done.answer(call, request.return_values, &names)
}

pub fn delete(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: DeleteItem = parse(request)?;
    let table = table_name(&request.table_name)?;
    authorize(call, "dynamodb:DeleteItem", table)?;
    only_old(request.return_values)?;
    let write = Write {
        action: Action::Delete(request.key),
        condition: request.condition_expression,
        names: request.expression_attribute_names,
        values: request.expression_attribute_values,
        on_failure: request.return_values_on_condition_check_failure,
    };
    let done = perform(dynamodb, call, table, |_, _| Ok(write), request.return_consumed_capacity)?;
    done.answer(call, request.return_values, &None)
}

pub fn get(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: GetItem = parse(request)?;
    let table = table_name(&request.table_name)?;
    authorize(call, "dynamodb:GetItem", table)?;
    let bindings = Bindings::new(request.expression_attribute_names.as_ref(), None)?;
    let (item, projection) = {
        let mut state = dynamodb.lock();
        let (found, cache) = state.open(call, table, Access::reading(request.consistent_read))?;
        let projection = request.projection_expression.map(|text| cache.projection(&text)).transpose()?;
        let key = Key::exactly(&found.keys, &request.key)?;
        (found.stored(call.region, &key).map(|(item, _)| item.clone()), projection)
    };
    let projected: Option<Arc<Item>> = match projection {
        Some(projection) => {
            bindings.check_defined("ProjectionExpression", &projection)?;
            bindings.check_used(&[(&projection.names, &projection.values)])?;
            let project = |item: &Arc<Item>| expr::project(item, &projection.tree, &bindings).map(Arc::new);
            item.as_ref().map(project).transpose()?
        }
        None => {
            bindings.check_used(&[])?;
            item.clone()
        }
    };
    let consumed_capacity = match request.return_consumed_capacity {
        ReturnCapacity::None => None,
        wanted => {
            let units = read_units(item.as_deref().map_or(0, item_size), request.consistent_read);
            ConsumedCapacity::of_table(wanted, table, units)
        }
    };
    json::ok("1.0", &call.request_id, &Got { item: projected.as_deref(), consumed_capacity })
}

/// A write that was done.
pub struct Done {
    plan: Plan,
    pub consumed_capacity: Option<ConsumedCapacity>,
}

/// Does a write that is made knowing its table.
pub fn perform(
    dynamodb: &DynamoDb,
    call: &Call,
    table: &str,
    make: impl FnOnce(&Table, &mut Cache) -> Result<Write, AwsError>,
    wanted: ReturnCapacity,
) -> Result<Done, AwsError> {
    let stamp = Stamp::now(&call.cloud, call.region);
    dynamodb.change(&call.cloud, |state| {
        let (found, cache) = state.open(call, table, Access::Write)?;
        let write = make(found, cache)?;
        let plan = write::plan(found, cache, stamp, write).map_err(Refused::into_error)?;
        let consumed_capacity = match wanted {
            ReturnCapacity::None => None,
            wanted => ConsumedCapacity::of_table(wanted, table, plan.units(found)),
        };
        let waking = write::commit(found, stamp, &plan);
        state.waking.extend(waking);
        Ok(Done { plan, consumed_capacity })
    })
}

impl Done {
    fn answer(self, call: &Call, wanted: ReturnValues, names: &Names) -> Result<Response, AwsError> {
        let attributes = self.attributes(wanted, names)?;
        let consumed_capacity = self.consumed_capacity.as_ref();
        json::ok("1.0", &call.request_id, &Written { attributes: attributes.as_deref(), consumed_capacity })
    }

    /// The attributes a write gives back.
    pub fn attributes(&self, wanted: ReturnValues, names: &Names) -> Result<Option<Cow<'_, Item>>, AwsError> {
        let Plan { old, new, .. } = &self.plan;
        Ok(match wanted {
            ReturnValues::None => None,
            ReturnValues::AllOld => old.as_deref().map(Cow::Borrowed),
            ReturnValues::AllNew => new.as_deref().map(Cow::Borrowed),
            ReturnValues::UpdatedOld => self.plan.touched(old.as_ref(), names)?.map(Cow::Owned),
            ReturnValues::UpdatedNew => self.plan.touched(new.as_ref(), names)?.map(Cow::Owned),
        })
    }
}

fn only_old(wanted: ReturnValues) -> Result<(), AwsError> {
    match wanted {
        ReturnValues::None | ReturnValues::AllOld => Ok(()),
        _ => Err(AwsError::validation("Return values set to invalid value")),
    }
}
