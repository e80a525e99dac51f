//! A twin to write to, and a history that is kept.

use std::sync::{Arc, Mutex};

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
    let pair = [bucket(target, "home", US, true).await, bucket(target, "away", EU, true).await];
    replicate(&pair[0], &pair[1], "").await;
    replicate(&pair[1], &pair[0], "").await;
    pair
}
