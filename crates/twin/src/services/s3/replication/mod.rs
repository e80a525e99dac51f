//! Replication between buckets: which writes a rule matches, and how a copy arrives late.
//!
//! ```text
//! write ─→ rule ─→ queue (a link for each source and destination) ─→ deliver ─→ replica
//!                    ↑ lag, pace, drain rate
//! ```
//!
//! A write that a rule matches is PENDING. Its copy waits on its link for its lag, for the way between the Regions
//! to be free and for its turn, then appears with the status REPLICA while the source says COMPLETED. Replicas are
//! never replicated again, and deletes of a version never are.

mod deliver;
mod document;
mod lag;
mod metrics;
mod queue;
mod role;
mod rule;
mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::state::{State, Version};
use crate::Cloud;
use queue::{LinkId, What};
use rule::Rule;

pub(super) use document::{check, name_rules};
pub use lag::lag_quantile;
pub(super) use metrics::publish;
pub(super) use queue::Queues;
pub(super) use rule::Replication;
#[cfg(test)]
pub(super) use standing::Failure;
pub(super) use standing::Standing;

/// Marks a version that is about to be written, and queues its copies.
pub(super) fn on_write(cloud: &Arc<Cloud>, state: &State, bucket: &str, key: &str, version: &mut Version) {
    let Some(replication) = state.buckets.get(bucket).and_then(|source| source.replication.as_ref()) else { return };
    for rule in replication.matching(key, version) {
        queue::send(cloud, LinkId::new(bucket, &rule.destination), rule, What::Copy, key, version);
        if version.object.is_some() {
            version.replication.get_or_insert_default().send(&rule.destination);
        }
    }
}

/// Queues a change of a version's tags, which were `before` until now. A copy that still waits takes them along.
pub(super) fn on_tags(
    cloud: &Arc<Cloud>,
    state: &mut State,
    (bucket, key, id): (&str, &str, &str),
    before: &BTreeMap<String, String>,
) {
    let Some(version) = state.buckets.get(bucket).and_then(|source| source.version(key, id)) else { return };
    let mut sent = Vec::new();
    for rule in followed(state, bucket, key, version, before) {
        let link = LinkId::new(bucket, &rule.destination);
        if !cloud.s3.queues.will_copy(&link, key, id) {
            queue::send(cloud, link, rule, What::Tags, key, version);
            sent.push(rule.destination.clone());
        }
    }
    let version = state.buckets.get_mut(bucket).and_then(|source| source.version_mut(key, id));
    if let Some(standing) = version.and_then(|version| version.replication.as_mut()) {
        sent.iter().for_each(|destination| standing.send(destination));
    }
}

/// The rules by which a change of a version's tags follows it: to where it was sent, and from a replica back to where
/// it came from, if both buckets ask for replica modifications (S3 user guide, "Replicating metadata changes").
fn followed<'a>(
    state: &'a State,
    bucket: &str,
    key: &str,
    version: &Version,
    before: &BTreeMap<String, String>,
) -> Vec<&'a Rule> {
    let replication = |name: &str| state.buckets.get(name).and_then(|bucket| bucket.replication.as_ref());
    let (Some(here), Some(standing)) = (replication(bucket), &version.replication) else { return Vec::new() };
    let asks_back = |origin: &str| {
        let rules = replication(origin).into_iter().flat_map(|there| &there.rules);
        rules.into_iter().any(|rule| rule.covers(key) && rule.replica_modifications && rule.destination == bucket)
    };
    here.best(|rule| {
        let follows = match standing.origin() {
            None => standing.was_sent_to(&rule.destination),
            Some(origin) => rule.destination == origin && rule.replica_modifications && asks_back(origin),
        };
        follows && rule.covers(key) && rule.has_tags(before)
    })
}
