//! How many samples an arm a test needs to find what it must find.

use statrs::distribution::{ContinuousCDF, Normal};

use super::fisher::{Share, worse};

/// Of a share that is `base` in the control and worse by `by` in the canary, one-sided. J. L. Fleiss, "Statistical Methods
/// for Rates and Proportions", 2nd edition 1981, section 3.2, with the correction for continuity, which stands for the
/// conservatism of Fisher's exact test.
pub fn share(base: f64, by: f64, alpha: f64, power: f64) -> u64 {
    let worse = (base + by).min(1.0);
    let difference = worse - base;
    if difference <= 0.0 {
        return u64::MAX;
    }
    let middle = (base + worse) / 2.0;
    let spread = base * (1.0 - base) + worse * (1.0 - worse);
    let sum = quantile(1.0 - alpha) * (2.0 * middle * (1.0 - middle)).sqrt() + quantile(power) * spread.sqrt();
    let plain = (sum / difference).powi(2);
    whole(plain / 4.0 * (1.0 + (1.0 + 4.0 / (plain * difference)).sqrt()).powi(2))
}

/// Of the Mann-Whitney test where the canary's is the slower one in the share `effect` of all pairs, arms of equal size.
/// G. E. Noether, "Sample Size Determination for Some Common Nonparametric Tests", JASA 82, 1987.
pub fn ranks(effect: f64, alpha: f64, power: f64) -> u64 {
    let off = effect - 0.5;
    if off <= 0.0 {
        return u64::MAX;
    }
    whole((quantile(1.0 - alpha) + quantile(power)).powi(2) / (6.0 * off * off))
}

/// The fewest an arm of which all against none would show.
pub fn all_or_none(alpha: f64) -> u64 {
    let shows = |of: &u64| worse(Share { bad: *of, of: *of }, Share { bad: 0, of: *of }) <= alpha;
    (1..500).find(shows).unwrap_or(500)
}

fn quantile(share: f64) -> f64 {
    Normal::standard().inverse_cdf(share)
}

fn whole(samples: f64) -> u64 {
    samples.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_shares_are_those_of_the_tables() {
        // Worked by hand from Fleiss's formulae 3.14 and 3.15: at 5 % against 10 %, two-sided 5 % (2.5 % each side) and 80 %
        // power, 435 without and 474 with the correction.
        assert_eq!(share(0.05, 0.05, 0.025, 0.8), 474);
        // Larger differences need fewer, smaller ones more, and a perfect control is the easiest to beat.
        assert!(share(0.05, 0.10, 0.025, 0.8) < 200);
        assert!(share(0.0, 0.01, 0.001, 0.9) < share(0.01, 0.01, 0.001, 0.9));
        assert_eq!(share(0.5, 0.0, 0.05, 0.8), u64::MAX);
    }

    #[test]
    fn sizes_for_ranks_are_noethers() {
        // (1.645 + 1.282)^2 / (6 * 0.2^2) = 35.7 an arm for 70 % of pairs, one-sided 5 %, 90 % power.
        assert_eq!(ranks(0.7, 0.05, 0.9), 36);
        assert_eq!(ranks(0.6, 0.05, 0.9), 143);
        assert_eq!(ranks(0.5, 0.05, 0.9), u64::MAX);
    }

    #[test]
    fn all_against_none() {
        // One way of 70 with four an arm, of 252 with five.
        assert_eq!(all_or_none(0.014), 5);
        assert_eq!(all_or_none(0.015), 4);
        assert!(all_or_none(1e-6) < 15);
    }
}
