//! The operations on metrics.

use std::time::Duration;

use ciborium::Value;
use serde::Deserialize;

use super::alarm_api::{only, read_dimensions};
use super::metric::{Addition, KeyRef, Series};
use super::query::{Line, Plan, check_period};
use super::shape::{Dimension, MetricDataQuery, dimensions, entry, read, sorted, text, write};
use super::statistic::Statistic;
use super::{CUSTOM_VISIBLE_AFTER, CloudWatch, MINUTE, unit};
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::wire::{AwsError, cbor};

/// API reference, PutMetricData: timestamps reach two weeks back and two hours ahead.
const OLDEST: Duration = Duration::from_secs(14 * 86_400);
const NEWEST: Duration = Duration::from_secs(2 * 3_600);
/// API reference: GetMetricData returns at most 100,800 datapoints, GetMetricStatistics 1,440.
const MOST_DATA: usize = 100_800;
const MOST_STATISTICS: u128 = 1_440;
/// API reference: ListMetrics returns 500 metrics a page.
const METRICS_PAGE: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Datum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    /// Epoch seconds.
    timestamp: Option<f64>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<f64>,
    unit: Option<String>,
    storage_resolution: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl CloudWatch {
    pub(super) fn put_metric_data(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:PutMetricData", "*")?;
        only(members, &["Namespace", "MetricData", "StrictEntityValidation"])?;
        let namespace = cbor::text(members, "Namespace").unwrap_or_default();
        if namespace.is_empty() || namespace.starts_with("AWS/") {
            return Err(value(format!("The value {namespace:?} for parameter Namespace is invalid.")));
        }
        let data: Vec<Datum> = cbor::list(members, "MetricData").iter().map(read).collect::<Result<_, _>>()?;
        let now = call.cloud.clock.now();
        // Everything is checked before anything is stored: a refused call leaves no trace.
        let checked: Vec<(Datum, Vec<Addition>)> = data
            .into_iter()
            .map(|datum| datum.additions(now).map(|additions| (datum, additions)))
            .collect::<Result<_, _>>()?;
        let mut inner = self.lock();
        for (datum, additions) in checked {
            let dimensions = sorted(&datum.dimensions);
            let key = KeyRef { region: call.region, namespace, metric: &datum.metric_name, dimensions: &dimensions };
            let id = inner.store.intern(key);
            let visible_from = now + self.between(CUSTOM_VISIBLE_AFTER, inner.store.hash(id), now.micros());
            for addition in additions {
                inner.store.add(id, &Addition { visible_from, ..addition });
            }
        }
        Ok(cbor::map([]))
    }

    pub(super) fn get_metric_data(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:GetMetricData", "*")?;
        only(members, &["MetricDataQueries", "StartTime", "EndTime", "ScanBy", "MaxDatapoints", "NextToken"])?;
        let queries: Vec<MetricDataQuery> =
            cbor::list(members, "MetricDataQueries").iter().map(read).collect::<Result<_, _>>()?;
        let plan = Plan::new(&queries)?;
        let (from, to) = range(members)?;
        let lines = plan.lines(&self.lock().store, call.region, from, to, call.cloud.clock.now());
        let most = cbor::number(members, "MaxDatapoints").map_or(MOST_DATA, |most| most as usize);
        if lines.iter().map(|line| line.points.len()).sum::<usize>() > most {
            let message =
                format!("the embedded twin does not page GetMetricData: more than {most} datapoints asked for");
            return Err(value(message));
        }
        let ascending = cbor::text(members, "ScanBy") == Some("TimestampAscending");
        let results = lines.into_iter().map(|line| written(line, ascending)).collect();
        Ok(cbor::map([("MetricDataResults", Value::Array(results)), ("Messages", Value::Array(vec![]))]))
    }

    pub(super) fn get_metric_statistics(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:GetMetricStatistics", "*")?;
        let known = [
            "Namespace",
            "MetricName",
            "Dimensions",
            "StartTime",
            "EndTime",
            "Period",
            "Statistics",
            "ExtendedStatistics",
            "Unit",
        ];
        only(members, &known)?;
        let (from, to) = range(members)?;
        let period = check_period(cbor::number(members, "Period").unwrap_or_default() as u32)?;
        if to.since(from).as_micros() / period.as_micros() > MOST_STATISTICS {
            return Err(value(
                "You have requested up to more than 1,440 datapoints: ask for a longer Period".to_owned(),
            ));
        }
        let asked = |member: &str| -> Result<Vec<(String, Statistic)>, AwsError> {
            let names = cbor::list(members, member).iter().filter_map(Value::as_text);
            let parse = |name: &str| Statistic::parse(name).map(|statistic| (name.to_owned(), statistic));
            names.map(|name| parse(name).ok_or_else(|| value(format!("no statistic {name:?} in the twin")))).collect()
        };
        let (simple, extended) = (asked("Statistics")?, asked("ExtendedStatistics")?);
        let name = cbor::text(members, "MetricName").unwrap_or_default();
        let namespace = cbor::text(members, "Namespace").unwrap_or_default();
        let dimensions = read_dimensions(members)?;
        let wanted_unit = cbor::text(members, "Unit");
        let now = call.cloud.clock.now();
        let inner = self.lock();
        let mut points = Vec::new();
        if let Some(series) =
            inner.store.find(KeyRef { region: call.region, namespace, metric: name, dimensions: &dimensions })
        {
            let mut at = from.floor_to(period);
            while at < to {
                points.extend(point(series, (at, at + period, now), wanted_unit, &simple, &extended));
                at = at + period;
            }
        }
        Ok(cbor::map([("Label", text(name)), ("Datapoints", Value::Array(points))]))
    }

    pub(super) fn list_metrics(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:ListMetrics", "*")?;
        only(members, &["Namespace", "MetricName", "Dimensions", "NextToken", "RecentlyActive"])?;
        let filters: Vec<(&str, Option<&str>)> = cbor::list(members, "Dimensions")
            .iter()
            .filter_map(|filter| Some((cbor::text(filter, "Name")?, cbor::text(filter, "Value"))))
            .collect();
        let now = call.cloud.clock.now();
        let recent = cbor::text(members, "RecentlyActive").map(|_| now - Duration::from_secs(3 * 3_600));
        let skip: usize = cbor::text(members, "NextToken")
            .map_or(Ok(0), str::parse)
            .map_err(|_| AwsError::bad_request("InvalidParameterValue", "NextToken is none of the twin's"))?;
        let inner = self.lock();
        let wanted = inner.store.of_region(call.region).filter(|series| {
            let key = &series.key;
            cbor::text(members, "Namespace").is_none_or(|namespace| namespace == key.namespace)
                && cbor::text(members, "MetricName").is_none_or(|metric| metric == key.metric)
                && filters.iter().all(|(name, value)| {
                    key.dimensions.iter().any(|(n, v)| n == name && value.is_none_or(|value| value == v))
                })
                && recent.is_none_or(|since| series.newest().is_some_and(|newest| newest >= since))
                && series.is_visible(now)
        });
        let mut rest = wanted.skip(skip);
        let page: Vec<Value> = rest.by_ref().take(METRICS_PAGE).map(listed).collect();
        let mut answer = vec![entry("Metrics", Value::Array(page))];
        if rest.next().is_some() {
            answer.push(entry("NextToken", text(&(skip + METRICS_PAGE).to_string())));
        }
        Ok(Value::Map(answer))
    }
}

impl Datum {
    fn additions(&self, now: Timestamp) -> Result<Vec<Addition>, AwsError> {
        let name = &self.metric_name;
        let at = self.timestamp.map_or(now, |seconds| Timestamp::from_micros((seconds * 1e6).round() as i64));
        if now.since(at) > OLDEST || at.since(now) > NEWEST {
            return Err(value(format!("the timestamp of {name} is not within two weeks back and two hours ahead")));
        }
        let span = match self.storage_resolution {
            Some(1) => Duration::from_secs(1),
            None | Some(60) => MINUTE,
            Some(other) => return Err(value(format!("StorageResolution of {name} must be 1 or 60, not {other}"))),
        };
        let unit = self.unit.as_deref().unwrap_or("None");
        let unit =
            unit::parse(unit).ok_or_else(|| value(format!("Unit {unit:?} of {name} is not one CloudWatch knows")))?;
        let one = |value: f64, count: f64| Addition {
            at,
            unit,
            count,
            sum: value * count,
            min: value,
            max: value,
            span,
            visible_from: now,
        };
        let additions = match (self.value, &self.statistic_values, self.values.as_slice()) {
            (Some(value), None, []) => vec![one(value, 1.0)],
            (None, Some(set), []) => {
                vec![Addition { sum: set.sum, min: set.minimum, max: set.maximum, ..one(0.0, set.sample_count) }]
            }
            (None, None, values) if !values.is_empty() => {
                if !self.counts.is_empty() && self.counts.len() != values.len() {
                    return Err(value(format!("Values and Counts of {name} must have as many entries")));
                }
                let counts = self.counts.iter().copied().chain(std::iter::repeat(1.0));
                values.iter().zip(counts).map(|(value, count)| one(*value, count)).collect()
            }
            _ => return Err(value(format!("{name} needs exactly one of Value, Values and StatisticValues"))),
        };
        let sound = |a: &Addition| a.count > 0.0 && a.sum.is_finite() && a.min.is_finite() && a.max.is_finite();
        if additions.iter().all(sound) {
            Ok(additions)
        } else {
            Err(value(format!("a value of {name} is not a number, or a count of it not above zero")))
        }
    }
}

fn range(members: &Value) -> Result<(Timestamp, Timestamp), AwsError> {
    match (cbor::timestamp(members, "StartTime"), cbor::timestamp(members, "EndTime")) {
        (Some(from), Some(to)) if from < to => Ok((from, to)),
        _ => Err(value("StartTime must be before EndTime, and both are needed".to_owned())),
    }
}

fn written(line: Line, ascending: bool) -> Value {
    let mut points = line.points;
    if !ascending {
        points.reverse();
    }
    cbor::map([
        ("Id", text(&line.id)),
        ("Label", text(&line.label)),
        ("Timestamps", Value::Array(points.iter().map(|(at, _)| cbor::moment(*at)).collect())),
        ("Values", Value::Array(points.iter().map(|(_, value)| Value::Float(*value)).collect())),
        ("StatusCode", text("Complete")),
    ])
}

fn point(
    series: &Series,
    (from, to, now): (Timestamp, Timestamp, Timestamp),
    wanted_unit: Option<&str>,
    simple: &[(String, Statistic)],
    extended: &[(String, Statistic)],
) -> Option<Value> {
    let buckets = || series.visible(from, to, now, wanted_unit);
    let unit = buckets().next()?.unit;
    let mut members = vec![entry("Timestamp", cbor::moment(from)), entry("Unit", text(unit))];
    let of =
        |(name, statistic): &(String, Statistic)| statistic.of(buckets()).map(|value| entry(name, Value::Float(value)));
    members.extend(simple.iter().filter_map(of));
    if !extended.is_empty() {
        members.push(entry("ExtendedStatistics", Value::Map(extended.iter().filter_map(of).collect())));
    }
    Some(Value::Map(members))
}

fn listed(series: &Series) -> Value {
    let dimensions = dimensions(&series.key.dimensions).iter().map(|d| Value::Map(write(d))).collect();
    cbor::map([
        ("Namespace", text(&series.key.namespace)),
        ("MetricName", text(&series.key.metric)),
        ("Dimensions", Value::Array(dimensions)),
    ])
}

fn value(message: String) -> AwsError {
    AwsError::bad_request("InvalidParameterValue", message)
}
