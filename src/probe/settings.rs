//! What the deployed stack takes its time from, read from the stack itself: the alarm's rule and the record's TTL.

use std::time::Duration;

use crate::history::{Event, Recorder};
use crate::scenario::StackSettings;
use crate::target::{Clients, said};

/// `record` is a hosted zone's id and the public name in it. `settings` with what the stack says put in; what cannot be read stays and is recorded as trouble.
pub async fn read_settings(
    mut settings: StackSettings,
    clients: &Clients,
    alarm: Option<&str>,
    record: Option<(&str, &str)>,
    recorder: &Recorder,
) -> StackSettings {
    let trouble = |what: String| recorder.record(Event::Trouble { stage: "settings".to_owned(), what });
    match alarm {
        None => trouble("the stack has no alarm role: hop budgets use defaults".to_owned()),
        Some(alarm) => match clients.cloudwatch.describe_alarms().alarm_names(alarm).send().await {
            Err(error) => trouble(said(&error)),
            Ok(described) => {
                if let Some(alarm) = described.metric_alarms().first() {
                    let positive = |number: Option<i32>| number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
                    if let Some(period) = positive(alarm.period()) {
                        settings.metric_period = Duration::from_secs(u64::from(period));
                    }
                    let datapoints = positive(alarm.datapoints_to_alarm()).or(positive(alarm.evaluation_periods()));
                    settings.datapoints_to_alarm = datapoints.unwrap_or(settings.datapoints_to_alarm);
                }
            }
        },
    }
    if let Some((zone, name)) = record {
        let call = clients.route53.list_resource_record_sets().hosted_zone_id(zone).start_record_name(name);
        match call.send().await {
            Err(error) => trouble(said(&error)),
            Ok(listed) => {
                let records = listed.resource_record_sets().iter();
                let ttl = records.filter(|record| record.name().trim_end_matches('.') == name).find_map(|r| r.ttl());
                // An alias record takes its target's TTL: 60 s for a Regional API Gateway domain.
                settings.record_ttl = Duration::from_secs(ttl.and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or(60));
            }
        }
    }
    settings
}
