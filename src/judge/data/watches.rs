//! Faults that users do not feel are seen in the data, or not at all: what was written across each of them, and
//! whether it arrived while the fault lasted.

use super::lags::{SAMPLES, Sighting};
use super::ledger::Ledger;
use super::sketch::Sketch;
use super::versions::{Class, Version};
use crate::region::Region;
use crate::scenario::{Fault, Plan, Poisoned, TimedFault};
use crate::store::Store;

/// Where less than this share of what was written across a fault arrived before its heal, replication stood still.
const STILL: f64 = 0.1;
/// Where more than this share did, nothing held it up.
const PASSED: f64 = 0.9;
/// A slowed direction must be at least so many times as slow as before.
const SLOWER: f64 = 1.5;

/// A fault of the plan that users do not feel, while the history goes by.
pub struct Watch {
    planned: TimedFault,
    injected: Option<u64>,
    healed: Option<u64>,
    /// Ways that writes made during the fault had to go, those gone before its heal, and those still open then.
    made: u64,
    passed: u64,
    held: u64,
    before: Sketch,
    during: Sketch,
    /// Versions of the secret that became current during the fault, with the Regions they have not reached.
    versions: Vec<(String, usize)>,
    /// Bad data reached another Region, or was served.
    poisoned: bool,
}

pub struct Watches {
    regions: Vec<Region>,
    list: Vec<Watch>,
}

impl Watches {
    pub fn new(plan: &Plan) -> Self {
        let unfelt = plan.timeline.iter().filter(|planned| !planned.fault.is_felt());
        let watch = |planned: &TimedFault| Watch {
            planned: planned.clone(),
            injected: None,
            healed: None,
            made: 0,
            passed: 0,
            held: 0,
            before: Sketch::default(),
            during: Sketch::default(),
            versions: Vec::new(),
            poisoned: false,
        };
        Self { regions: plan.target.regions.clone(), list: unfelt.map(watch).collect() }
    }

    pub fn injected(&mut self, id: &str, at: u64) {
        if let Some(watch) = self.list.iter_mut().find(|watch| watch.planned.id == id) {
            watch.injected.get_or_insert(at);
        }
    }

    pub fn healed(&mut self, id: &str, at: u64, ledgers: &[(Store, &Ledger)]) {
        let Some(watch) = self.list.iter_mut().find(|watch| watch.planned.id == id) else { return };
        if watch.healed.is_some() {
            return;
        }
        watch.healed = Some(at);
        watch.held += watch.versions.len() as u64;
        for (store, ledger) in ledgers {
            for version in ledger.held().filter(|version| version.class == Class::Open) {
                if watch.injected.is_some_and(|injected| version.acked >= injected) {
                    watch.held += ways(&self.regions, &watch.planned.fault, *store, version, version.waiting);
                }
            }
        }
    }

    pub fn written(&mut self, store: Store, version: &Version) {
        for watch in self.list.iter_mut().filter(|watch| watch.injected.is_some() && watch.healed.is_none()) {
            watch.made += ways(&self.regions, &watch.planned.fault, store, version, version.waiting);
        }
    }

    pub fn arrived(&mut self, store: Store, version: &Version, slot: usize, sighting: &Sighting) {
        for watch in &mut self.list {
            let item = matches!(watch.planned.fault, Fault::Poison { what: Poisoned::Item { .. }, .. });
            let lasts = watch.injected.is_some() && watch.healed.is_none();
            watch.poisoned |= item && lasts && version.uncounted && store == Store::Table;
            if ways(&self.regions, &watch.planned.fault, store, version, 1 << slot) == 0 {
                continue;
            }
            match (watch.injected, watch.healed) {
                (Some(injected), healed) if version.acked >= injected => {
                    if healed.is_none_or(|healed| version.acked <= healed) {
                        watch.during.add(sighting.likely());
                    }
                    watch.passed += u64::from(healed.is_none());
                }
                (None, _) => watch.before.add(sighting.likely()),
                _ => {}
            }
        }
    }

    /// A Region serves another version of the secret; the first Region is its primary.
    pub fn served(&mut self, slot: usize, version: &str) {
        for watch in self.list.iter_mut().filter(|watch| watch.injected.is_some() && watch.healed.is_none()) {
            let fault = &watch.planned.fault;
            watch.poisoned |= matches!(fault, Fault::Poison { what: Poisoned::Secret, .. });
            if slot > 0 {
                let open = watch.versions.len();
                watch.versions.retain(|(waiting, to)| (waiting.as_str(), *to) != (version, slot));
                watch.passed += (open - watch.versions.len()) as u64;
                continue;
            }
            for to in 1..self.regions.len() {
                if covers(fault, Store::Secret, self.regions[0], self.regions[to]) {
                    watch.made += 1;
                    watch.versions.push((version.to_owned(), to));
                }
            }
        }
    }

    /// The faults that were injected and left no trace in the data, each with what was looked for.
    pub fn unseen(&self, beaten: u64) -> Vec<String> {
        let injected = self.list.iter().filter(|watch| watch.injected.is_some());
        injected.filter_map(|watch| watch.unseen(beaten)).collect()
    }

    /// Why a direction of a store cannot show a lag: what should have been held up was not.
    pub fn without_lag(&self, store: Store, from: usize, to: usize) -> Option<String> {
        let stopped = |watch: &&Watch| {
            let stops = matches!(watch.planned.fault, Fault::Partition { .. } | Fault::ReplicationPause { .. });
            let (from, to) = (self.regions[from], self.regions[to]);
            stops && watch.healed.is_some() && covers(&watch.planned.fault, store, from, to)
        };
        let through = |watch: &Watch| {
            let all = watch.made >= SAMPLES && watch.passed as f64 >= watch.made as f64 * PASSED;
            all.then(|| {
                let (passed, made, id) = (watch.passed, watch.made, &watch.planned.id);
                format!(
                    "{passed} of {made} writes made during {id} arrived before it was healed: replication does not go \
                     that way, or is redirected"
                )
            })
        };
        self.list.iter().filter(stopped).find_map(through)
    }
}

impl Watch {
    fn unseen(&self, beaten: u64) -> Option<String> {
        let id = &self.planned.id;
        match &self.planned.fault {
            Fault::Partition { .. } | Fault::ReplicationPause { .. } => {
                let still = self.passed as f64 <= self.made as f64 * STILL && self.held > 0;
                let (made, passed) = (self.made, self.passed);
                (!still).then(|| match made {
                    0 => format!("nobody saw {id} take effect: nothing was written that had to go across it"),
                    _ => format!("nobody saw {id} take effect: {passed} of {made} writes made during it arrived"),
                })
            }
            Fault::ReplicationSlow { .. } => {
                let medians = self.before.quantile(0.5).zip(self.during.quantile(0.5));
                let slower = medians.is_some_and(|(before, during)| during as f64 >= before as f64 * SLOWER);
                (!slower).then(|| format!("nobody saw {id} take effect: lags were what they had been before"))
            }
            Fault::ClockSkew { .. } => (beaten == 0)
                .then(|| format!("nobody saw {id} take effect: no earlier write took the place of a later one")),
            Fault::Poison { .. } => {
                (!self.poisoned).then(|| format!("nobody saw {id} take effect: no bad data reached another Region"))
            }
            // Users feel the first three; the last one leaves a trace only where it did harm.
            Fault::RegionOutage { .. }
            | Fault::ServiceOutage { .. }
            | Fault::DnsOutage { .. }
            | Fault::Degraded(_)
            | Fault::BrokenReplicator { .. } => None,
        }
    }
}

/// How many of these Regions a version has to reach across a fault.
fn ways(regions: &[Region], fault: &Fault, store: Store, version: &Version, slots: u32) -> u64 {
    let Some(from) = regions.get(usize::from(version.region)) else { return 0 };
    // That nothing is there says nothing of how it came.
    if version.delete {
        return 0;
    }
    let to = regions.iter().enumerate().filter(|(slot, _)| slots & (1 << slot) != 0);
    to.filter(|(_, to)| covers(fault, store, *from, **to)).count() as u64
}

fn covers(fault: &Fault, store: Store, from: Region, to: Region) -> bool {
    match fault {
        Fault::Partition { between: (one, other) } => (from, to) == (*one, *other) || (to, from) == (*one, *other),
        Fault::ReplicationPause { of, from: of_from, to: of_to }
        | Fault::ReplicationSlow { of, from: of_from, to: of_to, .. } => {
            *of == store && of_from.is_none_or(|region| region == from) && of_to.is_none_or(|region| region == to)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a pause of the secret's replication is said to have been, by whether the replica
    /// served the new version before the heal.
    fn paused(replica_serves_in_time: bool) -> Vec<String> {
        let mut plan = Plan::stores();
        let fault = Fault::ReplicationPause { of: Store::Secret, from: None, to: None };
        let (at, lasts) = (Duration::ZERO, Duration::from_secs(60));
        plan.timeline = vec![TimedFault { id: "pause".into(), at, lasts, fault }];
        let mut watches = Watches::new(&plan);
        watches.injected("pause", 10);
        watches.served(0, "new");
        if replica_serves_in_time {
            watches.served(1, "new");
        }
        watches.healed("pause", 20, &[]);
        watches.served(1, "new");
        watches.unseen(0)
    }

    #[test]
    fn a_pause_of_the_secret_is_seen_where_a_version_waits_for_its_heal() {
        assert_eq!(paused(false), Vec::<String>::new());
        let seen = paused(true);
        assert_eq!(seen, ["nobody saw pause take effect: 1 of 1 writes made during it arrived"]);
    }
}
