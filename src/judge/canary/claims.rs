//! The assertions on a canary, and what makes one prove less than it seems to.

use super::seen::CanarySeen;
use super::{Advice, Trial};
use crate::judge::assertions::Finding;
use crate::judge::verdict::Outcome;
use crate::scenario::{Check, Decision};

/// `None` where the assertion is not about a canary.
pub fn finding(check: &Check, canary: Option<&CanarySeen>) -> Option<Finding> {
    let judge = match check {
        Check::CanaryDecides { decision } => {
            let decision = *decision;
            return Some(canary.map_or_else(none, |seen| decides(seen, decision)));
        }
        Check::CanaryExposedAtMost { at_most } => (exposed as Judge, at_most.get()),
        Check::CanaryFailuresAtMost { at_most } => (failures as Judge, *at_most as f64),
        Check::RolledBackWithin { within } => (rolled_back as Judge, within.as_secs_f64()),
        _ => return None,
    };
    Some(canary.map_or_else(none, |seen| judge.0(seen, judge.1)))
}

type Judge = fn(&CanarySeen, f64) -> Finding;

fn none() -> Finding {
    Finding::inconclusive("the plan has no canary")
}

/// A canary that holds has decided nothing, and neither has a run that broke off; decisions the data do not support count
/// for nothing.
pub fn doubts(trial: &Trial, seen: &CanarySeen) -> Vec<String> {
    let mut doubts = trial.unsupported().to_vec();
    match seen.decision {
        None => doubts.push(format!("the canary came to no end: {}", seen.reason)),
        Some(Decision::Held) => doubts.push(format!("the canary still holds: {}", seen.reason)),
        Some(Decision::Promoted) if seen.steps.iter().all(|step| step.advice != Advice::Proceed) => {
            doubts.push("the canary was promoted, and no step of it passed".to_owned());
        }
        Some(_) => {}
    }
    doubts
}

fn decides(seen: &CanarySeen, wanted: Decision) -> Finding {
    let Some(decision) = seen.decision else { return Finding::inconclusive(seen.reason.clone()) };
    let what = format!("{}: {}", decision.as_str(), seen.reason);
    match decision {
        decision if decision == wanted => Finding::at_most(0.0, 0.0, what),
        // It waits for data: what it would have decided is not known.
        Decision::Held => Finding::inconclusive(what),
        _ => Finding::at_most(1.0, 0.0, what),
    }
}

fn exposed(seen: &CanarySeen, at_most: f64) -> Finding {
    match seen.exposed {
        Some(exposed) if seen.requests > 0 => {
            Finding::at_most(exposed, at_most, format!("the canary served {} requests", seen.requests))
        }
        _ => Finding::inconclusive("the canary served nobody"),
    }
}

/// Failures without a version may be the canary's: they count.
fn failures(seen: &CanarySeen, at_most: f64) -> Finding {
    if seen.requests + seen.unattributed == 0 {
        return Finding::inconclusive("the canary served nobody");
    }
    let what = format!(
        "{} of the canary's {} requests failed, and {} without a version that answered",
        seen.failed, seen.requests, seen.unattributed
    );
    Finding::at_most((seen.failed + seen.unattributed) as f64, at_most, what)
}

fn rolled_back(seen: &CanarySeen, within: f64) -> Finding {
    let what = "from the first failure in the step that was rolled back, or its beginning, until all was verified to be as before";
    match (seen.rolled_back_after_ms(), seen.decision) {
        (Some(took), _) => Finding::at_most(took as f64 / 1_000.0, within, what),
        (None, Some(Decision::Promoted)) => Finding::failed("the canary was promoted"),
        (None, _) if seen.rolling_back_at_ms.is_some() => Finding::failed("going back was never verified"),
        (None, _) => {
            Finding { outcome: Outcome::Inconclusive, measured: None, evidence: "it was not rolled back".into() }
        }
    }
}
