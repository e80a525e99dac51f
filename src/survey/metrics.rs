//! CloudWatch metrics: what goes in comes out.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, Statistic};
use aws_smithy_types::DateTime;

use super::bench::{Bench, is_hasty, minutes, seconds, until};
use super::miss::{Probed, lie, refused};
use crate::clock::Clock;
use crate::wait::Look;

/// A minute, as CloudWatch aggregates.
const PERIOD: i32 = 60;
/// Of a metric of high resolution (CloudWatch user guide: alarms of 10, 20 or 30 s need one).
const SHORT: i32 = 10;
const DIMENSION: &str = "side";

pub async fn metrics(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.cloudwatch;
    let space = bench.name("metrics");
    put(client, &space, "Sum", "left", 40.0).await?;
    put(client, &space, "Sum", "left", 2.0).await?;
    put(client, &space, "Sum", "right", 1_000.0).await?;
    let look = async || {
        let left = sum(client, bench.target.clock(), &space, "Sum", &[side("left")]).await?;
        Ok(match left {
            Some(sum) if sum >= 42.0 => Look::Ready(sum),
            sum => Look::NotYet(format!("their sum is {sum:?}")),
        })
    };
    match until(minutes(4), seconds(5), look).await? {
        Ok(42.0) => {}
        Ok(more) => {
            return lie(format!("what was put for one dimension, 42, is read as {more}: dimensions are pooled"));
        }
        Err(last) => return lie(format!("two values that make 42 were accepted; {last}")),
    }
    match sum(client, bench.target.clock(), &space, "Sum", &[side("nowhere")]).await? {
        None => Ok("two values that make 42 are read as 42, and from no other dimension".to_owned()),
        Some(sum) => lie(format!("{sum} is read for a dimension that nothing was put for")),
    }
}

pub fn side(value: &str) -> Dimension {
    Dimension::builder().name(DIMENSION).value(value).build()
}

/// Puts one value now.
/// The period of an alarm on what is [`put`].
pub fn period() -> i32 {
    if is_hasty() { SHORT } else { PERIOD }
}

pub async fn put(client: &Client, space: &str, metric: &str, of: &str, value: f64) -> Probed<()> {
    let resolution = is_hasty().then_some(1);
    let datum = MetricDatum::builder().metric_name(metric).dimensions(side(of)).value(value);
    let datum = datum.set_storage_resolution(resolution).build();
    let put = client.put_metric_data().namespace(space).metric_data(datum).send().await;
    put.map(|_| ()).map_err(refused("PutMetricData"))
}

/// The sum of a metric over the last minutes; none where it has no datapoint.
pub async fn sum(
    client: &Client,
    clock: Clock,
    space: &str,
    metric: &str,
    dimensions: &[Dimension],
) -> Probed<Option<f64>> {
    let now = clock.now();
    let at = |at| DateTime::from(SystemTime::from(at));
    let asked = client
        .get_metric_statistics()
        .namespace(space)
        .metric_name(metric)
        .set_dimensions(Some(dimensions.to_vec()))
        .start_time(at(now - minutes(20)))
        .end_time(at(now + minutes(1)))
        .period(PERIOD)
        .statistics(Statistic::Sum);
    let told = asked.send().await.map_err(refused("GetMetricStatistics"))?;
    // By period: a service that repeats one must not make the sum larger.
    let periods = told.datapoints().iter().filter_map(|point| Some((point.timestamp()?.secs(), point.sum()?)));
    let periods: BTreeMap<i64, f64> = periods.collect();
    Ok((!periods.is_empty()).then(|| periods.values().sum()))
}
