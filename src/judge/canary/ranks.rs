//! The Mann-Whitney U test, one-sided, with the correction for ties and for continuity (H. B. Mann and D. R. Whitney, "On a
//! test of whether one of two random variables is stochastically larger than the other", 1947), and the effect it tests:
//! the chance that of a pair the canary's is the slower one.
//!
//! Not statrs's own: that compares every value with every other, which ten thousand requests an arm do not allow.

use statrs::distribution::{ContinuousCDF, Normal};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// In how many of all pairs the canary's is slower, ties counting half; 0.5 is no difference.
    pub effect: f64,
    /// The chance of such an effect or a larger one, if there were no difference.
    pub p: f64,
    /// The effect's 95 % interval (J. A. Hanley and B. J. McNeil, Radiology 143, 1982).
    pub low: f64,
    pub high: f64,
}

/// `None` where a side has nothing. The normal approximation holds from about ten a side.
pub fn slower(canary: &[u32], control: &[u32]) -> Option<Ranked> {
    let (n, m) = (canary.len() as f64, control.len() as f64);
    if canary.is_empty() || control.is_empty() {
        return None;
    }
    let mut all: Vec<(u32, bool)> = canary.iter().map(|value| (*value, true)).collect();
    all.extend(control.iter().map(|value| (*value, false)));
    all.sort_unstable();
    let (mut ranks, mut ties, mut below) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        let own = group.iter().filter(|(_, canary)| *canary).count() as f64;
        ranks += own * (below + (size + 1.0) / 2.0);
        ties += size * (size * size - 1.0);
        below += size;
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let whole = n + m;
    let deviation = (n * m / 12.0 * (whole + 1.0 - ties / (whole * (whole - 1.0)))).max(0.0).sqrt();
    let p = if deviation > 0.0 { Normal::standard().sf((u - n * m / 2.0 - 0.5) / deviation) } else { 1.0 };
    let effect = u / (n * m);
    let (first, second) = (effect / (2.0 - effect), 2.0 * effect * effect / (1.0 + effect));
    let square = effect * effect;
    let variance = effect * (1.0 - effect) + (n - 1.0) * (first - square) + (m - 1.0) * (second - square);
    let margin = 1.96 * (variance.max(0.0) / (n * m)).sqrt();
    Some(Ranked { effect, p, low: (effect - margin).max(0.0), high: (effect + margin).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::stats_tests::Alternative;
    use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

    #[test]
    fn permeability_of_membranes() {
        // Hollander and Wolfe (1973), p. 69f, in R's `?wilcox.test`: W = 35, exact one-sided p = 0.1272. The approximation
        // without ties is within a hundredth of it.
        let term = [80, 83, 189, 104, 145, 138, 191, 164, 73, 146];
        let gestation = [115, 88, 90, 74, 121];
        let seen = slower(&term, &gestation).unwrap();
        assert!((seen.effect - 35.0 / 50.0).abs() < 1e-12);
        assert!((seen.p - 0.1272).abs() < 0.01, "{}", seen.p);
        assert!(seen.low < seen.effect && seen.effect < seen.high && seen.high <= 1.0);
    }

    #[test]
    fn ties_are_corrected_as_others_do() {
        let (slow, fast) = ([3, 5, 5, 7, 9, 9, 9, 12, 12, 14, 3], [1, 3, 3, 5, 5, 5, 7, 9, 2, 2]);
        let known = |method| {
            let (slow, fast) = (slow.map(f64::from).to_vec(), fast.map(f64::from).to_vec());
            mannwhitneyu(&slow, &fast, method, Alternative::Greater).unwrap()
        };
        let (u, p) = known(MannWhitneyUMethod::AsymptoticInclContinuityCorrection);
        let seen = slower(&slow, &fast).unwrap();
        assert!((seen.effect - u / 110.0).abs() < 1e-12, "{} {u}", seen.effect);
        assert!((seen.p - p).abs() < 1e-9, "{} {p}", seen.p);
    }

    #[test]
    fn no_difference_is_half_and_a_side_without_values_is_nothing() {
        let seen = slower(&[7; 20], &[7; 20]).unwrap();
        assert_eq!((seen.effect, seen.p), (0.5, 1.0));
        assert_eq!(slower(&[], &[1]), None);
        let all = slower(&[9; 20], &[1; 20]).unwrap();
        assert!(all.effect == 1.0 && all.p < 1e-8);
    }
}
