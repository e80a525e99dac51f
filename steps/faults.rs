//! What breaks, and when.

use std::time::Duration;

use cucumber::when;

use super::World;
use super::params::{Failing, Region, Span};
use crate::scenario::{Fault, Mode, Scope, TimedFault};

#[when("nothing breaks")]
fn nothing(_: &mut World) {}

#[when(expr = "the application of {region} {failing} for {duration}")]
fn application(world: &mut World, region: Region, how: Failing, lasts: Span) {
    lose(world, region, Scope::Application, how.0, lasts);
}

#[when(expr = "all of {region} {failing} for {duration}")]
fn everything(world: &mut World, region: Region, how: Failing, lasts: Span) {
    lose(world, region, Scope::Region, how.0, lasts);
}

#[when(expr = "the name servers {failing} for {duration}")]
fn name_servers(world: &mut World, how: Failing, lasts: Span) {
    put(world, Fault::DnsOutage { mode: how.0 }, lasts);
}

fn lose(world: &mut World, region: Region, scope: Scope, mode: Mode, lasts: Span) {
    put(world, Fault::RegionOutage { region: region.0, scope, mode }, lasts);
}

fn put(world: &mut World, fault: Fault, lasts: Span) {
    let id = format!("{}-{}", fault.kind(), world.plan.timeline.len() + 1);
    world.plan.timeline.push(TimedFault { id, at: Duration::ZERO, lasts: lasts.0, fault });
}
