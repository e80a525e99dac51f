//! How long users of a lost Region were without it: from the first observed effect to the moment every
//! population is back within its steady-state bound, for good, before the fault is healed.

use std::time::Duration;

use super::Case;
use super::by_second::BySecond;
use super::evidence::{FaultSeen, Us, ms, second_from, second_of};
use super::hops;
use super::verdict::{Failover, OutageSeen};
use crate::scenario::quantity::format_duration;
use crate::scenario::{Plan, SteadyState};

/// How long users must have been fine before it counts as recovered.
pub const HOLD: Duration = Duration::from_secs(60);

/// Fewer requests than this prove nothing about a ratio.
pub const SAMPLES: u64 = 20;

/// A duration that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    Took(Us),
    /// It had its chance and did not happen.
    Never(String),
    /// There was nothing to see it by.
    Unknown(String),
}

/// What became of the plan's first fault that users can feel.
pub struct Course {
    pub fault: FaultSeen,
    pub effect: Option<Us>,
    /// Until when a recovery counts as a failover: the heal, or whatever disturbs it before.
    pub horizon: Us,
    pub rto: Measured,
}

/// What became of some users after the effect.
pub enum Recovery {
    /// They were never below the bound.
    Untouched,
    At(Us),
    Never(Us),
    TooFew(String),
}

/// The faults that users can feel, in the order they were injected. One behind users is among them only where there is no
/// other: a control plane that is down meanwhile is no outage of its own.
pub fn felt<'a>(case: &Case<'a>) -> Vec<&'a FaultSeen> {
    let plan = case.plan;
    let planned = |seen: &FaultSeen| plan.timeline.iter().find(|planned| planned.id == seen.id);
    let is_felt = |seen: &&FaultSeen| planned(seen).is_none_or(|planned| plan.feels(&planned.fault));
    let felt: Vec<_> = case.evidence.faults.iter().filter(is_felt).collect();
    let before: Vec<_> = felt.iter().copied().filter(|seen| !is_behind_users(case, seen)).collect();
    if before.is_empty() { felt } else { before }
}

pub fn is_behind_users(case: &Case<'_>, seen: &FaultSeen) -> bool {
    case.plan.timeline.iter().any(|planned| planned.id == seen.id && planned.fault.is_behind_users())
}

/// `None` where the history has no fault that users can feel.
pub fn course(case: &Case<'_>) -> Option<Course> {
    felt(case).first().map(|fault| course_of(case, fault))
}

/// Each fault that users can feel with its own RTO. One of a Region whose users had not come back is not felt again.
pub fn outages(case: &Case<'_>) -> Vec<OutageSeen> {
    let outage = |fault| {
        let course = course_of(case, fault);
        let (rto_ms, evidence) = said(&course.rto);
        OutageSeen {
            fault: course.fault.id,
            lost: course.fault.region,
            injected_at_ms: ms(course.fault.injected),
            effect_at_ms: course.effect.map(ms),
            healed_at_ms: course.fault.healed.map(ms),
            rto_ms,
            evidence,
        }
    };
    felt(case).into_iter().map(outage).collect()
}

fn course_of(case: &Case<'_>, fault: &FaultSeen) -> Course {
    let fault = fault.clone();
    let horizon = horizon(case, &fault);
    let effect = effect(case, &fault, horizon);
    let rto = match effect {
        Some(effect) => rto(case, case.evidence.requests_of(None, None), effect, horizon),
        None => Measured::Unknown(format!("nobody saw {} take effect", fault.id)),
    };
    Course { fault, effect, horizon, rto }
}

fn said(rto: &Measured) -> (Option<u64>, String) {
    match rto {
        Measured::Took(took) => (Some(ms(*took)), "every population was back within its steady-state bound".to_owned()),
        Measured::Never(why) | Measured::Unknown(why) => (None, why.clone()),
    }
}

/// The failover as the verdict shows it.
pub fn failover(case: &Case<'_>, course: &Course) -> Failover {
    let (hops, moved_by) = hops::failover(case, course);
    let (rto_ms, evidence) = said(&course.rto);
    Failover {
        fault: course.fault.id.clone(),
        lost: course.fault.region,
        injected_at_ms: Some(ms(course.fault.injected)),
        effect_at_ms: course.effect.map(ms),
        healed_at_ms: course.fault.healed.map(ms),
        budget_ms: hops::budget(&hops),
        hops,
        rto_ms,
        moved_by,
        evidence,
    }
}

/// The heal, the next fault, or the end of the history, whichever comes first.
fn horizon(case: &Case<'_>, fault: &FaultSeen) -> Us {
    [fault.healed, next(case, fault)].into_iter().flatten().min().unwrap_or(case.evidence.end)
}

/// When the fault after this one is injected: what fails from then on may be that one's doing.
fn next(case: &Case<'_>, fault: &FaultSeen) -> Option<Us> {
    let others = case.evidence.faults.iter().filter(|other| !is_behind_users(case, other));
    others.map(|other| other.injected).filter(|at| *at > fault.injected).min()
}

/// The first failed request of the lost Region's traffic, provided that this traffic failed beyond what steady
/// state allows: a stray failure is no effect.
fn effect(case: &Case<'_>, fault: &FaultSeen, horizon: Us) -> Option<Us> {
    let slot = fault.region.and_then(|region| case.evidence.slot(region));
    let (start, end) = (second_of(fault.injected), second_from(horizon));
    let window = window(case.plan);
    let bound = case.plan.steady_state.success_at_least.ratio();
    let mut first: Option<Us> = None;
    for traffic in case.evidence.traffic.values() {
        let tally = |second: u64| match slot {
            Some(slot) => traffic.tally_of(slot, second..second + window),
            None => traffic.tally(second..second + window),
        };
        let Some(bad) = (start..end).find(|second| tally(*second).success().is_some_and(|ratio| ratio < bound)) else {
            continue;
        };
        let not_before = u64::try_from(fault.injected).unwrap_or(0);
        if let Some(at) = traffic.first_failure(slot, bad..end, not_before) {
            let at = super::evidence::us(at);
            if next(case, fault).is_none_or(|next| at < next) {
                first = Some(first.map_or(at, |known| known.min(at)));
            }
        }
    }
    first
}

/// From the effect until all of these users were back.
pub fn rto<'a>(
    case: &Case<'_>,
    users: impl Iterator<Item = (&'a str, &'a BySecond)>,
    effect: Us,
    horizon: Us,
) -> Measured {
    let mut recovered = effect;
    let mut never = Vec::new();
    let mut too_few = Vec::new();
    for (name, traffic) in users {
        match recovery(traffic, &case.plan.steady_state, effect, horizon) {
            Recovery::Untouched => {}
            Recovery::At(at) => recovered = recovered.max(at),
            Recovery::Never(last) => {
                never.push(format!("{name} was {}", still_below(last - effect)));
            }
            Recovery::TooFew(why) => too_few.push(format!("{name}: {why}")),
        }
    }
    if !never.is_empty() {
        return Measured::Never(format!("not recovered before the heal: {}", never.join("; ")));
    }
    if !too_few.is_empty() {
        return Measured::Unknown(too_few.join("; "));
    }
    Measured::Took(recovered - effect)
}

/// How long after the effect users who never came back were seen to be gone.
pub fn still_below(after: Us) -> String {
    let after = format_duration(Duration::from_secs(ms(after).div_ceil(1_000)));
    format!("still below its bound {after} after the effect")
}

pub fn recovery(traffic: &BySecond, steady: &SteadyState, effect: Us, horizon: Us) -> Recovery {
    let (start, end) = (second_of(effect), second_of(horizon));
    let window = seconds(steady.window);
    let hold = seconds(HOLD).max(window);
    if end < start + hold {
        return Recovery::TooFew(format!("the fault lasted less than {} after its effect", format_duration(HOLD)));
    }
    let sent = traffic.tally(start..end).sent;
    if sent < SAMPLES {
        return Recovery::TooFew(format!("only {sent} requests from the effect to the heal"));
    }
    let bound = steady.success_at_least.ratio();
    let bad =
        traffic.windows(start..end, window).filter(|(_, tally)| tally.success().is_some_and(|ratio| ratio < bound));
    let Some((last, _)) = bad.last() else { return Recovery::Untouched };
    let back = last + 1;
    if back + hold > end {
        return Recovery::Never(moment(back + window - 1));
    }
    if traffic.tally(back..end).sent < SAMPLES {
        return Recovery::TooFew("too few requests after it seemed to recover".to_owned());
    }
    Recovery::At(moment(back).max(effect))
}

/// The length of the plan's windows in seconds.
pub fn window(plan: &Plan) -> u64 {
    seconds(plan.steady_state.window)
}

pub fn seconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
}

/// The beginning of a second of the run.
pub fn moment(second: u64) -> Us {
    super::evidence::us(second.saturating_mul(1_000_000))
}
