//! Fisher's exact test of two shares, one-sided (R. A. Fisher, "The Design of Experiments", 1935).

use statrs::stats_tests::Alternative;
use statrs::stats_tests::fisher::fishers_exact;

/// So many bad ones of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub bad: u64,
    pub of: u64,
}

impl Share {
    pub fn count(&mut self, bad: bool) {
        self.of += 1;
        self.bad += u64::from(bad);
    }

    pub fn plus(self, other: Self) -> Self {
        Self { bad: self.bad + other.bad, of: self.of + other.of }
    }

    /// From 0 to 1; `None` of nothing.
    pub fn ratio(self) -> Option<f64> {
        (self.of > 0).then(|| self.bad as f64 / self.of as f64)
    }
}

/// The chance of a canary at least this bad beside this control, if both were equally bad. Nothing at all is no evidence.
pub fn worse(canary: Share, control: Share) -> f64 {
    let good = |share: Share| share.of - share.bad;
    // The tail with fewer terms: at most as many bad ones in the control.
    let table = [control.bad, good(control), canary.bad, good(canary)];
    fishers_exact(&table, Alternative::Less).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(canary: (u64, u64), control: (u64, u64)) -> f64 {
        let share = |(bad, of)| Share { bad, of };
        worse(share(canary), share(control))
    }

    #[test]
    fn the_lady_tasting_tea() {
        // Fisher 1935, chapter 2: of 4 cups with milk first she finds 4, or 3: one way of 70, or 17 of 70.
        assert!((p((4, 4), (0, 4)) - 1.0 / 70.0).abs() < 1e-12);
        assert!((p((3, 4), (1, 4)) - 17.0 / 70.0).abs() < 1e-12);
        assert!((p((1, 4), (3, 4)) - 69.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn convictions_of_twins() {
        // Fisher's twins of convicted criminals, in R's `?fisher.test`: of 13 identical twins 10 were convicted too, of 17
        // fraternal ones 2; the one-sided p is 0.0004652.
        assert!((p((10, 13), (2, 17)) - 0.000_465_2).abs() < 5e-8);
    }

    #[test]
    fn nothing_is_no_evidence() {
        assert_eq!(p((0, 0), (0, 0)), 1.0);
        assert_eq!(p((3, 3), (0, 0)), 1.0);
        assert_eq!(p((0, 500), (0, 500)), 1.0);
        // Large tables stay exact enough: 60 and 20 of 20,000 are far from chance, 20 and 20 are not.
        assert!((1e-7..1e-5).contains(&p((60, 20_000), (20, 20_000))));
        assert!(p((20, 20_000), (20, 20_000)) > 0.5);
    }
}
