//! Record sets and changes in Route 53's XML.

use crate::clock::Timestamp;
use crate::dns::{RecordSet, Routing};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response, respond};

use super::change::{Action, Change, ChangeInfo, Draft, DraftAlias};

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// `<NameResponse xmlns=…>…`, with this status.
pub fn answer(status: u16, request_id: &str, operation: &str, members: Vec<Element>) -> Response {
    let root = Element::new(&format!("{operation}Response")).attribute("xmlns", NAMESPACE);
    let body = members.into_iter().fold(root, Element::child).document();
    respond(status, "text/xml", request_id, body)
}

pub fn change_info(change: &ChangeInfo, now: Timestamp) -> Element {
    Element::new("ChangeInfo")
        .text_child("Id", format!("/change/{}", change.id))
        .text_child("Status", if change.is_insync(now) { "INSYNC" } else { "PENDING" })
        .text_child("SubmittedAt", change.submitted_at.iso8601())
        .optional_child("Comment", change.comment.as_deref())
}

/// A name as Route 53 writes it: with the trailing dot, the asterisk as an octal code.
pub fn written_name(name: &str) -> String {
    format!("{}.", name.replace('*', "\\052"))
}

pub fn record_set(set: &RecordSet) -> Element {
    let mut out = Element::new("ResourceRecordSet")
        .text_child("Name", written_name(&set.name))
        .text_child("Type", set.kind.as_str())
        .optional_child("SetIdentifier", set.set_identifier.as_deref());
    out = match set.routing {
        Routing::Simple => out,
        Routing::Weighted(weight) => out.text_child("Weight", weight.to_string()),
        Routing::Latency(region) => out.text_child("Region", region.as_str()),
        Routing::Failover { primary: true } => out.text_child("Failover", "PRIMARY"),
        Routing::Failover { primary: false } => out.text_child("Failover", "SECONDARY"),
        Routing::MultiValue => out.text_child("MultiValueAnswer", "true"),
    };
    out = out.optional_child("TTL", set.ttl.map(|ttl| ttl.to_string()));
    if !set.values.is_empty() {
        let value = |value: &String| Element::new("ResourceRecord").text_child("Value", value);
        out = out.child(set.values.iter().map(value).fold(Element::new("ResourceRecords"), Element::child));
    }
    if let Some(alias) = &set.alias {
        let target = Element::new("AliasTarget")
            .text_child("HostedZoneId", &alias.zone_id)
            .text_child("DNSName", written_name(&alias.name))
            .text_child("EvaluateTargetHealth", alias.evaluate_target_health.to_string());
        out = out.child(target);
    }
    out.optional_child("HealthCheckId", set.health_check_id.as_deref())
}

/// The changes of a ChangeResourceRecordSets body, and its comment.
pub fn change_batch(body: &Element) -> Result<(Vec<Change>, Option<String>), AwsError> {
    let batch = body.get("ChangeBatch").ok_or_else(|| missing("ChangeBatch"))?;
    let entries = batch.get("Changes").map(|changes| changes.children.as_slice()).unwrap_or_default();
    if entries.is_empty() {
        let message = "1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy constraint: \
                       Member must have length greater than or equal to 1";
        return Err(AwsError::bad_request("InvalidInput", message));
    }
    let changes = entries.iter().map(change).collect::<Result<_, _>>()?;
    Ok((changes, batch.get_text("Comment").map(str::to_owned)))
}

fn change(entry: &Element) -> Result<Change, AwsError> {
    let action = entry.get_text("Action").unwrap_or_default();
    let action = Action::parse(action).ok_or_else(|| {
        let message = format!(
            "1 validation error detected: Value '{action}' at 'changeBatch.changes.member.action' failed to satisfy \
             constraint: Member must satisfy enum value set: [CREATE, DELETE, UPSERT]"
        );
        AwsError::bad_request("InvalidInput", message)
    })?;
    draft(entry.get("ResourceRecordSet").ok_or_else(|| missing("ResourceRecordSet"))?)?.check(action)
}

fn draft(set: &Element) -> Result<Draft, AwsError> {
    let text = |name: &str| set.get_text(name).map(str::to_owned);
    let number = |name: &str| set.get_text(name).map(|text| integer(name, text)).transpose();
    let unsupported = ["GeoLocation", "GeoProximityLocation", "CidrRoutingConfig", "TrafficPolicyInstanceId"];
    let values = set.get("ResourceRecords").map(|records| records.children.as_slice()).unwrap_or_default();
    Ok(Draft {
        name: text("Name").ok_or_else(|| missing("Name"))?,
        kind: text("Type").ok_or_else(|| missing("Type"))?,
        set_identifier: text("SetIdentifier"),
        weight: number("Weight")?,
        region: text("Region"),
        failover: text("Failover"),
        multi_value: set.get_text("MultiValueAnswer").map(|text| text == "true"),
        unsupported: unsupported.into_iter().find(|name| set.get(name).is_some()),
        ttl: number("TTL")?,
        values: values.iter().filter_map(|record| record.get_text("Value")).map(str::to_owned).collect(),
        alias: set.get("AliasTarget").map(|alias| DraftAlias {
            zone_id: alias.get_text("HostedZoneId").unwrap_or_default().to_owned(),
            name: alias.get_text("DNSName").unwrap_or_default().to_owned(),
            evaluate_target_health: alias.get_text("EvaluateTargetHealth") == Some("true"),
        }),
        health_check_id: text("HealthCheckId").filter(|id| !id.is_empty()),
    })
}

pub fn integer(name: &str, text: &str) -> Result<i64, AwsError> {
    text.parse().map_err(|_| AwsError::bad_request("InvalidInput", format!("{name} {text:?} is not a whole number")))
}

pub fn missing(name: &str) -> AwsError {
    let message = format!("1 validation error detected: Value null at '{name}' failed: Member must not be null");
    AwsError::bad_request("InvalidInput", message)
}
