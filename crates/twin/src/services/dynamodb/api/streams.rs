//! The DynamoDB Streams API: each Region's replica shows its own changes, replicated ones among them, in one shard.
//!
//! Real streams split into shards that end after some hours; one that never ends is the case readers must handle
//! anyway. A shard iterator is a position, signed by nobody: its text says stream, position and time of issue.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE as BASE64;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::request::{parse, table_arn, table_name};
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::schema::KeySchema;
use crate::services::dynamodb::state::State;
use crate::services::dynamodb::stream::{Author, Record, Stream, View};
use crate::services::dynamodb::value::item_size;
use crate::wire::{AwsError, Request, Response, json};

const SHARD: &str = "shardId-00000001767571200000-5b1a7c00";
/// Sequence numbers are long decimal numbers that rise; nothing else about them is documented.
const FIRST_SEQUENCE: u128 = 100_000_000_000_000_000_000;
/// "A shard iterator expires 15 minutes after it is returned" (API reference, GetShardIterator).
const ITERATOR_LIFE: Duration = Duration::from_secs(900);
/// API reference, GetRecords: at most 1,000 records and 1 MB.
const RECORDS_MAX: usize = 1_000;
const ANSWER_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    table_name: Option<String>,
    limit: Option<usize>,
    exclusive_start_stream_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    stream_arn: String,
    #[serde(default, rename = "Limit")]
    _limit: Option<usize>,
    exclusive_start_shard_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum IteratorType {
    TrimHorizon,
    Latest,
    AtSequenceNumber,
    AfterSequenceNumber,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Position {
    stream_arn: String,
    shard_id: String,
    shard_iterator_type: IteratorType,
    sequence_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Records {
    shard_iterator: String,
    limit: Option<usize>,
}

pub fn handle(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let answer = match json::operation(request) {
        "ListStreams" => list(dynamodb, call, parse(request)?),
        "DescribeStream" => describe(dynamodb, call, parse(request)?),
        "GetShardIterator" => position(dynamodb, call, parse(request)?),
        "GetRecords" => records(dynamodb, call, parse(request)?),
        operation => Err(AwsError::not_implemented("streams.dynamodb", operation)),
    }?;
    json::ok("1.0", &call.request_id, &answer)
}

fn list(dynamodb: &DynamoDb, call: &Call, request: List) -> Result<Json, AwsError> {
    call.authorize("dynamodb:ListStreams", "*")?;
    let limit = request.limit.unwrap_or(100);
    if !(1..=100).contains(&limit) {
        return Err(AwsError::validation("Limit must be between 1 and 100"));
    }
    let wanted = request.table_name.as_deref().map(table_name).transpose()?;
    let state = dynamodb.lock();
    let mut all: Vec<(String, Json)> = Vec::new();
    for (name, id) in state.names.get(&call.region).into_iter().flatten() {
        let replica = state.tables.get(id).and_then(|table| table.replicas.get(&call.region));
        let stream = replica.and_then(|replica| replica.stream.as_ref());
        if let Some(stream) = stream.filter(|_| wanted.is_none_or(|wanted| wanted == name)) {
            let arn = arn(call, name, stream);
            all.push((arn.clone(), json!({ "StreamArn": arn, "TableName": name, "StreamLabel": stream.label })));
        }
    }
    drop(state);
    let start = match &request.exclusive_start_stream_arn {
        Some(after) => all.iter().position(|(arn, _)| arn == after).map_or(all.len(), |at| at + 1),
        None => 0,
    };
    let page: Vec<(String, Json)> = all.drain(..).skip(start).collect();
    let mut answer = json!({ "Streams": page.iter().take(limit).map(|(_, shown)| shown).collect::<Vec<_>>() });
    if page.len() > limit {
        answer["LastEvaluatedStreamArn"] = page[limit - 1].0.clone().into();
    }
    Ok(answer)
}

fn describe(dynamodb: &DynamoDb, call: &Call, request: Describe) -> Result<Json, AwsError> {
    let mut state = dynamodb.lock();
    let (stream, keys, name) = find(&mut state, call, &request.stream_arn, "dynamodb:DescribeStream")?;
    let first = stream.oldest_sequence(call.cloud.clock.now());
    let shard = json!({
        "ShardId": SHARD,
        "SequenceNumberRange": { "StartingSequenceNumber": sequence(first) },
    });
    let shards = if request.exclusive_start_shard_id.as_deref() == Some(SHARD) { vec![] } else { vec![shard] };
    let types = ["HASH", "RANGE"].into_iter();
    let keys: Vec<Json> =
        keys.names().zip(types).map(|(name, kind)| json!({ "AttributeName": name, "KeyType": kind })).collect();
    Ok(json!({ "StreamDescription": {
        "StreamArn": request.stream_arn,
        "StreamLabel": stream.label,
        "StreamStatus": "ENABLED",
        "StreamViewType": stream.view,
        "CreationRequestDateTime": stream.created_at.seconds(),
        "TableName": name,
        "KeySchema": keys,
        "Shards": shards,
    } }))
}

fn position(dynamodb: &DynamoDb, call: &Call, request: Position) -> Result<Json, AwsError> {
    let mut state = dynamodb.lock();
    let (stream, ..) = find(&mut state, call, &request.stream_arn, "dynamodb:GetShardIterator")?;
    if request.shard_id != SHARD {
        let message = format!("Requested resource not found: Shard does not exist: {}", request.shard_id);
        return Err(AwsError::bad_request("ResourceNotFoundException", message));
    }
    let given = || {
        let text = request.sequence_number.as_deref().unwrap_or_default();
        let number = text.parse::<u128>().ok().and_then(|number| number.checked_sub(FIRST_SEQUENCE));
        let number = number.and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| AwsError::validation(format!("Invalid SequenceNumber: {text:?}")))
    };
    let now = call.cloud.clock.now();
    let oldest = stream.oldest_sequence(now);
    let next = match request.shard_iterator_type {
        IteratorType::TrimHorizon => oldest,
        IteratorType::Latest => stream.next_sequence(),
        IteratorType::AtSequenceNumber => given()?,
        IteratorType::AfterSequenceNumber => given()? + 1,
    };
    if next < oldest {
        return Err(trimmed());
    }
    Ok(json!({ "ShardIterator": iterator(&request.stream_arn, next, now) }))
}

fn records(dynamodb: &DynamoDb, call: &Call, request: Records) -> Result<Json, AwsError> {
    let limit = request.limit.unwrap_or(RECORDS_MAX);
    if !(1..=RECORDS_MAX).contains(&limit) {
        return Err(AwsError::validation(format!("Limit must be between 1 and {RECORDS_MAX}")));
    }
    let (arn, from, issued) = read_iterator(&request.shard_iterator)?;
    let now = call.cloud.clock.now();
    if now.since(issued) > ITERATOR_LIFE {
        return Err(AwsError::bad_request("ExpiredIteratorException", "The shard iterator has expired."));
    }
    let mut state = dynamodb.lock();
    let (stream, keys, _) = find(&mut state, call, &arn, "dynamodb:GetRecords")?;
    if from < stream.oldest_sequence(now) {
        return Err(trimmed());
    }
    let (mut shown, mut bytes, mut next) = (Vec::new(), 0, from);
    for record in stream.records.iter().filter(|record| record.sequence >= from) {
        let made = Made::of(record, stream.view, keys);
        if shown.len() == limit || (bytes + made.bytes > ANSWER_BYTES && !shown.is_empty()) {
            break;
        }
        bytes += made.bytes;
        next = record.sequence + 1;
        shown.push(made.shown(call, &arn, record, stream.view));
    }
    Ok(json!({ "Records": shown, "NextShardIterator": iterator(&arn, next, now) }))
}

/// The images of a record that its stream shows, and what they count for.
struct Made {
    change: serde_json::Map<String, Json>,
    bytes: usize,
}

impl Made {
    fn of(record: &Record, view: View, keys: &KeySchema) -> Self {
        let key = record.key.item(keys);
        let mut bytes = item_size(&key);
        let mut change = serde_json::Map::new();
        change.insert("Keys".to_owned(), json!(key));
        let wanted = [
            ("NewImage", &record.new, matches!(view, View::NewImage | View::NewAndOldImages)),
            ("OldImage", &record.old, matches!(view, View::OldImage | View::NewAndOldImages)),
        ];
        for (name, image, is_wanted) in wanted {
            if let Some(image) = image.as_deref().filter(|_| is_wanted) {
                bytes += item_size(image);
                change.insert(name.to_owned(), json!(image));
            }
        }
        Self { change, bytes }
    }

    fn shown(self, call: &Call, arn: &str, record: &Record, view: View) -> Json {
        let Self { mut change, bytes } = self;
        // Documented as rounded down to the second.
        change.insert("ApproximateCreationDateTime".to_owned(), json!(record.at.millis() / 1_000));
        change.insert("SequenceNumber".to_owned(), sequence(record.sequence).into());
        change.insert("SizeBytes".to_owned(), bytes.into());
        change.insert("StreamViewType".to_owned(), json!(view));
        let name = match (&record.old, &record.new) {
            (None, _) => "INSERT",
            (Some(_), Some(_)) => "MODIFY",
            (Some(_), None) => "REMOVE",
        };
        let digest = Sha256::digest(format!("{arn}/{}", record.sequence));
        let id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let mut shown = json!({
            "eventID": id,
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": call.region,
            "dynamodb": change,
        });
        if record.author == Author::TimeToLive {
            shown["userIdentity"] = json!({ "Type": "Service", "PrincipalId": "dynamodb.amazonaws.com" });
        }
        shown
    }
}

/// The stream of this ARN, its table's keys and name; for a caller who may do this to it.
fn find<'a>(
    state: &'a mut State,
    call: &Call,
    stream_arn: &str,
    action: &str,
) -> Result<(&'a Stream, &'a KeySchema, &'a str), AwsError> {
    call.authorize(action, stream_arn)?;
    let missing = || {
        let message = format!("Requested resource not found: Stream: {stream_arn} not found");
        AwsError::bad_request("ResourceNotFoundException", message)
    };
    let name = table_name(stream_arn).map_err(|_| missing())?;
    let table = state.describe(call.region, name, call.cloud.clock.now()).map_err(|_| missing())?;
    let replica = table.replicas.get(&call.region).ok_or_else(missing)?;
    let stream = replica.stream.as_ref().filter(|stream| arn(call, &table.name, stream) == stream_arn);
    Ok((stream.ok_or_else(missing)?, &table.keys, &table.name))
}

fn arn(call: &Call, table: &str, stream: &Stream) -> String {
    format!("{}/stream/{}", table_arn(&call.cloud.account, call.region, table), stream.label)
}

fn sequence(number: u64) -> String {
    (FIRST_SEQUENCE + u128::from(number)).to_string()
}

fn iterator(arn: &str, next: u64, now: Timestamp) -> String {
    BASE64.encode(format!("{arn}|{next}|{}", now.micros()))
}

fn read_iterator(text: &str) -> Result<(String, u64, Timestamp), AwsError> {
    let invalid = || AwsError::validation("Invalid ShardIterator");
    let bytes = BASE64.decode(text).map_err(|_| invalid())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let mut parts = text.split('|');
    let (Some(arn), Some(next), Some(issued), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(invalid());
    };
    let issued = issued.parse().map_err(|_| invalid())?;
    Ok((arn.to_owned(), next.parse().map_err(|_| invalid())?, Timestamp::from_micros(issued)))
}

fn trimmed() -> AwsError {
    let message = "The operation attempted to read past the oldest stream record in a shard.";
    AwsError::bad_request("TrimmedDataAccessException", message)
}
