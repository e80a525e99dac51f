//! What users lived through.

use cucumber::{given, then};

use super::World;
use super::params::{Region, Share, Span};
use crate::region::Place;
use crate::scenario::{Check, Plan, Population, Rate};

#[given(expr = "{int} requests per second from {word} at home in {region}")]
fn population(world: &mut World, rate: u32, place: String, home: Region) {
    let from = Place::parse(&place).unwrap_or_else(|error| panic!("{error}"));
    let shipped = Plan::default().traffic;
    let model = shipped.first().unwrap_or_else(|| panic!("the shipped plan has no population")).clone();
    let rate = Rate::per_second(f64::from(rate)).unwrap_or_else(|| panic!("a rate above zero"));
    world.plan.traffic.push(Population { name: place, from, home: home.0, rate, clients: 40, ..model });
}

#[then(expr = "the steady state holds before the fault")]
async fn steady_before(world: &mut World) {
    let at_least = world.plan.steady_state.success_at_least;
    world.prove(Check::SteadyStateBefore { at_least }).await;
}

#[then(expr = "the steady state holds again after the failback")]
async fn steady_after(world: &mut World) {
    let at_least = world.plan.steady_state.success_at_least;
    world.prove(Check::SteadyStateAfter { at_least }).await;
}

#[then(expr = "in steady state {share} of the answers to {word} come from home")]
async fn home(world: &mut World, at_least: Share, population: String) {
    world.prove(Check::HomeServed { population: Some(population), at_least: at_least.0 }).await;
}

#[then(expr = "users see the fault within {duration}")]
async fn seen(world: &mut World, within: Span) {
    world.prove(Check::FaultObserved { within: within.0 }).await;
}

#[then(expr = "every population is back within {duration}")]
async fn back(world: &mut World, within: Span) {
    world.prove(Check::FailoverWithin { behaviour: None, within: within.0 }).await;
}

#[then(expr = "{word} is not back before the heal")]
async fn not_back(world: &mut World, population: String) {
    world.prove(Check::NotRecovered { population: Some(population), behaviour: None }).await;
}

#[then(expr = "within {duration} every client is served by {region}")]
async fn served_by(world: &mut World, within: Span, region: Region) {
    world.prove(Check::ServedBy { region: region.0, population: None, behaviour: None, within: within.0 }).await;
}

#[then(expr = "every population is home within {duration} of the heal")]
async fn failed_back(world: &mut World, within: Span) {
    world.prove(Check::FailbackWithin { within: within.0 }).await;
}

#[then(expr = "at most {int} requests from {word} fail")]
async fn failed(world: &mut World, at_most: u64, population: String) {
    world.prove(Check::FailedRequestsAtMost { population: Some(population), behaviour: None, at_most }).await;
}

#[then(expr = "{word} has at most {duration} of failed seconds")]
async fn failed_seconds(world: &mut World, population: String, at_most: Span) {
    world.prove(Check::FailedSecondsAtMost { population: Some(population), behaviour: None, at_most: at_most.0 }).await;
}
