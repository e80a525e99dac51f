//! The reader of an alarm's data stream: it judges the metric itself and never asks what state the alarm is in.
//!
//! Source: developer guide, "How Route 53 determines the status of health checks that monitor CloudWatch alarms".

use std::net::Ipv4Addr;
use std::sync::Weak;
use std::time::Duration;

use super::check::Insufficient;
use super::opinion::{Observation, Outcome};
use crate::Cloud;
use crate::services::cloudwatch::{AlarmState, AlarmStream};

/// How often the stream is judged. AWS gives no figure; that Route 53 "doesn't wait for the CloudWatch alarm" asks for
/// less than an alarm's minute.
pub const EVERY: Duration = Duration::from_secs(10);
/// Where the reader's observations come from, beside the checkers' addresses.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// Judges until the check changes, ends or its world does.
pub async fn run(cloud: Weak<Cloud>, id: String, stream: AlarmStream, insufficient: Insufficient, phase: Duration) {
    tokio::time::sleep(phase).await;
    loop {
        let Some(cloud) = cloud.upgrade() else { return };
        let at = cloud.clock.now();
        let last = || cloud.health.opinions(&id).first().is_none_or(|opinion| opinion.vote.is_healthy);
        let state = cloud.cloudwatch.stream_state(&cloud, &stream, at);
        let healthy = match (state, insufficient) {
            (Some(AlarmState::Ok), _) | (Some(AlarmState::InsufficientData), Insufficient::Healthy) => true,
            (Some(AlarmState::Alarm), _) | (Some(AlarmState::InsufficientData), Insufficient::Unhealthy) => false,
            (Some(AlarmState::InsufficientData), Insufficient::LastKnown) | (None, _) => last(),
        };
        let outcome = Outcome::Metric { state, healthy };
        cloud.health.report(&cloud, &id, 0, Observation { outcome, at });
        drop(cloud);
        tokio::time::sleep(EVERY).await;
    }
}
