//! What API Gateway answers where no backend does ("Gateway response types", API Gateway developer guide).

use crate::wire::{Response, respond};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No API, stage or domain of that name here.
    Forbidden,
    /// No such path or method: AWS answers as if a signature were missing.
    MissingAuthenticationToken,
    TooLarge,
    Throttled,
    /// The backend could not be asked.
    Internal,
    /// The backend failed, or its answer is malformed.
    BadGateway,
    TimedOut,
}

impl Refusal {
    pub fn status(self) -> u16 {
        match self {
            Self::Forbidden | Self::MissingAuthenticationToken => 403,
            Self::TooLarge => 413,
            Self::Throttled => 429,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::TimedOut => 504,
        }
    }

    pub fn response(self, request_id: &str) -> Response {
        let (kind, body) = match self {
            Self::Forbidden => ("ForbiddenException", r#"{"message":"Forbidden"}"#),
            Self::MissingAuthenticationToken => {
                ("MissingAuthenticationTokenException", r#"{"message":"Missing Authentication Token"}"#)
            }
            Self::TooLarge => ("RequestTooLargeException", r#"{"message":"Request Too Long"}"#),
            Self::Throttled => ("TooManyRequestsException", r#"{"message":"Too Many Requests"}"#),
            Self::Internal | Self::BadGateway => {
                ("InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            }
            Self::TimedOut => ("InternalServerErrorException", r#"{"message": "Endpoint request timed out"}"#),
        };
        let mut response = respond(self.status(), "application/json", request_id, body);
        response.headers_mut().insert("x-amzn-errortype", http::HeaderValue::from_static(kind));
        response
    }
}
