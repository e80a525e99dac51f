//! What is seen of one step: requests that were planned since it bakes, by Region, population, operation and version.

use std::collections::BTreeMap;

use super::alarm::Watch;
use super::levels::HOLDS;
use super::sample::{Item, Pair, Sample};

/// Whom a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    Canary,
    Control,
    /// No version answered, and either could have been asked.
    Nobody,
}

/// Requests that are alike but for the version that answers: population and operation, by their numbers.
pub type Stratum = (usize, usize);

/// One request to a Region of the canary.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The Region's number among those of the canary.
    pub region: usize,
    pub stratum: Stratum,
    pub arm: Arm,
    /// It failed, and no version answered.
    pub lost: bool,
    pub item: Item,
}

#[derive(Clone, Debug)]
pub struct Window {
    pub step: u32,
    /// In percent.
    pub share: f64,
    pub begun_us: u64,
    pub regions: Vec<InRegion>,
    pub alarm: Option<String>,
    /// When the first request failed that may have been the canary's.
    pub failed_us: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub struct InRegion {
    pub strata: BTreeMap<Stratum, Pair>,
    /// Every request; bad are those that failed without a version that answered.
    pub all: Sample,
    /// Acknowledged writes; bad are those that did not arrive in time.
    pub writes: Pair,
    pub watch: Watch,
    pub canary: u64,
    pub control: u64,
    pub lost: u64,
}

impl Window {
    pub fn new(step: u32, share: f64, begun_us: u64, regions: usize) -> Self {
        let regions = vec![InRegion::default(); regions];
        Self { step, share, begun_us, regions, alarm: None, failed_us: None }
    }

    /// Whether the old version runs beside the canary.
    pub fn is_concurrent(&self) -> bool {
        self.share < 100.0
    }

    pub fn enter(&mut self, asked: &Asked, ended_us: u64) {
        let seen = &mut self.regions[asked.region];
        let pair = seen.strata.entry(asked.stratum).or_default();
        match asked.arm {
            Arm::Canary => {
                seen.canary += 1;
                pair.canary.add(asked.item);
            }
            Arm::Control => {
                seen.control += 1;
                pair.control.add(asked.item);
            }
            Arm::Nobody => {}
        }
        seen.lost += u64::from(asked.lost);
        seen.all.add(Item { bad: asked.lost, ..asked.item });
        if asked.lost || (asked.arm == Arm::Canary && asked.item.bad) {
            self.failed_us = Some(self.failed_us.map_or(ended_us, |known| known.min(ended_us)));
        }
    }

    /// The look that is due: its number, and until when requests count for it. Between two looks the data stand still, so that
    /// asking more often finds no more. `None` while the step bakes.
    pub fn look(&self, now_us: u64, bake_us: u64, hold_us: u64) -> Option<(u32, u64)> {
        let over = now_us.saturating_sub(self.begun_us).checked_sub(bake_us)?;
        let pause = hold_us / u64::from(HOLDS);
        let number = over.checked_div(pause).map_or(0, |looks| looks.min(HOLDS.into()));
        Some((number as u32, self.begun_us + bake_us + number * pause))
    }

    /// When the last request of a version was planned.
    pub fn last_us(&self, region: usize, arm: Arm) -> Option<u64> {
        let pairs = self.regions[region].strata.values();
        let last = |pair: &Pair| if arm == Arm::Canary { pair.canary.last_us() } else { pair.control.last_us() };
        pairs.filter_map(last).max()
    }
}
