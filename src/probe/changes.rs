//! Route 53 changes, from accepted to INSYNC.

use std::time::Duration;

use aws_sdk_route53::types::ChangeStatus as Status;
use tokio::sync::watch;

use super::{Announced, every};
use crate::clock::Timestamp;
use crate::history::{ChangeStatus, Event, Recorder};
use crate::target::said;

const INTERVAL: Duration = Duration::from_secs(2);

/// Follows every announced change until it is INSYNC.
pub async fn watch_changes(
    client: aws_sdk_route53::Client,
    announced: Announced,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    every("change probe", INTERVAL, &recorder, stop, || async {
        for id in announced.all() {
            let got = client.get_change().id(&id).send().await.map_err(|error| said(&error))?;
            let Some(change) = got.change_info() else { continue };
            if change.status() == &Status::Insync {
                announced.done(&id);
                let submitted = Timestamp::from_micros((change.submitted_at().as_secs_f64() * 1e6).round() as i64);
                let submitted_us = recorder.since_start_us(submitted);
                recorder.record(Event::Change { id, status: ChangeStatus::Insync, submitted_us });
            }
        }
        Ok(())
    })
    .await;
}
