//! The evaluation of alarms: each at its own second of the minute, on the datapoints visible then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;

use super::alarm::{Alarm, Definition, Standing, Transition, step};
use super::metric::Store;
use super::query::Plan;
use super::rules::{self, EXTRA_PERIODS, State, TreatMissing};
use super::{Inner, action};
use crate::Cloud;
use crate::clock::{Clock, Timestamp};
use crate::region::Region;

/// Sleeps until the next alarm is due, evaluates it, acts; ends with the cloud.
pub async fn run(cloud: Weak<Cloud>, clock: Clock, wake: Arc<Notify>) {
    loop {
        let Some(due) = cloud.upgrade().map(|cloud| cloud.cloudwatch.next_due()) else { return };
        let Some(due) = due else {
            wake.notified().await;
            continue;
        };
        tokio::select! {
            biased;
            () = clock.sleep_until(due) => {}
            () = wake.notified() => continue,
        }
        let Some(cloud) = cloud.upgrade() else { return };
        for transition in cloud.cloudwatch.evaluate_due(&cloud) {
            action::perform(&cloud, &transition);
        }
    }
}

impl super::CloudWatch {
    fn next_due(&self) -> Option<Timestamp> {
        self.lock().alarms.values().map(|alarm| alarm.next_due).min()
    }

    fn evaluate_due(&self, cloud: &Cloud) -> Vec<Transition> {
        let now = cloud.clock.now();
        let mut inner = self.lock();
        let Inner { store, alarms, .. } = &mut *inner;
        let mut transitions = Vec::new();
        for alarm in alarms.values_mut().filter(|alarm| alarm.next_due <= now) {
            alarm.next_due = alarm.next_due + step(alarm.plan.period());
            // A Region that is down evaluates nothing; its alarms stay as they were.
            if !cloud.faults.region_is_down(alarm.region) {
                transitions.extend(evaluate(alarm, store, now));
            }
        }
        transitions
    }
}

/// What an alarm sees: one datapoint a period, newest first.
pub struct Range {
    period: Duration,
    starts: Vec<Timestamp>,
    pub values: Vec<Option<f64>>,
}

/// Whether each of these datapoints breaches the threshold.
pub fn breaching(definition: &Definition, values: &[Option<f64>]) -> Vec<Option<bool>> {
    let breaches = |value: f64| definition.comparison_operator.breaches(value, definition.threshold);
    values.iter().map(|value| value.map(breaches)).collect()
}

fn evaluate(alarm: &mut Alarm, store: &Store, now: Timestamp) -> Option<Transition> {
    let definition = Arc::clone(&alarm.definition);
    let rule = definition.rule(&alarm.plan);
    let range = Range::seen(&alarm.plan, rule, store, alarm.region, now);
    let decision = rules::decide(rule, &breaching(&definition, &range.values));
    let state = decision.state.filter(|state| *state != alarm.standing.state)?;
    let reason = range.reason(&definition, rule, state, &decision, alarm.standing.state);
    let data = range.data(&definition, &decision.evaluated, now);
    alarm.change(Standing { state, reason, data: Some(data), since: now })
}

impl Range {
    /// What can be seen at `now`. Periods end at the last full minute, and slide with it where they are longer.
    pub fn seen(plan: &Plan, rule: rules::Rule, store: &Store, region: Region, now: Timestamp) -> Self {
        let period = plan.period();
        let end = now.floor_to(step(period));
        let starts: Vec<Timestamp> = (1..=rule.evaluation_periods + EXTRA_PERIODS)
            .map(|back| end - period * u32::try_from(back).unwrap_or(u32::MAX))
            .collect();
        let values = starts.iter().map(|start| plan.value(store, region, *start, now)).collect();
        Self { period, starts, values }
    }

    fn reason(
        &self,
        definition: &Definition,
        rule: rules::Rule,
        state: State,
        decision: &rules::Decision,
        before: State,
    ) -> String {
        if state == State::InsufficientData {
            let (count, verb) = (rule.evaluation_periods, if rule.evaluation_periods == 1 { "was" } else { "were" });
            return format!("Insufficient Data: {} {verb} unknown.", datapoints(count));
        }
        if decision.evaluated.is_empty() {
            let verb = if decision.filled == 1 { "was" } else { "were" };
            let periods = if decision.filled == 1 { "period" } else { "periods" };
            return format!(
                "Threshold Crossed: no datapoints were received for {} {periods} and {} missing {} {verb} treated as [{}].",
                decision.filled,
                decision.filled,
                if decision.filled == 1 { "datapoint" } else { "datapoints" },
                treated(rule.treat_missing),
            );
        }
        let shown: Vec<String> = decision
            .evaluated
            .iter()
            .filter_map(|at| Some((self.starts.get(*at)?, self.values.get(*at).copied().flatten()?)))
            .filter(|(_, value)| {
                let breaches = definition.comparison_operator.breaches(*value, definition.threshold);
                breaches == (state == State::Alarm)
            })
            .map(|(start, value)| format!("{value:?} ({})", day_first(*start)))
            .collect();
        let minimum = match state {
            State::Alarm => rule.datapoints_to_alarm,
            _ => rule.evaluation_periods - rule.datapoints_to_alarm + 1,
        };
        format!(
            "Threshold Crossed: {} out of the last {} datapoints [{}] {} {}{} the threshold ({:?}) \
             (minimum {} for {} -> {} transition).",
            shown.len(),
            rule.evaluation_periods,
            shown.join(", "),
            if shown.len() == 1 { "was" } else { "were" },
            if state == State::Alarm { "" } else { "not " },
            definition.comparison_operator.words(),
            definition.threshold,
            datapoints(minimum),
            if before == State::InsufficientData && state == State::Alarm { "OK" } else { opposite(state) },
            state.as_str(),
        )
    }

    fn data(&self, definition: &Definition, evaluated: &[usize], now: Timestamp) -> String {
        let known = |at: &usize| Some((self.starts.get(*at)?, self.values.get(*at).copied().flatten()?));
        let recent: Vec<f64> = evaluated.iter().rev().filter_map(known).map(|(_, value)| value).collect();
        let points: Vec<serde_json::Value> = evaluated
            .iter()
            .filter_map(known)
            .map(|(start, value)| json!({ "timestamp": offset_form(*start), "value": value }))
            .collect();
        let mut data = json!({
            "version": "1.0",
            "queryDate": offset_form(now),
            "period": self.period.as_secs(),
            "recentDatapoints": recent,
            "threshold": definition.threshold,
            "evaluatedDatapoints": points,
        });
        let statistic = definition.statistic.as_ref().or(definition.extended_statistic.as_ref());
        for (name, value) in [("statistic", statistic), ("unit", definition.unit.as_ref())] {
            if let Some(value) = value {
                data[name] = json!(value);
            }
        }
        if let Some(start) = evaluated.last().and_then(|at| self.starts.get(*at)) {
            data["startDate"] = json!(offset_form(*start));
        }
        data.to_string()
    }
}

fn datapoints(count: usize) -> String {
    if count == 1 { "1 datapoint".to_owned() } else { format!("{count} datapoints") }
}

fn treated(how: TreatMissing) -> &'static str {
    match how {
        TreatMissing::Breaching => "Breaching",
        TreatMissing::NotBreaching => "NonBreaching",
        TreatMissing::Missing => "Missing",
        TreatMissing::Ignore => "Ignore",
    }
}

fn opposite(state: State) -> &'static str {
    if state == State::Alarm { "OK" } else { "ALARM" }
}

/// `2026-01-05T00:00:00.000+0000`, as alarms write moments.
pub fn offset_form(at: Timestamp) -> String {
    at.iso8601().replace('Z', "+0000")
}

/// `05/01/26 00:00:00`, as state reasons write moments.
fn day_first(at: Timestamp) -> String {
    let iso = at.iso8601();
    let part = |range: std::ops::Range<usize>| iso.get(range).unwrap_or_default();
    format!("{}/{}/{} {}", part(8..10), part(5..7), part(2..4), part(11..19))
}
