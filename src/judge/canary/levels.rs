//! How the chance of a false alarm that a plan allows is spent, so that all tests together stay within it.
//!
//! A tenth is for the looks while steps bake, nine tenths for the tests at their ends: a strict bound early and nearly all of
//! the level at the end, as J. L. Haybittle (British Journal of Radiology 44, 1971) and R. Peto and others (British Journal of
//! Cancer 34, 1976) look at clinical trials, here shared out by Bonferroni's inequality, so that nothing rests on how the
//! looks hang together. The tests of one look share its level by S. Holm's procedure (Scandinavian Journal of Statistics 6,
//! 1979).

use super::metrics::tests;
use crate::scenario::{CanaryPlan, Plan};

/// Looks while a step bakes: after 5 requests of the canary, and then whenever there are a quarter more.
const LOOKS: f64 = 64.0;
const FIRST_LOOK: u64 = 5;
/// Looks while a step holds.
pub const HOLDS: u32 = 4;
/// The share of the level for looks while steps bake.
const INTERIM: f64 = 0.1;

/// The levels of a plan's tests.
#[derive(Clone, Debug)]
pub struct Levels {
    /// Of one test while a step bakes.
    pub interim: f64,
    /// Of all tests at a step's end together.
    step: f64,
    /// How many tests there are at each look of a step's end.
    tests: u32,
    holds: bool,
}

impl Levels {
    pub fn new(plan: &Plan, canary: &CanaryPlan) -> Self {
        let steps = canary.steps.len().max(1) as f64;
        let level = canary.analysis.significance.ratio();
        // All errors and all that nobody answered; of critical operations the same.
        let early = (2 + 2 * canary.analysis.critical.len()) as f64 * canary.regions.len().max(1) as f64;
        Self {
            interim: level * INTERIM / (steps * early * LOOKS),
            step: level * (1.0 - INTERIM) / steps,
            tests: tests(plan, canary),
            holds: !canary.hold.is_zero(),
        }
    }

    /// Of all tests of a look at a step's end together: half the step's level at the end of its bake time, the other half
    /// for the looks while it holds.
    pub fn look(&self, number: u32) -> f64 {
        match (number, self.holds) {
            (_, false) => self.step,
            (0, true) => self.step / 2.0,
            (_, true) => self.step / 2.0 / f64::from(HOLDS),
        }
    }

    /// Of the strictest test of a look: what samples are counted for.
    pub fn strictest(&self, number: u32) -> f64 {
        self.look(number) / f64::from(self.tests)
    }

    /// Which of a look's tests are significant.
    pub fn holm(&self, number: u32, ps: &[f64]) -> Vec<bool> {
        let mut order: Vec<usize> = (0..ps.len()).collect();
        order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]));
        let mut significant = vec![false; ps.len()];
        let whole = self.tests.max(u32::try_from(ps.len()).unwrap_or(u32::MAX));
        for (rank, index) in (0..).zip(order) {
            if ps[index] > self.look(number) / f64::from(whole - rank) {
                break;
            }
            significant[index] = true;
        }
        significant
    }
}

/// The number of requests after which the next look comes.
pub fn next_look(requests: u64) -> u64 {
    (requests + requests / 4).max(requests + 1).max(FIRST_LOOK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_goes_on_as_long_as_it_finds() {
        let levels = Levels { interim: 0.0, step: 0.05, tests: 4, holds: false };
        // Holm 1979's step-down: 0.05/4, 0.05/3, 0.05/2, 0.05.
        assert_eq!(levels.holm(0, &[0.01, 0.04, 0.03, 0.005]), [true, false, false, true]);
        assert_eq!(levels.holm(0, &[0.013, 0.0001]), [true, true]);
        assert_eq!(levels.holm(0, &[0.02, 0.02]), [false, false]);
    }

    #[test]
    fn looks_share_the_level_of_their_step() {
        let levels = Levels { interim: 0.0, step: 0.04, tests: 10, holds: true };
        let spent: f64 = (0..=HOLDS).map(|number| levels.look(number)).sum();
        assert!((spent - 0.04).abs() < 1e-12);
        let mut looks = 0;
        let mut requests = next_look(0);
        while requests < 3_000_000 {
            requests = next_look(requests);
            looks += 1;
        }
        assert!(f64::from(looks) < LOOKS, "{looks}");
    }
}
