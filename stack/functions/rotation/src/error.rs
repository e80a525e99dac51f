//! Why a step fails. Secrets Manager takes any error for a failed rotation, and tries it again from the first step.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Event(String),
    #[error("version {0} is no version of the secret that is being rotated in")]
    NotStaged(String),
    #[error("version {0} has no value yet")]
    Empty(String),
    #[error("the backend does not accept version {0}")]
    Rejected(String),
    /// Only the code is told: nothing of a secret can slip in.
    #[error("{what} failed with {code}")]
    Aws { what: &'static str, code: String },
}

impl Error {
    /// The `errorType` of the function's answer.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "BadEvent",
            Self::NotStaged(_) => "NotStaged",
            Self::Empty(_) => "EmptyVersion",
            Self::Rejected(_) => "Rejected",
            Self::Aws { .. } => "AwsError",
        }
    }

    pub fn of<E: ProvideErrorMetadata, R>(what: &'static str, error: &SdkError<E, R>) -> Self {
        let code = match error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("UnknownServiceError"),
            SdkError::TimeoutError(_) => "Timeout",
            SdkError::DispatchFailure(_) => "DispatchFailure",
            SdkError::ResponseError(_) => "ResponseError",
            _ => "ConstructionFailure",
        };
        Self::Aws { what, code: code.to_owned() }
    }
}
