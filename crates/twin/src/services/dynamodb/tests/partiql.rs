//! PartiQL against the item API: the same table, the same conditions, the same replication.

use serde_json::{Value as Json, json};

use super::{EU, Twin, US, seconds};

fn execute(twin: &Twin, statement: &str, parameters: Json) -> Json {
    twin.ok(US, "ExecuteStatement", json!({ "Statement": statement, "Parameters": parameters }))
}

fn fails(twin: &Twin, statement: &str) -> String {
    twin.fails("ExecuteStatement", json!({ "Statement": statement }))
}

async fn orders() -> Twin {
    let twin = Twin::start(1).with_table(true).await;
    for (pk, sk, status) in [("ann", 1, "open"), ("ann", 2, "paid"), ("ann", 3, "open"), ("bob", 1, "paid")] {
        let statement =
            "INSERT INTO orders VALUE {'pk': ?, 'sk': ?, 'status': ?, 'lines': [{'n': 1}], 'tags': <<'x', 'y'>>}";
        execute(&twin, statement, json!([{ "S": pk }, { "N": sk.to_string() }, { "S": status }]));
    }
    twin
}

/// The sort keys that a SELECT finds.
fn found(twin: &Twin, rest: &str) -> Vec<i64> {
    let got = execute(twin, &format!("SELECT sk FROM orders {rest}"), json!([]));
    let items = got["Items"].as_array().unwrap();
    items.iter().map(|item| item["sk"]["N"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn selects_query_by_key_and_scan_by_anything() {
    let twin = orders().await;
    for (rest, expected) in [
        ("WHERE pk = 'ann'", vec![1, 2, 3]),
        ("WHERE pk = 'ann' ORDER BY sk DESC", vec![3, 2, 1]),
        ("WHERE \"pk\" = 'ann' AND sk BETWEEN 2 AND 9", vec![2, 3]),
        ("WHERE pk = 'ann' AND sk > 1 AND status = 'open'", vec![3]),
        ("WHERE (pk = 'ann' AND sk = 2) OR (pk = 'bob' AND sk = 1) AND NOT status = 'open'", vec![1, 2]),
        ("WHERE pk = 'ann' AND sk IN [1, 3]", vec![1, 3]),
        ("WHERE status = 'paid' AND begins_with(pk, 'b')", vec![1]),
        (
            "WHERE pk = 'ann' AND lines[0].n = 1 AND contains(tags, 'x') AND size(tags) = 2 AND nothing IS MISSING",
            vec![1, 2, 3],
        ),
        ("WHERE pk = 'ann' AND status IS NOT NULL AND sk NOT IN (1, 2)", vec![3]),
        ("WHERE pk = 'nobody'", vec![]),
    ] {
        let mut seen = found(&twin, rest);
        if !rest.contains("ORDER") {
            seen.sort_unstable();
        }
        assert_eq!(seen, expected, "{rest}");
    }
    let asked = json!({ "Statement": "SELECT * FROM orders WHERE pk = 'ann' AND sk >= 2 AND status = 'paid'",
        "ReturnConsumedCapacity": "TOTAL" });
    assert_eq!(twin.ok(US, "ExecuteStatement", asked)["Items"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn pages_join_to_the_whole() {
    let twin = orders().await;
    let (mut token, mut seen) = (Json::Null, Vec::new());
    loop {
        let mut request = json!({ "Statement": "SELECT * FROM orders WHERE pk = 'ann'", "Limit": 2 });
        if !token.is_null() {
            request["NextToken"] = token;
        }
        let page = twin.ok(US, "ExecuteStatement", request);
        seen.extend(page["Items"].as_array().unwrap().iter().map(|item| item["sk"]["N"].clone()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, [json!("1"), json!("2"), json!("3")]);
}

#[tokio::test(start_paused = true)]
async fn writes_change_one_item_and_return_what_is_asked() {
    let twin = orders().await;
    let statement = "UPDATE orders SET status = ? SET n = 1 + 4 SET lines = list_append(lines, [2]) SET tags = \
                     set_add(tags, <<'z'>>) REMOVE nothing WHERE pk = 'ann' AND sk = 1 AND status = 'open' RETURNING \
                     MODIFIED NEW *";
    let done = execute(&twin, statement, json!([{ "S": "paid" }]));
    assert_eq!(
        done["Items"],
        json!([{
            "status": { "S": "paid" }, "n": { "N": "5" }, "tags": { "SS": ["x", "y", "z"] },
            "lines": { "L": [{ "M": { "n": { "N": "1" } } }, { "N": "2" }] },
        }])
    );
    let again = twin.fails("ExecuteStatement", json!({ "Statement": statement, "Parameters": [{ "S": "paid" }] }));
    assert_eq!(again, "ConditionalCheckFailedException: The conditional request failed");
    let gone = execute(&twin, "DELETE FROM orders WHERE pk = 'bob' AND sk = 1 RETURNING ALL OLD *", json!([]));
    assert_eq!(gone["Items"][0]["status"]["S"], "paid");
    let gone = execute(&twin, "DELETE FROM orders WHERE pk = 'bob' AND sk = 1 AND status = 'open'", json!([]));
    assert_eq!(gone["Items"], json!([]), "deleting what is not there succeeds");
    assert!(fails(&twin, "DELETE FROM orders WHERE pk = 'ann' AND sk = 2 AND status = 'open'").contains("Conditional"));
    assert!(fails(&twin, "UPDATE orders SET a = 1 WHERE pk = 'new' AND sk = 1").contains("Conditional"));
    assert!(fails(&twin, "INSERT INTO orders VALUE {'pk': 'ann', 'sk': 1}").starts_with("DuplicateItemException"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_statement_or_not_modelled_is_a_validation_error() {
    let twin = orders().await;
    for (statement, expected) in [
        ("SELEKT * FROM orders", "expected SELECT"),
        ("SELECT * FROM orders WHERE", "expected a name"),
        ("SELECT * FROM orders WHERE pk = 'ann", "never closed"),
        ("SELECT COUNT(*) FROM orders", "does not model the function count"),
        ("SELECT * FROM orders LIMIT 1", "does not model LIMIT"),
        ("SELECT * FROM orders WHERE pk = ?", "Number of parameters"),
        ("UPDATE orders SET a = 1 WHERE pk = 'ann'", "mandatory equality on all key attributes"),
        ("UPDATE orders SET a = 1 WHERE pk = 'ann' OR sk = 1", "mandatory equality on all key attributes"),
        ("UPDATE orders SET sk = 2 WHERE pk = 'ann' AND sk = 1", "part of the key"),
        ("SELECT * FROM orders ORDER BY sk", "Must have WHERE"),
        ("EXISTS(SELECT * FROM orders WHERE pk = 'ann' AND sk = 1)", "ExecuteTransaction alone"),
    ] {
        let error = fails(&twin, statement);
        assert!(error.starts_with("ValidationException") && error.contains(expected), "{statement}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_answers_each_statement_and_a_transaction_does_all_or_none() {
    let twin = orders().await;
    let get = |pk: &str, sk: i64| json!({ "Statement": format!("SELECT status FROM orders WHERE pk = '{pk}' AND sk = {sk}") });
    let batch = json!({ "Statements": [get("ann", 1), get("cid", 1), { "Statement": "SELECT * FROM orders WHERE pk = 'ann'" }] });
    let got = twin.ok(US, "BatchExecuteStatement", batch)["Responses"].clone();
    assert_eq!(got[0], json!({ "TableName": "orders", "Item": { "status": { "S": "open" } } }));
    assert_eq!(got[1], json!({ "TableName": "orders" }));
    assert_eq!(got[2]["Error"]["Code"], "ValidationError");
    let insert = |pk: &str| json!({ "Statement": format!("INSERT INTO orders VALUE {{'pk': '{pk}', 'sk': 1}}") });
    let batch = twin.ok(US, "BatchExecuteStatement", json!({ "Statements": [insert("ann"), insert("dan")] }));
    assert_eq!(batch["Responses"][0]["Error"]["Code"], "DuplicateItem");
    assert_eq!(found(&twin, "WHERE pk = 'dan'"), [1]);
    twin.fails("BatchExecuteStatement", json!({ "Statements": [get("ann", 1), insert("eve")] }));

    let check = |status: &str| json!({ "Statement": format!("EXISTS(SELECT * FROM orders WHERE pk = 'ann' AND sk = 2 AND status = '{status}')") });
    let error = twin.fails("ExecuteTransaction", json!({ "TransactStatements": [insert("fay"), check("open")] }));
    assert!(error.contains("[None, ConditionalCheckFailed]"), "{error}");
    let error = twin.fails("ExecuteTransaction", json!({ "TransactStatements": [insert("fay"), insert("dan")] }));
    assert!(error.contains("[None, DuplicateItem]"), "{error}");
    assert_eq!(found(&twin, "WHERE pk = 'fay'"), Vec::<i64>::new());
    let request = json!({ "TransactStatements": [insert("fay"), check("paid")], "ClientRequestToken": "t" });
    twin.ok(US, "ExecuteTransaction", request.clone());
    twin.ok(US, "ExecuteTransaction", request);
    let got = twin.ok(US, "ExecuteTransaction", json!({ "TransactStatements": [get("ann", 2), get("cid", 1)] }));
    assert_eq!(got["Responses"], json!([{ "Item": { "status": { "S": "paid" } } }, {}]));
}

#[tokio::test(start_paused = true)]
async fn statements_replicate_like_every_other_write() {
    let twin = Twin::start(1).with_global_table().await;
    for (statement, expected) in [
        ("INSERT INTO orders VALUE {'id': 'a', 'v': 'one'}", Some("one")),
        ("UPDATE orders SET v = 'two' WHERE id = 'a'", Some("two")),
        ("DELETE FROM orders WHERE id = 'a'", None),
    ] {
        execute(&twin, statement, json!([]));
        assert_eq!(twin.0.dynamodb.backlog("orders", US, EU), 1);
        seconds(16.0).await;
        assert_eq!(twin.read(EU, "a").as_deref(), expected, "{statement}");
    }
}
