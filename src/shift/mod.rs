//! Moving traffic: the weights of a name's records and of a function's alias, each changed only where it still is what
//! was read. What somebody else changed meanwhile is told, and never written over.

mod alias;
mod weights;

use std::time::Duration;

pub use alias::{Alias, Versions};
pub use weights::{Restored, Sets, Weighted, Weights};

/// Why traffic was not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShiftError {
    /// Somebody else changed it since it was read.
    #[error("{0}")]
    Conflict(String),
    /// The service asks to wait, or does not answer: worth another try.
    #[error("{0}")]
    Busy(String),
    #[error("{0}")]
    Failed(String),
}

/// How long a service that is busy or gone is asked again; a rollback must outlast a control plane's bad minutes.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Route 53 takes five requests a second of an account, and guards and probes need some of them.
const PAUSE: Duration = Duration::from_secs(3);

/// Asks until the answer is no longer that the service is busy.
async fn patiently<T>(what: &str, ask: impl AsyncFn() -> Result<T, ShiftError>) -> Result<T, ShiftError> {
    use crate::wait::{self, Look};
    let look = || async {
        match ask().await {
            Ok(value) => Ok(Look::Ready(value)),
            Err(ShiftError::Busy(what)) => Ok(Look::NotYet(what)),
            Err(error) => Err(error),
        }
    };
    wait::until(what, PATIENCE, PAUSE, look).await?.map_err(|gave_up| ShiftError::Failed(gave_up.to_string()))
}

/// Whether another try may go better: the service throttles, fails by itself, or could not be reached.
fn is_passing<E, R>(error: &aws_sdk_route53::error::SdkError<E, R>) -> bool
where
    E: aws_sdk_route53::error::ProvideErrorMetadata,
{
    use aws_sdk_route53::error::SdkError;
    match error {
        SdkError::ServiceError(service) => matches!(
            service.err().code().unwrap_or_default(),
            "Throttling"
                | "ThrottlingException"
                | "TooManyRequestsException"
                | "PriorRequestNotComplete"
                | "ResourceConflictException"
                | "ServiceException"
                | "ServiceUnavailable"
                | "InternalFailure"
                | "InternalError"
        ),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        _ => false,
    }
}
