//! The assertions of a plan, each judged on what was measured.

use std::time::Duration;

use super::Case;
use super::availability::failed_seconds;
use super::canary::{self, CanarySeen};
use super::data;
use super::evidence::{Us, ms, second_from, second_of};
use super::failover::{Course, Measured, moment, window};
use super::verdict::{Failover, Judgement, Outcome, SplitSeen};
use super::{clients, failback, failover, routing, split, steady};
use crate::history::PhaseName;
use crate::region::Region;
use crate::scenario::{Assertion, Behaviour, Check};

/// What a judge found out about one assertion.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub outcome: Outcome,
    pub measured: Option<f64>,
    pub evidence: String,
}

impl Finding {
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Inconclusive, measured: None, evidence: why.into() }
    }

    pub fn failed(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, measured: None, evidence: why.into() }
    }

    pub fn at_least(measured: f64, bound: f64, evidence: impl Into<String>) -> Self {
        Self::measured(measured >= bound, measured, evidence)
    }

    pub fn at_most(measured: f64, bound: f64, evidence: impl Into<String>) -> Self {
        Self::measured(measured <= bound, measured, evidence)
    }

    fn measured(holds: bool, measured: f64, evidence: impl Into<String>) -> Self {
        let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
        // To a thousandth: what is written must not depend on the last bit of a division.
        let measured = Some((measured * 1_000.0).round() / 1_000.0);
        Self { outcome, measured, evidence: evidence.into() }
    }

    fn of(measured: &Measured, within: Duration, evidence: &str) -> Self {
        match measured {
            Measured::Took(took) => Self::at_most(ms(*took) as f64 / 1_000.0, within.as_secs_f64(), evidence),
            Measured::Never(why) => Self::failed(why.clone()),
            Measured::Unknown(why) => Self::inconclusive(why.clone()),
        }
    }
}

/// What the assertions are judged on.
pub struct Facts<'a> {
    pub course: Option<&'a Course>,
    pub failover: Option<&'a Failover>,
    pub splits: &'a [SplitSeen],
    pub data: &'a data::Results<'a>,
    pub canary: Option<&'a CanarySeen>,
}

pub fn judge(case: &Case<'_>, assertion: &Assertion, facts: &Facts<'_>) -> Judgement {
    let Finding { outcome, measured, evidence } = finding(case, &assertion.check, facts);
    let (bound, unit) = bound(&assertion.check);
    let (decided, wanted) = decision(case, &assertion.check, facts);
    let (id, unit) = (assertion.id.clone(), unit.to_owned());
    Judgement { id, verdict: outcome, measured, bound, unit, decided, wanted, evidence }
}

/// What was decided and what was claimed, of a claim about a decision.
fn decision(case: &Case<'_>, check: &Check, facts: &Facts<'_>) -> (Option<String>, Option<String>) {
    match check {
        Check::CanaryDecides { decision } => {
            let decided = facts.canary.and_then(|seen| seen.decision);
            (decided.map(|decided| decided.as_str().to_owned()), Some(decision.as_str().to_owned()))
        }
        Check::GuardDecides { decision, region } => {
            (routing::decided(case, *decision, *region).map(str::to_owned), Some(decision.as_str().to_owned()))
        }
        _ => (None, None),
    }
}

fn bound(check: &Check) -> (f64, &'static str) {
    match check {
        Check::SteadyStateBefore { at_least }
        | Check::SteadyStateAfter { at_least }
        | Check::HomeServed { at_least, .. } => (at_least.get(), "%"),
        Check::FaultObserved { within }
        | Check::FailoverWithin { within, .. }
        | Check::FailbackWithin { within }
        | Check::HopWithin { within, .. }
        | Check::ServedBy { within, .. }
        | Check::FailedSecondsAtMost { at_most: within, .. } => (within.as_secs_f64(), "s"),
        Check::FailedRequestsAtMost { at_most, .. } => (*at_most as f64, "requests"),
        Check::NotRecovered { .. } => (0.0, "populations"),
        Check::SplitWithin { tolerance } => (tolerance.get(), "points"),
        Check::LostWritesAtMost { at_most } => (*at_most as f64, "writes"),
        Check::StableWritesAtLeast { at_least } | Check::ObjectsReplicated { at_least, .. } => (at_least.get(), "%"),
        Check::DivergentItemsAtMost { at_most } => (*at_most as f64, "items"),
        Check::DivergentObjectsAtMost { at_most } => (*at_most as f64, "objects"),
        Check::CanaryDecides { .. } => (0.0, "decisions"),
        Check::CanaryExposedAtMost { at_most } => (at_most.get(), "% of requests"),
        Check::CanaryFailuresAtMost { at_most } => (*at_most as f64, "requests"),
        Check::LastWriterWins => (0.0, "items"),
        Check::MonotonicReads => (0.0, "reads"),
        Check::CompletedObjectsReadable => (0.0, "objects"),
        Check::PublishedSecretsOnly => (0.0, "versions"),
        Check::NeverAllOff => (0.0, "looks"),
        Check::AnswersMovedAtMost { at_most } => (*at_most as f64, "moves"),
        Check::NoLostUpdates => (0.0, "updates"),
        Check::HomeNotBefore { after } => (after.as_secs_f64(), "s at least"),
        Check::GuardDecides { .. } => (0.0, "decisions"),
        Check::RpoWithin { within }
        | Check::RolledBackWithin { within }
        | Check::ConvergedWithin { within }
        | Check::ReplicationLagWithin { within, .. }
        | Check::StaleReadsWithin { within }
        | Check::SecretsAgreeWithin { within }
        | Check::RejectedSecretAtMost { at_most: within } => (within.as_secs_f64(), "s"),
    }
}

fn finding(case: &Case<'_>, check: &Check, facts: &Facts<'_>) -> Finding {
    match check {
        Check::SteadyStateBefore { at_least } => return steady::steady(case, PhaseName::SteadyBefore, *at_least),
        Check::SteadyStateAfter { at_least } => return steady::steady(case, PhaseName::SteadyAfter, *at_least),
        Check::HomeServed { population, at_least } => {
            return steady::home_served(case, population.as_deref(), *at_least);
        }
        Check::FailedRequestsAtMost { at_most, .. } => return failed_requests(case, check.whose(), *at_most),
        Check::FailedSecondsAtMost { at_most, .. } => return seconds_failed(case, check.whose(), *at_most),
        Check::SplitWithin { tolerance } => return split::finding(facts.splits, *tolerance),
        _ => {}
    }
    if let Some(finding) = data::finding(case, check, facts.data) {
        return finding;
    }
    if let Some(finding) = canary::finding(check, facts.canary) {
        return finding;
    }
    if let Some(finding) = routing::finding(case, check) {
        return finding;
    }
    let Some(course) = facts.course else {
        return Finding::inconclusive("no fault that users could feel was injected");
    };
    let Some(effect) = course.effect else {
        return Finding::inconclusive(format!("nobody saw {} take effect", course.fault.id));
    };
    match check {
        Check::FaultObserved { within } => {
            let took = ms(effect - course.fault.injected) as f64 / 1_000.0;
            Finding::at_most(took, within.as_secs_f64(), "from the injection to the first request that failed")
        }
        Check::FailoverWithin { behaviour: None, within } => {
            Finding::of(&course.rto, *within, "RTO: from the effect until every population was back, for good")
        }
        Check::FailoverWithin { behaviour: Some(kind), within } => {
            let users = case.evidence.requests_of(None, Some(*kind));
            let rto = failover::rto(case, users, effect, course.horizon);
            Finding::of(&rto, *within, "from the effect until all of these clients were back, for good")
        }
        Check::NotRecovered { .. } => clients::not_recovered(case, course, effect, check.whose()),
        Check::FailbackWithin { within } => {
            let took = failback::took(case, course);
            Finding::of(&took, *within, "from the heal until every population was served from home, for good")
        }
        Check::HopWithin { hop, within } => {
            let seen = facts.failover.and_then(|failover| failover.hops.iter().find(|seen| seen.name == hop.as_str()));
            match seen.map(|seen| (seen.took_ms, seen)) {
                Some((Some(took), seen)) => {
                    Finding::at_most(took as f64 / 1_000.0, within.as_secs_f64(), seen.evidence.clone())
                }
                // It had the whole fault to happen in; but where nothing could show it, nothing is proven.
                Some((None, seen)) if seen.blind => Finding::inconclusive(seen.evidence.clone()),
                Some((None, seen)) => Finding::failed(seen.evidence.clone()),
                None => Finding::inconclusive("no such hop"),
            }
        }
        Check::ServedBy { region, within, .. } => served_by(case, course, effect, *region, check.whose(), *within),
        _ => Finding::inconclusive("not judged"),
    }
}

/// The one population, and the one kind of clients, that a claim speaks of; none for all.
type Whose<'a> = (Option<&'a str>, Option<Behaviour>);

fn failed_requests(case: &Case<'_>, (population, behaviour): Whose<'_>, at_most: u64) -> Finding {
    let users = case.evidence.requests_of(population, behaviour);
    let tallies = users.map(|(_, traffic)| traffic.tally(0..traffic.seconds()));
    let (sent, failed) = tallies.fold((0, 0), |(sent, failed), tally| (sent + tally.sent, failed + tally.failed()));
    if sent == 0 {
        return Finding::inconclusive("no requests were sent");
    }
    Finding::at_most(failed as f64, at_most as f64, format!("{failed} of {sent} requests failed"))
}

fn seconds_failed(case: &Case<'_>, (population, behaviour): Whose<'_>, at_most: Duration) -> Finding {
    let bound = case.plan.steady_state.success_at_least.ratio();
    let mut worst: Option<(u64, &str)> = None;
    for (name, traffic) in case.evidence.requests_of(population, behaviour) {
        if traffic.seconds() == 0 {
            continue;
        }
        let seconds = failed_seconds(traffic, bound);
        if worst.is_none_or(|(known, _)| seconds > known) {
            worst = Some((seconds, name));
        }
    }
    match worst {
        None => Finding::inconclusive("no requests were sent"),
        Some((seconds, name)) => Finding::at_most(
            seconds as f64,
            at_most.as_secs_f64(),
            format!("{name}: {seconds} seconds below the bound"),
        ),
    }
}

/// When the last request went to any other Region, from the effect to the heal.
fn served_by(
    case: &Case<'_>,
    course: &Course,
    effect: Us,
    region: Region,
    (population, behaviour): Whose<'_>,
    within: Duration,
) -> Finding {
    let Some(own) = case.evidence.slot(region) else { return Finding::inconclusive("no such Region") };
    let from = second_from(effect);
    let due = from + within.as_secs();
    let end = second_of(course.horizon);
    if due >= end {
        return Finding::inconclusive(format!("the fault was healed {} s after its effect", end.saturating_sub(from)));
    }
    let mut last: Option<Us> = None;
    let mut served = 0;
    for (_, traffic) in case.evidence.requests_of(population, behaviour) {
        served += traffic.tally_of(own, due..end).ok;
        for slot in (0..case.evidence.regions.len()).filter(|slot| *slot != own) {
            last = last.max(traffic.last_sent(slot, second_of(effect)..end).map(super::evidence::us));
        }
    }
    if served == 0 {
        return Finding::failed(format!("no good answer from {region} between the bound and the heal"));
    }
    let at = last.unwrap_or(moment(second_of(effect))).max(effect);
    let took = ms(at - effect) as f64 / 1_000.0;
    let evidence = if second_of(at) + window(case.plan) >= end {
        "requests still went elsewhere when the fault was healed".to_owned()
    } else {
        format!("after that every request went to {region}, {served} answered well")
    };
    Finding::at_most(took, within.as_secs_f64(), evidence)
}
