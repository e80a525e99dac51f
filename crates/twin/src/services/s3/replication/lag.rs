//! How long replication takes: the lag of one object, and how fast a direction drains.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

/// "Most objects within 15 minutes" (S3 user guide, "Troubleshooting replication"); an AWS blog saw 99 % within 5
/// minutes. A log-normal with a median of 5 s (ours: small objects usually arrive in seconds) and this sigma has its
/// 99th percentile at 5 minutes.
const MEDIAN_SECONDS: f64 = 5.0;
const SIGMA: f64 = 1.76;
/// With Replication Time Control "most objects in seconds, and 99.99 percent within 15 minutes" (S3 user guide): the
/// same median, and a sigma that puts that percentile at 900 s.
const RTC_SIGMA: f64 = 1.396;
/// Bytes cross at 1 Gbps: the rate up to which the SLA of Replication Time Control holds by default (S3 user guide,
/// "Best practices for S3 RTC"). "Large objects can take up to several hours": 1 TB takes 2 h 13 min.
const BYTES_PER_SECOND: f64 = 125e6;
/// How many small objects arrive a second in one direction while a backlog drains: ours, AWS publishes none.
const OBJECTS_PER_SECOND: f64 = 500.0;

/// The lag below which this share of objects of a size arrives on an empty queue, without Replication Time Control.
pub fn lag_quantile(quantile: f64, bytes: u64) -> Duration {
    Duration::from_secs_f64((MEDIAN_SECONDS.ln() + SIGMA * normal_quantile(quantile)).exp()) + crossing(bytes)
}

/// The lag of one object.
pub(super) fn draw(rng: &mut ChaCha8Rng, with_time_control: bool, bytes: u64) -> Duration {
    let sigma = if with_time_control { RTC_SIGMA } else { SIGMA };
    let seconds = match LogNormal::new(MEDIAN_SECONDS.ln(), sigma) {
        Ok(distribution) => distribution.sample(rng),
        Err(_) => MEDIAN_SECONDS,
    };
    Duration::from_secs_f64(seconds) + crossing(bytes)
}

/// How long an object keeps its direction busy: what comes behind it in a backlog waits as long.
pub(super) fn turn(bytes: u64) -> Duration {
    crossing(bytes).max(Duration::from_secs_f64(1.0 / OBJECTS_PER_SECOND))
}

fn crossing(bytes: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND)
}

/// The quantile of the standard normal distribution, within 0.00045 (Abramowitz and Stegun, 26.2.23).
fn normal_quantile(quantile: f64) -> f64 {
    let quantile = quantile.clamp(1e-9, 1.0 - 1e-9);
    let t = (-2.0 * quantile.min(1.0 - quantile).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let distance = t - above / below;
    if quantile < 0.5 { -distance } else { distance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    const DRAWS: usize = 200_000;

    fn draws(with_time_control: bool, bytes: u64) -> Vec<Duration> {
        let mut rng = Seed(7).stream("lag");
        let mut lags: Vec<Duration> = (0..DRAWS).map(|_| draw(&mut rng, with_time_control, bytes)).collect();
        lags.sort_unstable();
        lags
    }

    #[test]
    fn draws_fall_where_the_quantiles_say() {
        for bytes in [0, 12_500_000_000] {
            let lags = draws(false, bytes);
            for quantile in [0.01, 0.1, 0.5, 0.9, 0.99] {
                let (seen, said) = (lags[(DRAWS as f64 * quantile) as usize], lag_quantile(quantile, bytes));
                let ratio = seen.as_secs_f64() / said.as_secs_f64();
                assert!((0.93..1.07).contains(&ratio), "{quantile} of {bytes} bytes: {seen:?}, not {said:?}");
            }
        }
    }

    #[test]
    fn quantiles_are_where_the_sources_put_them() {
        let near = |lag: Duration, seconds: f64| (lag.as_secs_f64() / seconds - 1.0).abs() < 0.01;
        assert!(near(lag_quantile(0.5, 0), 5.0) && near(lag_quantile(0.99, 0), 300.0));
        assert!(near(lag_quantile(0.5, 1_000_000_000_000), 8_005.0), "a terabyte takes hours");
    }

    #[test]
    fn time_control_brings_nearly_all_within_fifteen_minutes() {
        let late = |with| draws(with, 0).iter().filter(|lag| lag.as_secs() >= 900).count();
        let (without, with) = (late(false), late(true));
        assert!((200..500).contains(&without), "about one in 600, not {without}");
        assert!((5..50).contains(&with), "one in 10,000, not {with}: a design goal is no promise");
    }
}
