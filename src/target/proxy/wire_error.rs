//! Errors as AWS writes them, one shape for each protocol, so that unmodified clients read the code that was meant.
//!
//! Shapes: Smithy's protocol pages (awsJson, awsQuery, ec2Query, restXml, restJson1, rpcv2Cbor), "Error responses" of
//! the Amazon S3 API reference, and "Gateway response types" of API Gateway.

use bytes::Bytes;
use ciborium::Value;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use quick_xml::escape::escape;

use super::{Call, Protocol};

/// An error before it has a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireError {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl WireError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// What the service of a call says when it throttles.
    pub fn throttle(call: &Call<'_>) -> Self {
        let service = call.service.as_deref().unwrap_or_default();
        let (status, code, message) = match (call.protocol, service) {
            // "Gateway response types", THROTTLED.
            (Protocol::Edge, _) => (429, "TooManyRequestsException", "Too Many Requests"),
            // "Error handling with DynamoDB": the data plane has a name of its own for it.
            (_, "dynamodb") if is_data_plane(call) => (400, "ProvisionedThroughputExceededException", PROVISIONED),
            // "Error responses", SlowDown.
            (Protocol::S3, _) => (503, "SlowDown", "Please reduce your request rate."),
            // Lambda "Invoke", Errors.
            (Protocol::RestJson, "lambda") => (429, "TooManyRequestsException", "Rate Exceeded."),
            (Protocol::RestJson, _) => (429, "TooManyRequestsException", "Too Many Requests"),
            // "Error codes for the Amazon EC2 API".
            (Protocol::Ec2, _) => (503, "RequestLimitExceeded", "Request limit exceeded."),
            // "Common Errors" of CloudFormation, SNS and IAM; Route 53 "Throttling".
            (Protocol::Query | Protocol::RestXml, _) => (400, "Throttling", "Rate exceeded"),
            (Protocol::Json { .. } | Protocol::RpcV2Cbor, _) => (400, "ThrottlingException", "Rate exceeded"),
        };
        Self::new(status, code, message)
    }

    /// The error as users of API Gateway get it, whose words and types depend on the status alone where it has any.
    fn of_the_edge(&self) -> (&str, &str) {
        match self.status {
            403 => ("ForbiddenException", "Forbidden"),
            429 => ("TooManyRequestsException", "Too Many Requests"),
            500 | 502 => ("InternalServerErrorException", "Internal server error"),
            503 => ("ServiceUnavailableException", "Service Unavailable"),
            504 => ("InternalServerErrorException", "Endpoint request timed out"),
            _ => (&self.code, &self.message),
        }
    }

    /// The answer in the protocol of its caller.
    pub fn into_response(self, protocol: Protocol, request_id: &str) -> Response<Bytes> {
        let (code, message) = (escape(self.code.as_str()), escape(self.message.as_str()));
        let json = |members: serde_json::Value| Bytes::from(members.to_string());
        let (content_type, body) = match protocol {
            Protocol::Json { version } => {
                let content_type =
                    if version == "1.0" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
                (content_type, json(serde_json::json!({ "__type": self.code, "message": self.message })))
            }
            Protocol::RestJson => ("application/json", json(serde_json::json!({ "message": self.message }))),
            Protocol::Edge => {
                let (_, message) = self.of_the_edge();
                ("application/json", json(serde_json::json!({ "message": message })))
            }
            Protocol::Query | Protocol::RestXml => {
                let kind = if self.status < 500 { "Sender" } else { "Receiver" };
                let body = format!(
                    "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>{request_id}</RequestId></ErrorResponse>"
                );
                ("text/xml", body.into())
            }
            Protocol::Ec2 => {
                let body = format!(
                    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                     <RequestID>{request_id}</RequestID></Response>"
                );
                ("text/xml", body.into())
            }
            Protocol::S3 => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                     <Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
                );
                ("application/xml", body.into())
            }
            Protocol::RpcV2Cbor => ("application/cbor", self.cbor()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut header = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        };
        header("content-type", content_type);
        match protocol {
            Protocol::S3 => header("x-amz-request-id", request_id),
            _ => header("x-amzn-requestid", request_id),
        }
        match protocol {
            Protocol::RestJson => header("x-amzn-errortype", &self.code),
            Protocol::Edge => header("x-amzn-errortype", self.of_the_edge().0),
            Protocol::RpcV2Cbor => header("smithy-protocol", "rpc-v2-cbor"),
            _ => {}
        }
        response
    }

    fn cbor(&self) -> Bytes {
        let entry = |name: &str, value: &str| (Value::Text(name.to_owned()), Value::Text(value.to_owned()));
        let body = Value::Map(vec![entry("__type", &self.code), entry("message", &self.message)]);
        let mut bytes = Vec::new();
        // Writing texts to a Vec cannot fail.
        let written = ciborium::into_writer(&body, &mut bytes);
        debug_assert!(written.is_ok());
        bytes.into()
    }
}

const PROVISIONED: &str = "The level of configured provisioned throughput for the table was exceeded. Consider \
                           increasing your provisioning level with the UpdateTable API.";

fn is_data_plane(call: &Call<'_>) -> bool {
    let operation = call.operation.as_deref().unwrap_or_default();
    matches!(operation, "Query" | "Scan") || operation.contains("Item") || operation.contains("Execute")
}
