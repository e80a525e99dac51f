//! What is checked, and how.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::region::Region;
use crate::services::cloudwatch::AlarmStream;

#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub kind: Kind,
    /// 10 or 30 seconds (API reference, RequestInterval).
    pub interval: Duration,
    /// Consecutive results that change a checker's mind: 1 to 10, 3 unless given.
    pub threshold: u32,
    pub inverted: bool,
    pub disabled: bool,
    /// Where the checkers are; empty for everywhere Route 53 has them.
    pub regions: Vec<Region>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Http(Endpoint),
    Https(Endpoint),
    Tcp(Endpoint),
    /// Healthy while what an alarm watches would leave the alarm OK.
    Metric {
        stream: AlarmStream,
        insufficient: Insufficient,
    },
    /// Healthy while at least this many of its children are.
    Calculated {
        children: Vec<String>,
        healthy_min: usize,
    },
}

/// What a check of a metric counts as while there is too little data (API reference, InsufficientDataHealthStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insufficient {
    Healthy,
    Unhealthy,
    LastKnown,
}

/// What checkers connect to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Resolved anew for every check, where there is no address.
    pub name: Option<String>,
    pub address: Option<Ipv4Addr>,
    pub port: u16,
    pub path: String,
    /// What the first 5,120 bytes of the body must hold.
    pub search: Option<String>,
}

impl Kind {
    pub fn has_endpoint(&self) -> bool {
        self.endpoint().is_some()
    }

    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Http(endpoint) | Self::Https(endpoint) | Self::Tcp(endpoint) => Some(endpoint),
            Self::Metric { .. } | Self::Calculated { .. } => None,
        }
    }
}
