//! Whether what was written through a version is read in the other Regions.

use std::collections::{BTreeMap, VecDeque};

use crate::region::Region;

/// Acknowledged writes that are waited for.
#[derive(Clone, Debug)]
pub struct Sync {
    regions: Vec<Region>,
    within_us: u64,
    pending: BTreeMap<u64, Pending>,
    due: VecDeque<(u64, u64)>,
}

#[derive(Clone, Debug)]
struct Pending {
    region: usize,
    canary: bool,
    due_us: u64,
    waits_for: Vec<Region>,
}

/// A write whose time is up, or that is everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    pub write: u64,
    pub region: usize,
    pub canary: bool,
    /// When its time is up: until then a sample that holds it would hold the fast ones only.
    pub due_us: u64,
    pub missing: bool,
}

impl Sync {
    pub fn new(regions: Vec<Region>, within_us: u64) -> Self {
        Self { regions, within_us, pending: BTreeMap::new(), due: VecDeque::new() }
    }

    pub fn wrote(&mut self, write: u64, at: Region, region: usize, canary: bool, acked_us: u64) {
        let due_us = acked_us + self.within_us;
        let waits_for = self.regions.iter().copied().filter(|other| *other != at).collect();
        self.pending.insert(write, Pending { region, canary, due_us, waits_for });
        self.due.push_back((due_us, write));
    }

    /// It was seen in a Region, or what replaced it.
    pub fn arrived(&mut self, write: u64, region: Region) -> Option<Settled> {
        let pending = self.pending.get_mut(&write)?;
        pending.waits_for.retain(|other| *other != region);
        if !pending.waits_for.is_empty() {
            return None;
        }
        self.pending.remove(&write).map(|pending| settled(write, &pending, false))
    }

    /// Those whose time is up.
    pub fn overdue(&mut self, now_us: u64) -> Vec<Settled> {
        let mut missing = Vec::new();
        while let Some((_, write)) = self.due.pop_front_if(|(due_us, _)| *due_us < now_us) {
            missing.extend(self.pending.remove(&write).map(|pending| settled(write, &pending, true)));
        }
        missing
    }

    /// Forgets all that is waited for: another step begins.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.due.clear();
    }
}

fn settled(write: u64, pending: &Pending, missing: bool) -> Settled {
    Settled { write, region: pending.region, canary: pending.canary, due_us: pending.due_us, missing }
}
