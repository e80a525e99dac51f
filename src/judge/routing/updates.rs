//! Lost updates: a change of the records that did not start from what was there.
//!
//! The listings give each record's target over time, the guards' lines what each accepted change took it to be. A guard that
//! compares before it writes, and whose write Route 53 compares again, never differs from them.

use super::at;
use crate::history::{CanaryAction, RecordSeen};
use crate::judge::assertions::Finding;
use crate::judge::evidence::{Decision, Evidence, Moved, Us};

/// A listing and a line of a log tell of the same change where they lie so close: the probe looks every five seconds, and
/// logs come late.
const NEAR: Us = 10_000_000;
/// A canary moves weights for so long around what its history says.
const CANARY_NEAR: Us = 60_000_000;

/// What happened to one record's target, in the order it happened.
struct Step<'a> {
    at: Us,
    id: String,
    from: String,
    to: String,
    /// The guard's line; none where somebody else did it.
    line: Option<(&'a Decision, &'a Moved)>,
}

pub fn none_lost(evidence: &Evidence) -> Finding {
    let Some(first) = evidence.records.first() else { return Finding::inconclusive("nobody saw the records") };
    let changes: Vec<&Decision> = evidence.decisions.iter().filter(|line| line.change_id.is_some()).collect();
    if changes.is_empty() {
        return Finding::inconclusive("no guard's change of the records was accepted");
    }
    let mut steps = Vec::new();
    for line in &changes {
        let Some((moved, guarded)) = line.moved.as_ref().zip(line.guarded) else {
            return Finding::inconclusive(format!("{} does not tell what its change started from", line.function));
        };
        let (id, from, to) = (guarded.as_str().to_owned(), moved.before.clone(), moved.after.clone());
        steps.push(Step { at: line.logged, id, from, to, line: Some((line, moved)) });
    }
    steps.extend(unexplained(evidence, &changes));
    steps.sort_by_key(|step| step.at);
    let mut lost = Vec::new();
    let mut now: Vec<(String, String)> = first.sets.iter().map(|set| (set.id.clone(), target(set))).collect();
    let mut last: Vec<&Step<'_>> = Vec::new();
    for step in &steps {
        let stood = now.iter().find(|(id, _)| *id == step.id).map_or("", |(_, value)| value.as_str());
        match step.line {
            Some((line, moved)) => {
                if stood != step.from {
                    let what = "the guard's change of {} at {} started from {}, and it led to {}";
                    lost.push(fill(what, &[&step.id, &at(step.at), &step.from, stood]));
                }
                if !now.iter().any(|(id, value)| *id != step.id && *value == moved.other) {
                    let what = "the guard's change of {} at {} took the other record to lead to {}, and it did not";
                    lost.push(fill(what, &[&step.id, &at(step.at), &moved.other]));
                }
                lost.extend(weight_lost(evidence, line, moved, &step.id));
            }
            // Back to what it was before a guard's change, and no guard says so.
            None => {
                let guard = last.iter().rfind(|known| known.id == step.id && known.line.is_some());
                if guard.is_some_and(|guard| guard.from == step.to && guard.to == step.from) {
                    let what = "at {} somebody led {} back to {}, over the guard's change";
                    lost.push(fill(what, &[&at(step.at), &step.id, &step.to]));
                }
            }
        }
        if let Some((_, value)) = now.iter_mut().find(|(id, _)| *id == step.id) {
            value.clone_from(&step.to);
        }
        last.push(step);
    }
    let evidence =
        lost.first().cloned().unwrap_or_else(|| format!("{} changes of guards were followed", changes.len()));
    Finding::at_most(lost.len() as f64, 0.0, evidence)
}

/// The text with each `{}` replaced in turn.
fn fill(text: &str, values: &[&str]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1))
}

/// Changes of targets in the listings that no guard's line tells of.
fn unexplained<'a>(evidence: &Evidence, changes: &[&Decision]) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for pair in evidence.records.windows(2) {
        let [before, after] = pair else { continue };
        for set in &after.sets {
            let Some(was) = before.sets.iter().find(|was| was.id == set.id) else { continue };
            let (from, to) = (target(was), target(set));
            let told = |line: &&Decision| {
                line.guarded.is_some_and(|region| region.as_str() == set.id)
                    && line.moved.as_ref().is_some_and(|moved| moved.after == to)
                    && (before.seen - NEAR..after.seen + NEAR).contains(&line.logged)
            };
            if from != to && !changes.iter().any(told) {
                steps.push(Step { at: after.seen, id: set.id.clone(), from, to, line: None });
            }
        }
    }
    steps
}

/// A guard writes the weight it read: another than the one that was listed, and nobody shifting weights meanwhile, undoes
/// whoever set that one.
fn weight_lost(evidence: &Evidence, line: &Decision, moved: &Moved, id: &str) -> Option<String> {
    let weight = moved.weight?;
    let listed = evidence.records.iter().rfind(|listed| listed.seen <= line.logged)?;
    let stood = listed.sets.iter().find(|set| set.id == id)?.weight?;
    let shifting = evidence.canary.iter().any(|(at, action)| {
        !matches!(action, CanaryAction::Deployed) && (line.logged - CANARY_NEAR..line.logged + NEAR).contains(at)
    });
    let what = "the guard's change of {} at {} wrote weight {} over {}";
    (weight != stood && !shifting).then(|| fill(what, &[id, &at(line.logged), &weight.to_string(), &stood.to_string()]))
}

/// Where a record leads: its first value, as names are compared.
fn target(set: &RecordSeen) -> String {
    set.values.first().map(|value| value.trim_end_matches('.').to_ascii_lowercase()).unwrap_or_default()
}
