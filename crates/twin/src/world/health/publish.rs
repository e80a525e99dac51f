//! The metrics of health checks, once a minute, in the home Region whatever Region the endpoint is in.

use std::sync::Weak;
use std::time::Duration;

use super::HealthCheckers;
use crate::Cloud;
use crate::clock::Timestamp;
use crate::services::cloudwatch::Sample;

const PERIOD: Duration = Duration::from_secs(60);

/// Publishes at every full minute, for the minute that ends there, until the world does.
pub async fn run(cloud: Weak<Cloud>) {
    loop {
        let Some((clock, next)) =
            cloud.upgrade().map(|cloud| (cloud.clock, cloud.clock.now().floor_to(PERIOD) + PERIOD))
        else {
            return;
        };
        clock.sleep_until(next).await;
        let Some(cloud) = cloud.upgrade() else { return };
        if !cloud.faults.region_is_down(cloud.home()) {
            for sample in cloud.health.samples(next - PERIOD) {
                cloud.cloudwatch.record(cloud.home(), sample);
            }
        }
    }
}

impl HealthCheckers {
    /// Developer guide, "Monitoring health checks using CloudWatch": status is 1 or 0, percentage is of checkers.
    pub(super) fn samples(&self, at: Timestamp) -> Vec<Sample> {
        let state = self.lock();
        let mut samples = Vec::new();
        for (id, entry) in &state.checks {
            let sample = |metric, value, unit| Sample {
                namespace: "AWS/Route53",
                metric,
                dimensions: vec![("HealthCheckId".to_owned(), id.clone())],
                value,
                unit,
                at,
            };
            let status = f64::from(u8::from(state.is_healthy(id)));
            samples.push(sample("HealthCheckStatus", status, "None"));
            if entry.check.kind.has_endpoint() && !entry.check.disabled {
                let healthy = entry.opinions.iter().filter(|opinion| opinion.vote.is_healthy).count();
                let percentage = 100.0 * healthy as f64 / entry.opinions.len() as f64;
                samples.push(sample("HealthCheckPercentageHealthy", percentage, "Percent"));
            }
        }
        samples
    }
}
