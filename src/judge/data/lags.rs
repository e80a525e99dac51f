//! How long writes took to arrive, by direction and, of objects, by size.

use super::sketch::Sketch;
use crate::judge::verdict::Lag;
use crate::region::Region;

/// An object's size class: the bound below which it belongs to it, and its name.
const SIZES: [(u64, &str); 3] = [(128 << 10, "<128KB"), (16 << 20, "<16MB"), (u64::MAX, "16MB+")];

/// Light in fibre goes about 200 km in a millisecond, and no cable is shorter than the great circle.
const FIBRE_KM_PER_S: f64 = 200_000.0;

/// Fewer samples than this say nothing about how a direction replicates.
pub const SAMPLES: u64 = 20;

/// The size class of an object.
pub fn size_class(bytes: u64) -> u8 {
    SIZES.iter().position(|(below, _)| bytes < *below).unwrap_or(SIZES.len() - 1) as u8
}

/// An arrival, in microseconds since the run began: between the two looks.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub acked: u64,
    pub missed: Option<u64>,
    pub seen: u64,
}

impl Sighting {
    /// The lag as it is most likely: from the acknowledgement to the middle between the two looks.
    pub fn likely(&self) -> u64 {
        let missed = self.missed.unwrap_or(0).max(self.acked);
        (missed + self.seen.saturating_sub(missed) / 2).saturating_sub(self.acked)
    }

    /// The lag as it is at most.
    pub fn at_most(&self) -> u64 {
        self.seen.saturating_sub(self.acked)
    }
}

/// What was measured in one direction.
#[derive(Clone, Debug, Default)]
pub struct Direction {
    pub likely: Sketch,
    pub at_most: Sketch,
    /// Arrivals that the look before had missed: those show that there is a lag.
    pub missed_first: u64,
    /// For how long a Region lacked a write or what replaced it.
    pub staleness: Sketch,
}

impl Direction {
    pub fn add(&mut self, sighting: &Sighting) {
        self.likely.add(sighting.likely());
        self.at_most.add(sighting.at_most());
        self.staleness.add(sighting.at_most());
        self.missed_first += u64::from(sighting.missed.is_some());
    }
}

/// Every direction between the Regions of the plan.
#[derive(Debug)]
pub struct Directions {
    regions: Vec<Region>,
    /// By where from, where to and size class.
    seen: Vec<Direction>,
}

impl Directions {
    pub fn new(regions: &[Region]) -> Self {
        let seen = vec![Direction::default(); regions.len() * regions.len() * SIZES.len()];
        Self { regions: regions.to_vec(), seen }
    }

    pub fn of(&mut self, from: u8, to: usize, size: u8) -> Option<&mut Direction> {
        let from = usize::from(from);
        if from >= self.regions.len() {
            return None;
        }
        self.seen.get_mut((from * self.regions.len() + to) * SIZES.len() + usize::from(size))
    }

    /// Where from, where to, the name of the size class, what was measured; without the Regions' way to themselves.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize, usize, &Direction)> {
        let (sizes, regions) = (SIZES.len(), self.regions.len());
        let place = move |at: usize| (at / sizes / regions, at / sizes % regions, at % sizes);
        let each = self.seen.iter().enumerate().map(move |(at, seen)| (place(at), seen));
        each.filter(|((from, to, _), _)| from != to).map(|((from, to, size), seen)| (from, to, size, seen))
    }

    /// As the verdict shows them: directions in which anything was sent. `missing` counts what never arrived.
    pub fn shown(&self, classes: bool, missing: impl Fn(usize, usize, usize) -> u64) -> Vec<Lag> {
        let mut lags = Vec::new();
        for (from, to, size, seen) in self.iter() {
            let missing = missing(from, to, size);
            if missing == 0 && seen.staleness.count() == 0 {
                continue;
            }
            let ms = |us: Option<u64>| us.map(|us| us.div_ceil(1_000));
            lags.push(Lag {
                from: self.regions[from],
                to: self.regions[to],
                class: classes.then(|| SIZES[size].1.to_owned()),
                samples: seen.likely.count(),
                missing,
                p50_ms: ms(seen.likely.quantile(0.5)),
                p90_ms: ms(seen.likely.quantile(0.9)),
                p99_ms: ms(seen.likely.quantile(0.99)),
                worst_ms: ms(seen.at_most.max()),
                staleness_ms: ms(seen.staleness.max()),
            });
        }
        lags
    }

    /// Why a direction cannot show a lag: whatever was written was there at the first look, sooner than light could
    /// have brought it.
    pub fn without_lag(&self, from: usize, to: usize, seen: &Direction) -> Option<String> {
        let km = self.regions[from].at().distance_km(self.regions[to].at());
        let way_us = (km / FIBRE_KM_PER_S * 1e6) as u64;
        let median = seen.at_most.quantile(0.5)?;
        let instant = seen.likely.count() >= SAMPLES && seen.missed_first == 0 && median < way_us;
        instant.then(|| {
            format!(
                "all {} writes were in {} at the first look, half of them within {:.1} ms, and light in fibre needs \
                 {:.1} ms from {}: replication is synchronous or redirected, so there is no lag to judge",
                seen.likely.count(),
                self.regions[to],
                median as f64 / 1e3,
                way_us as f64 / 1e3,
                self.regions[from],
            )
        })
    }
}
