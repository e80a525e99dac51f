//! Replication between two buckets that replicate to each other.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::builders::ReplicationRuleBuilder;
use aws_sdk_s3::types::{
    BucketVersioningStatus, DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination,
    ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter, ReplicationRuleStatus, ReplicationStatus,
    StorageClass, Tag, Tagging, VersioningConfiguration,
};

use super::{DOCUMENTED, EU, US, bucket, client, cloud, cloud_of, code, get, put, role, seconds};
use crate::Cloud;
use crate::services::s3::replication::Failure;
use crate::world::faults::{Effect, Fault};

pub(super) fn rule(destination: &str) -> ReplicationConfiguration {
    let rule = rule_to(destination).build().unwrap();
    ReplicationConfiguration::builder().role("arn:aws:iam::123456789012:role/r").rules(rule).build().unwrap()
}

/// A rule for `a/` with delete markers, to be altered.
pub(super) fn rule_to(destination: &str) -> ReplicationRuleBuilder {
    let markers = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Enabled).build();
    ReplicationRule::builder()
        .id("all-of-a")
        .status(ReplicationRuleStatus::Enabled)
        .priority(1)
        .filter(ReplicationRuleFilter::builder().prefix("a/").build())
        .delete_marker_replication(markers)
        .destination(Destination::builder().bucket(format!("arn:aws:s3:::{destination}")).build().unwrap())
}

/// Sets the rules of a bucket, under a role.
pub(super) async fn configure(client: &Client, bucket: &str, role: &str, rules: Vec<ReplicationRule>) {
    let configuration = ReplicationConfiguration::builder().role(role).set_rules(Some(rules)).build().unwrap();
    client.put_bucket_replication().bucket(bucket).replication_configuration(configuration).send().await.unwrap();
}

pub(super) async fn pair(cloud: &Arc<Cloud>) -> (Client, Client) {
    two_way(cloud, "from", "onto").await
}

/// Two new buckets that replicate to each other.
pub(super) async fn two_way(cloud: &Arc<Cloud>, in_us: &str, in_eu: &str) -> (Client, Client) {
    let (us, eu) = (client(cloud, US), client(cloud, EU));
    bucket(&us, in_us, US, true).await;
    bucket(&eu, in_eu, EU, true).await;
    let role = role(cloud, &format!("replicate-{in_us}"), DOCUMENTED).await;
    for (client, from, to) in [(&us, in_us, in_eu), (&eu, in_eu, in_us)] {
        configure(client, from, &role, vec![rule_to(to).build().unwrap()]).await;
    }
    (us, eu)
}

pub(super) async fn status(client: &Client, bucket: &str, key: &str) -> Option<ReplicationStatus> {
    client.head_object().bucket(bucket).key(key).send().await.ok()?.replication_status().cloned()
}

#[tokio::test(start_paused = true)]
async fn a_copy_arrives_late_and_is_never_copied_back() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let version = put(&us, "from", "a/k", "one").await;
    put(&us, "from", "b/k", "one").await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Pending));
    assert_eq!(status(&us, "from", "b/k").await, None, "no rule matches");
    assert_eq!(get(&eu, "onto", "a/k").await, None, "not at once");
    seconds(3_600).await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Completed));
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("one"));
    assert_eq!(get(&eu, "onto", "b/k").await, None);
    let replica = eu.head_object().bucket("onto").key("a/k").send().await.unwrap();
    assert_eq!(replica.replication_status(), Some(&ReplicationStatus::Replica));
    assert_eq!(replica.version_id(), version.as_deref());
    seconds(3_600).await;
    let versions = us.list_object_versions().bucket("from").prefix("a/").send().await.unwrap();
    assert_eq!(versions.versions().len(), 1, "a replica is not sent back");
    us.delete_object().bucket("from").key("a/k").send().await.unwrap();
    seconds(3_600).await;
    assert_eq!(get(&eu, "onto", "a/k").await, None, "the delete marker followed");
}

#[tokio::test(start_paused = true)]
async fn a_partition_keeps_copies_pending_until_it_heals() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let fault = cloud.faults.inject(Fault::Partition { between: (US, EU) });
    for key in ["a/1", "a/2", "a/3"] {
        put(&us, "from", key, "x").await;
    }
    seconds(7_200).await;
    assert_eq!(status(&us, "from", "a/1").await, Some(ReplicationStatus::Pending));
    assert_eq!(get(&eu, "onto", "a/1").await, None);
    cloud.faults.heal(fault);
    seconds(10).await;
    for key in ["a/1", "a/2", "a/3"] {
        assert_eq!(status(&us, "from", key).await, Some(ReplicationStatus::Completed));
        assert_eq!(get(&eu, "onto", key).await.as_deref(), Some("x"));
    }
}

#[tokio::test(start_paused = true)]
async fn replication_can_be_broken_alone() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let fault = cloud.faults.inject(Fault::Service {
        region: Some(EU),
        service: "s3".to_owned(),
        operations: vec!["ReplicateObject".to_owned()],
        effect: Effect::Error,
    });
    put(&us, "from", "a/k", "x").await;
    seconds(7_200).await;
    assert_eq!(get(&eu, "onto", "a/k").await, None);
    put(&eu, "onto", "a/own", "x").await;
    assert_eq!(get(&eu, "onto", "a/own").await.as_deref(), Some("x"), "the bucket itself works");
    cloud.faults.heal(fault);
    seconds(10).await;
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn both_buckets_agree_which_version_is_current() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let fault = cloud.faults.inject(Fault::Partition { between: (US, EU) });
    for (client, bucket, body) in [(&us, "from", "one"), (&eu, "onto", "two"), (&us, "from", "three")] {
        put(client, bucket, "a/k", body).await;
    }
    cloud.faults.heal(fault);
    seconds(7_200).await;
    for (client, bucket) in [(&us, "from"), (&eu, "onto")] {
        assert_eq!(get(client, bucket, "a/k").await.as_deref(), Some("three"));
        let versions = client.list_object_versions().bucket(bucket).send().await.unwrap();
        assert_eq!(versions.versions().len(), 3);
    }
}

/// When each of twenty objects arrives, to the tenth of a second, and under which version.
async fn arrivals(seed: u64) -> Vec<(u128, String)> {
    let cloud = cloud_of(seed);
    let (us, eu) = pair(&cloud).await;
    for number in 0..20 {
        put(&us, "from", &format!("a/{number}"), "x").await;
    }
    let mut seen = Vec::new();
    while seen.len() < 20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let state = cloud.s3.lock();
        let there = state.buckets["onto"].objects.values().flatten().map(|version| version.id.clone());
        let new: Vec<_> = there.filter(|id| !seen.iter().any(|(_, known)| known == id)).collect();
        seen.extend(new.into_iter().map(|id| (cloud.clock.elapsed().as_millis(), id)));
    }
    drop(eu);
    seen
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history_of_copies() {
    let first = arrivals(7).await;
    assert_eq!(first, arrivals(7).await);
    assert_ne!(first, arrivals(8).await);
    let times: Vec<u128> = first.iter().map(|(at, _)| *at).collect();
    assert!(times[0] < times[10] && times[10] < 60_000, "a body of seconds: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn replication_needs_versioning_on_both_sides() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&us, "from", US, true).await;
    let ask = || us.put_bucket_replication().bucket("from").replication_configuration(rule("onto")).send();
    assert_eq!(code(ask().await), "InvalidRequest");
    bucket(&eu, "onto", EU, false).await;
    assert_eq!(code(ask().await), "InvalidRequest");
    let missing = us.get_bucket_replication().bucket("from").send().await;
    assert_eq!(code(missing), "ReplicationConfigurationNotFoundError");
    let status = |status| VersioningConfiguration::builder().status(status).build();
    let enabled = status(BucketVersioningStatus::Enabled);
    eu.put_bucket_versioning().bucket("onto").versioning_configuration(enabled).send().await.unwrap();
    ask().await.unwrap();
    let got = us.get_bucket_replication().bucket("from").send().await.unwrap();
    assert_eq!(got.replication_configuration(), Some(&rule("onto")));
    let suspended = status(BucketVersioningStatus::Suspended);
    let refused = us.put_bucket_versioning().bucket("from").versioning_configuration(suspended).send().await;
    assert_eq!(code(refused), "InvalidBucketState");
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_the_rule_stays_where_it_is() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&us, "from", US, true).await;
    bucket(&eu, "onto", EU, true).await;
    put(&us, "from", "a/old", "x").await;
    let role = role(&cloud, "r", DOCUMENTED).await;
    configure(&us, "from", &role, vec![rule_to("onto").build().unwrap()]).await;
    put(&us, "from", "a/new", "x").await;
    tag(&us, "from", "a/old", "red").await;
    seconds(7_200).await;
    assert_eq!(get(&eu, "onto", "a/new").await.as_deref(), Some("x"));
    assert_eq!((get(&eu, "onto", "a/old").await, status(&us, "from", "a/old").await), (None, None));
}

#[tokio::test(start_paused = true)]
async fn each_destination_follows_its_rule_of_the_highest_priority() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&us, "from", US, true).await;
    bucket(&eu, "onto", EU, true).await;
    bucket(&eu, "also", EU, true).await;
    let role = role(&cloud, "r", DOCUMENTED).await;
    let to = |name: &str| Destination::builder().bucket(format!("arn:aws:s3:::{name}"));
    let cold = to("onto").storage_class(StorageClass::GlacierIr).build().unwrap();
    let rules = vec![
        rule_to("onto").id("low").priority(1).build().unwrap(),
        rule_to("onto").id("high").priority(3).destination(cold).build().unwrap(),
        rule_to("also").id("other").priority(2).build().unwrap(),
    ];
    configure(&us, "from", &role, rules).await;
    put(&us, "from", "a/k", "x").await;
    let gone = eu.delete_bucket().bucket("also").send().await;
    assert!(gone.is_ok());
    seconds(7_200).await;
    let head = eu.head_object().bucket("onto").key("a/k").send().await.unwrap();
    assert_eq!(head.storage_class(), Some(&StorageClass::GlacierIr));
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Failed), "one destination is gone");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_version_stays_on_the_other_side() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let version = put(&us, "from", "a/k", "x").await.unwrap();
    seconds(7_200).await;
    us.delete_object().bucket("from").key("a/k").version_id(&version).send().await.unwrap();
    seconds(7_200).await;
    assert_eq!(get(&us, "from", "a/k").await, None);
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_what_the_object_is() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&us, "from", US, true).await;
    bucket(&eu, "onto", EU, true).await;
    let role = role(&cloud, "r", DOCUMENTED).await;
    let onto = Destination::builder().bucket("arn:aws:s3:::onto").storage_class(StorageClass::GlacierIr);
    let markers = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Disabled).build();
    let rule = rule_to("onto").delete_marker_replication(markers).destination(onto.build().unwrap());
    configure(&us, "from", &role, vec![rule.build().unwrap()]).await;
    let put = us.put_object().bucket("from").key("a/k").body(ByteStream::from_static(b"hello"));
    let put = put.content_type("text/plain").cache_control("no-store").metadata("colour", "blue").tagging("k=v");
    let put = put.storage_class(StorageClass::StandardIa).send().await.unwrap();
    seconds(7_200).await;
    let got = eu.get_object().bucket("onto").key("a/k").send().await.unwrap();
    assert_eq!((got.version_id(), got.e_tag()), (put.version_id(), put.e_tag()));
    assert_eq!((got.content_type(), got.cache_control()), (Some("text/plain"), Some("no-store")));
    assert_eq!((got.metadata().unwrap()["colour"].as_str(), got.tag_count()), ("blue", Some(1)));
    assert_eq!(got.storage_class(), Some(&StorageClass::GlacierIr), "the rule's class wins");
    us.delete_object().bucket("from").key("a/k").send().await.unwrap();
    seconds(7_200).await;
    assert!(get(&eu, "onto", "a/k").await.is_some(), "the rule does not want delete markers");
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_cannot_take_it_fails_the_object() {
    for broken in ["gone", "suspended", "no rules", "rule disabled"] {
        let cloud = cloud();
        let (us, eu) = pair(&cloud).await;
        put(&us, "from", "a/k", "x").await;
        eu.delete_bucket_replication().bucket("onto").send().await.unwrap();
        let expected = match broken {
            "gone" => {
                eu.delete_bucket().bucket("onto").send().await.unwrap();
                Failure::DstBucketNotFound
            }
            "suspended" => {
                let suspended = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
                let call = eu.put_bucket_versioning().bucket("onto").versioning_configuration(suspended);
                call.send().await.unwrap();
                Failure::DstBucketUnversioned
            }
            "no rules" => {
                us.delete_bucket_replication().bucket("from").send().await.unwrap();
                Failure::SrcBucketReplicationConfigMissing
            }
            _ => {
                let disabled = rule_to("onto").status(ReplicationRuleStatus::Disabled).build().unwrap();
                configure(&us, "from", "arn:aws:iam::123456789012:role/replicate-from", vec![disabled]).await;
                Failure::SrcObjectNotEligible
            }
        };
        seconds(7_200).await;
        assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Failed), "{broken}");
        assert_eq!(failure(&cloud, "a/k"), Some(expected), "{broken}");
    }
}

/// Why the newest version of a key in the source bucket failed.
pub(super) fn failure(cloud: &Cloud, key: &str) -> Option<Failure> {
    cloud.s3.lock().buckets["from"].latest(key)?.replication.as_ref()?.failure()
}

/// Gives the newest version one tag, `colour`.
pub(super) async fn tag(client: &Client, bucket: &str, key: &str, colour: &str) {
    let tag = Tag::builder().key("colour").value(colour).build().unwrap();
    let tags = Tagging::builder().tag_set(tag).build().unwrap();
    client.put_object_tagging().bucket(bucket).key(key).tagging(tags).send().await.unwrap();
}

/// The colour of the newest version; nothing where it has none.
pub(super) async fn colour(client: &Client, bucket: &str, key: &str) -> Option<String> {
    let got = client.get_object_tagging().bucket(bucket).key(key).send().await.ok()?;
    got.tag_set().iter().find(|tag| tag.key() == "colour").map(|tag| tag.value().to_owned())
}
