//! `AWS::DynamoDB::GlobalTable`: the table in the stack's Region, and a replica in every other Region listed.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{refuse, settings, spec, steps};
use crate::formation::{Created, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text};
use crate::region::Region;
use crate::services::dynamodb::strong::check_regions;

pub struct GlobalTableHandler;

const REFUSED: &[(&str, &str)] = &[("GlobalTableSourceArn", "there is one account")];
const REFUSED_IN_REPLICAS: &[(&str, &str)] = &[
    ("KinesisStreamSpecification", "there is no Kinesis"),
    ("ResourcePolicy", "access is decided by identity policies alone"),
    ("ReplicaStreamSpecification", "it holds a resource policy, and access is decided by identity policies alone"),
];

impl ResourceHandler for GlobalTableHandler {
    fn spec(&self) -> &'static Spec {
        &spec::GLOBAL_TABLE
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let replicas = checked(cx, properties)?;
            let name = optional_text(properties, "TableName").map_or_else(|| cx.generated_name(), str::to_owned);
            steps::create(cx, request(properties, &name, replicas[&cx.region])?).await?;
            let made = fill(cx, &name, properties, &replicas).await;
            if made.is_err() {
                // The engine learns of a resource when it exists whole: what is half made is cleared away here.
                let _ = clear(cx, &name).await;
            }
            made?;
            steps::created(cx, &name)
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
            let (before, after) = (regions(cx, old)?, checked(cx, new)?);
            let added: Vec<Region> = after.keys().filter(|region| !before.contains_key(region)).copied().collect();
            let removed: Vec<Region> = before.keys().filter(|region| !after.contains_key(region)).copied().collect();
            if added.len() + removed.len() > 1 {
                return Err(ResourceError(
                    "You can only add or remove a single replica in each update of an AWS::DynamoDB::GlobalTable"
                        .into(),
                ));
            }
            let is_strong_either_way = is_strong(old) || is_strong(new);
            let names = ["MultiRegionConsistency", "GlobalTableWitnesses"];
            let is_another = names.iter().any(|name| old.get(name) != new.get(name));
            if is_strong_either_way && (is_another || !added.is_empty() || !removed.is_empty()) {
                return Err(ResourceError(
                    "MultiRegionConsistency STRONG, and the Regions it holds for, cannot be changed once the table is made"
                        .into(),
                ));
            }
            if old.get("StreamSpecification") != new.get("StreamSpecification") {
                if old.get("StreamSpecification").is_some() {
                    return Err(ResourceError("the StreamSpecification of a global table cannot be changed".into()));
                }
                let stream = settings::stream(new).unwrap_or(Value::Null);
                steps::update(cx, json!({ "TableName": physical_id, "StreamSpecification": stream })).await?;
            }
            let mut request = billing(new, after[&cx.region])?;
            if before.get(&cx.region).is_none_or(|replica| billing(old, replica).ok() != Some(request.clone())) {
                request.insert("TableName".to_owned(), physical_id.into());
                steps::update(cx, request.into()).await?;
            }
            if let Some(update) = settings::index_update(old, new)? {
                let definitions = new.get("AttributeDefinitions").cloned().unwrap_or_else(|| json!([]));
                let request = json!({
                    "TableName": physical_id,
                    "AttributeDefinitions": definitions,
                    "GlobalSecondaryIndexUpdates": [update],
                });
                steps::update(cx, request).await?;
            }
            if sse(old, before.get(&cx.region)) != sse(new, after.get(&cx.region)) {
                let wanted = sse(new, after.get(&cx.region)).unwrap_or_else(|| json!({ "Enabled": false }));
                steps::update(cx, json!({ "TableName": physical_id, "SSESpecification": wanted })).await?;
            }
            for (region, replica) in &after {
                let key = kms_key(replica);
                let known = before.get(region).filter(|_| *region != cx.region);
                if key.is_some() && known.is_some_and(|known| kms_key(known) != key) {
                    steps::change_replica(cx, physical_id, "Update", *region, key).await?;
                }
            }
            for region in removed {
                steps::change_replica(cx, physical_id, "Delete", region, None).await?;
            }
            for region in added {
                steps::change_replica(cx, physical_id, "Create", region, kms_key(after[&region])).await?;
            }
            settings::apply_time_to_live(cx, physical_id, new)?;
            for (region, replica) in &after {
                settings::apply(cx, physical_id, *region, replica)?;
            }
            steps::created(cx, physical_id)
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(clear(cx, physical_id))
    }
}

/// The replicas a template lists, by Region.
fn regions<'a>(cx: &ResourceContext, properties: &'a Value) -> Result<BTreeMap<Region, &'a Value>, ResourceError> {
    let mut replicas = BTreeMap::new();
    for (at, replica) in settings::list(properties, "Replicas").iter().enumerate() {
        let name = optional_text(replica, "Region").unwrap_or_default();
        let region = Region::parse(name).map_err(|error| ResourceError(format!("Replicas[{at}].Region: {error}")))?;
        if !cx.cloud.regions.contains(&region) {
            return Err(ResourceError(format!(
                "Replicas[{at}].Region: the twin has no Region {region}; it was started with {:?}",
                cx.cloud.regions
            )));
        }
        if replicas.insert(region, replica).is_some() {
            return Err(ResourceError(format!("Replicas[{at}].Region: {region} is listed twice")));
        }
    }
    Ok(replicas)
}

/// The replicas of a template that can be deployed.
fn checked<'a>(cx: &ResourceContext, properties: &'a Value) -> Result<BTreeMap<Region, &'a Value>, ResourceError> {
    refuse(properties, REFUSED)?;
    let replicas = regions(cx, properties)?;
    let witnesses = witnesses(properties)?;
    if is_strong(properties) {
        check_regions(&replicas.keys().copied().chain(witnesses).collect::<Vec<_>>())?;
        let expires = settings::flag(properties.get("TimeToLiveSpecification"), "Enabled");
        if expires || properties.get("LocalSecondaryIndexes").is_some() {
            return Err(ResourceError(
                "MultiRegionConsistency STRONG goes with neither TimeToLiveSpecification nor LocalSecondaryIndexes"
                    .to_owned(),
            ));
        }
    } else if !witnesses.is_empty() {
        return Err(ResourceError("GlobalTableWitnesses needs MultiRegionConsistency STRONG".to_owned()));
    }
    replicas.values().try_for_each(|replica| refuse(replica, REFUSED_IN_REPLICAS))?;
    if !replicas.contains_key(&cx.region) {
        return Err(ResourceError(format!(
            "Replicas must contain the stack's own Region, {}, which cannot be removed either",
            cx.region
        )));
    }
    let view = properties.get("StreamSpecification").and_then(|stream| optional_text(stream, "StreamViewType"));
    if !is_strong(properties) && replicas.len() > 1 && view != Some("NEW_AND_OLD_IMAGES") {
        return Err(ResourceError(
            "StreamSpecification with StreamViewType NEW_AND_OLD_IMAGES is required where Replicas lists more than one \
             Region"
                .to_owned(),
        ));
    }
    Ok(replicas)
}

async fn fill(
    cx: &ResourceContext,
    name: &str,
    properties: &Value,
    replicas: &BTreeMap<Region, &Value>,
) -> Result<(), ResourceError> {
    settings::apply_time_to_live(cx, name, properties)?;
    if is_strong(properties) {
        let others = replicas.iter().filter(|(region, _)| **region != cx.region);
        let others: Vec<_> = others.map(|(region, replica)| (*region, kms_key(replica))).collect();
        steps::form(cx, name, &others, &witnesses(properties)?).await?;
    }
    for (region, replica) in replicas {
        if *region != cx.region && !is_strong(properties) {
            steps::change_replica(cx, name, "Create", *region, kms_key(replica)).await?;
        }
        settings::apply(cx, name, *region, replica)?;
    }
    Ok(())
}

/// Removes the other replicas, then the table.
async fn clear(cx: &ResourceContext, name: &str) -> Result<(), ResourceError> {
    let now = cx.cloud.clock.now();
    let (others, strong): (Vec<Region>, _) = {
        let mut state = cx.cloud.dynamodb.lock();
        let table = state.describe(cx.region, name, now).ok();
        let strong = table.as_ref().and_then(|table| table.strong);
        let regions = table.into_iter().flat_map(|table| table.replicas.keys().copied());
        (regions.filter(|region| *region != cx.region).collect(), strong)
    };
    if let Some(strong) = strong {
        steps::dissolve(cx, name, &others, strong.witness.map(|witness| witness.region)).await?;
        return steps::delete(cx, name).await;
    }
    for region in others {
        steps::change_replica(cx, name, "Delete", region, None).await?;
    }
    steps::delete(cx, name).await
}

fn is_strong(properties: &Value) -> bool {
    optional_text(properties, "MultiRegionConsistency") == Some("STRONG")
}

/// The Regions of the witnesses; they need not be the twin's.
fn witnesses(properties: &Value) -> Result<Vec<Region>, ResourceError> {
    let named = settings::list(properties, "GlobalTableWitnesses").iter();
    let named = named.map(|witness| optional_text(witness, "Region").unwrap_or_default()).enumerate();
    named
        .map(|(at, name)| {
            Region::parse(name).map_err(|error| ResourceError(format!("GlobalTableWitnesses[{at}].Region: {error}")))
        })
        .collect()
}

/// SSESpecification as the API has it: the template's, with the key of one replica.
fn sse(properties: &Value, replica: Option<&&Value>) -> Option<Value> {
    let given = properties.get("SSESpecification")?;
    let mut made = steps::pick(given, &["SSEType"]);
    made.insert("Enabled".to_owned(), settings::flag(Some(given), "SSEEnabled").into());
    made.extend(replica.and_then(|replica| kms_key(replica)).map(|key| ("KMSMasterKeyId".to_owned(), key.into())));
    Some(made.into())
}

fn kms_key(replica: &Value) -> Option<&str> {
    replica.get("SSESpecification").and_then(|sse| optional_text(sse, "KMSMasterKeyId"))
}

/// CreateTable's members, from the template's and those of the stack Region's replica.
fn request(properties: &Value, name: &str, replica: &Value) -> Result<Value, ResourceError> {
    let mut request = steps::pick(properties, &["AttributeDefinitions", "KeySchema"]);
    request.extend(steps::pick(replica, &["TableClass"]));
    request.extend(billing(properties, replica)?);
    request.insert("TableName".to_owned(), name.into());
    request.entry("AttributeDefinitions").or_insert_with(|| json!([]));
    request.entry("KeySchema").or_insert_with(|| json!([]));
    for indexes in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        request.insert(indexes.to_owned(), settings::indexes(properties, indexes).into());
    }
    request.extend(settings::stream(properties).map(|stream| ("StreamSpecification".to_owned(), stream)));
    request.extend(sse(properties, Some(&replica)).map(|sse| ("SSESpecification".to_owned(), sse)));
    Ok(request.into())
}

/// BillingMode; provisioned capacity is what auto scaling starts from.
fn billing(properties: &Value, replica: &Value) -> Result<serde_json::Map<String, Value>, ResourceError> {
    let mut request = steps::pick(properties, &["BillingMode"]);
    if optional_text(properties, "BillingMode") == Some("PAY_PER_REQUEST") {
        return Ok(request);
    }
    let least = |settings: Option<&Value>, scaling: &str| {
        let scaling = settings?.get(scaling)?;
        scaling.get("SeedCapacity").or_else(|| scaling.get("MinCapacity")).and_then(Value::as_u64)
    };
    let write = least(properties.get("WriteProvisionedThroughputSettings"), "WriteCapacityAutoScalingSettings");
    let reading = ["ReadProvisionedThroughputSettings"].iter().find_map(|name| {
        let settings = replica.get(name).or_else(|| properties.get(name))?;
        let fixed = settings.get("ReadCapacityUnits").and_then(Value::as_u64);
        fixed.or_else(|| least(Some(settings), "ReadCapacityAutoScalingSettings"))
    });
    let (Some(write), Some(read)) = (write, reading) else {
        return Err(ResourceError(
            "BillingMode PROVISIONED, the default, needs WriteProvisionedThroughputSettings and each replica's \
             ReadProvisionedThroughputSettings; say PAY_PER_REQUEST for on-demand"
                .to_owned(),
        ));
    };
    request
        .insert("ProvisionedThroughput".to_owned(), json!({ "ReadCapacityUnits": read, "WriteCapacityUnits": write }));
    Ok(request)
}
