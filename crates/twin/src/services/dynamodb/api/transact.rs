//! TransactWriteItems and TransactGetItems: all or nothing in one Region, item by item elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::capacity::{ConsumedCapacity, read_units};
use super::request::{Names, OnFailure, ReturnCapacity, ReturnMetrics, Values, authorize, parse, table_name};
use super::write::{self, Action, Plan, Refused, Write};
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::expr::{self, Bindings};
use crate::services::dynamodb::key::Key;
use crate::services::dynamodb::state::{Access, State};
use crate::services::dynamodb::value::{Item, item_size};
use crate::services::dynamodb::version::Stamp;
use crate::wire::{AwsError, Request, Response, json};

/// "Up to 100 distinct items", and "idempotent for 10 minutes" (API reference, TransactWriteItems).
const ACTIONS_MAX: usize = 100;
const TOKEN_LIFE: Duration = Duration::from_secs(600);

/// A transaction that was done, by its client's token.
pub struct Token {
    body: Bytes,
    until: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransactWrite {
    transact_items: Vec<TransactItem>,
    client_request_token: Option<String>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _return_item_collection_metrics: ReturnMetrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransactItem {
    condition_check: Option<Action_>,
    put: Option<Action_>,
    delete: Option<Action_>,
    update: Option<Action_>,
}

/// The four actions' members together; which of them an action needs is checked.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Action_ {
    table_name: String,
    item: Option<Item>,
    key: Option<Item>,
    update_expression: Option<String>,
    condition_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Values,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransactGet {
    transact_items: Vec<TransactGetItem>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransactGetItem {
    get: Get,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    table_name: String,
    key: Item,
    projection_expression: Option<String>,
    expression_attribute_names: Names,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    responses: Vec<OneGot>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumed_capacity: Vec<ConsumedCapacity>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OneGot {
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumed_capacity: Vec<ConsumedCapacity>,
}

pub fn write(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let body = request.body().clone();
    let request: TransactWrite = parse(request)?;
    check_count(request.transact_items.len())?;
    let writes: Vec<(String, Write)> =
        request.transact_items.into_iter().map(|item| item.write(call)).collect::<Result<_, _>>()?;
    let consumed_capacity =
        run(dynamodb, call, (body, request.client_request_token), |_| Ok(writes), request.return_consumed_capacity)?;
    json::ok("1.0", &call.request_id, &Written { consumed_capacity })
}

/// Does all writes or none; a request with a token that was used before is answered and not done again.
pub fn run(
    dynamodb: &DynamoDb,
    call: &Call,
    (body, token): (Bytes, Option<String>),
    make: impl FnOnce(&mut State) -> Result<Vec<(String, Write)>, AwsError>,
    wanted: ReturnCapacity,
) -> Result<Vec<ConsumedCapacity>, AwsError> {
    let now = call.cloud.clock.now();
    dynamodb.change(&call.cloud, |state| {
        if let Some(token) = &token {
            state.tokens.retain(|_, token| token.until > now);
            match state.tokens.get(&(call.region, token.clone())) {
                Some(done) if done.body == body => return Ok(Vec::new()),
                Some(_) => {
                    return Err(AwsError::bad_request(
                        "IdempotentParameterMismatchException",
                        "Request was rejected because the parameters of this retry differ from those of the request \
                         that first used its token",
                    ));
                }
                None => {}
            }
        }
        let writes = make(state)?;
        let plans = plan_all(state, call, writes)?;
        let consumed = commit_all(state, call, &plans, wanted)?;
        if let Some(token) = token {
            state.tokens.insert((call.region, token), Token { body, until: now + TOKEN_LIFE });
        }
        Ok(consumed)
    })
}

impl TransactItem {
    fn write(self, call: &Call) -> Result<(String, Write), AwsError> {
        let given = [(0, self.condition_check), (1, self.put), (2, self.delete), (3, self.update)];
        let mut given = given.into_iter().filter_map(|(kind, action)| Some((kind, action?)));
        let (Some((kind, action)), None) = (given.next(), given.next()) else {
            return Err(AwsError::validation("TransactItems can only contain one of Check, Put, Update or Delete"));
        };
        let name = table_name(&action.table_name)?.to_owned();
        let missing = |member: &str| {
            AwsError::validation(format!(
                "1 validation error detected: Value null at 'transactItems.member.{member}' failed to satisfy \
                 constraint: Member must not be null"
            ))
        };
        let key = action.key.ok_or_else(|| missing("key"));
        let (permission, made) = match kind {
            0 if action.condition_expression.is_none() => return Err(missing("conditionExpression")),
            0 => ("dynamodb:ConditionCheckItem", Action::Check(key?)),
            1 => ("dynamodb:PutItem", Action::Put(action.item.ok_or_else(|| missing("item"))?)),
            2 => ("dynamodb:DeleteItem", Action::Delete(key?)),
            _ => {
                let expression = Some(action.update_expression.ok_or_else(|| missing("updateExpression"))?);
                ("dynamodb:UpdateItem", Action::Update { key: key?, expression })
            }
        };
        authorize(call, permission, &name)?;
        let write = Write {
            action: made,
            condition: action.condition_expression,
            names: action.expression_attribute_names,
            values: action.expression_attribute_values,
            on_failure: action.return_values_on_condition_check_failure,
        };
        Ok((name, write))
    }
}

fn plan_all(state: &mut State, call: &Call, writes: Vec<(String, Write)>) -> Result<Vec<(String, Plan)>, AwsError> {
    let stamp = Stamp::now(&call.cloud, call.region);
    let mut plans = Vec::with_capacity(writes.len());
    let mut reasons = Vec::with_capacity(writes.len());
    let mut is_cancelled = false;
    let mut seen = BTreeSet::new();
    for (name, write) in writes {
        let (table, cache) = state.open(call, &name, Access::Transaction)?;
        let key = match &write.action {
            Action::Put(item) | Action::Insert(item) => Key::of_item(&table.keys, item),
            Action::Update { key, .. } | Action::Delete(key) | Action::Check(key) => Key::exactly(&table.keys, key),
        };
        if let Ok(key) = key
            && !seen.insert((table.id, key))
        {
            return Err(AwsError::validation("Transaction request cannot include multiple operations on one item"));
        }
        match write::plan(table, cache, stamp, write) {
            Ok(plan) => {
                plans.push((name, plan));
                reasons.push(json!({ "Code": "None" }));
            }
            Err(Refused::Condition(item)) => {
                is_cancelled = true;
                let mut reason =
                    json!({ "Code": "ConditionalCheckFailed", "Message": "The conditional request failed" });
                if let Some(item) = item.and_then(|item| serde_json::to_value(&*item).ok()) {
                    reason["Item"] = item;
                }
                reasons.push(reason);
            }
            Err(Refused::Error(error)) if error.code == "DuplicateItemException" => {
                is_cancelled = true;
                reasons.push(json!({ "Code": "DuplicateItem", "Message": error.message }));
            }
            // What only an item can refuse is a reason; what the request itself gets wrong fails it at once.
            Err(Refused::Error(error)) if depends_on_item(&error) => {
                is_cancelled = true;
                reasons.push(json!({ "Code": "ValidationError", "Message": error.message }));
            }
            Err(Refused::Error(error)) => return Err(error),
        }
    }
    if is_cancelled { Err(cancelled(reasons)) } else { Ok(plans) }
}

fn depends_on_item(error: &AwsError) -> bool {
    let of_items = [
        "The provided expression refers to an attribute that does not exist",
        "The document path provided in the update expression",
        "An operand in the update expression",
        "Item size",
        "Number overflow",
        "Number underflow",
    ];
    of_items.iter().any(|start| error.message.starts_with(start))
}

fn cancelled(reasons: Vec<Json>) -> AwsError {
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    AwsError::bad_request("TransactionCanceledException", message).with("CancellationReasons", reasons.into())
}

fn commit_all(
    state: &mut State,
    call: &Call,
    plans: &[(String, Plan)],
    wanted: ReturnCapacity,
) -> Result<Vec<ConsumedCapacity>, AwsError> {
    let stamp = Stamp::now(&call.cloud, call.region);
    let mut consumed: BTreeMap<&str, ConsumedCapacity> = BTreeMap::new();
    let mut waking = Vec::new();
    for (name, plan) in plans {
        let (table, _) = state.open(call, name, Access::Local)?;
        if wanted != ReturnCapacity::None {
            let units = 2.0 * plan.units(table);
            match consumed.get_mut(name.as_str()) {
                Some(sum) => sum.add(units),
                None => {
                    consumed.extend(ConsumedCapacity::of_table(wanted, name, units).map(|one| (name.as_str(), one)))
                }
            }
        }
        waking.extend(write::commit(table, stamp, plan));
    }
    state.waking.extend(waking);
    Ok(consumed.into_values().collect())
}

pub fn get(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: TransactGet = parse(request)?;
    check_count(request.transact_items.len())?;
    for item in &request.transact_items {
        authorize(call, "dynamodb:GetItem", table_name(&item.get.table_name)?)?;
    }
    let mut consumed: BTreeMap<String, ConsumedCapacity> = BTreeMap::new();
    let mut responses = Vec::new();
    let mut seen = BTreeSet::new();
    let mut state = dynamodb.lock();
    for TransactGetItem { get } in request.transact_items {
        let name = table_name(&get.table_name)?;
        let (table, cache) = state.open(call, name, Access::Transaction)?;
        let projection = get.projection_expression.as_deref().map(|text| cache.projection(text)).transpose()?;
        let bindings = Bindings::new(get.expression_attribute_names.as_ref(), None)?;
        let key = Key::exactly(&table.keys, &get.key)?;
        if !seen.insert((table.id, key.clone())) {
            return Err(AwsError::validation("Transaction request cannot include multiple operations on one item"));
        }
        let item: Option<&Arc<Item>> = table.stored(call.region, &key).map(|(item, _)| item);
        if request.return_consumed_capacity != ReturnCapacity::None {
            let units = 2.0 * read_units(item.map_or(0, |item| item_size(item)), true);
            match consumed.get_mut(name) {
                Some(sum) => sum.add(units),
                None => consumed.extend(
                    ConsumedCapacity::of_table(request.return_consumed_capacity, name, units)
                        .map(|one| (name.to_owned(), one)),
                ),
            }
        }
        let shown = match &projection {
            Some(projection) => {
                bindings.check_defined("ProjectionExpression", projection)?;
                bindings.check_used(&[(&projection.names, &projection.values)])?;
                item.map(|item| expr::project(item, &projection.tree, &bindings)).transpose()?
            }
            None => {
                bindings.check_used(&[])?;
                item.map(|item| (**item).clone())
            }
        };
        responses.push(OneGot { item: shown });
    }
    drop(state);
    let answer = Got { responses, consumed_capacity: consumed.into_values().collect() };
    json::ok("1.0", &call.request_id, &answer)
}

pub fn check_count(count: usize) -> Result<(), AwsError> {
    if (1..=ACTIONS_MAX).contains(&count) {
        return Ok(());
    }
    let bound = if count == 0 { "greater than or equal to 1" } else { "less than or equal to 100" };
    Err(AwsError::validation(format!(
        "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length \
         {bound}"
    )))
}
