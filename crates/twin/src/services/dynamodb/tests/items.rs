use serde_json::{Value as Json, json};

use super::{Twin, US};

async fn twin() -> Twin {
    Twin::start(1).with_table(false).await
}

fn key() -> Json {
    json!({ "id": { "S": "a" } })
}

/// Runs an update on the item `a` and gives the item, or what is wrong.
fn update(twin: &Twin, expression: &str, values: Json) -> Result<Json, String> {
    let mut body = json!({
        "TableName": "orders", "Key": key(), "UpdateExpression": expression, "ReturnValues": "ALL_NEW",
    });
    if values != json!({}) {
        body["ExpressionAttributeValues"] = values;
    }
    let answer = twin.call(US, "UpdateItem", body).map_err(|error| error.message)?;
    let mut item = answer["Attributes"].clone();
    item.as_object_mut().unwrap().remove("id");
    Ok(item)
}

/// Whether a condition holds for the item `a`, or what is wrong with it.
fn holds(twin: &Twin, condition: &str, values: Json) -> Result<bool, String> {
    let mut check = json!({ "TableName": "orders", "Key": key(), "ConditionExpression": condition });
    if values != json!({}) {
        check["ExpressionAttributeValues"] = values;
    }
    match twin.call(US, "TransactWriteItems", json!({ "TransactItems": [{ "ConditionCheck": check }] })) {
        Ok(_) => Ok(true),
        Err(error) if error.code == "TransactionCanceledException" => Ok(false),
        Err(error) => Err(error.message),
    }
}

#[tokio::test(start_paused = true)]
async fn updates_compute_from_the_item_as_it_was() {
    let twin = twin().await;
    let one = json!({ ":one": { "N": "1" }, ":list": { "L": [{ "S": "x" }] }, ":m": { "M": {} } });
    let made = update(&twin, "SET n = if_not_exists(n, :one), l = :list, m = :m", one.clone()).unwrap();
    assert_eq!(made, json!({ "n": { "N": "1" }, "l": { "L": [{ "S": "x" }] }, "m": { "M": {} } }));
    let values = json!({ ":one": { "N": "0.1" }, ":list": { "L": [{ "S": "y" }] } });
    let made = update(&twin, "SET n = n + :one, l = list_append(l, :list), m.deep = n, was = l[0]", values).unwrap();
    assert_eq!(made["n"]["N"], "1.1");
    assert_eq!(made["l"]["L"], json!([{ "S": "x" }, { "S": "y" }]));
    assert_eq!((&made["m"]["M"]["deep"]["N"], &made["was"]["S"]), (&json!("1"), &json!("x")));
    let made = update(&twin, "REMOVE l[0], l[1], was SET m.more = :t", json!({ ":t": { "BOOL": true } })).unwrap();
    assert_eq!(made["l"]["L"], json!([]));
    assert!(made.get("was").is_none());
    let values = json!({ ":set": { "SS": ["a", "b"] }, ":n": { "N": "-3" } });
    let made = update(&twin, "ADD tags :set, n :n", values).unwrap();
    assert_eq!((&made["tags"]["SS"], &made["n"]["N"]), (&json!(["a", "b"]), &json!("-1.9")));
    let made = update(&twin, "DELETE tags :set", json!({ ":set": { "SS": ["a", "z"] } })).unwrap();
    assert_eq!(made["tags"]["SS"], json!(["b"]));
    let made =
        update(&twin, "DELETE tags :set SET l[9] = :x", json!({ ":set": { "SS": ["b"] }, ":x": { "S": "end" } }));
    let made = made.unwrap();
    assert!(made.get("tags").is_none(), "an emptied set goes");
    assert_eq!(made["l"]["L"], json!([{ "S": "end" }]), "an index past the end appends");
}

#[tokio::test(start_paused = true)]
async fn updates_refuse_what_the_service_refuses() {
    let twin = twin().await;
    update(&twin, "SET n = :n, s = :s", json!({ ":n": { "N": "1" }, ":s": { "S": "x" } })).unwrap();
    let n = || json!({ ":v": { "N": "1" } });
    let cases = [
        (
            "SET id = :v",
            n(),
            "One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key",
        ),
        ("SET a.b = :v", n(), "The document path provided in the update expression is invalid for update"),
        ("SET a = b + :v", n(), "The provided expression refers to an attribute that does not exist in the item"),
        ("SET a = s + :v", n(), "An operand in the update expression has an incorrect data type"),
        (
            "SET a = :v, a = :v",
            n(),
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
        ),
        (
            "SET a.b = :v REMOVE a[1]",
            n(),
            "Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]",
        ),
        (
            "SET a = :v SET b = :v",
            n(),
            "Invalid UpdateExpression: The \"SET\" section can only be used once in an update expression;",
        ),
        (
            "SET name = :v",
            n(),
            "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: name",
        ),
        ("SET a = :v b", n(), "Invalid UpdateExpression: Syntax error; token: \"b\", near: \":v b\""),
        (
            "SET a = :w",
            n(),
            "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :w",
        ),
        (
            "SET #a = :v",
            n(),
            "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; attribute name: #a",
        ),
        ("REMOVE b", n(), "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"),
        ("SET a = nope(:v)", n(), "Invalid UpdateExpression: Invalid function name; function: nope"),
        (
            "ADD s :v",
            json!({ ":v": { "S": "x" } }),
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        ("", json!({}), "Invalid UpdateExpression: The expression can not be empty;"),
    ];
    for (expression, values, message) in cases {
        assert_eq!(update(&twin, expression, values).unwrap_err(), message, "{expression}");
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_hold_as_documented() {
    let twin = twin().await;
    let values = json!({
        ":n": { "N": "5" }, ":s": { "S": "hello" }, ":l": { "L": [{ "N": "1" }] }, ":ss": { "SS": ["x"] },
        ":m": { "M": { "k": { "S": "v" } } },
    });
    update(&twin, "SET n = :n, s = :s, l = :l, ss = :ss, m = :m", values).unwrap();
    let five = || json!({ ":v": { "N": "5.0" } });
    let text = |text: &str| json!({ ":v": { "S": text } });
    let cases = [
        ("n = :v", five(), true),
        ("n <> :v", five(), false),
        ("absent <> :v", five(), true),
        ("absent = :v", five(), false),
        ("absent < :v", five(), false),
        ("n < :v OR n >= :v", five(), true),
        ("NOT n = :v", five(), false),
        ("n = :v AND NOT (s = :v)", five(), true),
        ("n BETWEEN :a AND :b", json!({ ":a": { "N": "4" }, ":b": { "N": "10" } }), true),
        ("n IN (:a, :b)", json!({ ":a": { "N": "4" }, ":b": { "N": "5" } }), true),
        ("n IN (:a)", json!({ ":a": { "S": "5" } }), false),
        ("begins_with(s, :v)", text("hel"), true),
        ("begins_with(n, :v)", text("hel"), false),
        ("contains(s, :v)", text("ell"), true),
        ("contains(ss, :v)", text("x"), true),
        ("contains(l, :v)", json!({ ":v": { "N": "1" } }), true),
        ("contains(l, :v)", json!({ ":v": { "N": "2" } }), false),
        ("size(s) = :v", five(), true),
        ("size(l) < :v", five(), true),
        ("attribute_exists(m.k) AND attribute_not_exists(m.x)", json!({}), true),
        ("attribute_exists(l[1])", json!({}), false),
        ("attribute_type(ss, :v)", text("SS"), true),
        ("m.k = :v", text("v"), true),
        ("n = n", json!({}), true),
        // NOT binds tighter than AND, AND tighter than OR.
        ("attribute_exists(n) OR attribute_exists(x) AND attribute_exists(y)", json!({}), true),
    ];
    for (condition, values, expected) in cases {
        assert_eq!(holds(&twin, condition, values), Ok(expected), "{condition}");
    }
    let wrong = |condition: &str, values| holds(&twin, condition, values).unwrap_err();
    assert!(wrong("n < :v", json!({ ":v": { "BOOL": true } })).contains("operator or function: <, operand type: BOOL"));
    assert!(wrong("begins_with(s, :v)", five()).contains("begins_with, operand type: N"));
    assert!(wrong("begins_with(s)", json!({})).contains("number of operands: 1"));
    assert!(wrong("n BETWEEN :a AND :b", json!({ ":a": { "N": "9" }, ":b": { "N": "1" } })).contains("upper bound"));
    assert!(wrong("attribute_type(n, :v)", text("X")).contains("Invalid attribute type name found; type: X"));
    assert!(wrong("n = :v AND", five()).contains("token: \"<EOF>\""));
}

#[tokio::test(start_paused = true)]
async fn a_failed_condition_changes_nothing_and_shows_the_item_if_asked() {
    let twin = twin().await;
    twin.put(US, "a", "one");
    let put = json!({
        "TableName": "orders", "Item": { "id": { "S": "a" }, "v": { "S": "two" } },
        "ConditionExpression": "attribute_not_exists(id)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let error = twin.call(US, "PutItem", put).unwrap_err();
    assert_eq!(error.to_string(), "ConditionalCheckFailedException: The conditional request failed");
    assert_eq!(error.members["Item"]["v"]["S"], "one");
    assert_eq!(twin.read(US, "a").as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn return_values_are_those_asked_for() {
    let twin = twin().await;
    twin.put(US, "a", "one");
    let set = |wanted: &str| {
        let body = json!({
            "TableName": "orders", "Key": key(), "UpdateExpression": "SET #v = :v, extra = :v", "ReturnValues": wanted,
            "ExpressionAttributeNames": { "#v": "v" }, "ExpressionAttributeValues": { ":v": { "S": "two" } },
        });
        twin.ok(US, "UpdateItem", body)["Attributes"].clone()
    };
    assert_eq!(set("UPDATED_OLD"), json!({ "v": { "S": "one" } }));
    assert_eq!(set("UPDATED_NEW"), json!({ "v": { "S": "two" }, "extra": { "S": "two" } }));
    assert_eq!(set("NONE"), Json::Null);
    let deleted = twin.ok(US, "DeleteItem", json!({ "TableName": "orders", "Key": key(), "ReturnValues": "ALL_OLD" }));
    assert_eq!(deleted["Attributes"]["v"]["S"], "two");
    let error = twin.fails("PutItem", json!({ "TableName": "orders", "Item": key(), "ReturnValues": "ALL_NEW" }));
    assert_eq!(error, "ValidationException: Return values set to invalid value");
}

#[tokio::test(start_paused = true)]
async fn keys_and_items_are_checked() {
    let twin = twin().await;
    let put = |item: Json| twin.fails("PutItem", json!({ "TableName": "orders", "Item": item }));
    let invalid = "ValidationException: One or more parameter values were invalid: ";
    assert_eq!(put(json!({ "x": { "S": "a" } })), format!("{invalid}Missing the key id in the item"));
    assert_eq!(put(json!({ "id": { "N": "1" } })), format!("{invalid}Type mismatch for key id expected: S actual: N"));
    assert_eq!(
        put(json!({ "id": { "S": "" } })),
        "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
         contain an empty string value. Key: id"
    );
    let large = json!({ "id": { "S": "a" }, "v": { "S": "x".repeat(400 * 1_024) } });
    assert_eq!(put(large), "ValidationException: Item size has exceeded the maximum allowed size");
    let fits = json!({ "id": { "S": "a" }, "v": { "S": "x".repeat(400 * 1_024 - 4) } });
    twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": fits }));
    let get = |key: Json| twin.fails("GetItem", json!({ "TableName": "orders", "Key": key }));
    let mismatch = "ValidationException: The provided key element does not match the schema";
    assert_eq!(get(json!({ "id": { "N": "1" } })), mismatch);
    assert_eq!(get(json!({ "id": { "S": "a" }, "v": { "S": "b" } })), mismatch);
    assert_eq!(
        twin.fails("GetItem", json!({ "TableName": "nowhere", "Key": key() })),
        "ResourceNotFoundException: Requested resource not found"
    );
}

#[tokio::test(start_paused = true)]
async fn members_the_twin_lacks_are_refused_by_name() {
    let twin = twin().await;
    let legacy = json!({ "TableName": "orders", "Key": key(), "AttributesToGet": ["id"] });
    let error = twin.call(US, "GetItem", legacy).unwrap_err();
    assert_eq!(error.status, 501);
    assert!(error.message.contains("AttributesToGet"), "{error}");
    assert_eq!(twin.call(US, "RestoreTableToPointInTime", json!({})).unwrap_err().code, "NotImplemented");
    let error = twin.fails("GetItem", json!({ "TableName": "orders" }));
    assert!(error.contains("Value null at 'key' failed to satisfy constraint: Member must not be null"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn projections_keep_the_shape_of_documents() {
    let twin = twin().await;
    let item = json!({
        "id": { "S": "a" }, "m": { "M": { "x": { "N": "1" }, "y": { "N": "2" } } },
        "l": { "L": [{ "S": "0" }, { "S": "1" }, { "M": { "deep": { "S": "2" }, "b": { "S": "3" } } }] },
    });
    twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": item }));
    let got = twin.ok(
        US,
        "GetItem",
        json!({
            "TableName": "orders", "Key": key(), "ProjectionExpression": "m.#x, l[2].deep, l[1], absent",
            "ExpressionAttributeNames": { "#x": "x" }, "ReturnConsumedCapacity": "TOTAL",
        }),
    );
    assert_eq!(
        got["Item"],
        json!({
            "m": { "M": { "x": { "N": "1" } } }, "l": { "L": [{ "S": "1" }, { "M": { "deep": { "S": "2" } } }] },
        })
    );
    assert_eq!(got["ConsumedCapacity"], json!({ "TableName": "orders", "CapacityUnits": 0.5 }));
}

#[tokio::test(start_paused = true)]
async fn batches_read_and_write_many() {
    let twin = twin().await;
    let puts: Vec<Json> =
        (0..25).map(|n| json!({ "PutRequest": { "Item": { "id": { "S": format!("k{n}") } } } })).collect();
    let written = twin.ok(US, "BatchWriteItem", json!({ "RequestItems": { "orders": puts } }));
    assert_eq!(written["UnprocessedItems"], json!({}));
    let keys: Vec<Json> = (20..30).map(|n| json!({ "id": { "S": format!("k{n}") } })).collect();
    let got = twin.ok(US, "BatchGetItem", json!({ "RequestItems": { "orders": { "Keys": keys } } }));
    assert_eq!(got["Responses"]["orders"].as_array().unwrap().len(), 5);
    let twice = vec![json!({ "DeleteRequest": { "Key": key() } }); 2];
    let error = twin.fails("BatchWriteItem", json!({ "RequestItems": { "orders": twice } }));
    assert_eq!(error, "ValidationException: Provided list of item keys contains duplicates");
    let many: Vec<Json> =
        (0..26).map(|n| json!({ "DeleteRequest": { "Key": { "id": { "S": format!("k{n}") } } } })).collect();
    let error = twin.fails("BatchWriteItem", json!({ "RequestItems": { "orders": many } }));
    assert!(error.contains("Too many items requested"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_stream_holds_every_change_and_no_empty_one() {
    let twin = twin().await;
    twin.put(US, "a", "one");
    twin.put(US, "a", "one");
    twin.put(US, "a", "two");
    twin.ok(US, "DeleteItem", json!({ "TableName": "orders", "Key": key() }));
    twin.ok(US, "DeleteItem", json!({ "TableName": "orders", "Key": key() }));
    let records = twin.0.dynamodb.stream_records(US, "orders");
    let shape: Vec<(bool, bool)> = records.iter().map(|one| (one.old.is_some(), one.new.is_some())).collect();
    assert_eq!(shape, [(false, true), (true, true), (true, false)]);
}
