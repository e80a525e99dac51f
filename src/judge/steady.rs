//! Steady state: in every window of the phase, every population within the bound; and served from home.

use std::ops::Range;

use super::Case;
use super::assertions::Finding;
use super::evidence::{second_from, second_of};
use super::failover::{SAMPLES, seconds, window};
use crate::history::PhaseName;
use crate::scenario::quantity::format_duration;
use crate::scenario::{Percent, Population};

/// The share of the planned length that must have been watched.
const WATCHED: f64 = 0.9;

/// The whole seconds of a steady phase. Before the fault the last one is left out: its requests may have been on
/// their way when the fault came.
pub fn span(case: &Case<'_>, phase: PhaseName) -> Result<Range<u64>, String> {
    let name = if phase == PhaseName::SteadyBefore { "before the fault" } else { "after the failback" };
    let began = case.evidence.began(phase).ok_or_else(|| format!("no steady state {name} in this history"))?;
    let ended = case.evidence.ended(phase).unwrap_or(case.evidence.end);
    let fault = case.evidence.faults.iter().map(|fault| fault.injected).find(|at| *at >= began);
    let end = fault.map_or(second_of(ended), |fault| second_of(ended.min(fault)).saturating_sub(1));
    let span = second_from(began)..end;
    let watched = span.end.saturating_sub(span.start);
    // The second left out before a fault is no lack.
    if ((watched + 1) as f64) < seconds(case.plan.steady_state.duration) as f64 * WATCHED {
        let wanted = format_duration(case.plan.steady_state.duration);
        return Err(format!("steady state {name} was watched for {watched} s instead of {wanted}"));
    }
    Ok(span)
}

/// The worst window of a steady phase against the bound.
pub fn steady(case: &Case<'_>, phase: PhaseName, at_least: Percent) -> Finding {
    let span = match span(case, phase) {
        Ok(span) => span,
        Err(why) => return Finding::inconclusive(why),
    };
    let mut worst: Option<(f64, String)> = None;
    let mut sent = 0;
    for (name, traffic) in &case.evidence.traffic {
        let count = traffic.tally(span.clone()).sent;
        if count < SAMPLES {
            return Finding::inconclusive(format!("only {count} requests of {name}"));
        }
        sent += count;
        for (start, tally) in traffic.windows(span.clone(), window(case.plan)) {
            let Some(ratio) = tally.success() else { continue };
            if worst.as_ref().is_none_or(|(known, _)| ratio < *known) {
                let failed = tally.failed();
                worst = Some((
                    ratio,
                    format!("worst window: {name} from second {start}, {failed} of {} failed", tally.sent),
                ));
            }
        }
    }
    match worst {
        None => Finding::inconclusive("no window of steady state had a request in it"),
        Some((ratio, _)) if ratio >= 1.0 => {
            Finding::at_least(100.0, at_least.get(), format!("all {sent} requests went well"))
        }
        Some((ratio, evidence)) => Finding::at_least(ratio * 100.0, at_least.get(), evidence),
    }
}

/// The lowest share of good answers from home in steady state before the fault.
pub fn home_served(case: &Case<'_>, population: Option<&str>, at_least: Percent) -> Finding {
    let span = match span(case, PhaseName::SteadyBefore) {
        Ok(span) => span,
        Err(why) => return Finding::inconclusive(why),
    };
    let mut worst: Option<(f64, String)> = None;
    let chosen = |people: &&Population| population.is_none_or(|name| name == people.name);
    for people in case.plan.traffic.iter().filter(chosen) {
        let Some(traffic) = case.evidence.traffic.get(&people.name) else { continue };
        let tally = traffic.tally(span.clone());
        let Some(share) = tally.home_share().filter(|_| tally.ok >= SAMPLES) else {
            return Finding::inconclusive(format!("only {} good answers for {}", tally.ok, people.name));
        };
        if worst.as_ref().is_none_or(|(known, _)| share < *known) {
            let evidence = format!("{}: {} of {} answers came from {}", people.name, tally.home, tally.ok, people.home);
            worst = Some((share, evidence));
        }
    }
    match worst {
        None => Finding::inconclusive("no such population"),
        Some((share, evidence)) => Finding::at_least(share * 100.0, at_least.get(), evidence),
    }
}
