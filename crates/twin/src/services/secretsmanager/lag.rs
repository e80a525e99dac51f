//! How long a change of a primary takes to a replica.

use std::sync::PoisonError;
use std::time::Duration;

use rand_distr::{Distribution, LogNormal};

use super::SecretsManager;

/// AWS publishes no propagation time for replicas. A median of two seconds with a tail to about ten is our reading
/// of "usually within seconds"; docs/fidelity.md says that it is a guess.
const LAG_MEDIAN_SECONDS: f64 = 2.0;
const LAG_SIGMA: f64 = 0.6;

/// The lag that this share of the changes stays under while nothing is broken; `share` lies between 0 and 1.
pub fn lag_quantile(share: f64) -> Duration {
    Duration::from_secs_f64(LAG_MEDIAN_SECONDS * (LAG_SIGMA * normal_quantile(share)).exp())
}

/// Draws the lag of one change.
pub(super) fn draw(secrets: &SecretsManager) -> Duration {
    let Ok(distribution) = LogNormal::new(LAG_MEDIAN_SECONDS.ln(), LAG_SIGMA) else { return Duration::ZERO };
    let mut rng = secrets.lags.lock().unwrap_or_else(PoisonError::into_inner);
    Duration::from_secs_f64(distribution.sample(&mut *rng))
}

/// The quantile of the standard normal distribution, to three digits (Abramowitz and Stegun, 26.2.23).
fn normal_quantile(share: f64) -> f64 {
    let share = share.clamp(1e-9, 1.0 - 1e-9);
    let t = (-2.0 * share.min(1.0 - share).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below).copysign(share - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn drawn_lags_lie_as_the_quantiles_say() {
        let secrets = SecretsManager::new(Seed(7));
        let mut drawn: Vec<Duration> = (0..4_000).map(|_| draw(&secrets)).collect();
        drawn.sort();
        for share in [0.05, 0.5, 0.9, 0.99] {
            let (seen, told) = (drawn[(4_000.0 * share) as usize].as_secs_f64(), lag_quantile(share).as_secs_f64());
            assert!((seen / told - 1.0).abs() < 0.1, "{share}: drawn {seen}, told {told}");
        }
        assert!((lag_quantile(0.5).as_secs_f64() - LAG_MEDIAN_SECONDS).abs() < 0.01);
    }
}
