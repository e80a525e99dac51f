//! How a probe can come to nothing, and which of the ways an error is.

use aws_sdk_s3::error::ProvideErrorMetadata;

use crate::capability::Standing;
use crate::target::{RawError, said};

/// Why a capability was not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The target says no, or nothing.
    Absent(String),
    /// The target says yes, and does not do it.
    Lie(String),
    /// It could not be tried.
    Unknown(String),
}

/// What was seen, or why it was not.
pub type Probed<T = String> = Result<T, Miss>;

/// Codes of errors that are about the caller, not about what the target can do.
const OF_THE_CALLER: [&str; 14] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "LimitExceeded",
    "LimitExceededException",
    "NoCredentials",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
];

impl Miss {
    pub fn standing(&self) -> Standing {
        match self {
            Self::Absent(_) => Standing::Absent,
            Self::Lie(_) => Standing::Lie,
            Self::Unknown(_) => Standing::Unknown,
        }
    }

    pub fn evidence(&self) -> &str {
        match self {
            Self::Absent(what) | Self::Lie(what) | Self::Unknown(what) => what,
        }
    }
}

pub fn lie<T>(what: impl Into<String>) -> Probed<T> {
    Err(Miss::Lie(what.into()))
}

pub fn unknown<T>(what: impl Into<String>) -> Probed<T> {
    Err(Miss::Unknown(what.into()))
}

/// What an error of this call means.
pub fn refused<E>(call: &str) -> impl Fn(E) -> Miss
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| of_code(error.code(), format!("{call}: {}", said(&error)))
}

/// What an error of this signed call means.
pub fn refused_raw(call: &str) -> impl Fn(RawError) -> Miss {
    move |error| of_code(Some(&error.code), format!("{call}: {error}"))
}

/// What a request that could not even be built means: the harness is wrong.
pub fn unbuilt(error: impl std::fmt::Display) -> Miss {
    Miss::Unknown(format!("the request could not be built: {error}"))
}

fn of_code(code: Option<&str>, what: String) -> Miss {
    match code {
        Some(code) if OF_THE_CALLER.contains(&code) => Miss::Unknown(what),
        // The proxy's own word: nobody was there, or it was no HTTP.
        Some("UpstreamUnreachable") => Miss::Unknown(what),
        _ => Miss::Absent(what),
    }
}
