//! Replication that is paused, slowed, behind, or broken on purpose.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ReplicationStatus;

use super::replication::{pair, status, two_way};
use super::{EU, US, cloud, get, put, seconds};
use crate::Cloud;
use crate::world::faults::{Defect, Fault, FaultId, Pace, Store};

/// Longer than any lag of the few objects here.
const HOURS: u64 = 4 * 3_600;

fn inject(cloud: &Cloud, name: Option<&str>, to_eu: bool, pace: Pace) -> FaultId {
    let (from, to) = if to_eu { (Some(US), Some(EU)) } else { (Some(EU), Some(US)) };
    let name = name.map(str::to_owned);
    cloud.faults.inject(Fault::Replication { of: Store::Bucket, name, from, to, pace })
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_its_bucket_and_direction_alone() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    two_way(&cloud, "from-b", "onto-b").await;
    let fault = inject(&cloud, Some("from"), true, Pace::Stopped);
    put(&us, "from", "a/held", "x").await;
    put(&us, "from-b", "a/free", "x").await;
    put(&eu, "onto", "a/back", "x").await;
    seconds(HOURS).await;
    assert_eq!(get(&eu, "onto", "a/held").await, None);
    assert_eq!(status(&us, "from", "a/held").await, Some(ReplicationStatus::Pending));
    assert_eq!(get(&eu, "onto-b", "a/free").await.as_deref(), Some("x"), "another bucket of the same direction");
    assert_eq!(get(&us, "from", "a/back").await.as_deref(), Some("x"), "the other direction");
    assert!(cloud.faults.heal(fault));
    seconds(10).await;
    assert_eq!(get(&eu, "onto", "a/held").await.as_deref(), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_pause_without_a_name_holds_every_bucket() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    inject(&cloud, None, true, Pace::Stopped);
    put(&us, "from", "a/k", "x").await;
    seconds(HOURS).await;
    assert_eq!(get(&eu, "onto", "a/k").await, None);
}

/// How many milliseconds each of some objects takes, by key.
async fn lags(slowed: Option<Pace>) -> Vec<i64> {
    let cloud = cloud();
    let (us, _) = pair(&cloud).await;
    if let Some(pace) = slowed {
        inject(&cloud, Some("from"), true, pace);
    }
    // At one moment, so that no request's own time comes in between.
    let at = cloud.clock.now();
    let keys: Vec<String> = (0..20).map(|number| format!("a/{number:02}")).collect();
    for key in &keys {
        put(&us, "from", key, "x").await;
    }
    let written = cloud.clock.now().since(at).as_millis() as i64;
    let mut seen = vec![0; keys.len()];
    while seen.contains(&0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        for (key, seen) in keys.iter().zip(&mut seen) {
            if *seen == 0 && cloud.s3.read("onto", key).is_some() {
                *seen = cloud.clock.now().since(at).as_millis() as i64;
            }
        }
    }
    assert!(written < 10_000, "the writes took {written} ms");
    seen
}

#[tokio::test(start_paused = true)]
async fn a_slowed_link_takes_so_many_times_as_long() {
    let (plain, slowed) = (lags(None).await, lags(Some(Pace::Times(10))).await);
    for (plain, slowed) in plain.iter().zip(&slowed) {
        // The time of the writes before it is in both, and is not multiplied.
        assert!(*slowed <= 10 * plain + 1_000 && *slowed >= 10 * (plain - 2_000), "{plain} became {slowed}");
    }
    assert!(slowed.iter().sum::<i64>() > 5 * plain.iter().sum::<i64>());
}

#[tokio::test(start_paused = true)]
async fn a_slowed_object_is_quick_again_after_the_heal() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let fault = inject(&cloud, Some("from"), true, Pace::Times(1_000_000));
    put(&us, "from", "a/k", "x").await;
    seconds(HOURS).await;
    assert_eq!(get(&eu, "onto", "a/k").await, None);
    cloud.faults.heal(fault);
    seconds(10).await;
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("x"));
}

fn arrived(cloud: &Arc<Cloud>, keys: &[String]) -> usize {
    keys.iter().filter(|key| cloud.s3.read("onto", key).is_some()).count()
}

#[tokio::test(start_paused = true)]
async fn a_backlog_drains_at_a_rate() {
    let cloud = cloud();
    let (us, _) = pair(&cloud).await;
    let fault = inject(&cloud, Some("from"), true, Pace::Stopped);
    let keys: Vec<String> = (0..2_000).map(|number| format!("a/{number}")).collect();
    for key in &keys {
        put(&us, "from", key, "x").await;
    }
    seconds(HOURS).await;
    assert_eq!(arrived(&cloud, &keys), 0);
    cloud.faults.heal(fault);
    // 500 a second, from somewhere within the five seconds in which the link looks again.
    let mut counts = vec![0];
    while counts.last() != Some(&keys.len()) {
        seconds(1).await;
        counts.push(arrived(&cloud, &keys));
    }
    let full = counts.windows(2).filter(|pair| (490..=510).contains(&(pair[1] - pair[0]))).count();
    assert!(full >= 3 && counts.len() <= 12, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_large_keeps_its_direction_busy() {
    let cloud = cloud();
    let (us, _) = pair(&cloud).await;
    let fault = inject(&cloud, Some("from"), true, Pace::Stopped);
    let keys = ["a/1", "a/2", "a/3"].map(str::to_owned);
    for key in &keys {
        // 32 MiB take 268 ms at 1 Gbps.
        let body = ByteStream::from(vec![b'x'; 32 << 20]);
        us.put_object().bucket("from").key(key).body(body).send().await.unwrap();
    }
    seconds(HOURS).await;
    cloud.faults.heal(fault);
    let mut came = Vec::new();
    while came.len() < keys.len() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        came.resize(arrived(&cloud, &keys), cloud.clock.elapsed().as_millis());
    }
    let apart: Vec<u128> = came.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(apart.iter().all(|apart| (266..=272).contains(apart)), "{apart:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_replicator_completes_what_it_never_copies() {
    let cloud = cloud();
    let (us, eu) = pair(&cloud).await;
    let fault = cloud.faults.inject(Fault::Defect(Defect::CompleteWithoutCopy));
    put(&us, "from", "a/k", "x").await;
    seconds(HOURS).await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Completed));
    assert_eq!(get(&eu, "onto", "a/k").await, None);
    cloud.faults.heal(fault);
    put(&us, "from", "a/l", "x").await;
    seconds(HOURS).await;
    assert_eq!(get(&eu, "onto", "a/l").await.as_deref(), Some("x"));
    assert_eq!(get(&eu, "onto", "a/k").await, None, "what was lost stays lost");
}
