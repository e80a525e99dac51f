//! What the rules met and did, and what passed through. Never bodies, queries or headers: they hold credentials.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Call, Rule, RuleId};
use crate::clock::Timestamp;
use crate::region::Region;

/// How many of the requests a rule fired on are kept.
const SAMPLES_MAX: usize = 5;

/// Everything since the proxy started.
#[derive(Clone, Debug)]
pub struct Audit {
    /// By rule, in the order of their injection; healed ones too.
    pub rules: Vec<Fired>,
    pub regions: BTreeMap<Region, Passed>,
}

/// What one rule met and did.
#[derive(Clone, Debug)]
pub struct Fired {
    pub id: RuleId,
    pub rule: Rule,
    pub injected: Timestamp,
    pub healed: Option<Timestamp>,
    /// Requests it was for while it was in force. A refusing rule meets none: what is refused is not seen.
    pub matched: u64,
    /// Those it was done to: drawn, within the count, and decided by no earlier rule. Of a refusing rule, how often
    /// a port was closed.
    pub fired: u64,
    /// Connections that were open when a port was closed, and were reset.
    pub connections_reset: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// The first few requests it was done to.
    pub samples: Vec<Sample>,
}

/// One request a rule was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    pub at: Timestamp,
    pub region: Region,
    /// `None` for users' traffic.
    pub service: Option<String>,
    pub operation: Option<String>,
    pub method: String,
    /// Without its query, which may hold a signature.
    pub path: String,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.service, &self.operation) {
            (Some(service), Some(operation)) => write!(f, "{} {service} {operation}", self.region),
            (Some(service), None) => write!(f, "{} {service} {} {}", self.region, self.method, self.path),
            (None, _) => write!(f, "{} {} {}", self.region, self.method, self.path),
        }
    }
}

/// What passed through one Region's port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Passed {
    pub connections: u64,
    /// Those of them that are open now.
    pub open: u64,
    /// Requests read whole.
    pub requests: u64,
    /// Those the upstream answered.
    pub answered: u64,
    /// Those it did not answer, and that got a 502 of ours instead.
    pub upstream_failures: u64,
    /// Users' requests for a host that is not known there.
    pub unknown_hosts: u64,
    /// Why the port could not be opened again, while it cannot.
    pub trouble: Option<String>,
}

impl Fired {
    pub(super) const fn new(id: RuleId, rule: Rule, injected: Timestamp) -> Self {
        Self {
            id,
            rule,
            injected,
            healed: None,
            matched: 0,
            fired: 0,
            connections_reset: 0,
            first: None,
            last: None,
            samples: Vec::new(),
        }
    }

    pub(super) fn fire(&mut self, at: Timestamp) {
        self.fired += 1;
        self.first.get_or_insert(at);
        self.last = Some(at);
    }

    pub(super) fn fire_on(&mut self, call: &Call<'_>, at: Timestamp) {
        self.fire(at);
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(Sample {
                at,
                region: call.region,
                service: call.service.clone(),
                operation: call.operation.clone(),
                method: call.method().to_owned(),
                path: call.path().to_owned(),
            });
        }
    }
}
