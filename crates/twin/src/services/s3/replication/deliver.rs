//! What happens at the end of the way: the replica appears, and the source says how it went.
//!
//! What decides is what holds then: the configuration, the role, the keys, the object's own tags. A failure is not
//! tried again: "you must upload the object again, or use S3 Batch Replication" (S3 user guide).

use std::sync::Arc;

use super::queue::{Job, LinkId, What};
use super::role::Role;
use super::rule::Rule;
use super::standing::{Failure, Standing};
use crate::Cloud;
use crate::region::Region;
use crate::services::s3::state::{Encryption, State, Version, Versioning};
use crate::world::faults::Defect;

/// Carries one operation over; nothing where the version was deleted on the way.
pub fn deliver(cloud: &Arc<Cloud>, link: &LinkId, job: &Job) -> Option<Result<(), Failure>> {
    let mut state = cloud.s3.lock();
    let version = state.buckets.get(&link.source)?.version(&job.key, &job.version)?.clone();
    let is_broken = |defect| (defect == Defect::CompleteWithoutCopy).then_some(());
    let outcome = match cloud.faults.defect(is_broken) {
        Some(()) => Ok(()),
        None => carry(cloud, &mut state, link, job, version),
    };
    let version = state.buckets.get_mut(&link.source)?.version_mut(&job.key, &job.version)?;
    if let Some(standing) = &mut version.replication {
        standing.settle(outcome);
    }
    Some(outcome)
}

fn carry(cloud: &Arc<Cloud>, state: &mut State, link: &LinkId, job: &Job, version: Version) -> Result<(), Failure> {
    let source = state.buckets.get(&link.source).and_then(|source| Some((source.region, source.replication.as_ref()?)));
    let (region, replication) = source.ok_or(Failure::SrcBucketReplicationConfigMissing)?;
    let rules = match job.what {
        What::Copy => replication.matching(&job.key, &version),
        What::Tags => replication.best(|rule| rule.covers(&job.key)),
    };
    let rule = rules.into_iter().find(|rule| rule.destination == link.destination);
    let rule = rule.ok_or(Failure::SrcObjectNotEligible)?;
    let destination = state.buckets.get(&link.destination).ok_or(Failure::DstBucketNotFound)?;
    if destination.versioning != Versioning::Enabled {
        return Err(Failure::DstBucketUnversioned);
    }
    let role = Role::assume(cloud, &replication.role, &link.source, &link.destination)?;
    match job.what {
        What::Copy => {
            let mut replica = replica(&role, rule, (region, destination.region), &job.key, version)?;
            replica.replication = Some(Standing::replica_of(&link.source));
            if let Some(destination) = state.buckets.get_mut(&link.destination) {
                destination.insert(&job.key, replica);
            }
        }
        What::Tags => {
            role.check_tags(&job.key)?;
            let there = state.buckets.get_mut(&link.destination);
            let there = there.and_then(|bucket| bucket.version_mut(&job.key, &job.version));
            retag(there.ok_or(Failure::DstVersionNotFound)?, version);
        }
    }
    Ok(())
}

/// The version as the destination gets it.
fn replica(
    role: &Role<'_>,
    rule: &Rule,
    (from, to): (Region, Region),
    key: &str,
    mut version: Version,
) -> Result<Version, Failure> {
    let Some(object) = &mut version.object else {
        role.check_marker(key)?;
        return Ok(version);
    };
    role.check_object(key, object)?;
    if let (Encryption::Kms(sealed_with), Some(key)) = (&object.encryption, &rule.replica_key) {
        role.open(from, sealed_with)?;
        object.encryption = Encryption::Kms(role.seal(to, key)?);
    }
    // "If Amazon S3 doesn't have these permissions, it replicates the objects, but not the object tags."
    if role.check_tags(key).is_err() {
        object.about.tags.clear();
    }
    if let Some(class) = &rule.storage_class {
        object.about.storage_class.clone_from(class);
    }
    Ok(version)
}

/// Gives a version the tags of another, unless its own were changed later. Where both changed at one moment the
/// greater set wins, so that both sides end alike.
fn retag(there: &mut Version, here: Version) {
    let (Some(object), Some(source)) = (&mut there.object, here.object) else { return };
    if (there.tagged, &object.about.tags) < (here.tagged, &source.about.tags) {
        object.about.tags = source.about.tags;
        there.tagged = here.tagged;
    }
}
