//! The data of a made-up game day: orders of both Regions, one rotation of the secret.

use super::day::{END, EU, FAULT, HEAL, STEADY, US};
use crate::history::{Event, OperationAction, Record, WriteOutcome};
use crate::region::Region;
use crate::store::{Store, WriteKind};

/// One order every so many seconds in each Region, until the fault and after the failback in `US`.
const EVERY: u64 = 2;
/// Orders that `US` alone had when it was lost.
const STRANDED: u64 = 3;
const KEYS: u64 = 50;

fn at(ms: u64, event: Event) -> Record {
    Record { at_us: ms * 1_000, event }
}

/// What the day's writers, followers and scans saw. `lost`: one of the orders that were stranded never comes.
pub fn records(home: u64, lost: bool) -> Vec<Record> {
    let mut records = Vec::new();
    let mut last: Vec<(String, u64)> = Vec::new();
    let mut write = 0;
    for second in (STEADY..END).step_by(EVERY as usize) {
        for region in [US, EU] {
            if region == US && (FAULT..home).contains(&second) {
                continue;
            }
            write += 1;
            let key = format!("{region}-{}", write % KEYS);
            last.retain(|(known, _)| *known != key);
            last.push((key.clone(), write));
            follow(&mut records, write, &key, region, second * 1_000, 900 + write % 7 * 100);
        }
    }
    for stranded in 0..STRANDED {
        write += 1;
        let key = format!("stranded-{stranded}");
        last.push((key.clone(), write));
        let sent = FAULT * 1_000 - 400 + stranded * 100;
        follow(&mut records, write, &key, US, sent, HEAL * 1_000 + 1_500 - sent);
    }
    if lost {
        records.retain(|record| !matches!(record.event, Event::Arrival { write: arrived, .. } if arrived == write));
    }
    for region in [US, EU] {
        let there: Vec<_> = last.iter().filter(|(_, last)| !(lost && region == EU && *last == write)).collect();
        records.extend(there.iter().map(|(key, write)| scanned(region, key, *write)));
        let (store, items, began_us) = (Store::Table, there.len() as u64, (END + 20) * 1_000_000);
        records.push(at((END + 31) * 1_000, Event::ScanEnded { store, region, items, complete: true, began_us }));
    }
    records.extend(rotation());
    records
}

/// A write sent at `sent`, and seen in the other Region so long after.
fn follow(records: &mut Vec<Record>, write: u64, key: &str, region: Region, sent: u64, lag: u64) {
    let other = if region == US { EU } else { US };
    let event = Event::Write {
        write,
        store: Store::Table,
        key: key.to_owned(),
        kind: WriteKind::Put,
        by: if region == US { "north-america" } else { "europe" }.to_owned(),
        region: Some(region),
        started_us: sent * 1_000,
        outcome: WriteOutcome::Acknowledged,
        bytes: None,
        version: None,
        what: None,
        release: None,
    };
    records.push(at(sent + 20, event));
    let seen = sent + 20 + lag;
    records.push(at(seen, Event::Arrival { write, region: other, missed_us: Some((seen - 250) * 1_000) }));
}

fn scanned(region: Region, key: &str, write: u64) -> Record {
    let (store, digest) = (Store::Table, format!("{write:016x}"));
    let key = key.to_owned();
    at((END + 30) * 1_000, Event::Scanned { store, region, key, write: Some(write), digest, about: None, status: None })
}

fn rotation() -> Vec<Record> {
    let served = |second: u64, region, version: &str, first: bool| {
        let missed_us = (!first).then_some((second - 1) * 1_000_000);
        let (version, digest) = (version.to_owned(), format!("{:016x}", version.len()));
        at(second * 1_000, Event::SecretServed { region, version, digest, missed_us })
    };
    let operation = |second: u64, action, version: Option<&str>| {
        let (operation, kind) = ("rotate-secret-1".to_owned(), "rotate-secret".to_owned());
        let (version, what) = (version.map(str::to_owned), String::new());
        at(second * 1_000, Event::Operation { operation, kind, action, version, what })
    };
    let accepts = |second: u64, versions: &[&str]| {
        let accepts = versions.iter().map(|version| version.to_string()).collect();
        at(second * 1_000, Event::Backend { accepts })
    };
    vec![
        served(STEADY, US, "v1", true),
        served(STEADY, EU, "v1", true),
        accepts(STEADY, &["v1"]),
        operation(600, OperationAction::Started, None),
        accepts(602, &["v1", "v2"]),
        served(605, US, "v2", false),
        operation(606, OperationAction::Finished, Some("v2")),
        served(609, EU, "v2", false),
    ]
}
