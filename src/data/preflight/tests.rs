//! Every check of preflight, with all in place and with its own piece missing.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateReplicationGroupMemberAction, KeySchemaElement, KeyType,
    ReplicationGroupUpdate, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_secretsmanager::types::ReplicaRegionType;
use bytes::Bytes;

use super::Preflight;
use crate::data::testing::{EU, US, bucket, recorder, replicate, role, target, trouble};
use crate::history::Event;
use crate::region::Region;
use crate::target::embedded::Embedded;
use crate::target::{Breakage, Mode, Target};

const ONE: &str = "00000000-0000-4000-8000-000000000001";

/// What a stack of the test has; everything unless said otherwise.
struct Stack {
    replica: bool,
    stream: Option<StreamViewType>,
    versions_away: bool,
    rule_home: Option<&'static str>,
    rule_away: bool,
    secret_away: bool,
}

const WHOLE: Stack = Stack {
    replica: true,
    stream: Some(StreamViewType::NewAndOldImages),
    versions_away: true,
    rule_home: Some(""),
    rule_away: true,
    secret_away: true,
};

impl Stack {
    async fn deploy(&self, target: &Embedded) {
        role(target).await;
        self.table(target).await;
        let home = bucket(target, "home", US, true).await;
        let away = bucket(target, "away", EU, self.versions_away).await;
        if let Some(prefix) = self.rule_home.filter(|_| self.versions_away) {
            replicate(&home, &away, prefix).await;
        }
        if self.rule_away && self.versions_away {
            replicate(&away, &home, "").await;
        }
        let replica = self.secret_away.then(|| vec![ReplicaRegionType::builder().region(EU.as_str()).build()]);
        let secrets = &target.clients_in(US).unwrap().secretsmanager;
        let create = secrets.create_secret().name("orders").secret_string("first").client_request_token(ONE);
        create.set_add_replica_regions(replica).send().await.unwrap();
    }

    async fn table(&self, target: &Embedded) {
        let dynamodb = &target.clients_in(US).unwrap().dynamodb;
        let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let stream = self.stream.as_ref().map(|view| {
            StreamSpecification::builder().stream_enabled(true).stream_view_type(view.clone()).build().unwrap()
        });
        let create = dynamodb.create_table().table_name("orders").billing_mode(BillingMode::PayPerRequest);
        let create = create.attribute_definitions(id.build().unwrap()).key_schema(hash.build().unwrap());
        create.set_stream_specification(stream).send().await.unwrap();
        tokio::time::sleep(Duration::from_secs(20)).await;
        if self.replica {
            let create = CreateReplicationGroupMemberAction::builder().region_name(EU.as_str()).build().unwrap();
            let update = ReplicationGroupUpdate::builder().create(create).build();
            dynamodb.update_table().table_name("orders").replica_updates(update).send().await.unwrap();
        }
    }
}

/// What preflight found: whether all held, each check, and what was blind.
struct Found {
    held: bool,
    checks: Vec<(String, Region, bool, String)>,
    blind: Vec<String>,
}

impl Found {
    /// The checks that failed, with what they said.
    fn failed(&self) -> Vec<(&str, Region, &str)> {
        let failed = self.checks.iter().filter(|(_, _, ok, _)| !ok);
        failed.map(|(check, region, _, what)| (check.as_str(), *region, what.as_str())).collect()
    }
}

async fn preflight(target: &Embedded, writers: &[Region]) -> Found {
    let (recorder, history) = recorder(target.clock());
    let role = |role: &str, region: Region| match role {
        "table" | "secret" => Some("orders".to_owned()),
        "bucket" => Some(if region == US { "home" } else { "away" }.to_owned()),
        _ => None,
    };
    let assets = [("asset-0".to_owned(), Bytes::from_static(b"0")), ("asset-1".to_owned(), Bytes::from_static(b"1"))];
    let preflight = Preflight { target, role: &role, recorder: &recorder, writers, assets: &assets };
    let held = preflight.hold().await.unwrap();
    let events = history.take();
    let check = |event: &Event| match event {
        Event::Preflight { check, region, ok, what, .. } => Some((check.clone(), region.unwrap(), *ok, what.clone())),
        _ => None,
    };
    let checks = events.iter().filter_map(check).collect();
    Found { held, checks, blind: events.into_iter().filter_map(trouble).collect() }
}

async fn of(stack: Stack) -> (Embedded, Found) {
    let target = target();
    stack.deploy(&target).await;
    let found = preflight(&target, &[US, EU]).await;
    (target, found)
}

#[tokio::test(start_paused = true)]
async fn a_whole_stack_holds_and_nothing_is_left_behind() {
    let (target, found) = of(WHOLE).await;
    assert!(found.held && found.failed().is_empty() && found.blind.is_empty(), "{:?}", found.checks);
    let mut made: Vec<String> = found.checks.iter().map(|(check, region, ..)| format!("{check} {region}")).collect();
    made.sort_unstable();
    let both = |check: &str| [format!("{check} {EU}"), format!("{check} {US}")];
    let mut wanted: Vec<String> = [
        "bucket-replication",
        "bucket-round-trip",
        "bucket-versioning",
        "table-replica",
        "table-round-trip",
        "table-stream",
    ]
    .iter()
    .flat_map(|check| both(check))
    .collect();
    wanted.extend(["secret-agreement eu-west-1".to_owned(), "secret-replica eu-west-1".to_owned()]);
    wanted.sort_unstable();
    assert_eq!(made, wanted);
    for (region, name) in [(US, "home"), (EU, "away")] {
        let clients = target.clients_in(region).unwrap();
        let listed = clients.s3.list_object_versions().bucket(name).send().await.unwrap();
        let keys: Vec<&str> = listed.versions().iter().filter_map(|version| version.key()).collect();
        assert_eq!(keys, ["asset-0", "asset-1"], "the assets stay, and nothing else");
        assert!(listed.delete_markers().is_empty());
        assert!(clients.dynamodb.scan().table_name("orders").send().await.unwrap().items().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_without_a_replica_is_named() {
    let (_, found) = of(Stack { replica: false, ..WHOLE }).await;
    assert!(!found.held);
    let failed = found.failed();
    let what = "the table orders has no replica in eu-west-1: add it to Replicas in data.yaml";
    assert_eq!(failed, [("table-replica", EU, what)]);
}

#[tokio::test(start_paused = true)]
async fn a_table_without_a_stream_is_named() {
    let (_, found) = of(Stack { stream: None, replica: false, ..WHOLE }).await;
    let what =
        "the table orders has no stream in us-east-1: add StreamSpecification with NEW_AND_OLD_IMAGES to data.yaml";
    assert!(found.failed().contains(&("table-stream", US, what)), "{:?}", found.failed());
    let view = Some(StreamViewType::KeysOnly);
    let (_, found) = of(Stack { stream: view, replica: false, ..WHOLE }).await;
    let what = "the stream of orders in us-east-1 has KEYS_ONLY: set StreamViewType to NEW_AND_OLD_IMAGES in data.yaml";
    assert!(found.failed().contains(&("table-stream", US, what)), "{:?}", found.failed());
}

#[tokio::test(start_paused = true)]
async fn an_item_that_does_not_cross_is_told_and_taken_away() {
    let target = target();
    WHOLE.deploy(&target).await;
    // The replica has been made by then.
    tokio::time::sleep(Duration::from_secs(120)).await;
    let store = crate::store::Store::Table;
    let stop = Breakage::Replication { of: store, name: "orders".into(), from: Some(US), to: Some(EU), times: None };
    target.injector().inject(stop).await.unwrap();
    let cut = target.injector().inject(Breakage::Partition { between: (US, EU) }).await.unwrap();
    let dynamodb = &target.clients_in(US).unwrap().dynamodb;
    // What an earlier run left behind proves nothing.
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let left = dynamodb.put_item().table_name("orders").item("id", text("blackstart-preflight-us-east-1"));
    left.item("preflight", text("bsw-00000001-1")).send().await.unwrap();
    let found = preflight(&target, &[US]).await;
    let trips: Vec<_> = found.failed().into_iter().filter(|(check, ..)| *check == "table-round-trip").collect();
    assert_eq!(trips.len(), 2, "{:?}", found.failed());
    let (_, _, what) = trips.iter().find(|(_, region, _)| *region == US).unwrap();
    assert_eq!(
        *what,
        "gave up waiting for eu-west-1 to see an item written in us-east-1 after 59s: not yet; is orders replicated \
         from us-east-1 to eu-west-1?"
    );
    assert!(dynamodb.scan().table_name("orders").send().await.unwrap().items().is_empty());
    target.injector().heal(cut).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_bucket_without_versions_is_named() {
    let (_, found) = of(Stack { versions_away: false, ..WHOLE }).await;
    assert!(!found.held);
    let what =
        "versioning of the bucket away in eu-west-1 is off: set VersioningConfiguration to Enabled in storage.yaml";
    assert!(found.failed().contains(&("bucket-versioning", EU, what)), "{:?}", found.failed());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_replicates_nothing_or_too_little_is_named() {
    let (target, found) = of(Stack { rule_away: false, ..WHOLE }).await;
    let what = "the bucket away in eu-west-1 replicates nothing: add ReplicationConfiguration to storage.yaml";
    assert_eq!(found.failed(), [("bucket-replication", EU, what)]);
    assert!(preflight(&target, &[US]).await.held, "nothing is written in eu-west-1");

    let (_, found) = of(Stack { rule_home: Some("asset-"), ..WHOLE }).await;
    let what = "the bucket home in us-east-1 does not replicate blackstart/ to away in eu-west-1: no rule is about it; \
                correct the Rules of ReplicationConfiguration in storage.yaml";
    assert_eq!(found.failed(), [("bucket-replication", US, what)]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_cross_is_told_and_taken_away() {
    let target = target();
    WHOLE.deploy(&target).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    // Its listing and its heads work; nothing gets in.
    let operations = vec!["ReplicateObject".to_owned()];
    let stop = Breakage::Service { region: Some(US), service: "s3".into(), operations, mode: Mode::Errors };
    target.injector().inject(stop).await.unwrap();
    let found = preflight(&target, &[US, EU]).await;
    let failed = found.failed();
    let mut names: Vec<_> = failed.iter().map(|(check, region, _)| (*check, region.as_str())).collect();
    names.sort_unstable();
    assert_eq!(names, [("bucket-round-trip", "eu-west-1"), ("bucket-round-trip", "us-east-1")]);
    let (_, _, what) = failed.iter().find(|(_, region, _)| *region == EU).unwrap();
    assert!(what.starts_with("gave up waiting for objects put into away to be in home in us-east-1 after 1"), "{what}");
    assert!(what.contains("blackstart/preflight-eu-west-1: NotFound; is replication from eu-west-1"), "{what}");
    for (region, name) in [(US, "home"), (EU, "away")] {
        let s3 = &target.clients_in(region).unwrap().s3;
        let left = s3.list_object_versions().bucket(name).prefix("blackstart/").send().await.unwrap();
        assert!(left.versions().is_empty(), "taken away although it never crossed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_a_replica_is_named() {
    let (_, found) = of(Stack { secret_away: false, ..WHOLE }).await;
    let what = "the secret orders has no replica in eu-west-1: add it to ReplicaRegions in data.yaml";
    assert_eq!(found.failed(), [("secret-replica", EU, what)]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_failed_is_told_with_its_reason() {
    let target = target();
    Stack { secret_away: false, ..WHOLE }.deploy(&target).await;
    let eu = &target.clients_in(EU).unwrap().secretsmanager;
    // A secret of the same name, made by hand: the replica that is asked for fails.
    eu.create_secret().name("orders").secret_string("other").client_request_token(ONE).send().await.unwrap();
    let us = &target.clients_in(US).unwrap().secretsmanager;
    let replica = ReplicaRegionType::builder().region(EU.as_str()).build();
    us.replicate_secret_to_regions().secret_id("orders").add_replica_regions(replica).send().await.unwrap();
    let found = preflight(&target, &[US, EU]).await;
    let [(check, EU, what)] = found.failed()[..] else { panic!("{:?}", found.failed()) };
    assert_eq!(check, "secret-replica");
    assert!(what.contains("already exists in region eu-west-1"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_cannot_be_read_does_not_agree() {
    let target = target();
    WHOLE.deploy(&target).await;
    let (service, operations) = ("secretsmanager".to_owned(), vec!["GetSecretValue".to_owned()]);
    let down = Breakage::Service { region: Some(EU), service, operations, mode: Mode::Errors };
    target.injector().inject(down).await.unwrap();
    let found = preflight(&target, &[US]).await;
    let [(check, EU, what)] = found.failed()[..] else { panic!("{:?}", found.failed()) };
    assert_eq!(check, "secret-agreement");
    assert!(what.starts_with("gave up waiting for eu-west-1 to serve the secret's current version"), "{what}");
    assert!(!format!("{:?}", found.checks).contains("first"), "a value leaked");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_look_at_is_trouble_and_does_not_hold() {
    let target = target();
    WHOLE.deploy(&target).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let service = "secretsmanager".to_owned();
    let down = Breakage::Service { region: None, service, operations: Vec::new(), mode: Mode::Errors };
    target.injector().inject(down).await.unwrap();
    let found = preflight(&target, &[US]).await;
    assert!(!found.held);
    let checks: Vec<&str> = found.failed().iter().map(|(check, ..)| *check).collect();
    assert_eq!(checks, ["secret-replica"]);
    assert!(found.blind.len() == 1 && found.blind[0].starts_with("preflight: eu-west-1: "), "{:?}", found.blind);
}
