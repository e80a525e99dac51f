//! Smithy RPC v2 in CBOR: the operation in the path, members in a CBOR map.

use super::{AwsError, Request, Response, respond};
use crate::clock::Timestamp;
use ciborium::Value;

/// The operation named by `/service/<service>/operation/<operation>`.
pub fn operation(request: &Request) -> &str {
    request.uri().path().rsplit('/').next().unwrap_or_default()
}

/// The members of a request; an empty body is an empty map.
pub fn body(request: &Request) -> Result<Value, AwsError> {
    if request.body().is_empty() {
        return Ok(Value::Map(Vec::new()));
    }
    ciborium::from_reader(request.body().as_ref())
        .map_err(|error| AwsError::bad_request("SerializationException", format!("the body is not CBOR: {error}")))
}

/// The member of this name.
pub fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let entries = value.as_map()?;
    entries.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    get(value, name)?.as_text()
}

pub fn number(value: &Value, name: &str) -> Option<f64> {
    as_number(get(value, name)?)
}

pub fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(i128::from(*number) as f64),
        _ => None,
    }
}

/// The members of a list, none where the list is absent.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    get(value, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A moment: tag 1 around epoch seconds.
pub fn timestamp(value: &Value, name: &str) -> Option<Timestamp> {
    match get(value, name)? {
        Value::Tag(1, seconds) => as_number(seconds).map(|s| Timestamp::from_micros((s * 1e6).round() as i64)),
        _ => None,
    }
}

pub fn moment(at: Timestamp) -> Value {
    Value::Tag(1, Box::new(Value::Float(at.seconds())))
}

/// A map of members.
pub fn map<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (Value::Text(name.to_owned()), value)).collect())
}

pub fn ok(request_id: &str, body: &Value) -> Response {
    respond_with(200, request_id, body)
}

pub fn respond_with(status: u16, request_id: &str, body: &Value) -> Response {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail, and every Value is representable.
    let written = ciborium::into_writer(body, &mut bytes);
    debug_assert!(written.is_ok());
    let mut response = respond(status, "application/cbor", request_id, bytes);
    response.headers_mut().insert("smithy-protocol", http::HeaderValue::from_static("rpc-v2-cbor"));
    response
}
