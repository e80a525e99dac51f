//! What a plan is about to do, for whoever must agree to it: read from the plan and the stack's own files. Only whose real
//! accounts are is asked, of STS.

use std::time::Duration;

use super::{RunError, SETTLE};
use crate::deploy::{self, StackDirectory};
use crate::fault::{Means, means};
use crate::region::Region;
use crate::scenario::{CanaryPlan, Plan, TimedFault};
use crate::target::aws::{self, Account};
use crate::target::live;

/// What would be done.
#[derive(Clone, Debug)]
pub struct Intent {
    pub target: String,
    pub regions: Vec<Region>,
    /// Whose the Regions are, where the target is real accounts.
    pub accounts: Vec<Account>,
    /// Each stack by the name it is deployed under, with its Regions, in the order they are deployed; none where
    /// somebody's own is adopted.
    pub stacks: Vec<(String, Vec<Region>)>,
    pub faults: Vec<Intended>,
    pub canary: Option<CanaryPlan>,
    /// Requests a second of all users.
    pub rate: f64,
    /// What users are driven for at most; deployment and teardown come on top.
    pub at_most: Duration,
}

/// A fault of the timeline.
#[derive(Clone, Debug)]
pub struct Intended {
    pub id: String,
    pub at: Duration,
    pub lasts: Duration,
    pub means: Means,
}

impl Intent {
    /// What `plan` would do on the accounts that were found.
    pub fn of(plan: &Plan, accounts: Vec<Account>) -> Result<Self, RunError> {
        let (target, regions) = (&plan.target.name, &plan.target.regions);
        let stacks = stacks(plan)?;
        let intended = |timed: &TimedFault| Intended {
            id: timed.id.clone(),
            at: timed.at,
            lasts: timed.lasts,
            means: means(target, regions, &timed.fault),
        };
        Ok(Self {
            stacks,
            faults: plan.timeline.iter().map(intended).collect(),
            canary: plan.canary.clone(),
            rate: plan.traffic.iter().map(|population| population.rate.get()).sum(),
            at_most: at_most(plan),
            ..Self::to_probe(plan, accounts)
        })
    }

    /// Finding out what the plan's target can do, and nothing more.
    pub fn to_probe(plan: &Plan, accounts: Vec<Account>) -> Self {
        Self {
            target: plan.target.name.clone(),
            regions: plan.target.regions.clone(),
            accounts,
            stacks: Vec::new(),
            faults: Vec::new(),
            canary: None,
            rate: 0.0,
            at_most: Duration::ZERO,
        }
    }
}

/// Whose the plan's Regions are, as STS says; none where the target is no real account. Those that are not allowed are
/// refused.
pub fn accounts(plan: &Plan) -> Result<Vec<Account>, RunError> {
    if plan.target.name != "aws" {
        return Ok(Vec::new());
    }
    let target = plan.target.clone();
    let asked = live::in_real_time(move || async move { aws::accounts(&target.settings, &target.regions).await })?;
    asked.blocking_recv().map_err(|_| RunError::Crashed)?.map_err(RunError::Refused)
}

fn stacks(plan: &Plan) -> Result<Vec<(String, Vec<Region>)>, RunError> {
    if plan.target.settings.adopted.is_some() {
        return Ok(Vec::new());
    }
    let mut directory = StackDirectory::read(&plan.target.stack)?;
    let overrides = plan.target.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    deploy::override_parameters(&mut directory, overrides)?;
    let Some(primary) = plan.target.regions.first().copied() else { return Ok(Vec::new()) };
    let mut stacks: Vec<(String, Vec<Region>)> = Vec::new();
    for step in &directory.layout.steps {
        let regions = step.regions.resolve(&plan.target.regions, primary);
        let regions: Vec<Region> = regions.into_iter().filter(|region| directory.wants(step, *region)).collect();
        let name = format!("{}-{}", deploy::project(&directory, primary), step.stack);
        if !regions.is_empty() && !stacks.iter().any(|(known, _)| *known == name) {
            stacks.push((name, regions));
        }
    }
    Ok(stacks)
}

/// Steady state, the timeline and whatever takes longest beside it, the way home, and steady state again.
fn at_most(plan: &Plan) -> Duration {
    let faults = plan.timeline.iter().map(|timed| timed.at + timed.lasts).max().unwrap_or_default();
    let canary = plan.canary.as_ref().map(|canary| {
        let steps: Duration = canary.steps.iter().map(|step| step.bake + canary.hold).sum();
        canary.at + steps
    });
    let day = faults.max(canary.unwrap_or_default());
    plan.steady_state.duration * 2 + day + plan.failback.within + plan.settings.record_ttl + SETTLE
}
