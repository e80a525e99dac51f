//! One error type for every service, written in the protocol of the one that raised it.

use super::{Protocol, Response, cbor, respond, xml::Element};
use ciborium::Value;

/// An error as AWS shapes it: a status, a code SDKs match on, and a message for people.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Members beside code and message in the JSON protocols, such as `CancellationReasons`.
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl AwsError {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), members: serde_json::Map::new() }
    }

    /// A client error, status 400.
    pub fn bad_request(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationException", message)
    }

    /// The call exists at AWS and not here: an error, never a silent success.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        let message = format!("the embedded twin does not implement {service}:{operation}; see docs/fidelity.md");
        Self::new(501, "NotImplemented", message)
    }

    pub fn access_denied(principal: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: {principal} is not authorized to perform: {action} on resource: {resource} \
             because no identity-based policy allows the {action} action"
        );
        Self::new(403, "AccessDeniedException", message)
    }

    #[must_use]
    pub fn with(mut self, member: &str, value: serde_json::Value) -> Self {
        self.members.insert(member.to_owned(), value);
        self
    }

    pub fn into_response(self, protocol: Protocol, request_id: &str) -> Response {
        match protocol {
            Protocol::Json { version } => {
                let mut body = self.members;
                body.insert("__type".to_owned(), self.code.into());
                body.insert("message".to_owned(), self.message.into());
                let content_type = format!("application/x-amz-json-{version}");
                respond(self.status, &content_type, request_id, serde_json::Value::Object(body).to_string())
            }
            Protocol::RestJson => {
                let mut body = self.members;
                body.insert("Message".to_owned(), self.message.into());
                let body = serde_json::Value::Object(body).to_string();
                let mut response = respond(self.status, "application/json", request_id, body);
                if let Ok(code) = http::HeaderValue::from_str(&self.code) {
                    response.headers_mut().insert("x-amzn-errortype", code);
                }
                response
            }
            Protocol::Query | Protocol::RestXml => {
                let kind = if self.status < 500 { "Sender" } else { "Receiver" };
                let error = Element::new("Error")
                    .text_child("Type", kind)
                    .text_child("Code", self.code)
                    .text_child("Message", self.message);
                let body = Element::new("ErrorResponse").child(error).text_child("RequestId", request_id).document();
                respond(self.status, "text/xml", request_id, body)
            }
            Protocol::S3 => {
                let error = Element::new("Error")
                    .text_child("Code", self.code)
                    .text_child("Message", self.message)
                    .text_child("RequestId", request_id);
                respond(self.status, "application/xml", request_id, error.document())
            }
            Protocol::RpcV2Cbor => {
                let body = cbor::map([("__type", Value::Text(self.code)), ("message", Value::Text(self.message))]);
                cbor::respond_with(self.status, request_id, &body)
            }
        }
    }
}
