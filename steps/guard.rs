//! What the guard did, hop by hop: each counts from the hop before it.

use cucumber::then;

use super::World;
use super::params::Span;
use crate::scenario::{Check, Hop};

#[then(expr = "the alarm is in ALARM within {duration} of the first datapoint")]
async fn alarm(world: &mut World, within: Span) {
    world.prove(Check::HopWithin { hop: Hop::AlarmInAlarm, within: within.0 }).await;
}

#[then(expr = "the failover function is invoked within {duration} of the alarm")]
async fn invoked(world: &mut World, within: Span) {
    world.prove(Check::HopWithin { hop: Hop::FunctionInvoked, within: within.0 }).await;
}

#[then(expr = "its change is accepted within {duration}")]
async fn accepted(world: &mut World, within: Span) {
    world.prove(Check::HopWithin { hop: Hop::ChangeAccepted, within: within.0 }).await;
}

#[then(expr = "the change is INSYNC within {duration}")]
async fn insync(world: &mut World, within: Span) {
    world.prove(Check::HopWithin { hop: Hop::Insync, within: within.0 }).await;
}

#[then(expr = "the checkers say unhealthy within {duration} of the first failure")]
async fn checkers(world: &mut World, within: Span) {
    world.prove(Check::HopWithin { hop: Hop::CheckersUnhealthy, within: within.0 }).await;
}

#[then(expr = "the last client that honours the TTL is off within {duration} of that")]
async fn last_client(world: &mut World, within: Span) {
    world.prove(Check::HopWithin { hop: Hop::LastClientOff, within: within.0 }).await;
}
