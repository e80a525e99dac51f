//! A bounded sample of what one version did: everything while it is little, and beyond that an even choice.
//!
//! Each item gets a random priority, and the items of the lowest priorities are kept (bottom-k sampling): whatever is kept, its
//! `n` lowest are an even sample of size `n` of all there were, so that two arms can be cut to the same size.

use std::collections::BinaryHeap;

use rand::Rng;

use crate::seed::Seed;

/// The most that is kept.
const KEPT: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub priority: u64,
    pub at_us: u64,
    pub bad: bool,
    /// In microseconds, up to an hour.
    pub latency_us: u32,
}

#[derive(Clone, Debug, Default)]
pub struct Sample {
    kept: BinaryHeap<Item>,
    last_us: Option<u64>,
}

impl Sample {
    pub fn add(&mut self, item: Item) {
        self.last_us = self.last_us.max(Some(item.at_us));
        if self.kept.len() < KEPT {
            self.kept.push(item);
        } else if self.kept.peek().is_some_and(|worst| item < *worst) {
            self.kept.pop();
            self.kept.push(item);
        }
    }

    /// When the last one was planned.
    pub fn last_us(&self) -> Option<u64> {
        self.last_us
    }

    /// What is kept of before a moment, by priority.
    pub fn before(&self, us: u64) -> Vec<Item> {
        let mut items: Vec<Item> = self.kept.iter().copied().filter(|item| item.at_us < us).collect();
        items.sort_unstable();
        items
    }
}

/// Draws priorities: the same for the same seed and numbers, in whatever order and by whomever they are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Lots(u64);

impl Lots {
    pub fn new(seed: Seed) -> Self {
        Self(seed.stream("canary control").next_u64())
    }

    /// Mixed as SplitMix64 does (G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    pub fn draw(self, numbers: [u64; 3]) -> u64 {
        numbers.into_iter().fold(self.0, |state, number| {
            let mixed = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }
}

/// Both versions beside each other.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    pub canary: Sample,
    pub control: Sample,
}

/// As many of each.
#[derive(Clone, Debug, Default)]
pub struct Equal {
    pub canary: Vec<Item>,
    pub control: Vec<Item>,
}

impl Equal {
    pub fn of(mut canary: Vec<Item>, mut control: Vec<Item>) -> Self {
        let size = canary.len().min(control.len());
        canary.truncate(size);
        control.truncate(size);
        Self { canary, control }
    }

    pub fn absorb(&mut self, other: &Self) {
        self.canary.extend_from_slice(&other.canary);
        self.control.extend_from_slice(&other.control);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_is_kept_is_bounded_and_even() {
        let lots = Lots::new(Seed(1));
        let mut sample = Sample::default();
        let whole = 4 * KEPT as u64;
        for at_us in 0..whole {
            sample.add(Item { priority: lots.draw([at_us, 0, 0]), at_us, bad: at_us % 10 == 0, latency_us: 1 });
        }
        let kept = sample.before(u64::MAX);
        assert_eq!(kept.len(), KEPT);
        // Five standard deviations of a fair choice of a tenth, and of the first half.
        let near = |count: usize, share: f64| {
            let size = KEPT as f64;
            (count as f64 - size * share).abs() < 5.0 * (size * share * (1.0 - share)).sqrt()
        };
        assert!(near(kept.iter().filter(|item| item.bad).count(), 0.1));
        assert!(near(sample.before(whole / 2).len(), 0.5));
        let equal = Equal::of(kept, sample.before(whole / 2));
        assert_eq!(equal.canary.len(), equal.control.len());
    }
}
