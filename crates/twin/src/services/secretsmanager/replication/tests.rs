//! Replicas: what reaches them, when, and what stops it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, ReplicationStatusType, StatusType};
use serde_json::{Value, json};

use super::super::tests::{EU, ONE, TWO, US, client, cloud, code, context, create, seconds, value};
use crate::Cloud;
use crate::formation::ResourceContext;
use crate::region::Region;
use crate::services::kms;
use crate::world::faults::{Defect, Effect, Fault, Pace, Store};

async fn status(client: &Client, id: &str) -> ReplicationStatusType {
    client.describe_secret().secret_id(id).send().await.unwrap().replication_status()[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_replica_follows_after_a_lag_and_cannot_be_written() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    let arn = create(&us, "s", Some("eu-west-1")).await;
    assert_eq!(status(&us, "s").await.status(), Some(&StatusType::InProgress));
    assert_eq!(value(&eu, "s").await, None, "no replica at once");
    seconds(60).await;
    assert_eq!(status(&us, "s").await.status(), Some(&StatusType::InSync));
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"));
    assert_eq!(value(&eu, &arn.replace("us-east-1", "eu-west-1")).await.as_deref(), Some("one"));
    let written = eu.put_secret_value().secret_id("s").secret_string("x").client_request_token(TWO).send().await;
    assert_eq!(code(written), "InvalidParameterException");
    us.put_secret_value().secret_id("s").secret_string("two").client_request_token(TWO).send().await.unwrap();
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"), "the change is not there at once");
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("two"));
    let replica = eu.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!(replica.primary_region(), Some("us-east-1"));
    assert_eq!(code(us.delete_secret().secret_id("s").send().await), "InvalidRequestException");
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_changes_up_and_the_heal_lets_them_through() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&us, "s", Some("eu-west-1")).await;
    seconds(60).await;
    let fault = cloud.faults.inject(Fault::Partition { between: (US, EU) });
    us.put_secret_value().secret_id("s").secret_string("two").client_request_token(TWO).send().await.unwrap();
    seconds(600).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"));
    assert_eq!(status(&us, "s").await.status(), Some(&StatusType::InProgress));
    cloud.faults.heal(fault);
    seconds(10).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("two"));
    assert_eq!(status(&us, "s").await.status(), Some(&StatusType::InSync));
}

async fn put(client: &Client, id: &str, token: &str, text: &str, stage: &str) {
    let request = client.put_secret_value().secret_id(id).client_request_token(token).secret_string(text);
    request.version_stages(stage).send().await.unwrap();
}

fn paced(name: Option<&str>, to: Option<Region>, pace: Pace) -> Fault {
    Fault::Replication { of: Store::Secret, name: name.map(str::to_owned), from: None, to, pace }
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_one_secret_and_one_direction() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&us, "held", Some("eu-west-1")).await;
    create(&us, "free", Some("eu-west-1")).await;
    create(&eu, "back", Some("us-east-1")).await;
    seconds(60).await;
    let fault = cloud.faults.inject(paced(Some("held"), Some(EU), Pace::Stopped));
    put(&us, "held", TWO, "two", "AWSCURRENT").await;
    put(&us, "free", TWO, "two", "AWSCURRENT").await;
    put(&eu, "back", TWO, "two", "AWSCURRENT").await;
    seconds(600).await;
    assert_eq!(value(&eu, "held").await.as_deref(), Some("one"));
    assert_eq!(status(&us, "held").await.status(), Some(&StatusType::InProgress));
    assert_eq!(value(&eu, "free").await.as_deref(), Some("two"));
    assert_eq!(value(&us, "back").await.as_deref(), Some("two"));
    cloud.faults.heal(fault);
    seconds(10).await;
    assert_eq!(value(&eu, "held").await.as_deref(), Some("two"));
    assert_eq!(status(&us, "held").await.status(), Some(&StatusType::InSync));
}

#[tokio::test(start_paused = true)]
async fn a_slow_replicator_multiplies_the_lag() {
    let lag = |times: u32| async move {
        let cloud = cloud();
        let (us, eu) = (client(&cloud, US), client(&cloud, EU));
        create(&us, "s", Some("eu-west-1")).await;
        seconds(60).await;
        cloud.faults.inject(paced(None, None, Pace::Times(times)));
        put(&us, "s", TWO, "two", "AWSCURRENT").await;
        let sent = cloud.clock.now();
        while value(&eu, "s").await.as_deref() != Some("two") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        cloud.clock.now().since(sent).as_secs_f64()
    };
    let (normal, slow) = (lag(1).await, lag(20).await);
    assert!((slow / normal - 20.0).abs() < 1.0, "{slow} is not 20 times {normal}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_replicator_publishes_what_is_pending() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&us, "s", Some("eu-west-1")).await;
    seconds(60).await;
    put(&us, "s", TWO, "two", "AWSPENDING").await;
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"), "a replica keeps pending and current apart");
    let three = TWO.replace('2', "3");
    cloud.faults.inject(Fault::Defect(Defect::PublishPending));
    put(&us, "s", &three, "three", "AWSPENDING").await;
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("three"));
    assert_eq!(value(&us, "s").await.as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_replica_can_be_promoted_while_its_primary_is_lost() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&us, "s", Some("eu-west-1")).await;
    seconds(60).await;
    let fault = cloud.faults.inject(Fault::Region { region: US, effect: Effect::Error });
    eu.stop_replication_to_replica().secret_id("s").send().await.unwrap();
    eu.put_secret_value().secret_id("s").secret_string("mine").client_request_token(TWO).send().await.unwrap();
    cloud.faults.heal(fault);
    seconds(60).await;
    us.put_secret_value().secret_id("s").secret_string("theirs").client_request_token(TWO).send().await.unwrap();
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("mine"));
    assert!(us.describe_secret().secret_id("s").send().await.unwrap().replication_status().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removed_replica_goes_away() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&us, "s", Some("eu-west-1")).await;
    seconds(60).await;
    us.remove_regions_from_replication().secret_id("s").remove_replica_regions("eu-west-1").send().await.unwrap();
    seconds(60).await;
    assert_eq!(value(&eu, "s").await, None);
    us.delete_secret().secret_id("s").force_delete_without_recovery(true).send().await.unwrap();
    create(&us, "s", None).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_taken_in_the_replica_region_fails_the_replica() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&eu, "s", None).await;
    create(&us, "s", Some("eu-west-1")).await;
    seconds(60).await;
    let status = status(&us, "s").await;
    assert_eq!(status.status(), Some(&StatusType::Failed));
    assert!(status.status_message().unwrap().contains("already exists"));
}

/// A key of this Region, made or changed by its template resource.
async fn key(cloud: &Arc<Cloud>, kind: &str, region: Region, properties: Value) -> String {
    let resources = kms::resources();
    let handler = resources.iter().find(|handler| handler.spec().name == kind).unwrap();
    let context = ResourceContext { region, ..context(cloud) };
    handler.create(&context, &properties).await.unwrap().attributes["Arn"].as_str().unwrap().to_owned()
}

async fn enable(cloud: &Arc<Cloud>, key: &str, enabled: bool) {
    let context = ResourceContext { region: EU, ..context(cloud) };
    kms::resources()[0].update(&context, key, &json!({}), &json!({"Enabled": enabled})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_replica_whose_key_cannot_be_used_fails_until_it_can() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    let key = key(&cloud, "AWS::KMS::Key", EU, json!({})).await;
    create(&us, "s", None).await;
    let replicate = |key: &str| {
        let replica = ReplicaRegionType::builder().region("eu-west-1").kms_key_id(key).build();
        us.replicate_secret_to_regions().secret_id("s").add_replica_regions(replica).send()
    };
    replicate("alias/none").await.unwrap();
    seconds(60).await;
    let failed = status(&us, "s").await;
    assert_eq!(failed.status(), Some(&StatusType::Failed));
    assert!(failed.status_message().unwrap().contains("NotFoundException"), "{failed:?}");
    // What failed may be asked for again, with a key that exists.
    replicate(&key).await.unwrap();
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"));
    assert_eq!(status(&us, "s").await.kms_key_id(), Some(key.as_str()));
    enable(&cloud, &key, false).await;
    put(&us, "s", TWO, "two", "AWSCURRENT").await;
    seconds(60).await;
    let failed = status(&us, "s").await;
    assert_eq!(failed.status(), Some(&StatusType::Failed));
    assert!(failed.status_message().unwrap().contains("DisabledException"), "{failed:?}");
    assert_eq!(code(eu.get_secret_value().secret_id("s").send().await), "DecryptionFailure");
    enable(&cloud, &key, true).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"), "the old value is still there");
    replicate(&key).await.unwrap();
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("two"));
    assert_eq!(status(&us, "s").await.status(), Some(&StatusType::InSync));
}

#[tokio::test(start_paused = true)]
async fn a_multi_region_key_serves_both_ends() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    let primary = key(&cloud, "AWS::KMS::Key", US, json!({"MultiRegion": true})).await;
    let replica = json!({"PrimaryKeyArn": primary, "KeyPolicy": {}});
    let replica = key(&cloud, "AWS::KMS::ReplicaKey", EU, replica).await;
    assert_eq!(replica, primary.replace("us-east-1", "eu-west-1"), "both ends share the key's id");
    let request = us.create_secret().name("s").secret_string("one").client_request_token(ONE).kms_key_id(&primary);
    let there = ReplicaRegionType::builder().region("eu-west-1").kms_key_id(&replica).build();
    request.add_replica_regions(there).send().await.unwrap();
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"));
    // Each end has a state of its own.
    enable(&cloud, &replica, false).await;
    assert_eq!(value(&us, "s").await.as_deref(), Some("one"));
    assert_eq!(value(&eu, "s").await, None);
}

#[tokio::test(start_paused = true)]
async fn labels_reach_the_replica_as_values_do() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    create(&us, "s", Some("eu-west-1")).await;
    put(&us, "s", TWO, "two", "AWSPENDING").await;
    seconds(60).await;
    let moved = us.update_secret_version_stage().secret_id("s").version_stage("AWSCURRENT");
    moved.move_to_version_id(TWO).remove_from_version_id(ONE).send().await.unwrap();
    assert_eq!(value(&eu, "s").await.as_deref(), Some("one"), "labels take as long as values");
    seconds(60).await;
    assert_eq!(value(&eu, "s").await.as_deref(), Some("two"));
    let previous = eu.get_secret_value().secret_id("s").version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.version_id(), Some(ONE));
    let own = eu.update_secret_version_stage().secret_id("s").version_stage("MINE").move_to_version_id(ONE);
    assert_eq!(code(own.send().await), "InvalidParameterException", "a replica's labels are the primary's");
}
