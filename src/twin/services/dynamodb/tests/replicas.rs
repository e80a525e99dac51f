use serde_json::json;

use super::{EU, Twin, US, seconds};
use crate::twin::world::faults::Fault;

#[tokio::test(start_paused = true)]
async fn a_write_reaches_the_other_region_after_its_lag_and_not_before() {
    let twin = Twin::start(1).with_global_table().await;
    twin.put(US, "a", "one");
    assert_eq!(twin.read(US, "a").as_deref(), Some("one"));
    seconds(0.19).await;
    assert_eq!(twin.read(EU, "a"), None, "no change is faster than the lag's floor");
    seconds(16.0).await;
    assert_eq!(twin.read(EU, "a").as_deref(), Some("one"));
    twin.ok(EU, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }));
    assert_eq!(twin.read(US, "a").as_deref(), Some("one"));
    seconds(16.0).await;
    assert_eq!(twin.read(US, "a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_changes_back_until_it_heals() {
    let twin = Twin::start(1).with_global_table().await;
    let fault = twin.0.faults.inject(Fault::Partition { between: (US, EU) });
    twin.put(US, "a", "from us");
    twin.put(EU, "b", "from eu");
    seconds(900.0).await;
    assert_eq!((twin.read(EU, "a"), twin.read(US, "b")), (None, None));
    assert!(twin.0.faults.heal(fault));
    seconds(2.0).await;
    assert_eq!(twin.read(EU, "a").as_deref(), Some("from us"));
    assert_eq!(twin.read(US, "b").as_deref(), Some("from eu"));
}

#[tokio::test(start_paused = true)]
async fn the_last_writer_wins_in_both_regions() {
    let twin = Twin::start(3).with_global_table().await;
    twin.put(US, "a", "first");
    seconds(0.05).await;
    twin.put(EU, "a", "second");
    seconds(20.0).await;
    assert_eq!(twin.read(US, "a").as_deref(), Some("second"));
    assert_eq!(twin.read(EU, "a").as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn an_older_put_does_not_undo_a_delete() {
    let twin = Twin::start(3).with_global_table().await;
    let fault = twin.0.faults.inject(Fault::Partition { between: (US, EU) });
    twin.put(US, "a", "older");
    seconds(1.0).await;
    twin.put(EU, "a", "newer");
    twin.ok(EU, "DeleteItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }));
    seconds(30.0).await;
    twin.0.faults.heal(fault);
    seconds(30.0).await;
    assert_eq!((twin.read(US, "a"), twin.read(EU, "a")), (None, None));
    let state = twin.0.dynamodb.lock();
    let kept: usize =
        state.tables.values().flat_map(|table| table.replicas.values()).map(|replica| replica.tombstones.len()).sum();
    assert_eq!(kept, 0, "a delete is forgotten once nothing is on its way");
}
