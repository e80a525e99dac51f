//! Who moves the traffic, and how: records, answers, guards.

use cucumber::then;

use super::World;
use super::params::{Decided, Region, Span};
use crate::scenario::Check;

#[then(expr = "never are both Regions off")]
async fn never_off(world: &mut World) {
    world.prove(Check::NeverAllOff).await;
}

#[then(expr = "the answer to nobody changes more than {int} times")]
async fn moves(world: &mut World, at_most: u64) {
    world.prove(Check::AnswersMovedAtMost { at_most }).await;
}

#[then(expr = "no change of the records is lost")]
async fn no_lost_updates(world: &mut World) {
    world.prove(Check::NoLostUpdates).await;
}

#[then(expr = "nobody is sent home within {duration} of the heal")]
async fn not_home_before(world: &mut World, after: Span) {
    world.prove(Check::HomeNotBefore { after: after.0 }).await;
}

#[then(expr = "the guard of {region} {decided}")]
async fn decides(world: &mut World, region: Region, decision: Decided) {
    world.prove(Check::GuardDecides { decision: decision.0, region: Some(region.0) }).await;
}
