//! What the deployed stack takes its time from, read from the stack itself: the alarm's rule and the record's TTL.

use crate::history::{Event, Recorder};
use crate::target::{Clients, said};

/// Reads the alarm's rule and the TTL of the public name, `record` being a hosted zone's id and the name in it, and
/// records them. What cannot be read is recorded as trouble.
pub async fn read_settings(
    clients: &Clients,
    alarm: Option<&str>,
    record: Option<(&str, &str)>,
    recorder: &Recorder,
) -> Event {
    let trouble = |what: String| recorder.record(Event::Trouble { stage: "settings".to_owned(), what });
    let positive = |number: Option<i32>| number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    let (mut alarm_period_s, mut datapoints_to_alarm, mut record_ttl_s) = (None, None, None);
    match alarm {
        None => trouble("the stack has no alarm role: hop budgets use defaults".to_owned()),
        Some(alarm) => match clients.cloudwatch.describe_alarms().alarm_names(alarm).send().await {
            Err(error) => trouble(said(&error)),
            Ok(described) => {
                if let Some(alarm) = described.metric_alarms().first() {
                    alarm_period_s = positive(alarm.period());
                    datapoints_to_alarm =
                        positive(alarm.datapoints_to_alarm()).or(positive(alarm.evaluation_periods()));
                }
            }
        },
    }
    if let Some((zone, name)) = record {
        match clients.route53.list_resource_record_sets().hosted_zone_id(zone).start_record_name(name).send().await {
            Err(error) => trouble(said(&error)),
            Ok(listed) => {
                let mut records =
                    listed.resource_record_sets().iter().filter(|r| r.name().trim_end_matches('.') == name);
                // An alias record has no TTL of its own: it takes its target's.
                record_ttl_s = records.find_map(|record| record.ttl()).and_then(|ttl| u32::try_from(ttl).ok());
            }
        }
    }
    let settings = Event::Settings { alarm_period_s, datapoints_to_alarm, record_ttl_s };
    recorder.record(settings.clone());
    settings
}
