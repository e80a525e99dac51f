//! One reading of the Route 53 API: the record sets of a zone, and what stands of the health checks they name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::primitives::DateTime;
use aws_sdk_route53::types::{
    HealthCheckConfig, HealthCheckObservation, HealthCheckType, ResourceRecordSet, ResourceRecordSetFailover,
};

use super::super::{TargetError, said};
use crate::dns::health::{Standing, View, Vote, is_quorum};
use crate::dns::{Alias, Node, RecordSet, RecordType, Routing, Zones, normal};
use crate::region::Region;

/// Between two requests. An account has five a second, and whoever fails over needs them more.
const PACE: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug)]
pub struct Reading {
    pub zones: Zones,
    pub checks: BTreeMap<String, Check>,
}

/// A health check as the API shows it.
#[derive(Clone, Debug)]
pub struct Check {
    kind: Kind,
    inverted: bool,
    disabled: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    /// By the checker's Region and address.
    Voted(BTreeMap<(String, String), Heard>),
    Calculated {
        children: Vec<String>,
        healthy_min: usize,
    },
}

/// What a checker said last.
#[derive(Clone, Debug)]
struct Heard {
    vote: Vote,
    checked: Option<DateTime>,
}

impl Check {
    pub fn view(&self) -> View<'_> {
        let standing = match &self.kind {
            Kind::Calculated { children, healthy_min } => Standing::Calculated { children, healthy_min: *healthy_min },
            // A new check passes until somebody has said something.
            Kind::Voted(heard) if heard.is_empty() => Standing::Passing(true),
            Kind::Voted(heard) => {
                let healthy = heard.values().filter(|heard| heard.vote.is_healthy).count();
                Standing::Passing(is_quorum(healthy, heard.len()))
            }
        };
        View { standing, inverted: self.inverted, disabled: self.disabled }
    }
}

/// Reads a zone and its checks; `before` is what was heard of them last time.
pub async fn read(client: &Client, zone_id: &str, before: Option<&Reading>) -> Result<Reading, TargetError> {
    let zone = client.get_hosted_zone().id(zone_id).send().await.map_err(|error| TargetError(said(&error)))?;
    let name = zone.hosted_zone().map(|zone| normal(zone.name())).unwrap_or_default();
    let sets = record_sets(client, zone_id).await?;
    let mut checks = BTreeMap::new();
    let mut wanted: BTreeSet<String> = sets.iter().filter_map(|set| set.health_check_id.clone()).collect();
    while let Some(id) = wanted.pop_first() {
        let check = check(client, &id, before.and_then(|before| before.checks.get(&id))).await?;
        if let Kind::Calculated { children, .. } = &check.kind {
            wanted.extend(children.iter().filter(|child| !checks.contains_key(*child) && **child != id).cloned());
        }
        checks.insert(id, check);
    }
    let mut names: BTreeMap<String, Vec<Arc<RecordSet>>> = BTreeMap::new();
    for set in sets {
        names.entry(set.name.clone()).or_default().push(Arc::new(set));
    }
    let mut zones = Zones::default();
    zones.open(zone_id, &name);
    if let Some(zone) = zones.get_mut(zone_id, &name) {
        names.into_iter().for_each(|(name, sets)| zone.put(&name, Some(Arc::new(Node::new(sets)))));
    }
    Ok(Reading { zones, checks })
}

async fn record_sets(client: &Client, zone_id: &str) -> Result<Vec<RecordSet>, TargetError> {
    let mut sets = Vec::new();
    let mut request = client.list_resource_record_sets().hosted_zone_id(zone_id);
    loop {
        tokio::time::sleep(PACE).await;
        let page = request.send().await.map_err(|error| TargetError(said(&error)))?;
        for set in page.resource_record_sets() {
            sets.push(record_set(set)?);
        }
        if !page.is_truncated() {
            return Ok(sets);
        }
        request = client
            .list_resource_record_sets()
            .hosted_zone_id(zone_id)
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

/// A record set as the evaluator has it; an error where it answers by a policy the evaluator does not know.
fn record_set(set: &ResourceRecordSet) -> Result<RecordSet, TargetError> {
    let refused = |what: &str| {
        Err(TargetError(format!("{} {} has {what}, which is not evaluated", set.name(), set.r#type().as_str())))
    };
    let Some(kind) = RecordType::parse(set.r#type().as_str()) else { return refused("an unknown type") };
    let elsewhere = set.geo_location().is_some()
        || set.geo_proximity_location().is_some()
        || set.cidr_routing_config().is_some()
        || set.traffic_policy_instance_id().is_some();
    if elsewhere {
        return refused("routing by geography, CIDR or traffic policy");
    }
    let routing = match (set.weight(), set.region(), set.failover(), set.multi_value_answer()) {
        (Some(weight), ..) => match u8::try_from(weight) {
            Ok(weight) => Routing::Weighted(weight),
            Err(_) => return refused("a weight above 255"),
        },
        (_, Some(region), ..) => match Region::parse(region.as_str()) {
            Ok(region) => Routing::Latency(region),
            Err(error) => return refused(&error.to_string()),
        },
        (.., Some(role), _) => Routing::Failover { primary: *role == ResourceRecordSetFailover::Primary },
        (.., Some(true)) => Routing::MultiValue,
        _ => Routing::Simple,
    };
    let values: Vec<String> = set.resource_records().iter().map(|record| record.value().to_owned()).collect();
    let addresses = match kind {
        RecordType::A => values.iter().filter_map(|value| value.parse().ok()).collect(),
        _ => Vec::new(),
    };
    Ok(RecordSet {
        name: normal(set.name()),
        kind,
        set_identifier: set.set_identifier().map(str::to_owned),
        routing,
        ttl: set.ttl().and_then(|ttl| u32::try_from(ttl).ok()),
        values,
        addresses,
        alias: set.alias_target().map(|alias| Alias {
            zone_id: alias.hosted_zone_id().to_owned(),
            name: normal(alias.dns_name()),
            evaluate_target_health: alias.evaluate_target_health(),
        }),
        health_check_id: set.health_check_id().map(str::to_owned),
    })
}

async fn check(client: &Client, id: &str, before: Option<&Check>) -> Result<Check, TargetError> {
    tokio::time::sleep(PACE).await;
    let found =
        client.get_health_check().health_check_id(id).send().await.map_err(|error| TargetError(said(&error)))?;
    let config = found.health_check().and_then(|check| check.health_check_config());
    let config = config.ok_or_else(|| TargetError(format!("health check {id} has no settings")))?;
    let disabled = config.disabled().unwrap_or_default();
    let kind = match config.r#type() {
        HealthCheckType::Calculated => Kind::Calculated {
            children: config.child_health_checks().to_vec(),
            healthy_min: config.health_threshold().and_then(|least| usize::try_from(least).ok()).unwrap_or_default(),
        },
        HealthCheckType::RecoveryControl => {
            return Err(TargetError(format!("health check {id} is a routing control, which is not evaluated")));
        }
        // Nobody is asked any more, and what was said last does not count.
        _ if disabled => Kind::Voted(BTreeMap::new()),
        _ => {
            tokio::time::sleep(PACE).await;
            let status = client.get_health_check_status().health_check_id(id).send().await;
            let status = status.map_err(|error| TargetError(said(&error)))?;
            Kind::Voted(heard(status.health_check_observations(), threshold(config), before))
        }
    };
    Ok(Check { kind, inverted: config.inverted().unwrap_or_default(), disabled })
}

/// How many words in a row change a checker's mind; what reads a metric has made up its mind already.
fn threshold(config: &HealthCheckConfig) -> u32 {
    match config.r#type() {
        HealthCheckType::CloudwatchMetric => 1,
        _ => config.failure_threshold().and_then(|threshold| u32::try_from(threshold).ok()).unwrap_or(3),
    }
}

/// Observations are a checker's last words, not its opinion: a new word counts towards the threshold, and the first
/// one that is heard is believed.
fn heard(
    observations: &[HealthCheckObservation],
    threshold: u32,
    before: Option<&Check>,
) -> BTreeMap<(String, String), Heard> {
    let before = match before.map(|before| &before.kind) {
        Some(Kind::Voted(heard)) => Some(heard),
        _ => None,
    };
    let mut all = BTreeMap::new();
    for observation in observations {
        let Some(report) = observation.status_report() else { continue };
        let success = report.status().unwrap_or_default().starts_with("Success");
        let region = observation.region().map(|region| region.as_str().to_owned()).unwrap_or_default();
        let checker = (region, observation.ip_address().unwrap_or_default().to_owned());
        let checked = report.checked_time().copied();
        let heard = match before.and_then(|before| before.get(&checker)) {
            Some(known) if known.checked == checked => known.clone(),
            Some(known) => {
                let mut vote = known.vote;
                vote.take(success, threshold);
                Heard { vote, checked }
            }
            None => Heard { vote: Vote::new(success), checked },
        };
        all.insert(checker, heard);
    }
    all
}
