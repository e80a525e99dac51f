//! A script: writes and faults at given moments. `report::gherkin` writes what these steps read.

use std::time::Duration;

use cucumber::{given, when};

use super::World;
use super::params::{Deed, Flaw, Of, Region, Stretch};
use crate::scenario::{Fault, Mode, Operate, Plan, Poisoned, Scope, ScriptedWrite, TimedFault, TimedOperation};
use crate::seed::Seed;

#[given(expr = "the stores of the shipped stack in {region} and {region}")]
fn stores(world: &mut World, primary: Region, other: Region) {
    let stack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    let Plan { target, seed, .. } = world.plan.clone();
    world.plan = Plan { seed, ..Plan::stores() };
    world.plan.target.parameters.extend(target.parameters);
    world.plan.target.regions = vec![primary.0, other.0];
    world.plan.target.stack = stack;
}

#[given(expr = "the seed {int}")]
fn seeded(world: &mut World, seed: u64) {
    world.plan.seed = Seed(seed);
}

#[when(expr = "{region} {deed} the {store}'s {word} at {int} ms")]
fn write(world: &mut World, region: Region, deed: Deed, store: Of, key: String, at: u64) {
    let (region, store, kind) = (region.0, store.0, deed.0);
    let write = ScriptedWrite { at: Duration::from_millis(at), region, store, kind, key };
    let script = &mut world.plan.data.script;
    let place = script.partition_point(|known| known.at <= write.at);
    script.insert(place, write);
}

#[when(expr = "{region} and {region} cannot reach each other {stretch}")]
fn partition(world: &mut World, a: Region, b: Region, when: Stretch) {
    put(world, Fault::Partition { between: (a.0, b.0) }, when);
}

#[when(expr = "all of {region} is lost {stretch}")]
fn lost(world: &mut World, region: Region, when: Stretch) {
    put(world, Fault::RegionOutage { region: region.0, scope: Scope::Region, mode: Mode::Status5xx }, when);
}

#[when(expr = "the API of {word} is down {stretch}")]
fn service_down(world: &mut World, service: String, when: Stretch) {
    put(world, Fault::ServiceOutage { service, region: None, operations: Vec::new(), mode: Mode::Status5xx }, when);
}

#[when(expr = "{word} of {word} is down {stretch}")]
fn operation_down(world: &mut World, operation: String, service: String, when: Stretch) {
    let operations = vec![operation];
    put(world, Fault::ServiceOutage { service, region: None, operations, mode: Mode::Status5xx }, when);
}

#[when(expr = "replication of the {store} stands still {stretch}")]
fn paused(world: &mut World, of: Of, when: Stretch) {
    put(world, Fault::ReplicationPause { of: of.0, from: None, to: None }, when);
}

#[when(expr = "replication of the {store} from {region} to {region} stands still {stretch}")]
fn paused_one_way(world: &mut World, of: Of, from: Region, to: Region, when: Stretch) {
    put(world, Fault::ReplicationPause { of: of.0, from: Some(from.0), to: Some(to.0) }, when);
}

#[when(expr = "replication of the {store} takes {int} times as long {stretch}")]
fn slow(world: &mut World, of: Of, times: u32, when: Stretch) {
    put(world, Fault::ReplicationSlow { of: of.0, from: None, to: None, times }, when);
}

#[when(expr = "the clock of {region} is {int} ms ahead {stretch}")]
fn skewed(world: &mut World, region: Region, ahead_ms: i64, when: Stretch) {
    put(world, Fault::ClockSkew { region: region.0, ahead_ms }, when);
}

#[when(expr = "the replicator {flaw} {stretch}")]
fn broken(world: &mut World, flaw: Flaw, when: Stretch) {
    put(world, Fault::BrokenReplicator { defect: flaw.0 }, when);
}

#[when(expr = "the item {word} is poisoned in {region} {stretch}")]
fn poisoned_item(world: &mut World, key: String, region: Region, when: Stretch) {
    put(world, Fault::Poison { what: Poisoned::Item { key }, region: region.0 }, when);
}

#[when(expr = "the secret is poisoned in {region} {stretch}")]
fn poisoned_secret(world: &mut World, region: Region, when: Stretch) {
    put(world, Fault::Poison { what: Poisoned::Secret, region: region.0 }, when);
}

#[when(expr = "the secret is rotated at {int} ms")]
fn rotated(world: &mut World, at: u64) {
    let operation = Operate::RotateSecret;
    let operations = &mut world.plan.operations;
    let id = format!("{}-{}", operation.kind(), operations.len() + 1);
    let timed = TimedOperation { id, at: Duration::from_millis(at), operation };
    let place = operations.partition_point(|known| known.at <= timed.at);
    operations.insert(place, timed);
}

fn put(world: &mut World, fault: Fault, when: Stretch) {
    let timeline = &mut world.plan.timeline;
    let id = format!("{}-{}", fault.kind(), timeline.len() + 1);
    timeline.push(TimedFault { id, at: when.from, lasts: when.lasts, fault });
    timeline.sort_by_key(|timed| timed.at);
}
