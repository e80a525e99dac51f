//! When requests and writes are sent: an open loop. Arrivals are planned from the seed alone and never wait for an answer, so a
//! stall cannot hide itself.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};

/// The planned send times of a Poisson process, as offsets from its start.
pub struct Arrivals {
    gaps: Option<Exp<f64>>,
    rng: ChaCha8Rng,
    at: f64,
}

impl Arrivals {
    pub fn poisson(per_second: f64, rng: ChaCha8Rng) -> Self {
        Self { gaps: Exp::new(per_second).ok(), rng, at: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at += self.gaps?.sample(&mut self.rng);
        Some(Duration::from_secs_f64(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn the_rate_is_what_was_asked_for() {
        let within = |rate: f64| {
            let arrivals = Arrivals::poisson(rate, Seed(1).stream("test"));
            arrivals.take_while(|at| *at < Duration::from_secs(1_000)).count() as f64 / 1_000.0
        };
        for rate in [1.0, 50.0] {
            // Three standard deviations of a Poisson count.
            let slack = 3.0 * (rate / 1_000.0_f64).sqrt();
            assert!((within(rate) - rate).abs() < slack, "{} for {rate}", within(rate));
        }
    }
}
