//! The metrics of `AWS/Lambda`: by function, by function and what was asked for (`Resource`, the name with a version or
//! alias), and for an alias with weights by the version that ran (`ExecutedVersion`).
//!
//! Samples carry the time the invocation began, as the developer guide says ("Using CloudWatch metrics with Lambda",
//! "Types of metrics": dimensions FunctionName, Resource, ExecutedVersion).

use std::time::Duration;

use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::services::cloudwatch::Sample;

/// What was invoked.
#[derive(Clone, Copy, Debug)]
pub struct Invoked<'a> {
    pub function: &'a str,
    /// The version or alias that was asked for.
    pub qualifier: Option<&'a str>,
    /// The version an alias with weights chose.
    pub executed: Option<u64>,
}

/// What one invocation counts for.
pub struct Ran<'a> {
    pub invoked: Invoked<'a>,
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
        for dimensions in ran.invoked.dimensions() {
            let sample = Sample { namespace: "AWS/Lambda", metric, dimensions, value, unit, at: ran.at };
            cloud.cloudwatch.record(region, sample);
        }
    }
}

/// Throttled requests count as neither invocations nor errors.
pub fn throttled(cloud: &Cloud, region: Region, invoked: Invoked<'_>) {
    let at = cloud.clock.now();
    for dimensions in invoked.dimensions() {
        let (namespace, metric, value, unit) = ("AWS/Lambda", "Throttles", 1.0, "Count");
        cloud.cloudwatch.record(region, Sample { namespace, metric, dimensions, value, unit, at });
    }
}

impl Invoked<'_> {
    /// Every set of dimensions it is counted under.
    fn dimensions(self) -> impl Iterator<Item = Vec<(String, String)>> {
        let function = ("FunctionName".to_owned(), self.function.to_owned());
        let resource = self.qualifier.map(|qualifier| {
            let name = format!("{}:{qualifier}", self.function);
            vec![function.clone(), ("Resource".to_owned(), name)]
        });
        let executed = self.executed.zip(resource.as_ref()).map(|(version, resource)| {
            let executed = ("ExecutedVersion".to_owned(), version.to_string());
            std::iter::once(executed).chain(resource.iter().cloned()).collect()
        });
        [Some(vec![function]), resource, executed].into_iter().flatten()
    }
}
