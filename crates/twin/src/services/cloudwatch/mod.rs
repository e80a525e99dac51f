//! CloudWatch: metrics as they are published, alarms by the documented rules.
//!
//! ```text
//! services ─ record ─┐                                ┌─ GetMetricData, GetMetricStatistics (query)
//! PutMetricData ─────┴→ metric (buckets, visible late) ┤
//!                                                     └─ evaluate ─ rules ─→ action ─→ sns, lambda
//! ```
//!
//! Nothing here reads a datapoint before it is visible: service metrics appear a while after their minute has
//! ended. The rules are pure; only `evaluate` knows time, only `action` knows other services.

mod action;
mod alarm;
mod alarm_api;
#[cfg(test)]
mod chain;
mod evaluate;
mod expression;
mod metric;
mod metric_api;
mod query;
mod resource;
mod rules;
mod shape;
mod statistic;
mod stream;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::Rng;
use tokio::sync::Notify;

use crate::Cloud;
use crate::clock::Timestamp;
use crate::formation::ResourceHandler;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, cbor};
use alarm::{Alarm, HistoryItem};
use metric::{Addition, KeyRef, Store};

pub use metric::SeriesId;
pub use rules::State as AlarmState;
pub use stream::AlarmStream;

/// Services publish once a minute (API Gateway developer guide: "metric data is automatically sent to CloudWatch in
/// one-minute periods").
const MINUTE: Duration = Duration::from_secs(60);
/// How long after its minute a service's datapoint is published. No figure is documented; alarms on API Gateway
/// metrics are seen to follow within "up to 60 s metric + evaluation", so a draw between these.
const PUBLISHED_AFTER: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(35));
/// How long after PutMetricData its samples are visible: seconds, where the API reference promises two minutes at most.
const CUSTOM_VISIBLE_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));

/// One sample of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub namespace: &'static str,
    pub metric: &'static str,
    /// Name and value, in the order the service documents.
    pub dimensions: Vec<(String, String)>,
    pub value: f64,
    pub unit: &'static str,
    pub at: Timestamp,
}

/// Starts the evaluation of alarms.
pub fn start(cloud: &Arc<Cloud>) {
    let draw = cloud.seed.stream("twin/cloudwatch").next_u64();
    // Set once: a cloud starts once.
    let _ = cloud.cloudwatch.draw.set(draw);
    let wake = Arc::clone(&cloud.cloudwatch.wake);
    tokio::spawn(evaluate::run(Arc::downgrade(cloud), cloud.clock, wake));
}

#[derive(Default)]
pub struct CloudWatch {
    inner: Mutex<Inner>,
    /// Rung when an alarm appears: the evaluator may be asleep past its first turn.
    wake: Arc<Notify>,
    /// What delays and phases are mixed from, so that they depend on names and not on who came first.
    draw: OnceLock<u64>,
}

#[derive(Default)]
struct Inner {
    store: Store,
    alarms: BTreeMap<(Region, String), Alarm>,
}

impl CloudWatch {
    /// Adds one sample to a metric of the Region.
    pub fn record(&self, region: Region, mut sample: Sample) {
        sample.dimensions.sort_unstable();
        let Sample { namespace, metric, ref dimensions, value, unit, at } = sample;
        let mut inner = self.lock();
        let id = inner.store.intern(KeyRef { region, namespace, metric, dimensions });
        self.add_to(&mut inner.store, id, value, unit, at);
    }

    /// The handle of a metric, for a caller that records to it often.
    pub fn series(&self, region: Region, namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> SeriesId {
        let mut dimensions: Vec<(String, String)> =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        dimensions.sort_unstable();
        self.lock().store.intern(KeyRef { region, namespace, metric, dimensions: &dimensions })
    }

    /// Adds one sample to each of these metrics, under one lock and without a look-up.
    pub fn record_to(&self, samples: &[(SeriesId, f64, &'static str)], at: Timestamp) {
        let mut inner = self.lock();
        for (id, value, unit) in samples {
            self.add_to(&mut inner.store, *id, *value, unit, at);
        }
    }

    fn add_to(&self, store: &mut Store, id: SeriesId, value: f64, unit: &'static str, at: Timestamp) {
        let minute = at.floor_to(MINUTE);
        let delay = self.between(PUBLISHED_AFTER, store.hash(id), minute.micros());
        let addition = Addition {
            at,
            unit,
            count: 1.0,
            sum: value,
            min: value,
            max: value,
            span: MINUTE,
            visible_from: minute + MINUTE + delay,
        };
        store.add(id, &addition);
    }

    /// A duration in this range, the same for the same name and moment.
    fn between(&self, (least, most): (Duration, Duration), name: u64, moment: i64) -> Duration {
        let span = u64::try_from((most - least).as_millis()).unwrap_or(0).max(1);
        let draw = self.draw.get().copied().unwrap_or_default();
        least + Duration::from_millis(mix(mix(draw ^ name) ^ moment.cast_unsigned()) % span)
    }

    fn note(&self, region: Region, alarm: &str, item: HistoryItem) {
        if let Some(alarm) = self.lock().alarms.get_mut(&(region, alarm.to_owned())) {
            alarm.note(item);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Service for CloudWatch {
    fn protocol(&self) -> Protocol {
        Protocol::RpcV2Cbor
    }

    fn operation(&self, request: &Request) -> String {
        cbor::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move {
            if let Some(encoding) = request.headers().get(http::header::CONTENT_ENCODING) {
                let message = format!("the embedded twin takes no {encoding:?} bodies: disable request compression");
                return Err(AwsError::bad_request("SerializationException", message));
            }
            let members = cbor::body(request)?;
            let body = match cbor::operation(request) {
                "PutMetricData" => self.put_metric_data(call, &members),
                "GetMetricData" => self.get_metric_data(call, &members),
                "GetMetricStatistics" => self.get_metric_statistics(call, &members),
                "ListMetrics" => self.list_metrics(call, &members),
                "PutMetricAlarm" => self.put_metric_alarm(call, &members),
                "DescribeAlarms" => self.describe_alarms(call, &members),
                "DescribeAlarmsForMetric" => self.describe_alarms_for_metric(call, &members),
                "DescribeAlarmHistory" => self.describe_alarm_history(call, &members),
                "DeleteAlarms" => self.delete_alarms(call, &members),
                "SetAlarmState" => self.set_alarm_state(call, &members),
                "EnableAlarmActions" => self.switch_actions(call, &members, true),
                "DisableAlarmActions" => self.switch_actions(call, &members, false),
                "TagResource" => self.tag_resource(call, &members),
                "UntagResource" => self.untag_resource(call, &members),
                "ListTagsForResource" => self.list_tags_for_resource(call, &members),
                other => Err(AwsError::not_implemented("cloudwatch", other)),
            }?;
            Ok(cbor::ok(&call.request_id, &body))
        })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(resource::AlarmHandler)]
}
