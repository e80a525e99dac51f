//! Query and Scan: pages of a table or an index.

use std::sync::Arc;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use super::capacity::{ConsumedCapacity, Units, read_units};
use super::request::{Names, ReturnCapacity, Values, authorize, parse, table_name};
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::expr::{self, Bindings, Cache, Condition, Parsed, Path};
use crate::services::dynamodb::key::{Key, KeyValue};
use crate::services::dynamodb::range::{Page, Position, Range, Source, select};
use crate::services::dynamodb::schema::{IndexKind, KeySchema, Projection};
use crate::services::dynamodb::state::Access;
use crate::services::dynamodb::table::Table;
use crate::services::dynamodb::value::Item;
use crate::wire::{AwsError, Request, Response, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Select {
    AllAttributes,
    AllProjectedAttributes,
    SpecificAttributes,
    Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Query {
    table_name: String,
    index_name: Option<String>,
    key_condition_expression: Option<String>,
    filter_expression: Option<String>,
    projection_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Values,
    select: Option<Select>,
    limit: Option<usize>,
    #[serde(default)]
    consistent_read: bool,
    #[serde(default = "yes")]
    scan_index_forward: bool,
    exclusive_start_key: Option<Item>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Scan {
    table_name: String,
    index_name: Option<String>,
    filter_expression: Option<String>,
    projection_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Values,
    select: Option<Select>,
    limit: Option<usize>,
    #[serde(default)]
    consistent_read: bool,
    segment: Option<u32>,
    total_segments: Option<u32>,
    exclusive_start_key: Option<Item>,
    #[serde(default)]
    return_consumed_capacity: ReturnCapacity,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    pub count: usize,
    pub scanned_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_evaluated_key: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumed_capacity: Option<ConsumedCapacity>,
}

/// Items that are still the storage's own.
pub struct Items(pub Vec<Arc<Item>>);

impl Serialize for Items {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.0.len()))?;
        for item in &self.0 {
            out.serialize_element(&**item)?;
        }
        out.end()
    }
}

/// What all reads of many items have in common.
pub struct Reading<'a> {
    pub index: Option<String>,
    pub filter: Option<Arc<Parsed<Condition>>>,
    pub projection: Option<Arc<Parsed<Vec<Path>>>>,
    pub bindings: Bindings<'a>,
    pub select: Option<Select>,
    pub limit: Option<usize>,
    pub is_consistent: bool,
    pub is_forward: bool,
    pub start: Option<Item>,
    pub capacity: ReturnCapacity,
}

pub fn query(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let mut request: Query = parse(request)?;
    let name = table_name(&request.table_name)?;
    permit(call, "dynamodb:Query", name, request.index_name.as_deref())?;
    let text = request.key_condition_expression.as_deref().ok_or_else(|| {
        AwsError::validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the \
                              request.",
        )
    })?;
    let answer = {
        let mut state = dynamodb.lock();
        let (table, cache) = state.open(call, name, Access::reading(request.consistent_read))?;
        let keys = cache.condition("KeyConditionExpression", text)?;
        let reading = Reading {
            index: request.index_name,
            filter: filter(cache, request.filter_expression)?,
            projection: request.projection_expression.map(|text| cache.projection(&text)).transpose()?,
            bindings: Bindings::new(
                request.expression_attribute_names.as_ref(),
                request.expression_attribute_values.as_ref(),
            )?,
            select: request.select,
            limit: request.limit,
            is_consistent: request.consistent_read,
            is_forward: request.scan_index_forward,
            start: request.exclusive_start_key.take(),
            capacity: request.return_consumed_capacity,
        };
        reading.bindings.check_defined("KeyConditionExpression", &keys)?;
        reading.check_expressions(Some(&keys))?;
        let source = reading.source(table, call)?;
        let schema = source.schema(table);
        reading.refuse_keys_in_filter(schema)?;
        let sort = schema.sort.as_ref().map(|sort| sort.name.as_str());
        let condition = expr::key_condition(&keys.tree, &schema.partition.name, sort, &reading.bindings)?;
        let range = Range::of_condition(schema, &condition)?;
        reading.run(table, call, source, &range)?
    };
    json::ok("1.0", &call.request_id, &answer)
}

pub fn scan(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let mut request: Scan = parse(request)?;
    let name = table_name(&request.table_name)?;
    permit(call, "dynamodb:Scan", name, request.index_name.as_deref())?;
    let range = match (request.segment, request.total_segments) {
        (None, None) => Range::all(),
        (Some(segment), Some(total)) if segment < total && total <= 1_000_000 => Range::segment(segment, total),
        (Some(segment), Some(total)) => {
            return Err(AwsError::validation(format!(
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} \
                 is not less than TotalSegments: {total}"
            )));
        }
        (None, Some(_)) => {
            return Err(AwsError::validation(
                "The Segment parameter is required but was not present in the request when parameter TotalSegments is \
                 present",
            ));
        }
        (Some(_), None) => {
            return Err(AwsError::validation(
                "The TotalSegments parameter is required but was not present in the request when Segment parameter is \
                 present",
            ));
        }
    };
    let answer = {
        let mut state = dynamodb.lock();
        let (table, cache) = state.open(call, name, Access::reading(request.consistent_read))?;
        let reading = Reading {
            index: request.index_name,
            filter: filter(cache, request.filter_expression)?,
            projection: request.projection_expression.map(|text| cache.projection(&text)).transpose()?,
            bindings: Bindings::new(
                request.expression_attribute_names.as_ref(),
                request.expression_attribute_values.as_ref(),
            )?,
            select: request.select,
            limit: request.limit,
            is_consistent: request.consistent_read,
            is_forward: true,
            start: request.exclusive_start_key.take(),
            capacity: request.return_consumed_capacity,
        };
        reading.check_expressions(None)?;
        let source = reading.source(table, call)?;
        reading.run(table, call, source, &range)?
    };
    json::ok("1.0", &call.request_id, &answer)
}

pub fn permit(call: &Call, action: &str, table: &str, index: Option<&str>) -> Result<(), AwsError> {
    match index {
        Some(index) => authorize(call, action, &format!("{table}/index/{index}")),
        None => authorize(call, action, table),
    }
}

fn filter(cache: &mut Cache, text: Option<String>) -> Result<Option<Arc<Parsed<Condition>>>, AwsError> {
    text.map(|text| cache.condition("FilterExpression", &text)).transpose()
}

impl Reading<'_> {
    fn check_expressions(&self, keys: Option<&Parsed<Condition>>) -> Result<(), AwsError> {
        let mut used: Vec<(&[String], &[String])> =
            keys.map(|keys| (&*keys.names, &*keys.values)).into_iter().collect();
        if let Some(filter) = &self.filter {
            self.bindings.check_defined("FilterExpression", filter)?;
            used.push((&filter.names, &filter.values));
        }
        if let Some(projection) = &self.projection {
            self.bindings.check_defined("ProjectionExpression", projection)?;
            used.push((&projection.names, &projection.values));
        }
        self.bindings.check_used(&used)?;
        if self.limit == Some(0) {
            return Err(AwsError::validation(
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have \
                 value greater than or equal to 1",
            ));
        }
        match (self.select, &self.projection) {
            (Some(Select::SpecificAttributes) | None, _) | (_, None) => {}
            (Some(select), Some(_)) => {
                let select = match select {
                    Select::AllAttributes => "ALL_ATTRIBUTES",
                    Select::AllProjectedAttributes => "ALL_PROJECTED_ATTRIBUTES",
                    _ => "only the Count",
                };
                return Err(AwsError::validation(format!(
                    "Cannot specify the ProjectionExpression when choosing to get {select}"
                )));
            }
        }
        if self.select == Some(Select::AllProjectedAttributes) && self.index.is_none() {
            return Err(AwsError::validation(
                "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying \
                 using an IndexName",
            ));
        }
        Ok(())
    }

    pub fn source(&self, table: &Table, call: &Call) -> Result<Source, AwsError> {
        let Some(name) = &self.index else { return Ok(Source::Table) };
        let (at, index) = table
            .index(name)
            .ok_or_else(|| AwsError::validation(format!("The table does not have the specified index: {name}")))?;
        if index.kind == IndexKind::Global {
            if self.is_consistent {
                let why = "Consistent reads are not supported on global secondary indexes";
                return Err(AwsError::validation(why));
            }
            if index.active_at > call.cloud.clock.now() {
                let why = format!("Cannot read from backfilling global secondary index: {name}");
                return Err(AwsError::validation(why));
            }
            if self.select == Some(Select::AllAttributes) && index.projection != Projection::All {
                return Err(AwsError::validation(format!(
                    "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global \
                     secondary index {name} because its projection type is not ALL"
                )));
            }
        }
        Ok(Source::Index(at))
    }

    fn refuse_keys_in_filter(&self, schema: &KeySchema) -> Result<(), AwsError> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let mut used = Vec::new();
        filter.tree.roots(&mut used);
        let mut names = used.into_iter().map(|root| self.bindings.name(root));
        if let Some(name) = names.find(|name| schema.names().any(|key| key == *name)) {
            return Err(AwsError::validation(format!(
                "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
            )));
        }
        Ok(())
    }

    pub fn run(&self, table: &Table, call: &Call, source: Source, range: &Range) -> Result<Answer, AwsError> {
        let schema = source.schema(table);
        let start = self.start.as_ref().map(|start| self.position(table, schema, start)).transpose()?;
        let Some(replica) = table.replicas.get(&call.region) else {
            return Err(AwsError::bad_request("ResourceNotFoundException", "Requested resource not found"));
        };
        let wants_whole = self.select == Some(Select::AllAttributes);
        let page = select(table, replica, source, range, start, self.is_forward, self.limit)?;
        let Page { found, bytes, last } = page;
        let scanned_count = found.len();
        let index = match source {
            Source::Table => None,
            Source::Index(at) => table.indexes.get(at).filter(|index| {
                let fetches = index.kind == IndexKind::Local && (wants_whole || self.projection.is_some());
                index.projection != Projection::All && !fetches
            }),
        };
        let mut items = Vec::with_capacity(scanned_count);
        for item in found {
            let item = match index {
                Some(index) => Arc::new(index.projected(&table.keys, &item)),
                None => item,
            };
            if let Some(filter) = &self.filter
                && !expr::holds("FilterExpression", &filter.tree, &item, &self.bindings)?
            {
                continue;
            }
            items.push(match &self.projection {
                Some(projection) => Arc::new(expr::project(&item, &projection.tree, &self.bindings)?),
                None => item,
            });
        }
        let last_evaluated_key = last.map(|position| {
            let mut key = position.primary.item(&table.keys);
            if let Source::Index(_) = source {
                position.key.write(schema, &mut key);
            }
            key
        });
        let count = items.len();
        let items = (self.select != Some(Select::Count)).then_some(Items(items));
        let consumed_capacity = self.consumed(table, bytes, scanned_count);
        Ok(Answer { items, count, scanned_count, last_evaluated_key, consumed_capacity })
    }

    /// Where a page that starts behind this key starts.
    fn position(&self, table: &Table, schema: &KeySchema, start: &Item) -> Result<Position, AwsError> {
        let invalid = || AwsError::validation("The provided starting key is invalid");
        let part = |schema: &KeySchema| {
            let value = |name: &str, kind: &str| {
                let value = start.get(name).filter(|value| value.type_name() == kind).ok_or_else(invalid)?;
                KeyValue::of(value).ok_or_else(invalid)
            };
            let partition = value(&schema.partition.name, schema.partition.kind)?;
            let sort = schema.sort.as_ref().map_or(Ok(KeyValue::None), |sort| value(&sort.name, sort.kind))?;
            Ok::<_, AwsError>(Key::new(partition, sort))
        };
        let mut names: Vec<&str> = table.keys.names().chain(schema.names()).collect();
        names.sort_unstable();
        names.dedup();
        if start.len() != names.len() {
            return Err(invalid());
        }
        Ok(Position { key: part(schema)?, primary: part(&table.keys)? })
    }

    fn consumed(&self, table: &Table, bytes: usize, scanned: usize) -> Option<ConsumedCapacity> {
        let units = if scanned == 0 && bytes == 0 {
            read_units(0, self.is_consistent)
        } else {
            read_units(bytes, self.is_consistent)
        };
        let mut consumed = ConsumedCapacity::of_table(self.capacity, &table.name, units)?;
        if let (Some(own), Some(name)) = (&mut consumed.table, &self.index) {
            own.capacity_units = 0.0;
            let is_global = table.index(name).is_some_and(|(_, index)| index.kind == IndexKind::Global);
            let split =
                if is_global { &mut consumed.global_secondary_indexes } else { &mut consumed.local_secondary_indexes };
            split.insert(name.clone(), Units { capacity_units: units });
        }
        Some(consumed)
    }
}
