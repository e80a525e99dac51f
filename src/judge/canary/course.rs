//! What the conductor of a canary did, what users got meanwhile, and whether the data support it.

use super::seen::{Advice, CanarySeen, Need, StepSeen};
use super::window::Arm;
use crate::history::CanaryAction;
use crate::scenario::Decision;

#[derive(Clone, Debug, Default)]
pub struct Course {
    began_us: Option<u64>,
    /// The decision is carried out, or traffic ended.
    over_us: Option<u64>,
    last: Option<(CanaryAction, String)>,
    decision: Option<(Decision, String)>,
    rolling_back_us: Option<u64>,
    rolled_back_us: Option<u64>,
    evidence_us: Option<u64>,
    steps: Vec<StepSeen>,
    unsupported: Vec<String>,
    last_us: u64,
    /// Requests to anywhere while it lasted, and of those the canary's.
    all: u64,
    exposed: u64,
    requests: u64,
    failed: u64,
    unattributed: u64,
}

impl Course {
    pub fn steps(&self) -> &[StepSeen] {
        &self.steps
    }

    pub fn unsupported(&self) -> &[String] {
        &self.unsupported
    }

    pub fn last_us(&self) -> u64 {
        self.last_us
    }

    pub fn has_begun(&self) -> bool {
        self.began_us.is_some()
    }

    pub fn conducted(&mut self, at: u64, action: CanaryAction, what: &str) {
        self.last_us = self.last_us.max(at);
        let decision = match action {
            CanaryAction::Baking => {
                self.began_us.get_or_insert(at);
                None
            }
            CanaryAction::RollingBack => {
                self.rolling_back_us.get_or_insert(at);
                None
            }
            CanaryAction::RolledBack => {
                self.rolled_back_us.get_or_insert(at);
                Some(Decision::RolledBack)
            }
            CanaryAction::Promoted => Some(Decision::Promoted),
            CanaryAction::Conflict => Some(Decision::Conflict),
            CanaryAction::Failed => Some(Decision::Failed),
            CanaryAction::Deployed | CanaryAction::Holding | CanaryAction::Passed => None,
        };
        // A conflict or a failure stays one, whatever was taken back after it.
        let stays = |decision: &Decision| matches!(decision, Decision::Conflict | Decision::Failed);
        let settled = self.decision.as_ref().is_some_and(|(decision, _)| stays(decision));
        if let Some(decision) = decision.filter(|_| !settled) {
            let why = self.last.take().filter(|(action, _)| *action == CanaryAction::RollingBack);
            let reason = why.map_or(what.to_owned(), |(_, why)| why);
            self.decision = Some((decision, reason));
            self.over_us = Some(at);
        }
        self.last = Some((action, what.to_owned()));
    }

    /// A step was left, with what the data say of it then.
    pub fn left(&mut self, action: CanaryAction, seen: StepSeen, failed_us: Option<u64>) {
        let back = matches!(action, CanaryAction::RollingBack | CanaryAction::RolledBack);
        let supported = match action {
            CanaryAction::Passed | CanaryAction::Promoted | CanaryAction::Baking => seen.advice == Advice::Proceed,
            _ if back => seen.advice == Advice::RollBack,
            _ => true,
        };
        if !supported {
            let did = if back { "was rolled back" } else { "was left as passed" };
            let (step, advice, reason) = (seen.step, seen.advice.as_str(), &seen.reason);
            self.unsupported.push(format!("step {step} of the canary {did}, and its data say {advice}: {reason}"));
        }
        if back {
            self.evidence_us = Some(failed_us.unwrap_or(seen.began_at_ms * 1_000));
        }
        self.steps.push(seen);
    }

    pub fn traffic_ended(&mut self, at: u64) {
        self.over_us.get_or_insert(at);
    }

    pub fn requested(&mut self, at: u64, planned_us: u64) {
        self.last_us = self.last_us.max(at);
        self.all += u64::from(self.is_during(planned_us));
    }

    /// A request to a Region of the canary.
    pub fn served(&mut self, planned_us: u64, arm: Arm, lost: bool, bad: bool) {
        let during = self.is_during(planned_us);
        self.unattributed += u64::from(lost && during);
        let promoted = self.decision.as_ref().is_some_and(|(decision, _)| *decision == Decision::Promoted);
        // After a promotion everything is the new version's; after a roll back nothing should be.
        if arm == Arm::Canary && (during || !promoted) {
            self.requests += 1;
            self.failed += u64::from(bad);
            self.exposed += u64::from(self.has_begun());
        }
    }

    pub fn seen(&self, needs: Vec<Need>, open: Option<StepSeen>) -> CanarySeen {
        let held = self.last.as_ref().is_some_and(|(action, _)| *action == CanaryAction::Holding);
        let undecided = || match &self.last {
            Some((CanaryAction::RollingBack, why)) => format!("going back was not verified: {why}"),
            Some((_, what)) => format!("no decision was reached: {what}"),
            None => "the canary did not begin".to_owned(),
        };
        let (decision, reason) = match (&self.decision, &open) {
            (Some((decision, reason)), _) => (Some(*decision), reason.clone()),
            (None, Some(step)) if held => (Some(Decision::Held), step.reason.clone()),
            (None, _) => (None, undecided()),
        };
        let ms = |us: u64| us / 1_000;
        let exposed = (self.all > 0).then(|| self.exposed.min(self.all) as f64 * 100.0 / self.all as f64);
        CanarySeen {
            decision,
            reason,
            needs,
            steps: self.steps.iter().cloned().chain(open).collect(),
            requests: self.requests,
            failed: self.failed,
            unattributed: self.unattributed,
            exposed: exposed.map(|percent| (percent * 1_000.0).round() / 1_000.0),
            began_at_ms: self.began_us.map(ms),
            evidence_at_ms: self.evidence_us.map(ms),
            rolling_back_at_ms: self.rolling_back_us.map(ms),
            rolled_back_at_ms: self.rolled_back_us.map(ms),
        }
    }

    /// From the first step until the decision is carried out, or until the end of traffic.
    fn is_during(&self, planned_us: u64) -> bool {
        self.began_us.is_some_and(|began| planned_us >= began) && self.over_us.is_none_or(|over| planned_us < over)
    }
}
