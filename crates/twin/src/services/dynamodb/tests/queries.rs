use serde_json::{Value as Json, json};

use super::{Twin, US, seconds};

/// A table with 3 partitions of 20, and indexes by `kind` (global, keys only) and by `rank` (global, all).
async fn twin() -> Twin {
    let twin = Twin::start(1).with_table(true).await;
    for (name, key, projection) in [("by-kind", "kind", "KEYS_ONLY"), ("by-rank", "rank", "ALL")] {
        let index = json!({
            "IndexName": name, "Projection": { "ProjectionType": projection },
            "KeySchema": [{ "AttributeName": key, "KeyType": "HASH" }],
        });
        twin.ok(
            US,
            "UpdateTable",
            json!({
                "TableName": "orders", "AttributeDefinitions": [{ "AttributeName": key, "AttributeType": "S" }],
                "GlobalSecondaryIndexUpdates": [{ "Create": index }],
            }),
        );
        seconds(6.0).await;
    }
    for pk in ["a", "b", "c"] {
        for sk in 0..20 {
            let mut item =
                json!({ "pk": { "S": pk }, "sk": { "N": sk.to_string() }, "v": { "S": format!("{pk}{sk}") } });
            if sk % 2 == 0 {
                item["kind"] = json!({ "S": "even" });
            }
            item["rank"] = json!({ "S": format!("r{}", sk % 3) });
            twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": item }));
        }
    }
    seconds(130.0).await;
    twin
}

fn sks(answer: &Json) -> Vec<i64> {
    let items = answer["Items"].as_array().unwrap();
    items.iter().map(|item| item["sk"]["N"].as_str().unwrap().parse().unwrap()).collect()
}

fn query(twin: &Twin, condition: &str, values: Json, extra: Json) -> Json {
    let mut body = json!({
        "TableName": "orders", "KeyConditionExpression": condition, "ExpressionAttributeValues": values,
    });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    twin.ok(US, "Query", body)
}

#[tokio::test(start_paused = true)]
async fn key_conditions_select_in_numeric_order() {
    let twin = twin().await;
    let values = |low: &str, high: &str| json!({ ":p": { "S": "b" }, ":l": { "N": low }, ":h": { "N": high } });
    let one = |low: &str| json!({ ":p": { "S": "b" }, ":l": { "N": low } });
    assert_eq!(sks(&query(&twin, "pk = :p AND sk BETWEEN :l AND :h", values("8", "11"), json!({}))), [8, 9, 10, 11]);
    assert_eq!(sks(&query(&twin, "pk = :p AND sk < :l", one("2"), json!({}))), [0, 1]);
    assert_eq!(sks(&query(&twin, "sk >= :l AND pk = :p", one("18"), json!({}))), [18, 19]);
    assert_eq!(sks(&query(&twin, "pk = :p AND sk > :l", one("18"), json!({}))), [19]);
    assert_eq!(sks(&query(&twin, ":p = pk AND sk = :l", one("1.0e1"), json!({}))), [10]);
    let backwards = json!({ "ScanIndexForward": false, "Limit": 3 });
    assert_eq!(sks(&query(&twin, "pk = :p", json!({ ":p": { "S": "b" } }), backwards)), [19, 18, 17]);
    assert_eq!(sks(&query(&twin, "pk = :p", json!({ ":p": { "S": "nobody" } }), json!({}))), [0_i64; 0]);
}

#[tokio::test(start_paused = true)]
async fn pages_join_to_the_whole_both_ways() {
    let twin = twin().await;
    for (forward, expected) in [(true, (0..20).collect::<Vec<i64>>()), (false, (0..20).rev().collect())] {
        let (mut all, mut start, mut pages) = (Vec::new(), Json::Null, 0);
        loop {
            let mut extra = json!({ "Limit": 7, "ScanIndexForward": forward });
            if start != Json::Null {
                extra["ExclusiveStartKey"] = start;
            }
            let page = query(&twin, "pk = :p", json!({ ":p": { "S": "c" } }), extra);
            all.extend(sks(&page));
            pages += 1;
            start = page["LastEvaluatedKey"].clone();
            if start == Json::Null {
                break;
            }
        }
        assert_eq!((all, pages), (expected, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn scans_page_and_segments_part_the_table() {
    let twin = twin().await;
    let whole = twin.ok(US, "Scan", json!({ "TableName": "orders" }));
    assert_eq!(whole["Count"], 60);
    let mut joined = Vec::new();
    for segment in 0..4 {
        let part = twin.ok(US, "Scan", json!({ "TableName": "orders", "Segment": segment, "TotalSegments": 4 }));
        joined.extend(part["Items"].as_array().unwrap().clone());
    }
    assert_eq!(joined, *whole["Items"].as_array().unwrap());
    let filtered = twin.ok(
        US,
        "Scan",
        json!({
            "TableName": "orders", "FilterExpression": "sk < :n AND begins_with(v, :a)", "Limit": 30,
            "ExpressionAttributeValues": { ":n": { "N": "3" }, ":a": { "S": "a" } }, "Select": "COUNT",
        }),
    );
    assert_eq!((&filtered["ScannedCount"], filtered.get("Items")), (&json!(30), None));
    assert!(filtered["LastEvaluatedKey"]["pk"]["S"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_a_megabyte() {
    let twin = Twin::start(1).with_table(true).await;
    for sk in 0..8 {
        let item = json!({ "pk": { "S": "a" }, "sk": { "N": sk.to_string() }, "v": { "S": "x".repeat(300_000) } });
        twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": item }));
    }
    let page = twin.ok(US, "Scan", json!({ "TableName": "orders" }));
    assert_eq!((&page["Count"], &page["LastEvaluatedKey"]["sk"]["N"]), (&json!(4), &json!("3")));
}

#[tokio::test(start_paused = true)]
async fn indexes_hold_what_has_their_keys_and_project_what_they_should() {
    let twin = twin().await;
    let even = || json!({ ":k": { "S": "even" } });
    let found = query(&twin, "kind = :k", even(), json!({ "IndexName": "by-kind" }));
    assert_eq!(found["Count"], 30);
    assert!(found["Items"][0].get("v").is_none() && found["Items"][0].get("rank").is_none());
    let found = query(
        &twin,
        "#r = :k",
        json!({ ":k": { "S": "r0" } }),
        json!({
            "IndexName": "by-rank", "ExpressionAttributeNames": { "#r": "rank" },
        }),
    );
    assert_eq!(found["Count"], 21);
    assert!(found["Items"][0].get("v").is_some());
    let mut seen = Vec::new();
    let mut start = Json::Null;
    loop {
        let mut extra = json!({ "IndexName": "by-kind", "Limit": 7 });
        if start != Json::Null {
            extra["ExclusiveStartKey"] = start;
        }
        let page = query(&twin, "kind = :k", even(), extra);
        seen.extend(page["Items"].as_array().unwrap().clone());
        start = page["LastEvaluatedKey"].clone();
        if start == Json::Null {
            break;
        }
    }
    let distinct: std::collections::BTreeSet<String> = seen.iter().map(Json::to_string).collect();
    assert_eq!((seen.len(), distinct.len()), (30, 30));

    twin.ok(
        US,
        "UpdateItem",
        json!({
            "TableName": "orders", "Key": { "pk": { "S": "a" }, "sk": { "N": "0" } }, "UpdateExpression": "REMOVE kind",
        }),
    );
    twin.ok(US, "DeleteItem", json!({ "TableName": "orders", "Key": { "pk": { "S": "a" }, "sk": { "N": "2" } } }));
    assert_eq!(query(&twin, "kind = :k", even(), json!({ "IndexName": "by-kind" }))["Count"], 28);
    let wrong = json!({ "pk": { "S": "a" }, "sk": { "N": "1" }, "kind": { "N": "1" } });
    let error = twin.fails("PutItem", json!({ "TableName": "orders", "Item": wrong }));
    assert!(error.contains("Type mismatch for Index Key kind Expected: S Actual: N IndexName: by-kind"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_new_index_is_backfilled_before_it_answers() {
    let twin = Twin::start(1).with_table(true).await;
    let item = json!({ "pk": { "S": "a" }, "sk": { "N": "1" }, "g": { "S": "x" } });
    twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": item }));
    let index = json!({
        "IndexName": "by-g", "Projection": { "ProjectionType": "ALL" },
        "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }],
    });
    twin.ok(
        US,
        "UpdateTable",
        json!({
            "TableName": "orders", "AttributeDefinitions": [{ "AttributeName": "g", "AttributeType": "S" }],
            "GlobalSecondaryIndexUpdates": [{ "Create": index }],
        }),
    );
    let ask = || {
        json!({
            "TableName": "orders", "IndexName": "by-g", "KeyConditionExpression": "g = :g",
            "ExpressionAttributeValues": { ":g": { "S": "x" } },
        })
    };
    assert!(twin.fails("Query", ask()).contains("Cannot read from backfilling global secondary index: by-g"));
    seconds(121.0).await;
    assert_eq!(twin.ok(US, "Query", ask())["Count"], 1);
}

#[tokio::test(start_paused = true)]
async fn queries_refuse_what_the_service_refuses() {
    let twin = twin().await;
    let ask = |condition: &str, values: Json, extra: Json| {
        let mut body = json!({
            "TableName": "orders", "KeyConditionExpression": condition, "ExpressionAttributeValues": values,
        });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        twin.fails("Query", body)
    };
    let p = || json!({ ":p": { "S": "a" } });
    let pn = || json!({ ":p": { "S": "a" }, ":n": { "N": "1" } });
    let cases = [
        ("sk = :p", p(), json!({}), "Query condition missed key schema element: pk"),
        ("pk > :p", p(), json!({}), "Query key condition not supported"),
        ("pk = :p OR sk = :n", pn(), json!({}), "Invalid operator used in KeyConditionExpression: OR"),
        ("pk = :p AND v = :n", pn(), json!({}), "Query condition missed key schema element: sk"),
        ("pk = :p AND pk = :p", p(), json!({}), "KeyConditionExpressions must only contain one condition per key"),
        (
            "pk = :p",
            json!({ ":p": { "N": "1" } }),
            json!({}),
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        ("pk = :p", p(), json!({ "IndexName": "nope" }), "The table does not have the specified index: nope"),
        (
            "kind = :p",
            p(),
            json!({ "IndexName": "by-kind", "ConsistentRead": true }),
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            "pk = :p",
            pn(),
            json!({ "FilterExpression": "sk = :n" }),
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk",
        ),
        (
            "pk = :p",
            p(),
            json!({ "ExclusiveStartKey": { "pk": { "S": "a" } } }),
            "The provided starting key is invalid",
        ),
        (
            "pk = :p",
            p(),
            json!({ "ExclusiveStartKey": { "pk": { "S": "b" }, "sk": { "N": "1" } } }),
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
    ];
    for (condition, values, extra, message) in cases {
        assert_eq!(ask(condition, values, extra), format!("ValidationException: {message}"), "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn begins_with_finds_exactly_the_prefix() {
    let twin = Twin::start(1);
    twin.ok(US, "CreateTable", json!({
        "TableName": "words", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" }, { "AttributeName": "sk", "AttributeType": "S" },
            { "AttributeName": "len", "AttributeType": "N" },
        ],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
        "LocalSecondaryIndexes": [{
            "IndexName": "by-len", "Projection": { "ProjectionType": "KEYS_ONLY" },
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "len", "KeyType": "RANGE" }],
        }],
    }));
    seconds(9.0).await;
    for word in ["", "a", "ab", "abc", "ab\u{10ffff}", "ab\u{10ffff}z", "ac", "b"] {
        let sk = format!("w{word}");
        let item = json!({ "pk": { "S": "p" }, "sk": { "S": sk }, "len": { "N": word.chars().count().to_string() } });
        twin.ok(US, "PutItem", json!({ "TableName": "words", "Item": item }));
    }
    let count = |prefix: &str| {
        twin.ok(
            US,
            "Query",
            json!({
                "TableName": "words", "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
                "ExpressionAttributeValues": { ":p": { "S": "p" }, ":s": { "S": prefix } },
            }),
        )["Count"]
            .clone()
    };
    assert_eq!(
        [count("w"), count("wab"), count("wab\u{10ffff}"), count("wb"), count("x")],
        [8, 4, 2, 1, 0].map(Json::from)
    );
    let short = twin.ok(
        US,
        "Query",
        json!({
            "TableName": "words", "IndexName": "by-len", "KeyConditionExpression": "pk = :p AND len <= :n",
            "ConsistentRead": true, "ExpressionAttributeValues": { ":p": { "S": "p" }, ":n": { "N": "1" } },
        }),
    );
    assert_eq!(short["Count"], 3);
}
