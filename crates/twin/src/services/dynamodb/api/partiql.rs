//! ExecuteStatement, BatchExecuteStatement, ExecuteTransaction: statements on the ways the item API goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::capacity::{ConsumedCapacity, read_units};
use super::items;
use super::query::{Answer, Items, Reading, permit};
use super::request::{Names, OnFailure, ReturnCapacity, ReturnValues, Values, authorize, parse, table_name};
use super::transact;
use super::write::{Action, Write};
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::expr::{self, Bindings, Cache};
use crate::services::dynamodb::key::Key;
use crate::services::dynamodb::partiql::{self, Operation, Returning, Statement};
use crate::services::dynamodb::range::Range;
use crate::services::dynamodb::state::{Access, State};
use crate::services::dynamodb::table::Table;
use crate::services::dynamodb::value::{Item, Value, item_size};
use crate::wire::{AwsError, Request, Response, json};

/// "The entire batch must consist of either read statements or write statements", 25 at most (API reference).
const BATCH_MAX: usize = 25;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Execute {
    statement: String,
    #[serde(default)]
    parameters: Vec<Value>,
    #[serde(default)]
    consistent_read: bool,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Batch {
    statements: Vec<One>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Transaction {
    transact_statements: Vec<One>,
    client_request_token: Option<String>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct One {
    statement: String,
    #[serde(default)]
    parameters: Vec<Value>,
    #[serde(default)]
    consistent_read: bool,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
}

pub fn execute(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: Execute = parse(request)?;
    let statement = read(call, &request.statement, request.parameters)?;
    let mut answer = Map::new();
    let consumed = match &statement.operation {
        Operation::Check { .. } => {
            return Err(AwsError::validation("EXISTS is supported in ExecuteTransaction alone"));
        }
        Operation::Select { .. } => {
            let start = request.next_token.map(|token| from_token(&token)).transpose()?;
            let wanted = request.return_consumed_capacity;
            let found = select(dynamodb, call, &statement, (request.consistent_read, request.limit, start), wanted)?;
            answer.insert("Items".to_owned(), shown(&found.items)?);
            if let Some(last) = &found.last_evaluated_key {
                answer.insert("LastEvaluatedKey".to_owned(), shown(last)?);
                answer.insert("NextToken".to_owned(), BASE64.encode(shown(last)?.to_string()).into());
            }
            found.consumed_capacity
        }
        _ => {
            let wanted = request.return_consumed_capacity;
            let on_failure = request.return_values_on_condition_check_failure;
            let (item, consumed) = change(dynamodb, call, statement, on_failure, wanted)?;
            answer.insert("Items".to_owned(), shown(&item.into_iter().collect::<Vec<_>>())?);
            consumed
        }
    };
    if let Some(consumed) = consumed {
        answer.insert("ConsumedCapacity".to_owned(), shown(&consumed)?);
    }
    json::ok("1.0", &call.request_id, &answer)
}

pub fn batch(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: Batch = parse(request)?;
    if !(1..=BATCH_MAX).contains(&request.statements.len()) {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'statements' failed to satisfy constraint: Member must have length \
             less than or equal to {BATCH_MAX} and greater than or equal to 1"
        )));
    }
    let wanted = request.return_consumed_capacity;
    let mut statements = Vec::new();
    for one in request.statements {
        let statement = partiql::parse(&one.statement, one.parameters);
        statements.push((statement, one.consistent_read, one.return_values_on_condition_check_failure));
    }
    refuse_a_mix(statements.iter().filter_map(|(statement, ..)| statement.as_ref().ok()), false)?;
    let (mut responses, mut consumed) = (Vec::new(), Vec::new());
    for (statement, is_consistent, on_failure) in statements {
        let table = statement.as_ref().map(|statement| statement.table.clone()).ok();
        let done = statement.and_then(|statement| {
            permitted(call, &statement)?;
            match &statement.operation {
                Operation::Select { .. } => one(dynamodb, call, &statement, is_consistent, wanted),
                _ => change(dynamodb, call, statement, on_failure, wanted),
            }
        });
        let mut response = Map::new();
        response.extend(table.map(|table| ("TableName".to_owned(), table.into())));
        match done {
            Ok((item, units)) => {
                consumed.extend(units);
                if let Some(item) = item {
                    response.insert("Item".to_owned(), shown(&item)?);
                }
            }
            Err(error) => {
                response.insert("Error".to_owned(), failure(error));
            }
        }
        responses.push(Json::Object(response));
    }
    json::ok("1.0", &call.request_id, &with_capacity(responses, &consumed)?)
}

pub fn transact(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let body = request.body().clone();
    let request: Transaction = parse(request)?;
    transact::check_count(request.transact_statements.len())?;
    let mut statements = Vec::new();
    for one in request.transact_statements {
        let statement = read(call, &one.statement, one.parameters)?;
        statements.push((statement, one.return_values_on_condition_check_failure));
    }
    let wanted = request.return_consumed_capacity;
    if refuse_a_mix(statements.iter().map(|(statement, _)| statement), true)? {
        let (mut responses, mut consumed) = (Vec::new(), Vec::new());
        for (statement, _) in &statements {
            dynamodb.lock().open(call, table_name(&statement.table)?, Access::Transaction)?;
            let (item, units) = one(dynamodb, call, statement, true, wanted)?;
            consumed.extend(units.map(|units| units.twice()));
            responses.push(item.map_or_else(|| Ok(json!({})), |item| Ok(json!({ "Item": shown(&item)? })))?);
        }
        return json::ok("1.0", &call.request_id, &with_capacity(responses, &consumed)?);
    }
    let count = statements.len();
    let make = |state: &mut State| {
        let mut writes = Vec::with_capacity(count);
        for (statement, on_failure) in statements {
            let name = table_name(&statement.table)?.to_owned();
            let (table, cache) = state.open(call, &name, Access::Transaction)?;
            writes.push((name, write(statement, table, cache, on_failure)?));
        }
        Ok(writes)
    };
    let consumed = transact::run(dynamodb, call, (body, request.client_request_token), make, wanted)?;
    json::ok("1.0", &call.request_id, &with_capacity(vec![json!({}); count], &consumed)?)
}

/// Reads a statement that the caller may execute.
fn read(call: &Call, text: &str, parameters: Vec<Value>) -> Result<Statement, AwsError> {
    let statement = partiql::parse(text, parameters)?;
    permitted(call, &statement)?;
    Ok(statement)
}

fn permitted(call: &Call, statement: &Statement) -> Result<(), AwsError> {
    let table = table_name(&statement.table)?;
    match &statement.operation {
        Operation::Select { index, .. } => permit(call, "dynamodb:PartiQLSelect", table, index.as_deref()),
        Operation::Check { .. } => authorize(call, "dynamodb:PartiQLSelect", table),
        Operation::Insert(_) => authorize(call, "dynamodb:PartiQLInsert", table),
        Operation::Update { .. } => authorize(call, "dynamodb:PartiQLUpdate", table),
        Operation::Delete { .. } => authorize(call, "dynamodb:PartiQLDelete", table),
    }
}

/// Refuses reads and writes in one request; says whether all are reads.
fn refuse_a_mix<'a>(statements: impl Iterator<Item = &'a Statement>, may_check: bool) -> Result<bool, AwsError> {
    let mut kinds = [false; 2];
    for statement in statements {
        match &statement.operation {
            Operation::Check { .. } if !may_check => {
                return Err(AwsError::validation("EXISTS is supported in ExecuteTransaction alone"));
            }
            Operation::Select { .. } => kinds[0] = true,
            _ => kinds[1] = true,
        }
    }
    match kinds {
        [true, true] => Err(AwsError::validation("Statements must be all reads or all writes, not a mix of both")),
        [is_read, _] => Ok(is_read),
    }
}

fn select(
    dynamodb: &DynamoDb,
    call: &Call,
    statement: &Statement,
    (is_consistent, limit, start): (bool, Option<usize>, Option<Item>),
    capacity: ReturnCapacity,
) -> Result<Answer, AwsError> {
    let Operation::Select { index, projection, condition, order } = &statement.operation else {
        return Err(AwsError::validation("a SELECT is expected"));
    };
    let (names, values) = placeholders(statement.names.clone(), statement.values.clone());
    let mut state = dynamodb.lock();
    let (table, cache) = state.open(call, table_name(&statement.table)?, Access::reading(is_consistent))?;
    let filter = condition.as_deref().map(|text| cache.condition("WHERE", text)).transpose()?;
    let projection = projection.as_deref().map(|text| cache.projection(text)).transpose()?;
    let reading = Reading {
        index: index.clone(),
        filter,
        projection,
        bindings: Bindings::new(names.as_ref(), values.as_ref())?,
        select: None,
        limit,
        is_consistent,
        is_forward: !order.as_ref().is_some_and(|(_, falls)| *falls),
        start,
        capacity,
    };
    let source = reading.source(table, call)?;
    let schema = source.schema(table);
    let sort = schema.sort.as_ref().map(|sort| sort.name.as_str());
    let partition = schema.partition.name.as_str();
    let keys =
        reading.filter.as_ref().and_then(|filter| expr::on_keys(&filter.tree, partition, sort, &reading.bindings));
    if let Some((key, _)) = order
        && (keys.is_none() || (sort != Some(key) && partition != key))
    {
        return Err(AwsError::validation(
            "Must have WHERE clause in the statement when using ORDER BY clause, with the partition key, and order by \
             a key",
        ));
    }
    match &keys {
        Some(keys) => {
            let asked = expr::key_condition(keys, partition, sort, &reading.bindings)?;
            let range = Range::of_condition(schema, &asked)?;
            reading.run(table, call, source, &range)
        }
        None => reading.run(table, call, source, &Range::all()),
    }
}

type Found = (Option<Item>, Option<ConsumedCapacity>);

/// The one item of a SELECT that says its whole key.
fn one(
    dynamodb: &DynamoDb,
    call: &Call,
    statement: &Statement,
    is_consistent: bool,
    wanted: ReturnCapacity,
) -> Result<Found, AwsError> {
    let Operation::Select { index: None, condition: Some(condition), order: None, .. } = &statement.operation else {
        return Err(no_key());
    };
    let name = table_name(&statement.table)?;
    {
        let mut state = dynamodb.lock();
        let (table, cache) = state.open(call, name, Access::Local)?;
        key(table, cache, condition, &statement.names, &statement.values)?;
    }
    let found = select(dynamodb, call, statement, (is_consistent, None, None), ReturnCapacity::None)?;
    let item = found.items.and_then(|Items(items)| items.into_iter().next());
    let units = read_units(item.as_deref().map_or(0, item_size), is_consistent);
    Ok((item.map(Arc::unwrap_or_clone), ConsumedCapacity::of_table(wanted, name, units)))
}

/// Does an INSERT, UPDATE or DELETE; gives what its RETURNING asks for.
fn change(
    dynamodb: &DynamoDb,
    call: &Call,
    statement: Statement,
    on_failure: OnFailure,
    wanted: ReturnCapacity,
) -> Result<Found, AwsError> {
    let name = table_name(&statement.table)?.to_owned();
    let returning = match &statement.operation {
        Operation::Update { returning, .. } | Operation::Delete { returning, .. } => *returning,
        _ => None,
    };
    let returning = match returning {
        None => ReturnValues::None,
        Some(Returning { is_all: true, is_old: true }) => ReturnValues::AllOld,
        Some(Returning { is_all: true, is_old: false }) => ReturnValues::AllNew,
        Some(Returning { is_all: false, is_old: true }) => ReturnValues::UpdatedOld,
        Some(Returning { is_all: false, is_old: false }) => ReturnValues::UpdatedNew,
    };
    let names = Some(statement.names.clone()).filter(|names| !names.is_empty());
    let make = |table: &Table, cache: &mut Cache| write(statement, table, cache, on_failure);
    let done = items::perform(dynamodb, call, &name, make, wanted)?;
    let item = done.attributes(returning, &names)?.map(|item| item.into_owned());
    Ok((item, done.consumed_capacity))
}

/// The write a statement asks for.
fn write(statement: Statement, table: &Table, cache: &mut Cache, on_failure: OnFailure) -> Result<Write, AwsError> {
    let Statement { operation, mut names, values, .. } = statement;
    let (action, condition) = match operation {
        Operation::Select { .. } => return Err(AwsError::validation("a SELECT writes nothing")),
        Operation::Insert(item) => (Action::Insert(item), None),
        Operation::Check { condition } => {
            (Action::Check(key(table, cache, &condition, &names, &values)?), Some(condition))
        }
        Operation::Update { expression, condition, .. } => {
            let key = key(table, cache, &condition, &names, &values)?;
            (Action::Update { key, expression: Some(expression) }, Some(condition))
        }
        Operation::Delete { condition, .. } => {
            let key = key(table, cache, &condition, &names, &values)?;
            // Deleting what is not there succeeds; what is there must be as the WHERE says.
            names.insert("#key".to_owned(), table.keys.partition.name.clone());
            (Action::Delete(key), Some(format!("attribute_not_exists(#key) OR ({condition})")))
        }
    };
    let (names, values) = placeholders(names, values);
    Ok(Write { action, condition, names, values, on_failure })
}

/// The primary key that a WHERE says in full.
fn key(
    table: &Table,
    cache: &mut Cache,
    condition: &str,
    names: &BTreeMap<String, String>,
    values: &BTreeMap<String, Value>,
) -> Result<Item, AwsError> {
    let condition = cache.condition("WHERE", condition)?;
    let (names, values) = placeholders(names.clone(), values.clone());
    let bindings = Bindings::new(names.as_ref(), values.as_ref())?;
    let value = |name: &str| expr::equal_to(&condition.tree, name, &bindings).cloned();
    let key: Item = table.keys.names().filter_map(|name| Some((name.to_owned(), value(name)?))).collect();
    if key.len() != table.keys.names().count() {
        return Err(no_key());
    }
    Key::exactly(&table.keys, &key)?;
    Ok(key)
}

fn no_key() -> AwsError {
    AwsError::validation("Where clause does not contain a mandatory equality on all key attributes")
}

/// Placeholders as a request has them: none rather than an empty map.
fn placeholders(names: BTreeMap<String, String>, values: BTreeMap<String, Value>) -> (Names, Values) {
    (Some(names).filter(|names| !names.is_empty()), Some(values).filter(|values| !values.is_empty()))
}

fn from_token(token: &str) -> Result<Item, AwsError> {
    let bytes = BASE64.decode(token).ok();
    let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    key.ok_or_else(|| AwsError::validation("Invalid NextToken"))
}

/// A statement's error inside a batch, by the names BatchStatementError has for them.
fn failure(error: AwsError) -> Json {
    let code = match error.code.as_str() {
        "ValidationException" => "ValidationError",
        other => other.trim_end_matches("Exception"),
    };
    let mut shown = json!({ "Code": code, "Message": error.message });
    if let Some(item) = error.members.get("Item") {
        shown["Item"] = item.clone();
    }
    shown
}

fn with_capacity(responses: Vec<Json>, consumed: &[ConsumedCapacity]) -> Result<Json, AwsError> {
    let mut answer = json!({ "Responses": responses });
    if !consumed.is_empty() {
        answer["ConsumedCapacity"] = shown(consumed)?;
    }
    Ok(answer)
}

fn shown<T: serde::Serialize + ?Sized>(value: &T) -> Result<Json, AwsError> {
    serde_json::to_value(value).map_err(|error| AwsError::new(500, "InternalServerError", error.to_string()))
}
