//! What one checker thinks of an endpoint, and what it saw. Pure.

use std::net::Ipv4Addr;

use crate::clock::Timestamp;
use crate::dns::health::Vote;
use crate::region::Region;
use crate::services::cloudwatch::AlarmState;

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Status {
        code: u16,
        address: Ipv4Addr,
    },
    /// A TCP check that found its port open.
    Connected,
    NotFound,
    NoConnection,
    ConnectTimedOut {
        address: Ipv4Addr,
    },
    AnswerTimedOut {
        address: Ipv4Addr,
    },
    NameNotResolved,
    /// What an alarm's data stream says, and what that counts as.
    Metric {
        state: Option<AlarmState>,
        healthy: bool,
    },
}

impl Outcome {
    pub fn is_success(self) -> bool {
        match self {
            Self::Status { code, .. } => (200..400).contains(&code),
            Self::Connected => true,
            Self::Metric { healthy, .. } => healthy,
            _ => false,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.is_success() { "Success" } else { "Failure" };
        match self {
            Self::Status { code, address } => {
                let reason = http::StatusCode::from_u16(*code).ok().and_then(|code| code.canonical_reason());
                let reason = reason.unwrap_or("Unknown");
                write!(f, "{verdict}: HTTP Status Code {code}, {reason}. Resolved IP: {address}")
            }
            Self::Connected => write!(f, "{verdict}: Connection established"),
            Self::NotFound => write!(f, "{verdict}: The search string was not found in the first 5120 bytes"),
            Self::NoConnection => write!(f, "{verdict}: Connection refused"),
            Self::ConnectTimedOut { address } => write!(
                f,
                "{verdict}: Connection timed out. The endpoint or the internet connection is down, or requests are \
                 being blocked by your firewall. Resolved IP: {address}"
            ),
            Self::AnswerTimedOut { address } => write!(
                f,
                "{verdict}: The endpoint did not answer within the timeout after the connection. Resolved IP: {address}"
            ),
            Self::Metric { state: None, .. } => write!(f, "{verdict}: The alarm's data stream says nothing new"),
            Self::Metric { state: Some(state), .. } => {
                write!(f, "{verdict}: The alarm's data stream is {}", state.as_str())
            }
            Self::NameNotResolved => write!(f, "{verdict}: DNS resolution failed: the name has no address"),
        }
    }
}

/// One result and its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    pub outcome: Outcome,
    pub at: Timestamp,
}

/// One checker's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub region: Region,
    /// Where the checker's requests come from.
    pub address: Ipv4Addr,
    /// A new check counts as healthy until there is enough data.
    pub vote: Vote,
    pub last: Option<Observation>,
    pub last_failure: Option<Observation>,
}

impl Opinion {
    pub fn new(region: Region, address: Ipv4Addr) -> Self {
        Self { region, address, vote: Vote::new(true), last: None, last_failure: None }
    }

    /// Takes a result; true where it changed the checker's mind.
    pub fn take(&mut self, observation: Observation, threshold: u32) -> bool {
        let success = observation.outcome.is_success();
        self.last = Some(observation);
        if !success {
            self.last_failure = Some(observation);
        }
        self.vote.take(success, threshold)
    }
}
