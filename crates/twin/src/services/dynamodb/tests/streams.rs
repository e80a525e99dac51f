//! The Streams API by raw signed requests, as its clients send them.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{EU, Twin, US, seconds};
use crate::gateway;
use crate::region::Region;
use crate::world::network::Origin;

/// Status and body of a signed request.
async fn send(twin: &Twin, region: Region, operation: &str, body: Json) -> (u16, Json) {
    let scope = format!("AKIABLACKSTARTTWIN00/20260105/{region}/dynamodb/aws4_request");
    let request = http::Request::builder()
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
        .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = gateway::handle(&twin.0, Origin::Operator, request).await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

async fn ok(twin: &Twin, region: Region, operation: &str, body: Json) -> Json {
    let (status, answer) = send(twin, region, operation, body).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

/// The ARN of a Region's stream and its only shard.
async fn stream(twin: &Twin, region: Region) -> (String, String) {
    let streams = ok(twin, region, "ListStreams", json!({ "TableName": "orders" })).await;
    let arn = streams["Streams"][0]["StreamArn"].as_str().unwrap().to_owned();
    let described = ok(twin, region, "DescribeStream", json!({ "StreamArn": arn })).await["StreamDescription"].clone();
    assert_eq!((&described["StreamStatus"], &described["TableName"]), (&json!("ENABLED"), &json!("orders")));
    (arn, described["Shards"][0]["ShardId"].as_str().unwrap().to_owned())
}

async fn iterator(twin: &Twin, region: Region, kind: &str, sequence: Option<&Json>) -> Json {
    let (arn, shard) = stream(twin, region).await;
    let mut request = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind });
    if let Some(sequence) = sequence {
        request["SequenceNumber"] = sequence.clone();
    }
    ok(twin, region, "GetShardIterator", request).await["ShardIterator"].clone()
}

fn names(answer: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let records = answer["Records"].as_array().unwrap();
    records.iter().map(|one| (text(&one["eventName"]), text(&one["dynamodb"]["Keys"]["id"]["S"]))).collect()
}

fn changes(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn every_region_streams_its_own_and_replicated_changes() {
    let twin = Twin::start(1).with_global_table().await;
    let latest = iterator(&twin, EU, "LATEST", None).await;
    twin.put(US, "a", "one");
    twin.put(US, "a", "two");
    twin.ok(US, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }));
    seconds(16.0).await;
    twin.put(EU, "b", "one");
    let all = changes(&[("INSERT", "a"), ("MODIFY", "a"), ("REMOVE", "a"), ("INSERT", "b")]);
    let got = ok(&twin, EU, "GetRecords", json!({ "ShardIterator": latest })).await;
    assert_eq!(names(&got), all);
    let first = &got["Records"][1];
    assert_eq!(first["dynamodb"]["OldImage"]["v"]["S"], "one");
    assert_eq!(first["dynamodb"]["NewImage"]["v"]["S"], "two");
    assert_eq!((&first["awsRegion"], &first["userIdentity"]), (&json!("eu-west-1"), &Json::Null));
    let next = json!({ "ShardIterator": got["NextShardIterator"] });
    assert_eq!(names(&ok(&twin, EU, "GetRecords", next.clone()).await), []);
    twin.put(EU, "c", "one");
    assert_eq!(names(&ok(&twin, EU, "GetRecords", next).await), changes(&[("INSERT", "c")]));

    let horizon = iterator(&twin, US, "TRIM_HORIZON", None).await;
    let page = ok(&twin, US, "GetRecords", json!({ "ShardIterator": horizon, "Limit": 2 })).await;
    assert_eq!(names(&page), all[..2]);
    let sequence = &page["Records"][1]["dynamodb"]["SequenceNumber"];
    for (kind, expected) in [("AT_SEQUENCE_NUMBER", &all[1..3]), ("AFTER_SEQUENCE_NUMBER", &all[2..3])] {
        let from = iterator(&twin, US, kind, Some(sequence)).await;
        assert_eq!(names(&ok(&twin, US, "GetRecords", json!({ "ShardIterator": from })).await), expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_by_time_to_live_names_the_service() {
    let twin = Twin::start(1).with_table(false).await;
    let setting = json!({ "AttributeName": "until", "Enabled": true });
    twin.ok(US, "UpdateTimeToLive", json!({ "TableName": "orders", "TimeToLiveSpecification": setting }));
    let until = twin.0.clock.now().millis() / 1_000 + 10;
    let item = json!({ "id": { "S": "a" }, "until": { "N": until.to_string() } });
    twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": item }));
    seconds(2_000.0).await;
    let from = iterator(&twin, US, "TRIM_HORIZON", None).await;
    let got = ok(&twin, US, "GetRecords", json!({ "ShardIterator": from })).await;
    assert_eq!(names(&got), changes(&[("INSERT", "a"), ("REMOVE", "a")]));
    let identity = json!({ "Type": "Service", "PrincipalId": "dynamodb.amazonaws.com" });
    assert_eq!((&got["Records"][0]["userIdentity"], &got["Records"][1]["userIdentity"]), (&Json::Null, &identity));
}

#[tokio::test(start_paused = true)]
async fn iterators_and_records_grow_old() {
    let twin = Twin::start(1).with_table(false).await;
    twin.put(US, "a", "one");
    let from = iterator(&twin, US, "TRIM_HORIZON", None).await;
    seconds(901.0).await;
    let (status, answer) = send(&twin, US, "GetRecords", json!({ "ShardIterator": from })).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ExpiredIteratorException")));
    let from = iterator(&twin, US, "TRIM_HORIZON", None).await;
    let read = ok(&twin, US, "GetRecords", json!({ "ShardIterator": from })).await;
    let sequence = read["Records"][0]["dynamodb"]["SequenceNumber"].clone();
    seconds(85_490.0).await;
    let soon_too_old = iterator(&twin, US, "AT_SEQUENCE_NUMBER", Some(&sequence)).await;
    seconds(10.0).await;
    let (_, answer) = send(&twin, US, "GetRecords", json!({ "ShardIterator": soon_too_old })).await;
    assert_eq!(answer["__type"], "TrimmedDataAccessException");
    let from = iterator(&twin, US, "TRIM_HORIZON", None).await;
    assert_eq!(names(&ok(&twin, US, "GetRecords", json!({ "ShardIterator": from })).await), []);
    for (operation, body, code) in [
        (
            "DescribeStream",
            json!({ "StreamArn": "arn:aws:dynamodb:us-east-1:1:table/x/stream/y" }),
            "ResourceNotFoundException",
        ),
        ("GetRecords", json!({ "ShardIterator": "nonsense" }), "ValidationException"),
        ("PutItem", json!({}), "NotImplemented"),
    ] {
        let (_, answer) = send(&twin, US, operation, body).await;
        assert_eq!(answer["__type"], code, "{operation}");
    }
    let streamless = json!({ "TableName": "orders", "StreamSpecification": { "StreamEnabled": false } });
    twin.ok(US, "UpdateTable", streamless);
    assert_eq!(ok(&twin, US, "ListStreams", json!({})).await["Streams"], json!([]));
}
