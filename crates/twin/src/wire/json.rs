//! AWS JSON 1.0 and 1.1: the operation in `X-Amz-Target`, members in a JSON body.

use super::{AwsError, Request, Response, respond};
use serde_json::Value;

/// The operation a request names, without the service prefix.
pub fn operation(request: &Request) -> &str {
    let target = request.headers().get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// The members of a request; an empty body is an empty object.
pub fn body(request: &Request) -> Result<Value, AwsError> {
    if request.body().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(request.body())
        .map_err(|error| AwsError::bad_request("SerializationException", format!("the body is not JSON: {error}")))
}

/// The members of a request as a type.
pub fn parse<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, AwsError> {
    let body: &[u8] = if request.body().is_empty() { b"{}" } else { request.body() };
    serde_json::from_slice(body).map_err(|error| AwsError::bad_request("SerializationException", error.to_string()))
}

/// A successful answer; `version` is `1.0` or `1.1`.
pub fn ok(version: &str, request_id: &str, body: &impl serde::Serialize) -> Result<Response, AwsError> {
    let body = serde_json::to_vec(body)
        .map_err(|error| AwsError::new(500, "InternalServerError", format!("unserialisable answer: {error}")))?;
    let content_type = if version == "1.0" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
    Ok(respond(200, content_type, request_id, body))
}
