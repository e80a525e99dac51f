//! Queries: a metric's statistic, or an expression over others, for one period after another.

use std::collections::BTreeMap;
use std::time::Duration;

use super::expression::Expression;
use super::metric::{KeyRef, Store};
use super::shape::{MetricDataQuery, sorted};
use super::statistic::Statistic;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;

/// A set of queries that may refer to each other, read and checked once.
#[derive(Clone, Debug)]
pub struct Plan {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    id: String,
    label: String,
    returns: bool,
    period: Duration,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Metric {
        namespace: String,
        metric: String,
        dimensions: Vec<(String, String)>,
        statistic: Statistic,
        unit: Option<String>,
    },
    Expression(Expression),
}

/// What one query gives: datapoints oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub id: String,
    pub label: String,
    pub points: Vec<(Timestamp, f64)>,
}

impl Plan {
    /// Orders the queries so that each comes after those it needs.
    pub fn new(queries: &[MetricDataQuery]) -> Result<Self, AwsError> {
        let mut waiting: Vec<(&MetricDataQuery, Source)> = Vec::new();
        for query in queries {
            if queries.iter().filter(|other| other.id == query.id).count() > 1 {
                return Err(invalid(format!("The value {} for parameter Id is used more than once", query.id)));
            }
            waiting.push((query, source(query)?));
        }
        let mut steps: Vec<Step> = Vec::new();
        while !waiting.is_empty() {
            let ready = waiting
                .iter()
                .position(|(_, source)| source.needs().iter().all(|id| steps.iter().any(|step| step.id == *id)));
            let Some(ready) = ready else {
                let ids: Vec<&str> = waiting.iter().map(|(query, _)| query.id.as_str()).collect();
                return Err(invalid(format!("the expressions {ids:?} refer to ids that no other query has")));
            };
            let (query, source) = waiting.remove(ready);
            let period = period(query, &source, &steps)?;
            let label = query.label.clone().unwrap_or_else(|| source.label(query));
            steps.push(Step { id: query.id.clone(), label, returns: query.return_data != Some(false), period, source });
        }
        Ok(Self { steps })
    }

    /// The period of the one query that returns data.
    pub fn period(&self) -> Duration {
        self.returning().map_or(Duration::from_secs(60), |step| step.period)
    }

    /// Whether exactly one query returns data, as an alarm must have it.
    pub fn has_one_result(&self) -> bool {
        self.steps.iter().filter(|step| step.returns).count() == 1
    }

    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.source {
            Source::Metric { namespace, .. } => Some(namespace.as_str()),
            Source::Expression(_) => None,
        })
    }

    /// The value of the query that returns data, over `period` from `from` on, as seen at `now`.
    pub fn value(&self, store: &Store, region: Region, from: Timestamp, now: Timestamp) -> Option<f64> {
        let wanted = self.returning()?;
        let values = self.values(store, region, from, wanted.period, now);
        values.get(wanted.id.as_str()).copied().flatten()
    }

    /// Every returning query over `[from, to)`, as seen at `now`.
    pub fn lines(&self, store: &Store, region: Region, from: Timestamp, to: Timestamp, now: Timestamp) -> Vec<Line> {
        let mut lines = Vec::new();
        for step in self.steps.iter().filter(|step| step.returns) {
            let mut points = Vec::new();
            let mut at = from.floor_to(step.period);
            while at < to {
                let values = self.values(store, region, at, step.period, now);
                if let Some(value) = values.get(step.id.as_str()).copied().flatten() {
                    points.push((at, value));
                }
                at = at + step.period;
            }
            lines.push(Line { id: step.id.clone(), label: step.label.clone(), points });
        }
        lines
    }

    fn returning(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.returns)
    }

    fn values(
        &self,
        store: &Store,
        region: Region,
        from: Timestamp,
        period: Duration,
        now: Timestamp,
    ) -> BTreeMap<&str, Option<f64>> {
        let mut values = BTreeMap::new();
        for step in &self.steps {
            let value = match &step.source {
                Source::Metric { namespace, metric, dimensions, statistic, unit } => {
                    let key = KeyRef { region, namespace, metric, dimensions };
                    store
                        .find(key)
                        .and_then(|series| statistic.of(series.visible(from, from + period, now, unit.as_deref())))
                }
                Source::Expression(expression) => expression.value(&values),
            };
            values.insert(step.id.as_str(), value);
        }
        values
    }
}

impl Source {
    fn needs(&self) -> Vec<String> {
        let mut ids = Vec::new();
        if let Self::Expression(expression) = self {
            expression.ids(&mut ids);
        }
        ids
    }

    fn label(&self, query: &MetricDataQuery) -> String {
        match self {
            Self::Metric { metric, .. } => metric.clone(),
            Self::Expression(_) => query.id.clone(),
        }
    }
}

/// Periods the API takes: 1, 5, 10, 20, 30 and multiples of 60 seconds.
pub fn check_period(period: u32) -> Result<Duration, AwsError> {
    if matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60)) {
        return Ok(Duration::from_secs(period.into()));
    }
    Err(invalid(format!("Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}")))
}

fn source(query: &MetricDataQuery) -> Result<Source, AwsError> {
    match (&query.metric_stat, &query.expression) {
        (Some(stat), None) => {
            check_period(stat.period)?;
            let statistic = Statistic::parse(&stat.stat)
                .ok_or_else(|| invalid(format!("the embedded twin does not model the statistic {:?}", stat.stat)))?;
            Ok(Source::Metric {
                namespace: stat.metric.namespace.clone(),
                metric: stat.metric.metric_name.clone(),
                dimensions: sorted(&stat.metric.dimensions),
                statistic,
                unit: stat.unit.clone(),
            })
        }
        (None, Some(expression)) => Expression::parse(expression).map(Source::Expression).map_err(invalid),
        _ => Err(invalid(format!("query {} must have exactly one of MetricStat and Expression", query.id))),
    }
}

/// An expression takes its own period, else the largest of those it reads.
fn period(query: &MetricDataQuery, source: &Source, before: &[Step]) -> Result<Duration, AwsError> {
    if let Some(period) = query.metric_stat.as_ref().map(|stat| stat.period).or(query.period) {
        return check_period(period);
    }
    let needs = source.needs();
    let periods = before.iter().filter(|step| needs.contains(&step.id)).map(|step| step.period);
    Ok(periods.max().unwrap_or(Duration::from_secs(60)))
}

fn invalid(message: String) -> AwsError {
    AwsError::bad_request("ValidationError", message)
}
