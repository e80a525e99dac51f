//! Writes objects in one Region: an open loop of puts over the Region's own keys, and what a script asks for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use rand::{Rng, RngExt};
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Bucket, PREFIX, WRITE};
use crate::arrivals::Arrivals;
use crate::data::looking::Streak;
use crate::data::outcome::{Ended, ended};
use crate::history::{Event, Recorder, Tag, WriteOutcome};
use crate::region::Region;
use crate::scenario::{ObjectWorkload, ScriptedWrite};
use crate::seed::Seed;
use crate::store::{Store, WriteKind};

/// After this a write is given up: it may have happened.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The size of an object that a script writes.
const SCRIPTED: u64 = 4 << 10;
/// How many bodies of one size there are before they repeat.
const WINDOWS: u64 = 1 << 16;
/// The one tag of every object, which replication must carry as well.
const TAGGING: &str = "written-by=blackstart";
const CONTENT_TYPE: &str = "application/octet-stream";

/// The bytes of all objects: each is a window of its own on one seeded buffer, so that bodies differ and cost nothing.
#[derive(Clone, Debug)]
pub struct Content(Bytes);

impl Content {
    /// Enough for objects of up to `largest` bytes.
    pub fn new(seed: Seed, largest: u64) -> Self {
        let length = usize::try_from(largest.max(SCRIPTED) + WINDOWS).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        seed.stream("data/objects/content").fill_bytes(&mut bytes);
        Self(bytes.into())
    }

    fn body(&self, write: u64, size: u64) -> Bytes {
        let from = (write % WINDOWS) as usize;
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(self.0.len() - from);
        self.0.slice(from..from + size)
    }
}

/// Writes objects into one Region's bucket.
pub struct Writer {
    pub bucket: Bucket,
    pub content: Content,
    pub recorder: Recorder,
}

/// The keys that one Region's writer overwrites.
fn key(region: Region, number: u32) -> String {
    format!("{PREFIX}{region}/{number}")
}

/// Writes at the workload's rate until told to stop, then waits for the last answers. Two writes of one key are never
/// under way at once: nobody could say which of them came last.
pub async fn write(writer: Arc<Writer>, workload: ObjectWorkload, seed: Seed, mut stop: watch::Receiver<bool>) {
    let region = writer.bucket.region;
    let mut draw = seed.stream(&format!("data/objects/{region}/writes"));
    let arrivals = Arrivals::poisson(workload.writes.get(), seed.stream(&format!("data/objects/{region}/arrivals")));
    let sizes: Vec<u64> = workload.sizes.keys().copied().collect();
    let Ok(weights) = WeightedIndex::new(workload.sizes.values()) else { return };
    let crowded = Streak::new("object writer", region);
    let begun = Instant::now();
    let mut busy = BTreeSet::new();
    let mut open = JoinSet::new();
    for at in arrivals {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep_until(begun + at) => {}
        }
        while let Some(Ok(number)) = open.try_join_next() {
            busy.remove(&number);
        }
        let size = sizes[weights.sample(&mut draw)];
        let first = draw.random_range(0..workload.keys);
        let mut numbers = (0..workload.keys).map(|next| (first + next) % workload.keys);
        let free = numbers.find(|number| !busy.contains(number));
        let free = free.ok_or_else(|| format!("a write of each of the {} keys is under way", workload.keys));
        let Some(number) = crowded.note(&writer.recorder, free) else { continue };
        busy.insert(number);
        let writer = writer.clone();
        open.spawn(async move {
            writer.make(WriteKind::Put, key(region, number), size).await;
            number
        });
    }
    while open.join_next().await.is_some() {}
}

/// Makes the writes of a script to the buckets, each at its moment from now; `writers` are those of all Regions.
pub async fn script(writers: Vec<Arc<Writer>>, script: Vec<ScriptedWrite>) {
    let begun = Instant::now();
    let mut open = JoinSet::new();
    for scripted in script.into_iter().filter(|scripted| scripted.store == Store::Bucket) {
        let Some(writer) = writers.iter().find(|writer| writer.bucket.region == scripted.region).cloned() else {
            continue;
        };
        tokio::time::sleep_until(begun + scripted.at).await;
        open.spawn(async move { writer.make(scripted.kind, scripted.key, SCRIPTED).await });
    }
    while open.join_next().await.is_some() {}
}

/// What became of a call, and the version it made.
type Made = (Ended, Option<String>);

impl Writer {
    /// Makes one write and records what became of it.
    async fn make(&self, kind: WriteKind, key: String, size: u64) {
        let (tag, started_us) = (self.recorder.tag(), self.recorder.now_us());
        let gave_up = ((WriteOutcome::Unknown, Some("timed out".to_owned())), None);
        let call = tokio::time::timeout(TIMEOUT, self.send(kind, &key, size, tag)).await;
        let ((outcome, what), version) = call.unwrap_or(gave_up);
        self.recorder.record(Event::Write {
            write: tag.write,
            store: Store::Bucket,
            key,
            kind,
            by: "writer".to_owned(),
            region: Some(self.bucket.region),
            started_us,
            outcome,
            bytes: (kind == WriteKind::Put).then_some(size),
            version,
            what,
            release: None,
        });
    }

    async fn send(&self, kind: WriteKind, key: &str, size: u64, tag: Tag) -> Made {
        let Bucket { client, name, .. } = &self.bucket;
        match kind {
            WriteKind::Put => {
                let body = ByteStream::new(SdkBody::from(self.content.body(tag.write, size)));
                let put = client.put_object().bucket(name).key(key).body(body).content_type(CONTENT_TYPE);
                let put = put.metadata(WRITE, tag.to_string()).tagging(TAGGING);
                // TLS keeps the bytes as they are; hashing them twice more would only cost the harness its time.
                let plain = Builder::new().request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
                let sent = put.customize().config_override(plain).disable_payload_signing().send().await;
                let version = sent.as_ref().ok().and_then(|put| put.version_id.clone());
                (ended(sent), version)
            }
            WriteKind::Delete => {
                let sent = client.delete_object().bucket(name).key(key).send().await;
                let version = sent.as_ref().ok().and_then(|deleted| deleted.version_id.clone());
                (ended(sent), version)
            }
            other => {
                let what = format!("an object can be put or deleted, not {}", other.as_str());
                ((WriteOutcome::Refused, Some(what)), None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_differ_and_share_one_buffer() {
        let content = Content::new(Seed(7), 1 << 20);
        let (one, other) = (content.body(1, 1 << 20), content.body(2, 1 << 20));
        assert_eq!(one.len(), 1 << 20);
        assert_ne!(one, other);
        assert_eq!(one[1..], other[..(1 << 20) - 1], "the same buffer, one byte on");
        assert_eq!(content.body(WINDOWS - 1, 1 << 20).len(), 1 << 20);
        assert!(content.body(3, 0).is_empty());
    }
}
