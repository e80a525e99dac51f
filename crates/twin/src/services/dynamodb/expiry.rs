//! Time to live: items whose time has passed are deleted by the service, some minutes later.
//!
//! Each replica watches the items it holds; a delete is an ordinary write of the Region that made it, and replicates.
//! Its stream record names the service in that Region alone. Nothing waits while no item has a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use super::key::Key;
use super::stream::Author;
use super::value::{Item, Value};
use super::version::Stamp;
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::seed::Seed;
use crate::services::cloudwatch::Sample;

/// How long after its time an item is deleted, in seconds. "Within a few days" is all that is promised (developer
/// guide, "Using time to live"); minutes are what small tables see, and ours.
const DELAY_SECONDS: std::ops::Range<u64> = 60..1_800;
/// "Items with an expiration time more than five years in the past are not deleted", ibid.
const TOO_OLD: Duration = Duration::from_secs(5 * 365 * 86_400);
/// How often a Region that is down is looked at again.
const RETRY: Duration = Duration::from_secs(60);

/// The items of a replica that have a time.
#[derive(Debug)]
pub struct Expiry {
    attribute: String,
    due: BTreeSet<(Timestamp, Key)>,
    by_key: BTreeMap<Key, Timestamp>,
    delays: ChaCha8Rng,
    is_watched: bool,
    /// Tells the task that waits of an item due before the next; that task ends with it.
    sooner: Arc<Notify>,
}

impl Expiry {
    pub fn new(seed: Seed, table: &str, region: Region, attribute: &str) -> Self {
        Self {
            attribute: attribute.to_owned(),
            due: BTreeSet::new(),
            by_key: BTreeMap::new(),
            delays: seed.stream(&format!("dynamodb/expiry/{table}/{region}")),
            is_watched: false,
            sooner: Arc::default(),
        }
    }

    /// Takes note of an item as it now is.
    pub fn note(&mut self, key: &Key, item: Option<&Item>, now: Timestamp) {
        if let Some(due) = self.by_key.remove(key) {
            self.due.remove(&(due, key.clone()));
        }
        let Some(at) = item.and_then(|item| self.time_of(item)).filter(|at| now.since(*at) < TOO_OLD) else { return };
        let due = at.max(now) + Duration::from_secs(self.delays.random_range(DELAY_SECONDS));
        if self.due.first().is_some_and(|(next, _)| due < *next) {
            self.sooner.notify_one();
        }
        self.by_key.insert(key.clone(), due);
        self.due.insert((due, key.clone()));
    }

    /// Whether a task has to be started: there is something to wait for, and nothing that waits.
    pub fn wake(&mut self) -> bool {
        !self.due.is_empty() && !std::mem::replace(&mut self.is_watched, true)
    }

    fn take(&mut self, now: Timestamp) -> Option<Key> {
        self.due.first().filter(|(due, _)| *due <= now)?;
        let (_, key) = self.due.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// The item's time: a Number of seconds since 1970; anything else never expires.
    fn time_of(&self, item: &Item) -> Option<Timestamp> {
        let Some(Value::N(seconds)) = item.get(&self.attribute) else { return None };
        let seconds: f64 = seconds.to_string().parse().ok()?;
        Some(Timestamp::from_micros((seconds * 1e6) as i64))
    }
}

/// Starts waiting for the items of a Region that expire.
pub fn start(cloud: &Arc<Cloud>, table: u64, region: Region) {
    let (weak, clock) = (Arc::downgrade(cloud), cloud.clock);
    tokio::spawn(async move {
        let mut watched = None;
        while let Some((at, sooner)) = expire(&weak, table, region, watched) {
            tokio::select! {
                biased;
                () = sooner.notified() => {}
                () = clock.sleep_until(at) => {}
            }
            watched = Some(sooner);
        }
    });
}

/// Deletes what is due; says when to look again, or nothing where nothing has a time or the setting has changed.
fn expire(
    cloud: &Weak<Cloud>,
    table: u64,
    region: Region,
    watched: Option<Arc<Notify>>,
) -> Option<(Timestamp, Arc<Notify>)> {
    let cloud = cloud.upgrade()?;
    let stamp = Stamp::now(&cloud, region);
    let is_down = cloud.faults.region_is_down(region);
    let (next, deleted) = cloud.dynamodb.change(&cloud, |state| {
        let table = state.tables.get_mut(&table)?;
        let is_open = table.replicas.get(&region)?.is_active(stamp.now);
        let mut deleted = Vec::new();
        loop {
            let expiry = table.replicas.get_mut(&region)?.expiry.as_mut()?;
            if watched.as_ref().is_some_and(|watched| !Arc::ptr_eq(watched, &expiry.sooner)) {
                return None;
            }
            let key = match is_open && !is_down {
                true => expiry.take(stamp.now),
                false => None,
            };
            let Some(key) = key else {
                let next = expiry.due.first().map(|(due, _)| *due);
                expiry.is_watched = next.is_some();
                let next = next.map(|due| if due <= stamp.now { stamp.now + RETRY } else { due });
                return Some((next.map(|at| (at, expiry.sooner.clone())), deleted));
            };
            deleted.push(table.name.clone());
            let waking = table.commit(stamp, key, None, Author::TimeToLive);
            state.waking.extend(waking);
        }
    })?;
    for name in deleted {
        cloud.cloudwatch.record(region, count(name, stamp.now));
    }
    next
}

/// "The number of items deleted by Time to Live" (DynamoDB metrics and dimensions).
fn count(table: String, at: Timestamp) -> Sample {
    Sample {
        namespace: "AWS/DynamoDB",
        metric: "TimeToLiveDeletedItemCount",
        dimensions: vec![("TableName".to_owned(), table)],
        value: 1.0,
        unit: "Count",
        at,
    }
}
