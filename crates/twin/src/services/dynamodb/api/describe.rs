//! A table as DescribeTable shows it.

use serde_json::{Map, Value as Json, json};

use super::request::table_arn;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::services::dynamodb::replica::Replica;
use crate::services::dynamodb::schema::{Index, IndexKind, KeySchema, Projection};
use crate::services::dynamodb::table::{Billing, Table};
use crate::services::dynamodb::value::item_size;

/// The description of a Region's replica of a table.
pub fn describe(table: &Table, account: &str, region: Region, now: Timestamp) -> Json {
    let Some(replica) = table.replicas.get(&region) else { return Json::Null };
    let arn = table_arn(account, region, &table.name);
    let mut out = Map::new();
    let mut put = |name: &str, value: Json| {
        out.insert(name.to_owned(), value);
    };
    put("TableName", json!(table.name));
    put("TableArn", json!(arn));
    put("TableId", json!(replica.id));
    put("TableStatus", json!(status(table, replica, now)));
    put("CreationDateTime", json!(replica.created_at.seconds()));
    put("KeySchema", keys(&table.keys));
    put("AttributeDefinitions", definitions(table));
    put("ItemCount", json!(replica.items.len()));
    put("TableSizeBytes", json!(replica.bytes));
    put("DeletionProtectionEnabled", json!(replica.settings.deletion_protection));
    put("ProvisionedThroughput", throughput(&table.billing));
    if table.billing == Billing::PayPerRequest {
        let since = replica.created_at.seconds();
        put(
            "BillingModeSummary",
            json!({
                "BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": since,
            }),
        );
    }
    for (kind, name) in [(IndexKind::Global, "GlobalSecondaryIndexes"), (IndexKind::Local, "LocalSecondaryIndexes")] {
        let all = table.indexes.iter().enumerate().filter(|(_, index)| index.kind == kind);
        let shown: Vec<Json> = all.map(|(at, one)| index(table, replica, at, one, &arn, now)).collect();
        if !shown.is_empty() {
            put(name, shown.into());
        }
    }
    if let Some(stream) = &replica.stream {
        put("StreamSpecification", json!({ "StreamEnabled": true, "StreamViewType": stream.view }));
        put("LatestStreamLabel", json!(stream.label));
        put("LatestStreamArn", json!(format!("{arn}/stream/{}", stream.label)));
    }
    if let Some(key) = &replica.settings.kms_key {
        put("SSEDescription", json!({ "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key }));
    }
    if let Some(class) = &replica.settings.table_class {
        put("TableClassSummary", json!({ "TableClass": class }));
    }
    if table.replicas.len() > 1 {
        put("GlobalTableVersion", json!("2019.11.21"));
        put("MultiRegionConsistency", json!(if table.strong.is_some() { "STRONG" } else { "EVENTUAL" }));
        if let Some(witness) = table.strong.and_then(|strong| strong.witness) {
            let status = if witness.active_at > now { "CREATING" } else { "ACTIVE" };
            put("GlobalTableWitnesses", json!([{ "RegionName": witness.region, "WitnessStatus": status }]));
        }
        // The replicas a table has beside itself.
        let others = table.replicas.values().filter(|other| other.region != region);
        let shown: Vec<Json> =
            others.map(|other| json!({ "RegionName": other.region, "ReplicaStatus": other.status(now) })).collect();
        put("Replicas", shown.into());
    }
    Json::Object(out)
}

fn status(table: &Table, replica: &Replica, now: Timestamp) -> &'static str {
    let is_changing = table.updated_at > now
        || table.replicas.values().any(|other| other.region != replica.region && other.status(now) != "ACTIVE");
    match replica.status(now) {
        "ACTIVE" if is_changing => "UPDATING",
        status => status,
    }
}

fn keys(schema: &KeySchema) -> Json {
    let types = ["HASH", "RANGE"];
    let shown = schema.names().zip(types).map(|(name, kind)| json!({ "AttributeName": name, "KeyType": kind }));
    shown.collect::<Vec<_>>().into()
}

fn definitions(table: &Table) -> Json {
    let all = table.keys.attributes().chain(table.indexes.iter().flat_map(|index| index.keys.attributes()));
    let mut known: Vec<(&str, &str)> = all.map(|attribute| (attribute.name.as_str(), attribute.kind)).collect();
    known.sort_unstable();
    known.dedup();
    let shown = known.iter().map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
    shown.collect::<Vec<_>>().into()
}

fn throughput(billing: &Billing) -> Json {
    let (read, write) = match billing {
        Billing::PayPerRequest => (0, 0),
        Billing::Provisioned { read, write } => (*read, *write),
    };
    json!({ "NumberOfDecreasesToday": 0, "ReadCapacityUnits": read, "WriteCapacityUnits": write })
}

fn index(table: &Table, replica: &Replica, at: usize, index: &Index, arn: &str, now: Timestamp) -> Json {
    let entries = replica.indexes.get(at);
    let bytes: usize = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| replica.items.get(&entry.primary))
        .map(|stored| item_size(&index.projected(&table.keys, &stored.item)))
        .sum();
    let projection = match &index.projection {
        Projection::All => json!({ "ProjectionType": "ALL" }),
        Projection::KeysOnly => json!({ "ProjectionType": "KEYS_ONLY" }),
        Projection::Include(names) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names }),
    };
    let mut shown = json!({
        "IndexName": index.name,
        "IndexArn": format!("{arn}/index/{}", index.name),
        "KeySchema": keys(&index.keys),
        "Projection": projection,
        "ItemCount": entries.map_or(0, std::collections::BTreeSet::len),
        "IndexSizeBytes": bytes,
    });
    if index.kind == IndexKind::Global {
        let is_active = index.active_at <= now;
        shown["IndexStatus"] = json!(if is_active { "ACTIVE" } else { "CREATING" });
        shown["ProvisionedThroughput"] = throughput(&table.billing);
        if !is_active && replica.is_active(now) {
            shown["Backfilling"] = json!(true);
        }
    }
    shown
}
