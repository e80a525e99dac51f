//! Moves of the authoritative answer: how many each place saw, and who moved the traffic of a lost Region.

use super::evidence::{Evidence, Us};
use super::verdict::{AnswerMoves, MovedBy};
use crate::history::RecordSeen;
use crate::region::{Place, Region};

/// What is known of a move: when answers left the Region, when a record was made to lead elsewhere, and when the check of
/// its record was lost.
pub struct Signs {
    pub answers: Option<Us>,
    pub changed: Option<Us>,
    pub unhealthy: Option<Us>,
}

impl Signs {
    /// The function where its change came first, health checks where answers moved without or before it.
    pub fn moved_by(&self) -> MovedBy {
        match (self.answers, self.changed) {
            (None, _) => MovedBy::Nobody,
            (Some(_), None) => MovedBy::HealthCheck,
            (Some(answers), Some(changed)) if answers < changed => MovedBy::Both,
            (Some(answers), Some(_)) if self.unhealthy.is_some_and(|at| at < answers) => MovedBy::Both,
            _ => MovedBy::Lambda,
        }
    }

    /// Whether answers moved, or will move, before any record is changed.
    pub fn by_checks(&self) -> bool {
        match (self.answers, self.changed) {
            (Some(answers), Some(changed)) => answers < changed,
            (_, changed) => changed.is_none(),
        }
    }
}

/// When a record that led to the Region was first listed leading elsewhere.
pub fn led_away(evidence: &Evidence, region: Region, from: Us, to: Us) -> Option<Us> {
    let mut pairs = evidence.records.iter().zip(evidence.records.iter().skip(1));
    let away = |before: &RecordSeen, after: &[RecordSeen]| {
        before.leads_to == Some(region)
            && after.iter().any(|set| set.id == before.id && set.leads_to.is_some() && set.leads_to != Some(region))
    };
    let moved = |before: &[RecordSeen], after: &[RecordSeen]| before.iter().any(|set| away(set, after));
    let found = pairs.find(|(before, after)| (from..to).contains(&after.seen) && moved(&before.sets, &after.sets));
    found.map(|(_, after)| after.seen)
}

/// How often the answer to each place changed; a name server that gives none has not moved anybody.
pub fn counted(evidence: &Evidence) -> Vec<AnswerMoves> {
    let mut seen: Vec<(Place, &[Region], u64)> = Vec::new();
    for answer in evidence.answers.iter().filter(|answer| !answer.regions.is_empty()) {
        match seen.iter_mut().find(|(from, ..)| *from == answer.from) {
            Some((_, last, moves)) => {
                *moves += u64::from(*last != answer.regions.as_slice());
                *last = &answer.regions;
            }
            None => seen.push((answer.from, &answer.regions, 0)),
        }
    }
    seen.into_iter().map(|(from, _, moves)| AnswerMoves { from, moves }).collect()
}

/// Whether answers were drawn by weight: then they differ from one look to the next, and nothing moved.
pub fn drawn(evidence: &Evidence) -> bool {
    evidence.records.iter().any(|listed| {
        let heavy = || listed.sets.iter().filter(|set| set.weight.is_some_and(|weight| weight > 0));
        heavy().any(|set| heavy().any(|other| other.leads_to != set.leads_to))
    })
}
