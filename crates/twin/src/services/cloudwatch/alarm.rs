//! An alarm: what was asked for, checked, and the state it is in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::query::Plan;
use super::rules::{Comparison, Rule, State, TreatMissing};
use super::shape::{Dimension, Metric, MetricDataQuery, MetricStat, Tag};
use super::unit;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;

/// History is kept for 30 days (API reference, DescribeAlarmHistory); the twin also keeps no more items than this.
const HISTORY_KEPT: usize = 1_000;
/// Periods below a minute are for high-resolution alarms, evaluated every 10 s (user guide, "High-resolution alarms").
const HIGH_RESOLUTION_STEP: Duration = Duration::from_secs(10);
const STANDARD_STEP: Duration = Duration::from_secs(60);

/// What PutMetricAlarm takes, and what DescribeAlarms gives back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Definition {
    pub alarm_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_description: Option<String>,
    #[serde(default = "yes")]
    pub actions_enabled: bool,
    #[serde(rename = "OKActions", default)]
    pub ok_actions: Vec<String>,
    #[serde(default)]
    pub alarm_actions: Vec<String>,
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub evaluation_periods: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<usize>,
    pub threshold: f64,
    pub comparison_operator: Comparison,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treat_missing_data: Option<TreatMissing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_low_sample_count_percentile: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricDataQuery>,
    #[serde(default, skip_serializing)]
    pub tags: Vec<Tag>,
}

fn yes() -> bool {
    true
}

/// A state, when and why it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub state: State,
    pub reason: String,
    /// JSON, as services write it.
    pub data: Option<String>,
    pub since: Timestamp,
}

pub struct Alarm {
    pub definition: Arc<Definition>,
    pub plan: Plan,
    pub region: Region,
    pub arn: String,
    pub tags: Vec<Tag>,
    pub configured: Timestamp,
    pub standing: Standing,
    pub next_due: Timestamp,
    pub history: VecDeque<HistoryItem>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HistoryItem {
    pub at: Timestamp,
    /// `StateUpdate`, `ConfigurationUpdate` or `Action`.
    pub kind: &'static str,
    pub summary: String,
    pub data: String,
}

/// An alarm changed its state: what actions are made of.
#[derive(Clone, Debug)]
pub struct Transition {
    pub region: Region,
    pub definition: Arc<Definition>,
    pub arn: String,
    pub configured: Timestamp,
    pub before: Standing,
    pub after: Standing,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData].into_iter().find(|state| state.as_str() == name)
    }
}

impl Definition {
    /// Checks what the API checks and returns the queries to evaluate.
    pub fn check(&self, region: Region) -> Result<Plan, AwsError> {
        let datapoints = self.datapoints_to_alarm.unwrap_or(self.evaluation_periods);
        if self.evaluation_periods == 0 || datapoints == 0 || datapoints > self.evaluation_periods {
            return Err(invalid("DatapointsToAlarm must be at least 1 and at most EvaluationPeriods"));
        }
        if let Some(name) = self.unit.as_deref().filter(|name| unit::parse(name).is_none()) {
            return Err(invalid(format!("The parameter Unit has no value {name:?}")));
        }
        if self.evaluate_low_sample_count_percentile.as_deref() == Some("ignore") {
            return Err(invalid("the embedded twin does not model EvaluateLowSampleCountPercentile=ignore"));
        }
        for action in self.ok_actions.iter().chain(&self.alarm_actions).chain(&self.insufficient_data_actions) {
            check_action(action, region)?;
        }
        let plan = Plan::new(&self.queries()?)?;
        if !plan.has_one_result() {
            return Err(invalid("exactly one element of the metrics list must return data"));
        }
        let period = plan.period();
        if !matches!(period.as_secs(), 10 | 20 | 30) && !period.as_secs().is_multiple_of(60) {
            return Err(invalid("Period must be 10, 20, 30 or a multiple of 60"));
        }
        // API reference, PutMetricAlarm: a day, or seven days for periods of an hour and more.
        let days: u64 = if period.as_secs() >= 3_600 { 7 } else { 1 };
        if period.as_secs() * self.evaluation_periods as u64 > days * 86_400 {
            return Err(invalid(format!("EvaluationPeriods times Period must not exceed {days} day(s)")));
        }
        Ok(plan)
    }

    /// The one metric, or the list of metrics and expressions, as queries.
    pub fn queries(&self) -> Result<Vec<MetricDataQuery>, AwsError> {
        let Some(metric_name) = &self.metric_name else {
            if self.metrics.is_empty() {
                return Err(invalid("an alarm needs MetricName or Metrics"));
            }
            return Ok(self.metrics.clone());
        };
        if !self.metrics.is_empty() {
            return Err(invalid("an alarm has MetricName or Metrics, not both"));
        }
        let stat = match (&self.statistic, &self.extended_statistic) {
            (Some(stat), None) | (None, Some(stat)) => stat.clone(),
            _ => return Err(invalid("an alarm on one metric needs exactly one of Statistic and ExtendedStatistic")),
        };
        let (Some(namespace), Some(period)) = (self.namespace.clone(), self.period) else {
            return Err(invalid("an alarm on one metric needs Namespace and Period"));
        };
        let metric = Metric { namespace, metric_name: metric_name.clone(), dimensions: self.dimensions.clone() };
        Ok(vec![MetricDataQuery {
            id: "m1".to_owned(),
            metric_stat: Some(MetricStat { metric, period, stat, unit: self.unit.clone() }),
            expression: None,
            label: None,
            period: None,
            return_data: Some(true),
        }])
    }

    pub fn rule(&self, plan: &Plan) -> Rule {
        // "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing data" (API reference).
        let always_ignores = plan.namespaces().any(|namespace| namespace == "AWS/DynamoDB");
        Rule {
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm.unwrap_or(self.evaluation_periods),
            treat_missing: if always_ignores {
                TreatMissing::Ignore
            } else {
                self.treat_missing_data.unwrap_or_default()
            },
        }
    }

    pub fn actions(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.ok_actions,
            State::Alarm => &self.alarm_actions,
            State::InsufficientData => &self.insufficient_data_actions,
        }
    }
}

/// How often an alarm of this period is looked at.
pub fn step(period: Duration) -> Duration {
    if period < STANDARD_STEP { HIGH_RESOLUTION_STEP } else { STANDARD_STEP }
}

impl Alarm {
    /// Puts the alarm in a state and says so in its history; a transition where it was in another.
    pub fn change(&mut self, after: Standing) -> Option<Transition> {
        let before = std::mem::replace(&mut self.standing, after.clone());
        if before.state == after.state {
            return None;
        }
        let data = serde_json::json!({
            "version": "1.0",
            "oldState": standing_json(&before),
            "newState": standing_json(&after),
        });
        self.note(HistoryItem {
            at: after.since,
            kind: "StateUpdate",
            summary: format!("Alarm updated from {} to {}", before.state.as_str(), after.state.as_str()),
            data: data.to_string(),
        });
        Some(Transition {
            region: self.region,
            definition: Arc::clone(&self.definition),
            arn: self.arn.clone(),
            configured: self.configured,
            before,
            after,
        })
    }

    pub fn note(&mut self, item: HistoryItem) {
        if self.history.len() == HISTORY_KEPT {
            self.history.pop_front();
        }
        self.history.push_back(item);
    }
}

fn standing_json(standing: &Standing) -> serde_json::Value {
    let mut json = serde_json::json!({ "stateValue": standing.state.as_str(), "stateReason": standing.reason });
    if let Some(data) = standing.data.as_deref().and_then(|data| serde_json::from_str(data).ok()) {
        json["stateReasonData"] = data;
    }
    json
}

/// Topics and functions of the alarm's own Region; other kinds of action are not modelled.
fn check_action(arn: &str, region: Region) -> Result<(), AwsError> {
    let mut parts = arn.splitn(6, ':');
    let head = (parts.next(), parts.next(), parts.next(), parts.next());
    match head {
        (Some("arn"), Some(_), Some("sns" | "lambda"), Some(place)) if place == region.as_str() => Ok(()),
        (Some("arn"), Some(_), Some("sns" | "lambda"), Some(place)) => {
            Err(invalid(format!("Invalid region {place} specified. Only {region} is supported.")))
        }
        _ => Err(invalid(format!("the embedded twin models SNS and Lambda alarm actions only, not {arn:?}"))),
    }
}

pub fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("ValidationError", message)
}
