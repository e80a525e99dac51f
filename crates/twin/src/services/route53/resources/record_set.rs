//! `AWS::Route53::RecordSet` and `AWS::Route53::RecordSetGroup`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::route53::change::{Action, Change, Draft, DraftAlias};
use crate::services::route53::state::Key;
use crate::wire::AwsError;

const ALIAS: Kind = Kind::Object(&[
    Property::new("DNSName", Kind::Text).required(),
    Property::new("EvaluateTargetHealth", Kind::Boolean),
    Property::new("HostedZoneId", Kind::Text).required(),
]);
const GEO: Kind = Kind::Object(&[
    Property::new("ContinentCode", Kind::Text),
    Property::new("CountryCode", Kind::Text),
    Property::new("SubdivisionCode", Kind::Text),
]);
const CIDR: Kind = Kind::Object(&[
    Property::new("CollectionId", Kind::Text).required(),
    Property::new("LocationName", Kind::Text).required(),
]);
const PROXIMITY: Kind = Kind::Object(&[
    Property::new("AWSRegion", Kind::Text),
    Property::new("Bias", Kind::Integer),
    Property::new(
        "Coordinates",
        Kind::Object(&[
            Property::new("Latitude", Kind::Text).required(),
            Property::new("Longitude", Kind::Text).required(),
        ]),
    ),
    Property::new("LocalZoneGroup", Kind::Text),
]);

const RECORD: &[Property] = &[
    Property::new("AliasTarget", ALIAS),
    Property::new("CidrRoutingConfig", CIDR),
    Property::new("Failover", Kind::Text),
    Property::new("GeoLocation", GEO),
    Property::new("GeoProximityLocation", PROXIMITY),
    Property::new("HealthCheckId", Kind::Text),
    Property::new("HostedZoneId", Kind::Text).replaces(),
    Property::new("HostedZoneName", Kind::Text).replaces(),
    Property::new("MultiValueAnswer", Kind::Boolean),
    Property::new("Name", Kind::Text).required().replaces(),
    Property::new("Region", Kind::Text),
    Property::new("ResourceRecords", Kind::List(&Kind::Text)),
    Property::new("SetIdentifier", Kind::Text),
    Property::new("TTL", Kind::Text),
    Property::new("Type", Kind::Text).required(),
    Property::new("Weight", Kind::Integer),
    Property::new("Comment", Kind::Text),
];

static RECORD_SET: Spec = Spec { name: "AWS::Route53::RecordSet", properties: RECORD, attributes: &[] };

static GROUP: Spec = Spec {
    name: "AWS::Route53::RecordSetGroup",
    properties: &[
        Property::new("Comment", Kind::Text),
        Property::new("HostedZoneId", Kind::Text).replaces(),
        Property::new("HostedZoneName", Kind::Text).replaces(),
        Property::new("RecordSets", Kind::List(&Kind::Object(RECORD))),
    ],
    attributes: &[],
};

pub struct RecordSet;
pub struct RecordSetGroup;

/// The zone that properties name by id or by name, exactly one of which they must have.
fn zone(cx: &ResourceContext, properties: &Value) -> Result<String, ResourceError> {
    match (optional_text(properties, "HostedZoneId"), optional_text(properties, "HostedZoneName")) {
        (Some(id), None) => Ok(id.trim_start_matches("/hostedzone/").to_owned()),
        (None, Some(name)) => Ok(cx.cloud.route53.zone_named(name)?),
        _ => Err(ResourceError("Expected exactly one of HostedZoneId and HostedZoneName".to_owned())),
    }
}

fn draft(properties: &Value) -> Result<Draft, ResourceError> {
    let own = |name: &str| optional_text(properties, name).map(str::to_owned);
    let unsupported = ["GeoLocation", "GeoProximityLocation", "CidrRoutingConfig"];
    let values = properties.get("ResourceRecords").and_then(Value::as_array).into_iter().flatten();
    let ttl = match properties.get("TTL") {
        None => None,
        Some(Value::String(ttl)) => {
            Some(ttl.parse().map_err(|_| ResourceError(format!("TTL {ttl:?} is not a whole number of seconds")))?)
        }
        Some(ttl) => ttl.as_i64(),
    };
    Ok(Draft {
        name: text(properties, "Name").to_owned(),
        kind: text(properties, "Type").to_owned(),
        set_identifier: own("SetIdentifier"),
        weight: properties.get("Weight").and_then(Value::as_i64),
        region: own("Region"),
        failover: own("Failover"),
        multi_value: properties.get("MultiValueAnswer").and_then(Value::as_bool),
        unsupported: unsupported.into_iter().find(|name| properties.get(name).is_some()),
        ttl,
        values: values.filter_map(Value::as_str).map(str::to_owned).collect(),
        alias: properties.get("AliasTarget").map(|alias| DraftAlias {
            zone_id: text(alias, "HostedZoneId").to_owned(),
            name: text(alias, "DNSName").to_owned(),
            evaluate_target_health: alias.get("EvaluateTargetHealth").and_then(Value::as_bool).unwrap_or(false),
        }),
        health_check_id: own("HealthCheckId"),
    })
}

fn change(properties: &Value, action: Action) -> Result<Change, ResourceError> {
    Ok(draft(properties)?.check(action)?)
}

/// The record sets of a group.
fn members(properties: &Value) -> &[Value] {
    properties.get("RecordSets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

async fn apply(cx: &ResourceContext, zone: &str, changes: Vec<Change>) -> Result<(), AwsError> {
    if changes.is_empty() {
        return Ok(());
    }
    let info = cx.cloud.route53.change_records(&cx.cloud, zone, changes, None)?;
    cx.cloud.route53.insync(&cx.cloud, &info).await;
    Ok(())
}

/// From the old record sets to the new ones in one batch: what stays is upserted, what is gone is deleted.
async fn update(cx: &ResourceContext, zone: &str, old: &[Value], new: &[Value]) -> Result<(), ResourceError> {
    let upserts = new.iter().map(|set| change(set, Action::Upsert)).collect::<Result<Vec<_>, _>>()?;
    let mut changes = Vec::new();
    for set in old {
        let delete = change(set, Action::Delete)?;
        if !upserts.iter().any(|upsert| Key::of(&upsert.set) == Key::of(&delete.set)) {
            changes.push(delete);
        }
    }
    changes.extend(upserts);
    Ok(apply(cx, zone, changes).await?)
}

/// Deletes what is still there; a record somebody changed is left, with Route 53's own error.
async fn remove(cx: &ResourceContext, properties: &Value, sets: &[Value]) -> Result<(), ResourceError> {
    // A zone that is gone, by whichever name, took its records with it.
    let Ok(zone) = zone(cx, properties) else { return Ok(()) };
    let held = cx.cloud.route53.records(&zone);
    let mut changes = Vec::new();
    for set in sets {
        let delete = change(set, Action::Delete)?;
        if held.iter().any(|held| Key::of(held) == Key::of(&delete.set)) {
            changes.push(delete);
        }
    }
    Ok(apply(cx, &zone, changes).await?)
}

impl ResourceHandler for RecordSet {
    fn spec(&self) -> &'static Spec {
        &RECORD_SET
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            apply(cx, &zone(cx, properties)?, vec![change(properties, Action::Create)?]).await?;
            Ok(Created::new(text(properties, "Name").trim_end_matches('.')))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            update(cx, &zone(cx, new)?, std::slice::from_ref(old), std::slice::from_ref(new)).await?;
            Ok(Created::new(physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move { remove(cx, properties, std::slice::from_ref(properties)).await })
    }
}

impl ResourceHandler for RecordSetGroup {
    fn spec(&self) -> &'static Spec {
        &GROUP
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let changes =
                members(properties).iter().map(|set| change(set, Action::Create)).collect::<Result<_, _>>()?;
            apply(cx, &zone(cx, properties)?, changes).await?;
            Ok(Created::new(cx.generated_name()))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            update(cx, &zone(cx, new)?, members(old), members(new)).await?;
            Ok(Created::new(physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move { remove(cx, properties, members(properties)).await })
    }
}
