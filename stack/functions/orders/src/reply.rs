//! Answers, and what went wrong as an answer: JSON with the code AWS gave.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// Why a request could not be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Failure {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// A dependency did not answer in time.
    pub fn timeout(what: &str) -> Self {
        Self::new(504, "Timeout", format!("{what} took too long"))
    }

    /// A dependency failed. Its message is left out: only its code is told, so that nothing of a secret can slip in.
    pub fn of<E: ProvideErrorMetadata, R>(what: &str, error: &SdkError<E, R>) -> Self {
        let code = match error {
            SdkError::TimeoutError(_) => return Self::timeout(what),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => return Self::timeout(what),
            SdkError::ServiceError(service) => service.err().code().unwrap_or("UnknownServiceError"),
            SdkError::DispatchFailure(_) => "DispatchFailure",
            SdkError::ResponseError(_) => "ResponseError",
            _ => "ConstructionFailure",
        };
        Self::new(502, code, format!("{what} failed with {code}"))
    }

    pub fn response(&self, region: &str) -> Response<Bytes> {
        json(self.status, &json!({ "error": self.code, "message": self.message, "region": region }))
    }
}

/// A JSON answer.
pub fn json(status: u16, body: &Value) -> Response<Bytes> {
    bytes(status, HeaderValue::from_static("application/json"), Bytes::from(body.to_string()))
}

pub fn bytes(status: u16, content_type: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    response
}
