//! Why an invocation ends in an error: each of them makes Lambda's asynchronous retry try again.

use crate::dns::DnsError;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The event is none of an alarm's.
    #[error("{0}")]
    Event(String),
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// Traffic must not move now: the other Region is no better. Alarms act on changes of state only, so without a
    /// retry nobody would ask again when that Region has recovered.
    #[error("{0}")]
    Refused(String),
    /// The time was up before the guarded Region had been healthy for long enough.
    #[error("{0}")]
    Unstable(String),
}

impl Error {
    /// The `errorType` of the function's answer.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "BadEvent",
            Self::Dns(_) => "DnsError",
            Self::Refused(_) => "Refused",
            Self::Unstable(_) => "Unstable",
        }
    }
}
