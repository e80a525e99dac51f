//! Claims about who moved the traffic, and how: records, answers and the guards' own words.

mod updates;

use std::time::Duration;

use super::Case;
use super::assertions::Finding;
use super::evidence::{Decision, Evidence, Us, ms};
use super::failover::felt;
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

/// The first answers that lead to a Region again after it was lost, against the heal before them.
fn home_not_before(case: &Case<'_>, after: Duration) -> Finding {
    let answers = &case.evidence.answers;
    let outages: Vec<_> = felt(case).into_iter().filter(|fault| fault.region.is_some()).collect();
    let mut soonest: Option<(f64, String)> = None;
    let mut watched: Option<Us> = None;
    for (index, fault) in outages.iter().enumerate() {
        let Some(lost) = fault.region else { continue };
        let end = outages.get(index + 1).map_or(case.evidence.end, |next| next.injected);
        let here = |at: Us| (fault.injected..end).contains(&at);
        for place in places(answers.iter().map(|answer| answer.from)) {
            let mut seen = answers.iter().filter(|answer| answer.from == place && !answer.regions.is_empty());
            let Some(left) = seen.find(|answer| here(answer.seen) && !answer.regions.contains(&lost)) else { continue };
            let was_there = |at: Us| {
                let before = answers.iter().rfind(|answer| answer.from == place && answer.seen < at);
                before.is_some_and(|answer| answer.regions.contains(&lost))
            };
            if !was_there(left.seen) {
                continue;
            }
            match seen.find(|answer| answer.regions.contains(&lost) && here(answer.seen)) {
                Some(back) => {
                    let healed = fault.healed.unwrap_or(Us::MAX);
                    let took = back.seen.saturating_sub(healed) as f64 / 1e6;
                    let what = match fault.healed {
                        Some(healed) if back.seen >= healed => {
                            format!("{place} was answered with {lost} again {took:.0} s after {} was healed", fault.id)
                        }
                        _ => format!(
                            "{place} was answered with {lost} again at {}, before {} was healed",
                            at(back.seen),
                            fault.id
                        ),
                    };
                    if soonest.as_ref().is_none_or(|(known, _)| took < *known) {
                        soonest = Some((took.max(-1.0), what));
                    }
                }
                None => watched = watched.max(fault.healed.map(|healed| end - healed)),
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

fn whole(time: Us) -> Duration {
    Duration::from_secs(ms(time) / 1_000)
}

fn places(all: impl Iterator<Item = Place>) -> Vec<Place> {
    let mut places: Vec<Place> = all.collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn guard_decides(case: &Case<'_>, wanted: GuardDecision, region: Option<Region>) -> Finding {
    let own = |line: &&Decision| region.is_none() || line.guarded == region;
    let lines: Vec<&Decision> = case.evidence.decisions.iter().filter(own).collect();
    let whose = region.map_or_else(|| "the failover guards".to_owned(), |region| format!("the guard of {region}"));
    if let Some(line) = lines.iter().find(|line| line.decision == wanted.as_str()) {
        let what = format!("{} at {}: {}", line.decision, at(line.logged), line.reason);
        return Finding::at_most(0.0, 0.0, what);
    }
    if let Some(why) = failing(case, "failover log probe") {
        return Finding::inconclusive(format!("{whose} wrote nothing of the kind; but {why}"));
    }
    let said = match lines.last() {
        None => format!("{whose} wrote nothing"),
        Some(last) => format!("the last word of {whose} was {}: {}", last.decision, last.reason),
    };
    Finding::at_most(1.0, 0.0, said)
}

#[cfg(test)]
mod tests;
