//! A record set as it answers queries: what the control plane accepted, parsed once and never again.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::region::Region;

/// The record types Route 53 accepts, by their names.
const TYPES: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
];

/// The type of a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordType(&'static str);

impl RecordType {
    pub const A: Self = Self("A");
    pub const CNAME: Self = Self("CNAME");
    pub const NS: Self = Self("NS");
    pub const SOA: Self = Self("SOA");

    pub fn parse(name: &str) -> Option<Self> {
        TYPES.iter().find(|known| **known == name).map(|known| Self(known))
    }

    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// How a record set shares its name and type with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    Simple,
    /// 0 to 255.
    Weighted(u8),
    Latency(Region),
    Failover {
        primary: bool,
    },
    MultiValue,
}

/// Answers with what another name answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The hosted zone of the target: one of ours, or the one an AWS service keeps its host names in.
    pub zone_id: String,
    /// Lower case, without the trailing dot.
    pub name: String,
    pub evaluate_target_health: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSet {
    /// Lower case, without the trailing dot.
    pub name: String,
    pub kind: RecordType,
    pub set_identifier: Option<String>,
    pub routing: Routing,
    /// Absent for an alias, which takes its target's.
    pub ttl: Option<u32>,
    pub values: Vec<String>,
    /// The values of an A record set, parsed.
    pub addresses: Vec<Ipv4Addr>,
    pub alias: Option<Alias>,
    pub health_check_id: Option<String>,
}

impl RecordSet {
    /// The same record in every field that a DELETE must repeat; the order of values does not matter.
    pub fn matches(&self, other: &Self) -> bool {
        let sorted = |set: &Self| {
            let mut values = set.values.clone();
            values.sort_unstable();
            values
        };
        self.routing == other.routing
            && self.ttl == other.ttl
            && self.alias == other.alias
            && self.health_check_id == other.health_check_id
            && sorted(self) == sorted(other)
    }
}

/// Every record set of one name in one zone, sorted by type and set identifier.
#[derive(Clone, Debug, Default)]
pub struct Node(Vec<Arc<RecordSet>>);

impl Node {
    pub fn new(mut sets: Vec<Arc<RecordSet>>) -> Self {
        sets.sort_by(|a, b| (a.kind, &a.set_identifier).cmp(&(b.kind, &b.set_identifier)));
        Self(sets)
    }

    /// The record sets of a type, which is a group.
    pub fn of(&self, kind: RecordType) -> &[Arc<RecordSet>] {
        let first = self.0.partition_point(|set| set.kind < kind);
        let rest = self.0.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|set| set.kind == kind)).unwrap_or_default()
    }
}

/// A name as it is kept: lower case, no trailing dot, `\052` written as `*`.
pub fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().replace("\\052", "*")
}
