//! What is under way: a link for each source and destination bucket, so that none blocks another, and one drain
//! rate for each direction between Regions, which its links share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use super::rule::Rule;
use super::standing::Failure;
use super::{deliver, lag};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::seed::Seed;
use crate::services::s3::state::Version;
use crate::world::faults::{Pace, Store};
use crate::world::network::Origin;

/// How often a link that is blocked or slowed looks whether it still is.
const RETRY: Duration = Duration::from_secs(5);

/// From one bucket to another, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId {
    pub source: String,
    pub destination: String,
}

/// One operation to carry over.
pub struct Job {
    pub what: What,
    /// The id of the rule it was sent under.
    pub rule: String,
    pub key: String,
    pub version: String,
    pub bytes: u64,
    pub sent: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A version with all that belongs to it, or a delete marker.
    Copy,
    /// The tags of a version that is on the other side.
    Tags,
}

/// The links, and when each direction is free again.
pub struct Queues {
    seed: Seed,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    links: BTreeMap<LinkId, Link>,
    free_from: BTreeMap<(Region, Region), Timestamp>,
    /// What ended since the last full minute, by link and rule.
    ended: BTreeMap<(LinkId, String), Tally>,
}

struct Link {
    lags: ChaCha8Rng,
    sequence: u64,
    /// By when they are looked at next.
    jobs: BTreeMap<(Timestamp, u64), Queued>,
    is_pumping: bool,
    sooner: Arc<Notify>,
}

struct Queued {
    job: Job,
    lag: Duration,
}

/// What there is to say of a rule at the end of a minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub pending: u64,
    pub pending_bytes: u64,
    /// What came or failed in the minute.
    pub ended: u64,
    pub failed: u64,
    /// The longest that an operation has waited, or had waited when it came.
    pub behind: Duration,
}

/// What a link does now.
enum Turn {
    Deliver(Job),
    Wait(Timestamp),
    Empty,
}

impl LinkId {
    pub fn new(source: &str, destination: &str) -> Self {
        Self { source: source.to_owned(), destination: destination.to_owned() }
    }
}

impl Queues {
    pub fn new(seed: Seed) -> Self {
        Self { seed, waiting: Mutex::default() }
    }

    /// Whether a version still waits to be copied: its copy will have the tags it has then.
    pub fn will_copy(&self, id: &LinkId, key: &str, version: &str) -> bool {
        let waiting = self.lock();
        let jobs = waiting.links.get(id).into_iter().flat_map(|link| link.jobs.values());
        jobs.map(|queued| &queued.job).any(|job| job.what == What::Copy && job.version == version && job.key == key)
    }

    /// Every rule's minute, which ends here.
    pub fn tallies(&self, now: Timestamp) -> BTreeMap<(LinkId, String), Tally> {
        let mut waiting = self.lock();
        let mut tallies = std::mem::take(&mut waiting.ended);
        for (id, link) in &waiting.links {
            let mut pending: BTreeMap<&str, Tally> = BTreeMap::new();
            for Queued { job, .. } in link.jobs.values() {
                let tally = pending.entry(&job.rule).or_default();
                tally.pending += 1;
                tally.pending_bytes += job.bytes;
                tally.behind = tally.behind.max(now.since(job.sent));
            }
            for (rule, Tally { pending, pending_bytes, behind, .. }) in pending {
                let tally = tallies.entry((id.clone(), rule.to_owned())).or_default();
                *tally = Tally { pending, pending_bytes, behind: tally.behind.max(behind), ..*tally };
            }
        }
        tallies
    }

    fn note(&self, id: &LinkId, job: Job, outcome: Result<(), Failure>, now: Timestamp) {
        let mut waiting = self.lock();
        let tally = waiting.ended.entry((id.clone(), job.rule)).or_default();
        tally.ended += 1;
        tally.failed += u64::from(outcome.is_err());
        tally.behind = tally.behind.max(now.since(job.sent));
    }

    /// The next operation of a link, if one is due at this pace and the direction is free.
    fn take(&self, id: &LinkId, direction: (Region, Region), pace: Pace, now: Timestamp) -> Turn {
        let mut waiting = self.lock();
        let Waiting { links, free_from, .. } = &mut *waiting;
        let Some(link) = links.get_mut(id) else { return Turn::Empty };
        while let Some(first) = link.jobs.first_entry() {
            let (at, sequence) = *first.key();
            if at > now {
                return Turn::Wait(at);
            }
            let Pace::Times(times) = pace else { return Turn::Wait(now + RETRY) };
            let due = first.get().job.sent + first.get().lag * times;
            if due > now {
                let later = first.remove();
                link.jobs.insert((due.min(now + RETRY), sequence), later);
                continue;
            }
            let free = free_from.entry(direction).or_insert(now);
            if *free > now {
                return Turn::Wait(*free);
            }
            let job = first.remove().job;
            *free = now + lag::turn(job.bytes);
            return Turn::Deliver(job);
        }
        link.is_pumping = false;
        Turn::Empty
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn new(seed: Seed, id: &LinkId) -> Self {
        let lags = seed.stream(&format!("twin/s3/lags/{}/{}", id.source, id.destination));
        Self { lags, sequence: 0, jobs: BTreeMap::new(), is_pumping: false, sooner: Arc::default() }
    }
}

/// Sends a version, or its tags alone, on its way under a rule.
pub fn send(cloud: &Arc<Cloud>, id: LinkId, rule: &Rule, what: What, key: &str, version: &Version) {
    let bytes = version.object.as_ref().filter(|_| what == What::Copy).map_or(0, |object| object.body.len() as u64);
    let is_marker = version.object.is_none();
    let (rule_id, key, version) = (rule.id.clone(), key.to_owned(), version.id.clone());
    let job = Job { what, rule: rule_id, key, version, bytes, sent: cloud.clock.now() };
    let queues = &cloud.s3.queues;
    let mut waiting = queues.lock();
    let link = waiting.links.entry(id.clone()).or_insert_with(|| Link::new(queues.seed, &id));
    // Delete markers do not adhere to the 15 minutes of Replication Time Control (S3 user guide).
    let lag = lag::draw(&mut link.lags, rule.time_control && !is_marker, job.bytes);
    link.sequence += 1;
    link.jobs.insert((job.sent + lag, link.sequence), Queued { job, lag });
    link.sooner.notify_one();
    if !link.is_pumping {
        link.is_pumping = true;
        tokio::spawn(pump(Arc::downgrade(cloud), id, link.sooner.clone()));
    }
}

/// Delivers what is due on one link until nothing waits. A blocked link keeps everything and catches up.
async fn pump(cloud: Weak<Cloud>, id: LinkId, sooner: Arc<Notify>) {
    while let Some(held) = cloud.upgrade() {
        let (clock, next) = (held.clock, advance(&held, &id));
        drop(held);
        let Some(at) = next else { return };
        tokio::select! {
            biased;
            () = sooner.notified() => {}
            () = clock.sleep_until(at) => {}
        }
    }
}

/// Delivers what is due now; says when to look again, or nothing where the link is empty.
fn advance(cloud: &Arc<Cloud>, id: &LinkId) -> Option<Timestamp> {
    loop {
        let (direction, now) = (direction(cloud, id), cloud.clock.now());
        match cloud.s3.queues.take(id, direction, pace(cloud, id, direction), now) {
            Turn::Deliver(job) => {
                if let Some(outcome) = deliver::deliver(cloud, id, &job) {
                    cloud.s3.queues.note(id, job, outcome, now);
                }
            }
            Turn::Wait(at) => return Some(at),
            Turn::Empty => return None,
        }
    }
}

/// Where a link leads; to the home Region where its buckets are gone, and what it carries with them.
fn direction(cloud: &Cloud, id: &LinkId) -> (Region, Region) {
    let state = cloud.s3.lock();
    let region = |name: &str| state.buckets.get(name).map(|bucket| bucket.region);
    let from = region(&id.source).unwrap_or_else(|| cloud.home());
    (from, region(&id.destination).unwrap_or(from))
}

/// How fast copies pass: not at all where the Regions do not reach each other or S3 is broken in one of them.
fn pace(cloud: &Cloud, id: &LinkId, (from, to): (Region, Region)) -> Pace {
    let origin = Origin::Region(from);
    let blocked = |seat| cloud.faults.on_service_call(origin, seat, "s3", "ReplicateObject").is_some();
    if blocked(from) || blocked(to) {
        return Pace::Stopped;
    }
    cloud.faults.pace(Store::Bucket, &id.source, from, to)
}
