//! Hosted zones.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Cloud;
use crate::clock::Timestamp;
use crate::dns::{RecordSet, RecordType, Routing, normal};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};
use crate::world::dns::Update;

use super::Route53;
use super::api::Ask;
use super::change::ChangeInfo;
use super::shape::{answer, change_info, missing, written_name};
use super::state::{Key, Zone, no_such_zone, reversed};

/// What Route 53 gives the NS and SOA records of a new zone (developer guide, "SOA and NS records").
const NS_TTL: u32 = 172_800;
const SOA_TTL: u32 = 900;
/// ListHostedZones gives at most this many (API reference).
const PAGE_MAX: usize = 100;

impl Route53 {
    /// Makes a public zone with its NS and SOA records and sends it to the name servers.
    pub fn create_zone(
        &self,
        cloud: &Cloud,
        name: &str,
        caller_reference: &str,
        comment: &str,
    ) -> Result<(String, Vec<String>, ChangeInfo), AwsError> {
        let name = normal(name);
        let labels_fit = name.split('.').all(|label| !label.is_empty() && label.len() <= 63);
        if !labels_fit || name.len() > 254 {
            return Err(AwsError::bad_request("InvalidDomainName", format!("{name:?} is not a valid domain name")));
        }
        let mut state = self.state();
        if state.zones.values().any(|zone| zone.caller_reference == caller_reference) {
            let message = format!(
                "A hosted zone has already been created with the specified caller reference {caller_reference}."
            );
            return Err(AwsError::new(409, "HostedZoneAlreadyExists", message));
        }
        let id = format!("Z{}", cloud.ids.upper(20));
        let name_servers = name_servers(cloud);
        let mut zone = Zone {
            id: id.clone(),
            name: name.clone(),
            caller_reference: caller_reference.to_owned(),
            comment: comment.to_owned(),
            name_servers: name_servers.clone(),
            records: BTreeMap::new(),
            busy_until: Timestamp::default(),
        };
        for set in required(&name, &name_servers) {
            zone.records.insert(Key::of(&set), Arc::new(set));
        }
        cloud.dns.publish(&id, Update::Opened { name: name.clone() }, cloud.clock.now());
        state.zones.insert(id.clone(), zone);
        let change = state.publish(cloud, &id, vec![name], None);
        Ok((id, name_servers, change))
    }

    pub fn delete_zone(&self, cloud: &Cloud, id: &str) -> Result<ChangeInfo, AwsError> {
        let mut state = self.state();
        let zone = state.zone(id)?;
        if zone.records.values().any(|set| !zone.is_required(set)) {
            let message =
                "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
            return Err(AwsError::bad_request("HostedZoneNotEmpty", message));
        }
        let name = zone.name.clone();
        state.zones.remove(id);
        state.tags.remove(&("hostedzone".to_owned(), id.to_owned()));
        let now = cloud.clock.now();
        let insync_at = cloud.dns.publish(id, Update::Closed { name }, now);
        Ok(state.record_change(cloud, now, insync_at, None))
    }

    /// Changes the comment of a zone.
    pub fn comment_zone(&self, id: &str, comment: &str) -> Result<(), AwsError> {
        let mut state = self.state();
        let zone = state.zones.get_mut(id).ok_or_else(|| no_such_zone(id))?;
        comment.clone_into(&mut zone.comment);
        Ok(())
    }

    /// The zone CloudFormation means by `HostedZoneName`: the one of this name, if there is one and no other.
    pub fn zone_named(&self, name: &str) -> Result<String, AwsError> {
        let name = normal(name);
        let state = self.state();
        let mut found = state.zones.values().filter(|zone| zone.name == name);
        match (found.next(), found.next()) {
            (Some(zone), None) => Ok(zone.id.clone()),
            (None, _) => {
                let message = format!("No hosted zones named {name}. found; create one or give HostedZoneId");
                Err(AwsError::new(404, "NoSuchHostedZone", message))
            }
            _ => {
                let message = format!("Found more than one hosted zone named {name}.; give HostedZoneId");
                Err(AwsError::bad_request("InvalidInput", message))
            }
        }
    }

    pub fn name_servers(&self, id: &str) -> Result<Vec<String>, AwsError> {
        self.state().zone(id).map(|zone| zone.name_servers.clone())
    }
}

/// Four name servers in the form of a delegation set.
fn name_servers(cloud: &Cloud) -> Vec<String> {
    let tld = ["com", "net", "org", "co.uk"];
    let number = || cloud.ids.uuid().bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 64);
    (0_u32..).zip(tld).map(|(i, tld)| format!("ns-{}.awsdns-{:02}.{tld}", i * 512 + number(), number())).collect()
}

fn required(name: &str, name_servers: &[String]) -> [RecordSet; 2] {
    let set = |kind, ttl, values| RecordSet {
        name: name.to_owned(),
        kind,
        set_identifier: None,
        routing: Routing::Simple,
        ttl: Some(ttl),
        values,
        addresses: Vec::new(),
        alias: None,
        health_check_id: None,
    };
    let first = name_servers.first().cloned().unwrap_or_default();
    let soa = format!("{first}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400");
    let servers = name_servers.iter().map(|server| format!("{server}.")).collect();
    [set(RecordType::NS, NS_TTL, servers), set(RecordType::SOA, SOA_TTL, vec![soa])]
}

pub fn create(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(ask.request.body())?;
    let name = body.get_text("Name").ok_or_else(|| missing("name"))?;
    let reference = body.get_text("CallerReference").ok_or_else(|| missing("callerReference"))?;
    let config = body.get("HostedZoneConfig");
    let is_private = config.and_then(|config| config.get_text("PrivateZone")) == Some("true");
    if is_private || body.get("VPC").is_some() || body.get("DelegationSetId").is_some() {
        return Err(AwsError::not_implemented("route53", "CreateHostedZone with VPC, PrivateZone or DelegationSetId"));
    }
    let comment = config.and_then(|config| config.get_text("Comment")).unwrap_or_default();
    let cloud = &ask.call.cloud;
    let (id, name_servers, change) = ask.service.create_zone(cloud, name, reference, comment)?;
    let state = ask.service.state();
    let members =
        vec![hosted_zone(state.zone(&id)?), change_info(&change, cloud.clock.now()), delegation_set(&name_servers)];
    let mut response = answer(201, &ask.call.request_id, "CreateHostedZone", members);
    let location = format!("https://route53.amazonaws.com/2013-04-01/hostedzone/{id}");
    if let Ok(location) = http::HeaderValue::from_str(&location) {
        response.headers_mut().insert(http::header::LOCATION, location);
    }
    Ok(response)
}

pub fn get(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let zone = state.zone(ask.route.id)?;
    let members = vec![hosted_zone(zone), delegation_set(&zone.name_servers)];
    Ok(answer(200, &ask.call.request_id, "GetHostedZone", members))
}

pub fn list(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let size = ask.page_size(PAGE_MAX);
    let from = ask.query("marker").unwrap_or_default();
    let mut rest = state.zones.range(from..).map(|(_, zone)| zone);
    let page: Vec<Element> = rest.by_ref().take(size).map(hosted_zone).collect();
    let next = rest.next().map(|zone| zone.id.clone());
    let members = vec![
        page.into_iter().fold(Element::new("HostedZones"), Element::child),
        Element::new("IsTruncated").text(next.is_some().to_string()),
        Element::new("MaxItems").text(size.to_string()),
    ];
    let next = next.map(|id| Element::new("NextMarker").text(id));
    Ok(answer(200, &ask.call.request_id, "ListHostedZones", members.into_iter().chain(next).collect()))
}

pub fn list_by_name(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let size = ask.page_size(PAGE_MAX);
    let from = (reversed_or_first(ask.query("dnsname")), ask.query("hostedzoneid").unwrap_or_default());
    let by_name: BTreeMap<(String, &str), &Zone> =
        state.zones.values().map(|zone| ((reversed(&zone.name), zone.id.as_str()), zone)).collect();
    let mut rest = by_name.iter().filter(|((name, id), _)| (name.as_str(), *id) >= (from.0.as_str(), from.1.as_str()));
    let page: Vec<Element> = rest.by_ref().take(size).map(|(_, zone)| hosted_zone(zone)).collect();
    let next = rest.next().map(|(_, zone)| *zone);
    let mut members = vec![page.into_iter().fold(Element::new("HostedZones"), Element::child)];
    let given = |name: &str, key: &str| ask.query(key).map(|text| Element::new(name).text(text));
    members.extend(given("DNSName", "dnsname"));
    members.extend(given("HostedZoneId", "hostedzoneid"));
    members.push(Element::new("IsTruncated").text(next.is_some().to_string()));
    if let Some(next) = next {
        members.push(Element::new("NextDNSName").text(written_name(&next.name)));
        members.push(Element::new("NextHostedZoneId").text(&next.id));
    }
    members.push(Element::new("MaxItems").text(size.to_string()));
    Ok(answer(200, &ask.call.request_id, "ListHostedZonesByName", members))
}

fn reversed_or_first(name: Option<String>) -> String {
    name.map(|name| reversed(&normal(&name))).unwrap_or_default()
}

pub fn count(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let count = ask.service.state().zones.len();
    let members = vec![Element::new("HostedZoneCount").text(count.to_string())];
    Ok(answer(200, &ask.call.request_id, "GetHostedZoneCount", members))
}

pub fn delete(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let change = ask.service.delete_zone(&ask.call.cloud, ask.route.id)?;
    let members = vec![change_info(&change, ask.call.cloud.clock.now())];
    Ok(answer(200, &ask.call.request_id, "DeleteHostedZone", members))
}

pub fn update_comment(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(ask.request.body())?;
    ask.service.comment_zone(ask.route.id, body.get_text("Comment").unwrap_or_default())?;
    let state = ask.service.state();
    let members = vec![hosted_zone(state.zone(ask.route.id)?)];
    Ok(answer(200, &ask.call.request_id, "UpdateHostedZoneComment", members))
}

fn hosted_zone(zone: &Zone) -> Element {
    let comment = Some(zone.comment.as_str()).filter(|comment| !comment.is_empty());
    let config = Element::new("Config").optional_child("Comment", comment).text_child("PrivateZone", "false");
    Element::new("HostedZone")
        .text_child("Id", format!("/hostedzone/{}", zone.id))
        .text_child("Name", written_name(&zone.name))
        .text_child("CallerReference", &zone.caller_reference)
        .child(config)
        .text_child("ResourceRecordSetCount", zone.records.len().to_string())
}

fn delegation_set(name_servers: &[String]) -> Element {
    let server = |name: &String| Element::new("NameServer").text(name);
    let servers = name_servers.iter().map(server).fold(Element::new("NameServers"), Element::child);
    Element::new("DelegationSet").child(servers)
}
