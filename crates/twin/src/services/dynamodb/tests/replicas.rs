use serde_json::json;

use super::{EU, Twin, US, seconds};
use crate::world::faults::Fault;

#[tokio::test(start_paused = true)]
async fn a_write_reaches_the_other_region_after_its_lag_and_not_before() {
    let twin = Twin::start(1).with_global_table().await;
    twin.put(US, "a", "one");
    assert_eq!(twin.read(US, "a").as_deref(), Some("one"));
    seconds(0.19).await;
    assert_eq!(twin.read(EU, "a"), None, "no change is faster than the lag's floor");
    seconds(16.0).await;
    assert_eq!(twin.read(EU, "a").as_deref(), Some("one"));
    twin.ok(EU, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }));
    assert_eq!(twin.read(US, "a").as_deref(), Some("one"));
    seconds(16.0).await;
    assert_eq!(twin.read(US, "a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_changes_back_until_it_heals() {
    let twin = Twin::start(1).with_global_table().await;
    let fault = twin.0.faults.inject(Fault::Partition { between: (US, EU) });
    twin.put(US, "a", "from us");
    twin.put(EU, "b", "from eu");
    seconds(900.0).await;
    assert_eq!((twin.read(EU, "a"), twin.read(US, "b")), (None, None));
    assert!(twin.0.faults.heal(fault));
    seconds(2.0).await;
    assert_eq!(twin.read(EU, "a").as_deref(), Some("from us"));
    assert_eq!(twin.read(US, "b").as_deref(), Some("from eu"));
}

#[tokio::test(start_paused = true)]
async fn the_last_writer_wins_in_both_regions() {
    let twin = Twin::start(3).with_global_table().await;
    twin.put(US, "a", "first");
    seconds(0.05).await;
    twin.put(EU, "a", "second");
    seconds(20.0).await;
    assert_eq!(twin.read(US, "a").as_deref(), Some("second"));
    assert_eq!(twin.read(EU, "a").as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn an_older_put_does_not_undo_a_delete() {
    let twin = Twin::start(3).with_global_table().await;
    let fault = twin.0.faults.inject(Fault::Partition { between: (US, EU) });
    twin.put(US, "a", "older");
    seconds(1.0).await;
    twin.put(EU, "a", "newer");
    twin.ok(EU, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }));
    seconds(30.0).await;
    twin.0.faults.heal(fault);
    seconds(30.0).await;
    assert_eq!((twin.read(US, "a"), twin.read(EU, "a")), (None, None));
    let state = twin.0.dynamodb.lock();
    let kept: usize =
        state.tables.values().flat_map(|table| table.replicas.values()).map(|replica| replica.tombstones.len()).sum();
    assert_eq!(kept, 0, "a delete is forgotten once nothing is on its way");
}

#[tokio::test(start_paused = true)]
async fn every_way_to_write_replicates() {
    let key = |id: &str| json!({ "id": { "S": id } });
    let item = |id: &str| json!({ "id": { "S": id }, "v": { "S": "new" } });
    let table = "orders";
    let set = json!({ ":v": { "S": "new" } });
    let ways = [
        ("PutItem", json!({ "TableName": table, "Item": item("a") }), Some("new")),
        (
            "PutItem",
            json!({ "TableName": table, "Item": item("a"), "ConditionExpression": "attribute_exists(id)" }),
            Some("new"),
        ),
        (
            "UpdateItem",
            json!({ "TableName": table, "Key": key("a"), "UpdateExpression": "SET v = :v",
                    "ExpressionAttributeValues": set }),
            Some("new"),
        ),
        ("UpdateItem", json!({ "TableName": table, "Key": key("a"), "UpdateExpression": "REMOVE v" }), None),
        ("DeleteItem", json!({ "TableName": table, "Key": key("a") }), None),
        (
            "BatchWriteItem",
            json!({ "RequestItems": { table: [{ "PutRequest": { "Item": item("a") } }] } }),
            Some("new"),
        ),
        ("BatchWriteItem", json!({ "RequestItems": { table: [{ "DeleteRequest": { "Key": key("a") } }] } }), None),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Put": { "TableName": table, "Item": item("a") } }] }),
            Some("new"),
        ),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Update": { "TableName": table, "Key": key("a"),
                    "UpdateExpression": "SET v = :v", "ExpressionAttributeValues": set } }] }),
            Some("new"),
        ),
        (
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Delete": { "TableName": table, "Key": key("a") } }] }),
            None,
        ),
    ];
    for (operation, body, expected) in ways {
        for (from, to) in [(US, EU), (EU, US)] {
            let twin = Twin::start(5).with_global_table().await;
            twin.put(from, "a", "old");
            seconds(16.0).await;
            twin.ok(from, operation, body.clone());
            assert_eq!(twin.0.dynamodb.backlog("orders", from, to), 1, "{operation} {body}");
            assert_eq!(twin.read(to, "a").as_deref(), Some("old"), "{operation} {body}");
            seconds(16.0).await;
            assert_eq!(twin.read(to, "a").as_deref(), expected, "{operation} {body}");
            let key = serde_json::from_value(key("a")).unwrap();
            let version = twin.0.dynamodb.written(to, "orders", &key);
            assert!(version.is_none_or(|version| version.writer == from));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_condition_or_transaction_sends_nothing() {
    let twin = Twin::start(5).with_global_table().await;
    let put = json!({ "TableName": "orders", "Item": { "id": { "S": "a" } } });
    let mut refused = put.clone();
    refused["ConditionExpression"] = "attribute_exists(id)".into();
    twin.fails("PutItem", refused.clone());
    refused["Item"]["id"]["S"] = "b".into();
    twin.fails("TransactWriteItems", json!({ "TransactItems": [{ "Put": put }, { "Put": refused }] }));
    assert_eq!(twin.0.dynamodb.backlog("orders", US, EU), 0);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_whole_at_home_and_seen_in_parts_elsewhere() {
    let mut parts_seen = 0;
    for seed in 0..10 {
        let twin = Twin::start(seed).with_global_table().await;
        let put =
            |id: &str| json!({ "Put": { "TableName": "orders", "Item": { "id": { "S": id }, "v": { "S": "x" } } } });
        twin.ok(US, "TransactWriteItems", json!({ "TransactItems": [put("a"), put("b")] }));
        assert!(twin.read(US, "a").is_some() && twin.read(US, "b").is_some());
        for _ in 0..160 {
            parts_seen += u32::from(twin.read(EU, "a").is_some() != twin.read(EU, "b").is_some());
            seconds(0.1).await;
        }
        assert!(twin.read(EU, "a").is_some() && twin.read(EU, "b").is_some());
    }
    assert!(parts_seen > 0, "another Region can see one item before the other");
}

/// Random writes in both Regions, partitions among them; gives what each Region then holds, and what was last
/// written by the rule.
async fn storm(seed: u64) -> (String, String, Vec<Option<String>>) {
    use rand::RngExt;
    let twin = Twin::start(seed).with_global_table().await;
    let mut rng = crate::seed::Seed(seed).stream("test/storm");
    let mut last: Vec<(Option<crate::services::dynamodb::Version>, Option<String>)> = vec![(None, None); 8];
    let mut fault = None;
    for step in 0..400 {
        let region = if rng.random_bool(0.5) { US } else { EU };
        let item = rng.random_range(0..8_usize);
        let id = format!("k{item}");
        if rng.random_bool(0.8) {
            twin.put(region, &id, &format!("v{step}"));
            let key = serde_json::from_value(json!({ "id": { "S": id } })).unwrap();
            let version = twin.0.dynamodb.written(region, "orders", &key);
            if version > last[item].0 {
                last[item] = (version, Some(format!("v{step}")));
            }
        } else {
            twin.ok(region, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": id } } }));
            let state = twin.0.dynamodb.lock();
            let replica = &state.tables.values().next().unwrap().replicas[&region];
            let key = super::super::key::Key::new(
                super::super::key::KeyValue::S(id.as_str().into()),
                super::super::key::KeyValue::None,
            );
            let version = replica.version(&key);
            if version > last[item].0 {
                last[item] = (version, None);
            }
        }
        match (fault, rng.random_range(0..20)) {
            (None, 0) => fault = Some(twin.0.faults.inject(Fault::Partition { between: (US, EU) })),
            (Some(id), 0..5) => {
                twin.0.faults.heal(id);
                fault = None;
            }
            _ => {}
        }
        if rng.random_bool(0.7) {
            seconds(rng.random_range(0.0..0.8)).await;
        }
    }
    if let Some(id) = fault {
        twin.0.faults.heal(id);
    }
    seconds(60.0).await;
    let held = |region| twin.ok(region, "Scan", json!({ "TableName": "orders" }))["Items"].to_string();
    let read: Vec<Option<String>> = (0..8).map(|item| twin.read(US, &format!("k{item}"))).collect();
    let expected: Vec<Option<String>> = last.into_iter().map(|(_, text)| text).collect();
    assert_eq!(read, expected, "seed {seed}: the last write by (time, Region) is what is left");
    (held(US), held(EU), expected)
}

#[tokio::test(start_paused = true)]
async fn after_a_storm_both_regions_hold_the_last_writes() {
    for seed in 0..25 {
        let (us, eu, expected) = storm(seed).await;
        assert_eq!(us, eu, "seed {seed}");
        assert!(expected.iter().any(Option::is_some), "seed {seed} writes something");
    }
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history_of_arrivals() {
    async fn arrivals(seed: u64) -> Vec<(u64, i64)> {
        let twin = Twin::start(seed).with_global_table().await;
        for n in 0..50 {
            twin.put(US, &format!("k{n}"), "x");
            seconds(0.03).await;
        }
        seconds(30.0).await;
        let records = twin.0.dynamodb.stream_records(EU, "orders");
        records.iter().map(|record| (record.sequence, record.at.since(record.version.at).as_micros() as i64)).collect()
    }
    let (one, two, other) = (arrivals(7).await, arrivals(7).await, arrivals(8).await);
    assert_eq!(one, two);
    assert_ne!(one, other);
    assert_eq!(one.len(), 50);
    let mut lags: Vec<f64> = one.iter().map(|(_, lag)| *lag as f64 / 1e6).collect();
    lags.sort_by(f64::total_cmp);
    assert!((0.7..1.6).contains(&lags[25]), "the median lag is about a second: {}", lags[25]);
    assert!(lags[2] > 0.2 && lags[47] < 4.0, "{lags:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_of_a_new_replica_stays_for_a_day() {
    let twin = Twin::start(1).with_global_table().await;
    let error = twin.fails("DeleteTable", json!({ "TableName": "orders" }));
    assert!(error.contains("acted as a source region"), "{error}");
    seconds(86_400.0).await;
    twin.ok(US, "DeleteTable", json!({ "TableName": "orders" }));
    seconds(6.0).await;
    assert_eq!(twin.ok(US, "ListTables", json!({}))["TableNames"], json!([]));
    assert_eq!(twin.ok(EU, "ListTables", json!({}))["TableNames"], json!(["orders"]));
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_creating_until_it_is_filled() {
    let twin = Twin::start(1).with_table(false).await;
    let fault = twin.0.faults.inject(Fault::Partition { between: (US, EU) });
    twin.ok(
        US,
        "UpdateTable",
        json!({
            "TableName": "orders", "ReplicaUpdates": [{ "Create": { "RegionName": "eu-west-1" } }],
        }),
    );
    let status = || twin.ok(US, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
    assert_eq!(
        (&status()["TableStatus"], &status()["Replicas"][0]["ReplicaStatus"]),
        (&json!("UPDATING"), &json!("CREATING"))
    );
    twin.put(US, "a", "one");
    seconds(600.0).await;
    assert_eq!(status()["Replicas"][0]["ReplicaStatus"], "CREATING", "it cannot be filled across a partition");
    let early = twin.call(EU, "GetItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } })).unwrap_err();
    assert_eq!(early.code, "ResourceNotFoundException");
    twin.0.faults.heal(fault);
    seconds(2.0).await;
    assert_eq!(status()["Replicas"][0]["ReplicaStatus"], "ACTIVE");
    assert_eq!(twin.read(EU, "a").as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_changed_and_removed_on_a_live_table() {
    let twin = Twin::start(1).with_global_table().await;
    let update = |change: &str, replica: serde_json::Value| {
        twin.call(US, "UpdateTable", json!({ "TableName": "orders", "ReplicaUpdates": [{ change: replica }] }))
    };
    let seen = |region| {
        let table = twin.ok(region, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
        (table["TableStatus"].clone(), table["Replicas"][0]["ReplicaStatus"].clone())
    };
    let eu = json!({ "RegionName": "eu-west-1" });
    update("Update", json!({ "RegionName": "eu-west-1", "TableClassOverride": "STANDARD_INFREQUENT_ACCESS" })).unwrap();
    assert_eq!(seen(US), (json!("UPDATING"), json!("UPDATING")));
    twin.put(US, "a", "while updating");
    twin.put(EU, "b", "while updating");
    seconds(16.0).await;
    assert_eq!(seen(US), (json!("ACTIVE"), json!("ACTIVE")));
    let class = twin.ok(EU, "DescribeTable", json!({ "TableName": "orders" }))["Table"]["TableClassSummary"].clone();
    assert_eq!(class["TableClass"], "STANDARD_INFREQUENT_ACCESS");

    for (change, replica, code) in [
        ("Create", eu.clone(), "ValidationException"),
        ("Create", json!({ "RegionName": "ap-south-1" }), "ValidationException"),
        ("Update", json!({ "RegionName": "us-west-9" }), "ValidationException"),
        ("Delete", json!({ "RegionName": "us-east-1" }), "ValidationException"),
    ] {
        assert_eq!(update(change, replica).unwrap_err().code, code, "{change}");
    }
    let held = update("Delete", json!({ "RegionName": "us-east-1" })).unwrap_err();
    assert!(held.message.contains("acted as a source region"), "{held}");
    update("Delete", eu.clone()).unwrap();
    assert_eq!(seen(US), (json!("UPDATING"), json!("DELETING")));
    assert_eq!(seen(EU).0, "DELETING");
    twin.put(US, "c", "while deleting");
    seconds(6.0).await;
    assert_eq!(seen(US), (json!("ACTIVE"), serde_json::Value::Null));
    assert_eq!(
        twin.call(EU, "DescribeTable", json!({ "TableName": "orders" })).unwrap_err().code,
        "ResourceNotFoundException"
    );
    assert_eq!(update("Delete", eu.clone()).unwrap_err().code, "ReplicaNotFoundException");
    update("Create", eu).unwrap();
    seconds(61.0).await;
    let back: Vec<_> = ["a", "b", "c"].iter().map(|id| twin.read(EU, id)).collect();
    assert!(back.iter().all(Option::is_some), "a new replica opens with what the others hold: {back:?}");
}
