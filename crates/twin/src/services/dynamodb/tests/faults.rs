//! Replication while something is broken: held up, slowed down, by a wrong clock, or by a replicator that does not
//! keep its promises.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use serde_json::json;

use super::{EU, Twin, US, seconds};
use crate::clock::Clock;
use crate::gateway::{Credentials, sdk_config};
use crate::region::Region;
use crate::world::faults::{Defect, Fault, FaultId, Pace, Store};
use crate::world::network::Origin;

fn replication(twin: &Twin, to: Option<Region>, pace: Pace) -> FaultId {
    let name = Some("orders".to_owned());
    twin.0.faults.inject(Fault::Replication { of: Store::Table, name, from: None, to, pace })
}

fn delete(twin: &Twin, region: Region, id: &str) {
    twin.ok(region, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": id } } }));
}

fn both(twin: &Twin, id: &str) -> (Option<String>, Option<String>) {
    (twin.read(US, id), twin.read(EU, id))
}

fn texts(us: &str, eu: &str) -> (Option<String>, Option<String>) {
    (Some(us.to_owned()), Some(eu.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_stopped_direction_keeps_its_backlog_and_drains_at_the_rate_in_order() {
    let twin = Twin::start(1).with_global_table().await;
    let stopped = replication(&twin, Some(EU), Pace::Stopped);
    twin.put(EU, "back", "free");
    for n in 0..3_000 {
        twin.put(US, &format!("k{n}"), "first");
        twin.put(US, "all", &format!("{n:04}"));
        if n % 10 == 0 {
            seconds(0.02).await;
        }
    }
    seconds(120.0).await;
    assert_eq!(twin.read(US, "back").as_deref(), Some("free"), "the other direction moves");
    assert_eq!((twin.0.dynamodb.backlog("orders", US, EU), twin.read(EU, "all")), (6_000, None));
    let before = twin.0.dynamodb.stream_records(EU, "orders").len();
    twin.0.faults.heal(stopped);
    seconds(1.1).await;
    assert!(twin.0.dynamodb.backlog("orders", US, EU) < 6_000, "the heal is noticed within a second");
    seconds(2.0).await;
    let left = twin.0.dynamodb.backlog("orders", US, EU);
    assert!((2_900..=4_100).contains(&left), "1,000 a second leave the backlog, not all at once: {left}");
    seconds(5.0).await;
    assert_eq!(twin.0.dynamodb.backlog("orders", US, EU), 0);
    let records = twin.0.dynamodb.stream_records(EU, "orders").split_off(before);
    let of_one_item: Vec<_> = records
        .iter()
        .filter_map(|record| record.new.as_deref())
        .filter(|item| item["id"] == crate::services::dynamodb::Value::S("all".into()))
        .map(|item| serde_json::to_string(&item["v"]).unwrap())
        .collect();
    assert_eq!(of_one_item.len(), 3_000);
    assert!(of_one_item.is_sorted(), "changes of one item arrive in their order");
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_takes_so_many_times_as_long_and_recovers() {
    let twin = Twin::start(1).with_global_table().await;
    twin.put(US, "sent before", "x");
    let slow = replication(&twin, None, Pace::Times(100));
    seconds(19.9).await;
    twin.put(US, "sent while slow", "x");
    assert_eq!(both(&twin, "sent while slow").1, None);
    assert_eq!(twin.read(EU, "sent before"), None, "the floor of the lag is 0.2 s, a hundred times is 20 s");
    twin.0.faults.heal(slow);
    seconds(16.1).await;
    assert!(both(&twin, "sent before").1.is_some() && both(&twin, "sent while slow").1.is_some());
    let slow = replication(&twin, None, Pace::Times(2));
    twin.put(US, "twice", "x");
    seconds(0.39).await;
    assert_eq!(twin.read(EU, "twice"), None);
    seconds(30.0).await;
    assert!(twin.read(EU, "twice").is_some());
    twin.0.faults.heal(slow);
}

/// The datapoints of ReplicationLatency from us-east-1 to eu-west-1, by the minute.
async fn latencies(twin: &Twin) -> Vec<f64> {
    let config = sdk_config(&twin.0, Origin::Operator, US, &Credentials::account());
    let request = aws_sdk_cloudwatch::Client::new(&config).get_metric_statistics().namespace("AWS/DynamoDB");
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let request = request.metric_name("ReplicationLatency").dimensions(dimension("TableName", "orders"));
    let request = request.dimensions(dimension("ReceivingRegion", "eu-west-1")).period(60);
    let (start, end) = (DateTime::from_millis(Clock::EMBEDDED_EPOCH.millis()), twin.0.clock.now().millis());
    let request = request.statistics(Statistic::Maximum).start_time(start).end_time(DateTime::from_millis(end));
    let found = request.send().await.unwrap();
    found.datapoints.unwrap_or_default().iter().filter_map(|point| point.maximum).collect()
}

#[tokio::test(start_paused = true)]
async fn the_latency_metric_is_silent_while_stopped_and_large_after() {
    let twin = Twin::start(1).with_global_table().await;
    let stopped = replication(&twin, None, Pace::Stopped);
    twin.put(US, "a", "x");
    seconds(600.0).await;
    assert_eq!(latencies(&twin).await, Vec::<f64>::new());
    twin.0.faults.heal(stopped);
    seconds(180.0).await;
    let seen = latencies(&twin).await;
    assert!(seen.len() == 1 && (600_000.0..602_000.0).contains(&seen[0]), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_region_whose_clock_is_ahead_wins_what_it_should_lose() {
    let conflict = async |ahead_us: i64| {
        let twin = Twin::start(1).with_global_table().await;
        twin.0.faults.inject(Fault::ClockSkew { region: US, ahead_us });
        twin.put(US, "a", "us, first");
        seconds(0.1).await;
        twin.put(EU, "a", "eu, last");
        seconds(30.0).await;
        let seen = both(&twin, "a");
        // Who has seen the version of the Region ahead still overwrites it.
        twin.put(EU, "a", "eu, after");
        seconds(30.0).await;
        assert_eq!(both(&twin, "a"), texts("eu, after", "eu, after"));
        seen
    };
    assert_eq!(conflict(99_000).await, texts("eu, last", "eu, last"));
    assert_eq!(conflict(60_000_000).await, texts("us, first", "us, first"));
    assert_eq!(conflict(-60_000_000).await, texts("eu, last", "eu, last"));
}

/// A sequence, a conflict and a delete under a defect: what both Regions then hold of each.
async fn under(defect: Option<Defect>) -> [(Option<String>, Option<String>); 3] {
    let twin = Twin::start(1).with_global_table().await;
    if let Some(defect) = defect {
        twin.0.faults.inject(Fault::Defect(defect));
    }
    for id in ["deleted", "sequence"] {
        twin.put(US, id, "one");
        twin.put(US, id, "two");
        seconds(30.0).await;
    }
    twin.put(EU, "sequence", "three");
    delete(&twin, US, "deleted");
    twin.put(US, "conflict", "us, first");
    seconds(0.1).await;
    twin.put(EU, "conflict", "eu, last");
    seconds(30.0).await;
    [both(&twin, "sequence"), both(&twin, "conflict"), both(&twin, "deleted")]
}

#[tokio::test(start_paused = true)]
async fn each_defect_breaks_its_promise_and_no_other() {
    let (three, last, gone) = (texts("three", "three"), texts("eu, last", "eu, last"), (None, None));
    assert_eq!(under(None).await, [three.clone(), last.clone(), gone.clone()]);
    let first = texts("us, first", "us, first");
    assert_eq!(under(Some(Defect::EarlierWins)).await, [three.clone(), first, gone.clone()]);
    let apart = texts("us, first", "eu, last");
    assert_eq!(under(Some(Defect::LocalWins)).await, [three.clone(), apart, gone.clone()]);
    let kept = (None, Some("two".to_owned()));
    assert_eq!(under(Some(Defect::ForgetDeletes)).await, [three, last, kept]);
}

#[tokio::test(start_paused = true)]
async fn one_in_so_many_changes_is_dropped_the_same_ones_for_a_seed() {
    async fn arrived(seed: u64) -> Vec<bool> {
        let twin = Twin::start(seed).with_global_table().await;
        twin.0.faults.inject(Fault::Defect(Defect::DropOneIn(10)));
        let ids: Vec<String> = (0..500).map(|n| format!("k{n}")).collect();
        ids.iter().for_each(|id| twin.put(US, id, "x"));
        seconds(30.0).await;
        assert_eq!(twin.0.dynamodb.backlog("orders", US, EU), 0);
        ids.iter().map(|id| twin.read(EU, id).is_some()).collect()
    }
    let (one, two, other) = (arrived(7).await, arrived(7).await, arrived(8).await);
    let dropped = one.iter().filter(|arrived| !**arrived).count();
    assert!((25..=80).contains(&dropped), "{dropped} of 500");
    assert_eq!(one, two);
    assert_ne!(one, other);
}
