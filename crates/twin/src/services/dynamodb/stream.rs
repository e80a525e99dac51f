//! The change log of one replica: what the DynamoDB Streams API reads.
//!
//! Replicated changes appear in it as local ones do, and a write that changes nothing does not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::value::Item;
use super::version::Version;
use crate::clock::Timestamp;

/// "Data records are subject to a 24-hour limit", DynamoDB Streams in the developer guide.
const RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// Records kept at most; the twin's own bound on memory.
const CAPACITY: usize = 10_000;

/// The images a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum View {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

/// Who made a change in the Region whose stream records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    User,
    /// It was made in another Region, whoever made it there.
    Replication,
    TimeToLive,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Record {
    pub sequence: u64,
    pub at: Timestamp,
    pub key: Key,
    /// `None` for an INSERT.
    pub old: Option<Arc<Item>>,
    /// `None` for a REMOVE.
    pub new: Option<Arc<Item>>,
    /// Where and when it was written.
    pub version: Version,
    pub author: Author,
}

#[derive(Debug)]
pub struct Stream {
    pub label: String,
    pub created_at: Timestamp,
    pub view: View,
    pub records: VecDeque<Record>,
    next: u64,
}

impl Stream {
    pub fn new(view: View, now: Timestamp) -> Self {
        let label = now.iso8601().trim_end_matches('Z').to_owned();
        Self { label, created_at: now, view, records: VecDeque::new(), next: 1 }
    }

    pub fn append(
        &mut self,
        at: Timestamp,
        key: &Key,
        old: Option<Arc<Item>>,
        new: Option<Arc<Item>>,
        version: Version,
        author: Author,
    ) {
        if old == new {
            return;
        }
        while self.records.len() >= CAPACITY || self.records.front().is_some_and(|one| Self::is_stale(one, at)) {
            self.records.pop_front();
        }
        self.records.push_back(Record { sequence: self.next, at, key: key.clone(), old, new, version, author });
        self.next += 1;
    }

    fn is_stale(record: &Record, now: Timestamp) -> bool {
        now.since(record.at) > RETENTION
    }

    /// The number of the oldest record that can still be read, or of the next one.
    pub fn oldest_sequence(&self, now: Timestamp) -> u64 {
        let oldest = self.records.iter().find(|record| !Self::is_stale(record, now));
        oldest.map_or(self.next, |record| record.sequence)
    }

    /// What the next record will be numbered.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }
}
