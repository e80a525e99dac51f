//! What each kind of client lived through: how many of its requests failed, when it was back, and when it should have
//! been, worked out by hand from how it behaves.

use std::time::Duration;

use super::Case;
use super::assertions::Finding;
use super::availability::failed_seconds;
use super::evidence::{Kind, Us, ms, second_of, us};
use super::failover::{Course, Recovery, recovery, still_below};
use super::verdict::{Back, ClientsSeen, Failover};
use crate::scenario::quantity::format_duration;
use crate::scenario::{Behaviour, Fault, Mode, STRETCHED};

/// The clients of each population by behaviour.
pub fn clients(case: &Case<'_>, course: Option<&Course>, failover: Option<&Failover>) -> Vec<ClientsSeen> {
    let populations = case.evidence.traffic.keys().zip(&case.evidence.kinds);
    let each = populations.flat_map(|(name, kinds)| kinds.iter().map(move |kind| (name, kind)));
    let seen = |(name, kind): (&String, &Kind)| {
        let tally = kind.traffic.tally(0..kind.traffic.seconds());
        let mut seen = ClientsSeen {
            population: name.clone(),
            behaviour: kind.behaviour,
            clients: kind.clients.end - kind.clients.start,
            sent: tally.sent,
            ok: tally.ok,
            failed: tally.failed(),
            failed_seconds: failed_seconds(&kind.traffic, case.plan.steady_state.success_at_least.ratio()),
            attempts: kind.attempts,
            retried: kind.retried,
            repeated: kind.repeated,
            back: Back::Unknown,
            rto_ms: None,
            last_to_lost_ms: None,
            bound_ms: None,
            evidence: "no fault was felt".to_owned(),
            bound: String::new(),
        };
        if let Some((course, effect)) = course.and_then(|course| Some((course, course.effect?))) {
            came_back(case, course, effect, kind, &mut seen);
            let whole = failover.map_or(0, |failover| failover.budget_ms);
            (seen.bound_ms, seen.bound) = bound(case, course, kind.behaviour, Duration::from_millis(whole));
        }
        seen
    };
    each.map(seen).collect()
}

fn came_back(case: &Case<'_>, course: &Course, effect: Us, kind: &Kind, seen: &mut ClientsSeen) {
    (seen.back, seen.rto_ms, seen.evidence) =
        match recovery(&kind.traffic, &case.plan.steady_state, effect, course.horizon) {
            Recovery::Untouched => (Back::NeverAway, Some(0), "never below its bound".to_owned()),
            Recovery::At(at) => (Back::Back, Some(ms(at - effect)), "back within its bound, for good".to_owned()),
            Recovery::Never(last) => (Back::NotBack, None, still_below(last - effect)),
            Recovery::TooFew(why) => (Back::Unknown, None, why),
        };
    let span = second_of(effect)..second_of(course.horizon);
    let slot = course.fault.region.and_then(|region| case.evidence.slot(region));
    let last = slot.and_then(|slot| kind.traffic.last_sent(slot, span));
    seen.last_to_lost_ms = last.map(|at| ms((us(at) - effect).max(0)));
}

/// The latest time after the injection at which clients that behave so are back, where there is one, and why.
/// `whole`: what the stack's settings allow for clients that honour the TTL, from the injection to the last of them.
fn bound(case: &Case<'_>, course: &Course, behaviour: Behaviour, whole: Duration) -> (Option<u64>, String) {
    let ttl = case.plan.settings.record_ttl;
    let within = |bound: Duration, why: String| (Some(u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)), why);
    match behaviour {
        Behaviour::HonoursTtl => {
            within(whole, format!("the hops' budgets, the TTL of {} included", format_duration(ttl)))
        }
        Behaviour::HappyEyeballs => {
            within(whole, "as for honours-ttl: all addresses of an answer are one Region's".to_owned())
        }
        Behaviour::RetriesIdempotent | Behaviour::RetriesAll => {
            within(whole, "as for honours-ttl: a retry meets the same answer until its TTL is over".to_owned())
        }
        Behaviour::StretchesTtl => {
            let kept = ttl.max(*STRETCHED.end());
            let why = format!("its resolvers keep answers for up to {} instead of the TTL", format_duration(kept));
            within(whole.saturating_sub(ttl) + kept, why)
        }
        Behaviour::KeepAlive if breaks_connections(case, course) => {
            within(whole, "as for honours-ttl: the fault breaks its connections, and it resolves again".to_owned())
        }
        Behaviour::KeepAlive => (None, "none: until its connection breaks, which a 5xx does not do".to_owned()),
        Behaviour::NeverReResolves => (None, "none: until it is restarted".to_owned()),
    }
}

/// Whether the fault ends connections: whoever gets an answer, be it a 5xx, stays connected.
fn breaks_connections(case: &Case<'_>, course: &Course) -> bool {
    let planned = case.plan.timeline.iter().find(|planned| planned.id == course.fault.id);
    planned.is_some_and(|planned| match &planned.fault {
        Fault::RegionOutage { mode, .. } => *mode != Mode::Status5xx,
        _ => false,
    })
}

/// Whether all of these clients that were cut off were still cut off when the fault was healed.
pub fn not_recovered(
    case: &Case<'_>,
    course: &Course,
    effect: Us,
    (population, behaviour): (Option<&str>, Option<Behaviour>),
) -> Finding {
    let (mut gone, mut back, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (name, traffic) in case.evidence.requests_of(population, behaviour) {
        match recovery(traffic, &case.plan.steady_state, effect, course.horizon) {
            Recovery::Untouched => {}
            Recovery::At(at) => {
                let after = format_duration(Duration::from_secs(ms(at - effect).div_ceil(1_000)));
                back.push(format!("{name} was back after {after}"));
            }
            Recovery::Never(last) => gone.push(format!("{name} was {}", still_below(last - effect))),
            Recovery::TooFew(why) => unknown.push(format!("{name}: {why}")),
        }
    }
    if !back.is_empty() {
        return Finding::at_most(back.len() as f64, 0.0, back.join("; "));
    }
    if !unknown.is_empty() {
        return Finding::inconclusive(unknown.join("; "));
    }
    if gone.is_empty() {
        return Finding::failed("nobody of them was ever below the bound");
    }
    Finding::at_most(0.0, 0.0, gone.join("; "))
}
