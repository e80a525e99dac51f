//! Every modelled delay in one place: distances between places, and the time services take.
//!
//! Sources stand beside the numbers; `docs/fidelity.md` says what is left out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use crate::region::Point;
use crate::seed::Seed;

/// Light in fibre covers about 200 km in a millisecond.
const FIBRE_KM_PER_MS: f64 = 200.0;
/// Cable routes are longer than great circles. With 1.25, us-east-1 to eu-west-1 (5,450 km) takes 68 ms there
/// and back, where public inter-Region measurements show 66 to 70 ms.
const ROUTE_STRETCH: f64 = 1.25;
/// One way between neighbours: last mile, switches, kernels.
const ONE_WAY_FLOOR_MS: f64 = 0.5;
/// Spread of one trip around its median (sigma of the logarithm).
const JITTER: f64 = 0.05;

/// Median and spread of the time a service takes inside, by SigV4 name; the first match wins, "" is any operation.
const SERVICE_TIMES: &[(&str, &str, f64, f64)] = &[
    // DynamoDB documents single-digit milliseconds for item operations.
    ("dynamodb", "", 3.0, 0.35),
    // S3's performance guide: first byte in roughly 100 to 200 ms; small objects are commonly seen at 20 to 60.
    ("s3", "", 30.0, 0.4),
    ("secretsmanager", "", 15.0, 0.3),
    ("kms", "", 8.0, 0.3),
    ("route53", "ChangeResourceRecordSets", 250.0, 0.3),
    ("route53", "", 80.0, 0.3),
    ("cloudformation", "", 120.0, 0.3),
    ("", "", 20.0, 0.3),
];

pub struct Latency {
    rng: Mutex<ChaCha8Rng>,
}

impl Latency {
    pub fn new(seed: Seed) -> Self {
        Self { rng: Mutex::new(seed.stream("twin/latency")) }
    }

    /// One way from `from` to `to`; nothing where the sender has no place.
    pub async fn travel(&self, from: Option<Point>, to: Point) {
        if let Some(from) = from {
            tokio::time::sleep(self.around(one_way_ms(from, to), JITTER)).await;
        }
    }

    /// The time a service takes to do what it was asked.
    pub async fn service_time(&self, service: &str, operation: &str) {
        let (.., median, sigma) = SERVICE_TIMES
            .iter()
            .copied()
            .find(|(s, o, ..)| (s.is_empty() || *s == service) && (o.is_empty() || *o == operation))
            .unwrap_or(("", "", 0.0, 0.0));
        tokio::time::sleep(self.around(median, sigma)).await;
    }

    /// A draw around a median in milliseconds, log-normal with this sigma.
    pub fn around(&self, median_ms: f64, sigma: f64) -> Duration {
        let Ok(distribution) = LogNormal::new(median_ms.max(1e-3).ln(), sigma) else { return Duration::ZERO };
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_secs_f64(distribution.sample(&mut *rng) / 1_000.0)
    }
}

/// The median time of one way between two points.
pub fn one_way_ms(from: Point, to: Point) -> f64 {
    ONE_WAY_FLOOR_MS + from.distance_km(to) / FIBRE_KM_PER_MS * ROUTE_STRETCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::Region;

    #[test]
    fn the_atlantic_takes_what_it_is_measured_to_take() {
        let round_trip = 2.0 * one_way_ms(Region::US_EAST_1.at(), Region::EU_WEST_1.at());
        assert!((64.0..=72.0).contains(&round_trip), "{round_trip}");
    }
}
