//! Small stories of a few writes, each with one thing wrong beside its healthy twin, and what must be found.

mod convergence;
mod lags;
mod ledger;
mod objects;
mod reads;
mod secrets;

use std::time::Duration;

use crate::history::{Event, FaultAction, PhaseName, Record, WriteOutcome};
use crate::judge::day::{EU, US};
use crate::judge::{Outcome, Verdict, judge};
use crate::region::Region;
use crate::scenario::{Check, Fault, Plan, TimedFault};
use crate::store::{Store, WriteKind};

/// A history told in milliseconds, in any order.
struct Story {
    plan: Plan,
    store: Store,
    records: Vec<Record>,
}

impl Story {
    fn of(store: Store) -> Self {
        let mut plan = Plan::default();
        (plan.timeline, plan.traffic, plan.assertions) = (Vec::new(), Vec::new(), Vec::new());
        plan.data.stable_within = Duration::from_secs(10);
        Self { plan, store, records: Vec::new() }
    }

    fn tables() -> Self {
        Self::of(Store::Table)
    }

    fn tell(&mut self, at_ms: u64, event: Event) -> &mut Self {
        self.records.push(Record { at_us: at_ms * 1_000, event });
        self
    }

    fn call(
        &mut self,
        write: u64,
        key: &str,
        region: Region,
        (started_ms, ended_ms): (u64, u64),
        kind: WriteKind,
        outcome: WriteOutcome,
    ) -> &mut Self {
        let event = Event::Write {
            write,
            store: self.store,
            key: key.to_owned(),
            kind,
            by: "users".to_owned(),
            region: Some(region),
            started_us: started_ms * 1_000,
            outcome,
            bytes: None,
            version: None,
            what: None,
            release: None,
        };
        self.tell(ended_ms, event)
    }

    /// Sent and acknowledged.
    fn put(&mut self, write: u64, key: &str, region: Region, at: (u64, u64)) -> &mut Self {
        self.call(write, key, region, at, WriteKind::Put, WriteOutcome::Acknowledged)
    }

    fn delete(&mut self, write: u64, key: &str, region: Region, at: (u64, u64)) -> &mut Self {
        self.call(write, key, region, at, WriteKind::Delete, WriteOutcome::Acknowledged)
    }

    /// Sent, and nobody answered.
    fn unknown(&mut self, write: u64, key: &str, region: Region, at: (u64, u64)) -> &mut Self {
        self.call(write, key, region, at, WriteKind::Put, WriteOutcome::Unknown)
    }

    /// The last call was no user's but a fault's.
    fn by_fault(&mut self) -> &mut Self {
        if let Some(Event::Write { by, .. }) = self.records.last_mut().map(|record| &mut record.event) {
            *by = "fault".to_owned();
        }
        self
    }

    /// Missed at one look and seen at the next.
    fn arrival(&mut self, write: u64, region: Region, missed_ms: Option<u64>, seen_ms: u64) -> &mut Self {
        let missed_us = missed_ms.map(|ms| ms * 1_000);
        self.tell(seen_ms, Event::Arrival { write, region, missed_us })
    }

    fn superseded(&mut self, write: u64, region: Region, by: Option<u64>, at_ms: u64) -> &mut Self {
        self.tell(at_ms, Event::Superseded { write, region, by })
    }

    fn read(&mut self, key: &str, region: Region, client: u32, at: (u64, u64), write: Option<u64>) -> &mut Self {
        let read = Event::Read {
            store: Store::Table,
            key: key.to_owned(),
            region: Some(region),
            by: "readers".into(),
            client: Some(client),
            started_us: at.0 * 1_000,
            write,
        };
        self.tell(at.1, read)
    }

    fn found(&mut self, region: Region, at_ms: u64, key: &str, write: Option<u64>, status: Option<&str>) -> &mut Self {
        let found = Event::Scanned {
            store: self.store,
            region,
            key: key.to_owned(),
            write,
            digest: write.map_or("before".to_owned(), |write| format!("digest-{write}")),
            about: None,
            status: status.map(str::to_owned),
        };
        self.tell(at_ms, found)
    }

    /// A complete final scan of a Region in its hundredth second.
    fn scan(&mut self, region: Region, found: &[(&str, u64)]) -> &mut Self {
        for (key, write) in found {
            self.found(region, 100_500, key, Some(*write), None);
        }
        self.scanned(region, true, found.len() as u64)
    }

    fn scanned(&mut self, region: Region, complete: bool, items: u64) -> &mut Self {
        let (store, began_us) = (self.store, 100_000_000);
        self.tell(101_000, Event::ScanEnded { store, region, items, complete, began_us })
    }

    /// Both Regions ended like this.
    fn scans(&mut self, found: &[(&str, u64)]) -> &mut Self {
        self.scan(US, found).scan(EU, found)
    }

    fn fault(&mut self, fault: Fault, region: Option<Region>, (from_ms, to_ms): (u64, u64)) -> &mut Self {
        let id = format!("{}-1", fault.kind());
        let kind = fault.kind().to_owned();
        let event = |action| Event::Fault { fault: id.clone(), kind: kind.clone(), action, region };
        self.tell(from_ms, event(FaultAction::Injected)).tell(to_ms, event(FaultAction::Healed));
        let (at, lasts) = (Duration::ZERO, Duration::from_millis(to_ms - from_ms));
        self.plan.timeline.push(TimedFault { id, at, lasts, fault });
        self
    }

    fn judged(&mut self, checks: impl IntoIterator<Item = Check>) -> Verdict {
        let mut records = self.records.clone();
        let end = records.iter().map(|record| record.at_us).max().unwrap_or(0);
        records.push(Record { at_us: end, event: Event::Phase { phase: PhaseName::End } });
        records.sort_by_key(|record| record.at_us);
        self.plan.assertions = checks.into_iter().map(Check::into_assertion).collect();
        judge(&self.plan, &records)
    }

    /// What becomes of one assertion: verdict, measured, evidence.
    fn claim(&mut self, check: Check) -> (Outcome, Option<f64>, String) {
        let judged = self.judged([check]).assertions.remove(0);
        (judged.verdict, judged.measured, judged.evidence)
    }
}

fn no_loss() -> Check {
    Check::LostWritesAtMost { at_most: 0 }
}
