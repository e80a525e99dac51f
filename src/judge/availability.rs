//! What each population got: requests sent, answered and failed, and for how many seconds too few succeeded.

use std::ops::Range;

use super::Case;
use super::by_second::BySecond;
use super::evidence::{second_from, second_of};
use super::failover::Course;
use super::steady::span;
use super::vacuity::sent_of_planned;
use super::verdict::{PopulationSeen, Requests};
use crate::history::PhaseName;

pub fn requests(case: &Case<'_>, course: Option<&Course>) -> Requests {
    let mut requests = Requests::default();
    let before = span(case, PhaseName::SteadyBefore).ok();
    let after = span(case, PhaseName::SteadyAfter).ok();
    let during = course.and_then(|course| {
        let effect = course.effect?;
        Some(second_of(effect)..second_from(course.fault.healed.unwrap_or(case.evidence.end)))
    });
    for (people, (name, traffic)) in case.plan.traffic.iter().zip(&case.evidence.traffic) {
        let tally = traffic.tally(0..traffic.seconds());
        let success = |span: &Option<Range<u64>>| percent(traffic.tally(span.clone()?).success());
        let home = |span: &Option<Range<u64>>| percent(traffic.tally(span.clone()?).home_share());
        let seen = PopulationSeen {
            sent: tally.sent,
            ok: tally.ok,
            failed: tally.failed(),
            failed_seconds: failed_seconds(traffic, case.plan.steady_state.success_at_least.ratio()),
            planned_per_s: hundredths(people.rate.get()),
            achieved_per_s: sent_of_planned(case, people)
                .map(|(sent, seconds)| hundredths(sent as f64 / seconds as f64)),
            success_before: success(&before),
            success_during: success(&during),
            success_after: success(&after),
            home_before: home(&before),
            home_after: home(&after),
        };
        requests.sent += seen.sent;
        requests.ok += seen.ok;
        requests.failed += seen.failed;
        requests.by_population.insert(name.clone(), seen);
    }
    requests
}

/// Seconds in which the share of good answers was below the bound.
pub fn failed_seconds(traffic: &BySecond, bound: f64) -> u64 {
    let bad = |(_, tally): &(u64, super::by_second::Tally)| tally.success().is_some_and(|ratio| ratio < bound);
    traffic.windows(0..traffic.seconds(), 1).filter(bad).count() as u64
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// In percent, to a thousandth: what is written must not depend on the last bit of a division.
fn percent(ratio: Option<f64>) -> Option<f64> {
    ratio.map(|ratio| (ratio * 100_000.0).round() / 1_000.0)
}
