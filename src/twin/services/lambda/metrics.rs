//! The metrics of `AWS/Lambda`, by function.
//!
//! Samples carry the time the invocation began, as the developer guide says ("Viewing metrics for Lambda functions").

use std::time::Duration;

use crate::clock::Timestamp;
use crate::region::Region;
use crate::twin::Cloud;
use crate::twin::services::cloudwatch::Sample;

/// What one invocation counts for.
pub struct Ran<'a> {
    pub function: &'a str,
    pub at: Timestamp,
    pub took: Duration,
    pub failed: bool,
    pub concurrency: u32,
}

pub fn ran(cloud: &Cloud, region: Region, ran: &Ran<'_>) {
    let errors = if ran.failed { 1.0 } else { 0.0 };
    for (metric, value, unit) in [
        ("Invocations", 1.0, "Count"),
        ("Errors", errors, "Count"),
        ("Throttles", 0.0, "Count"),
        ("Duration", ran.took.as_secs_f64() * 1_000.0, "Milliseconds"),
        ("ConcurrentExecutions", f64::from(ran.concurrency), "Count"),
    ] {
        record(cloud, region, ran.function, metric, value, unit, ran.at);
    }
}

/// Throttled requests count as neither invocations nor errors.
pub fn throttled(cloud: &Cloud, region: Region, function: &str) {
    record(cloud, region, function, "Throttles", 1.0, "Count", cloud.clock.now());
}

fn record(
    cloud: &Cloud,
    region: Region,
    function: &str,
    metric: &'static str,
    value: f64,
    unit: &'static str,
    at: Timestamp,
) {
    let dimensions = vec![("FunctionName".to_owned(), function.to_owned())];
    cloud.cloudwatch.record(region, Sample { namespace: "AWS/Lambda", metric, dimensions, value, unit, at });
}
