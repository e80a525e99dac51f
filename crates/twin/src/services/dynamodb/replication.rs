//! How a write reaches the other Regions: one link for each direction, carried by a task while it holds anything.
//!
//! A change waits on its link until its lag is over and nothing stands in the way. Changes of one item arrive in
//! the order they were made; different items overtake each other. A transaction is atomic where it ran and arrives
//! item by item, as the service documents. Nothing here is polled while a link is empty.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::link::LinkId;
use super::replica::{Change, Rule};
use super::table::Receiving;
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::services::cloudwatch::Sample;
use crate::world::faults::{Defect, Pace, Store};

/// How often a link that is held up, or slowed down, is looked at again.
const RETRY: Duration = Duration::from_secs(1);

/// Starts carrying the changes of a link that has some and no task yet.
pub fn start(cloud: &Arc<Cloud>, link: LinkId) {
    tokio::spawn(pump(Arc::downgrade(cloud), link));
}

async fn pump(cloud: Weak<Cloud>, link: LinkId) {
    while let Some(strong) = cloud.upgrade() {
        let (clock, next) = (strong.clock, deliver(&strong, link));
        drop(strong);
        let Some((at, sooner)) = next else { return };
        tokio::select! {
            biased;
            () = sooner.notified() => {}
            () = clock.sleep_until(at) => {}
        }
    }
}

/// Applies what has arrived; says when to look again, or nothing where the link is empty.
fn deliver(cloud: &Arc<Cloud>, id: LinkId) -> Option<(Timestamp, Arc<Notify>)> {
    let now = cloud.clock.now();
    let broken = Broken::now(cloud);
    let mut samples = Vec::new();
    let next = cloud.dynamodb.change(cloud, |state| {
        let table = state.tables.get_mut(&id.table)?;
        let Receiving { link, replica, name, indexes } = table.receiving(id)?;
        let pace = cloud.faults.pace(Store::Table, name, id.from, id.to);
        if let Pace::Times(times) = pace {
            link.set_pace(times);
            while let Some((change, sent)) = link.receive(now) {
                if broken.loses(&change, || link.draw_one_in(broken.drop_one_in)) {
                    continue;
                }
                if !link.is_synchronous() {
                    samples.push(latency(name, id.to, now.since(sent), now));
                }
                replica.merge(indexes, change, now, broken.rule);
            }
        }
        let next = link.next_arrival(now).map(|due| match pace {
            Pace::Stopped => (due.max(now + RETRY), link.sooner.clone()),
            Pace::Times(1) => (due, link.sooner.clone()),
            Pace::Times(_) => (due.min(now + RETRY), link.sooner.clone()),
        });
        link.is_pumping = next.is_some();
        if next.is_none() {
            table.forget_tombstones();
        }
        let wake = table.wake_expiry(id.to);
        state.waking.extend(wake);
        next
    });
    for sample in samples {
        cloud.cloudwatch.record(id.from, sample);
    }
    next
}

/// What the replicator does wrong on purpose.
struct Broken {
    rule: Rule,
    drop_one_in: Option<u32>,
    forgets_deletes: bool,
}

impl Broken {
    fn now(cloud: &Cloud) -> Self {
        let has = |wanted: Defect| cloud.faults.defect(|defect| (defect == wanted).then_some(())).is_some();
        let rule = match () {
            () if has(Defect::EarlierWins) => Rule::Earlier,
            () if has(Defect::LocalWins) => Rule::Local,
            () => Rule::LastWriter,
        };
        let drop_one_in = cloud.faults.defect(|defect| match defect {
            Defect::DropOneIn(count) => Some(count),
            _ => None,
        });
        Self { rule, drop_one_in, forgets_deletes: has(Defect::ForgetDeletes) }
    }

    /// Whether a change vanishes on its way.
    fn loses(&self, change: &Change, draws_the_short_straw: impl FnOnce() -> bool) -> bool {
        (self.forgets_deletes && change.item.is_none()) || draws_the_short_straw()
    }
}

/// "The elapsed time between when an item is written to one replica table and when it appears in another", reported
/// in the source Region, for tables that are eventually consistent (DynamoDB metrics and dimensions). Recorded on arrival: where nothing arrives there is none.
fn latency(table: &str, receiving: Region, elapsed: Duration, at: Timestamp) -> Sample {
    Sample {
        namespace: "AWS/DynamoDB",
        metric: "ReplicationLatency",
        dimensions: vec![
            ("TableName".to_owned(), table.to_owned()),
            ("ReceivingRegion".to_owned(), receiving.to_string()),
        ],
        value: elapsed.as_secs_f64() * 1_000.0,
        unit: "Milliseconds",
        at,
    }
}

/// How long an empty or small table takes to get a new replica. AWS speaks of minutes.
pub const REPLICA_CREATION: Duration = Duration::from_secs(60);

/// Fills and opens a replica that is being created, once replication to it moves.
pub fn open(cloud: &Arc<Cloud>, table: u64, from: Region, to: Region) {
    let (weak, clock) = (Arc::downgrade(cloud), cloud.clock);
    tokio::spawn(async move {
        let mut next = clock.now() + REPLICA_CREATION;
        loop {
            clock.sleep_until(next).await;
            let Some(cloud) = weak.upgrade() else { return };
            let now = clock.now();
            let is_done = cloud.dynamodb.change(&cloud, |state| {
                let Some(table) = state.tables.get_mut(&table) else { return true };
                let is_open = cloud.faults.pace(Store::Table, &table.name, from, to) != Pace::Stopped;
                if is_open {
                    let wake = table.open_replica(cloud.dynamodb.seed, to, now);
                    state.waking.extend(wake);
                }
                is_open
            });
            if is_done {
                return;
            }
            next = now + RETRY;
        }
    });
}
