//! The operations of CloudWatch Logs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Logs;
use super::group::{Event, Group, Place, State, Stream, invalid};
use super::pattern::Pattern;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::AwsError;

/// API reference: a page of events has 10,000 entries and 1 MB at most.
const EVENTS_PAGE: usize = 10_000;
const EVENTS_PAGE_BYTES: usize = 1_048_576;
/// API reference: groups and streams come 50 a page.
const LISTING_PAGE: usize = 50;
/// API reference, PutRetentionPolicy.
const RETENTIONS: &[u32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateGroup {
    log_group_name: String,
    kms_key_id: Option<String>,
    log_group_class: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfGroup {
    log_group_name: String,
    retention_in_days: Option<u32>,
    log_stream_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
    /// Ignored, as the service does since 2023.
    #[serde(rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Listing {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(default)]
    start_from_head: bool,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilterEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
    /// Always so, since 2019.
    #[serde(rename = "interleaved")]
    _interleaved: Option<bool>,
}

impl Logs {
    pub(super) fn act(&self, call: &Call, operation: &str, body: Value) -> Result<Value, AwsError> {
        match operation {
            "CreateLogGroup" => self.create_log_group(call, read(body)?),
            "DeleteLogGroup" => {
                let wanted: OfGroup = read(body)?;
                let mut state = self.checked(call, operation, &wanted.log_group_name, None)?;
                state.group(call.region, &wanted.log_group_name)?;
                state.delete_group(call.region, &wanted.log_group_name);
                Ok(json!({}))
            }
            "DescribeLogGroups" => self.describe_log_groups(call, &read(body)?),
            "PutRetentionPolicy" => {
                let wanted: OfGroup = read(body)?;
                let days = check_retention(wanted.retention_in_days.unwrap_or_default())?;
                let mut state = self.checked(call, operation, &wanted.log_group_name, None)?;
                state.group_mut(call.region, &wanted.log_group_name)?.retention_days = Some(days);
                Ok(json!({}))
            }
            "DeleteRetentionPolicy" => {
                let wanted: OfGroup = read(body)?;
                let mut state = self.checked(call, operation, &wanted.log_group_name, None)?;
                state.group_mut(call.region, &wanted.log_group_name)?.retention_days = None;
                Ok(json!({}))
            }
            "CreateLogStream" => {
                let wanted: OfGroup = read(body)?;
                let stream = wanted.log_stream_name.as_deref().unwrap_or_default();
                let mut state = self.checked(call, operation, &wanted.log_group_name, Some(stream))?;
                state.create_stream(call.region, &wanted.log_group_name, stream, call.cloud.clock.now())?;
                Ok(json!({}))
            }
            "DeleteLogStream" => {
                let wanted: OfGroup = read(body)?;
                let stream = wanted.log_stream_name.as_deref().unwrap_or_default();
                let mut state = self.checked(call, operation, &wanted.log_group_name, Some(stream))?;
                state.stream(call.region, &wanted.log_group_name, stream)?;
                state.group_mut(call.region, &wanted.log_group_name)?.streams.remove(stream);
                Ok(json!({}))
            }
            "DescribeLogStreams" => self.describe_log_streams(call, &read(body)?),
            "PutLogEvents" => self.put_log_events(call, &read(body)?),
            "GetLogEvents" => self.get_log_events(call, &read(body)?),
            "FilterLogEvents" => self.filter_log_events(call, &read(body)?),
            other => Err(AwsError::not_implemented("logs", other)),
        }
    }

    /// The state, for a caller that may do this to the group or stream.
    fn checked(
        &self,
        call: &Call,
        operation: &str,
        group: &str,
        stream: Option<&str>,
    ) -> Result<std::sync::MutexGuard<'_, State>, AwsError> {
        // The guide: policies name a group with a trailing `:*`, a stream by its own ARN.
        let rest = stream.map_or_else(|| "*".to_owned(), |stream| format!("log-stream:{stream}"));
        call.authorize(&format!("logs:{operation}"), &call.arn("logs", &format!("log-group:{group}:{rest}")))?;
        Ok(self.lock())
    }

    fn create_log_group(&self, call: &Call, wanted: CreateGroup) -> Result<Value, AwsError> {
        let mut state = self.checked(call, "CreateLogGroup", &wanted.log_group_name, None)?;
        let group = Group {
            created: call.cloud.clock.now(),
            kms_key_id: wanted.kms_key_id,
            class: wanted.log_group_class,
            tags: wanted.tags,
            ..Group::default()
        };
        state.create_group(call.region, &wanted.log_group_name, group)?;
        Ok(json!({}))
    }

    fn describe_log_groups(&self, call: &Call, wanted: &Listing) -> Result<Value, AwsError> {
        let state = self.checked(call, "DescribeLogGroups", "", None)?;
        let prefix = wanted.log_group_name_prefix.as_deref().unwrap_or_default();
        let part = wanted.log_group_name_pattern.as_deref().unwrap_or_default();
        let groups = state.of_region(call.region).filter(|(name, _)| name.starts_with(prefix) && name.contains(part));
        let (page, next) = wanted.page(groups)?;
        let groups: Vec<Value> = page.into_iter().map(|(name, group)| described(call, name, group)).collect();
        Ok(with_token(json!({ "logGroups": groups }), next))
    }

    fn describe_log_streams(&self, call: &Call, wanted: &Listing) -> Result<Value, AwsError> {
        let group = group_name(wanted.log_group_name.as_deref(), wanted.log_group_identifier.as_deref())?;
        let state = self.checked(call, "DescribeLogStreams", group, None)?;
        let prefix = wanted.log_stream_name_prefix.as_deref().unwrap_or_default();
        let streams = &state.group(call.region, group)?.streams;
        let mut streams: Vec<(&String, &Stream)> =
            streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        if wanted.order_by.as_deref() == Some("LastEventTime") {
            streams.sort_by_key(|(_, stream)| stream.events.back().map(Event::place));
        }
        if wanted.descending {
            streams.reverse();
        }
        let (page, next) = wanted.page(streams.into_iter())?;
        let streams: Vec<Value> =
            page.into_iter().map(|(name, stream)| described_stream(call, group, name, stream)).collect();
        Ok(with_token(json!({ "logStreams": streams }), next))
    }

    fn put_log_events(&self, call: &Call, wanted: &PutEvents) -> Result<Value, AwsError> {
        let (group, stream) = (&wanted.log_group_name, &wanted.log_stream_name);
        let mut state = self.checked(call, "PutLogEvents", group, Some(stream))?;
        if wanted.log_events.windows(2).any(|pair| pair[0].timestamp > pair[1].timestamp) {
            return Err(invalid(
                "Log events in a single PutLogEvents request must be in chronological order.".to_owned(),
            ));
        }
        for event in &wanted.log_events {
            let now = call.cloud.clock.now();
            state.put(call.region, group, stream, now, (event.timestamp, &event.message))?;
        }
        Ok(json!({ "nextSequenceToken": "twin" }))
    }

    fn get_log_events(&self, call: &Call, wanted: &GetEvents) -> Result<Value, AwsError> {
        let group_name = group_name(wanted.log_group_name.as_deref(), wanted.log_group_identifier.as_deref())?;
        let state = self.checked(call, "GetLogEvents", group_name, Some(&wanted.log_stream_name))?;
        let stream = state.stream(call.region, group_name, &wanted.log_stream_name)?;
        let oldest = state.group(call.region, group_name)?.expired_before(call.cloud.clock.now());
        let from = wanted.start_time.unwrap_or(i64::MIN).max(oldest);
        // API reference: an event at the end time itself is not included.
        let to = wanted.end_time.unwrap_or(i64::MAX);
        let inside: Vec<&Event> =
            stream.events.iter().filter(|event| event.at_ms >= from && event.at_ms < to).collect();
        let limit = wanted.limit.unwrap_or(EVENTS_PAGE).clamp(1, EVENTS_PAGE);
        let token = wanted.next_token.as_deref().map(direction).transpose()?;
        let page = match token {
            Some((true, place)) => {
                let first = inside.partition_point(|event| event.place() <= place);
                &inside[first..inside.len().min(first + limit)]
            }
            Some((false, place)) => {
                let end = inside.partition_point(|event| event.place() < place);
                &inside[end.saturating_sub(limit)..end]
            }
            None if wanted.start_from_head => &inside[..inside.len().min(limit)],
            None => &inside[inside.len().saturating_sub(limit)..],
        };
        // An empty page keeps the token it was asked with: that is how a reader knows the end.
        let kept = token.map(|(_, place)| place);
        let forward = page.last().map(|event| event.place()).or(kept).unwrap_or((i64::MIN, 0));
        let backward = page.first().map(|event| event.place()).or(kept).unwrap_or((i64::MIN, 0));
        let events: Vec<Value> = page
            .iter()
            .map(|event| json!({ "timestamp": event.at_ms, "message": event.message, "ingestionTime": event.ingested_ms }))
            .collect();
        Ok(json!({
            "events": events,
            "nextForwardToken": format!("f/{}/{}", forward.0, forward.1),
            "nextBackwardToken": format!("b/{}/{}", backward.0, backward.1),
        }))
    }

    fn filter_log_events(&self, call: &Call, wanted: &FilterEvents) -> Result<Value, AwsError> {
        let group_name = group_name(wanted.log_group_name.as_deref(), wanted.log_group_identifier.as_deref())?;
        let pattern = Pattern::parse(wanted.filter_pattern.as_deref().unwrap_or_default())?;
        let state = self.checked(call, "FilterLogEvents", group_name, None)?;
        let group = state.group(call.region, group_name)?;
        let from = wanted.start_time.unwrap_or(i64::MIN).max(group.expired_before(call.cloud.clock.now()));
        // API reference: events later than the end time are left out, one at it is not.
        let to = wanted.end_time.unwrap_or(i64::MAX);
        let after = wanted.next_token.as_deref().map(direction).transpose()?.map(|(_, place)| place);
        let prefix = wanted.log_stream_name_prefix.as_deref().unwrap_or_default();
        let mut found: Vec<(&str, &Event)> = Vec::new();
        for (name, stream) in &group.streams {
            if !name.starts_with(prefix)
                || !(wanted.log_stream_names.is_empty() || wanted.log_stream_names.contains(name))
            {
                continue;
            }
            let first = stream.events.partition_point(|event| event.at_ms < from);
            let events = stream.events.range(first..).take_while(|event| event.at_ms <= to);
            let events = events.filter(|event| after.is_none_or(|place| event.place() > place));
            found.extend(events.filter(|event| pattern.matches(&event.message)).map(|event| (name.as_str(), event)));
        }
        found.sort_by_key(|(_, event)| event.place());
        let limit = wanted.limit.unwrap_or(EVENTS_PAGE).clamp(1, EVENTS_PAGE);
        let mut bytes = 0;
        let mut page: Vec<Value> = Vec::new();
        let mut next = None;
        let mut last: Place = (0, 0);
        for (stream, event) in found {
            bytes += event.message.len() + 26;
            if page.len() == limit || (bytes > EVENTS_PAGE_BYTES && !page.is_empty()) {
                next = Some(format!("f/{}/{}", last.0, last.1));
                break;
            }
            last = event.place();
            page.push(json!({
                "logStreamName": stream,
                "timestamp": event.at_ms,
                "message": event.message,
                "ingestionTime": event.ingested_ms,
                "eventId": format!("{:028}{:028}", event.at_ms, event.number),
            }));
        }
        Ok(with_token(json!({ "events": page, "searchedLogStreams": [] }), next))
    }
}

impl Listing {
    fn page<T>(&self, mut entries: impl Iterator<Item = T>) -> Result<(Vec<T>, Option<String>), AwsError> {
        let skip: usize = match &self.next_token {
            Some(token) => token.parse().map_err(|_| invalid(format!("the token {token:?} is none of the twin's")))?,
            None => 0,
        };
        let limit = self.limit.unwrap_or(LISTING_PAGE).clamp(1, LISTING_PAGE);
        let page: Vec<T> = entries.by_ref().skip(skip).take(limit).collect();
        let next = entries.next().map(|_| (skip + limit).to_string());
        Ok((page, next))
    }
}

pub fn check_retention(days: u32) -> Result<u32, AwsError> {
    if RETENTIONS.contains(&days) {
        return Ok(days);
    }
    Err(invalid(format!("retentionInDays must be one of {RETENTIONS:?}, not {days}")))
}

pub fn group_arn(account: &str, region: Region, name: &str) -> String {
    format!("arn:aws:logs:{region}:{account}:log-group:{name}")
}

fn described(call: &Call, name: &str, group: &Group) -> Value {
    let arn = group_arn(&call.cloud.account, call.region, name);
    let mut json = json!({
        "logGroupName": name,
        "creationTime": group.created.millis(),
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes(),
        "logGroupClass": group.class.as_deref().unwrap_or("STANDARD"),
    });
    if let Some(days) = group.retention_days {
        json["retentionInDays"] = days.into();
    }
    if let Some(key) = &group.kms_key_id {
        json["kmsKeyId"] = key.as_str().into();
    }
    json
}

fn described_stream(call: &Call, group: &str, name: &str, stream: &Stream) -> Value {
    let group = group_arn(&call.cloud.account, call.region, group);
    let mut json = json!({
        "logStreamName": name,
        "creationTime": stream.created.millis(),
        "arn": format!("{group}:log-stream:{name}"),
        "uploadSequenceToken": "twin",
        "storedBytes": 0,
    });
    let marks = [
        ("firstEventTimestamp", stream.events.front().map(|event| event.at_ms)),
        ("lastEventTimestamp", stream.events.back().map(|event| event.at_ms)),
        ("lastIngestionTime", stream.last_ingestion.map(|at| at.millis())),
    ];
    for (mark, at) in marks {
        if let Some(at) = at {
            json[mark] = at.into();
        }
    }
    json
}

/// A group is named by its name or, in newer calls, its ARN.
fn group_name<'a>(name: Option<&'a str>, identifier: Option<&'a str>) -> Result<&'a str, AwsError> {
    let given = name.or(identifier).ok_or_else(|| invalid("logGroupName must not be null".to_owned()))?;
    let name = given.split_once(":log-group:").map_or(given, |(_, name)| name);
    Ok(name.strip_suffix(":*").unwrap_or(name))
}

/// `f/<time>/<number>`: forward from that place; `b/...`: backward.
fn direction(token: &str) -> Result<(bool, Place), AwsError> {
    let mut parts = token.split('/');
    let read = (parts.next(), parts.next().and_then(|at| at.parse().ok()), parts.next().and_then(|n| n.parse().ok()));
    match read {
        (Some(way @ ("f" | "b")), Some(at), Some(number)) => Ok((way == "f", (at, number))),
        _ => Err(invalid(format!("the token {token:?} is none of the twin's"))),
    }
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    answer
}

/// A request as a type; a member that is not modelled is an error that names it.
fn read<T: DeserializeOwned>(body: Value) -> Result<T, AwsError> {
    serde_json::from_value(body)
        .map_err(|error| invalid(format!("the embedded twin cannot take this request: {error}")))
}
