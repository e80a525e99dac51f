//! Objects on the twin: written, followed, scanned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use indexmap::IndexMap;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Bucket, Content, Follower, Writer, scan, script, write};
use crate::data::followed;
use crate::data::testing::{EU, History, US, pair, recorder, target, trouble};
use crate::history::{Event, Recorder, WriteOutcome};
use crate::region::Region;
use crate::scenario::{ObjectWorkload, Rate, ScriptedWrite};
use crate::seed::Seed;
use crate::store::{Store, WriteKind};
use crate::target::embedded::Embedded;
use crate::target::{Breakage, Mode, Target};

const EVERY: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3_600);

/// Of an object: its write, and the digests of its bytes and of what goes with them.
type Contents = (Option<u64>, String, Option<String>);

struct Day {
    target: Embedded,
    pair: [Bucket; 2],
    writers: Vec<Arc<Writer>>,
    recorder: Recorder,
    history: History,
}

impl Day {
    async fn new() -> Self {
        let target = target();
        let (recorder, history) = recorder(target.clock());
        let pair = pair(&target).await;
        let content = Content::new(Seed(7), 2 << 20);
        let writer = |bucket: &Bucket| {
            let (bucket, content) = (bucket.clone(), content.clone());
            Arc::new(Writer { bucket, content, recorder: recorder.clone() })
        };
        let writers = pair.iter().map(writer).collect();
        Self { target, pair, writers, recorder, history }
    }

    fn follow(&self, settle: Duration) -> (watch::Sender<bool>, JoinHandle<()>) {
        let (stop, stopped) = watch::channel(false);
        let follower = Follower::new(self.pair.to_vec(), self.recorder.clone(), EVERY, settle);
        (stop, tokio::spawn(follower.follow(followed(&self.recorder, Store::Bucket), stopped)))
    }

    async fn script(&self, writes: &[(u64, Region, WriteKind, &str)]) {
        let scripted = writes.iter().map(|(at, region, kind, key)| ScriptedWrite {
            at: Duration::from_secs(*at),
            region: *region,
            store: Store::Bucket,
            kind: *kind,
            key: (*key).to_owned(),
        });
        script(self.writers.clone(), scripted.collect()).await;
    }

    /// What became of each write elsewhere, in order: `3 arrived`, `2 superseded by 3`.
    fn fates(events: &[Event]) -> Vec<String> {
        let fate = |event: &Event| match event {
            Event::Arrival { write, .. } => Some(format!("{write} arrived")),
            Event::Superseded { write, by, .. } => Some(format!("{write} superseded by {}", by.unwrap_or_default())),
            _ => None,
        };
        events.iter().filter_map(fate).collect()
    }

    fn statuses(events: &[Event], of: u64) -> Vec<&str> {
        let status = |event: &'_ Event| match event {
            Event::ObjectStatus { write, .. } => *write == of,
            _ => false,
        };
        let named = events.iter().filter(|event| status(event));
        named
            .filter_map(|event| if let Event::ObjectStatus { status, .. } = event { Some(&**status) } else { None })
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn every_object_written_is_followed_to_the_other_region_and_scanned() {
    let day = Day::new().await;
    let (stop_following, follower) = day.follow(LONG);
    let workload = ObjectWorkload {
        writes: Rate::per_second(1.0).unwrap(),
        sizes: IndexMap::from([(100, 5), (2 << 20, 1)]),
        stable_within: Duration::from_secs(900),
        keys: 20,
    };
    let (stop, stopped) = watch::channel(false);
    let writing: Vec<_> = day
        .writers
        .iter()
        .map(|writer| tokio::spawn(write(writer.clone(), workload.clone(), Seed(7), stopped.clone())))
        .collect();
    tokio::time::sleep(Duration::from_secs(60)).await;
    stop.send_replace(true);
    for one in writing {
        one.await.unwrap();
    }
    stop_following.send_replace(true);
    follower.await.unwrap();
    scan(&day.pair, Duration::from_secs(60), &day.recorder).await;

    let events = day.history.take();
    let mut written: BTreeMap<u64, u64> = BTreeMap::new();
    let mut settled = BTreeSet::new();
    let mut scanned: [BTreeMap<String, Contents>; 2] = Default::default();
    for event in &events {
        match event {
            Event::Write { write, outcome: WriteOutcome::Acknowledged, started_us, bytes, version, key, .. } => {
                assert!(matches!(bytes, Some(100 | 2_097_152)) && version.is_some(), "{event:?}");
                assert!(key.starts_with("blackstart/"), "{key}");
                written.insert(*write, *started_us);
            }
            Event::Arrival { write, missed_us, .. } => {
                assert!(missed_us.is_none_or(|missed| missed > written[write]), "{event:?}");
                assert!(settled.insert(*write), "{write} twice");
            }
            Event::Superseded { write, by, .. } => {
                assert!(by.unwrap() > *write && settled.insert(*write), "{event:?}");
            }
            Event::Scanned { region, key, write, digest, about, status, .. } => {
                assert_eq!(
                    status.as_deref(),
                    Some(if key.contains(region.as_str()) { "COMPLETED" } else { "REPLICA" })
                );
                let contents = (*write, digest.clone(), about.clone());
                scanned[usize::from(*region == EU)].insert(key.clone(), contents);
            }
            Event::ScanEnded { complete, items, .. } => assert!(*complete && *items > 20, "{event:?}"),
            Event::ObjectStatus { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((80..160).contains(&written.len()), "{} writes", written.len());
    assert_eq!(settled, written.keys().copied().collect());
    for write in &settled {
        // A copy can be quicker than the first look.
        let statuses = Day::statuses(&events, *write);
        assert!(matches!(statuses[..], ["PENDING", "COMPLETED"] | ["COMPLETED"]), "{write}: {statuses:?}");
    }
    let [us, eu] = scanned;
    assert!(us.values().all(|(write, _, about)| write.is_some() && about.is_some()));
    assert_eq!(us, eu);
    let distinct: BTreeSet<&String> = us.values().map(|(_, digest, _)| digest).collect();
    assert_eq!(distinct.len(), us.len(), "every object has bytes of its own");
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_followed_by_its_marker_and_explains_what_is_gone() {
    let day = Day::new().await;
    let (stop, follower) = day.follow(LONG);
    day.script(&[(0, US, WriteKind::Put, "k"), (600, US, WriteKind::Delete, "k"), (1_200, US, WriteKind::Put, "k")])
        .await;
    day.script(&[(600, US, WriteKind::Update, "k")]).await;
    stop.send_replace(true);
    follower.await.unwrap();
    let events = day.history.take();
    assert_eq!(Day::fates(&events), ["1 arrived", "2 arrived", "3 arrived"]);
    assert_eq!(Day::statuses(&events, 2), [] as [&str; 0], "a delete marker has no status");
    let refused = events.iter().find(|event| matches!(event, Event::Write { write: 4, .. }));
    assert!(
        matches!(refused, Some(Event::Write { outcome: WriteOutcome::Refused, what: Some(what), .. }) if what.contains("update")),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_partition_arrives_after_it_or_is_superseded() {
    let day = Day::new().await;
    let (stop, follower) = day.follow(LONG);
    let injector = day.target.injector();
    let cut = injector.inject(Breakage::Partition { between: (US, EU) }).await.unwrap();
    day.script(&[(0, US, WriteKind::Put, "k"), (1, US, WriteKind::Put, "l"), (60, US, WriteKind::Put, "k")]).await;
    tokio::time::sleep(Duration::from_secs(1_800)).await;
    let before = day.history.take();
    assert_eq!(Day::fates(&before), [] as [&str; 0]);
    assert_eq!(Day::statuses(&before, 1), ["PENDING"]);
    injector.heal(cut).await.unwrap();
    stop.send_replace(true);
    follower.await.unwrap();
    let after = day.history.take();
    let mut fates = Day::fates(&after);
    fates.sort_unstable();
    assert_eq!(fates[1..], ["2 arrived", "3 arrived"]);
    assert!(["1 arrived", "1 superseded by 3"].contains(&fates[0].as_str()), "{fates:?}");
    let missed = |event: &Event| if let Event::Arrival { missed_us, .. } = event { *missed_us } else { None };
    assert!(after.iter().filter_map(missed).all(|missed| missed > 1_700_000_000), "looks are 30 s apart at most");
}

#[tokio::test(start_paused = true)]
async fn a_destination_without_versions_is_failed_and_never_arrived() {
    let day = Day::new().await;
    let [_, away] = &day.pair;
    let off = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let put = away.client.put_bucket_versioning().bucket(&away.name).versioning_configuration(off);
    // A bucket that replicates must keep its versions.
    away.client.delete_bucket_replication().bucket(&away.name).send().await.unwrap();
    put.send().await.unwrap();
    let (stop, follower) = day.follow(Duration::from_secs(600));
    day.script(&[(0, US, WriteKind::Put, "k")]).await;
    stop.send_replace(true);
    follower.await.unwrap();
    let events = day.history.take();
    assert_eq!(Day::statuses(&events, 1), ["PENDING", "FAILED"]);
    assert_eq!(Day::fates(&events), [] as [&str; 0]);
    scan(&day.pair, Duration::from_secs(10), &day.recorder).await;
    let kept: Vec<Region> = day
        .history
        .take()
        .iter()
        .filter_map(|event| if let Event::Scanned { region, .. } = event { Some(*region) } else { None })
        .collect();
    assert_eq!(kept, [US]);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hangs_is_trouble_and_hides_nothing_of_the_other() {
    let day = Day::new().await;
    let (stop, follower) = day.follow(LONG);
    let gone = Breakage::Region { region: US, mode: Mode::Hang };
    day.script(&[(0, EU, WriteKind::Put, "k")]).await;
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(Day::fates(&day.history.take()), ["1 arrived"]);
    let injector = day.target.injector();
    let cut = injector.inject(gone).await.unwrap();
    day.script(&[(0, US, WriteKind::Put, "k"), (0, EU, WriteKind::Put, "l")]).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    scan(&day.pair, Duration::from_secs(10), &day.recorder).await;
    let during = day.history.take();
    let told: Vec<String> = during.iter().cloned().filter_map(trouble).collect();
    assert_eq!(told[0], "object follower: us-east-1: timed out");
    assert!(told.len() == 2 && told[1].starts_with("scan: us-east-1: "), "{told:?}");
    let outcomes: Vec<WriteOutcome> = during
        .iter()
        .filter_map(|event| if let Event::Write { outcome, .. } = event { Some(*outcome) } else { None })
        .collect();
    assert!(
        outcomes.contains(&WriteOutcome::Unknown) && outcomes.contains(&WriteOutcome::Acknowledged),
        "{outcomes:?}"
    );
    let complete = |event: &Event| {
        if let Event::ScanEnded { region, complete, .. } = event { Some((*region, *complete)) } else { None }
    };
    assert_eq!(during.iter().filter_map(complete).collect::<Vec<_>>(), [(US, false), (EU, true)]);
    injector.heal(cut).await.unwrap();
    stop.send_replace(true);
    follower.await.unwrap();
    assert_eq!(Day::fates(&day.history.take()), ["3 arrived"]);
}
