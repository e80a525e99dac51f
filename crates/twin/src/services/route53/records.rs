//! Record sets: changing, listing, and asking what they answer.

use std::ops::Bound;
use std::time::Duration;

use crate::Cloud;
use crate::dns::{Data, RecordSet, RecordType, normal};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};
use crate::world::network::Origin;

use super::Route53;
use super::api::Ask;
use super::batch;
use super::change::{Change, ChangeInfo};
use super::shape::{answer, change_batch, change_info, missing, record_set, written_name};
use super::state::{Key, reversed};

/// ListResourceRecordSets gives at most this many (API reference).
const PAGE_MAX: usize = 300;
/// How long a batch is being processed, in which another one for the zone is rejected. AWS documents the error and no
/// figure; two batches sent one after the other never meet it.
const PROCESSING: Duration = Duration::from_millis(100);

impl Route53 {
    /// Applies a batch to a zone, all of it or nothing, and sends what changed to the name servers.
    pub fn change_records(
        &self,
        cloud: &Cloud,
        zone_id: &str,
        changes: Vec<Change>,
        comment: Option<String>,
    ) -> Result<ChangeInfo, AwsError> {
        let mut state = self.state();
        let zone = state.zone(zone_id)?;
        let unknown = changes
            .iter()
            .filter(|change| change.action != super::Action::Delete)
            .filter_map(|change| change.set.health_check_id.as_ref())
            .find(|id| !state.checks.contains_key(*id));
        if let Some(id) = unknown {
            let message = format!("No health check exists with the specified ID: {id}");
            return Err(AwsError::new(404, "NoSuchHealthCheck", message));
        }
        let outcome = batch::plan(zone, changes, &|id| state.zones.contains_key(id))?;
        if let Some(zone) = state.zones.get_mut(zone_id) {
            for (key, set) in outcome.records {
                match set {
                    Some(set) => zone.records.insert(key, set),
                    None => zone.records.remove(&key),
                };
            }
        }
        Ok(state.publish(cloud, zone_id, outcome.names.into_iter().collect(), comment))
    }

    /// The record sets of a zone as accepted, in AWS's order.
    pub fn records(&self, zone_id: &str) -> Vec<std::sync::Arc<RecordSet>> {
        let state = self.state();
        state.zones.get(zone_id).map(|zone| zone.records.values().cloned().collect()).unwrap_or_default()
    }

    /// Returns when every name server serves a change, as CloudFormation waits for it.
    pub async fn insync(&self, cloud: &Cloud, change: &ChangeInfo) {
        cloud.clock.sleep_until(change.insync_at).await;
    }
}

pub fn change(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let cloud = &ask.call.cloud;
    let now = cloud.clock.now();
    if now < ask.service.state().zone(ask.route.id)?.busy_until {
        let message = "The request was rejected because Route 53 was still processing a prior request.";
        return Err(AwsError::bad_request("PriorRequestNotComplete", message));
    }
    let (changes, comment) = change_batch(&Element::parse(ask.request.body())?)?;
    let change = ask.service.change_records(cloud, ask.route.id, changes, comment)?;
    if let Some(zone) = ask.service.state().zones.get_mut(ask.route.id) {
        zone.busy_until = now + PROCESSING;
    }
    let members = vec![change_info(&change, now)];
    Ok(answer(200, &ask.call.request_id, "ChangeResourceRecordSets", members))
}

pub fn get_change(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let change = state.changes.get(ask.route.id).ok_or_else(|| {
        AwsError::new(404, "NoSuchChange", format!("Could not find resource with ID: {}", ask.route.id))
    })?;
    let members = vec![change_info(change, ask.call.cloud.clock.now())];
    Ok(answer(200, &ask.call.request_id, "GetChange", members))
}

pub fn list(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let zone = state.zone(ask.route.id)?;
    let size = ask.page_size(PAGE_MAX);
    let (name, kind, set) = (ask.query("name"), ask.query("type"), ask.query("identifier"));
    if kind.is_some() && name.is_none() {
        let message = "A type was given without a name: StartRecordType needs StartRecordName";
        return Err(AwsError::bad_request("InvalidInput", message));
    }
    let kind = match kind {
        Some(kind) => RecordType::parse(&kind)
            .map(RecordType::as_str)
            .ok_or_else(|| AwsError::bad_request("InvalidInput", format!("unknown record type {kind:?}")))?,
        None => "",
    };
    let from = Key {
        reversed: name.map(|name| reversed(&normal(&name))).unwrap_or_default(),
        kind,
        set_identifier: set.unwrap_or_default(),
    };
    let mut rest = zone.records.range((Bound::Included(from), Bound::Unbounded)).map(|(_, set)| set);
    let page = rest.by_ref().take(size).fold(Element::new("ResourceRecordSets"), |all, set| all.child(record_set(set)));
    let next = rest.next();
    let mut members = vec![page, Element::new("IsTruncated").text(next.is_some().to_string())];
    if let Some(next) = next {
        members.push(Element::new("NextRecordName").text(written_name(&next.name)));
        members.push(Element::new("NextRecordType").text(next.kind.as_str()));
        members.extend(next.set_identifier.as_ref().map(|id| Element::new("NextRecordIdentifier").text(id)));
    }
    members.push(Element::new("MaxItems").text(size.to_string()));
    Ok(answer(200, &ask.call.request_id, "ListResourceRecordSets", members))
}

/// What a resolver in the home Region would be told, which is what Route 53 assumes where no resolver is named.
pub fn test_answer(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let cloud = &ask.call.cloud;
    if ask.query("resolverip").is_some() || ask.query("edns0clientsubnetip").is_some() {
        let message =
            "the embedded twin has no map from addresses to places: leave out ResolverIP and EDNS0ClientSubnetIP";
        return Err(AwsError::bad_request("InvalidInput", message));
    }
    let zone_id = ask.query("hostedzoneid").ok_or_else(|| missing("hostedZoneId"))?;
    let name = normal(&ask.query("recordname").ok_or_else(|| missing("recordName"))?);
    let kind = ask.query("recordtype").ok_or_else(|| missing("recordType"))?;
    let kind = RecordType::parse(&kind)
        .ok_or_else(|| AwsError::bad_request("InvalidInput", format!("unknown record type {kind:?}")))?;
    let state = ask.service.state();
    let zone = state.zone(zone_id.trim_start_matches("/hostedzone/"))?;
    if !zone.covers(&name) {
        let message = format!("{name}. does not lie in hosted zone {}.", zone.name);
        return Err(AwsError::bad_request("InvalidInput", message));
    }
    let nameserver = zone.name_servers.first().cloned().unwrap_or_default();
    drop(state);
    let (code, data) = match cloud.dns.ask(cloud, Origin::Region(cloud.home()), &name, kind).data {
        Data::Addresses(addresses) => ("NOERROR", addresses.iter().map(ToString::to_string).collect()),
        Data::Cname(target) => ("NOERROR", vec![format!("{target}.")]),
        Data::Values(values) => ("NOERROR", values),
        Data::Empty => ("NOERROR", Vec::new()),
        Data::NoName => ("NXDOMAIN", Vec::new()),
        Data::Failed => ("SERVFAIL", Vec::new()),
    };
    let entry = |text: String| Element::new("RecordDataEntry").text(text);
    let members = vec![
        Element::new("Nameserver").text(nameserver),
        Element::new("RecordName").text(written_name(&name)),
        Element::new("RecordType").text(kind.as_str()),
        data.into_iter().map(entry).fold(Element::new("RecordData"), Element::child),
        Element::new("ResponseCode").text(code),
        Element::new("Protocol").text("UDP"),
    ];
    Ok(answer(200, &ask.call.request_id, "TestDNSAnswer", members))
}
