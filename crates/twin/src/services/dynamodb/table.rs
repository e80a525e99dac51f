//! A table: one schema, a replica in each of its Regions, and the links between them.
//!
//! [`Table::commit`] is the only way an item changes in the Region it is written in, so no write can miss the
//! stream, an index or a replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expiry::Expiry;
use super::key::Key;
use super::link::{Link, LinkId};
use super::replica::{Change, Replica, Rule};
use super::schema::{Index, KeySchema};
use super::state::Wake;
use super::stream::{Author, Stream, View};
use super::strong::{Strong, trip};
use super::value::Item;
use super::version::{Stamp, Version};
use crate::clock::Timestamp;
use crate::region::Region;
use crate::seed::Seed;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Billing {
    PayPerRequest,
    /// Recorded and described; nothing is throttled by it.
    Provisioned {
        read: u64,
        write: u64,
    },
}

/// What `UpdateTimeToLive` set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToLive {
    pub attribute: String,
    pub is_enabled: bool,
}

/// What delivering over a link needs of a table.
pub struct Receiving<'a> {
    pub link: &'a mut Link,
    pub replica: &'a mut Replica,
    pub name: &'a str,
    pub indexes: &'a [Index],
}

pub struct Table {
    pub id: u64,
    pub name: String,
    pub keys: KeySchema,
    pub indexes: Vec<Index>,
    pub billing: Billing,
    pub time_to_live: Option<TimeToLive>,
    /// Set where Regions are strongly consistent with each other.
    pub strong: Option<Strong>,
    /// UPDATING until then.
    pub updated_at: Timestamp,
    pub replicas: BTreeMap<Region, Replica>,
    /// By source, then by destination.
    pub links: BTreeMap<Region, BTreeMap<Region, Link>>,
    /// When a Region last was the source of a new replica.
    pub seeded_at: BTreeMap<Region, Timestamp>,
}

impl Table {
    /// Writes or deletes an item in a Region: stores it and sends it to every other replica. Gives what now needs a
    /// task to carry it or to wait for it.
    pub fn commit(&mut self, stamp: Stamp, key: Key, item: Option<Arc<Item>>, author: Author) -> Vec<Wake> {
        let Stamp { region, now, clock } = stamp;
        let is_replicated = self.replicas.len() > 1;
        let Some(replica) = self.replicas.get_mut(&region) else { return Vec::new() };
        let change = replica.change(key, item, clock, author);
        if !is_replicated {
            replica.store(&self.indexes, change, now, false);
            return self.wake_expiry(region).into_iter().collect();
        }
        replica.store(&self.indexes, change.clone(), now, true);
        let mut waking = Vec::new();
        for (to, link) in self.links.get_mut(&region).into_iter().flatten() {
            link.send(change.clone(), now);
            if !std::mem::replace(&mut link.is_pumping, true) {
                waking.push(Wake::Link(LinkId { table: self.id, from: region, to: *to }));
            }
        }
        waking.extend(self.wake_expiry(region));
        waking
    }

    /// Sets the attribute items expire by, in every Region.
    pub fn set_time_to_live(&mut self, seed: Seed, time_to_live: Option<TimeToLive>, now: Timestamp) -> Vec<Wake> {
        if self.time_to_live == time_to_live {
            return Vec::new();
        }
        self.time_to_live = time_to_live;
        let regions: Vec<Region> = self.replicas.keys().copied().collect();
        regions.into_iter().filter_map(|region| self.watch_expiry(seed, region, now)).collect()
    }

    /// Starts a Region's expiry over: from the attribute that is set, with what the Region holds.
    fn watch_expiry(&mut self, seed: Seed, region: Region, now: Timestamp) -> Option<Wake> {
        let attribute = self.time_to_live.as_ref().filter(|setting| setting.is_enabled).map(|one| &one.attribute);
        let replica = self.replicas.get_mut(&region)?;
        replica.expiry = attribute.map(|attribute| {
            let mut expiry = Expiry::new(seed, &self.name, region, attribute);
            replica.items.iter().for_each(|(key, stored)| expiry.note(key, Some(&stored.item), now));
            expiry
        });
        self.wake_expiry(region)
    }

    /// The wait for a Region's next expiry, where there is one and nothing waits yet.
    pub fn wake_expiry(&mut self, region: Region) -> Option<Wake> {
        let expiry = self.replicas.get_mut(&region)?.expiry.as_mut()?;
        expiry.wake().then_some(Wake::Expiry { table: self.id, region })
    }

    pub fn receiving(&mut self, id: LinkId) -> Option<Receiving<'_>> {
        let link = self.links.get_mut(&id.from)?.get_mut(&id.to)?;
        let replica = self.replicas.get_mut(&id.to)?;
        Some(Receiving { link, replica, name: &self.name, indexes: &self.indexes })
    }

    /// Once nothing is on its way no older write can arrive, and deletes need not be remembered.
    pub fn forget_tombstones(&mut self) {
        if self.links.values().flat_map(BTreeMap::values).all(Link::is_empty) {
            self.replicas.values_mut().for_each(|replica| replica.tombstones.clear());
        }
    }

    /// Opens a replica that was being created: everything the others hold, by last writer wins, and links both ways.
    pub fn open_replica(&mut self, seed: Seed, region: Region, now: Timestamp) -> Option<Wake> {
        if self.replicas.get(&region).is_none_or(|replica| replica.active_at.is_some() || replica.gone_at.is_some()) {
            return None;
        }
        let others: Vec<Region> = self.active_regions(now).filter(|other| *other != region).collect();
        let mut changes = Vec::new();
        for replica in others.iter().filter_map(|other| self.replicas.get(other)) {
            changes.extend(replica.items.iter().map(|(key, stored)| Change {
                key: key.clone(),
                item: Some(stored.item.clone()),
                version: stored.version,
                over: None,
                author: Author::Replication,
            }));
            changes.extend(replica.tombstones.iter().map(|(key, version)| Change {
                key: key.clone(),
                item: None,
                version: *version,
                over: None,
                author: Author::Replication,
            }));
        }
        let replica = self.replicas.get_mut(&region)?;
        // What was there before the replica existed is no change in its stream.
        let stream = replica.stream.take();
        for change in changes {
            replica.merge(&self.indexes, change, now, Rule::LastWriter);
        }
        replica.stream = stream;
        replica.active_at = Some(now);
        for other in others {
            for (from, to) in [(region, other), (other, region)] {
                let outgoing = self.links.entry(from).or_default();
                outgoing.entry(to).or_insert_with(|| match self.strong {
                    Some(_) => Link::new(seed, &self.name, from, to).synchronous(trip(from, to)),
                    None => Link::new(seed, &self.name, from, to),
                });
            }
        }
        self.watch_expiry(seed, region, now)
    }

    /// Cuts a Region's replica off; what was on its way to or from it is dropped.
    pub fn close_replica(&mut self, region: Region) -> Option<Replica> {
        self.unlink(region);
        self.replicas.remove(&region)
    }

    /// Ends replication to and from a Region.
    pub fn unlink(&mut self, region: Region) {
        self.links.remove(&region);
        self.links.values_mut().for_each(|outgoing| outgoing.retain(|to, _| *to != region));
    }

    pub fn set_stream(&mut self, view: Option<View>, now: Timestamp) {
        for replica in self.replicas.values_mut() {
            replica.stream = view.map(|view| Stream::new(view, now));
        }
    }

    pub fn stream_view(&self) -> Option<View> {
        self.replicas.values().find_map(|replica| replica.stream.as_ref()).map(|stream| stream.view)
    }

    pub fn index(&self, name: &str) -> Option<(usize, &Index)> {
        self.indexes.iter().enumerate().find(|(_, index)| index.name == name)
    }

    /// The item of this key in a Region, with its version.
    pub fn stored(&self, region: Region, key: &Key) -> Option<(&Arc<Item>, Version)> {
        let stored = self.replicas.get(&region)?.items.get(key)?;
        Some((&stored.item, stored.version))
    }

    fn active_regions(&self, now: Timestamp) -> impl Iterator<Item = Region> {
        self.replicas.values().filter(move |replica| replica.is_active(now)).map(|replica| replica.region)
    }
}
