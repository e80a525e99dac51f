//! The record sets of the public name as the control plane lists them: what guards, canaries and operators change.

use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_route53::types::ResourceRecordSet;
use tokio::sync::watch;

use super::{Backoff, Checks, Hosts, comparable, every};
use crate::history::{Event, RecordSeen, Recorder};
use crate::region::Region;
use crate::target::said;

const INTERVAL: Duration = Duration::from_secs(5);

/// Whose records: a name in a hosted zone, and the endpoints they can lead to.
#[derive(Clone, Debug)]
pub struct RecordsOf {
    pub zone: String,
    pub name: String,
    pub hosts: Hosts,
}

/// Records the sets at first sight and at each change, and tells `checks` which health checks they follow.
pub async fn watch_records(
    client: aws_sdk_route53::Client,
    of: RecordsOf,
    checks: Checks,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    let (seen, backoff) = (Mutex::new(None), Backoff::default());
    let look = || async {
        let call = client.list_resource_record_sets().hosted_zone_id(&of.zone).start_record_name(&of.name);
        // A name has a hundred records with set identifiers at most: one page holds them.
        let page = call.max_items(100).send().await.map_err(|error| said(&error))?;
        let mine = page.resource_record_sets().iter().filter(|set| comparable(set.name()) == comparable(&of.name));
        let mut sets: Vec<RecordSeen> = mine.map(|set| record(set, &of.hosts)).collect();
        sets.sort_by(|a, b| a.id.cmp(&b.id));
        checks.follow(sets.iter().filter_map(|set| set.health_check.clone()));
        let Ok(mut seen) = seen.lock() else { return Ok(()) };
        if seen.as_ref() != Some(&sets) {
            *seen = Some(sets.clone());
            recorder.record(Event::Records { name: of.name.clone(), sets });
        }
        Ok(())
    };
    every("record probe", INTERVAL, &recorder, stop, || backoff.spare(look())).await;
}

fn record(set: &ResourceRecordSet, hosts: &Hosts) -> RecordSeen {
    let values: Vec<String> = match set.alias_target() {
        Some(alias) => vec![comparable(alias.dns_name())],
        None => set.resource_records().iter().map(|value| value.value().to_owned()).collect(),
    };
    RecordSeen {
        id: set.set_identifier().unwrap_or_default().to_owned(),
        weight: set.weight().and_then(|weight| u64::try_from(weight).ok()),
        region: set.region().and_then(|region| Region::parse(region.as_str()).ok()),
        leads_to: values.iter().find_map(|value| hosts.region_of(value)),
        values,
        health_check: set.health_check_id().map(str::to_owned),
        ttl_s: set.ttl().and_then(|ttl| u32::try_from(ttl).ok()),
    }
}
