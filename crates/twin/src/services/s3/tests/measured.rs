//! The metrics of rules that ask for them.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    Destination, Metrics, MetricsStatus, ReplicationRule, ReplicationTime, ReplicationTimeStatus, ReplicationTimeValue,
};

use super::replication::{configure, rule_to};
use super::{DOCUMENTED, EU, US, bucket, client, cloud, put, role, seconds};
use crate::Cloud;
use crate::gateway::{Credentials, sdk_config};
use crate::region::Region;
use crate::world::faults::{Fault, Pace, Store};
use crate::world::network::Origin;

const BYTES: &str = "BytesPendingReplication";
const PENDING: &str = "OperationsPendingReplication";
const LATENCY: &str = "ReplicationLatency";
const FAILED: &str = "OperationsFailedReplication";

fn measured(with_time_control: bool) -> ReplicationRule {
    let quarter = ReplicationTimeValue::builder().minutes(15).build();
    let time = ReplicationTime::builder().status(ReplicationTimeStatus::Enabled).time(quarter.clone()).build().unwrap();
    let metrics = Metrics::builder().status(MetricsStatus::Enabled).event_threshold(quarter).build().unwrap();
    let onto = Destination::builder().bucket("arn:aws:s3:::onto").metrics(metrics);
    let onto = onto.set_replication_time(with_time_control.then_some(time));
    rule_to("onto").destination(onto.build().unwrap()).build().unwrap()
}

/// Two buckets and one rule between them, under a role that may do this.
async fn one_way(cloud: &Arc<Cloud>, rule: ReplicationRule, actions: &[&str]) -> (Client, Client) {
    let (us, eu) = (client(cloud, US), client(cloud, EU));
    bucket(&us, "from", US, true).await;
    bucket(&eu, "onto", EU, true).await;
    let role = role(cloud, "r", actions).await;
    configure(&us, "from", &role, vec![rule]).await;
    (us, eu)
}

/// The rule's datapoints of a metric in a Region, one for each minute that has one.
async fn points(cloud: &Arc<Cloud>, region: Region, metric: &str) -> Vec<f64> {
    let config = sdk_config(cloud, Origin::Operator, region, &Credentials::account());
    let config = aws_sdk_cloudwatch::config::Builder::from(&config);
    let client = aws_sdk_cloudwatch::Client::from_conf(config.build());
    let at = |moment: crate::clock::Timestamp| DateTime::from_millis(moment.millis());
    let dimensions = [("SourceBucket", "from"), ("DestinationBucket", "onto"), ("RuleId", "all-of-a")];
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build()).to_vec();
    let statistics = client.get_metric_statistics().namespace("AWS/S3").metric_name(metric);
    let statistics = statistics.set_dimensions(Some(dimensions)).period(60).statistics(Statistic::Sum);
    let (from, to) = (at(cloud.clock.epoch()), at(cloud.clock.now() + Duration::from_secs(60)));
    let mut found = statistics.start_time(from).end_time(to).send().await.unwrap().datapoints.unwrap_or_default();
    found.sort_by_key(|point| point.timestamp().map(|at| at.secs()));
    found.iter().map(|point| point.sum().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_grows_through_a_pause_and_ends_with_it() {
    let cloud = cloud();
    let (us, _) = one_way(&cloud, measured(false), DOCUMENTED).await;
    let (name, from, to, pace) = (Some("from".to_owned()), None, None, Pace::Stopped);
    let fault = cloud.faults.inject(Fault::Replication { of: Store::Bucket, name, from, to, pace });
    for minute in 0..5 {
        put(&us, "from", &format!("a/{minute}"), "four").await;
        seconds(60).await;
    }
    seconds(300).await;
    let (pending, bytes) = (points(&cloud, EU, PENDING).await, points(&cloud, EU, BYTES).await);
    assert_eq!(pending[..6], [1.0, 2.0, 3.0, 4.0, 5.0, 5.0]);
    assert_eq!(bytes[..6], [4.0, 8.0, 12.0, 16.0, 20.0, 20.0]);
    let latency = points(&cloud, EU, LATENCY).await;
    assert!(latency.windows(2).all(|pair| (pair[1] - pair[0] - 60.0).abs() < 0.1), "older by the minute: {latency:?}");
    assert!(points(&cloud, US, FAILED).await.is_empty(), "nothing has ended");
    cloud.faults.heal(fault);
    seconds(7_200).await;
    assert_eq!(points(&cloud, EU, PENDING).await.last(), Some(&0.0));
    assert_eq!(points(&cloud, EU, BYTES).await.last(), Some(&0.0));
    let (minutes, latency) = (points(&cloud, EU, PENDING).await.len(), points(&cloud, EU, LATENCY).await.len());
    assert!(latency < minutes - 60, "an idle rule has no latency: {latency} of {minutes} minutes");
    assert!(points(&cloud, US, FAILED).await.iter().all(|failed| *failed == 0.0));
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_where_the_source_is() {
    let cloud = cloud();
    let (us, _) = one_way(&cloud, measured(false), &["s3:GetReplicationConfiguration"]).await;
    for number in 0..3 {
        put(&us, "from", &format!("a/{number}"), "x").await;
    }
    seconds(7_200).await;
    assert_eq!(points(&cloud, US, FAILED).await.iter().sum::<f64>(), 3.0);
    assert!(points(&cloud, EU, FAILED).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_rules_that_ask_are_measured_and_not_without_their_destination() {
    let cloud = cloud();
    let (us, _) = one_way(&cloud, rule_to("onto").build().unwrap(), DOCUMENTED).await;
    put(&us, "from", "a/k", "x").await;
    seconds(3_600).await;
    assert!(points(&cloud, EU, PENDING).await.is_empty());
    let eu = client(&cloud, EU);
    configure(&us, "from", "arn:aws:iam::123456789012:role/r", vec![measured(false)]).await;
    for version in eu.list_object_versions().bucket("onto").send().await.unwrap().versions() {
        let call = eu.delete_object().bucket("onto").set_key(version.key.clone());
        call.set_version_id(version.version_id.clone()).send().await.unwrap();
    }
    seconds(600).await;
    let before = points(&cloud, EU, PENDING).await.len();
    assert!((9..=10).contains(&before), "{before} minutes");
    eu.delete_bucket().bucket("onto").send().await.unwrap();
    seconds(600).await;
    assert!(points(&cloud, EU, PENDING).await.len() <= before + 1);
}

#[tokio::test(start_paused = true)]
async fn time_control_is_measured_after_a_quarter_of_an_hour() {
    let cloud = cloud();
    one_way(&cloud, measured(true), DOCUMENTED).await;
    seconds(14 * 60).await;
    assert!(points(&cloud, EU, PENDING).await.is_empty());
    seconds(4 * 60).await;
    assert!(!points(&cloud, EU, PENDING).await.is_empty());
}
