//! The write ledger of one store: every acknowledged write, followed to every Region until its class is final.
//!
//! A write is held while it is on its way, and as long as nothing definitely later was acknowledged for its key; then
//! only its count stays. What looks could not settle, the final scans do (`settle.rs`).

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};

use super::lags::{Directions, Sighting, size_class};
use super::scans::{Found, Scans};
use super::versions::{Class, NOWHERE, Version, Versions};
use crate::judge::verdict::WriteSeen;
use crate::region::Region;

/// How many examples of a kind are kept.
pub const EXAMPLES: usize = 100;

/// A call that writes, when it ended.
pub struct Call<'a> {
    pub write: u64,
    pub key: &'a str,
    pub by: &'a str,
    pub slot: Option<usize>,
    pub started: u64,
    pub ended: u64,
    pub bytes: u64,
    pub delete: bool,
}

/// Counts of what is final.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub acked: u64,
    pub stable: u64,
    pub late: u64,
    pub overwritten: u64,
    /// Of the overwritten: nobody had seen them everywhere when their time was up.
    pub overwritten_late: u64,
    pub unknown: u64,
    pub happened: u64,
}

#[derive(Debug, Default)]
pub struct Key {
    pub versions: Versions,
    /// What the final scans found, by Region.
    pub found: Vec<Option<Found>>,
}

/// What only a lost Region had when it was lost.
#[derive(Clone, Debug)]
pub struct Stranding {
    pub slot: usize,
    pub at: u64,
    pub writes: u64,
    pub oldest: u64,
    pub arrived: u64,
    pub overwritten: u64,
    pub last_arrived: Option<u64>,
    pub first: BTreeMap<u64, WriteSeen>,
}

/// How long the Regions took to have everything that was acknowledged by `since`.
#[derive(Clone, Copy, Debug)]
pub struct Catching {
    pub since: u64,
    /// When the last write that was open then was everywhere or replaced.
    pub until: u64,
}

pub struct Ledger {
    pub regions: Vec<Region>,
    pub stable_within: u64,
    /// How far planned clocks are apart: what is closer together may be ordered either way.
    pub tolerance: u64,
    pub keys: IndexMap<Box<str>, Key>,
    pub counts: Counts,
    pub lags: Directions,
    pub scans: Scans,
    pub stranding: Option<Stranding>,
    pub catching: Option<Catching>,
    /// Users' writes, without deletes; those of them that were replaced before they were everywhere; and those that
    /// were everywhere within each of these bounds.
    pub puts: u64,
    pub puts_replaced: u64,
    pub within: Vec<(u64, u64)>,
    /// Times at which a definitely earlier write was seen to have taken a later one's place.
    pub beaten: u64,
    /// Which key a held write is of.
    held: BTreeMap<u64, u32>,
    /// Writes that were never acknowledged, and whether they were found to have happened.
    unknown: BTreeMap<u64, bool>,
    by: IndexSet<Box<str>>,
}

impl Ledger {
    pub fn new(regions: &[Region], stable_within: u64, tolerance: u64, bounds: Vec<u64>) -> Self {
        Self {
            regions: regions.to_vec(),
            stable_within,
            tolerance,
            keys: IndexMap::new(),
            counts: Counts::default(),
            lags: Directions::new(regions),
            scans: Scans::new(regions.len()),
            stranding: None,
            catching: None,
            within: bounds.into_iter().map(|bound| (bound, 0)).collect(),
            puts: 0,
            puts_replaced: 0,
            beaten: 0,
            held: BTreeMap::new(),
            unknown: BTreeMap::new(),
            by: IndexSet::new(),
        }
    }

    /// A write was acknowledged.
    pub fn acknowledged(&mut self, call: &Call<'_>) {
        let index = self.key(call.key);
        let all = (1_u32 << self.regions.len()) - 1;
        let version = Version {
            write: call.write,
            started: call.started,
            acked: call.ended,
            arrived: 0,
            replaced_by: 0,
            waiting: call.slot.map_or(all, |slot| all & !(1 << slot)),
            gone: 0,
            by: self.name(call.by),
            region: call.slot.map_or(NOWHERE, |slot| slot as u8),
            size: size_class(call.bytes),
            class: Class::Open,
            delete: call.delete,
            uncounted: call.by == "fault",
            stranded: false,
        };
        self.counts.acked += u64::from(!version.uncounted);
        self.puts += u64::from(!version.uncounted && !version.delete);
        let alone = version.waiting == 0;
        self.held.insert(call.write, index);
        let versions = &mut self.keys[index as usize].versions;
        versions.insert(version);
        if call.delete && versions.any_gone {
            self.explained(index, call.write, call.ended);
        }
        if alone {
            self.close(index, call.write, call.ended);
        }
        self.prune(index);
    }

    /// A call got no answer: it may have written.
    pub fn unknown(&mut self, call: &Call<'_>) {
        self.counts.unknown += u64::from(call.by != "fault");
        self.unknown.insert(call.write, false);
        let index = self.key(call.key);
        if call.delete {
            self.keys[index as usize].versions.unknown_delete = call.write;
            self.explained(index, call.write, call.ended);
        }
    }

    /// A write was seen in another Region; whether that is news.
    pub fn arrived(&mut self, at: u64, write: u64, slot: usize, missed: Option<u64>) -> bool {
        if self.is_unknown(write) {
            self.happened(write);
            return false;
        }
        let Some(index) = self.held.get(&write).copied() else { return false };
        let versions = &mut self.keys[index as usize].versions;
        let Some(version) = versions.get_mut(write).filter(|version| version.waiting & (1 << slot) != 0) else {
            return false;
        };
        version.arrived = version.arrived.max(at);
        let sighting = Sighting { acked: version.acked, missed, seen: at };
        // Where nothing was before the delete either, its coming shows no lag.
        let shows = !version.delete || missed.is_some();
        if let Some(direction) = self.lags.of(version.region, slot, version.size).filter(|_| shows) {
            direction.add(&sighting);
        }
        let (home, acked) = (usize::from(version.region), version.acked);
        let beaten = missed.map_or(Vec::new(), |missed| versions.beaten_by(write, slot, missed));
        let swept = versions.swept_by(write, slot);
        self.settled(index, write, slot, at);
        for earlier in swept {
            self.replaced(index, earlier, slot, write, at);
        }
        for loser in beaten {
            self.replaced(index, loser, home, write, acked);
        }
        self.prune(index);
        true
    }

    /// In a write's place another was seen, or nothing.
    pub fn superseded(&mut self, at: u64, write: u64, slot: usize, by: Option<u64>) {
        if let Some(by) = by.filter(|by| self.is_unknown(*by)) {
            self.happened(by);
        }
        let Some(index) = self.held.get(&write).copied() else { return };
        let before = by.is_some_and(|by| !self.is_unknown(by));
        let versions = &mut self.keys[index as usize].versions;
        let Some(version) = versions.get(write).filter(|version| version.waiting & (1 << slot) != 0) else { return };
        match by {
            // What was over before this write began cannot rightly take its place: the final scan will tell.
            Some(by) if before && versions.is_before(by, version) => self.beaten += 1,
            Some(by) => self.replaced(index, write, slot, by, at),
            None => match versions.delete_over(version) {
                // The delete may still be on its way back to whoever sent it.
                None => {
                    versions.any_gone = true;
                    if let Some(version) = versions.get_mut(write) {
                        version.gone |= 1 << slot;
                    }
                }
                Some(delete) => self.replaced(index, write, slot, delete, at),
            },
        }
        self.prune(index);
    }

    /// The final scan of a Region found this key.
    pub fn found(&mut self, key: &str, slot: usize, found: Found) {
        if let Some(write) = found.write.filter(|write| self.is_unknown(*write)) {
            self.happened(write);
        }
        let index = self.key(key);
        let slots = self.regions.len();
        let known = &mut self.keys[index as usize].found;
        known.resize_with(slots, || None);
        known[slot] = Some(found);
    }

    /// From now on it is measured how long the Regions take to have all that was acknowledged until now.
    pub fn catch_up_since(&mut self, at: u64) {
        self.catching = Some(Catching { since: at, until: at });
    }

    /// A Region is lost: what was acknowledged there, and seen nowhere else, is stranded.
    pub fn strand(&mut self, slot: usize, at: u64) {
        let mut stranding = Stranding {
            slot,
            at,
            writes: 0,
            oldest: at,
            arrived: 0,
            overwritten: 0,
            last_arrived: None,
            first: BTreeMap::new(),
        };
        let elsewhere = ((1_u32 << self.regions.len()) - 1) & !(1 << slot);
        for (write, index) in &self.held {
            let Some((key, held)) = self.keys.get_index_mut(*index as usize) else { continue };
            let Some(version) = held.versions.get_mut(*write) else { continue };
            version.stranded = usize::from(version.region) == slot
                && version.class == Class::Open
                && version.waiting == elsewhere
                && !version.uncounted;
            if !version.stranded {
                continue;
            }
            stranding.writes += 1;
            stranding.oldest = stranding.oldest.min(version.acked);
            if stranding.first.len() < EXAMPLES {
                stranding.first.insert(*write, told(&self.regions, &self.by, key, version));
            }
        }
        self.stranding = Some(stranding);
    }

    /// A held version of that number, with the key it is of.
    pub fn version(&self, write: u64) -> Option<(&Key, &Version)> {
        let index = self.held.get(&write)?;
        let key = &self.keys[*index as usize];
        Some((key, key.versions.get(write)?))
    }

    pub fn held(&self) -> impl Iterator<Item = &Version> {
        self.held.iter().filter_map(|(write, index)| self.keys[*index as usize].versions.get(*write))
    }

    pub fn index_of(&self, key: &str) -> Option<u32> {
        self.keys.get_index_of(key).map(|index| index as u32)
    }

    pub fn is_unknown(&self, write: u64) -> bool {
        self.unknown.contains_key(&write)
    }

    /// A version as the verdict tells of it.
    pub fn told(&self, key: &str, version: &Version) -> WriteSeen {
        told(&self.regions, &self.by, key, version)
    }

    fn key(&mut self, key: &str) -> u32 {
        let index = match self.keys.get_index_of(key) {
            Some(index) => index,
            None => self.keys.insert_full(key.into(), Key::default()).0,
        };
        index as u32
    }

    fn name(&mut self, by: &str) -> u16 {
        self.by.get_index_of(by).unwrap_or_else(|| self.by.insert_full(by.into()).0) as u16
    }

    fn happened(&mut self, write: u64) {
        if let Some(happened) = self.unknown.get_mut(&write).filter(|happened| !**happened) {
            *happened = true;
            self.counts.happened += 1;
        }
    }

    /// A delete explains why nothing was seen in the place of these versions.
    fn explained(&mut self, index: u32, delete: u64, at: u64) {
        let versions = &mut self.keys[index as usize].versions;
        versions.any_gone = false;
        let gone: Vec<(u64, u32)> =
            versions.iter().filter(|held| held.gone != 0).map(|held| (held.write, held.gone)).collect();
        for (write, slots) in gone {
            for slot in (0..self.regions.len()).filter(|slot| slots & (1 << slot) != 0) {
                self.replaced(index, write, slot, delete, at);
            }
        }
    }

    fn replaced(&mut self, index: u32, write: u64, slot: usize, by: u64, at: u64) {
        let Some(version) = self.keys[index as usize].versions.get_mut(write) else { return };
        if version.waiting & (1 << slot) == 0 {
            return;
        }
        version.replaced_by = by;
        if let Some(direction) = self.lags.of(version.region, slot, version.size) {
            direction.staleness.add(at.saturating_sub(version.acked));
        }
        self.settled(index, write, slot, at);
    }

    /// A Region need not be waited for any more.
    fn settled(&mut self, index: u32, write: u64, slot: usize, at: u64) {
        let Some(version) = self.keys[index as usize].versions.get_mut(write) else { return };
        version.waiting &= !(1 << slot);
        version.gone &= !(1 << slot);
        if version.waiting == 0 {
            self.close(index, write, at);
        }
    }

    /// A write is everywhere, or something is in its place.
    fn close(&mut self, index: u32, write: u64, at: u64) {
        let Some((key, held)) = self.keys.get_index_mut(index as usize) else { return };
        let Some(version) = held.versions.get_mut(write) else { return };
        let lag = version.lag();
        version.class = match version.replaced_by {
            0 if lag <= self.stable_within => Class::Stable,
            0 => Class::Late,
            _ => Class::Overwritten,
        };
        if let Some(catching) = self.catching.as_mut().filter(|catching| version.acked <= catching.since) {
            catching.until = catching.until.max(at.max(version.acked));
        }
        if version.uncounted {
            return;
        }
        let overdue = at.saturating_sub(version.acked) > self.stable_within;
        match version.class {
            Class::Stable => self.counts.stable += 1,
            Class::Late => self.counts.late += 1,
            _ => {
                self.counts.overwritten += 1;
                self.counts.overwritten_late += u64::from(overdue);
            }
        }
        if !version.delete {
            let arrived = version.class != Class::Overwritten;
            self.puts_replaced += u64::from(!arrived && !overdue);
            for (bound, count) in &mut self.within {
                *count += u64::from(arrived && lag <= *bound);
            }
        }
        let Some(stranding) = self.stranding.as_mut().filter(|_| version.stranded) else { return };
        if version.class == Class::Overwritten {
            stranding.overwritten += 1;
        } else {
            stranding.arrived += 1;
            stranding.last_arrived = stranding.last_arrived.max(Some(version.arrived));
        }
        if let Some(seen) = stranding.first.get_mut(&write) {
            *seen = told(&self.regions, &self.by, key, version);
        }
    }

    fn prune(&mut self, index: u32) {
        for write in self.keys[index as usize].versions.prune(self.tolerance) {
            self.held.remove(&write);
        }
    }
}

fn told(regions: &[Region], by: &IndexSet<Box<str>>, key: &str, version: &Version) -> WriteSeen {
    let arrived = matches!(version.class, Class::Stable | Class::Late);
    WriteSeen {
        write: version.write,
        key: key.to_owned(),
        by: by.get_index(version.by.into()).map(|by| by.to_string()).unwrap_or_default(),
        region: regions.get(usize::from(version.region)).copied(),
        acked_at_ms: version.acked / 1_000,
        class: version.class.as_str().to_owned(),
        lag_ms: arrived.then(|| version.lag().div_ceil(1_000)),
        overwritten_by: Some(version.replaced_by).filter(|by| *by != 0),
    }
}
