//! The metrics of `AWS/ApiGateway`, by API and by API and stage.
//!
//! Every request gives a sample of 4XXError and 5XXError, 0 or 1, so that their average is the error rate ("Amazon
//! API Gateway dimensions and metrics", developer guide).

use std::time::Duration;

use super::rest_api::Live;
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::services::cloudwatch::Sample;

/// What one request counts for.
pub struct Served {
    pub at: Timestamp,
    pub status: u16,
    pub latency: Duration,
    pub integration: Duration,
}

pub fn served(cloud: &Cloud, region: Region, live: &Live, served: &Served) {
    let is = |class: u16| if served.status / 100 == class { 1.0 } else { 0.0 };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    for (metric, value, unit) in [
        ("Count", 1.0, "Count"),
        ("4XXError", is(4), "Count"),
        ("5XXError", is(5), "Count"),
        ("Latency", milliseconds(served.latency), "Milliseconds"),
        ("IntegrationLatency", milliseconds(served.integration), "Milliseconds"),
    ] {
        let api = ("ApiName".to_owned(), live.api_name.to_string());
        let stage = ("Stage".to_owned(), live.stage.to_string());
        for dimensions in [vec![api.clone()], vec![api, stage]] {
            let sample = Sample { namespace: "AWS/ApiGateway", metric, dimensions, value, unit, at: served.at };
            cloud.cloudwatch.record(region, sample);
        }
    }
}
