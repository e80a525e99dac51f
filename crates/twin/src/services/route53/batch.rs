//! A change batch against a zone: all of it fits, or none of it happens. Pure.
//!
//! The messages are Route 53's own where they are known from its error responses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dns::{Alias, RecordSet, RecordType, Routing};
use crate::region::Region;
use crate::wire::AwsError;

use super::change::{Action, Change};
use super::state::{Key, Records, Zone, reversed};

/// API reference, ChangeResourceRecordSets: 1,000 record sets a request, an UPSERT counting twice.
const CHANGES_MAX: usize = 1_000;

/// What a batch makes of the record sets it touches.
#[derive(Debug)]
pub struct Outcome {
    pub records: BTreeMap<Key, Option<Arc<RecordSet>>>,
    pub names: BTreeSet<String>,
}

/// Checks every change in order and then the names as they would be; `is_ours` knows the ids of hosted zones.
pub fn plan(zone: &Zone, changes: Vec<Change>, is_ours: &dyn Fn(&str) -> bool) -> Result<Outcome, AwsError> {
    let size: usize = changes.iter().map(|change| if change.action == Action::Upsert { 2 } else { 1 }).sum();
    if size > CHANGES_MAX {
        return Err(invalid(&[format!("Number of records limit of {CHANGES_MAX} exceeded.")]));
    }
    let mut plan = Plan { zone, records: BTreeMap::new(), names: BTreeSet::new(), problems: Vec::new() };
    for Change { action, set } in changes {
        plan.change(action, set);
    }
    if plan.problems.is_empty() {
        plan.check_names(is_ours);
    }
    if plan.problems.is_empty() {
        return Ok(Outcome { records: plan.records, names: plan.names });
    }
    Err(invalid(&plan.problems))
}

fn invalid(problems: &[String]) -> AwsError {
    AwsError::bad_request("InvalidChangeBatch", format!("[{}]", problems.join(", ")))
}

struct Plan<'a> {
    zone: &'a Zone,
    records: BTreeMap<Key, Option<Arc<RecordSet>>>,
    names: BTreeSet<String>,
    problems: Vec<String>,
}

impl Plan<'_> {
    fn change(&mut self, action: Action, set: RecordSet) {
        if !self.zone.covers(&set.name) {
            let (name, zone) = (&set.name, &self.zone.name);
            self.problems.push(format!("RRSet with DNS name {name}. is not permitted in zone {zone}."));
            return;
        }
        let key = Key::of(&set);
        let held = match self.records.get(&key) {
            Some(planned) => planned.as_ref(),
            None => self.zone.records.get(&key),
        };
        let label = label(&set);
        let problem = match (action, held) {
            (Action::Create, Some(_)) => {
                Some(format!("Tried to create resource record set {label} but it already exists"))
            }
            (Action::Delete, None) => Some(format!("Tried to delete resource record set {label} but it was not found")),
            (Action::Delete, Some(held)) if !held.matches(&set) => Some(format!(
                "Tried to delete resource record set {label} but the values provided do not match the current values"
            )),
            (Action::Delete, _) if self.zone.is_required(&set) => Some(if set.kind == RecordType::SOA {
                "A HostedZone must contain exactly one SOA record.".to_owned()
            } else {
                "A HostedZone must contain at least one NS record for the zone itself.".to_owned()
            }),
            _ => None,
        };
        if let Some(problem) = problem {
            self.problems.push(problem);
            return;
        }
        self.names.insert(set.name.clone());
        self.records.insert(key, (action != Action::Delete).then(|| Arc::new(set)));
    }

    /// The record sets a name would have.
    fn sets(&self, name: &str) -> Vec<Arc<RecordSet>> {
        let reversed = reversed(name);
        let first = Key { reversed: reversed.clone(), kind: "", set_identifier: String::new() };
        let mut sets: Records = self
            .zone
            .records
            .range(first.clone()..)
            .take_while(|(key, _)| key.reversed == reversed)
            .map(|(key, set)| (key.clone(), set.clone()))
            .collect();
        for (key, planned) in self.records.range(first..).take_while(|(key, _)| key.reversed == reversed) {
            match planned {
                Some(set) => sets.insert(key.clone(), set.clone()),
                None => sets.remove(key),
            };
        }
        sets.into_values().collect()
    }

    fn check_names(&mut self, is_ours: &dyn Fn(&str) -> bool) {
        let mut problems = Vec::new();
        for name in &self.names {
            let sets = self.sets(name);
            for set in &sets {
                if !matches!(self.records.get(&Key::of(set)), Some(Some(_))) {
                    continue;
                }
                let others: Vec<_> = sets.iter().filter(|other| !Arc::ptr_eq(other, set)).collect();
                problems.extend(self.cname_conflict(set, &others));
                problems.extend(group_conflict(set, &others));
                problems.extend(set.alias.as_ref().and_then(|alias| self.alias_problem(set, alias, is_ours)));
            }
        }
        self.problems.extend(problems);
    }

    fn cname_conflict(&self, set: &RecordSet, others: &[&Arc<RecordSet>]) -> Option<String> {
        let (name, kind, zone) = (&set.name, set.kind.as_str(), &self.zone.name);
        if set.kind != RecordType::CNAME {
            return others.iter().any(|other| other.kind == RecordType::CNAME).then(|| {
                format!(
                    "RRSet of type {kind} with DNS name {name}. is not permitted because a conflicting RRSet of type \
                     CNAME with the same DNS name already exists in zone {zone}."
                )
            });
        }
        if name == zone {
            return Some(format!("RRSet of type CNAME with DNS name {name}. is not permitted at apex in zone {zone}."));
        }
        others.iter().any(|other| other.kind != RecordType::CNAME).then(|| {
            format!(
                "RRSet of type CNAME with DNS name {name}. is not permitted as it conflicts with other records with \
                 the same DNS name in zone {zone}."
            )
        })
    }

    fn alias_problem(&self, set: &RecordSet, alias: &Alias, is_ours: &dyn Fn(&str) -> bool) -> Option<String> {
        let Alias { zone_id, name, .. } = alias;
        let kind = set.kind.as_str();
        let tried = format!("Tried to create an alias that targets {name}., type {kind} in zone {zone_id}, but");
        if *zone_id == self.zone.id {
            let found = self.sets(name).iter().any(|target| target.kind == set.kind);
            let covered = self.zone.covers(name);
            return match (covered, found) {
                (true, true) => None,
                (true, false) => Some(format!("{tried} that target was not found")),
                (false, _) => Some(format!("{tried} the alias target name does not lie within the target zone")),
            };
        }
        if is_ours(zone_id) {
            return Some(format!("{tried} an alias can only target records of its own hosted zone or an AWS service"));
        }
        match api_gateway_zone(name) {
            Some(Some(zone)) if zone == zone_id => None,
            Some(None) => None,
            Some(Some(_)) => Some(format!("{tried} the alias target name does not lie within the target zone")),
            None => Some(format!(
                "{tried} the embedded twin answers aliases to API Gateway Regional domain names and to records of \
                 the same hosted zone only; see docs/fidelity.md"
            )),
        }
    }
}

/// How a record set stands to the others of its name and type.
fn group_conflict(set: &RecordSet, others: &[&Arc<RecordSet>]) -> Option<String> {
    let mut group = others.iter().filter(|other| other.kind == set.kind).peekable();
    group.peek()?;
    let (name, kind) = (&set.name, set.kind.as_str());
    let Some(set_identifier) = &set.set_identifier else {
        return Some(format!(
            "RRSet with DNS name {name}., type {kind} cannot be created as other RRSets exist with the same name and \
             type."
        ));
    };
    let who = format!("RRSet with DNS name {name}., type {kind}, SetIdentifier {set_identifier}");
    for other in group {
        if std::mem::discriminant(&other.routing) != std::mem::discriminant(&set.routing) {
            let policy = policy(&set.routing);
            return Some(format!("{who} cannot be created as a non-{policy} set exists with the same name and type."));
        }
        match (set.routing, other.routing) {
            (Routing::Latency(region), Routing::Latency(taken)) if region == taken => {
                return Some(format!(
                    "{who}, and Region Name={region} cannot be created because a latency RRSet with the same name, \
                     type and region already exists."
                ));
            }
            (Routing::Failover { primary }, Routing::Failover { primary: taken }) if primary == taken => {
                let role = if primary { "PRIMARY" } else { "SECONDARY" };
                return Some(format!(
                    "{who}, and Failover={role} cannot be created because a failover RRSet with the same name, type \
                     and role already exists."
                ));
            }
            (Routing::Weighted(_), Routing::Weighted(_))
                if set.alias.is_none() && other.alias.is_none() && set.ttl != other.ttl =>
            {
                return Some(format!("{who} cannot be created as weighted sets must contain the same TTL."));
            }
            _ => {}
        }
    }
    None
}

const fn policy(routing: &Routing) -> &'static str {
    match routing {
        Routing::Simple => "simple",
        Routing::Weighted(_) => "weighted",
        Routing::Latency(_) => "latency",
        Routing::Failover { .. } => "failover",
        Routing::MultiValue => "multivalue answer",
    }
}

/// `[name='x.example.com.', type='A', set-identifier='us']`.
fn label(set: &RecordSet) -> String {
    let set_identifier = set.set_identifier.as_ref().map(|id| format!(", set-identifier='{id}'")).unwrap_or_default();
    let name = set.name.replace('*', "\\052");
    format!("[name='{name}.', type='{}'{set_identifier}]", set.kind.as_str())
}

/// The hosted zones of API Gateway's Regional endpoints (AWS General Reference, "Amazon API Gateway endpoints and
/// quotas").
const API_GATEWAY_ZONES: &[(&str, &str)] = &[
    ("us-east-1", "Z1UJRXOUMOOFQ8"),
    ("us-east-2", "ZOJJZC49E0EPZ"),
    ("us-west-1", "Z2MUQ32089INYE"),
    ("us-west-2", "Z2OJLYMUO9EFXC"),
    ("af-south-1", "Z2DHW2332DAMTN"),
    ("ap-east-1", "Z3FD1VL90ND7K5"),
    ("ap-south-1", "Z3VO1THU9YC4UR"),
    ("ap-northeast-1", "Z1YSHQZHG15GKL"),
    ("ap-northeast-2", "Z20JF4UZKIW1U8"),
    ("ap-northeast-3", "Z22ILHG95FLSZ2"),
    ("ap-southeast-1", "ZL327KTPIQFUL"),
    ("ap-southeast-2", "Z2RPCDW04V8134"),
    ("ca-central-1", "Z19DQILCV0OWEC"),
    ("eu-central-1", "Z1U9ULNL0V5AJ3"),
    ("eu-west-1", "ZLY8HYME6SFDD"),
];

/// For the host name of an API or a Regional custom domain: the hosted zone it lies in, where that is known.
fn api_gateway_zone(name: &str) -> Option<Option<&'static str>> {
    let (_, rest) = name.split_once(".execute-api.")?;
    let region = Region::parse(rest.strip_suffix(".amazonaws.com")?).ok()?;
    Some(API_GATEWAY_ZONES.iter().find(|(known, _)| *known == region.as_str()).map(|(_, zone)| *zone))
}
