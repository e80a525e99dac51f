//! The secret on the twin: served, replicated, accepted, rotated.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_secretsmanager::types::ReplicaRegionType;
use tokio::sync::watch;

use super::{rotate, watch_backend, watch_replicas, watch_served};
use crate::data::testing::{EU, US, recorder, target, trouble};
use crate::history::{Event, OperationAction};
use crate::target::embedded::Embedded;
use crate::target::{Breakage, Mode, Target};

const ONE: &str = "00000000-0000-4000-8000-000000000001";
const TWO: &str = "00000000-0000-4000-8000-000000000002";

fn client(target: &Embedded, region: crate::region::Region) -> aws_sdk_secretsmanager::Client {
    target.clients_in(region).unwrap().secretsmanager.clone()
}

async fn secret(target: &Embedded, replicated: bool) {
    let replica = replicated.then(|| vec![ReplicaRegionType::builder().region(EU.as_str()).build()]);
    let create = client(target, US).create_secret().name("orders").secret_string("first").client_request_token(ONE);
    create.set_add_replica_regions(replica).send().await.unwrap();
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_in_each_region_by_version_and_digest() {
    let target = target();
    let (recorder, history) = recorder(target.clock());
    secret(&target, true).await;
    seconds(60).await;
    let (stop, stopped) = watch::channel(false);
    let every = Duration::from_millis(250);
    let mut watchers = tokio::task::JoinSet::new();
    for region in [US, EU] {
        let (client, secret) = (client(&target, region), "orders".to_owned());
        watchers.spawn(watch_served(client, region, secret, every, recorder.clone(), stopped.clone()));
    }
    let (home, secret) = (client(&target, US), "orders".to_owned());
    watchers.spawn(watch_replicas(home, US, vec![EU], secret, every, recorder.clone(), stopped.clone()));
    seconds(10).await;
    let cut = target.injector().inject(Breakage::Partition { between: (US, EU) }).await.unwrap();
    let changed_us = recorder.now_us();
    let put = client(&target, US).put_secret_value().secret_id("orders").client_request_token(TWO);
    put.secret_string("second").send().await.unwrap();
    seconds(30).await;
    target.injector().heal(cut).await.unwrap();
    seconds(30).await;
    stop.send_replace(true);
    while watchers.join_next().await.is_some() {}

    let events = history.take();
    let text = format!("{events:?}");
    assert!(!text.contains("first") && !text.contains("second"), "a value leaked");
    let served: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::SecretServed { region, version, digest, missed_us } => {
                Some((*region, version.as_str(), digest.as_str(), *missed_us))
            }
            _ => None,
        })
        .collect();
    let [(us, one, old, None), (eu, also, same, None), (first, two, new, missed), (then, other, at_last, later)] =
        served[..]
    else {
        panic!("{served:?}");
    };
    assert_eq!((us, eu, first, then), (US, EU, US, EU));
    assert_eq!((one, two, also, other), (ONE, TWO, ONE, TWO));
    assert!(old == same && new == at_last && old != new && old.len() == 16);
    assert!(missed.unwrap() <= changed_us && later.unwrap() > changed_us + 29_000_000, "{served:?}");
    let replica = |event: &Event| match event {
        Event::SecretReplica { status, .. } => Some(status.clone()),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(replica).collect::<Vec<_>>(), ["InSync", "InProgress", "InSync"]);
    assert!(!events.into_iter().any(|event| trouble(event).is_some()));
}

#[tokio::test(start_paused = true)]
async fn what_the_backend_accepts_is_recorded_at_each_change() {
    let target = target();
    let (recorder, history) = recorder(target.clock());
    let dynamodb = target.clients_in(US).unwrap().dynamodb.clone();
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let create = dynamodb.create_table().table_name("credentials").billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(id.build().unwrap()).key_schema(hash.build().unwrap());
    create.send().await.unwrap();
    seconds(20).await;
    let (stop, stopped) = watch::channel(false);
    let every = Duration::from_secs(2);
    let (client, table) = (dynamodb.clone(), "credentials".to_owned());
    let watcher = tokio::spawn(watch_backend(client, US, table, every, recorder, stopped));
    let text = |text: &str| AttributeValue::S(text.to_owned());
    seconds(5).await;
    let list = AttributeValue::L(vec![text(TWO), text(ONE)]);
    let put = || dynamodb.put_item().table_name("credentials").item("id", text("orders"));
    put().item("accepted", list).send().await.unwrap();
    seconds(5).await;
    let down =
        Breakage::Service { region: Some(US), service: "dynamodb".into(), operations: vec![], mode: Mode::Errors };
    let down = target.injector().inject(down).await.unwrap();
    seconds(60).await;
    target.injector().heal(down).await.unwrap();
    put().item("accepted", AttributeValue::Ss(vec![ONE.to_owned(), TWO.to_owned()])).send().await.unwrap();
    seconds(5).await;
    put().item("accepted", AttributeValue::Ss(vec![TWO.to_owned()])).send().await.unwrap();
    seconds(5).await;
    stop.send_replace(true);
    watcher.await.unwrap();
    let events = history.take();
    let accepts = |event: &Event| match event {
        Event::Backend { accepts } => Some(accepts.join(" ")),
        _ => None,
    };
    let seen: Vec<String> = events.iter().filter_map(accepts).collect();
    assert_eq!(seen, [String::new(), format!("{ONE} {TWO}"), TWO.to_owned()]);
    let told: Vec<String> = events.into_iter().filter_map(trouble).collect();
    assert!(told.len() == 1 && told[0].starts_with("secret probe: us-east-1: "), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_rotation_fails_the_operation_in_plain_words() {
    let target = target();
    let (recorder, history) = recorder(target.clock());
    secret(&target, false).await;
    rotate(&client(&target, US), "orders", "rotate-1", &recorder).await;
    let events = history.take();
    let [
        Event::Operation { action: OperationAction::Started, .. },
        Event::Operation { operation, kind, action: OperationAction::Failed, version: None, what },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((operation.as_str(), kind.as_str()), ("rotate-1", "rotate-secret"));
    assert!(what.starts_with("the secret orders has no rotation: give it"), "{what}");
}
