use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};

use super::{EU, Twin, US};
use crate::region::Region;
use crate::twin::gateway::{Credentials, sdk_config};
use crate::twin::world::network::Origin;

fn client(twin: &Twin, region: Region) -> Client {
    Client::new(&sdk_config(&twin.0, Origin::Operator, region, &Credentials::account()))
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
