//! One Region's copy of a table: its items, their versions, its indexes and its stream.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::expiry::Expiry;
use super::key::Key;
use super::schema::Index;
use super::stream::{Author, Stream};
use super::value::{Item, item_size};
use super::version::Version;
use crate::clock::Timestamp;
use crate::region::Region;

/// An item as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub item: Arc<Item>,
    pub size: usize,
    pub version: Version,
}

/// One write of one key: the new item, or none for a delete.
#[derive(Clone, Debug)]
pub struct Change {
    pub key: Key,
    pub item: Option<Arc<Item>>,
    pub version: Version,
    /// The version its writer saw and wrote over.
    pub over: Option<Version>,
    pub author: Author,
}

/// Who wins where an item has two versions. The service knows one rule; the others are defects, and break it only
/// where neither writer had seen the other's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    LastWriter,
    Earlier,
    Local,
}

/// An item's place in an index; items with equal index keys lie in the order of their primary keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    pub key: Key,
    pub primary: Key,
}

/// What each Region's copy is set to by itself.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub tags: BTreeMap<String, String>,
    pub deletion_protection: bool,
    pub point_in_time_recovery: bool,
    /// Days, where it is on.
    pub recovery_period_days: Option<u32>,
    pub table_class: Option<String>,
    /// Server-side encryption with a KMS key: its ARN or the AWS managed one.
    pub kms_key: Option<String>,
}

#[derive(Debug)]
pub struct Replica {
    pub region: Region,
    pub id: String,
    pub created_at: Timestamp,
    /// When it turns ACTIVE; a replica still being filled has no time yet.
    pub active_at: Option<Timestamp>,
    /// UPDATING until then.
    pub updated_at: Timestamp,
    /// When a table being deleted is gone.
    pub gone_at: Option<Timestamp>,
    pub settings: Settings,
    pub stream: Option<Stream>,
    /// Where items expire.
    pub expiry: Option<Expiry>,
    pub items: BTreeMap<Key, Stored>,
    /// Deletes that an older write, still on its way, must not undo.
    pub tombstones: BTreeMap<Key, Version>,
    /// In the order of the table's indexes.
    pub indexes: Vec<BTreeSet<IndexKey>>,
    pub bytes: usize,
    sequence: u64,
}

impl Replica {
    pub fn new(region: Region, id: String, created_at: Timestamp, indexes: usize) -> Self {
        Self {
            region,
            id,
            created_at,
            active_at: None,
            updated_at: created_at,
            gone_at: None,
            settings: Settings::default(),
            stream: None,
            expiry: None,
            items: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            indexes: vec![BTreeSet::new(); indexes],
            bytes: 0,
            sequence: 0,
        }
    }

    /// Whether it takes reads and writes.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.gone_at.is_none() && self.active_at.is_some_and(|at| at <= now)
    }

    pub fn status(&self, now: Timestamp) -> &'static str {
        match (self.gone_at, self.is_active(now)) {
            (Some(_), _) => "DELETING",
            (None, true) if self.updated_at > now => "UPDATING",
            (None, true) => "ACTIVE",
            (None, false) => "CREATING",
        }
    }

    /// A local write of this key, with the version it gets by the Region's clock.
    pub fn change(&mut self, key: Key, item: Option<Arc<Item>>, clock: Timestamp, author: Author) -> Change {
        self.sequence += 1;
        let over = self.version(&key);
        let version = Version::over(over, clock, self.region, self.sequence);
        Change { key, item, version, over, author }
    }

    /// The version of what is there, or of the delete that removed it.
    pub fn version(&self, key: &Key) -> Option<Version> {
        self.items.get(key).map(|stored| stored.version).or_else(|| self.tombstones.get(key).copied())
    }

    /// Stores a change, whatever its version: items, indexes, tombstones and stream together.
    pub fn store(&mut self, indexes: &[Index], change: Change, now: Timestamp, keep_tombstone: bool) {
        let Change { key, item, version, author, .. } = change;
        let old = match &item {
            Some(item) => {
                let size = item_size(item);
                self.bytes += size;
                self.tombstones.remove(&key);
                self.items.insert(key.clone(), Stored { item: item.clone(), size, version })
            }
            None => {
                if keep_tombstone {
                    self.tombstones.insert(key.clone(), version);
                }
                self.items.remove(&key)
            }
        };
        let old = old.map(|stored| {
            self.bytes -= stored.size;
            stored.item
        });
        for (index, entries) in indexes.iter().zip(&mut self.indexes) {
            let place = |item: &Option<Arc<Item>>| item.as_ref().and_then(|item| Key::in_index(&index.keys, item));
            let (before, after) = (place(&old), place(&item));
            if before != after {
                if let Some(key_before) = before {
                    entries.remove(&IndexKey { key: key_before, primary: key.clone() });
                }
                entries.extend(after.map(|key_after| IndexKey { key: key_after, primary: key.clone() }));
            }
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.note(&key, item.as_deref(), now);
        }
        if let Some(stream) = &mut self.stream {
            stream.append(now, &key, old, item, version, author);
        }
    }

    /// Stores a change from another Region if the rule prefers it to what is there.
    pub fn merge(&mut self, indexes: &[Index], change: Change, now: Timestamp, rule: Rule) {
        let is_preferred = self.version(&change.key).is_none_or(|current| {
            let has_seen = change.over == Some(current) || change.version.writer == current.writer;
            match rule {
                Rule::Earlier if !has_seen => change.version < current,
                Rule::Local if !has_seen => false,
                _ => change.version > current,
            }
        });
        if is_preferred {
            self.store(indexes, Change { author: Author::Replication, ..change }, now, true);
        }
    }

    /// Fills a new index from the items.
    pub fn add_index(&mut self, index: &Index) {
        let entries = self.items.iter().filter_map(|(primary, stored)| {
            Some(IndexKey { key: Key::in_index(&index.keys, &stored.item)?, primary: primary.clone() })
        });
        self.indexes.push(entries.collect());
    }
}
