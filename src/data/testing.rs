//! A twin to write to, and a history that is kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, DeleteMarkerReplication,
    DeleteMarkerReplicationStatus, Destination, ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter,
    ReplicationRuleStatus, VersioningConfiguration,
};

use super::objects::Bucket;
use crate::clock::Clock;
use crate::history::{Event, Journal, Recorder};
use crate::region::Region;
use crate::seed::Seed;
use crate::target::Target;
use crate::target::embedded::Embedded;

pub const US: Region = Region::US_EAST_1;
pub const EU: Region = Region::EU_WEST_1;

/// The events of a run so far.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Vec<Event>>>);

impl History {
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub fn recorder(clock: Clock) -> (Recorder, History) {
    let recorder = Recorder::new(clock, Journal::unwritten(), 7);
    let history = History::default();
    let kept = history.clone();
    recorder.watch(Box::new(move |record| kept.0.lock().unwrap().push(record.event.clone())));
    (recorder, history)
}

pub fn trouble(event: Event) -> Option<String> {
    match event {
        Event::Trouble { stage, what } => Some(format!("{stage}: {what}")),
        _ => None,
    }
}

pub fn target() -> Embedded {
    Embedded::start(Seed(7), &[US, EU])
}

pub async fn bucket(target: &Embedded, name: &str, region: Region, versioned: bool) -> Bucket {
    let client = target.clients_in(region).unwrap().s3.clone();
    let constraint = (region != US).then(|| {
        let constraint = BucketLocationConstraint::from(region.as_str());
        CreateBucketConfiguration::builder().location_constraint(constraint).build()
    });
    client.create_bucket().bucket(name).set_create_bucket_configuration(constraint).send().await.unwrap();
    if versioned {
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket(name).versioning_configuration(on).send().await.unwrap();
    }
    Bucket { region, name: name.to_owned(), client }
}

/// What S3 acts as when it replicates: it may do all that it does.
const ROLE: &str = r#"{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
    "RoleName": "replication",
    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
    "Policies": [{"PolicyName": "replicate", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}}]}}}}"#;

/// The role that [`replicate`] names.
pub async fn role(target: &Embedded) {
    let client = &target.clients_in(US).unwrap().cloudformation;
    let create = client.create_stack().stack_name("role").template_body(ROLE).client_request_token("role");
    create.capabilities(aws_sdk_cloudformation::types::Capability::CapabilityNamedIam).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let described = client.describe_stacks().stack_name("role").send().await.unwrap();
    assert_eq!(described.stacks()[0].stack_status().unwrap().as_str(), "CREATE_COMPLETE");
}

pub async fn replicate(from: &Bucket, to: &Bucket, prefix: &str) {
    let markers = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Enabled).build();
    let destination = Destination::builder().bucket(format!("arn:aws:s3:::{}", to.name)).build().unwrap();
    let rule = ReplicationRule::builder()
        .id("everything")
        .priority(1)
        .status(ReplicationRuleStatus::Enabled)
        .filter(ReplicationRuleFilter::builder().prefix(prefix).build())
        .delete_marker_replication(markers)
        .destination(destination)
        .build()
        .unwrap();
    let rules = ReplicationConfiguration::builder().role("arn:aws:iam::000000000000:role/replication").rules(rule);
    let put = from.client.put_bucket_replication().bucket(&from.name);
    put.replication_configuration(rules.build().unwrap()).send().await.unwrap();
}

/// Two versioned buckets that replicate to each other.
pub async fn pair(target: &Embedded) -> [Bucket; 2] {
    role(target).await;
    let pair = [bucket(target, "home", US, true).await, bucket(target, "away", EU, true).await];
    replicate(&pair[0], &pair[1], "").await;
    replicate(&pair[1], &pair[0], "").await;
    pair
}
