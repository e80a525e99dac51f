//! The judge of a canary: a new version beside the old one, step by step, and whether it is worse.
//!
//! ```text
//! records ─→ Trial ─┬→ window.rs: a step's requests by Region, population, operation and version ─→ sample.rs (bounded)
//!                   ├→ sync.rs: writes through either version, and whether other Regions have them
//!                   ├→ alarm.rs: looks at counts while a step bakes
//!                   └→ course.rs: what the conductor did, and whether the data support it
//! window + last step with a control ─→ metrics.rs (fisher.rs, ranks.rs, sizes.rs; levels.rs) ─→ StepSeen ─→ Advice
//! plan ─→ needs.rs: the samples each step needs, before the start
//! ```
//!
//! The same trial is asked by the conductor while it goes on and by the judge afterwards: all it says follows from the
//! records and the moment it is asked. A metric is never averaged with another, nor a Region with another.

mod alarm;
mod claims;
mod course;
mod fisher;
mod levels;
mod metrics;
mod needs;
mod ranks;
mod sample;
mod seen;
mod sizes;
mod sync;
mod window;

use std::collections::BTreeMap;

use super::evidence::is_good;
use crate::history::{CanaryAction, Event, PhaseName, Record, WriteOutcome};
use crate::region::Region;
use crate::scenario::{Plan, Shift};
use crate::store::Store;
use alarm::{Look, Watch};
pub use claims::{doubts, finding};
use course::Course;
use fisher::Share;
use levels::Levels;
use metrics::{Inquest, Subject};
pub use needs::needs;
use sample::{Item, Lots};
pub use seen::{Advice, ArmSeen, CanarySeen, Finding, Measure, MetricSeen, Need, StepSeen};
use sync::Sync;
use window::{Arm, Asked, Window};

/// Of a step's time so far, how long a version may get no requests before its step holds; at least half a minute.
const QUIET_SHARE: u64 = 5;
const QUIET_LEAST_US: u64 = 30_000_000;
/// What can be done about a Region that nobody uses.
const WAY_OUT: &str = "so nothing can be learnt of the canary there and it can only go back: release it where there is \
                       traffic (the canary's \"regions\"), or lead users there first";

/// Takes in records as they come, and says at any moment what they say of the canary.
pub struct Trial {
    subject: Subject,
    levels: Levels,
    needs: Vec<Need>,
    /// Which requests of the larger version are compared with those of the smaller one.
    lots: Lots,
    /// By Region: the names of control and canary.
    releases: BTreeMap<Region, (String, String)>,
    populations: Vec<String>,
    /// By Region, what was seen before the first step; and in Regions that are not the canary's, for one that had no users then.
    before: Vec<Watch>,
    elsewhere: Watch,
    sync: Sync,
    /// The step that bakes.
    window: Option<Window>,
    /// The last step with a control.
    beside: Option<Window>,
    course: Course,
}

impl Trial {
    /// `None` where the plan has no canary.
    pub fn new(plan: &Plan) -> Option<Self> {
        let canary = plan.canary.as_ref()?;
        let within = plan.data.stable_within + plan.data.look_every;
        Some(Self {
            subject: Subject::new(plan, canary),
            levels: Levels::new(plan, canary),
            needs: needs(plan),
            lots: Lots::new(plan.seed),
            releases: BTreeMap::new(),
            populations: plan.traffic.iter().map(|people| people.name.clone()).collect(),
            before: vec![Watch::default(); canary.regions.len()],
            elsewhere: Watch::default(),
            sync: Sync::new(plan.target.regions.clone(), micros(within)),
            window: None,
            beside: None,
            course: Course::default(),
        })
    }

    pub fn observe(&mut self, record: &Record) {
        let at = record.at_us;
        self.settle(at);
        match &record.event {
            Event::Releases { region, control, canary } => {
                self.releases.insert(*region, (control.clone(), canary.clone()));
            }
            Event::Canary { action, step, share, what } => self.conducted(at, *action, *step, *share, what),
            Event::Request { .. } => self.requested(at, &record.event),
            Event::Write { write, store: Store::Table, region, started_us, outcome, release, .. }
                if *outcome == WriteOutcome::Acknowledged =>
            {
                self.wrote(*write, *region, release.as_deref(), *started_us, at);
            }
            Event::Arrival { write, region, .. } | Event::Superseded { write, region, .. } => {
                if let Some(settled) = self.sync.arrived(*write, *region) {
                    self.settled(settled);
                }
            }
            Event::Phase { phase: PhaseName::Reconcile | PhaseName::Teardown | PhaseName::End } => {
                self.course.traffic_ended(at);
            }
            _ => {}
        }
    }

    /// Why the canary must go back now, without waiting for the end of the step.
    pub fn alarm(&self) -> Option<String> {
        self.window.as_ref()?.alarm.clone()
    }

    /// What the data say of the step that bakes; where none does, of the last one.
    pub fn analysis(&self, now_us: u64) -> StepSeen {
        let Some(window) = &self.window else {
            let last = self.course.steps().last().cloned();
            return last.unwrap_or_else(|| StepSeen {
                step: 0,
                share: 0.0,
                began_at_ms: 0,
                lasted_ms: 0,
                advice: Advice::Hold,
                reason: "no step has begun".to_owned(),
                alarmed: false,
                canary: 0,
                control: 0,
                unattributed: 0,
                metrics: Vec::new(),
            });
        };
        let step = self.step(window);
        let look = step.and_then(|(bake_us, hold_us)| window.look(now_us, bake_us, hold_us));
        let before: Vec<Share> = (0..self.before.len()).map(|index| self.before(index).lost()).collect();
        let empty = Window::new(0, 0.0, 0, self.subject.canary.regions.len());
        let control = if window.is_concurrent() { window } else { self.beside.as_ref().unwrap_or(&empty) };
        let inquest = Inquest {
            subject: &self.subject,
            levels: &self.levels,
            window,
            control,
            look,
            before: &before,
            share: self.share(window),
        };
        let metrics = inquest.metrics();
        let expired = step.is_some_and(|(bake_us, hold_us)| now_us >= window.begun_us + bake_us + hold_us);
        let (advice, reason) = self.advice(window, now_us, &metrics, look.is_some(), expired);
        let sum = |of: fn(&window::InRegion) -> u64| window.regions.iter().map(of).sum();
        StepSeen {
            step: window.step,
            share: window.share,
            began_at_ms: window.begun_us / 1_000,
            lasted_ms: now_us.saturating_sub(window.begun_us) / 1_000,
            advice,
            reason,
            alarmed: window.alarm.is_some(),
            canary: sum(|seen| seen.canary),
            control: sum(|seen| seen.control),
            unattributed: sum(|seen| seen.lost),
            metrics,
        }
    }

    /// All that was seen so far.
    pub fn seen(&self) -> CanarySeen {
        let open = self.window.as_ref().map(|_| self.analysis(self.course.last_us()));
        self.course.seen(self.needs.clone(), open)
    }

    /// Decisions of the conductor that the data do not support.
    pub fn unsupported(&self) -> &[String] {
        self.course.unsupported()
    }

    /// A step's bake time, and how much longer it may hold.
    fn step(&self, window: &Window) -> Option<(u64, u64)> {
        let index = usize::try_from(window.step).ok()?.checked_sub(1)?;
        let step = self.subject.canary.steps.get(index)?;
        Some((micros(step.bake), micros(self.subject.canary.hold)))
    }

    /// Of a Region's requests, what the canary should get.
    fn share(&self, window: &Window) -> f64 {
        match self.subject.canary.by {
            Shift::Route53 if window.is_concurrent() => 0.5,
            _ => (window.share / 100.0).clamp(1e-4, 1.0),
        }
    }

    fn advice(
        &self,
        window: &Window,
        now_us: u64,
        metrics: &[MetricSeen],
        looked: bool,
        expired: bool,
    ) -> (Advice, String) {
        if let Some(alarm) = &window.alarm {
            return (Advice::RollBack, alarm.clone());
        }
        let deserted = self.deserted(window);
        let named = |finding: Finding, required: bool| -> Vec<String> {
            // What is missing of a Region without users is said once, for all its metrics.
            let found = metrics.iter().filter(|seen| {
                let counts =
                    !required || (seen.required && !seen.region.is_some_and(|region| deserted.contains(&region)));
                seen.finding == finding && counts
            });
            found.map(|seen| format!("{} ({})", name(seen), seen.what)).collect()
        };
        let worse = named(Finding::Worse, false);
        if !worse.is_empty() {
            return (Advice::RollBack, format!("worse: {}", worse.join("; ")));
        }
        let mut missing = self.quiet(window, now_us);
        missing.extend(named(Finding::Inconclusive, true));
        match () {
            () if !looked => (Advice::Hold, "it still bakes".to_owned()),
            () if missing.is_empty() => (Advice::Proceed, "no worse".to_owned()),
            () if expired => (Advice::RollBack, format!("waited long enough: {}", missing.join("; "))),
            () => (Advice::Hold, missing.join("; ")),
        }
    }

    /// Versions that get no requests any more.
    fn quiet(&self, window: &Window, now_us: u64) -> Vec<String> {
        let longest = (now_us.saturating_sub(window.begun_us) / QUIET_SHARE).max(QUIET_LEAST_US);
        let deserted = self.deserted(window);
        let mut quiet = Vec::new();
        for (index, region) in self.subject.canary.regions.iter().enumerate() {
            if deserted.contains(region) {
                quiet.push(format!("no user is led to {region}, {WAY_OUT}"));
                continue;
            }
            for (arm, name) in [(Arm::Canary, "canary"), (Arm::Control, "control")] {
                let last = window.last_us(index, arm).unwrap_or(window.begun_us);
                let silent = now_us.saturating_sub(last);
                if silent > longest && (arm == Arm::Canary || window.is_concurrent()) {
                    quiet.push(format!("no requests of the {name} in {region} for {} s", silent / 1_000_000));
                }
            }
        }
        quiet
    }

    /// What a Region's failures without a version are held against.
    fn before(&self, index: usize) -> &Watch {
        let own = &self.before[index];
        if own.lost().of > 0 { own } else { &self.elsewhere }
    }

    /// The Regions to which not one request went, before the canary or since this step began.
    fn deserted(&self, window: &Window) -> Vec<Region> {
        let regions = self.subject.canary.regions.iter().enumerate();
        let empty = |index: usize| self.before[index].lost().of == 0 && window.regions[index].all.last_us().is_none();
        regions.filter(|(index, _)| empty(*index)).map(|(_, region)| *region).collect()
    }

    fn conducted(&mut self, at: u64, action: CanaryAction, step: u32, share: Option<f64>, what: &str) {
        let ends = !matches!(action, CanaryAction::Holding | CanaryAction::Deployed);
        if ends && self.window.is_some() {
            let seen = self.analysis(at);
            if let Some(window) = self.window.take() {
                self.course.left(action, seen, window.failed_us);
                if window.is_concurrent() {
                    self.beside = Some(window);
                }
            }
            self.sync.clear();
        }
        if action == CanaryAction::Baking {
            let index = usize::try_from(step).unwrap_or(0).saturating_sub(1);
            let planned = self.subject.canary.steps.get(index).map_or(0.0, |step| step.share.get());
            let share = share.unwrap_or(planned);
            self.window = Some(Window::new(step, share, at, self.subject.canary.regions.len()));
        }
        self.course.conducted(at, action, what);
    }

    fn requested(&mut self, at: u64, event: &Event) {
        let Event::Request {
            population,
            client,
            operation,
            planned_us,
            latency_us,
            region,
            status,
            error,
            release,
            ..
        } = event
        else {
            return;
        };
        self.course.requested(at, *planned_us);
        let bad = !is_good(*status, error.as_deref());
        let Some(region) = *region else { return };
        let stratum = (self.population(population), self.operation(operation));
        let priority = self.lots.draw([*planned_us, u64::from(*client), (stratum.0 << 16 | stratum.1) as u64]);
        let latency_us = u32::try_from(*latency_us).unwrap_or(u32::MAX);
        let item = Item { priority, at_us: *planned_us, bad, latency_us };
        let lost = bad && release.is_none();
        let Some(number) = self.number(region) else {
            if !self.course.has_begun() {
                let asked = Asked { region: 0, stratum, arm: Arm::Nobody, lost, item };
                self.elsewhere.count(&asked, self.critical(stratum.1));
            }
            return;
        };
        let versions = self.releases.get(&region);
        let is = |canary: bool| match (versions, release) {
            (Some((old, new)), Some(release)) => release == if canary { new } else { old },
            _ => false,
        };
        let alone =
            self.window.as_ref().is_some_and(|window| !window.is_concurrent() && *planned_us >= window.begun_us);
        let arm = match () {
            () if is(true) || (lost && alone) => Arm::Canary,
            () if is(false) => Arm::Control,
            () => Arm::Nobody,
        };
        self.course.served(*planned_us, arm, lost, bad);
        self.count(at, &Asked { region: number, stratum, arm, lost, item });
    }

    fn count(&mut self, at: u64, asked: &Asked) {
        let analysis = &self.subject.canary.analysis;
        let critical = self.critical(asked.stratum.1);
        if !self.course.has_begun() {
            self.before[asked.region].count(asked, critical);
        }
        let Some(share) = self.window.as_ref().map(|window| self.share(window)) else { return };
        let Some(window) = self.window.as_mut().filter(|window| asked.item.at_us >= window.begun_us) else { return };
        window.enter(asked, at);
        let region = asked.region;
        let beside = if window.is_concurrent() { None } else { self.beside.as_ref() };
        let nothing = Watch::default();
        let control = match (window.is_concurrent(), beside) {
            (true, _) => None,
            (false, Some(beside)) => Some(&beside.regions[region].watch),
            (false, None) => Some(&nothing),
        };
        let before = if self.before[region].lost().of > 0 { &self.before[region] } else { &self.elsewhere };
        let look = Look { analysis, before, control, share, level: self.levels.interim };
        let watch = &mut window.regions[region].watch;
        watch.count(asked, critical);
        let found = watch.look(&look, critical);
        if window.alarm.is_none() {
            let place = self.subject.canary.regions[region];
            window.alarm = found.map(|what| format!("{place}: {what}"));
        }
    }

    fn wrote(&mut self, write: u64, region: Option<Region>, release: Option<&str>, started_us: u64, acked_us: u64) {
        let Some(window) = self.window.as_ref().filter(|window| started_us >= window.begun_us) else { return };
        let Some((region, release)) = region.zip(release) else { return };
        let Some((number, (control, canary))) = self.number(region).zip(self.releases.get(&region)) else { return };
        if release == canary || (release == control && window.is_concurrent()) {
            self.sync.wrote(write, region, number, release == canary, acked_us);
        }
    }

    fn settle(&mut self, now_us: u64) {
        for settled in self.sync.overdue(now_us) {
            self.settled(settled);
        }
    }

    fn settled(&mut self, settled: sync::Settled) {
        let Some(window) = &mut self.window else { return };
        let writes = &mut window.regions[settled.region].writes;
        let arm = if settled.canary { &mut writes.canary } else { &mut writes.control };
        let priority = self.lots.draw([settled.write, 0, 0]);
        arm.add(Item { priority, at_us: settled.due_us, bad: settled.missing, latency_us: 0 });
    }

    fn number(&self, region: Region) -> Option<usize> {
        self.subject.canary.regions.iter().position(|known| *known == region)
    }

    fn population(&self, name: &str) -> usize {
        self.populations.iter().position(|known| known == name).unwrap_or(self.populations.len())
    }

    /// An operation's number among the critical ones, where it is one.
    fn critical(&self, operation: usize) -> Option<usize> {
        let operation = self.subject.operations.get(operation)?;
        self.subject.canary.analysis.critical.iter().position(|critical| critical == operation)
    }

    /// The number of an operation; of one that the plan does not have, a number past them all.
    fn operation(&self, name: &str) -> usize {
        let is = |operation: &crate::scenario::Operation| {
            name.split_once(' ').is_some_and(|(method, route)| operation.method == method && operation.route == route)
        };
        self.subject.operations.iter().position(is).unwrap_or(self.subject.operations.len())
    }
}

/// `errors of GET /orders/{id} in eu-west-1`.
pub fn name(seen: &MetricSeen) -> String {
    let of = seen.operation.as_ref().map_or(String::new(), |operation| format!(" of {operation}"));
    let place = seen.region.map_or(" in all Regions".to_owned(), |region| format!(" in {region}"));
    format!("{}{of}{place}", seen.metric.as_str())
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
#[path = "../../../examples/canaries/story.rs"]
pub mod story;
#[cfg(test)]
mod tests;
