//! Quantiles of durations in little memory: counts in buckets that grow with the value.
//!
//! Each power of two is cut into 64 buckets, so a value is known within 1/128 of itself; the largest is known exactly.

use std::collections::BTreeMap;

/// Values below this have a bucket each.
const EXACT: u64 = 128;

#[derive(Clone, Debug, Default)]
pub struct Sketch {
    buckets: BTreeMap<u16, u64>,
    count: u64,
    max: u64,
}

impl Sketch {
    pub fn add(&mut self, value: u64) {
        *self.buckets.entry(bucket(value)).or_default() += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds all values of another.
    pub fn absorb(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value; `None` without values.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The value below or at which this share of all values lies (nearest rank).
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        if rank >= self.count {
            return self.max();
        }
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map(|(bucket, _)| middle(*bucket).min(self.max))
    }
}

fn bucket(value: u64) -> u16 {
    if value < EXACT {
        return value as u16;
    }
    // The seven leading bits: 64..128.
    let shift = 57 - value.leading_zeros() as u16;
    EXACT as u16 + (shift - 1) * 64 + ((value >> shift) - 64) as u16
}

fn middle(bucket: u16) -> u64 {
    if u64::from(bucket) < EXACT {
        return bucket.into();
    }
    let above = bucket - EXACT as u16;
    let shift = above / 64 + 1;
    (u64::from(above % 64 + 64) << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_percent() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.quantile(0.5), sketch.max()), (None, None));
        for value in 1..=100_000 {
            sketch.add(value * 37);
        }
        for share in [0.001, 0.5, 0.9, 0.99] {
            let exact = share * 100_000.0 * 37.0;
            let found = sketch.quantile(share).unwrap() as f64;
            assert!((found / exact - 1.0).abs() < 0.01, "{share}: {found} instead of {exact}");
        }
        assert_eq!(sketch.quantile(1.0), Some(3_700_000));
    }

    #[test]
    fn every_value_lies_near_the_middle_of_its_bucket() {
        for value in (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) + (1 << bit) / 3, (1 << bit) - 1]) {
            let off = middle(bucket(value)).abs_diff(value);
            assert!(off as f64 <= value as f64 / 128.0, "{value}: {off}");
        }
    }
}
