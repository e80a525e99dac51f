//! The Lambda proxy answer: `{statusCode, headers, body, isBase64Encoded}` and HTTP, there and back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// An answer as a function behind a proxy integration returns it.
pub fn to_json(response: &http::Response<Bytes>) -> Value {
    let mut headers = serde_json::Map::new();
    for (name, value) in response.headers() {
        headers.insert(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into());
    }
    let (body, encoded) = match std::str::from_utf8(response.body()) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (BASE64_STANDARD.encode(response.body()), true),
    };
    json!({ "statusCode": response.status().as_u16(), "headers": headers, "body": body, "isBase64Encoded": encoded })
}

/// The answer a returned value means; `None` where it is not of the shape API Gateway asks for ("Output format of a
/// Lambda function for proxy integration", API Gateway developer guide).
pub fn from_json(value: &Value) -> Option<http::Response<Bytes>> {
    const MEMBERS: &[&str] = &["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];
    let members = value.as_object()?;
    if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return None;
    }
    let status = match members.get("statusCode")? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let body = match members.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if members.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            BASE64_STANDARD.decode(text).ok()?.into()
        }
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(_) => return None,
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).ok()?;
    let single = members.get("headers").and_then(Value::as_object).into_iter().flatten();
    let multiple = members.get("multiValueHeaders").and_then(Value::as_object).into_iter().flatten();
    let multiple = multiple.flat_map(|(name, values)| values.as_array().into_iter().flatten().map(move |v| (name, v)));
    for (name, value) in single.chain(multiple) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.headers_mut().append(name, HeaderValue::from_str(&text).ok()?);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_there_and_back() {
        for body in [Bytes::from_static(b"text"), Bytes::from_static(&[0xff, 0x00])] {
            let mut response = http::Response::new(body);
            response.headers_mut().insert("x-a", HeaderValue::from_static("b"));
            let back = from_json(&to_json(&response)).unwrap();
            assert_eq!((back.body(), back.headers().get("x-a")), (response.body(), response.headers().get("x-a")));
        }
    }

    #[test]
    fn other_shapes_are_malformed() {
        for wrong in
            [json!("text"), json!({}), json!({"statusCode": 200, "extra": 1}), json!({"statusCode": 200, "body": {}})]
        {
            assert!(from_json(&wrong).is_none(), "{wrong}");
        }
    }
}
