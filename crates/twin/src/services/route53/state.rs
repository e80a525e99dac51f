//! What the control plane has accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Cloud;
use crate::clock::Timestamp;
use crate::dns::{Node, RecordSet, RecordType};
use crate::wire::AwsError;
use crate::world::dns::Update;

use super::change::ChangeInfo;
use super::checks::HealthCheck;

#[derive(Default)]
pub struct State {
    /// By id.
    pub zones: BTreeMap<String, Zone>,
    pub changes: BTreeMap<String, ChangeInfo>,
    pub checks: BTreeMap<String, HealthCheck>,
    /// By resource type and id.
    pub tags: BTreeMap<(String, String), BTreeMap<String, String>>,
}

pub struct Zone {
    pub id: String,
    /// Lower case, without the trailing dot.
    pub name: String,
    pub caller_reference: String,
    pub comment: String,
    pub name_servers: Vec<String>,
    pub records: Records,
    /// Until when the last batch is being processed.
    pub busy_until: Timestamp,
}

pub type Records = BTreeMap<Key, Arc<RecordSet>>;

/// Orders record sets as ListResourceRecordSets does: labels reversed, with the trailing dot, then type and set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub reversed: String,
    pub kind: &'static str,
    pub set_identifier: String,
}

impl Key {
    pub fn of(set: &RecordSet) -> Self {
        let set_identifier = set.set_identifier.clone().unwrap_or_default();
        Self { reversed: reversed(&set.name), kind: set.kind.as_str(), set_identifier }
    }
}

/// `www.example.com` as `com.example.www.`.
pub fn reversed(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    for label in name.rsplit('.') {
        out.push_str(label);
        out.push('.');
    }
    out
}

impl Zone {
    /// The record sets of one name.
    pub fn node(&self, name: &str) -> Option<Arc<Node>> {
        let reversed = reversed(name);
        let first = Key { reversed: reversed.clone(), kind: "", set_identifier: String::new() };
        let sets: Vec<_> = self
            .records
            .range(first..)
            .take_while(|(key, _)| key.reversed == reversed)
            .map(|(_, set)| set.clone())
            .collect();
        (!sets.is_empty()).then(|| Arc::new(Node::new(sets)))
    }

    /// Whether a name lies in the zone.
    pub fn covers(&self, name: &str) -> bool {
        name.strip_suffix(self.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The NS and SOA record sets every zone has.
    pub fn is_required(&self, set: &RecordSet) -> bool {
        set.name == self.name && (set.kind == RecordType::NS || set.kind == RecordType::SOA)
    }
}

impl State {
    pub fn zone(&self, id: &str) -> Result<&Zone, AwsError> {
        self.zones.get(id).ok_or_else(|| no_such_zone(id))
    }

    /// Sends what these names of a zone hold now to the name servers, and records the change.
    pub fn publish(&mut self, cloud: &Cloud, zone_id: &str, names: Vec<String>, comment: Option<String>) -> ChangeInfo {
        let names_now = match self.zones.get(zone_id) {
            Some(zone) => names.into_iter().map(|name| (zone.node(&name), name)).map(|(n, name)| (name, n)).collect(),
            None => Vec::new(),
        };
        let zone = self.zones.get(zone_id).map(|zone| zone.name.clone()).unwrap_or_default();
        let now = cloud.clock.now();
        let insync_at = cloud.dns.publish(zone_id, Update::Names { zone, names: names_now }, now);
        self.record_change(cloud, now, insync_at, comment)
    }

    pub fn record_change(
        &mut self,
        cloud: &Cloud,
        submitted_at: Timestamp,
        insync_at: Timestamp,
        comment: Option<String>,
    ) -> ChangeInfo {
        let id = format!("C{}", cloud.ids.upper(20));
        let change = ChangeInfo { id: id.clone(), submitted_at, insync_at, comment };
        self.changes.insert(id, change.clone());
        change
    }
}

pub fn no_such_zone(id: &str) -> AwsError {
    AwsError::new(404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_reversed_labels_with_the_trailing_dot() {
        let mut names = vec!["www.example.com", "example.com", "a.b.example.com", "b.example.com", "b-c.example.com"];
        names.sort_by_key(|name| reversed(name));
        // A hyphen sorts before the dot that ends a label (API reference, ListResourceRecordSets).
        assert_eq!(names, ["example.com", "b-c.example.com", "b.example.com", "a.b.example.com", "www.example.com"]);
    }
}
