//! Changes on their way from one Region to another, each due when its lag is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use super::key::Key;
use super::lag;
use super::replica::Change;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::seed::Seed;

/// What was held up drains in slices: at most so many changes in each, 1,000 a second. AWS publishes no rate. Ours is
/// what one partition of a table takes ("up to 1,000 write units per second", quotas page), since a replica is
/// written like any other table. What comes in meanwhile waits behind it.
const SLICE: Duration = Duration::from_millis(100);
const DRAINED_A_SLICE: u32 = 100;

/// A direction of a table's replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId {
    pub table: u64,
    pub from: Region,
    pub to: Region,
}

struct Waiting {
    change: Change,
    sent: Timestamp,
    lag: Duration,
}

pub struct Link {
    queue: BTreeMap<(Timestamp, u64), Waiting>,
    /// The latest arrival among the waiting changes of an item.
    latest: BTreeMap<Key, Timestamp>,
    /// What each lag is multiplied by now.
    times: u32,
    /// The slice being drained: since when, and how much of it is used.
    slice: (Timestamp, u32),
    lags: ChaCha8Rng,
    /// What every change takes where replication is synchronous.
    trip: Option<Duration>,
    losses: ChaCha8Rng,
    sequence: u64,
    /// Whether a task is carrying them.
    pub is_pumping: bool,
    /// Tells that task of a change that arrives before those it waits for.
    pub sooner: Arc<Notify>,
}

impl Link {
    pub fn new(seed: Seed, table: &str, from: Region, to: Region) -> Self {
        Self {
            queue: BTreeMap::new(),
            latest: BTreeMap::new(),
            times: 1,
            slice: (Timestamp::default(), 0),
            lags: seed.stream(&format!("dynamodb/replication/{table}/{from}/{to}")),
            trip: None,
            losses: seed.stream(&format!("dynamodb/losses/{table}/{from}/{to}")),
            sequence: 0,
            is_pumping: false,
            sooner: Arc::default(),
        }
    }

    /// The link of a strongly consistent table: no lag, the distance alone.
    pub fn synchronous(self, trip: Duration) -> Self {
        Self { trip: Some(trip), ..self }
    }

    pub fn is_synchronous(&self) -> bool {
        self.trip.is_some()
    }

    /// Sends a change on its way.
    pub fn send(&mut self, change: Change, now: Timestamp) {
        let lag = self.trip.unwrap_or_else(|| lag::draw(&mut self.lags));
        let before = self.queue.keys().next().map(|(due, _)| *due);
        self.sequence += 1;
        let due = self.enqueue(self.sequence, Waiting { change, sent: now, lag });
        if self.is_pumping && before.is_some_and(|next| due < next) {
            self.sooner.notify_one();
        }
    }

    /// Takes every lag so many times as long from now on, those of waiting changes included.
    pub fn set_pace(&mut self, times: u32) {
        if self.times == times {
            return;
        }
        self.times = times;
        self.latest.clear();
        let mut waiting: Vec<(u64, Waiting)> =
            std::mem::take(&mut self.queue).into_iter().map(|((_, sequence), one)| (sequence, one)).collect();
        waiting.sort_unstable_by_key(|(sequence, _)| *sequence);
        for (sequence, one) in waiting {
            self.enqueue(sequence, one);
        }
    }

    fn enqueue(&mut self, sequence: u64, waiting: Waiting) -> Timestamp {
        let earliest = waiting.sent + waiting.lag * self.times;
        let due = self.latest.get(&waiting.change.key).map_or(earliest, |latest| earliest.max(*latest));
        self.latest.insert(waiting.change.key.clone(), due);
        self.queue.insert((due, sequence), waiting);
        due
    }

    /// The next change that has arrived by now, and when it was sent.
    pub fn receive(&mut self, now: Timestamp) -> Option<(Change, Timestamp)> {
        if self.next_arrival(now)? > now {
            return None;
        }
        let ((due, _), Waiting { change, sent, .. }) = self.queue.pop_first()?;
        if is_held_up(due, now) {
            if now.since(self.slice.0) >= SLICE {
                self.slice = (now, 0);
            }
            self.slice.1 += 1;
        }
        if self.latest.get(&change.key) == Some(&due) {
            self.latest.remove(&change.key);
        }
        Some((change, sent))
    }

    /// All that waits, in order, whether it has arrived or not.
    pub fn take_all(&mut self, now: Timestamp) -> impl Iterator<Item = Change> + use<> {
        self.latest.retain(|_, due| *due > now);
        std::mem::take(&mut self.queue).into_values().map(|waiting| waiting.change)
    }

    /// Whether a change of this item is still on its way.
    pub fn is_bringing(&self, key: &Key, now: Timestamp) -> bool {
        self.latest.get(key).is_some_and(|due| *due > now)
    }

    /// When the next change arrives; where it is overdue, when the slice being drained has room for it.
    pub fn next_arrival(&self, now: Timestamp) -> Option<Timestamp> {
        let (due, _) = *self.queue.keys().next()?;
        let is_slice_full = self.slice.1 >= DRAINED_A_SLICE && now.since(self.slice.0) < SLICE;
        Some(if is_held_up(due, now) && is_slice_full { self.slice.0 + SLICE } else { due })
    }

    /// Draws whether this is the one in so many.
    pub fn draw_one_in(&mut self, count: Option<u32>) -> bool {
        count.is_some_and(|count| self.losses.random_range(0..count.max(1)) == 0)
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// A carrier that waits for a change comes when it is due: what is found later than that was held up.
fn is_held_up(due: Timestamp, now: Timestamp) -> bool {
    now.since(due) >= SLICE
}
