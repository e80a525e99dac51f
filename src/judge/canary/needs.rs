//! Before the start: how many samples each step needs, and how many it will see.

use super::levels::Levels;
use super::metrics::{Subject, writes};
use super::seen::{Measure, Need};
use super::sizes;
use crate::region::Region;
use crate::scenario::{CanaryPlan, Operation, Plan, Shift};

/// By step, Region and metric that a step waits for; empty without a canary.
pub fn needs(plan: &Plan) -> Vec<Need> {
    let Some(canary) = &plan.canary else { return Vec::new() };
    let levels = Levels::new(plan, canary);
    let subject = Subject::new(plan, canary);
    let mut needs = Vec::new();
    let mut beside = 0.0;
    for (step, number) in canary.steps.iter().zip(1..) {
        let share = step.share.ratio();
        let seconds = step.bake.as_secs_f64();
        // Of all the requests of a Region, the share in the smaller version, and of how many seconds.
        let (parts, of_canary) = match canary.by {
            Shift::Route53 => (share, share),
            Shift::Alias | Shift::Stage => (share.min(1.0 - share), share),
        };
        let samples = if share < 1.0 { parts * seconds } else { (of_canary * seconds).min(beside) };
        if share < 1.0 {
            let of_control = if canary.by == Shift::Route53 { share } else { 1.0 - share };
            beside = of_control * seconds;
        }
        for region in &canary.regions {
            let expected = |of: Of<'_>| rate(plan, canary, *region, of) * samples;
            for (metric, operation, of) in asked(&subject) {
                let wanted = wanted(plan, canary, &levels, metric);
                needs.push(need(number, *region, metric, operation, wanted.0, expected(of), &wanted.1));
            }
        }
    }
    needs
}

/// The metrics a step waits for.
fn asked(subject: &Subject) -> Vec<(Measure, Option<&Operation>, Of<'_>)> {
    let mut asked = vec![(Measure::Errors, None, Of::All), (Measure::Latency, None, Of::All)];
    for operation in &subject.canary.analysis.must_have {
        asked.push((Measure::Errors, Some(operation), Of::One(operation)));
        asked.push((Measure::Latency, Some(operation), Of::One(operation)));
    }
    if subject.writes {
        asked.push((Measure::DataSync, None, Of::Writes));
    }
    asked
}

/// Which requests.
#[derive(Clone, Copy)]
enum Of<'a> {
    All,
    One(&'a Operation),
    Writes,
}

/// Requests a second that the shares of a step are taken of: of a Region's users, by Route 53 of all.
fn rate(plan: &Plan, canary: &CanaryPlan, region: Region, of: Of<'_>) -> f64 {
    let people = plan.traffic.iter().filter(|people| canary.by == Shift::Route53 || people.home == region);
    let each = people.map(|people| {
        let whole: u32 = people.requests.values().sum();
        let counted = people.requests.iter().filter(|(operation, _)| match of {
            Of::All => true,
            Of::One(wanted) => *operation == wanted,
            Of::Writes => writes(operation),
        });
        let weight: u32 = counted.map(|(_, weight)| *weight).sum();
        people.rate.get() * f64::from(weight) / f64::from(whole.max(1))
    });
    each.sum()
}

/// Samples of each version, and what they are worked out from.
fn wanted(plan: &Plan, canary: &CanaryPlan, levels: &Levels, metric: Measure) -> (u64, String) {
    let analysis = &canary.analysis;
    let alpha = levels.strictest(0);
    let power = analysis.power;
    match metric {
        Measure::Errors | Measure::Unattributed => {
            let assumed = 1.0 - plan.steady_state.success_at_least.ratio();
            let by = analysis.errors_worse_by;
            let why = format!(
                "to find {} points more than the {:.2}% that steady state allows, with power {power}",
                by.get(),
                assumed * 100.0
            );
            (sizes::share(assumed, by.ratio(), alpha, power.ratio()), why)
        }
        Measure::Latency => {
            let most = analysis.slower_in_at_most;
            let why = format!("to find a canary that is slower in {most} of all pairs, with power {power}");
            (sizes::ranks(most.ratio(), alpha, power.ratio()), why)
        }
        Measure::DataSync => (sizes::all_or_none(alpha), "to see that none of them arrived".to_owned()),
    }
}

fn need(
    step: u32,
    region: Region,
    metric: Measure,
    operation: Option<&Operation>,
    wanted: u64,
    expected: f64,
    why: &str,
) -> Need {
    let expected = expected as u64;
    let enough = expected >= wanted;
    let of = operation.map_or(String::new(), |operation| format!(" of {operation}"));
    let verb = if enough { "sees" } else { "lacks data: it sees" };
    let name = metric.as_str();
    let what = format!(
        "step {step} in {region} {verb} about {expected} samples of each version for {name}{of} and needs {wanted}, {why}"
    );
    let operation = operation.map(ToString::to_string);
    Need { step, region: Some(region), metric, operation, wanted, expected, enough, what }
}
