//! What the judge of data costs: so many made-up operations, half of them writes, shown to it one after the other.
//! Prints operations, seconds, operations a second and the peak of the process's memory. `tools/ledger` runs it.

use std::collections::VecDeque;

use blackstart::history::{Event, PhaseName, Record, WriteOutcome};
use blackstart::judge::{Judge, Verdict};
use blackstart::region::Region;
use blackstart::scenario::{Check, Plan};
use blackstart::store::{Store, WriteKind};

const REGIONS: [Region; 2] = [Region::US_EAST_1, Region::EU_WEST_1];
const KEYS: u64 = 10_000;
/// Between two operations, and from a write to its arrival, in microseconds.
const PACE: u64 = 2_500;
const LAG: u64 = 1_000_000;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn main() {
    let operations = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let began = std::time::Instant::now();
    let verdict = judge(operations);
    let seconds = began.elapsed().as_secs_f64();
    let rpo = verdict.rpo.unwrap_or_default();
    assert_eq!((rpo.acked, rpo.lost, rpo.unproven), (operations.div_ceil(2), 0, 0), "the story has no losses");
    let rate = operations as f64 / seconds;
    println!("{operations:>10} {seconds:>9.2} {rate:>13.0} {:>9.1}", peak_mb());
}

fn judge(operations: u64) -> Verdict {
    let mut plan = Plan::default();
    plan.timeline.clear();
    plan.traffic.clear();
    plan.assertions = vec![Check::LostWritesAtMost { at_most: 0 }.into_assertion()];
    let mut judge = Judge::new(&plan);
    let mut coming: VecDeque<Record> = VecDeque::new();
    let mut last = vec![0; KEYS as usize];
    for operation in 0..operations {
        let at = operation * PACE;
        while coming.front().is_some_and(|record| record.at_us <= at) {
            coming.pop_front().iter().for_each(|record| judge.observe(record));
        }
        let write = operation / 2 + 1;
        // Spread over the keys, and from one Region for each of them: nothing here is written twice at once.
        let key = (write * 7_919) % KEYS;
        let region = REGIONS[(key % 2) as usize];
        if operation % 2 == 1 {
            judge.observe(&read(at, key, region, last[key as usize]));
            continue;
        }
        last[key as usize] = write;
        judge.observe(&put(at, write, key, region));
        let arrival =
            Event::Arrival { write, region: REGIONS[(key % 2 + 1) as usize % 2], missed_us: Some(at + LAG / 2) };
        coming.push_back(Record { at_us: at + LAG, event: arrival });
    }
    coming.iter().for_each(|record| judge.observe(record));
    let end = operations * PACE + 2 * LAG;
    for region in REGIONS {
        let written = last.iter().enumerate().filter(|(_, write)| **write > 0);
        written.for_each(|(key, write)| judge.observe(&scanned(end, key, region, *write)));
        let (store, items, began_us) = (Store::Table, KEYS, end - 1);
        let over = Event::ScanEnded { store, region, items, complete: true, began_us };
        judge.observe(&Record { at_us: end, event: over });
    }
    judge.observe(&Record { at_us: end, event: Event::Phase { phase: PhaseName::End } });
    judge.verdict()
}

fn put(at: u64, write: u64, key: u64, region: Region) -> Record {
    let event = Event::Write {
        write,
        store: Store::Table,
        key: format!("order-{key}"),
        kind: WriteKind::Put,
        by: "bench".to_owned(),
        region: Some(region),
        started_us: at.saturating_sub(PACE / 2),
        outcome: WriteOutcome::Acknowledged,
        bytes: None,
        version: None,
        what: None,
        release: None,
    };
    Record { at_us: at, event }
}

fn read(at: u64, key: u64, region: Region, write: u64) -> Record {
    let event = Event::Read {
        store: Store::Table,
        key: format!("order-{key}"),
        region: Some(region),
        by: "bench".to_owned(),
        client: Some((key % 200) as u32),
        started_us: at,
        write: Some(write),
    };
    Record { at_us: at, event }
}

fn scanned(at: u64, key: usize, region: Region, write: u64) -> Record {
    let (key, digest) = (format!("order-{key}"), format!("{write:016x}"));
    let (store, write) = (Store::Table, Some(write));
    Record { at_us: at, event: Event::Scanned { store, region, key, write, digest, about: None, status: None } }
}

/// The most memory the process ever had, in MB; 0 where the system does not say.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kb / 1024.0
}
