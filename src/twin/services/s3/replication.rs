//! Replication between buckets: which writes a rule matches, and how a copy arrives late.
//!
//! A write that a rule matches is PENDING. Its copy waits a seeded lag in the queue of its direction, then for the
//! way between the Regions to be free, then appears with the status REPLICA while the source says COMPLETED.
//! Replicas are never replicated again, and deletes of a version never are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};
use tokio::sync::Notify;

use super::answer::invalid_request;
use super::state::{Bucket, Encryption, ReplicationStatus, State, Version, Versioning};
use crate::clock::Timestamp;
use crate::region::Region;
use crate::seed::Seed;
use crate::twin::Cloud;
use crate::twin::wire::{AwsError, xml::Element};
use crate::twin::world::network::Origin;

/// "Most objects within 15 minutes" (S3 user guide); an AWS blog saw 99 % within 5 minutes. A log-normal with a
/// median of 5 s (small objects usually arrive in seconds) and this sigma has its 99th percentile at 5 minutes.
const LAG_MEDIAN_SECONDS: f64 = 5.0;
const LAG_SIGMA: f64 = 1.76;
/// Replication Time Control is designed for 99.99 % of objects within 15 minutes (S3 user guide).
const RTC_SECONDS: f64 = 900.0;
/// How often a blocked direction looks whether the way is free again.
const RETRY: Duration = Duration::from_secs(5);

/// A bucket's replication configuration.
#[derive(Clone, Debug)]
pub(super) struct Replication {
    pub rules: Vec<Rule>,
    /// As it was given, to be given back.
    pub document: Element,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub enabled: bool,
    pub priority: i64,
    pub prefix: String,
    pub tags: Vec<(String, String)>,
    pub destination: String,
    pub storage_class: Option<String>,
    pub delete_markers: bool,
    /// The destination's key for objects encrypted with one; without it they are not replicated.
    pub replica_key: Option<String>,
    pub rtc: bool,
}

impl Replication {
    /// Reads a `ReplicationConfiguration` document.
    pub fn read(document: Element) -> Result<Self, AwsError> {
        if document.get_text("Role").is_none_or(str::is_empty) {
            return Err(invalid_request("The replication configuration has no Role."));
        }
        let rules = document.all("Rule").map(Rule::read).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(invalid_request("The replication configuration has no Rule."));
        }
        Ok(Self { rules, document })
    }

    /// The rules that match a version: for each destination, the one of the highest priority.
    fn matching(&self, key: &str, version: &Version) -> Vec<&Rule> {
        let mut found: BTreeMap<&str, &Rule> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.matches(key, version)) {
            let best = found.entry(&rule.destination).or_insert(rule);
            if rule.priority > best.priority {
                *best = rule;
            }
        }
        found.into_values().collect()
    }
}

impl Rule {
    fn read(rule: &Element) -> Result<Self, AwsError> {
        let malformed = |what: &str| AwsError::bad_request("MalformedXML", format!("a replication Rule has no {what}"));
        let status = |element: Option<&Element>| element.and_then(|e| e.get_text("Status")) == Some("Enabled");
        let destination = rule.get("Destination").ok_or_else(|| malformed("Destination"))?;
        let bucket = destination.get_text("Bucket").and_then(|arn| arn.strip_prefix("arn:aws:s3:::"));
        let filter = rule.get("Filter");
        let both = filter.map(|filter| filter.get("And").unwrap_or(filter));
        let prefix = both.and_then(|filter| filter.get_text("Prefix")).or_else(|| rule.get_text("Prefix"));
        let tags = both.into_iter().flat_map(|filter| filter.all("Tag"));
        let selection = rule.get("SourceSelectionCriteria").and_then(|s| s.get("SseKmsEncryptedObjects"));
        let key = destination.get("EncryptionConfiguration").and_then(|e| e.get_text("ReplicaKmsKeyID"));
        if status(selection) && key.is_none() {
            return Err(invalid_request("SseKmsEncryptedObjects needs a ReplicaKmsKeyID in the destination."));
        }
        Ok(Self {
            enabled: match rule.get_text("Status") {
                Some("Enabled") => true,
                Some("Disabled") => false,
                _ => return Err(malformed("Status of Enabled or Disabled")),
            },
            priority: rule.get_text("Priority").and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            prefix: prefix.unwrap_or_default().to_owned(),
            tags: tags
                .map(|tag| {
                    (
                        tag.get_text("Key").unwrap_or_default().to_owned(),
                        tag.get_text("Value").unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
            destination: bucket.ok_or_else(|| malformed("Destination Bucket ARN"))?.to_owned(),
            storage_class: destination.get_text("StorageClass").map(str::to_owned),
            // A rule in the first form, without Filter, replicates delete markers (S3 user guide).
            delete_markers: filter.is_none() || status(rule.get("DeleteMarkerReplication")),
            replica_key: key.filter(|_| status(selection)).map(str::to_owned),
            rtc: status(destination.get("ReplicationTime")),
        })
    }

    fn matches(&self, key: &str, version: &Version) -> bool {
        if !self.enabled || !key.starts_with(&self.prefix) {
            return false;
        }
        match &version.object {
            // Rules with tag filters do not replicate delete markers (S3 user guide).
            None => self.delete_markers && self.tags.is_empty(),
            Some(object) => {
                let sealed = matches!(object.encryption, Encryption::Kms(_));
                (!sealed || self.replica_key.is_some())
                    && self.tags.iter().all(|(key, value)| object.about.tags.get(key) == Some(value))
            }
        }
    }
}

/// What must hold before a bucket takes a configuration: versioning on both sides.
pub(super) fn check(state: &State, source: &Bucket, replication: &Replication) -> Result<(), AwsError> {
    if source.versioning != Versioning::Enabled {
        return Err(invalid_request("Versioning must be 'Enabled' on the bucket to apply a replication configuration"));
    }
    for rule in &replication.rules {
        match state.buckets.get(&rule.destination) {
            None => return Err(invalid_request(format!("Destination bucket {} must exist.", rule.destination))),
            Some(bucket) if bucket.versioning != Versioning::Enabled => {
                return Err(invalid_request(format!(
                    "Destination bucket {} must have versioning enabled.",
                    rule.destination
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The copies under way, by direction.
pub(super) struct Queues(Mutex<Waiting>);

struct Waiting {
    lags: ChaCha8Rng,
    sequence: u64,
    routes: BTreeMap<(Region, Region), Route>,
}

#[derive(Default)]
struct Route {
    jobs: BTreeMap<(Timestamp, u64), Job>,
    pumping: bool,
    sooner: Arc<Notify>,
}

struct Job {
    source: String,
    key: String,
    version: String,
    rule: Rule,
}

impl Queues {
    pub fn new(seed: Seed) -> Self {
        Self(Mutex::new(Waiting { lags: seed.stream("twin/s3/lags"), sequence: 0, routes: BTreeMap::new() }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a version that is about to be written, and queues its copies.
pub(super) fn on_write(cloud: &Arc<Cloud>, state: &State, bucket: &str, key: &str, version: &mut Version) {
    let Some(source) = state.buckets.get(bucket) else { return };
    let Some(replication) = &source.replication else { return };
    for rule in replication.matching(key, version) {
        let to = state.buckets.get(&rule.destination).map_or(source.region, |bucket| bucket.region);
        if version.object.is_some() {
            version.replication = Some(ReplicationStatus::Pending);
        }
        let job =
            Job { source: bucket.to_owned(), key: key.to_owned(), version: version.id.clone(), rule: rule.clone() };
        enqueue(cloud, (source.region, to), job);
    }
}

fn enqueue(cloud: &Arc<Cloud>, direction: (Region, Region), job: Job) {
    let mut waiting = cloud.s3.queues.lock();
    let lag = lag(&mut waiting.lags, job.rule.rtc);
    waiting.sequence += 1;
    let at = (cloud.clock.now() + lag, waiting.sequence);
    let route = waiting.routes.entry(direction).or_default();
    route.jobs.insert(at, job);
    if route.pumping {
        route.sooner.notify_one();
        return;
    }
    route.pumping = true;
    let (cloud, sooner) = (Arc::downgrade(cloud), route.sooner.clone());
    tokio::spawn(pump(cloud, direction, sooner));
}

fn lag(rng: &mut ChaCha8Rng, rtc: bool) -> Duration {
    let Ok(distribution) = LogNormal::new(LAG_MEDIAN_SECONDS.ln(), LAG_SIGMA) else { return Duration::ZERO };
    let seconds: f64 = distribution.sample(rng);
    Duration::from_secs_f64(if rtc { seconds.min(RTC_SECONDS) } else { seconds })
}

/// Delivers what is due in one direction until nothing waits. A blocked direction keeps everything and catches up.
async fn pump(cloud: Weak<Cloud>, direction: (Region, Region), sooner: Arc<Notify>) {
    loop {
        let Some(held) = cloud.upgrade() else { return };
        let clock = held.clock;
        let now = clock.now();
        let due = {
            let mut waiting = held.s3.queues.lock();
            let Some(route) = waiting.routes.get_mut(&direction) else { return };
            match route.jobs.first_key_value() {
                None => {
                    route.pumping = false;
                    return;
                }
                Some((at, _)) => at.0,
            }
        };
        if due > now {
            drop(held);
            tokio::select! {
                biased;
                () = sooner.notified() => {}
                () = clock.sleep_until(due) => {}
            }
            continue;
        }
        if !is_free(&held, direction) {
            drop(held);
            tokio::time::sleep(RETRY).await;
            continue;
        }
        let job = {
            let mut waiting = held.s3.queues.lock();
            waiting.routes.get_mut(&direction).and_then(|route| route.jobs.pop_first())
        };
        if let Some((_, job)) = job {
            deliver(&held, &job);
        }
    }
}

/// Whether copies pass: the Regions reach each other, and S3 works in both.
fn is_free(cloud: &Cloud, (from, to): (Region, Region)) -> bool {
    let origin = Origin::Region(from);
    let blocked = |seat| cloud.faults.on_service_call(origin, seat, "s3", "ReplicateObject").is_some();
    cloud.faults.can_reach(from, to) && !blocked(from) && !blocked(to)
}

fn deliver(cloud: &Cloud, job: &Job) {
    let mut state = cloud.s3.lock();
    let Some(source) = state.buckets.get_mut(&job.source) else { return };
    // Deleted on the way: there is nothing to copy.
    let Some(version) = source.version_mut(&job.key, &job.version).map(|version| version.clone()) else { return };
    // Replication decrypts what it reads, so it stops with the key.
    let readable = match version.object.as_ref().map(|object| &object.encryption) {
        Some(Encryption::Kms(key)) => cloud.kms.usable(cloud, source.region, key).is_ok(),
        _ => true,
    };
    let copied = readable && copy(cloud, &mut state, job, version);
    let status = if copied { ReplicationStatus::Completed } else { ReplicationStatus::Failed };
    let source = state.buckets.get_mut(&job.source);
    if let Some(version) = source.and_then(|source| source.version_mut(&job.key, &job.version))
        && version.object.is_some()
        && version.replication != Some(ReplicationStatus::Failed)
    {
        version.replication = Some(status);
    }
}

/// Puts the replica in its place; false where the destination cannot take it.
fn copy(cloud: &Cloud, state: &mut State, job: &Job, mut version: Version) -> bool {
    let Some(destination) = state.buckets.get_mut(&job.rule.destination) else { return false };
    if destination.versioning != Versioning::Enabled {
        return false;
    }
    version.replication = Some(ReplicationStatus::Replica);
    if let Some(object) = &mut version.object {
        if let (Encryption::Kms(_), Some(key)) = (&object.encryption, &job.rule.replica_key) {
            let Ok(arn) = cloud.kms.usable(cloud, destination.region, key) else { return false };
            object.encryption = Encryption::Kms(arn);
        }
        if let Some(class) = &job.rule.storage_class {
            object.about.storage_class = if class == "STANDARD" { String::new() } else { class.clone() };
        }
    }
    destination.insert(&job.key, version);
    true
}
