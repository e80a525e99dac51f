//! The AWS wire protocols: how a request is read and how an answer or an error is written.
//!
//! Services hold shapes and meaning; nothing in here knows any service.

pub mod cbor;
mod error;
pub mod json;
mod members;
pub mod query;
pub mod xml;

pub use error::AwsError;
pub use members::Members;

use bytes::Bytes;

/// A request as it arrives at an endpoint, its body whole.
pub type Request = http::Request<Bytes>;
/// An answer as it leaves an endpoint, its body whole.
pub type Response = http::Response<Bytes>;

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `X-Amz-Target` and a JSON body: DynamoDB (1.0), Secrets Manager, KMS, Logs, SSM (1.1).
    Json { version: &'static str },
    /// A form-encoded action, an XML answer: CloudFormation, SNS, STS, IAM.
    Query,
    /// XML over REST with errors in an `<ErrorResponse>`: Route 53.
    RestXml,
    /// XML over REST with bare `<Error>` documents: S3.
    S3,
    /// JSON over REST: Lambda, API Gateway.
    RestJson,
    /// Smithy RPC v2 in CBOR: CloudWatch.
    RpcV2Cbor,
}

/// An answer with this status, content type and body.
pub fn respond(status: u16, content_type: &str, request_id: &str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in [("content-type", content_type), ("x-amzn-requestid", request_id)] {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            headers.insert(http::HeaderName::from_static(name), value);
        }
    }
    response
}
