//! What makes a run prove less than it seems to: a fault nobody saw, no traffic across it, a generator that fell
//! behind, a history that was cut off. Each is a doubt, and a doubt keeps a run from passing.

use super::Case;
use super::data::Results;
use super::degraded::Degradations;
use super::evidence::{Us, ms, second_from, second_of};
use super::failover::Course;
use super::verdict::{Judgement, Outcome, Trouble};
use crate::history::PhaseName;
use crate::scenario::{Fault, Plan, Population};

/// The share of the planned arrivals that must have been sent.
const SENT: f64 = 0.9;

pub fn doubts(
    case: &Case<'_>,
    course: Option<&Course>,
    data: &Results<'_>,
    degradations: &Degradations,
    truncated: bool,
) -> Vec<String> {
    let mut doubts = Vec::new();
    if truncated {
        doubts.push("the history is cut off: the run died while it wrote".to_owned());
    }
    if case.evidence.run.is_none() {
        doubts.push("the history does not say which run it is of".to_owned());
    }
    if case.evidence.began(PhaseName::End).is_none() {
        doubts.push("the run did not reach its end".to_owned());
    }
    if case.evidence.strangers > 0 {
        doubts.push(format!("{} requests are of populations that the plan does not have", case.evidence.strangers));
    }
    // A degradation has evidence of its own: it may stay within what steady state allows.
    faults(case, course.filter(|course| !degradations.has(&course.fault.id)), &mut doubts);
    doubts.extend(degradations.unseen());
    doubts.extend(data.unseen_faults());
    generator(case, &mut doubts);
    doubts.extend(case.evidence.unpassed());
    doubts
}

/// A replicator that was broken on purpose, and no claim that failed: what is asserted here does not find it.
pub fn unfound(plan: &Plan, judged: &[Judgement], mut doubts: Vec<String>) -> Vec<String> {
    let broken = plan.timeline.iter().filter(|timed| matches!(timed.fault, Fault::BrokenReplicator { .. }));
    if judged.iter().all(|judgement| judgement.verdict != Outcome::Fail) {
        doubts.extend(broken.map(|timed| format!("{} was injected, and no claim of this run found it", timed.id)));
    }
    doubts
}

/// The troubles of each stage as one, in the order they began.
pub fn troubles(case: &Case<'_>) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = Vec::new();
    for seen in &case.evidence.troubles {
        match troubles.iter_mut().find(|known| known.stage == seen.stage) {
            Some(known) => known.times += 1,
            None => troubles.push(Trouble {
                stage: seen.stage.clone(),
                times: 1,
                first_at_ms: ms(seen.seen),
                first: seen.what.clone(),
            }),
        }
    }
    troubles
}

fn faults(case: &Case<'_>, course: Option<&Course>, doubts: &mut Vec<String>) {
    for planned in &case.plan.timeline {
        match case.evidence.faults.iter().find(|seen| seen.id == planned.id) {
            None => doubts.push(format!("{} was never injected", planned.id)),
            Some(seen) if seen.healed.is_none() => doubts.push(format!("{} was never healed", planned.id)),
            Some(_) => {}
        }
    }
    let Some(course) = course else { return };
    let slot = course.fault.region.and_then(|region| case.evidence.slot(region));
    let seconds = second_of(course.fault.injected)..second_from(course.horizon);
    let across: u64 = case
        .evidence
        .traffic
        .values()
        .map(|traffic| match slot {
            Some(slot) => traffic.tally_of(slot, seconds.clone()).sent,
            None => traffic.tally(seconds.clone()).sent,
        })
        .sum();
    if across == 0 {
        let whom = course.fault.region.map_or("anywhere".to_owned(), |region| format!("to {region}"));
        doubts.push(format!("no request went {whom} while {} lasted", course.fault.id));
    } else if course.effect.is_none() {
        doubts.push(format!(
            "nobody saw {} take effect: its {across} requests stayed within the steady-state bound",
            course.fault.id
        ));
    }
}

/// When users were told to stop.
pub fn traffic_ended(case: &Case<'_>) -> Option<Us> {
    let phases = [PhaseName::Reconcile, PhaseName::Teardown, PhaseName::End];
    phases.iter().find_map(|phase| case.evidence.began(*phase))
}

/// How many requests of a population were planned for and sent in the time in which users were sending, and how long that
/// was in seconds; nothing where it was no time.
pub fn sent_of_planned(case: &Case<'_>, people: &Population) -> Option<(u64, u64)> {
    let span = second_from(case.evidence.began(PhaseName::SteadyBefore)?)..second_of(traffic_ended(case)?);
    let traffic = case.evidence.traffic.get(&people.name)?;
    let seconds = span.end.saturating_sub(span.start);
    (seconds > 0).then(|| (traffic.tally(span).sent, seconds))
}

fn generator(case: &Case<'_>, doubts: &mut Vec<String>) {
    for people in &case.plan.traffic {
        let Some((sent, seconds)) = sent_of_planned(case, people) else { continue };
        let planned = people.rate.get() * seconds as f64;
        // Arrivals are random: three standard deviations of a Poisson count are no lag.
        if (sent as f64) < planned * SENT - 3.0 * planned.sqrt() {
            doubts.push(format!("{} sent {sent} of about {planned:.0} planned requests", people.name));
        }
    }
    let behind = case.evidence.troubles.iter().filter(|trouble| trouble.stage == "traffic").count();
    if behind > 0 {
        doubts.push(format!("the traffic generator reported trouble {behind} times"));
    }
}
