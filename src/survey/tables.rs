//! DynamoDB: conditional writes, streams, and replicas that lag.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateReplicationGroupMemberAction, KeySchemaElement, KeyType,
    ReplicationGroupUpdate, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, Tag,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bench::{Bench, TAG, minutes, patience, seconds, until};
use super::miss::{Miss, Probed, lie, refused, refused_raw, unbuilt, unknown};
use crate::capability::Capability;
use crate::region::Region;
use crate::target::said;
use crate::wait::Look;

/// How often one of so many conditional writes at once must win alone.
const ROUNDS: usize = 20;
const AT_ONCE: usize = 8;
/// How many writes are followed in each direction.
const WRITES: usize = 5;
/// How long a write may take to arrive: MREC replicates "usually within a second" (DynamoDB developer guide).
const ARRIVES: Duration = minutes(2);
/// How long a replica may take to become ACTIVE.
const REPLICA: Duration = minutes(10);

/// A table with a replica in another Region.
#[derive(Clone)]
pub struct Replicated {
    pub name: String,
    pub here: (Region, Client),
    pub there: (Region, Client),
}

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Table, minutes(4), conditional(bench)).await;
    bench.attempt(Capability::TableStreams, minutes(3), streams(bench)).await;
    bench.attempt(Capability::TableReplication, minutes(25), replication(bench)).await;
}

async fn conditional(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.dynamodb;
    let name = bench.name("table");
    create(bench, &name).await?;
    for round in 0..ROUNDS {
        let key = format!("round-{round}");
        let race = (0..AT_ONCE).map(|racer| {
            let put =
                client.put_item().table_name(&name).item("id", text(&key)).item("racer", text(&racer.to_string()));
            put.condition_expression("attribute_not_exists(id)").send()
        });
        let mut won = 0;
        for ended in join_all(race).await {
            match ended {
                Ok(_) => won += 1,
                Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {}
                Err(error) => return Err(refused("PutItem")(error)),
            }
        }
        if won != 1 {
            return lie(format!(
                "of {AT_ONCE} conditional writes of one new key at once {won} were accepted, in round {round}"
            ));
        }
    }
    let seen = format!("{ROUNDS} rounds of {AT_ONCE} conditional writes at once, one winner each");
    let Ok((there, clients)) = bench.theirs() else { return Ok(seen) };
    match clients.dynamodb.describe_table().table_name(&name).send().await {
        Ok(_) => lie(format!("a table made in {} is there in {there} too, without a replica", bench.here)),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            Ok(format!("{seen}; {there} has no such table"))
        }
        Err(error) => Err(refused("DescribeTable")(error)),
    }
}

/// Puts, changes and deletes an item, and reads what the stream says of it.
async fn streams(bench: &Bench<'_>) -> Probed {
    let clients = bench.ours()?;
    let name = bench.name("table");
    let table = clients.dynamodb.describe_table().table_name(&name).send().await.map_err(refused("DescribeTable"))?;
    let Some(arn) = table.table().and_then(|table| table.latest_stream_arn()).map(str::to_owned) else {
        return lie("CreateTable accepted a StreamSpecification, and the table has no stream");
    };
    let put = |order: &'static str| {
        clients.dynamodb.put_item().table_name(&name).item("id", text("streamed")).item("order", text(order)).send()
    };
    put("one").await.map_err(refused("PutItem"))?;
    put("two").await.map_err(refused("PutItem"))?;
    let deleted = clients.dynamodb.delete_item().table_name(&name).key("id", text("streamed")).send().await;
    deleted.map_err(refused("DeleteItem"))?;
    let look = async || {
        let seen = events(bench, &arn, "streamed").await?;
        let all = seen == ["INSERT", "MODIFY", "REMOVE"];
        Ok(if all { Look::Ready(()) } else { Look::NotYet(format!("it tells {seen:?}")) })
    };
    match until(minutes(1), seconds(1), look).await? {
        Ok(()) => Ok("the stream tells INSERT, MODIFY and REMOVE of one item, in order".to_owned()),
        Err(last) => lie(format!("an item was put, changed and deleted; {last}")),
    }
}

/// The kinds of the events that a stream has of a key.
async fn events(bench: &Bench<'_>, stream: &str, key: &str) -> Probed<Vec<String>> {
    let raw = &bench.ours()?.raw;
    let call = async |operation: &str, body: Value| {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        raw.json("dynamodb", &target, &body).await.map_err(|error| match error.code.as_str() {
            // AWS serves streams at an endpoint of their own.
            "UnknownOperationException" => {
                Miss::Unknown(format!("the stream exists; nobody here can read it: {error}"))
            }
            _ => refused_raw(operation)(error),
        })
    };
    let mut seen = Vec::new();
    let described = call("DescribeStream", json!({ "StreamArn": stream })).await?;
    for shard in described["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
        let from = json!({
            "StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
        });
        let mut iterator = call("GetShardIterator", from).await?["ShardIterator"].clone();
        // A page that has nothing ends what there is so far.
        while iterator.is_string() {
            let page = call("GetRecords", json!({ "ShardIterator": iterator })).await?;
            let records = page["Records"].as_array().cloned().unwrap_or_default();
            if records.is_empty() {
                break;
            }
            let ours = records.iter().filter(|record| record["dynamodb"]["Keys"]["id"]["S"] == key);
            seen.extend(ours.filter_map(|record| record["eventName"].as_str().map(str::to_owned)));
            iterator = page["NextShardIterator"].clone();
        }
    }
    Ok(seen)
}

async fn replication(bench: &Bench<'_>) -> Probed {
    followed(&replicated(bench).await?).await
}

/// Writes on both sides and looks on the other: at once, and until it is there.
pub async fn followed(table: &Replicated) -> Probed {
    let mut lags = Vec::new();
    let mut at_once = 0;
    for (from, to) in [(&table.here, &table.there), (&table.there, &table.here)] {
        for number in 0..WRITES {
            let key = format!("{}-{number}", from.0);
            put(&table.name, from, &key, "1").await?;
            let written = Instant::now();
            if get(&table.name, to, &key).await?.is_some() {
                at_once += 1;
                continue;
            }
            match arrival(&table.name, to, &key, "1").await? {
                Ok(()) => lags.push(written.elapsed().as_secs_f64()),
                Err(last) => {
                    return lie(format!("the replica is ACTIVE; what was written in {} never arrives: {last}", from.0));
                }
            }
        }
    }
    if lags.is_empty() {
        let (here, there) = (table.here.0, table.there.0);
        return lie(format!(
            "all of {at_once} writes in {here} and {there} were in the other Region when they were acknowledged: \
             they are replicated inside the write, or both Regions lead to one table"
        ));
    }
    let (least, most) = lags.iter().fold((f64::MAX, 0.0_f64), |(least, most), lag| (least.min(*lag), most.max(*lag)));
    let all = 2 * WRITES;
    let arrived = lags.len();
    Ok(format!(
        "of {all} writes in both directions {arrived} arrived {least:.1} to {most:.1} s after the acknowledgement"
    ))
}

/// The table that all probes of replication share.
pub async fn replicated(bench: &Bench<'_>) -> Probed<Replicated> {
    bench.table.get_or_init(|| replicate(bench)).await.clone()
}

async fn replicate(bench: &Bench<'_>) -> Probed<Replicated> {
    let ours = bench.ours()?.dynamodb.clone();
    let (there, clients) = bench.theirs()?;
    let theirs = clients.dynamodb.clone();
    let name = bench.name("global");
    create(bench, &name).await?;
    let create = CreateReplicationGroupMemberAction::builder().region_name(there.as_str()).build().map_err(unbuilt)?;
    let update = ReplicationGroupUpdate::builder().create(create).build();
    let updated = ours.update_table().table_name(&name).replica_updates(update).send().await;
    updated.map_err(refused("UpdateTable with a replica"))?;
    let look = async || {
        let described = match theirs.describe_table().table_name(&name).send().await {
            Ok(described) => described,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                return Ok(Look::NotYet(format!("{there} has no such table")));
            }
            Err(error) => return Err(refused("DescribeTable")(error)),
        };
        let table = described.table();
        let status = table.and_then(|table| table.table_status()).cloned();
        let arn = table.and_then(|table| table.table_arn()).unwrap_or_default().to_owned();
        Ok(match status {
            Some(TableStatus::Active) => Look::Ready(arn),
            status => Look::NotYet(format!("its replica is {status:?}")),
        })
    };
    let arn = match until(REPLICA, seconds(2), look).await? {
        Ok(arn) => arn,
        Err(last) => return lie(format!("UpdateTable accepted a replica in {there}; {last}")),
    };
    if !arn.contains(there.as_str()) {
        return lie(format!("asked for its replica, {there} answers with the table of another Region: {arn}"));
    }
    settled(&ours, &name, bench.here).await?;
    Ok(Replicated { name, here: (bench.here, ours), there: (there, theirs) })
}

/// Waits until the table takes writes and no replica of it is being made.
async fn settled(client: &Client, name: &str, region: Region) -> Probed<()> {
    let look = async || {
        let described = client.describe_table().table_name(name).send().await.map_err(refused("DescribeTable"))?;
        let table = described.table();
        let status = table.and_then(|table| table.table_status()).cloned();
        let open = table.into_iter().flat_map(|table| table.replicas());
        let open = open.filter(|replica| replica.replica_status().is_some_and(|status| status.as_str() != "ACTIVE"));
        Ok(match (status, open.count()) {
            (Some(TableStatus::Active), 0) => Look::Ready(()),
            (status, open) => Look::NotYet(format!("the table in {region} is {status:?}, {open} replicas not ACTIVE")),
        })
    };
    match until(REPLICA, seconds(2), look).await? {
        Ok(()) => Ok(()),
        Err(last) => unknown(last),
    }
}

/// Waits for a value of a key in a Region.
pub async fn arrival(table: &str, place: &(Region, Client), key: &str, value: &str) -> Probed<Result<(), String>> {
    let look = async || {
        let seen = get(table, place, key).await?;
        let there = seen.as_deref() == Some(value);
        Ok(if there { Look::Ready(()) } else { Look::NotYet(format!("{} has {seen:?} for {key}", place.0)) })
    };
    until(ARRIVES, Duration::from_millis(100), look).await
}

pub async fn put(table: &str, (_, client): &(Region, Client), key: &str, value: &str) -> Probed<()> {
    let put = client.put_item().table_name(table).item("id", text(key)).item("value", text(value)).send().await;
    put.map(|_| ()).map_err(refused("PutItem"))
}

pub async fn delete(table: &str, (_, client): &(Region, Client), key: &str) -> Probed<()> {
    let deleted = client.delete_item().table_name(table).key("id", text(key)).send().await;
    deleted.map(|_| ()).map_err(refused("DeleteItem"))
}

pub async fn get(table: &str, (_, client): &(Region, Client), key: &str) -> Probed<Option<String>> {
    let got = client.get_item().table_name(table).key("id", text(key)).consistent_read(true).send().await;
    let item = got.map_err(refused("GetItem"))?.item;
    Ok(item.and_then(|item| item.get("value")?.as_s().ok().cloned()))
}

/// A table without a replica.
#[cfg(test)]
pub async fn plain(bench: &Bench<'_>, part: &str) -> Probed {
    let name = bench.name(part);
    create(bench, &name).await.map(|()| name)
}

/// Makes a table with a stream, and waits until it takes writes.
async fn create(bench: &Bench<'_>, name: &str) -> Probed<()> {
    let client = bench.ours()?.dynamodb.clone();
    promise(bench, &client, name);
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().map_err(unbuilt)?;
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    let made = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(id.build().map_err(unbuilt)?)
        .key_schema(key)
        .stream_specification(stream.build().map_err(unbuilt)?)
        .tags(Tag::builder().key(TAG).value(&bench.run).build().map_err(unbuilt)?);
    made.send().await.map_err(refused("CreateTable"))?;
    settled(&client, name, bench.here).await
}

/// Promises to remove a table and its replicas. A table that was the source of a new replica stays for 24 hours on AWS
/// (DynamoDB developer guide): then that is said.
fn promise(bench: &Bench<'_>, client: &Client, name: &str) {
    let (client, table, theirs) =
        (client.clone(), name.to_owned(), bench.theirs().map(|(_, there)| there.dynamodb.clone()));
    bench.undo("tables", format!("the table {name} in {}", bench.here), async move {
        let replica = match theirs {
            Ok(theirs) => remove(&theirs, &table).await,
            Err(_) => Ok(()),
        };
        remove(&client, &table).await.and(replica)
    });
}

async fn remove(client: &Client, table: &str) -> Result<(), String> {
    let look = async || {
        let deleted = client.delete_table().table_name(table).send().await;
        Ok::<_, String>(match deleted {
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                Look::Ready(())
            }
            // Deleted, but not gone yet; or busy with its replica.
            Ok(_) => Look::NotYet("it is being deleted".to_owned()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {
                Look::NotYet(said(&error))
            }
            Err(error) => return Err(said(&error)),
        })
    };
    let waited = crate::wait::until("its removal", patience(minutes(5)), seconds(2), look).await?;
    waited.map_err(|gave_up| gave_up.to_string())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
