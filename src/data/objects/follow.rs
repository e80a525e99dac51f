//! Follows every write of an object into the other Regions, and what its own Region says of its replication.
//!
//! Each look asks the source for the version's status first and the other Regions for the object second: an object
//! that is missing after a look that was told COMPLETED was missing when S3 said so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Bucket, write_of};
use crate::data::Followed;
use crate::data::looking::{Streak, look};
use crate::history::{Event, Recorder};
use crate::target::said;

/// A look waits this fraction of the write's age, and at most this.
const FRACTION: u32 = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const STAGE: &str = "object follower";

/// Looks for objects in the Regions they were not written in.
pub struct Follower {
    buckets: Vec<(Bucket, Streak)>,
    recorder: Recorder,
    look_every: Duration,
    settle: Duration,
    deletes: Mutex<Deletes>,
}

/// The acknowledged deletes of each key: the write, and the version of its delete marker.
type Deletes = BTreeMap<String, Vec<(u64, Option<String>)>>;

/// What the head of a key showed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// An object, of this write.
    Object(Option<u64>),
    /// A delete marker, of this version.
    Marker(Option<String>),
    Nothing,
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Arrived,
    Later(u64),
    NotYet,
}

/// A Region that has not shown the write yet, and when it was last asked in vain.
struct Missing {
    bucket: usize,
    missed_us: Option<u64>,
}

impl Follower {
    /// Looks at least `look_every` apart; goes on for `settle` after it was told to stop while anything is missing.
    pub fn new(buckets: Vec<Bucket>, recorder: Recorder, look_every: Duration, settle: Duration) -> Self {
        let with_streak = |bucket: Bucket| {
            let streak = Streak::new(STAGE, bucket.region);
            (bucket, streak)
        };
        let buckets = buckets.into_iter().map(with_streak).collect();
        Self { buckets, recorder, look_every, settle, deletes: Mutex::default() }
    }

    /// Follows until it is told to stop and nothing is missing, or the time for that is up.
    pub async fn follow(self, mut writes: UnboundedReceiver<Followed>, mut stop: watch::Receiver<bool>) {
        let settle = self.settle;
        let follower = Arc::new(self);
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(followed) = writes.recv() => {
                    follower.note_delete(&followed);
                    open.spawn(follower.clone().until_seen(followed));
                }
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = open.join_next(), if !open.is_empty() => {}
            }
        }
        let rest = async { while open.join_next().await.is_some() {} };
        // What is still missing then was never seen, and its absence says so.
        let _ = tokio::time::timeout(settle, rest).await;
    }

    fn note_delete(&self, followed: &Followed) {
        if followed.deletes {
            let mut deletes = self.deletes.lock().unwrap_or_else(PoisonError::into_inner);
            deletes.entry(followed.key.clone()).or_default().push((followed.write, followed.version.clone()));
        }
    }

    /// Looks for one write until every Region has shown it and its own Region's last word on it is known.
    async fn until_seen(self: Arc<Self>, followed: Followed) {
        let source = self.buckets.iter().position(|(bucket, _)| Some(bucket.region) == followed.region);
        let others = (0..self.buckets.len()).filter(|bucket| Some(*bucket) != source);
        let mut missing: Vec<Missing> = others.map(|bucket| Missing { bucket, missed_us: None }).collect();
        // A delete marker has no status.
        let asks = source.zip(followed.version.as_deref()).filter(|_| !followed.deletes);
        let mut status: Option<String> = None;
        loop {
            if let Some((source, version)) = asks.filter(|_| !is_final(status.as_deref())) {
                self.ask_status(source, &followed, version, &mut status).await;
            }
            let mut left = Vec::new();
            for mut there in missing {
                if !self.look_at(&followed, &mut there).await {
                    left.push(there);
                }
            }
            missing = left;
            // No status at all: no rule of the bucket is about this object.
            let is_told = asks.is_none() || status.is_none() || is_final(status.as_deref());
            if missing.is_empty() && is_told {
                return;
            }
            let age = Duration::from_micros(self.recorder.now_us().saturating_sub(followed.acknowledged_us));
            tokio::time::sleep((age / FRACTION).min(LONGEST_WAIT).max(self.look_every)).await;
        }
    }

    /// Asks the source for the status of the version, and records it where it changed.
    async fn ask_status(&self, source: usize, followed: &Followed, version: &str, known: &mut Option<String>) {
        let (bucket, streak) = &self.buckets[source];
        let head = bucket.client.head_object().bucket(&bucket.name).key(&followed.key).version_id(version);
        let looked = look(async { head.send().await.map_err(|error| said(&error)) }).await;
        let Some(head) = streak.note(&self.recorder, looked) else { return };
        let Some(status) = head.replication_status() else { return };
        if known.as_deref() != Some(status.as_str()) {
            *known = Some(status.as_str().to_owned());
            let (write, region, status) = (followed.write, bucket.region, status.as_str().to_owned());
            self.recorder.record(Event::ObjectStatus { write, region, status });
        }
    }

    /// Looks for the write in another Region; true where it need not be looked for there again.
    async fn look_at(&self, followed: &Followed, there: &mut Missing) -> bool {
        let (bucket, streak) = &self.buckets[there.bucket];
        let asked_us = self.recorder.now_us();
        let looked = look(self.head(bucket, &followed.key)).await;
        let Some(found) = streak.note(&self.recorder, looked) else { return false };
        let seen = {
            let deletes = self.deletes.lock().unwrap_or_else(PoisonError::into_inner);
            judge(followed, &found, deletes.get(&followed.key).map_or(&[], Vec::as_slice))
        };
        let (write, region) = (followed.write, bucket.region);
        match seen {
            Seen::Arrived => {
                self.recorder.record(Event::Arrival { write, region, missed_us: there.missed_us });
            }
            Seen::Later(by) => self.recorder.record(Event::Superseded { write, region, by: Some(by) }),
            Seen::NotYet => there.missed_us = Some(asked_us),
        }
        seen != Seen::NotYet
    }

    async fn head(&self, bucket: &Bucket, key: &str) -> Result<Found, String> {
        let error = match bucket.client.head_object().bucket(&bucket.name).key(key).send().await {
            Ok(head) => return Ok(Found::Object(write_of(&self.recorder, &head))),
            Err(error) => error,
        };
        let Some(answer) = error.raw_response().filter(|answer| answer.status().as_u16() == 404) else {
            return Err(said(&error));
        };
        let header = |name| answer.headers().get(name);
        Ok(match header("x-amz-delete-marker") {
            Some("true") => Found::Marker(header("x-amz-version-id").map(str::to_owned)),
            _ => Found::Nothing,
        })
    }
}

/// Whether S3 will say nothing else of this version: FAILED ones stay so until somebody replicates them anew.
fn is_final(status: Option<&str>) -> bool {
    status.is_some_and(|status| status != "PENDING")
}

/// Tells a write from earlier and later ones of its key. A replica's delete marker has the version of its source's.
fn judge(followed: &Followed, found: &Found, deletes: &[(u64, Option<String>)]) -> Seen {
    let of = |write| match write {
        write if write == followed.write => Seen::Arrived,
        write if write > followed.write => Seen::Later(write),
        _ => Seen::NotYet,
    };
    match found {
        Found::Object(Some(write)) => of(*write),
        Found::Object(None) => Seen::NotYet,
        Found::Marker(version) => match deletes.iter().find(|(_, known)| known == version) {
            Some((delete, _)) => of(*delete),
            None if followed.deletes => Seen::Arrived,
            None => deletes.last().map_or(Seen::NotYet, |(newest, _)| match of(*newest) {
                Seen::Later(by) => Seen::Later(by),
                _ => Seen::NotYet,
            }),
        },
        // Without versions a delete leaves nothing behind.
        Found::Nothing if followed.deletes && followed.version.is_none() => Seen::Arrived,
        Found::Nothing => Seen::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::Region;

    fn followed(write: u64, deletes: bool) -> Followed {
        Followed {
            write,
            key: "k".to_owned(),
            deletes,
            region: Some(Region::US_EAST_1),
            acknowledged_us: 0,
            version: Some(format!("v{write}")),
        }
    }

    #[test]
    fn a_look_tells_a_write_from_earlier_and_later_ones() {
        let deletes = [(3, Some("v3".to_owned())), (7, Some("v7".to_owned()))];
        let marker = |version: &str| Found::Marker(Some(version.to_owned()));
        let seen = |write, deleting, found: Found| judge(&followed(write, deleting), &found, &deletes);
        assert_eq!(seen(5, false, Found::Object(Some(5))), Seen::Arrived);
        assert_eq!(seen(5, false, Found::Object(Some(4))), Seen::NotYet);
        assert_eq!(seen(5, false, Found::Object(Some(6))), Seen::Later(6));
        assert_eq!(seen(5, false, Found::Object(None)), Seen::NotYet);
        assert_eq!(seen(5, false, Found::Nothing), Seen::NotYet);
        assert_eq!(seen(5, false, marker("v3")), Seen::NotYet);
        assert_eq!(seen(5, false, marker("v7")), Seen::Later(7));
        assert_eq!(seen(5, false, marker("foreign")), Seen::Later(7));
        assert_eq!(seen(8, false, marker("foreign")), Seen::NotYet);
        assert_eq!(seen(7, true, marker("v7")), Seen::Arrived);
        assert_eq!(seen(7, true, marker("v3")), Seen::NotYet);
        assert_eq!(seen(7, true, Found::Nothing), Seen::NotYet);
        assert_eq!(seen(7, true, Found::Object(Some(6))), Seen::NotYet);
        assert_eq!(judge(&Followed { version: None, ..followed(7, true) }, &Found::Nothing, &[]), Seen::Arrived);
    }
}
