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
mod lag;
mod queue;
mod rule;

use std::sync::Arc;

use super::state::{ReplicationStatus, State, Version};
use crate::twin::Cloud;
use queue::{Job, LinkId};

pub use lag::lag_quantile;
pub(super) use queue::Queues;
pub(super) use rule::{Replication, check};

/// Marks a version that is about to be written, and queues its copies.
pub(super) fn on_write(cloud: &Arc<Cloud>, state: &State, bucket: &str, key: &str, version: &mut Version) {
    let Some(replication) = state.buckets.get(bucket).and_then(|source| source.replication.as_ref()) else { return };
    for rule in replication.matching(key, version) {
        if version.object.is_some() {
            version.replication = Some(ReplicationStatus::Pending);
        }
        let job = Job {
            key: key.to_owned(),
            version: version.id.clone(),
            rule: rule.clone(),
            bytes: version.object.as_ref().map_or(0, |object| object.body.len() as u64),
            sent: cloud.clock.now(),
        };
        queue::send(cloud, LinkId::new(bucket, &rule.destination), job);
    }
}
