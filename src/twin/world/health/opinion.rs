//! What one checker thinks of an endpoint, and how many opinions make it healthy. Pure.

use std::net::Ipv4Addr;

use crate::clock::Timestamp;
use crate::region::Region;

/// An endpoint is healthy while more than this share of the checkers say so (developer guide, "How Amazon Route 53
/// determines whether a health check is healthy").
const QUORUM_PERCENT: usize = 18;

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
}

impl Outcome {
    pub fn is_success(self) -> bool {
        match self {
            Self::Status { code, .. } => (200..400).contains(&code),
            Self::Connected => true,
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
    pub is_healthy: bool,
    pub last: Option<Observation>,
    pub last_failure: Option<Observation>,
    /// Results in a row that contradict the opinion.
    against: u32,
}

impl Opinion {
    pub fn new(region: Region, address: Ipv4Addr) -> Self {
        Self { region, address, is_healthy: true, last: None, last_failure: None, against: 0 }
    }

    /// Takes a result; true where it changed the checker's mind.
    pub fn take(&mut self, observation: Observation, threshold: u32) -> bool {
        let success = observation.outcome.is_success();
        self.last = Some(observation);
        if !success {
            self.last_failure = Some(observation);
        }
        if success == self.is_healthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        if self.against < threshold {
            return false;
        }
        self.is_healthy = success;
        self.against = 0;
        true
    }
}

/// Whether this many healthy opinions among this many checkers make a healthy endpoint.
pub fn is_quorum(healthy: usize, checkers: usize) -> bool {
    healthy * 100 > checkers * QUORUM_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checker_changes_its_mind_after_consecutive_results_only() {
        let mut opinion = Opinion::new(Region::US_EAST_1, Ipv4Addr::LOCALHOST);
        let mut take = |outcome| {
            opinion.take(Observation { outcome, at: Timestamp::default() }, 3);
            opinion.is_healthy
        };
        let (good, bad) = (Outcome::Connected, Outcome::NoConnection);
        assert!(take(bad) && take(bad) && take(good), "two failures and a success are no three in a row");
        assert!(take(bad) && take(bad) && !take(bad));
        assert!(!take(good) && !take(good) && take(good));
    }

    #[test]
    fn eighteen_percent_exactly_is_not_enough() {
        assert!(!is_quorum(18, 100) && is_quorum(19, 100));
        assert!(!is_quorum(1, 11) && is_quorum(2, 11), "two of eleven checkers are 18.2 percent");
        assert!(!is_quorum(0, 3) && is_quorum(1, 3));
    }
}
