//! Tags that change after the write: from the source to its replicas, and back where both sides ask for it.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ReplicaModifications, ReplicaModificationsStatus, ReplicationRule, ReplicationStatus, SourceSelectionCriteria,
};

use super::replication::{colour, configure, failure, pair, rule_to, status, tag};
use super::{DOCUMENTED, EU, US, bucket, client, cloud, get, put, role, seconds};
use crate::Cloud;
use crate::services::s3::replication::Failure;
use crate::world::faults::{Fault, Pace, Store};

const HOURS: u64 = 4 * 3_600;

fn syncing(destination: &str) -> ReplicationRule {
    let back = ReplicaModifications::builder().status(ReplicaModificationsStatus::Enabled).build().unwrap();
    let criteria = SourceSelectionCriteria::builder().replica_modifications(back).build();
    rule_to(destination).source_selection_criteria(criteria).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn tags_follow_the_object_and_not_the_replica() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    put(&us, "from", "a/k", "x").await;
    seconds(HOURS).await;
    tag(&us, "from", "a/k", "red").await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Pending));
    assert_eq!(colour(&eu, "onto", "a/k").await, None, "not at once");
    seconds(HOURS).await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Completed));
    assert_eq!(colour(&eu, "onto", "a/k").await.as_deref(), Some("red"));
    tag(&eu, "onto", "a/k", "blue").await;
    assert_eq!(status(&eu, "onto", "a/k").await, Some(ReplicationStatus::Replica), "nothing is under way");
    seconds(HOURS).await;
    assert_eq!(colour(&us, "from", "a/k").await.as_deref(), Some("red"));
    us.delete_object_tagging().bucket("from").key("a/k").send().await.unwrap();
    seconds(HOURS).await;
    assert_eq!(colour(&eu, "onto", "a/k").await, None, "the last change wins over the replica's own");
}

/// A source and its replica, with rules that sync replica modifications on the given sides.
async fn synced(cloud: &Arc<Cloud>, there_too: bool) -> (Client, Client) {
    let (us, eu) = (client(cloud, US), client(cloud, EU));
    bucket(&us, "from", US, true).await;
    bucket(&eu, "onto", EU, true).await;
    let role = role(cloud, "r", DOCUMENTED).await;
    configure(&us, "from", &role, vec![if there_too { syncing("onto") } else { rule_to("onto").build().unwrap() }])
        .await;
    configure(&eu, "onto", &role, vec![syncing("from")]).await;
    put(&us, "from", "a/k", "x").await;
    seconds(HOURS).await;
    (us, eu)
}

#[tokio::test(start_paused = true)]
async fn a_replica_sends_its_tags_back_where_both_sides_ask() {
    for both in [true, false] {
        let cloud = cloud();
        let (us, eu) = synced(&cloud, both).await;
        tag(&eu, "onto", "a/k", "blue").await;
        let under_way = if both { ReplicationStatus::Pending } else { ReplicationStatus::Replica };
        assert_eq!(status(&eu, "onto", "a/k").await, Some(under_way));
        seconds(HOURS).await;
        assert_eq!(colour(&us, "from", "a/k").await, both.then(|| "blue".to_owned()));
        assert_eq!(status(&eu, "onto", "a/k").await, Some(ReplicationStatus::Replica));
        assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Completed));
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_end_with_the_later_tags() {
    let cloud = cloud();
    let (us, eu) = synced(&cloud, true).await;
    let fault = cloud.faults.inject(Fault::Partition { between: (US, EU) });
    tag(&us, "from", "a/k", "earlier").await;
    seconds(60).await;
    tag(&eu, "onto", "a/k", "later").await;
    seconds(HOURS).await;
    assert_eq!(colour(&us, "from", "a/k").await.as_deref(), Some("earlier"), "each has its own while they are apart");
    cloud.faults.heal(fault);
    seconds(10).await;
    for (client, bucket) in [(&us, "from"), (&eu, "onto")] {
        assert_eq!(colour(client, bucket, "a/k").await.as_deref(), Some("later"), "{bucket}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_change_before_the_copy_arrive_with_it() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let (name, from, to, pace) = (Some("from".to_owned()), None, None, Pace::Stopped);
    let fault = cloud.faults.inject(Fault::Replication { of: Store::Bucket, name, from, to, pace });
    put(&us, "from", "a/k", "x").await;
    tag(&us, "from", "a/k", "red").await;
    seconds(HOURS).await;
    cloud.faults.heal(fault);
    seconds(10).await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Completed));
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("x"));
    assert_eq!(colour(&eu, "onto", "a/k").await.as_deref(), Some("red"));
}

#[tokio::test(start_paused = true)]
async fn tags_of_a_version_that_is_gone_there_fail() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let version = put(&us, "from", "a/k", "x").await.unwrap();
    seconds(HOURS).await;
    eu.delete_object().bucket("onto").key("a/k").version_id(version).send().await.unwrap();
    tag(&us, "from", "a/k", "red").await;
    seconds(HOURS).await;
    assert_eq!(failure(&cloud, "a/k"), Some(Failure::DstVersionNotFound));
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Failed));
}
