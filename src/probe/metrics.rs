//! The API's 5XX rate, datapoint by datapoint, as CloudWatch publishes it.

use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use tokio::sync::watch;

use super::every;
use crate::clock::{Clock, Timestamp};
use crate::history::{Event, Recorder};
use crate::region::Region;
use crate::target::said;

const INTERVAL: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_secs(60);
/// How far back a late datapoint is looked for.
const WINDOW: Duration = Duration::from_secs(300);

/// Records each one-minute datapoint of the API's 5XXError when it is first seen published.
pub async fn watch_errors(
    client: aws_sdk_cloudwatch::Client,
    clock: Clock,
    region: Region,
    api: String,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    let newest: Mutex<Timestamp> = Mutex::new(clock.now());
    let at = |moment: Timestamp| DateTime::from_millis(moment.millis());
    every("metric probe", INTERVAL, &recorder, stop, || async {
        let now = clock.now();
        let call = client
            .get_metric_statistics()
            .namespace("AWS/ApiGateway")
            .metric_name("5XXError")
            .dimensions(Dimension::builder().name("ApiName").value(&api).build())
            .start_time(at(now - WINDOW))
            .end_time(at(now))
            .period(60)
            .statistics(Statistic::Average)
            .statistics(Statistic::SampleCount);
        let got = call.send().await.map_err(|error| said(&error))?;
        let mut datapoints: Vec<_> = got.datapoints().iter().collect();
        datapoints.sort_by_key(|datapoint| datapoint.timestamp().map(DateTime::secs));
        for datapoint in datapoints {
            let start = datapoint.timestamp().and_then(|at| at.to_millis().ok()).unwrap_or_default();
            let start = Timestamp::from_millis(start);
            let Ok(mut newest) = newest.lock() else { return Ok(()) };
            if start <= *newest {
                continue;
            }
            *newest = start;
            recorder.record(Event::Datapoint {
                region,
                metric: "5XXError".to_owned(),
                period_start_us: recorder.since_start_us(start),
                period_s: u32::try_from(PERIOD.as_secs()).unwrap_or(60),
                value: datapoint.average().unwrap_or_default(),
                samples: datapoint.sample_count().unwrap_or_default(),
            });
        }
        Ok(())
    })
    .await;
}
