use serde_json::{Value as Json, json};

use super::{Twin, US, seconds};

fn put(id: &str, condition: Option<&str>) -> Json {
    let mut put = json!({ "TableName": "orders", "Item": { "id": { "S": id }, "v": { "S": "new" } } });
    if let Some(condition) = condition {
        put["ConditionExpression"] = condition.into();
    }
    json!({ "Put": put })
}

#[tokio::test(start_paused = true)]
async fn all_or_nothing_with_a_reason_for_each() {
    let twin = Twin::start(1).with_table(false).await;
    twin.put(US, "b", "old");
    let items = json!([put("a", None), put("b", Some("attribute_not_exists(id)")), put("c", None)]);
    let error = twin.call(US, "TransactWriteItems", json!({ "TransactItems": items })).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons \
         [None, ConditionalCheckFailed, None]"
    );
    assert_eq!(error.members["CancellationReasons"][1]["Message"], "The conditional request failed");
    assert_eq!((twin.read(US, "a"), twin.read(US, "c")), (None, None));
    let items = json!([
        put("a", None),
        { "Update": {
            "TableName": "orders", "Key": { "id": { "S": "b" } }, "UpdateExpression": "SET v = :v",
            "ExpressionAttributeValues": { ":v": { "S": "set" } },
        } },
        { "Delete": { "TableName": "orders", "Key": { "id": { "S": "c" } } } },
    ]);
    let done = twin.ok(US, "TransactWriteItems", json!({ "TransactItems": items, "ReturnConsumedCapacity": "TOTAL" }));
    assert_eq!(done["ConsumedCapacity"], json!([{ "TableName": "orders", "CapacityUnits": 6.0 }]));
    let get = |id: &str| json!({ "Get": { "TableName": "orders", "Key": { "id": { "S": id } } } });
    let got = twin.ok(US, "TransactGetItems", json!({ "TransactItems": [get("a"), get("b"), get("c")] }));
    let values: Vec<&Json> = got["Responses"].as_array().unwrap().iter().map(|one| &one["Item"]["v"]["S"]).collect();
    assert_eq!(values, [&json!("new"), &json!("set"), &Json::Null]);
}

#[tokio::test(start_paused = true)]
async fn one_item_is_touched_once() {
    let twin = Twin::start(1).with_table(false).await;
    let error = twin.fails("TransactWriteItems", json!({ "TransactItems": [put("a", None), put("a", None)] }));
    assert_eq!(error, "ValidationException: Transaction request cannot include multiple operations on one item");
}

#[tokio::test(start_paused = true)]
async fn a_token_makes_a_retry_harmless_for_ten_minutes() {
    let twin = Twin::start(1).with_table(false).await;
    let add = |by: &str| {
        json!({ "ClientRequestToken": "t", "TransactItems": [{ "Update": {
            "TableName": "orders", "Key": { "id": { "S": "a" } }, "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": { ":n": { "N": by } },
        } }] })
    };
    let count = || {
        twin.ok(US, "GetItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }))["Item"]["n"]["N"]
            .clone()
    };
    twin.ok(US, "TransactWriteItems", add("1"));
    twin.ok(US, "TransactWriteItems", add("1"));
    assert_eq!(count(), "1");
    assert!(twin.fails("TransactWriteItems", add("2")).starts_with("IdempotentParameterMismatchException"));
    seconds(601.0).await;
    twin.ok(US, "TransactWriteItems", add("1"));
    assert_eq!(count(), "2");
}
