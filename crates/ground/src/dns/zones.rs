//! Hosted zones and what their names hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{Alias, Node};

/// Zones by name; where there are two of one name, only the older is delegated to.
#[derive(Debug, Default)]
pub struct Zones(BTreeMap<String, Vec<Zone>>);

#[derive(Debug)]
pub struct Zone {
    pub id: String,
    names: BTreeMap<String, Arc<Node>>,
}

impl Zones {
    pub fn open(&mut self, zone_id: &str, name: &str) {
        let zone = Zone { id: zone_id.to_owned(), names: BTreeMap::new() };
        self.0.entry(name.to_owned()).or_default().push(zone);
    }

    pub fn close(&mut self, zone_id: &str, name: &str) {
        if let Some(zones) = self.0.get_mut(name) {
            zones.retain(|zone| zone.id != zone_id);
            if zones.is_empty() {
                self.0.remove(name);
            }
        }
    }

    /// The zone of this id and name, to change.
    pub fn get_mut(&mut self, zone_id: &str, name: &str) -> Option<&mut Zone> {
        self.0.get_mut(name)?.iter_mut().find(|zone| zone.id == zone_id)
    }

    /// The zone that answers for a name: the one with the longest name that ends it.
    pub fn zone_of(&self, name: &str) -> Option<&Zone> {
        let mut rest = name;
        loop {
            if let Some(zone) = self.0.get(rest).and_then(|zones| zones.first()) {
                return Some(zone);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// What the target of an alias holds; nothing where its zone is none of these.
    pub fn target(&self, alias: &Alias) -> Option<&Node> {
        let zone = self.zone_of(&alias.name).filter(|zone| zone.id == alias.zone_id);
        let zone = zone.or_else(|| self.0.values().flatten().find(|zone| zone.id == alias.zone_id))?;
        zone.node(&alias.name)
    }
}

impl Zone {
    /// What a name holds from now on; nothing where it is gone.
    pub fn put(&mut self, name: &str, node: Option<Arc<Node>>) {
        match node {
            Some(node) => self.names.insert(name.to_owned(), node),
            None => self.names.remove(name),
        };
    }

    /// What a name holds: its own records, or those of the wildcard nearest above it.
    pub fn node(&self, name: &str) -> Option<&Node> {
        if let Some(node) = self.names.get(name) {
            return Some(node);
        }
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(node) = self.names.get(&format!("*.{parent}")) {
                return Some(node);
            }
            if self.names.contains_key(parent) {
                return None;
            }
            rest = parent;
        }
        None
    }
}
