//! The metrics of the rules that ask for them, once a minute (S3 user guide, "Using S3 Replication metrics").
//!
//! What is pending grows while nothing passes, and so does the latency: "the maximum number of seconds by which the
//! destination is behind the source". A rule with nothing to do has no latency.

use std::sync::Weak;
use std::time::Duration;

use super::queue::{LinkId, Tally};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::services::cloudwatch::Sample;

const PERIOD: Duration = Duration::from_secs(60);
/// "CloudWatch begins reporting replication metrics 15 minutes after you enable S3 RTC."
const WITH_TIME_CONTROL_AFTER: Duration = Duration::from_secs(15 * 60);

/// A rule that is measured.
struct Measured {
    link: LinkId,
    rule: String,
    from: Region,
    /// Nowhere once the destination is deleted.
    to: Option<Region>,
}

/// Publishes at every full minute, for the minute that ends there, until the world does.
pub async fn publish(cloud: Weak<Cloud>) {
    loop {
        let Some((clock, next)) =
            cloud.upgrade().map(|cloud| (cloud.clock, cloud.clock.now().floor_to(PERIOD) + PERIOD))
        else {
            return;
        };
        clock.sleep_until(next).await;
        let Some(cloud) = cloud.upgrade() else { return };
        let mut tallies = cloud.s3.queues.tallies(next);
        for measured in measured(&cloud, next) {
            let tally = tallies.remove(&(measured.link.clone(), measured.rule.clone())).unwrap_or_default();
            for (region, metric, value, unit) in values(&measured, &tally) {
                if !cloud.faults.region_is_down(region) {
                    cloud.cloudwatch.record(region, measured.sample(metric, value, unit, next - PERIOD));
                }
            }
        }
    }
}

fn measured(cloud: &Cloud, now: Timestamp) -> Vec<Measured> {
    let state = cloud.s3.lock();
    let mut found = Vec::new();
    for source in state.buckets.values() {
        let Some(replication) = &source.replication else { continue };
        let reports = |after| replication.since + after <= now;
        for rule in replication.rules.iter().filter(|rule| rule.enabled && rule.metrics) {
            if !rule.time_control || reports(WITH_TIME_CONTROL_AFTER) {
                found.push(Measured {
                    link: LinkId::new(&source.name, &rule.destination),
                    rule: rule.id.clone(),
                    from: source.region,
                    to: state.buckets.get(&rule.destination).map(|bucket| bucket.region),
                });
            }
        }
    }
    found
}

/// Failures are told where the source is and while operations end; the rest where the destination is, if it is.
fn values(measured: &Measured, tally: &Tally) -> Vec<(Region, &'static str, f64, &'static str)> {
    let mut values = Vec::new();
    if let Some(to) = measured.to {
        values.push((to, "BytesPendingReplication", tally.pending_bytes as f64, "Bytes"));
        values.push((to, "OperationsPendingReplication", tally.pending as f64, "Count"));
        if tally.pending + tally.ended > 0 {
            values.push((to, "ReplicationLatency", tally.behind.as_secs_f64(), "Seconds"));
        }
    }
    if tally.ended > 0 {
        values.push((measured.from, "OperationsFailedReplication", tally.failed as f64, "Count"));
    }
    values
}

impl Measured {
    fn sample(&self, metric: &'static str, value: f64, unit: &'static str, at: Timestamp) -> Sample {
        let dimensions = [
            ("SourceBucket", &self.link.source),
            ("DestinationBucket", &self.link.destination),
            ("RuleId", &self.rule),
        ];
        let dimensions = dimensions.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        Sample { namespace: "AWS/S3", metric, dimensions, value, unit, at }
    }
}
