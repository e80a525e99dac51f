//! How a write reaches the other Regions: one link for each direction, a lag for each change, last writer wins.
//!
//! A change waits on its link until its lag is over and both Regions can reach each other. Changes of one item
//! arrive in the order they were made; different items overtake each other. A transaction is atomic where it ran
//! and arrives item by item, as the service documents. Nothing here is polled while a link is empty.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};
use tokio::sync::Notify;

use super::key::Key;
use super::replica::Change;
use super::table::Receiving;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::seed::Seed;
use crate::twin::Cloud;
use crate::twin::services::cloudwatch::Sample;

/// Global tables replicate "usually within a second", and 0.5 to 2.5 s are commonly seen (developer guide, "How
/// global tables work", and the range AWS names for MREC). A log-normal with this median and sigma has 90 % of its
/// mass between 0.49 and 2.3 s.
const LAG_MEDIAN_SECONDS: f64 = 1.05;
const LAG_SIGMA: f64 = 0.47;
/// No change is faster than this, and none on an open link slower.
const LAG_SECONDS: std::ops::RangeInclusive<f64> = 0.2..=15.0;
/// How often a link that leads nowhere is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A direction of a table's replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId {
    pub table: u64,
    pub from: Region,
    pub to: Region,
}

/// Changes on their way from one Region to another.
pub struct Link {
    queue: BTreeMap<(Timestamp, u64), Change>,
    /// The latest arrival among the waiting changes of an item.
    latest: BTreeMap<Key, Timestamp>,
    rng: ChaCha8Rng,
    sequence: u64,
    /// Whether a task is carrying them.
    pub is_pumping: bool,
    /// Tells that task of a change that arrives before those it waits for.
    sooner: Arc<Notify>,
}

impl Link {
    pub fn new(seed: Seed, table: &str, from: Region, to: Region) -> Self {
        let rng = seed.stream(&format!("dynamodb/replication/{table}/{from}/{to}"));
        Self {
            queue: BTreeMap::new(),
            latest: BTreeMap::new(),
            rng,
            sequence: 0,
            is_pumping: false,
            sooner: Arc::default(),
        }
    }

    /// Sends a change on its way.
    pub fn send(&mut self, change: Change, now: Timestamp) {
        let earliest = now + self.lag();
        let due = self.latest.get(&change.key).map_or(earliest, |latest| earliest.max(*latest));
        self.latest.insert(change.key.clone(), due);
        self.sequence += 1;
        if self.is_pumping && self.next_due().is_some_and(|next| due < next) {
            self.sooner.notify_one();
        }
        self.queue.insert((due, self.sequence), change);
    }

    /// The next change that has arrived by now.
    pub fn receive(&mut self, now: Timestamp) -> Option<Change> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= now)?;
        let due = entry.key().0;
        let change = entry.remove();
        if self.latest.get(&change.key) == Some(&due) {
            self.latest.remove(&change.key);
        }
        Some(change)
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn lag(&mut self) -> Duration {
        let seconds = match LogNormal::new(LAG_MEDIAN_SECONDS.ln(), LAG_SIGMA) {
            Ok(distribution) => distribution.sample(&mut self.rng),
            Err(_) => LAG_MEDIAN_SECONDS,
        };
        Duration::from_micros((seconds.clamp(*LAG_SECONDS.start(), *LAG_SECONDS.end()) * 1e6) as u64)
    }
}

/// Starts carrying the changes of links that have some and no task yet.
pub fn start(cloud: &Arc<Cloud>, links: Vec<LinkId>) {
    for link in links {
        tokio::spawn(pump(Arc::downgrade(cloud), link));
    }
}

async fn pump(cloud: Weak<Cloud>, link: LinkId) {
    while let Some(strong) = cloud.upgrade() {
        let (clock, next) = (strong.clock, deliver(&strong, link));
        drop(strong);
        let Some((at, sooner)) = next else { return };
        tokio::select! {
            biased;
            () = sooner.notified() => {}
            () = clock.sleep_until(at) => {}
        }
    }
}

/// Applies what has arrived; says when to look again, or nothing where the link is empty.
fn deliver(cloud: &Cloud, id: LinkId) -> Option<(Timestamp, Arc<Notify>)> {
    let now = cloud.clock.now();
    let is_open = cloud.faults.can_reach(id.from, id.to);
    let mut samples = Vec::new();
    let next = {
        let mut state = cloud.dynamodb.lock();
        let table = state.tables.get_mut(&id.table)?;
        let Receiving { link, replica, name, indexes } = table.receiving(id)?;
        while is_open && let Some(change) = link.receive(now) {
            samples.push(latency(name, id.to, now.since(change.version.at), now));
            replica.merge(indexes, change, now);
        }
        let next = link.next_due().map(|due| (if is_open { due } else { due.max(now + RETRY) }, link.sooner.clone()));
        link.is_pumping = next.is_some();
        if next.is_none() {
            table.forget_tombstones();
        }
        next
    };
    for sample in samples {
        cloud.cloudwatch.record(id.from, sample);
    }
    next
}

/// "The elapsed time between when an item is written to one replica table and when it appears in another", reported
/// in the source Region (DynamoDB metrics and dimensions).
fn latency(table: &str, receiving: Region, elapsed: Duration, at: Timestamp) -> Sample {
    Sample {
        namespace: "AWS/DynamoDB",
        metric: "ReplicationLatency",
        dimensions: vec![
            ("TableName".to_owned(), table.to_owned()),
            ("ReceivingRegion".to_owned(), receiving.to_string()),
        ],
        value: elapsed.as_secs_f64() * 1_000.0,
        unit: "Milliseconds",
        at,
    }
}

/// How long an empty or small table takes to get a new replica. AWS speaks of minutes.
const REPLICA_CREATION: Duration = Duration::from_secs(60);

/// Fills and opens a replica that is being created, once the Regions can reach each other.
pub fn open(cloud: &Arc<Cloud>, table: u64, from: Region, to: Region) {
    let (weak, clock) = (Arc::downgrade(cloud), cloud.clock);
    tokio::spawn(async move {
        let mut next = clock.now() + REPLICA_CREATION;
        loop {
            clock.sleep_until(next).await;
            let Some(cloud) = weak.upgrade() else { return };
            let now = clock.now();
            if cloud.faults.can_reach(from, to) {
                if let Some(table) = cloud.dynamodb.lock().tables.get_mut(&table) {
                    table.open_replica(cloud.dynamodb.seed, to, now);
                }
                return;
            }
            next = now + RETRY;
        }
    });
}
