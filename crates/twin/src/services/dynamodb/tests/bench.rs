use serde_json::json;

use super::{Twin, US};
use crate::clock::WallClock;
use crate::gateway::{Call, Principal};
use crate::services::dynamodb::api;

/// Prints what an operation costs, JSON in and out included. Run with
/// `cargo test --release --lib dynamodb::tests::bench -- --ignored --nocapture`.
#[tokio::test(start_paused = true)]
#[ignore = "a measurement, not a check"]
async fn microseconds_an_operation() {
    const COUNT: u32 = 100_000;
    for is_global in [false, true] {
        let twin = match is_global {
            false => Twin::start(1).with_table(false).await,
            true => Twin::start(1).with_global_table().await,
        };
        let call =
            Call { cloud: twin.0.clone(), region: US, principal: Principal::Account, request_id: "r".to_owned() };
        let time = |operation: &str, body: &dyn Fn(u32) -> serde_json::Value| {
            let requests: Vec<_> = (0..COUNT)
                .map(|n| {
                    let target = format!("DynamoDB_20120810.{operation}");
                    http::Request::builder().header("x-amz-target", target).body(body(n).to_string().into()).unwrap()
                })
                .collect();
            let clock = WallClock::start();
            for request in &requests {
                api::handle(&twin.0.dynamodb, &call, request).unwrap();
            }
            let each = clock.elapsed().as_secs_f64() * 1e6 / f64::from(COUNT);
            println!("{} {operation}: {each:.1} us", if is_global { "global" } else { "single" });
        };
        let id = |n: u32| json!({ "S": format!("order-{:05}", n % 20_000) });
        let order = |n: u32| {
            json!({ "id": id(n), "total": { "N": "129.90" }, "state": { "S": "placed" }, "at": { "N": "1767571200" },
                    "lines": { "L": [{ "M": { "sku": { "S": "A-1" }, "count": { "N": "2" } } }] } })
        };
        time("PutItem", &|n| json!({ "TableName": "orders", "Item": order(n) }));
        time("GetItem", &|n| json!({ "TableName": "orders", "Key": { "id": id(n) } }));
        time("UpdateItem", &|n| {
            json!({ "TableName": "orders", "Key": { "id": id(n) }, "UpdateExpression": "SET #s = :s ADD n :one",
                    "ConditionExpression": "attribute_exists(id)", "ExpressionAttributeNames": { "#s": "state" },
                    "ExpressionAttributeValues": { ":s": { "S": "paid" }, ":one": { "N": "1" } } })
        });
    }
}
