//! Where the replication of a version stands, and why it failed.

use std::collections::BTreeSet;

/// What is known of a version's replication: none for a version that no rule matched when it was written.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The bucket it was copied from, where it is a replica.
    origin: Option<String>,
    /// The buckets it was sent to.
    sent_to: BTreeSet<String>,
    /// Operations under way.
    pending: u32,
    failure: Option<Failure>,
}

/// Why replication failed, in the words of the S3 user guide ("Amazon S3 replication failure reasons").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    AssumeRoleNotPermitted,
    DstBucketNotFound,
    DstBucketUnversioned,
    DstDelObjNotPermitted,
    DstKmsKeyInvalidState,
    DstKmsKeyNotFound,
    DstPutObjectNotPermitted,
    DstPutTaggingNotPermitted,
    DstVersionNotFound,
    SrcBucketReplicationConfigMissing,
    SrcGetAclNotPermitted,
    SrcGetObjectNotPermitted,
    SrcGetTaggingNotPermitted,
    SrcKmsKeyInvalidState,
    SrcObjectNotEligible,
}

impl Standing {
    pub fn replica_of(bucket: &str) -> Self {
        Self { origin: Some(bucket.to_owned()), ..Self::default() }
    }

    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    pub fn was_sent_to(&self, bucket: &str) -> bool {
        self.sent_to.contains(bucket)
    }

    /// An operation for this bucket is on its way.
    pub fn send(&mut self, bucket: &str) {
        if self.origin.is_none() {
            self.sent_to.insert(bucket.to_owned());
        }
        self.pending += 1;
        self.failure = None;
    }

    /// An operation has ended.
    pub fn settle(&mut self, outcome: Result<(), Failure>) {
        self.pending = self.pending.saturating_sub(1);
        self.failure = self.failure.or(outcome.err());
    }

    /// `x-amz-replication-status`: FAILED once one destination has failed, PENDING until every one has it; REPLICA for
    /// a replica none of whose changes is under way (API reference, HeadObject).
    pub fn status(&self) -> &'static str {
        match self {
            Self { failure: Some(_), .. } => "FAILED",
            Self { pending: 1.., .. } => "PENDING",
            Self { origin: Some(_), .. } => "REPLICA",
            _ => "COMPLETED",
        }
    }
}

#[cfg(test)]
impl Standing {
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_completed_when_every_destination_has_it() {
        let mut standing = Standing::default();
        standing.send("a");
        standing.send("b");
        standing.settle(Ok(()));
        assert_eq!(standing.status(), "PENDING");
        standing.settle(Ok(()));
        assert_eq!(standing.status(), "COMPLETED");
        standing.send("a");
        assert_eq!(standing.status(), "PENDING", "its tags changed");
        standing.settle(Err(Failure::DstVersionNotFound));
        assert_eq!(standing.status(), "FAILED");
    }

    #[test]
    fn one_failed_destination_fails_the_object() {
        let mut standing = Standing::default();
        standing.send("a");
        standing.send("b");
        standing.settle(Err(Failure::DstBucketNotFound));
        assert_eq!(standing.status(), "FAILED");
        standing.settle(Ok(()));
        assert_eq!(standing.status(), "FAILED");
    }

    #[test]
    fn a_replica_stays_one() {
        let mut standing = Standing::replica_of("a");
        assert_eq!(standing.status(), "REPLICA");
        standing.send("a");
        assert_eq!((standing.status(), standing.was_sent_to("a")), ("PENDING", false));
        standing.settle(Ok(()));
        assert_eq!(standing.status(), "REPLICA");
    }
}
