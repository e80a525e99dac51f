//! The state of an alarm, with the service's own time of each change.

use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_cloudwatch::types::StateValue;
use tokio::sync::watch;

use super::every;
use crate::clock::Timestamp;
use crate::history::{AlarmState, Event, Recorder};
use crate::region::Region;
use crate::target::said;

const INTERVAL: Duration = Duration::from_secs(5);

/// Records the alarm's state at first sight and at each change.
pub async fn watch_alarm(
    client: aws_sdk_cloudwatch::Client,
    region: Region,
    alarm: String,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    let seen = Mutex::new(None);
    every("alarm probe", INTERVAL, &recorder, stop, || async {
        let described = client.describe_alarms().alarm_names(&alarm).send().await.map_err(|error| said(&error))?;
        let found = described.metric_alarms().first().ok_or_else(|| format!("no alarm {alarm} in {region}"))?;
        let changed = found.state_updated_timestamp().map(|at| (at.as_secs_f64() * 1e6).round() as i64);
        let changed = Timestamp::from_micros(changed.unwrap_or_default());
        let state = match found.state_value() {
            Some(StateValue::Ok) => AlarmState::Ok,
            Some(StateValue::Alarm) => AlarmState::Alarm,
            _ => AlarmState::InsufficientData,
        };
        let Ok(mut seen) = seen.lock() else { return Ok(()) };
        if *seen != Some((state, changed)) {
            *seen = Some((state, changed));
            recorder.record(Event::Alarm {
                alarm: alarm.clone(),
                region,
                state,
                changed_us: recorder.since_start_us(changed),
                reason: found.state_reason().unwrap_or_default().to_owned(),
            });
        }
        Ok(())
    })
    .await;
}
