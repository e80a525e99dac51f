//! What is written, and what must have become of it.

use cucumber::{given, then};
use indexmap::IndexMap;

use super::World;
use super::params::{Of, Region, Share, Span, Which};
use crate::scenario::{Check, OBJECTS_STABLE, ObjectWorkload, Rate, TableWorkload};
use crate::store::{Store, WriteKind};

#[given(expr = "{int} writes per second to the table in each Region, over {int} keys")]
fn table(world: &mut World, rate: u32, keys: u32) {
    let mix = IndexMap::from([(WriteKind::Put, 1)]);
    world.plan.data.table = Some(TableWorkload { writes: per_second(rate), reads: None, keys, mix });
}

#[given("of every kind")]
fn every_kind(world: &mut World) {
    let table = world.plan.data.table.as_mut().unwrap_or_else(|| panic!("there is no write to the table yet"));
    table.mix = WriteKind::ALL.into_iter().map(|kind| (kind, 1)).collect();
}

#[given(expr = "{int} reads per second of them")]
fn reads(world: &mut World, rate: u32) {
    let table = world.plan.data.table.as_mut().unwrap_or_else(|| panic!("there is no write to the table yet"));
    table.reads = Some(per_second(rate));
}

#[given(expr = "{int} objects per minute in each Region")]
fn objects(world: &mut World, rate: u32) {
    let writes = Rate::per_second(f64::from(rate) / 60.0).unwrap_or_else(|| panic!("a rate above zero"));
    let sizes = IndexMap::from([(4 << 10, 8), (1 << 20, 1)]);
    world.plan.data.objects = Some(ObjectWorkload { writes, sizes, stable_within: OBJECTS_STABLE, keys: 50 });
}

fn per_second(rate: u32) -> Rate {
    Rate::per_second(f64::from(rate)).unwrap_or_else(|| panic!("a rate above zero"))
}

#[then("no acknowledged write is lost")]
async fn none_lost(world: &mut World) {
    world.prove(Check::LostWritesAtMost { at_most: 0 }).await;
}

#[then(expr = "the RPO is at most {duration}")]
async fn rpo(world: &mut World, within: Span) {
    world.prove(Check::RpoWithin { within: within.0 }).await;
}

#[then(expr = "{share} of the acknowledged writes are in every Region in time")]
async fn stable(world: &mut World, at_least: Share) {
    world.prove(Check::StableWritesAtLeast { at_least: at_least.0 }).await;
}

#[then(expr = "the Regions have converged within {duration} of the heal")]
async fn converged(world: &mut World, within: Span) {
    world.prove(Check::ConvergedWithin { within: within.0 }).await;
}

#[then("the tables are equal in the end")]
async fn equal(world: &mut World) {
    world.prove(Check::DivergentItemsAtMost { at_most: 0 }).await;
}

#[then("the last writer wins")]
async fn last_writer(world: &mut World) {
    world.prove(Check::LastWriterWins).await;
}

#[then(expr = "the {which} of the {store}'s replication lag is at most {duration}")]
async fn lag(world: &mut World, percentile: Which, of: Of, within: Span) {
    let (of, percentile, within) = (of.0, percentile.0, within.0);
    world.prove(Check::ReplicationLagWithin { of, percentile, from: None, to: None, within }).await;
}

#[then(expr = "the {which} of the {store}'s replication lag from {region} to {region} is at most {duration}")]
async fn lag_of(world: &mut World, percentile: Which, of: Of, from: Region, to: Region, within: Span) {
    let (of, percentile, within) = (of.0, percentile.0, within.0);
    let (from, to) = (Some(from.0), Some(to.0));
    world.prove(Check::ReplicationLagWithin { of, percentile, from, to, within }).await;
}

#[then(expr = "no read is older than {duration}")]
async fn stale(world: &mut World, within: Span) {
    world.prove(Check::StaleReadsWithin { within: within.0 }).await;
}

#[then("nobody reads something older than before")]
async fn monotonic(world: &mut World) {
    world.prove(Check::MonotonicReads).await;
}

#[then(expr = "{share} of the objects are in every Region within {duration}")]
async fn replicated(world: &mut World, at_least: Share, within: Span) {
    world.prove(Check::ObjectsReplicated { within: within.0, at_least: at_least.0 }).await;
}

#[then("whatever is COMPLETED can be read")]
async fn completed(world: &mut World) {
    world.prove(Check::CompletedObjectsReadable).await;
}

#[then("the buckets are equal in the end")]
async fn equal_objects(world: &mut World) {
    world.prove(Check::DivergentObjectsAtMost { at_most: 0 }).await;
}

#[then(expr = "after a rotation every Region serves the new version within {duration}")]
async fn agree(world: &mut World, within: Span) {
    world.prove(Check::SecretsAgreeWithin { within: within.0 }).await;
}

#[then(expr = "no Region serves a version that the backend rejects for more than {duration}")]
async fn rejected(world: &mut World, at_most: Span) {
    world.prove(Check::RejectedSecretAtMost { at_most: at_most.0 }).await;
}

#[then("no Region serves a version that is not published yet")]
async fn published(world: &mut World) {
    world.prove(Check::PublishedSecretsOnly).await;
}

#[given(expr = "{duration} is stable enough for the {store}")]
fn stable_within(world: &mut World, within: Span, of: Of) {
    match (of.0, &mut world.plan.data.objects) {
        (Store::Bucket, Some(objects)) => objects.stable_within = within.0,
        _ => world.plan.data.stable_within = within.0,
    }
}
