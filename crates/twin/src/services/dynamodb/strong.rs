//! Multi-Region strong consistency: three members, of which a write needs two.
//!
//! A write is evaluated on the latest data of any Region, and answered when the nearest other member that can be
//! reached has it: a round trip. From there it travels on to the remaining replicas, so that an eventually consistent
//! read elsewhere may be a trip behind and a strongly consistent one never is. A Region that reaches no other member
//! is a minority of one: it refuses writes and strong reads, and serves eventually consistent ones.
//!
//! A witness keeps what is written and answers nobody; it need not be a Region the twin was started with.

use std::time::Duration;

use super::key::Key;
use super::replica::Rule;
use super::table::Table;
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;
use crate::world::faults::{Pace, Store};
use crate::world::latency::one_way_ms;

/// "MRSC global tables can't span Region sets" (developer guide, "Multi-Region strong consistency").
const REGION_SETS: &[&[&str]] = &[
    &["us-east-1", "us-east-2", "us-west-2"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
];
/// Spread of a round trip around its median.
const JITTER: f64 = 0.05;

/// What a strongly consistent table has beside its replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strong {
    pub witness: Option<Witness>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    pub region: Region,
    /// CREATING until then.
    pub active_at: Timestamp,
}

/// The time a change takes between two members.
pub fn trip(from: Region, to: Region) -> Duration {
    Duration::from_secs_f64(one_way_ms(from.at(), to.at()) / 1_000.0)
}

/// Refuses members that cannot form a table together.
pub fn check_regions(members: &[Region]) -> Result<(), AwsError> {
    let is_within = |set: &&[&str]| members.iter().all(|member| set.contains(&member.as_str()));
    let is_distinct = members.iter().enumerate().all(|(at, member)| !members[..at].contains(member));
    if members.len() != 3 || !is_distinct {
        return Err(AwsError::validation(
            "A global table with multi-Region strong consistency needs three Regions: three replicas, or two replicas \
             and a witness",
        ));
    }
    if !REGION_SETS.iter().any(is_within) {
        let shown: Vec<&str> = members.iter().map(|member| member.as_str()).collect();
        return Err(AwsError::validation(format!(
            "Multi-Region strong consistency is not available for the Regions {}: all must be in one of the sets {}",
            shown.join(", "),
            REGION_SETS.iter().map(|set| set.join(", ")).collect::<Vec<_>>().join("; ")
        )));
    }
    Ok(())
}

impl Table {
    /// The time until another member has what a Region asks of it; an error where none can be reached.
    pub fn majority(&self, cloud: &Cloud, region: Region) -> Result<Duration, AwsError> {
        let Some(strong) = &self.strong else { return Ok(Duration::ZERO) };
        let one_way = |from, to| match cloud.faults.pace(Store::Table, &self.name, from, to) {
            Pace::Stopped => None,
            Pace::Times(times) => Some(trip(from, to) * times),
        };
        let members = self.replicas.keys().copied().chain(strong.witness.map(|witness| witness.region));
        let others = members.filter(|member| *member != region);
        let round_trips = others.filter_map(|other| Some(one_way(region, other)? + one_way(other, region)?));
        let nearest = round_trips.min().ok_or_else(|| {
            // No error of its own is documented for this; it is the service's fault and worth a retry elsewhere.
            let message = format!("Replica in {region} cannot reach a majority of the global table's Regions");
            AwsError::new(500, "InternalServerError", message)
        })?;
        Ok(cloud.latency.around(1_000.0 * nearest.as_secs_f64(), JITTER))
    }

    /// Brings everything that was acknowledged in any Region to this one.
    pub fn settle(&mut self, region: Region, now: Timestamp) {
        if self.strong.is_none() {
            return;
        }
        let Self { links, replicas, indexes, .. } = self;
        let Some(replica) = replicas.get_mut(&region) else { return };
        for link in links.values_mut().filter_map(|outgoing| outgoing.get_mut(&region)) {
            link.take_all(now).for_each(|change| replica.merge(indexes, change, now, Rule::LastWriter));
        }
    }

    /// Refuses a write of an item that another Region's write, still on its way here, is changing.
    pub fn refuse_conflict(&self, region: Region, key: &Key, now: Timestamp) -> Result<(), AwsError> {
        let mut incoming = self.links.values().filter_map(|outgoing| outgoing.get(&region));
        if self.strong.is_some() && incoming.any(|link| link.is_bringing(key, now)) {
            return Err(AwsError::bad_request(
                "ReplicatedWriteConflictException",
                "One or more items in this request are being modified by a request in another Region",
            ));
        }
        Ok(())
    }
}
