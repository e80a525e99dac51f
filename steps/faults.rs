//! What breaks, and when.

use std::time::Duration;

use cucumber::when;

use super::World;
use super::params::{Failing, Region, Share, Span};
use crate::scenario::{Degraded, Fault, Mode, Percent, Scope, TimedFault};

#[when("nothing breaks")]
fn nothing(_: &mut World) {}

#[when(expr = "the application of {region} {failing} for {duration}")]
fn application(world: &mut World, region: Region, how: Failing, lasts: Span) {
    lose(world, region, Scope::Application, how.0, lasts);
}

/// Down first, and up at the end for good.
#[when(expr = "the application of {region} goes {int} times, for {duration}, and is back for {duration}")]
fn flapping(world: &mut World, region: Region, times: u32, down: Span, up: Span) {
    let fault = Fault::RegionOutage { region: region.0, scope: Scope::Application, mode: Mode::Status5xx };
    for number in 0..times {
        put_at(world, (down.0 + up.0) * number, fault.clone(), down);
    }
}

#[when(expr = "all of {region} {failing} for {duration}")]
fn everything(world: &mut World, region: Region, how: Failing, lasts: Span) {
    lose(world, region, Scope::Region, how.0, lasts);
}

#[when(expr = "the name servers {failing} for {duration}")]
fn name_servers(world: &mut World, how: Failing, lasts: Span) {
    put(world, Fault::DnsOutage { mode: how.0 }, lasts);
}

#[when(expr = "{share} of the requests to {region} fail for {duration}")]
fn failing(world: &mut World, share: Share, region: Region, lasts: Span) {
    degrade(world, Degraded { region: Some(region.0), errors: share.0, ..Degraded::NOTHING }, lasts);
}

#[when(expr = "{share} of the requests to {region} fail and answers take {duration} longer for {duration}")]
fn failing_and_late(world: &mut World, share: Share, region: Region, delay: Span, lasts: Span) {
    let degraded = Degraded { region: Some(region.0), errors: share.0, delay: delay.0, ..Degraded::NOTHING };
    degrade(world, degraded, lasts);
}

#[when(expr = "answers of {region} take {duration} longer for {duration}")]
fn late(world: &mut World, region: Region, delay: Span, lasts: Span) {
    degrade(world, Degraded { region: Some(region.0), delay: delay.0, ..Degraded::NOTHING }, lasts);
}

/// `/health of us-east-1 fails`: requests of that path, and no others.
#[when(expr = "{word} of {region} fails for {duration}")]
fn one_path(world: &mut World, path: String, region: Region, lasts: Span) {
    let degraded = Degraded { region: Some(region.0), only: Some(path), errors: Percent::ALL, ..Degraded::NOTHING };
    degrade(world, degraded, lasts);
}

/// The health check sees nothing of it.
#[when(expr = "everything but {word} of {region} fails for {duration}")]
fn all_but_one_path(world: &mut World, path: String, region: Region, lasts: Span) {
    let degraded = Degraded { region: Some(region.0), except: Some(path), errors: Percent::ALL, ..Degraded::NOTHING };
    degrade(world, degraded, lasts);
}

#[when(expr = "version {word} fails {share} of its requests for {duration}")]
fn bad_release(world: &mut World, release: String, share: Share, lasts: Span) {
    degrade(world, Degraded { release: Some(release), errors: share.0, ..Degraded::NOTHING }, lasts);
}

#[when(expr = "version {word} crashes in {share} of its requests for {duration}")]
fn crashing_release(world: &mut World, release: String, share: Share, lasts: Span) {
    degrade(world, Degraded { release: Some(release), crashes: share.0, ..Degraded::NOTHING }, lasts);
}

#[when(expr = "version {word} answers {duration} slower for {duration}")]
fn slow_release(world: &mut World, release: String, delay: Span, lasts: Span) {
    degrade(world, Degraded { release: Some(release), delay: delay.0, ..Degraded::NOTHING }, lasts);
}

fn degrade(world: &mut World, degraded: Degraded, lasts: Span) {
    put(world, Fault::Degraded(degraded), lasts);
}

fn lose(world: &mut World, region: Region, scope: Scope, mode: Mode, lasts: Span) {
    put(world, Fault::RegionOutage { region: region.0, scope, mode }, lasts);
}

fn put(world: &mut World, fault: Fault, lasts: Span) {
    put_at(world, Duration::ZERO, fault, lasts);
}

fn put_at(world: &mut World, at: Duration, fault: Fault, lasts: Span) {
    let id = format!("{}-{}", fault.kind(), world.plan.timeline.len() + 1);
    world.plan.timeline.push(TimedFault { id, at, lasts: lasts.0, fault });
}
