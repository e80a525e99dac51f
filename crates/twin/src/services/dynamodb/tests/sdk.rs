use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BillingMode,
    CreateGlobalTableWitnessGroupMemberAction, CreateReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate,
    KeySchemaElement, KeyType, MultiRegionConsistency, ReplicationGroupUpdate, ScalarAttributeType, TableStatus,
    WitnessStatus,
};

use super::{EU, Twin, US};
use crate::gateway::{Credentials, sdk_config};
use crate::region::Region;
use crate::world::network::Origin;

fn client(twin: &Twin, region: Region) -> Client {
    Client::new(&sdk_config(&twin.0, Origin::Operator, region, &Credentials::account()))
}

#[tokio::test(start_paused = true)]
async fn an_unmodified_client_speaks_partiql_and_sees_batch_errors() {
    let twin = Twin::start(1).with_table(false).await;
    let client = client(&twin, US);
    let insert = "INSERT INTO orders VALUE {'id': ?, 'v': 'one'}";
    let id = AttributeValue::S("a".into());
    client.execute_statement().statement(insert).parameters(id.clone()).send().await.unwrap();
    let again = client.execute_statement().statement(insert).parameters(id).send().await.unwrap_err();
    assert!(again.into_service_error().is_duplicate_item_exception());
    let found = client.execute_statement().statement("SELECT v FROM orders WHERE id = 'a'").send().await.unwrap();
    assert_eq!(found.items()[0]["v"], AttributeValue::S("one".into()));
    let request = |statement: &str| BatchStatementRequest::builder().statement(statement).build().unwrap();
    let update = request("UPDATE orders SET v = 'two' WHERE id = 'b'");
    let batch = client.batch_execute_statement().statements(update).send().await.unwrap();
    let error = batch.responses()[0].error().unwrap();
    assert_eq!(error.code(), Some(&BatchStatementErrorCodeEnum::ConditionalCheckFailed));
}

#[tokio::test(start_paused = true)]
async fn an_unmodified_client_makes_a_strong_table_and_retries_a_conflict() {
    let west = Region::parse("us-west-2").unwrap();
    let twin = Twin::in_regions(1, &[US, west]).with_table(false).await;
    let create = CreateReplicationGroupMemberAction::builder().region_name("us-west-2").build().unwrap();
    let witness = CreateGlobalTableWitnessGroupMemberAction::builder().region_name("us-east-2").build().unwrap();
    let update = client(&twin, US).update_table().table_name("orders");
    let update = update.multi_region_consistency(MultiRegionConsistency::Strong);
    let update = update.replica_updates(ReplicationGroupUpdate::builder().create(create).build());
    let update = update.global_table_witness_updates(GlobalTableWitnessGroupUpdate::builder().create(witness).build());
    update.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(70)).await;
    let described = client(&twin, west).describe_table().table_name("orders").send().await.unwrap().table.unwrap();
    assert_eq!(described.multi_region_consistency(), Some(&MultiRegionConsistency::Strong));
    assert_eq!(described.global_table_witnesses()[0].witness_status(), Some(&WitnessStatus::Active));

    let put = |region, text: &str| {
        let put = client(&twin, region).put_item().table_name("orders").item("id", AttributeValue::S("a".into()));
        put.item("v", AttributeValue::S(text.into()))
    };
    let (one, two) = tokio::join!(put(US, "east").send(), put(west, "west").send());
    one.unwrap();
    two.unwrap();
    let mut seen = Vec::new();
    for region in [US, west] {
        let get = client(&twin, region).get_item().table_name("orders").key("id", AttributeValue::S("a".into()));
        seen.push(get.consistent_read(true).send().await.unwrap().item.unwrap()["v"].clone());
    }
    assert_eq!(seen[0], seen[1], "the one that conflicted was tried again, and is the last");
}

#[tokio::test(start_paused = true)]
async fn an_unmodified_client_creates_a_table_and_uses_it() {
    let twin = Twin::start(1);
    let client = client(&twin, US);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let id =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build().unwrap();
    let create = client.create_table().table_name("orders").key_schema(key).attribute_definitions(id);
    let created = create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    assert_eq!(created.table_description.unwrap().table_status, Some(TableStatus::Creating));
    let early = client.get_item().table_name("orders").key("id", AttributeValue::S("a".into())).send().await;
    assert_eq!(early.unwrap_err().code(), Some("ResourceNotFoundException"));
    tokio::time::sleep(Duration::from_secs(9)).await;
    let described = client.describe_table().table_name("orders").send().await.unwrap().table.unwrap();
    assert_eq!(described.table_status, Some(TableStatus::Active));
    assert_eq!(described.table_arn(), Some("arn:aws:dynamodb:us-east-1:111122223333:table/orders"));

    let put = client.put_item().table_name("orders").item("id", AttributeValue::S("a".into()));
    let put = put.item("n", AttributeValue::N("1.50".into())).condition_expression("attribute_not_exists(id)");
    put.clone().send().await.unwrap();
    let again = put.send().await.unwrap_err().into_service_error();
    assert!(again.is_conditional_check_failed_exception(), "{again:?}");
    let got = client.get_item().table_name("orders").key("id", AttributeValue::S("a".into())).send().await.unwrap();
    assert_eq!(got.item.unwrap()["n"], AttributeValue::N("1.5".into()));

    let elsewhere = super::sdk::client(&twin, EU).describe_table().table_name("orders").send().await;
    assert!(elsewhere.unwrap_err().into_service_error().is_resource_not_found_exception());
}
