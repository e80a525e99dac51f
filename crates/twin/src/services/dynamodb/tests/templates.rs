use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{EU, Twin, US};
use crate::formation::{ResourceContext, ResourceHandler};
use crate::gateway::{Call, Principal};
use crate::region::Region;
use crate::services::Service;
use crate::services::dynamodb::resources;

fn context(twin: &Twin) -> ResourceContext {
    ResourceContext {
        cloud: twin.0.clone(),
        region: US,
        stack_name: "data".to_owned(),
        stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/data/1".to_owned(),
        logical_id: "Orders".to_owned(),
        stack_tags: vec![("Project".to_owned(), "blackstart".to_owned())],
    }
}

fn handler(name: &str) -> Box<dyn ResourceHandler> {
    resources::all().into_iter().find(|handler| handler.spec().name == name).unwrap()
}

fn global(replicas: &[&str]) -> Json {
    let replicas: Vec<Json> = replicas
        .iter()
        .map(|region| json!({ "Region": region, "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true } }))
        .collect();
    json!({
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "StreamSpecification": { "StreamViewType": "NEW_AND_OLD_IMAGES" },
        "TimeToLiveSpecification": { "AttributeName": "expires", "Enabled": true },
        "TableName": "orders",
        "Replicas": replicas,
    })
}

#[tokio::test(start_paused = true)]
async fn a_global_table_stands_in_every_region_it_lists_and_goes_whole() {
    let twin = Twin::start(1);
    let (cx, handler) = (context(&twin), handler("AWS::DynamoDB::GlobalTable"));
    let properties = global(&["us-east-1", "eu-west-1"]);
    let created = handler.create(&cx, &properties).await.unwrap();
    assert_eq!(created.physical_id, "orders");
    assert_eq!(created.attributes["Arn"], "arn:aws:dynamodb:us-east-1:111122223333:table/orders");
    assert!(created.attributes["StreamArn"].as_str().unwrap().contains("table/orders/stream/2026-01-05T00:00:00"));
    for attribute in handler.spec().attributes {
        assert!(created.attributes.contains_key(*attribute), "{attribute}");
    }
    twin.put(US, "a", "one");
    super::seconds(16.0).await;
    assert_eq!(twin.read(EU, "a").as_deref(), Some("one"));
    for region in [US, EU] {
        let table = twin.ok(region, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
        assert_eq!(table["TableStatus"], "ACTIVE");
        assert_eq!(table["Replicas"].as_array().unwrap().len(), 1);
        let tags = twin.ok(region, "ListTagsOfResource", json!({ "ResourceArn": table["TableArn"] }));
        assert_eq!(tags["Tags"], json!([{ "Key": "Project", "Value": "blackstart" }]));
        let backups = twin.ok(region, "DescribeContinuousBackups", json!({ "TableName": "orders" }));
        let recovery = &backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        assert_eq!(recovery["PointInTimeRecoveryStatus"], "ENABLED");
        let expiry = twin.ok(region, "DescribeTimeToLive", json!({ "TableName": "orders" }));
        assert_eq!(expiry["TimeToLiveDescription"]["AttributeName"], "expires");
    }
    handler.delete(&cx, "orders", &properties).await.unwrap();
    handler.delete(&cx, "orders", &properties).await.unwrap();
    for region in [US, EU] {
        assert_eq!(twin.ok(region, "ListTables", json!({}))["TableNames"], json!([]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_added_filled_and_removed_by_an_update() {
    let twin = Twin::start(1);
    let (cx, handler) = (context(&twin), handler("AWS::DynamoDB::GlobalTable"));
    let (one, both) = (global(&["us-east-1"]), global(&["us-east-1", "eu-west-1"]));
    handler.create(&cx, &one).await.unwrap();
    twin.put(US, "a", "before");
    handler.update(&cx, "orders", &one, &both).await.unwrap();
    assert_eq!(twin.read(EU, "a").as_deref(), Some("before"), "a new replica opens with what the others hold");
    let error = handler.update(&cx, "orders", &both, &global(&["eu-west-1"])).await.unwrap_err();
    assert!(error.0.contains("must contain the stack's own Region"), "{error}");
    handler.update(&cx, "orders", &both, &one).await.unwrap();
    let error = twin.call(EU, "DescribeTable", json!({ "TableName": "orders" })).unwrap_err();
    assert_eq!(error.to_string(), "ResourceNotFoundException: Requested resource not found: Table: orders not found");
    assert_eq!(twin.read(US, "a").as_deref(), Some("before"));
}

#[tokio::test(start_paused = true)]
async fn a_global_table_that_cannot_be_is_refused_with_its_reason() {
    let twin = Twin::start(1);
    let (cx, handler) = (context(&twin), handler("AWS::DynamoDB::GlobalTable"));
    let refused = async |properties: Json| handler.create(&cx, &properties).await.unwrap_err().0;
    assert!(refused(global(&["us-east-1", "ap-south-1"])).await.contains("the twin has no Region ap-south-1"));
    assert!(refused(global(&["us-east-1", "eu-wset-1"])).await.contains("did you mean \"eu-west-1\"?"));
    let mut streamless = global(&["us-east-1", "eu-west-1"]);
    streamless.as_object_mut().unwrap().remove("StreamSpecification");
    assert!(
        refused(streamless).await.contains("StreamSpecification with StreamViewType NEW_AND_OLD_IMAGES is required")
    );
    let mut strong = global(&["us-east-1", "eu-west-1"]);
    strong["MultiRegionConsistency"] = "STRONG".into();
    assert!(refused(strong.clone()).await.contains("needs three Regions"));
    strong["GlobalTableWitnesses"] = json!([{ "Region": "us-east-2" }]);
    assert!(refused(strong).await.contains("must be in one of the sets"));
    let mut witnessed = global(&["us-east-1"]);
    witnessed["GlobalTableWitnesses"] = json!([{ "Region": "us-east-2" }]);
    assert!(refused(witnessed).await.contains("needs MultiRegionConsistency STRONG"));
    assert_eq!(twin.ok(US, "ListTables", json!({}))["TableNames"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_strong_table_is_made_with_its_witness_and_goes_whole() {
    let west = Region::parse("us-west-2").unwrap();
    let twin = Twin::in_regions(1, &[US, west]);
    let (cx, handler) = (context(&twin), handler("AWS::DynamoDB::GlobalTable"));
    let mut properties = global(&["us-east-1", "us-west-2"]);
    properties["MultiRegionConsistency"] = "STRONG".into();
    properties["GlobalTableWitnesses"] = json!([{ "Region": "us-east-2" }]);
    assert!(handler.create(&cx, &properties).await.unwrap_err().0.contains("TimeToLiveSpecification"));
    for without in ["TimeToLiveSpecification", "StreamSpecification"] {
        properties.as_object_mut().unwrap().remove(without);
    }
    handler.create(&cx, &properties).await.unwrap();
    let table = twin.ok(west, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
    assert_eq!((&table["TableStatus"], &table["MultiRegionConsistency"]), (&json!("ACTIVE"), &json!("STRONG")));
    assert_eq!(table["GlobalTableWitnesses"][0]["WitnessStatus"], "ACTIVE");
    twin.put(US, "a", "one");
    let get = json!({ "TableName": "orders", "Key": { "id": { "S": "a" } }, "ConsistentRead": true });
    assert_eq!(twin.ok(west, "GetItem", get)["Item"]["v"]["S"], "one");
    let mut weaker = properties.clone();
    weaker["MultiRegionConsistency"] = "EVENTUAL".into();
    weaker["GlobalTableWitnesses"] = json!([]);
    assert!(handler.update(&cx, "orders", &properties, &weaker).await.is_err());
    handler.delete(&cx, "orders", &properties).await.unwrap();
    for region in [US, west] {
        assert_eq!(twin.ok(region, "ListTables", json!({}))["TableNames"], json!([]));
    }
}

/// The ARN of a new key.
async fn key(twin: &Twin, region: Region) -> String {
    let request = http::Request::builder().header("x-amz-target", "TrentService.CreateKey").body(Bytes::new()).unwrap();
    let (cloud, request_id) = (twin.0.clone(), String::new());
    let call = Call { cloud, region, principal: Principal::Account, request_id };
    let made = twin.0.kms.handle(&call, &request).await.unwrap();
    let made: Json = serde_json::from_slice(made.body()).unwrap();
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn capacity_and_keys_of_a_global_table_change_in_place() {
    let twin = Twin::start(1);
    let (cx, handler) = (context(&twin), handler("AWS::DynamoDB::GlobalTable"));
    let scaling = |least: u32| {
        json!({ "MinCapacity": least, "MaxCapacity": 100,
                "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 70 } })
    };
    let version = |least: u32, home: &str, away: &str| {
        let mut properties = global(&["us-east-1", "eu-west-1"]);
        properties["BillingMode"] = "PROVISIONED".into();
        properties["SSESpecification"] = json!({ "SSEEnabled": true, "SSEType": "KMS" });
        properties["WriteProvisionedThroughputSettings"] =
            json!({ "WriteCapacityAutoScalingSettings": scaling(least) });
        for (at, key) in [home, away].iter().enumerate() {
            properties["Replicas"][at]["SSESpecification"] = json!({ "KMSMasterKeyId": key });
            properties["Replicas"][at]["ReadProvisionedThroughputSettings"] = json!({ "ReadCapacityUnits": 7 });
        }
        properties
    };
    let shown = |region| {
        let table = twin.ok(region, "DescribeTable", json!({ "TableName": "orders" }))["Table"].clone();
        (
            table["ProvisionedThroughput"]["WriteCapacityUnits"].clone(),
            table["SSEDescription"]["KMSMasterKeyArn"].clone(),
        )
    };
    let (home, away) = ([key(&twin, US).await, key(&twin, US).await], [key(&twin, EU).await, key(&twin, EU).await]);
    let elsewhere = handler.create(&cx, &version(5, &home[0], &home[1])).await.unwrap_err();
    assert!(
        elsewhere.0.contains("cannot be used in eu-west-1"),
        "a replica needs a key of its own Region: {elsewhere}"
    );
    let (old, new) = (version(5, &home[0], &away[0]), version(9, &home[1], &away[1]));
    handler.create(&cx, &old).await.unwrap();
    assert_eq!((shown(US), shown(EU)), ((json!(5), json!(home[0])), (json!(5), json!(away[0]))));
    handler.update(&cx, "orders", &old, &new).await.unwrap();
    assert_eq!((shown(US), shown(EU)), ((json!(9), json!(home[1])), (json!(9), json!(away[1]))));
}

#[tokio::test(start_paused = true)]
async fn a_table_is_created_changed_in_place_and_protected() {
    let twin = Twin::start(1);
    let (cx, handler) = (context(&twin), handler("AWS::DynamoDB::Table"));
    let old = json!({
        "BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": true,
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "Tags": [{ "Key": "Environment", "Value": "test" }],
    });
    let created = handler.create(&cx, &old).await.unwrap();
    let name = created.physical_id.clone();
    assert!(name.starts_with("data-Orders-"), "{name}");
    assert!(!created.attributes.contains_key("StreamArn"));
    let mut new = old.clone();
    new["StreamSpecification"] = json!({ "StreamViewType": "NEW_IMAGE" });
    new["AttributeDefinitions"] =
        json!([{ "AttributeName": "id", "AttributeType": "S" }, { "AttributeName": "g", "AttributeType": "S" }]);
    new["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "by-g", "Projection": { "ProjectionType": "ALL" },
        "KeySchema": [{ "AttributeName": "g", "KeyType": "HASH" }],
    }]);
    let updated = handler.update(&cx, &name, &old, &new).await.unwrap();
    assert!(updated.attributes.contains_key("StreamArn"));
    let table = twin.ok(US, "DescribeTable", json!({ "TableName": name }))["Table"].clone();
    assert_eq!(table["GlobalSecondaryIndexes"][0]["IndexStatus"], "ACTIVE");
    assert!(handler.delete(&cx, &name, &new).await.unwrap_err().0.contains("protected against deletion"));
    let mut open = new.clone();
    open["DeletionProtectionEnabled"] = false.into();
    handler.update(&cx, &name, &new, &open).await.unwrap();
    handler.delete(&cx, &name, &open).await.unwrap();
    let mut policy = old.clone();
    policy["ResourcePolicy"] = json!({ "PolicyDocument": {} });
    assert!(handler.create(&cx, &policy).await.unwrap_err().0.contains("does not model ResourcePolicy"));
}
