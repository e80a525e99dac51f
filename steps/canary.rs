//! A new version on its way to users.

use std::time::Duration;

use cucumber::{gherkin::Step, given, then, when};
use indexmap::IndexMap;

use super::World;
use super::params::{Region, Share, Span};
use crate::scenario::{Analysis, CanaryPlan, CanaryStep, Check, Decision, Operation, Percent, Shift};

#[given(expr = "weighted routing, {region} with {int} and {region} with {int}")]
fn weighted(world: &mut World, home: Region, home_weight: u32, other: Region, other_weight: u32) {
    let parameters = &mut world.plan.target.parameters;
    parameters.insert("Routing".to_owned(), "weighted".to_owned());
    for (region, weight) in [(home, home_weight), (other, other_weight)] {
        let name = if region.0 == world.plan.target.regions[0] { "HomeWeight" } else { "OtherWeight" };
        parameters.insert(name.to_owned(), weight.to_string());
    }
}

/// A table of shares and bake times.
#[when(expr = "version {word} is released by {word}:")]
fn released(world: &mut World, version: String, by: String, step: &Step) {
    let by = match by.as_str() {
        "route53" => Shift::Route53,
        "alias" => Shift::Alias,
        "stage" => Shift::Stage,
        other => panic!("{other:?} moves no traffic: expected route53, alias or stage"),
    };
    let regions = &world.plan.target.regions;
    let regions = if by == Shift::Route53 { regions[1..2].to_vec() } else { regions.clone() };
    let rows = step.table.as_ref().map(|table| table.rows.iter().skip(1)).into_iter().flatten();
    let row = |row: &Vec<String>| CanaryStep {
        share: Percent::parse(&row[0]).unwrap_or_else(|error| panic!("{error}")),
        bake: row[1].parse::<Span>().unwrap_or_else(|error| panic!("{error}")).0,
    };
    let (release, steps) = (IndexMap::from([("OrdersVersion".to_owned(), version)]), rows.map(row).collect());
    let (at, hold, analysis) = (Duration::ZERO, Duration::from_secs(120), Analysis::default());
    world.plan.canary = Some(CanaryPlan { release, by, regions, at, steps, hold, analysis });
}

#[when(expr = "{word} {word} is critical")]
fn critical(world: &mut World, method: String, route: String) {
    let canary = world.plan.canary.as_mut().unwrap_or_else(|| panic!("nothing is released yet"));
    canary.analysis.critical.push(Operation { method, route });
}

#[then(expr = "the canary is promoted")]
async fn promoted(world: &mut World) {
    world.prove(Check::CanaryDecides { decision: Decision::Promoted }).await;
}

#[then(expr = "the canary serves at most {share} of the requests")]
async fn exposed(world: &mut World, at_most: Share) {
    world.prove(Check::CanaryExposedAtMost { at_most: at_most.0 }).await;
}

#[then(expr = "all is as it was within {duration} of the first failure")]
async fn restored(world: &mut World, within: Span) {
    world.prove(Check::RolledBackWithin { within: within.0 }).await;
}

#[then(expr = "the canary gives way to whoever else changed the records")]
async fn gave_way(world: &mut World) {
    world.prove(Check::CanaryDecides { decision: Decision::Conflict }).await;
}

#[then(expr = "the canary is rolled back")]
async fn rolled_back(world: &mut World) {
    world.prove(Check::CanaryDecides { decision: Decision::RolledBack }).await;
}
