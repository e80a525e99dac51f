//! What an answer says about a write.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::history::WriteOutcome;
use crate::target::said;

/// What became of a call, and what was said.
pub type Ended = (WriteOutcome, Option<String>);

/// An answer that is an error of the caller's is a refusal; any other failure leaves open whether it happened.
pub fn ended<T, E>(sent: Result<T, SdkError<E, HttpResponse>>) -> Ended
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Err(error) = sent else { return (WriteOutcome::Acknowledged, None) };
    let refused = match &error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(answer) => answer.raw().status().is_client_error(),
        _ => false,
    };
    (if refused { WriteOutcome::Refused } else { WriteOutcome::Unknown }, Some(said(&error)))
}
