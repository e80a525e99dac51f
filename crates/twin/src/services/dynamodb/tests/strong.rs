//! Multi-Region strong consistency, with a witness and with three replicas.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{Twin, seconds};
use crate::gateway::{Call, Principal};
use crate::region::Region;
use crate::services::Service;
use crate::wire::AwsError;
use crate::world::faults::{Effect, Fault};

const EAST: Region = Region::US_EAST_1;

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

fn west() -> Region {
    region("us-west-2")
}

fn ohio() -> Region {
    region("us-east-2")
}

fn strong(replicas: &[&str], witnesses: &[&str]) -> Json {
    let create = |regions: &[&str]| -> Vec<Json> {
        regions.iter().map(|region| json!({ "Create": { "RegionName": region } })).collect()
    };
    json!({
        "TableName": "orders", "MultiRegionConsistency": "STRONG",
        "ReplicaUpdates": create(replicas), "GlobalTableWitnessUpdates": create(witnesses),
    })
}

/// Two Regions and a witness in a Region the twin was not started with.
async fn witnessed() -> Twin {
    let twin = Twin::in_regions(1, &[EAST, west()]).with_table(false).await;
    twin.ok(EAST, "UpdateTable", strong(&["us-west-2"], &["us-east-2"]));
    seconds(70.0).await;
    twin
}

async fn replicated() -> Twin {
    let twin = Twin::in_regions(1, &[EAST, west(), ohio()]).with_table(false).await;
    twin.ok(EAST, "UpdateTable", strong(&["us-west-2", "us-east-2"], &[]));
    seconds(70.0).await;
    twin
}

/// A call as the gateway hands it over, with the time its answer takes.
async fn timed(twin: &Twin, region: Region, operation: &str, body: Json) -> (Result<(), AwsError>, Duration) {
    let target = format!("DynamoDB_20120810.{operation}");
    let request = http::Request::builder().header("x-amz-target", target).body(Bytes::from(body.to_string())).unwrap();
    let (cloud, request_id) = (twin.0.clone(), String::new());
    let call = Call { cloud, region, principal: Principal::Account, request_id };
    let start = twin.0.clock.elapsed();
    let answer = twin.0.dynamodb.handle(&call, &request).await.map(|_| ());
    (answer, twin.0.clock.elapsed() - start)
}

fn put(id: &str, text: &str) -> Json {
    json!({ "TableName": "orders", "Item": { "id": { "S": id }, "v": { "S": text } } })
}

fn get(id: &str, is_consistent: bool) -> Json {
    json!({ "TableName": "orders", "Key": { "id": { "S": id } }, "ConsistentRead": is_consistent })
}

/// What a strongly consistent read sees.
fn latest(twin: &Twin, region: Region, id: &str) -> Option<String> {
    twin.ok(region, "GetItem", get(id, true))["Item"]["v"]["S"].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_strong_table_describes_its_members() {
    let twin = Twin::in_regions(1, &[EAST, west()]).with_table(false).await;
    twin.ok(EAST, "UpdateTable", strong(&["us-west-2"], &["us-east-2"]));
    let table = || twin.ok(EAST, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
    assert_eq!(table()["GlobalTableWitnesses"], json!([{ "RegionName": "us-east-2", "WitnessStatus": "CREATING" }]));
    assert_eq!(table()["TableStatus"], "UPDATING");
    seconds(70.0).await;
    assert_eq!(table()["GlobalTableWitnesses"], json!([{ "RegionName": "us-east-2", "WitnessStatus": "ACTIVE" }]));
    assert_eq!(table()["MultiRegionConsistency"], "STRONG");
    assert_eq!(table()["Replicas"], json!([{ "RegionName": "us-west-2", "ReplicaStatus": "ACTIVE" }]));
}

#[tokio::test(start_paused = true)]
async fn what_is_written_anywhere_is_read_everywhere_at_once_by_strong_reads() {
    for twin in [witnessed().await, replicated().await] {
        twin.put(EAST, "a", "one");
        assert_eq!(twin.read(west(), "a"), None, "an eventually consistent read is local");
        assert_eq!(latest(&twin, west(), "a").as_deref(), Some("one"));
        let scanned = twin.ok(west(), "Scan", json!({ "TableName": "orders", "ConsistentRead": true }));
        assert_eq!(scanned["Count"], 1);
        twin.put(west(), "b", "two");
        seconds(0.05).await;
        assert_eq!(twin.read(EAST, "b").as_deref(), Some("two"), "it arrives after one trip, without a lag");
        assert_eq!(twin.0.dynamodb.backlog("orders", west(), EAST), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn writes_and_strong_reads_cost_a_round_trip_to_the_nearest_member() {
    let twin = witnessed().await;
    let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
    // us-east-1 to us-east-2 is some 500 km, us-west-2 to us-east-2 some 3,200.
    for (region, low, high) in [(EAST, 5.0, 12.0), (west(), 35.0, 55.0)] {
        for (operation, body) in [("PutItem", put("a", "x")), ("GetItem", get("a", true))] {
            let (answer, took) = timed(&twin, region, operation, body).await;
            answer.unwrap();
            assert!((low..high).contains(&ms(took)), "{operation} in {region}: {took:?}");
            seconds(1.0).await;
        }
        let (answer, took) = timed(&twin, region, "GetItem", get("a", false)).await;
        answer.unwrap();
        assert_eq!(took, Duration::ZERO, "an eventually consistent read asks nobody");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_concurrent_writes_of_an_item_one_fails_and_can_be_retried() {
    let twin = replicated().await;
    twin.put(EAST, "a", "east");
    let error = twin.call(west(), "PutItem", put("a", "west")).unwrap_err();
    assert_eq!(error.code, "ReplicatedWriteConflictException");
    let statement = json!({ "Statement": "UPDATE orders SET v = 'west' WHERE id = 'a'" });
    assert_eq!(twin.call(west(), "ExecuteStatement", statement).unwrap_err().code, error.code);
    twin.put(west(), "b", "another item");
    twin.put(EAST, "a", "east again");
    seconds(0.05).await;
    twin.put(west(), "a", "west");
    for region in [EAST, west(), ohio()] {
        assert_eq!(latest(&twin, region, "a").as_deref(), Some("west"));
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_see_the_latest_data_of_any_region() {
    let twin = witnessed().await;
    let add = json!({ "TableName": "orders", "Key": { "id": { "S": "n" } }, "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } } });
    let mut done = 0;
    for step in 0..200 {
        let region = if step % 2 == 0 { EAST } else { west() };
        done += u32::from(twin.call(region, "UpdateItem", add.clone()).is_ok());
        seconds(f64::from(step % 7) * 0.008).await;
    }
    let count = twin.ok(west(), "GetItem", get("n", true))["Item"]["n"]["N"].clone();
    assert_eq!(count, done.to_string(), "no acknowledged increment is lost, and none counted twice");
    assert!((50..200).contains(&done), "some conflicted: {done}");
}

#[tokio::test(start_paused = true)]
async fn a_region_without_a_majority_refuses_and_the_others_lose_nothing() {
    let twin = witnessed().await;
    twin.put(EAST, "a", "before");
    let cuts = [(EAST, west()), (EAST, ohio())].map(|between| twin.0.faults.inject(Fault::Partition { between }));
    for (operation, body) in [
        ("PutItem", put("a", "x")),
        ("GetItem", get("a", true)),
        ("Scan", json!({ "TableName": "orders", "ConsistentRead": true })),
        (
            "BatchWriteItem",
            json!({ "RequestItems": { "orders": [{ "PutRequest": { "Item": { "id": { "S": "a" } } } }] } }),
        ),
    ] {
        let error = twin.call(EAST, operation, body).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (500, "InternalServerError"), "{operation}");
    }
    assert_eq!(twin.read(EAST, "a").as_deref(), Some("before"));
    assert_eq!(latest(&twin, west(), "a").as_deref(), Some("before"), "RPO 0: what was acknowledged is there");
    seconds(1.0).await;
    twin.put(west(), "a", "during");
    seconds(600.0).await;
    assert_eq!(twin.read(EAST, "a").as_deref(), Some("before"), "stale, as an eventually consistent read may be");
    cuts.iter().for_each(|cut| assert!(twin.0.faults.heal(*cut)));
    assert_eq!(latest(&twin, EAST, "a").as_deref(), Some("during"));
    twin.0.faults.inject(Fault::Partition { between: (EAST, west()) });
    twin.put(EAST, "a", "through the witness");
    assert_eq!(latest(&twin, west(), "a").as_deref(), Some("through the witness"));
    twin.0.faults.inject(Fault::Region { region: EAST, effect: Effect::Refuse });
    seconds(1.0).await;
    twin.put(west(), "a", "without east");
    assert_eq!(latest(&twin, west(), "a").as_deref(), Some("without east"));
}

#[tokio::test(start_paused = true)]
async fn what_a_strong_table_does_not_do_is_refused() {
    let twin = Twin::in_regions(1, &[EAST, west(), ohio(), Region::EU_WEST_1]).with_table(false).await;
    let update = |body: Json| twin.fails("UpdateTable", body);
    assert!(update(strong(&["us-west-2"], &[])).contains("needs three Regions"));
    assert!(update(strong(&["us-west-2"], &["us-west-2"])).contains("needs three Regions"));
    assert!(update(strong(&["us-west-2", "eu-west-1"], &[])).contains("must be in one of the sets"));
    let alone = json!({ "TableName": "orders", "MultiRegionConsistency": "STRONG" });
    assert!(update(alone).contains("only be specified when"));
    twin.put(EAST, "a", "there");
    assert!(update(strong(&["us-west-2", "us-east-2"], &[])).contains("must be empty"));
    twin.ok(EAST, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }));
    twin.ok(EAST, "UpdateTable", strong(&["us-west-2", "us-east-2"], &[]));
    seconds(70.0).await;
    let put = json!({ "TransactItems": [{ "Put": put("a", "x") }] });
    assert!(twin.fails("TransactWriteItems", put).contains("strong consistency"));
    let read = json!({ "TransactItems": [{ "Get": { "TableName": "orders", "Key": { "id": { "S": "a" } } } }] });
    assert!(twin.fails("TransactGetItems", read).contains("strong consistency"));
    let ttl = json!({ "AttributeName": "until", "Enabled": true });
    let ttl = json!({ "TableName": "orders", "TimeToLiveSpecification": ttl });
    assert!(twin.fails("UpdateTimeToLive", ttl).contains("strong consistency"));
    let one = json!({ "TableName": "orders", "ReplicaUpdates": [{ "Delete": { "RegionName": "us-west-2" } }] });
    assert!(update(one).contains("all other members"));
    let all = json!({ "TableName": "orders", "ReplicaUpdates": [
        { "Delete": { "RegionName": "us-west-2" } }, { "Delete": { "RegionName": "us-east-2" } },
    ] });
    twin.ok(EAST, "UpdateTable", all);
    seconds(10.0).await;
    let table = twin.ok(EAST, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
    assert_eq!((&table["TableStatus"], &table["MultiRegionConsistency"]), (&json!("ACTIVE"), &Json::Null));
    twin.put(EAST, "a", "alone");
}

/// Increments in three Regions while partitions come and go; gives how many were acknowledged and how many refused.
async fn storm(seed: u64) -> (u32, u32) {
    use rand::RngExt;
    let twin = Twin::in_regions(seed, &[EAST, west(), ohio()]).with_table(false).await;
    twin.ok(EAST, "UpdateTable", strong(&["us-west-2", "us-east-2"], &[]));
    seconds(70.0).await;
    let add = json!({ "TableName": "orders", "Key": { "id": { "S": "n" } }, "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } } });
    let members = [EAST, west(), ohio()];
    let mut rng = crate::seed::Seed(seed).stream("test/strong-storm");
    let (mut acknowledged, mut refused, mut cuts) = (0_u32, 0, Vec::new());
    for _ in 0..300 {
        let region = members[rng.random_range(0..3)];
        match twin.call(region, "UpdateItem", add.clone()) {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                assert!(["ReplicatedWriteConflictException", "InternalServerError"].contains(&error.code.as_str()));
                refused += 1;
            }
        }
        if let Ok(read) = twin.call(members[rng.random_range(0..3)], "GetItem", get("n", true)) {
            let seen = read["Item"]["n"]["N"].as_str().unwrap_or("0");
            assert_eq!(seen, acknowledged.to_string(), "seed {seed}: a strong read sees every acknowledged write");
        }
        match rng.random_range(0..10) {
            0 => {
                let between = (members[rng.random_range(0..3)], members[rng.random_range(0..3)]);
                cuts.push(twin.0.faults.inject(Fault::Partition { between }));
            }
            1 if !cuts.is_empty() => assert!(twin.0.faults.heal(cuts.remove(0))),
            _ => {}
        }
        seconds(rng.random_range(0.0..0.08)).await;
    }
    cuts.iter().for_each(|cut| assert!(twin.0.faults.heal(*cut)));
    seconds(10.0).await;
    for region in members {
        let local = twin.ok(region, "GetItem", get("n", false))["Item"]["n"]["N"].clone();
        assert_eq!(local, acknowledged.to_string(), "seed {seed}: {region} has all of it");
    }
    (acknowledged, refused)
}

#[tokio::test(start_paused = true)]
async fn through_a_storm_of_partitions_no_acknowledged_write_is_lost_or_missed() {
    for seed in 0..20 {
        let (acknowledged, refused) = storm(seed).await;
        assert!(acknowledged > 50 && refused > 10, "seed {seed}: {acknowledged} and {refused}");
    }
}
