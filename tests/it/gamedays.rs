//! Game days beside the shipped one: they end, and say what happened.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blackstart::history::Journal;
use blackstart::judge::{Judge, Verdict};
use blackstart::region::{Place, Region};
use blackstart::run;
use blackstart::scenario::{Fault, Mode, Plan, Rate, Scope, TimedFault};

/// A short game day with little traffic.
fn short() -> Plan {
    let mut plan = Plan::default();
    plan.target.stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    plan.steady_state.duration = Duration::from_secs(60);
    plan.failback.within = Duration::from_secs(600);
    plan.timeline[0].lasts = Duration::from_secs(420);
    for population in &mut plan.traffic {
        population.rate = Rate::per_second(2.0).unwrap();
    }
    plan
}

fn judged(plan: &Plan) -> Verdict {
    let judge = Arc::new(Mutex::new(Judge::new(plan)));
    let watching = judge.clone();
    let journal = Journal::to(Box::new(std::io::sink()));
    journal.watch(Box::new(move |record| watching.lock().unwrap().observe(record)));
    run::run(plan, &journal).unwrap();
    journal.finish().unwrap();
    judge.lock().unwrap().verdict()
}

#[test]
fn a_region_that_hangs_as_a_whole_does_not_hang_the_harness() {
    let mut plan = short();
    plan.timeline[0].fault = Fault::RegionOutage { region: Region::US_EAST_1, scope: Scope::Region, mode: Mode::Hang };
    let verdict = judged(&plan);
    assert!(!verdict.doubts.iter().any(|doubt| doubt.contains("its end")), "{:?}", verdict.doubts);
    assert!(!verdict.troubles.is_empty(), "the probes say that nobody answered them");
}

#[test]
fn a_pair_without_us_east_1_fails_over_and_is_taken_down() {
    let (west, sydney) = (Region::parse("us-west-2").unwrap(), Region::parse("ap-southeast-2").unwrap());
    let mut plan = short();
    plan.target.regions = vec![west, sydney];
    plan.timeline[0].fault = Fault::RegionOutage { region: west, scope: Scope::Application, mode: Mode::Status5xx };
    plan.traffic[0].home = west;
    plan.traffic[1].home = sydney;
    plan.traffic[1].from = Place::parse("oceania").unwrap();
    let verdict = judged(&plan);
    let failover = verdict.failover.unwrap();
    assert!(failover.rto_ms.is_some_and(|rto| rto < 360_000), "{:?}", failover.evidence);
}

#[test]
fn without_sns_the_alarm_reaches_nobody() {
    let mut plan = short();
    let fault =
        Fault::ServiceOutage { service: "sns".to_owned(), region: None, operations: vec![], mode: Mode::Status5xx };
    let (at, lasts) = (Duration::ZERO, plan.timeline[0].lasts);
    plan.timeline.push(TimedFault { id: "no-sns".to_owned(), at, lasts, fault });
    let failover = judged(&plan).failover.unwrap();
    let hop = |name: &str| failover.hops.iter().find(|hop| hop.name == name).unwrap();
    assert!(hop("alarm-in-alarm").at_ms.is_some());
    assert_eq!((hop("function-invoked").at_ms, failover.rto_ms), (None, None), "{:?}", hop("function-invoked"));
}

#[test]
fn a_pair_whose_primary_is_not_us_east_1_fails_over_and_comes_home() {
    let mut plan = short();
    plan.target.regions = vec![Region::EU_WEST_1, Region::US_EAST_1];
    let verdict = judged(&plan);
    let failover = verdict.failover.unwrap();
    assert!(failover.rto_ms.is_some_and(|rto| rto < 360_000), "{:?}", failover.evidence);
    let failback = verdict.failback.unwrap();
    assert!(failback.took_ms.is_some(), "{}", failback.evidence);
}
