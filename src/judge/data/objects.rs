//! What a bucket says of an object's replication, against what can be read.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::settle::{found, is_absent};

/// How many examples are told.
const EXAMPLES: usize = 10;
const COMPLETED: &str = "COMPLETED";
/// A follower of objects looks every 30 s at least.
const TWO_LOOKS_US: u64 = 65_000_000;

/// What sources said, while the history goes by.
#[derive(Clone, Debug, Default)]
pub struct Statuses {
    /// Writes that are said to be replicated and were not seen everywhere, and since when.
    completed: BTreeMap<u64, u64>,
    /// How often COMPLETED was said.
    pub said: u64,
    pub failed: u64,
    pub unreadable: u64,
    pub examples: Vec<String>,
    /// A look failed: that nothing was seen proves nothing.
    pub blind: bool,
}

impl Statuses {
    /// A Region gives this status for a write; only the one where it was made speaks of its replication.
    pub fn status(&mut self, at: u64, write: u64, slot: usize, status: &str, ledger: &Ledger) {
        let Some((_, version)) = ledger.version(write).filter(|(_, version)| usize::from(version.region) == slot)
        else {
            return;
        };
        match status {
            COMPLETED => {
                self.said += 1;
                if version.waiting != 0 {
                    self.completed.insert(write, at);
                }
            }
            "FAILED" => {
                self.failed += 1;
                self.example(format!("write {write} FAILED in {}", ledger.regions[slot]));
            }
            _ => {}
        }
    }

    /// A write is about to be entered as arrived; the look at `missed` did not see it yet.
    pub fn arrived(&mut self, write: u64, slot: usize, missed: Option<u64>, ledger: &Ledger) {
        let waits = |waiting: u32| waiting & (1 << slot) != 0;
        let Some((_, version)) = ledger.version(write).filter(|(_, version)| waits(version.waiting)) else { return };
        let said = self.completed.get(&write).copied();
        if said.zip(missed).is_some_and(|(said, missed)| said <= missed) {
            self.unreadable += 1;
            self.example(format!(
                "write {write} was COMPLETED in {} and could not be read in {} afterwards",
                place(ledger, version.region),
                ledger.regions[slot]
            ));
        }
        if version.waiting == 1 << slot {
            self.completed.remove(&write);
        }
    }

    /// Another write is in its place. Where it was COMPLETED for longer than two looks take, one of them missed it.
    pub fn superseded(&mut self, at: u64, write: u64) {
        let Some(said) = self.completed.remove(&write) else { return };
        if at.saturating_sub(said) > TWO_LOOKS_US && !self.blind {
            self.unreadable += 1;
            let long = (at - said) / 1_000_000;
            self.example(format!("write {write} was COMPLETED for {long} s, never seen, and then replaced"));
        }
    }

    /// With what the final scans found.
    pub fn settled(&self, ledger: &Ledger) -> Self {
        let mut settled = self.clone();
        for (name, key) in &ledger.keys {
            for source in 0..ledger.regions.len() {
                let scanned = found(ledger, key, source);
                let says = scanned.is_some_and(|found| found.status.as_deref() == Some(COMPLETED));
                let write = scanned.and_then(|found| found.write);
                let version = write.and_then(|write| key.versions.get(write));
                let said = version.is_some_and(|version| {
                    usize::from(version.region) == source && self.completed.contains_key(&version.write)
                });
                settled.said += u64::from(says && !said);
                if !says && !said {
                    continue;
                }
                for slot in (0..ledger.regions.len()).filter(|slot| *slot != source) {
                    let missing = match version {
                        Some(version) => is_absent(ledger, key, version, slot),
                        None => ledger.scans.complete(slot).is_some() && found(ledger, key, slot).is_none(),
                    };
                    if missing {
                        settled.unreadable += 1;
                        let which = write.map_or(String::new(), |write| format!(" (write {write})"));
                        let (source, slot) = (ledger.regions[source], ledger.regions[slot]);
                        settled.example(format!("{name}{which} is COMPLETED in {source} and not in {slot}"));
                    }
                }
            }
        }
        settled
    }

    fn example(&mut self, example: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(example);
        }
    }
}

fn place(ledger: &Ledger, region: u8) -> &'static str {
    ledger.regions.get(usize::from(region)).map_or("its Region", |region| region.as_str())
}
