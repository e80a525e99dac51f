//! What became of the data. Pure functions over the records, in one pass and in bounded memory: what is final leaves
//! only its counts behind.
//!
//! ```text
//! writes, arrivals ─→ ledger.rs ─┬→ versions.rs: the writes of a key that still matter
//!                                ├→ lags.rs, sketch.rs: how long they took, by direction
//!                                └→ settle.rs: with scans.rs, the class of each write; Regions compared
//! reads ─→ reads.rs    statuses ─→ objects.rs    versions served ─→ secrets.rs    silent faults ─→ watches.rs
//! all of it ─→ claims.rs: the assertions on data
//! ```
//!
//! A write is *definitely* before another where it was acknowledged before the other was sent. Nothing else orders two
//! writes of different Regions, so nothing else is held against anybody.

mod claims;
mod lags;
mod ledger;
mod objects;
mod reads;
mod scans;
mod secrets;
mod settle;
pub(super) mod sketch;
mod versions;
mod watches;

use crate::history::{Event, FaultAction, PhaseName, Record, WriteOutcome};
use crate::judge::evidence::is_good;
use crate::judge::verdict::{Convergence, Lag, ObjectsSeen, PreflightSeen, ReadsSeen, Replication, Rpo, SecretsSeen};
use crate::region::Region;
use crate::scenario::{Check, Fault, OBJECTS_STABLE, Plan};
use crate::store::{Store, WriteKind};
pub use claims::finding;
use lags::{Directions, Sighting};
use ledger::{Call, Ledger};
use objects::Statuses;
use reads::{Look, Reads};
use scans::Found;
use secrets::Secrets;
use settle::{Settled, settle};
use watches::Watches;

/// Everything the history says about data, while it goes by.
pub struct Data {
    regions: Vec<Region>,
    tables: Ledger,
    objects: Ledger,
    statuses: Statuses,
    reads: Reads,
    secrets: Secrets,
    watches: Watches,
    preflight: Vec<PreflightSeen>,
    /// The first Region outage: where, and when users first felt it.
    outage: Option<Outage>,
    /// Nobody sends requests, so nobody can feel anything.
    unattended: bool,
    first_fault: Option<u64>,
    healed: bool,
    end: u64,
}

struct Outage {
    slot: usize,
    felt: Option<u64>,
}

/// What a history proves about data.
pub struct Results<'a> {
    data: &'a Data,
    tables: Settled,
    objects: Settled,
    statuses: Statuses,
}

impl Data {
    pub fn new(plan: &Plan) -> Self {
        // A set of Regions is a set of bits.
        let regions: Vec<Region> = plan.target.regions.iter().copied().take(31).collect();
        let us = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let skew = |fault: &Fault| match fault {
            Fault::ClockSkew { ahead_ms, .. } => ahead_ms.unsigned_abs() * 1_000,
            _ => 0,
        };
        let tolerance = plan.timeline.iter().map(|planned| skew(&planned.fault)).max().unwrap_or(0);
        let bounds = plan.assertions.iter().filter_map(|assertion| match &assertion.check {
            Check::ObjectsReplicated { within, .. } => Some(us(*within)),
            _ => None,
        });
        let stable_within = us(plan.data.stable_within);
        let objects_within = plan.data.objects.as_ref().map_or(us(OBJECTS_STABLE), |plan| us(plan.stable_within));
        Self {
            tables: Ledger::new(&regions, stable_within, tolerance, Vec::new()),
            objects: Ledger::new(&regions, objects_within, tolerance, bounds.collect()),
            statuses: Statuses::default(),
            reads: Reads::new(regions.len()),
            secrets: Secrets::new(&regions),
            watches: Watches::new(plan),
            regions,
            preflight: Vec::new(),
            outage: None,
            unattended: plan.traffic.is_empty(),
            first_fault: None,
            healed: false,
            end: 0,
        }
    }

    /// Takes in the next record.
    pub fn observe(&mut self, record: &Record) {
        let at = record.at_us;
        self.end = self.end.max(at);
        match &record.event {
            Event::Request { region, status, error, .. } => {
                let Some(outage) = self.outage.as_mut().filter(|outage| outage.felt.is_none()) else { return };
                if *region == Some(self.regions[outage.slot]) && !is_good(*status, error.as_deref()) {
                    outage.felt = Some(at);
                    self.tables.strand(outage.slot, at);
                }
            }
            Event::Write { .. } => self.write(at, &record.event),
            Event::Arrival { write, region, missed_us } => self.arrival(at, *write, *region, *missed_us),
            Event::Superseded { write, region, by } => {
                let Some(slot) = self.slot(*region) else { return };
                self.tables.superseded(at, *write, slot, *by);
                self.objects.superseded(at, *write, slot, *by);
                self.statuses.superseded(at, *write);
            }
            Event::Read { store: Store::Table, key, region, by, client, started_us, write } => {
                let slot = region.and_then(|region| self.slot(region));
                let (client, started, write) = (*client, *started_us, *write);
                let look = Look { key, slot, by, client, started, ended: at, write };
                self.reads.observe(&look, &self.tables);
            }
            Event::ObjectStatus { write, region, status } => {
                let Some(slot) = self.slot(*region) else { return };
                self.statuses.status(at, *write, slot, status, &self.objects);
            }
            Event::Scanned { store, region, key, write, digest, about, status } => {
                let (Some(slot), Some(ledger)) = (self.slot(*region), self.ledger(*store)) else { return };
                let text = |text: &Option<String>| text.as_deref().map(Box::from);
                let scan = ledger.scans.current(slot);
                let digest = digest.as_str().into();
                let found = Found { at, scan, write: *write, digest, about: text(about), status: text(status) };
                ledger.found(key, slot, found);
            }
            Event::ScanEnded { store, region, complete, began_us, .. } => {
                let (Some(slot), Some(ledger)) = (self.slot(*region), self.ledger(*store)) else { return };
                ledger.scans.ended(slot, at, *began_us, *complete);
            }
            Event::SecretServed { region, version, missed_us, .. } => {
                let Some(slot) = self.slot(*region) else { return };
                if self.secrets.served(at, slot, version, *missed_us) {
                    self.watches.served(slot, version);
                }
            }
            Event::Trouble { stage, .. } if stage == "object follower" => self.statuses.blind = true,
            Event::Backend { accepts } => self.secrets.accepts(at, accepts),
            Event::Operation { operation, kind, action, version, what } if kind == "rotate-secret" => {
                self.secrets.operation(at, operation, *action, version.as_ref(), what);
            }
            Event::Preflight { check, region, ok, what, .. } => {
                let (check, what) = (check.clone(), what.clone());
                self.preflight.push(PreflightSeen { check, region: *region, ok: *ok, what });
            }
            Event::Fault { fault, kind, action, region } => self.fault(at, fault, kind, *action, *region),
            Event::Phase { phase: PhaseName::Reconcile } if !self.healed => self.catch_up_since(at),
            _ => {}
        }
    }

    fn write(&mut self, at: u64, event: &Event) {
        let Event::Write { write, store, key, kind, by, region, started_us, outcome, bytes, .. } = event else {
            return;
        };
        let call = Call {
            write: *write,
            key,
            by,
            slot: region.and_then(|region| self.slot(region)),
            started: *started_us,
            ended: at,
            bytes: bytes.unwrap_or(0),
            delete: *kind == WriteKind::Delete,
        };
        let store = *store;
        let Some(ledger) = self.ledger(store) else { return };
        match outcome {
            WriteOutcome::Acknowledged => ledger.acknowledged(&call),
            WriteOutcome::Unknown => ledger.unknown(&call),
            WriteOutcome::Refused => return,
        }
        if call.delete
            && store == Store::Table
            && let Some(key) = self.tables.index_of(key)
        {
            self.reads.deleted(key, call.started);
        }
        let ledger = if store == Store::Table { &self.tables } else { &self.objects };
        if let Some((_, version)) = ledger.version(call.write) {
            self.watches.written(store, version);
        }
    }

    fn arrival(&mut self, at: u64, write: u64, region: Region, missed: Option<u64>) {
        let Some(slot) = self.slot(region) else { return };
        self.statuses.arrived(write, slot, missed, &self.objects);
        for (store, ledger) in [(Store::Table, &mut self.tables), (Store::Bucket, &mut self.objects)] {
            let version = ledger.version(write).map(|(_, version)| version.clone());
            if ledger.arrived(at, write, slot, missed)
                && let Some(version) = version
            {
                self.watches.arrived(store, &version, slot, &Sighting { acked: version.acked, missed, seen: at });
            }
        }
    }

    fn fault(&mut self, at: u64, id: &str, kind: &str, action: FaultAction, region: Option<Region>) {
        match action {
            FaultAction::Injected => {
                self.first_fault.get_or_insert(at);
                self.watches.injected(id, at);
                let slot = region.and_then(|region| self.slot(region));
                if let Some(slot) = slot.filter(|_| kind == "region-outage" && self.outage.is_none()) {
                    let felt = self.unattended.then_some(at);
                    self.outage = Some(Outage { slot, felt });
                    if self.unattended {
                        self.tables.strand(slot, at);
                    }
                }
            }
            FaultAction::Healed => {
                self.watches.healed(id, at, &[(Store::Table, &self.tables), (Store::Bucket, &self.objects)]);
                self.healed = true;
                self.catch_up_since(at);
            }
        }
    }

    fn catch_up_since(&mut self, at: u64) {
        self.tables.catch_up_since(at);
        self.objects.catch_up_since(at);
    }

    fn slot(&self, region: Region) -> Option<usize> {
        self.regions.iter().position(|known| *known == region)
    }

    fn ledger(&mut self, store: Store) -> Option<&mut Ledger> {
        match store {
            Store::Table => Some(&mut self.tables),
            Store::Bucket => Some(&mut self.objects),
            Store::Secret => None,
        }
    }

    /// What the history proves so far.
    pub fn results(&self) -> Results<'_> {
        let lost_at = self.outage.as_ref().and_then(|outage| outage.felt).or(self.first_fault);
        Results {
            data: self,
            tables: settle(&self.tables, lost_at),
            objects: settle(&self.objects, lost_at),
            statuses: self.statuses.settled(&self.objects),
        }
    }
}

impl Results<'_> {
    pub fn rpo(&self) -> Option<Rpo> {
        let rpo = &self.tables.rpo;
        (rpo.acked + rpo.unknown > 0).then(|| rpo.clone())
    }

    pub fn replication(&self) -> Replication {
        let lags = |directions: &Directions, settled: &Settled, classes| -> Vec<Lag> {
            directions.shown(classes, |from, to, size| settled.missing(from, to, size))
        };
        Replication {
            tables: lags(&self.data.tables.lags, &self.tables, false),
            objects: lags(&self.data.objects.lags, &self.objects, true),
            secrets: self.data.secrets.lags(),
        }
    }

    pub fn convergence(&self) -> Option<Convergence> {
        let (settled, caught) = (&self.tables, &self.tables.catching);
        let proven = caught.open == 0 && self.data.tables.scans.all_complete();
        let took = caught.since.filter(|_| proven).map(|since| caught.until.saturating_sub(since));
        (settled.rpo.acked > 0 || settled.compared > 0).then(|| Convergence {
            since_ms: caught.since.map(|at| at / 1_000),
            took_ms: took.map(|us| us.div_ceil(1_000)),
            open: caught.open,
            compared: settled.compared,
            divergent: settled.divergent,
            first: settled.divergences.clone(),
            misordered: settled.misordered,
            misorders: settled.misorders.clone(),
            zombies: settled.zombies,
        })
    }

    pub fn reads(&self) -> Vec<ReadsSeen> {
        self.data.reads.shown(&self.data.regions)
    }

    pub fn objects(&self) -> Option<ObjectsSeen> {
        let (settled, rpo) = (&self.objects, &self.objects.rpo);
        (rpo.acked > 0 || settled.compared > 0).then(|| ObjectsSeen {
            acked: rpo.acked,
            stable: rpo.stable,
            late: rpo.late,
            overwritten: rpo.overwritten,
            lost: rpo.lost,
            unproven: rpo.unproven,
            compared: settled.compared,
            divergent: settled.divergent,
            first: settled.divergences.clone(),
            completed_unreadable: self.statuses.unreadable,
            failed: self.statuses.failed,
            examples: self.statuses.examples.clone(),
        })
    }

    pub fn secrets(&self) -> Option<SecretsSeen> {
        self.data.secrets.shown(self.data.end)
    }

    pub fn preflight(&self) -> Vec<PreflightSeen> {
        self.data.preflight.clone()
    }

    /// Faults that users do not feel, and that left no trace in the data either.
    pub fn unseen_faults(&self) -> Vec<String> {
        let backwards: u64 = self.reads().iter().map(|seen| seen.backwards).sum();
        let beaten = self.tables.beaten + self.data.tables.beaten + backwards;
        self.data.watches.unseen(beaten)
    }
}

#[cfg(test)]
mod tests;
