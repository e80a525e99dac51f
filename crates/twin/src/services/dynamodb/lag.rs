//! How long a change takes from one Region to another: a clamped log-normal.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

/// Global tables replicate "usually within a second", and 0.5 to 2.5 s are commonly seen (developer guide, "How
/// global tables work", and the range AWS names for MREC). A log-normal with this median and sigma has 90 % of its
/// mass between 0.49 and 2.3 s.
const MEDIAN_SECONDS: f64 = 1.05;
const SIGMA: f64 = 0.47;
/// No change is faster than this, and none on an open link slower.
const SECONDS: std::ops::RangeInclusive<f64> = 0.2..=15.0;

pub fn draw(rng: &mut ChaCha8Rng) -> Duration {
    let seconds = match LogNormal::new(MEDIAN_SECONDS.ln(), SIGMA) {
        Ok(distribution) => distribution.sample(rng),
        Err(_) => MEDIAN_SECONDS,
    };
    clamped(seconds)
}

/// The lag that this share of changes stays below while nothing is broken.
pub fn lag_quantile(q: f64) -> Duration {
    clamped(MEDIAN_SECONDS * (SIGMA * normal_quantile(q.clamp(0.0, 1.0))).exp())
}

fn clamped(seconds: f64) -> Duration {
    Duration::from_micros((seconds.clamp(*SECONDS.start(), *SECONDS.end()) * 1e6) as u64)
}

/// The standard normal's quantile, to 4.5e-4: Hastings' rational approximation (Abramowitz and Stegun, 26.2.23).
fn normal_quantile(q: f64) -> f64 {
    let tail = q.min(1.0 - q).max(f64::MIN_POSITIVE);
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let z = t - above / below;
    if q < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn quantiles_are_those_of_what_is_drawn() {
        let mut rng = Seed(7).stream("test/lags");
        let mut drawn: Vec<Duration> = (0..100_000).map(|_| draw(&mut rng)).collect();
        drawn.sort();
        for (q, tolerance) in [(0.01, 0.02), (0.05, 0.02), (0.5, 0.01), (0.95, 0.02), (0.99, 0.03), (0.999, 0.08)] {
            let (seen, told) = (drawn[(q * 100_000.0) as usize].as_secs_f64(), lag_quantile(q).as_secs_f64());
            assert!((seen / told - 1.0).abs() < tolerance, "{q}: {seen} drawn, {told} told");
        }
        assert_eq!((lag_quantile(0.0).as_secs_f64(), lag_quantile(1.0).as_secs_f64()), (0.2, 15.0));
    }
}
