//! What happens at the end of the way: the replica appears, and the source says how it went.

use super::queue::{Job, LinkId};
use crate::twin::Cloud;
use crate::twin::services::s3::state::{Encryption, ReplicationStatus, State, Version, Versioning};
use crate::twin::world::faults::Defect;

/// Carries one operation over.
pub fn deliver(cloud: &Cloud, link: &LinkId, job: &Job) {
    let mut state = cloud.s3.lock();
    let Some(source) = state.buckets.get_mut(&link.source) else { return };
    // Deleted on the way: there is nothing to copy.
    let Some(version) = source.version_mut(&job.key, &job.version).map(|version| version.clone()) else { return };
    // Replication decrypts what it reads, so it stops with the key.
    let readable = match version.object.as_ref().map(|object| &object.encryption) {
        Some(Encryption::Kms(key)) => cloud.kms.usable(cloud, source.region, key).is_ok(),
        _ => true,
    };
    let skips = cloud.faults.defect(|defect| (defect == Defect::CompleteWithoutCopy).then_some(())).is_some();
    let copied = skips || (readable && copy(cloud, &mut state, link, job, version));
    let status = if copied { ReplicationStatus::Completed } else { ReplicationStatus::Failed };
    let source = state.buckets.get_mut(&link.source);
    if let Some(version) = source.and_then(|source| source.version_mut(&job.key, &job.version))
        && version.object.is_some()
        && version.replication != Some(ReplicationStatus::Failed)
    {
        version.replication = Some(status);
    }
}

/// Puts the replica in its place; false where the destination cannot take it.
fn copy(cloud: &Cloud, state: &mut State, link: &LinkId, job: &Job, mut version: Version) -> bool {
    let Some(destination) = state.buckets.get_mut(&link.destination) else { return false };
    if destination.versioning != Versioning::Enabled {
        return false;
    }
    version.replication = Some(ReplicationStatus::Replica);
    if let Some(object) = &mut version.object {
        if let (Encryption::Kms(_), Some(key)) = (&object.encryption, &job.rule.replica_key) {
            let Ok(arn) = cloud.kms.usable(cloud, destination.region, key) else { return false };
            object.encryption = Encryption::Kms(arn);
        }
        if let Some(class) = &job.rule.storage_class {
            object.about.storage_class = if class == "STANDARD" { String::new() } else { class.clone() };
        }
    }
    destination.insert(&job.key, version);
    true
}
