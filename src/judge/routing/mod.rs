//! Claims about who moved the traffic, and how: records, answers and the guards' own words.

mod updates;

use std::time::Duration;

use super::Case;
use super::assertions::Finding;
use super::evidence::{Answer, Decision, Evidence, FaultSeen, Us, ms};
use super::failover::is_behind_users;
use super::moves;
use crate::history::RecordSeen;
use crate::region::{Place, Region};
use crate::scenario::quantity::format_duration;
use crate::scenario::{Check, GuardDecision};

/// `None` where the assertion is about something else.
pub fn finding(case: &Case<'_>, check: &Check) -> Option<Finding> {
    Some(match check {
        Check::NeverAllOff => never_all_off(case),
        Check::AnswersMovedAtMost { at_most } => answers_moved(case, *at_most),
        Check::NoLostUpdates => updates::none_lost(case.evidence),
        Check::HomeNotBefore { after } => home_not_before(case, *after),
        Check::GuardDecides { decision, region } => guard_decides(case, *decision, *region),
        _ => return None,
    })
}

fn failing(case: &Case<'_>, probe: &str) -> Option<String> {
    let trouble = case.evidence.troubles.iter().find(|trouble| trouble.stage == probe)?;
    Some(format!("the {probe} was failing at {} s: {}", ms(trouble.seen) / 1_000, trouble.what))
}

fn at(moment: Us) -> String {
    format!("{} s", ms(moment) / 1_000)
}

/// The places users ask from, of which one was never looked at.
fn unseen_place(case: &Case<'_>) -> Option<Place> {
    let seen = |from: Place| case.evidence.answers.iter().any(|answer| answer.from == from);
    case.plan.traffic.iter().map(|people| people.from).find(|from| !seen(*from))
}

fn never_all_off(case: &Case<'_>) -> Finding {
    let Evidence { answers, records, .. } = case.evidence;
    let unanswered = answers.iter().filter(|answer| answer.regions.is_empty());
    let unanswered =
        unanswered.map(|answer| format!("at {} no Region was answered to {}", at(answer.seen), answer.from));
    let off = records.iter().filter(|listed| is_off(case, &listed.sets, listed.seen));
    let off = off.map(|listed| {
        let leads = |set: &RecordSeen| format!("{} led to {}", set.id, set.values.join(", "));
        let leads: Vec<String> = listed.sets.iter().map(leads).collect();
        format!("at {} no record led to a Region that was there: {}", at(listed.seen), leads.join("; "))
    });
    let wrong: Vec<String> = unanswered.chain(off).collect();
    if let Some(first) = wrong.first() {
        return Finding::at_most(wrong.len() as f64, 0.0, first.clone());
    }
    match unseen_place(case) {
        _ if records.is_empty() => Finding::inconclusive("nobody saw the records"),
        _ if answers.is_empty() => Finding::inconclusive("nobody saw an answer"),
        Some(place) => Finding::inconclusive(format!("nobody saw what {place} was answered")),
        None => Finding::at_most(
            0.0,
            0.0,
            format!("{} answers and {} states of the records were seen", answers.len(), records.len()),
        ),
    }
}

/// Whether, with these records, everybody is sent to a lost Region although another is there; or nobody anywhere.
fn is_off(case: &Case<'_>, sets: &[RecordSeen], when: Us) -> bool {
    let lost = |region: Region| {
        let mut outages = case.evidence.faults.iter().filter(|fault| fault.kind == "region-outage");
        outages.any(|fault| {
            fault.region == Some(region) && fault.injected <= when && fault.healed.is_none_or(|healed| when < healed)
        })
    };
    let own = |set: &RecordSeen| set.region.or_else(|| Region::parse(&set.id).ok());
    let any_left = case.evidence.regions.iter().any(|region| !lost(*region));
    !sets.iter().any(|set| match set.leads_to {
        Some(region) if any_left => !lost(region),
        Some(region) => own(set) == Some(region),
        None => false,
    })
}

fn answers_moved(case: &Case<'_>, bound: u64) -> Finding {
    let counted = moves::counted(case.evidence);
    let Some(most) = counted.iter().max_by_key(|seen| seen.moves) else {
        return Finding::inconclusive("nobody saw an answer");
    };
    if case.evidence.records.is_empty() {
        return Finding::inconclusive("nobody saw the records: answers may have been drawn by weight");
    }
    if moves::drawn(case.evidence) {
        return Finding::inconclusive("answers were drawn by weight: that two of them differ is no move");
    }
    if most.moves <= bound {
        if let Some(place) = unseen_place(case) {
            return Finding::inconclusive(format!("nobody saw what {place} was answered"));
        }
        if let Some(why) = failing(case, "DNS probe") {
            return Finding::inconclusive(why);
        }
    }
    let what = format!("the answer to {} changed {} times", most.from, most.moves);
    Finding::at_most(most.moves as f64, bound as f64, what)
}

/// The first answers that lead to a Region again after they left it, against the heal before them. A Region that comes and
/// goes is lost until it is healed for the last time; whoever is sent there because another Region is lost is not sent home.
fn home_not_before(case: &Case<'_>, after: Duration) -> Finding {
    let answers = &case.evidence.answers;
    let outages: Vec<&FaultSeen> =
        case.evidence.faults.iter().filter(|fault| fault.region.is_some() && !is_behind_users(case, fault)).collect();
    let mut soonest: Option<(f64, String)> = None;
    let mut watched: Option<Us> = None;
    for (index, fault) in outages.iter().enumerate() {
        let Some(lost) = fault.region else { continue };
        let end = outages.get(index + 1).map_or(case.evidence.end, |next| next.injected);
        let other = outages[index + 1..].iter().find(|next| next.region != Some(lost));
        let until = other.map_or(case.evidence.end, |other| other.injected);
        for place in places(answers.iter().map(|answer| answer.from)) {
            let mut seen = answers.iter().filter(|answer| answer.from == place && !answer.regions.is_empty());
            let away = |answer: &&Answer| !answer.regions.contains(&lost);
            let Some(left) = seen.find(|answer| (fault.injected..end).contains(&answer.seen) && away(answer)) else {
                continue;
            };
            let before = answers.iter().rfind(|answer| answer.from == place && answer.seen < left.seen);
            if !before.is_some_and(|answer| answer.regions.contains(&lost)) {
                continue;
            }
            let back = seen.find(|answer| !away(answer) && answer.seen < until);
            let by = back.map_or(until, |back| back.seen);
            let (last, healed) = last_heal(&outages, lost, by).unwrap_or((fault, None));
            let Some(back) = back else {
                watched = watched.max(healed.map(|healed| until - healed));
                continue;
            };
            let took = healed.map_or(-1.0, |healed| (back.seen - healed) as f64 / 1e6);
            let what = match healed {
                Some(_) => format!("{place} was answered with {lost} again {took:.0} s after {} was healed", last.id),
                None => format!("{place} was answered with {lost} again at {}, before {} was healed", at(by), last.id),
            };
            if soonest.as_ref().is_none_or(|(known, _)| took < *known) {
                soonest = Some((took, what));
            }
        }
    }
    let bound = after.as_secs_f64();
    match (soonest, watched) {
        (Some((took, what)), _) if took < bound => Finding::at_least(took, bound, what),
        (Some((took, what)), _) => match failing(case, "DNS probe") {
            Some(why) => Finding::inconclusive(why),
            None => Finding::at_least(took, bound, what),
        },
        (None, Some(watched)) if watched as f64 / 1e6 >= bound => {
            let what = format!("nobody was answered with it again {} after the heal", format_duration(whole(watched)));
            Finding::at_least(watched as f64 / 1e6, bound, what)
        }
        (None, Some(_)) => {
            Finding::inconclusive("nobody was answered with it again, and nobody looked for long enough")
        }
        (None, None) if answers.is_empty() => Finding::inconclusive("nobody saw an answer"),
        (None, None) => Finding::inconclusive("no answers left the Region that was lost"),
    }
}

/// Of the outages of this Region that began by then, the last, and when it was healed, if it was by then.
fn last_heal<'a>(outages: &[&'a FaultSeen], region: Region, by: Us) -> Option<(&'a FaultSeen, Option<Us>)> {
    let began = outages.iter().filter(|fault| fault.region == Some(region) && fault.injected <= by);
    let last = began.max_by_key(|fault| fault.healed.unwrap_or(Us::MAX))?;
    Some((last, last.healed.filter(|healed| *healed <= by)))
}

fn whole(time: Us) -> Duration {
    Duration::from_secs(ms(time) / 1_000)
}

fn places(all: impl Iterator<Item = Place>) -> Vec<Place> {
    let mut places: Vec<Place> = all.collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The decision that is claimed, where the guard's log has it; else its last one.
pub fn decided<'a>(case: &Case<'a>, wanted: GuardDecision, region: Option<Region>) -> Option<&'a str> {
    let mut last = None;
    for line in words(case, region) {
        last = Some(line.decision.as_str());
        if line.decision == wanted.as_str() {
            break;
        }
    }
    last
}

/// The lines of this Region's guard, or of all of them.
fn words<'a>(case: &Case<'a>, region: Option<Region>) -> impl DoubleEndedIterator<Item = &'a Decision> {
    case.evidence.decisions.iter().filter(move |line| region.is_none() || line.guarded == region)
}

fn guard_decides(case: &Case<'_>, wanted: GuardDecision, region: Option<Region>) -> Finding {
    let whose = region.map_or_else(|| "the failover guards".to_owned(), |region| format!("the guard of {region}"));
    if let Some(line) = words(case, region).find(|line| line.decision == wanted.as_str()) {
        let what = format!("{} at {}: {}", line.decision, at(line.logged), line.reason);
        return Finding::at_most(0.0, 0.0, what);
    }
    if let Some(why) = failing(case, "failover log probe") {
        return Finding::inconclusive(format!("{whose} wrote nothing of the kind; but {why}"));
    }
    let said = match words(case, region).next_back() {
        None => format!("{whose} wrote nothing"),
        Some(last) => format!("the last word of {whose} was {}: {}", last.decision, last.reason),
    };
    Finding::at_most(1.0, 0.0, said)
}

#[cfg(test)]
mod tests;
