//! The last look: every item of every Region, again and again until the Regions are equal or the time is up.

use std::collections::BTreeMap;
use std::time::Duration;

use super::item::{digest, key_of, write_of};
use crate::history::{Event, Recorder};
use crate::region::Region;
use crate::store::Store;
use crate::target::{Clients, said};
use crate::wait::{self, Look};

const INTERVAL: Duration = Duration::from_secs(5);

/// What a Region holds: by key, the write and the digest of the item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    began_us: u64,
    items: BTreeMap<String, (Option<u64>, String)>,
}

/// Scans the table in every Region until all are equal, for at most `settle`, and records what the last scan found.
pub async fn scan(regions: &[(Region, &Clients)], table: &str, settle: Duration, recorder: &Recorder) {
    let mut last: BTreeMap<Region, Result<Scan, String>> = BTreeMap::new();
    let look = async || {
        last.clear();
        for (region, clients) in regions {
            last.insert(*region, one(&clients.dynamodb, table, recorder).await);
        }
        let mut found = last.values().map(|scan| scan.as_ref().ok().map(|scan| &scan.items));
        let first = found.next().flatten();
        let equal = first.is_some() && found.all(|other| other == first);
        Ok::<_, std::convert::Infallible>(if equal { Look::Ready(()) } else { Look::NotYet("unequal".to_owned()) })
    };
    // Whether they became equal is for the judge to say.
    let _ = wait::until("equal Regions", settle, INTERVAL, look).await;
    for (region, scan) in last {
        match scan {
            Ok(Scan { began_us, items }) => {
                let count = items.len() as u64;
                for (key, (write, digest)) in items {
                    let store = Store::Table;
                    recorder.record(Event::Scanned { store, region, key, write, digest, about: None, status: None });
                }
                recorder.record(ended(region, count, true, began_us));
            }
            Err(what) => {
                recorder.record(Event::Trouble { stage: "scan".to_owned(), what: format!("{region}: {what}") });
                recorder.record(ended(region, 0, false, recorder.now_us()));
            }
        }
    }
}

fn ended(region: Region, items: u64, complete: bool, began_us: u64) -> Event {
    Event::ScanEnded { store: Store::Table, region, items, complete, began_us }
}

async fn one(client: &aws_sdk_dynamodb::Client, table: &str, recorder: &Recorder) -> Result<Scan, String> {
    let mut scan = Scan { began_us: recorder.now_us(), items: BTreeMap::new() };
    let mut from = None;
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(from).send().await;
        let page = page.map_err(|error| said(&error))?;
        for item in page.items() {
            if let Some(key) = key_of(item) {
                scan.items.insert(key.clone(), (write_of(recorder, item), digest(item)));
            }
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(scan);
        }
    }
}
