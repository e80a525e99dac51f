//! The seam to DNS: the two records of the public name, and atomic changes of them.

use aws_sdk_route53::types::ResourceRecordSet;

use crate::Pending;

/// The two records as they were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    pub guarded: ResourceRecordSet,
    pub other: ResourceRecordSet,
}

/// A change to make at once or not at all: both records must still be what was read, and the guarded one gets a new
/// target. Whoever changed a weight or a target meanwhile loses nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub expected: Records,
    pub guarded: ResourceRecordSet,
    pub comment: String,
}

/// A change that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `/change/C…`
    pub id: String,
    /// RFC 3339, by Route 53's clock.
    pub submitted_at: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// A record was not what the plan expected: someone changed it meanwhile.
    #[error("the records were changed by someone else meanwhile: {0}")]
    Conflict(String),
    /// Too many requests, or the change before this one is still being made: worth another try.
    #[error("Route 53 asks to wait: {0}")]
    Busy(String),
    #[error("Route 53 has no {0}")]
    Missing(String),
    #[error("Route 53 failed with {code}: {message}")]
    Failed { code: String, message: String },
}

/// Where the records are.
pub trait Dns: Send + Sync {
    fn records(&self) -> Pending<'_, Result<Records, DnsError>>;

    fn change(&self, plan: Plan) -> Pending<'_, Result<Change, DnsError>>;
}

/// Where a record points: its first value, as names are compared.
pub fn target(record: &ResourceRecordSet) -> String {
    let first = record.resource_records().first().map(|value| value.value()).unwrap_or_default();
    comparable(first)
}

/// The same record pointing elsewhere, its weight, Region and health check as they were.
pub fn pointed(record: &ResourceRecordSet, to: &str, ttl: i64) -> ResourceRecordSet {
    let mut changed = record.clone();
    changed.resource_records =
        aws_sdk_route53::types::ResourceRecord::builder().value(to).build().ok().map(|value| vec![value]);
    changed.ttl = Some(ttl);
    changed
}

/// A name without its trailing dot, in lower case.
pub fn comparable(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
