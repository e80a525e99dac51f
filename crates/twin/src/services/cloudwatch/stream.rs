//! What an alarm watches, watched by somebody else: the same metric by the same rule, whatever state the alarm is in.

use std::sync::Arc;

use super::CloudWatch;
use super::alarm::Definition;
use super::evaluate::{Range, breaching};
use super::query::Plan;
use super::rules::{self, State};
use super::statistic::Statistic;
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;

/// The data stream of an alarm, with the settings the alarm had when the stream was opened.
#[derive(Clone, Debug)]
pub struct AlarmStream {
    pub region: Region,
    pub definition: Arc<Definition>,
    plan: Plan,
}

/// Two streams are the same where the alarm had the same settings.
impl PartialEq for AlarmStream {
    fn eq(&self, other: &Self) -> bool {
        self.region == other.region && self.definition == other.definition
    }
}

impl AlarmStream {
    /// Why Route 53 cannot follow this stream, if it cannot (developer guide, "Types of Amazon Route 53 health checks").
    pub fn unsupported(&self) -> Option<&'static str> {
        let alarm = &*self.definition;
        if alarm.metric_name.is_none() {
            return Some("alarms that use metric math are not supported");
        }
        let is_simple = |name: &String| !matches!(Statistic::parse(name), None | Some(Statistic::Percentile(_)));
        if !alarm.statistic.as_ref().is_some_and(is_simple) {
            return Some("extended statistics are not supported: use Average, Minimum, Maximum, Sum or SampleCount");
        }
        if alarm.period.is_none_or(|period| period < 60) {
            return Some("high-resolution metrics are not supported");
        }
        alarm
            .datapoints_to_alarm
            .filter(|datapoints| *datapoints != alarm.evaluation_periods)
            .map(|_| "\"M out of N\" alarms are not supported")
    }
}

impl CloudWatch {
    /// The stream of an alarm as it is now.
    pub fn alarm_stream(&self, region: Region, name: &str) -> Option<AlarmStream> {
        let inner = self.lock();
        let alarm = inner.alarms.get(&(region, name.to_owned()))?;
        Some(AlarmStream { region, definition: alarm.definition.clone(), plan: alarm.plan.clone() })
    }

    /// What the stream says now; nothing where an alarm would stay in the state it has. A Region that is down has no
    /// data to give.
    pub fn stream_state(&self, cloud: &Cloud, stream: &AlarmStream, now: Timestamp) -> Option<State> {
        if cloud.faults.region_is_down(stream.region) {
            return Some(State::InsufficientData);
        }
        let AlarmStream { region, definition, plan } = stream;
        let rule = definition.rule(plan);
        let seen = Range::seen(plan, rule, &self.lock().store, *region, now);
        rules::decide(rule, &breaching(definition, &seen.values)).state
    }
}
