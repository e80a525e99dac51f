//! What the failover function writes: when it was invoked, what it decided, which change it made.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use super::{Announced, every};
use crate::clock::Timestamp;
use crate::history::{ChangeStatus, Event, Recorder};
use crate::region::Region;
use crate::target::said;

const INTERVAL: Duration = Duration::from_secs(5);

/// Records every line of the function's log that is a decision of it, and announces the changes it made.
pub async fn watch_guard(
    client: aws_sdk_cloudwatchlogs::Client,
    region: Region,
    log_group: String,
    announced: Announced,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    // Where the next look begins: behind the newest line seen, and how many lines were seen at that very time.
    let seen: Mutex<(i64, usize)> = Mutex::new((0, 0));
    every("failover log probe", INTERVAL, &recorder, stop, || async {
        let (from, skip) = seen.lock().map(|seen| *seen).unwrap_or_default();
        let call = client.filter_log_events().log_group_name(&log_group).start_time(from);
        let found = match call.filter_pattern("{ $.blackstart = \"failover\" }").send().await {
            Ok(found) => found,
            // The group exists once the function has run.
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                return Ok(());
            }
            Err(error) => return Err(said(&error)),
        };
        let fresh = found.events().iter().filter(|event| event.timestamp() >= Some(from)).skip(skip);
        for event in fresh {
            let Ok(line) = serde_json::from_str::<serde_json::Value>(event.message().unwrap_or_default()) else {
                continue;
            };
            let at = event.timestamp().unwrap_or_default();
            if let Ok(mut seen) = seen.lock() {
                *seen = if at == seen.0 { (at, seen.1 + 1) } else { (at, 1) };
            }
            let logged_us = recorder.since_start_us(Timestamp::from_millis(at));
            if let Some(id) = line.get("change_id").and_then(serde_json::Value::as_str) {
                announced.add(id);
                let id = id.to_owned();
                recorder.record(Event::Change { id, status: ChangeStatus::Pending, submitted_us: logged_us });
            }
            recorder.record(Event::Function { function: log_group.clone(), region, logged_us, line });
        }
        Ok(())
    })
    .await;
}
