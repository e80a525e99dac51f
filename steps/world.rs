//! What a scenario carries from step to step.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::elsewhere;
use super::stack::StackCopy;
use crate::history::{Event, Record};
use crate::judge::{self, Outcome};
use crate::run;
use crate::scenario::{Check, Plan, Requirements};
use crate::seed::Seed;

/// What a tag that says a need begins with.
pub const NEEDS: &str = "needs-";

/// One scenario: the plan its steps build, and the history of the run once a `Then` asked for it.
#[derive(Debug, cucumber::World)]
#[world(init = Self::new)]
pub struct World {
    pub plan: Plan,
    /// A stack of the scenario's own, where a step changed the shipped one.
    pub stack: Option<StackCopy>,
    /// What its claims need, as its tags must say: `@needs-tables`.
    pub needs: BTreeSet<String>,
    history: Option<Vec<Record>>,
}

impl World {
    fn new() -> Self {
        let mut plan = Plan { timeline: Vec::new(), traffic: Vec::new(), assertions: Vec::new(), ..Plan::default() };
        // Long enough for alarms to have their datapoints; features that need more say so.
        plan.steady_state.duration = Duration::from_secs(180);
        // Users' own writes and the secret are followed, and where nobody asks how long they took exactly, this is enough.
        plan.data.look_every = Duration::from_secs(2);
        elsewhere::aim(&mut plan);
        Self { plan, stack: None, needs: BTreeSet::new(), history: None }
    }

    /// Gives the scenario a seed of its own, from its name: what its runs draw, no other scenario's run draws.
    pub fn own_seed(&mut self, scenario: &str) {
        self.plan.seed = Seed::named(scenario);
    }

    /// Holds one claim against the history, and panics with the evidence unless it passes.
    pub async fn prove(&mut self, check: Check) {
        let plan = Plan { assertions: vec![check.into_assertion()], ..self.plan.clone() };
        self.needs.extend(Requirements::of(&plan).areas().into_iter().map(|area| format!("{NEEDS}{area}")));
        if let Some(why) = elsewhere::lacking(&plan).await {
            elsewhere::note(&why);
            return;
        }
        let verdict = judge::judge(&plan, self.history(&plan).await);
        let judgement = verdict.assertions.first().unwrap_or_else(|| panic!("nothing was judged"));
        if judgement.verdict == Outcome::Inconclusive && elsewhere::target().is_some() {
            elsewhere::note(&judgement.evidence);
            return;
        }
        assert!(judgement.verdict == Outcome::Pass, "{}", describe(judgement, &verdict));
    }

    /// Runs the plan, once; elsewhere with its first claim, which says what has to be found out of the target.
    async fn history(&mut self, claimed: &Plan) -> &[Record] {
        let plan = if elsewhere::target().is_some() { claimed } else { &self.plan };
        if self.history.is_none() {
            let records: Arc<Mutex<Vec<Record>>> = Arc::default();
            let (journal, kept) = (elsewhere::journal(), records.clone());
            let keep = move |record: &Record| kept.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
            journal.watch(Box::new(keep));
            run::run_async(plan, &journal).await.unwrap_or_else(|error| panic!("{error}"));
            let records = std::mem::take(&mut *records.lock().unwrap_or_else(PoisonError::into_inner));
            // What its run found out is less than what is known.
            let seen = records.into_iter().filter(|record| !matches!(record.event, Event::Capability { .. }));
            self.history = Some(elsewhere::told().into_iter().chain(seen).collect());
        }
        self.history.as_deref().unwrap_or_else(|| panic!("the run left no history"))
    }
}

fn describe(judgement: &judge::Judgement, verdict: &judge::Verdict) -> String {
    let measured = judgement.measured.map_or_else(|| "nothing".to_owned(), |value| format!("{value:.1}"));
    let judge::Judgement { id, verdict: outcome, bound, unit, evidence, .. } = judgement;
    format!(
        "{id}: {outcome}: measured {measured}, bound {bound} {unit}: {evidence} (seed {}{})",
        verdict.seed,
        verdict.doubts.iter().map(|doubt| format!("; {doubt}")).collect::<String>()
    )
}
