//! Items that expire, and the Regions that see them go.

use serde_json::json;

use super::{EU, Twin, US, seconds};
use crate::services::dynamodb::Author;
use crate::world::faults::{Effect, Fault};

async fn expiring(seed: u64) -> Twin {
    let twin = Twin::start(seed).with_global_table().await;
    let setting = json!({ "AttributeName": "until", "Enabled": true });
    twin.ok(US, "UpdateTimeToLive", json!({ "TableName": "orders", "TimeToLiveSpecification": setting }));
    twin
}

fn put(twin: &Twin, id: &str, until: serde_json::Value) {
    let item = json!({ "id": { "S": id }, "v": { "S": "x" }, "until": until });
    twin.ok(US, "PutItem", json!({ "TableName": "orders", "Item": item }));
}

fn in_seconds(twin: &Twin, seconds: i64) -> serde_json::Value {
    json!({ "N": (twin.0.clock.now().millis() / 1_000 + seconds).to_string() })
}

#[tokio::test(start_paused = true)]
async fn an_item_is_readable_past_its_time_and_then_goes_everywhere() {
    let twin = expiring(1).await;
    put(&twin, "short", in_seconds(&twin, 600));
    put(&twin, "long", in_seconds(&twin, 86_400));
    for (id, until) in
        [("text", json!({ "S": "1" })), ("ancient", json!({ "N": "1" })), ("none", json!({ "NULL": true }))]
    {
        put(&twin, id, until);
    }
    seconds(659.0).await;
    assert_eq!((twin.read(US, "short"), twin.read(EU, "short")), (Some("x".into()), Some("x".into())));
    seconds(1_800.0).await;
    assert_eq!((twin.read(US, "short"), twin.read(EU, "short")), (None, None));
    for id in ["long", "text", "ancient", "none"] {
        assert!(twin.read(EU, id).is_some(), "{id}");
    }
    let removals = |region| {
        let records = twin.0.dynamodb.stream_records(region, "orders").into_iter();
        records.filter(|record| record.new.is_none()).map(|record| record.author).collect::<Vec<_>>()
    };
    let mut both = [removals(US), removals(EU)];
    both.sort_by_key(|authors| authors != &[Author::TimeToLive]);
    assert_eq!(both, [[Author::TimeToLive], [Author::Replication]], "one Region expires it, the other hears of it");
}

#[tokio::test(start_paused = true)]
async fn an_update_that_moves_the_time_keeps_the_item_and_switching_off_keeps_all() {
    let twin = expiring(2).await;
    put(&twin, "moved", in_seconds(&twin, 10));
    put(&twin, "kept", in_seconds(&twin, 5_000));
    seconds(5.0).await;
    put(&twin, "moved", in_seconds(&twin, 7_200));
    seconds(3_000.0).await;
    assert!(twin.read(US, "moved").is_some());
    let setting = json!({ "AttributeName": "until", "Enabled": false });
    twin.ok(US, "UpdateTimeToLive", json!({ "TableName": "orders", "TimeToLiveSpecification": setting }));
    seconds(20_000.0).await;
    assert!(twin.read(US, "moved").is_some() && twin.read(EU, "kept").is_some());
    let setting = json!({ "AttributeName": "until", "Enabled": true });
    twin.ok(US, "UpdateTimeToLive", json!({ "TableName": "orders", "TimeToLiveSpecification": setting }));
    seconds(1_820.0).await;
    assert!(
        twin.read(US, "moved").is_none() && twin.read(EU, "kept").is_none(),
        "switched on, it covers what is there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_expires_nothing_and_the_other_does() {
    let twin = expiring(3).await;
    put(&twin, "a", in_seconds(&twin, 30));
    seconds(20.0).await;
    let down = twin.0.faults.inject(Fault::Region { region: US, effect: Effect::Refuse });
    seconds(3_600.0).await;
    assert_eq!((twin.read(US, "a"), twin.read(EU, "a")), (Some("x".into()), None));
    twin.0.faults.heal(down);
    seconds(120.0).await;
    assert_eq!(twin.read(US, "a"), None);
}
