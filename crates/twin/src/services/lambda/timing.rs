//! How long the parts of an invocation take that are Lambda's own.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::world::latency::Latency;

/// Finding a place for a new environment and fetching its code. The AWS Compute Blog ("Operating Lambda:
/// Performance optimization, part 1") puts whole cold starts between under 100 ms and over 1 s; Rust's lie at the
/// low end, and public measurements of it show 100 to 200 ms seen from outside.
const PLACEMENT_MS: (f64, f64) = (100.0, 0.3);
/// The init phase of a Rust function on provided.al2023: REPORT lines of public benchmarks show 18 to 22 ms for a
/// bare handler; a function that builds SDK clients pays about as much again for TLS roots.
const INIT_MS: (f64, f64) = (40.0, 0.25);
/// From the front end to a warm environment and back: single-digit milliseconds in public measurements.
const WARM_MS: (f64, f64) = (3.0, 0.3);
/// AWS does not say how long an idle environment lives; experiments (M. Shilkov, "Cold Starts in AWS Lambda") saw
/// 5 to 7 minutes.
const IDLE_SECONDS: std::ops::Range<u64> = 300..420;

pub fn placement(latency: &Latency) -> Duration {
    latency.around(PLACEMENT_MS.0, PLACEMENT_MS.1)
}

pub fn init(latency: &Latency) -> Duration {
    latency.around(INIT_MS.0, INIT_MS.1)
}

pub fn warm(latency: &Latency) -> Duration {
    latency.around(WARM_MS.0, WARM_MS.1)
}

pub fn idle(rng: &mut ChaCha8Rng) -> Duration {
    Duration::from_secs(rng.random_range(IDLE_SECONDS))
}
