//! What a history says, gathered in one pass. Judges read this and never the records.

use std::ops::Range;

use indexmap::IndexMap;

use super::by_second::BySecond;
use super::verdict::InjectionSeen;
use crate::history::{
    AlarmFound, AlarmState, CanaryAction, ChangeStatus, CheckFound, Event, FaultAction, PhaseName, Record, RecordSeen,
};
use crate::region::{Place, Region};
use crate::scenario::{Behaviour, Plan, Population};
use crate::seed::Seed;

/// A moment of the run in microseconds since it began; services may report moments before that.
pub type Us = i64;

pub struct Evidence {
    pub regions: Vec<Region>,
    pub run: Option<RunLine>,
    pub phases: Vec<(PhaseName, Us)>,
    pub faults: Vec<FaultSeen>,
    /// By population, in the plan's order.
    pub traffic: IndexMap<String, BySecond>,
    /// The kinds of clients of each population, in the same order.
    pub kinds: Vec<Vec<Kind>>,
    /// What each population's resolvers were told, in the same order.
    pub resolved: Vec<Vec<Told>>,
    pub datapoints: Vec<Datapoint>,
    pub alarms: Vec<AlarmChange>,
    pub decisions: Vec<Decision>,
    pub changes: Vec<ChangeSeen>,
    pub answers: Vec<Answer>,
    pub records: Vec<Listed>,
    pub checkers: Vec<CheckersSeen>,
    /// The stacks' health checks and alarms, where they were read.
    pub checks: Vec<CheckFound>,
    pub bill: Option<Vec<AlarmFound>>,
    /// When the canary's conductor did something.
    pub canary: Vec<(Us, CanaryAction)>,
    pub troubles: Vec<TroubleSeen>,
    /// What faults did to whom, where it was counted.
    pub injections: Vec<InjectionSeen>,
    /// What passed the harness's own proxies, told twice: before anything was deployed, and at the end.
    passed: Vec<Passed>,
    /// The last record's time.
    pub end: Us,
    /// Requests of populations that the plan does not have.
    pub strangers: u64,
}

/// Requests, unanswered ones and those for unknown hosts, when they were told first and last.
struct Passed {
    place: String,
    region: Region,
    first: [u64; 3],
    last: [u64; 3],
}

/// The clients of a population that behave alike, and their requests.
pub struct Kind {
    pub behaviour: Behaviour,
    pub clients: Range<u32>,
    pub traffic: BySecond,
    /// Requests that were sent more than once, and how often all of them were sent.
    pub retried: u64,
    pub attempts: u64,
    /// Requests that are not idempotent, and were sent more than once: they may have happened twice.
    pub repeated: u64,
}

/// A resolver asked the name servers.
pub struct Told {
    pub seen: Us,
    /// The one Region the answer led to; none where it was none, or more.
    pub slot: Option<usize>,
}

pub struct RunLine {
    pub target: String,
    pub seed: Seed,
}

#[derive(Clone, Debug)]
pub struct FaultSeen {
    pub id: String,
    pub kind: String,
    pub region: Option<Region>,
    pub injected: Us,
    pub healed: Option<Us>,
}

pub struct Datapoint {
    pub seen: Us,
    pub region: Region,
    pub metric: String,
    pub period_end: Us,
    pub value: f64,
}

pub struct AlarmChange {
    pub alarm: String,
    pub region: Region,
    pub state: AlarmState,
    pub changed: Us,
}

/// A line of the failover function.
pub struct Decision {
    pub function: String,
    pub logged: Us,
    /// `invoked`, `failed-over`, `refused` and so on.
    pub decision: String,
    /// The Region it guards, where it says so.
    pub guarded: Option<Region>,
    pub reason: String,
    pub change_id: Option<String>,
    pub moved: Option<Moved>,
}

/// What the function's change started from, and what it wrote.
pub struct Moved {
    /// Where the guarded Region's record led, and leads now.
    pub before: String,
    pub after: String,
    /// Where the other Region's record led.
    pub other: String,
    pub weight: Option<u64>,
}

pub struct ChangeSeen {
    pub id: String,
    pub submitted: Us,
    pub insync: Option<Us>,
}

/// A stage says so when it begins to fail.
pub struct TroubleSeen {
    pub seen: Us,
    pub stage: String,
    pub what: String,
}

pub struct Answer {
    pub seen: Us,
    pub from: Place,
    pub regions: Vec<Region>,
}

/// The record sets of the public name as they were listed; unchanged until the next.
pub struct Listed {
    pub seen: Us,
    pub sets: Vec<RecordSeen>,
}

pub struct CheckersSeen {
    pub seen: Us,
    pub check: String,
    pub healthy: u32,
    pub checkers: u32,
    pub failure: Option<String>,
}

impl Evidence {
    pub fn new(plan: &Plan) -> Self {
        let regions = plan.target.regions.clone();
        let slot = |home| regions.iter().position(|region| *region == home).unwrap_or(0);
        let traffic = |home| BySecond::new(regions.len(), slot(home));
        let kinds = |people: &Population| {
            let kinds = people.stretches().into_iter().filter(|(_, clients)| !clients.is_empty());
            let kind = |(behaviour, clients)| Kind::new(behaviour, clients, traffic(people.home));
            kinds.map(kind).collect()
        };
        Self {
            traffic: plan.traffic.iter().map(|people| (people.name.clone(), traffic(people.home))).collect(),
            kinds: plan.traffic.iter().map(kinds).collect(),
            resolved: plan.traffic.iter().map(|_| Vec::new()).collect(),
            regions,
            run: None,
            phases: Vec::new(),
            faults: Vec::new(),
            datapoints: Vec::new(),
            alarms: Vec::new(),
            decisions: Vec::new(),
            changes: Vec::new(),
            answers: Vec::new(),
            records: Vec::new(),
            checkers: Vec::new(),
            checks: Vec::new(),
            bill: None,
            canary: Vec::new(),
            troubles: Vec::new(),
            injections: Vec::new(),
            passed: Vec::new(),
            end: 0,
            strangers: 0,
        }
    }

    /// Takes in the next record.
    pub fn observe(&mut self, record: &Record) {
        let seen = us(record.at_us);
        self.end = self.end.max(seen);
        match &record.event {
            Event::Request { population, client, operation, planned_us, region, status, error, attempts, .. } => {
                let slot = region.and_then(|region| self.slot(region)).unwrap_or(usize::MAX);
                let good = is_good(*status, error.as_deref());
                let Some((index, _, traffic)) = self.traffic.get_full_mut(population) else {
                    self.strangers += 1;
                    return;
                };
                traffic.enter(slot, *planned_us, record.at_us, good);
                if let Some(kind) = self.kinds[index].iter_mut().find(|kind| kind.clients.contains(client)) {
                    kind.traffic.enter(slot, *planned_us, record.at_us, good);
                    kind.sent(operation, *attempts);
                }
            }
            Event::Resolved { population, regions, .. } => {
                let slot = if let [region] = regions[..] { self.slot(region) } else { None };
                if let Some(index) = self.traffic.get_index_of(population) {
                    self.resolved[index].push(Told { seen, slot });
                }
            }
            Event::Run { target, seed, .. } => {
                self.run = Some(RunLine { target: target.clone(), seed: *seed });
            }
            Event::Phase { phase } => self.phases.push((*phase, seen)),
            Event::Fault { fault, kind, action, region } => self.fault(seen, fault, kind, *action, *region),
            Event::Datapoint { region, metric, period_start_us, period_s, value, .. } => {
                let period_end = period_start_us + i64::from(*period_s) * 1_000_000;
                let datapoint = Datapoint { seen, region: *region, metric: metric.clone(), period_end, value: *value };
                self.datapoints.push(datapoint);
            }
            Event::Alarm { alarm, region, state, changed_us, .. } => self.alarms.push(AlarmChange {
                alarm: alarm.clone(),
                region: *region,
                state: *state,
                changed: *changed_us,
            }),
            Event::Function { function, logged_us, line, .. } => {
                self.decisions.push(decision(function, *logged_us, line))
            }
            Event::Change { id, status, submitted_us } => self.change(seen, id, *status, *submitted_us),
            Event::Dns { from, regions, .. } => {
                self.answers.push(Answer { seen, from: *from, regions: regions.clone() });
            }
            Event::Records { sets, .. } => self.records.push(Listed { seen, sets: sets.clone() }),
            Event::Checkers { check, healthy, checkers, failure } => self.checkers.push(CheckersSeen {
                seen,
                check: check.clone(),
                healthy: *healthy,
                checkers: *checkers,
                failure: failure.clone(),
            }),
            Event::Inventory { checks, alarms } => {
                self.checks.clone_from(checks);
                self.bill = Some(alarms.clone());
            }
            Event::Canary { action, .. } => self.canary.push((seen, *action)),
            Event::Trouble { stage, what } => {
                self.troubles.push(TroubleSeen { seen, stage: stage.clone(), what: what.clone() });
            }
            Event::FaultMet { fault, place, effect, matched, fired, resets, first_us, last_us, samples } => {
                let at = |us: &Option<Us>| us.map(ms);
                self.injections.push(InjectionSeen {
                    fault: fault.clone(),
                    place: place.clone(),
                    effect: effect.clone(),
                    matched: *matched,
                    fired: *fired,
                    resets: *resets,
                    first_at_ms: at(first_us),
                    last_at_ms: at(last_us),
                    samples: samples.clone(),
                });
            }
            Event::Passed { place, region, requests, unanswered, unknown_hosts, .. } => {
                let counts = [*requests, *unanswered, *unknown_hosts];
                let known = self.passed.iter_mut().find(|known| known.place == *place && known.region == *region);
                match known {
                    Some(known) => known.last = counts,
                    None => {
                        let (place, region) = (place.clone(), *region);
                        self.passed.push(Passed { place, region, first: counts, last: counts });
                    }
                }
            }
            _ => {}
        }
    }

    /// What the harness's own proxies could not hand on, in words.
    pub fn unpassed(&self) -> Vec<String> {
        let mut said = Vec::new();
        for Passed { place, region, first, last } in &self.passed {
            let [requests, unanswered, unknown] = std::array::from_fn(|index| last[index].saturating_sub(first[index]));
            let of = |count: u64| format!("{count} of {requests} requests of {place} to {region}");
            if unanswered > 0 {
                let what =
                    "got a 502 of the harness's own proxy: the target did not answer, and no fault was the cause";
                said.push(format!("{} {what}", of(unanswered)));
            }
            if unknown > 0 {
                let what = "named a host that leads to no API there, and got a 403 of the harness's own proxy";
                said.push(format!("{} {what}", of(unknown)));
            }
        }
        said
    }

    /// The requests of each population, or of one kind of its clients: of all populations, or of one.
    pub fn requests_of<'a>(
        &'a self,
        population: Option<&'a str>,
        behaviour: Option<Behaviour>,
    ) -> impl Iterator<Item = (&'a str, &'a BySecond)> {
        let each = self.traffic.iter().zip(&self.kinds);
        let chosen = each.filter(move |((name, _), _)| population.is_none_or(|chosen| chosen == *name));
        chosen.filter_map(move |((name, traffic), kinds)| match behaviour {
            None => Some((name.as_str(), traffic)),
            Some(behaviour) => {
                let kind = kinds.iter().find(|kind| kind.behaviour == behaviour)?;
                Some((name.as_str(), &kind.traffic))
            }
        })
    }

    /// The slot of a Region.
    pub fn slot(&self, region: Region) -> Option<usize> {
        self.regions.iter().position(|known| *known == region)
    }

    /// When a phase began.
    pub fn began(&self, phase: PhaseName) -> Option<Us> {
        self.phases.iter().find(|(name, _)| *name == phase).map(|(_, at)| *at)
    }

    /// When a phase ended: the next one began, or the history stops.
    pub fn ended(&self, phase: PhaseName) -> Option<Us> {
        let index = self.phases.iter().position(|(name, _)| *name == phase)?;
        Some(self.phases.get(index + 1).map_or(self.end, |(_, at)| *at))
    }

    fn fault(&mut self, seen: Us, id: &str, kind: &str, action: FaultAction, region: Option<Region>) {
        match action {
            FaultAction::Injected => {
                let (id, kind) = (id.to_owned(), kind.to_owned());
                self.faults.push(FaultSeen { id, kind, region, injected: seen, healed: None });
            }
            FaultAction::Healed => {
                let open = self.faults.iter_mut().find(|fault| fault.id == id && fault.healed.is_none());
                if let Some(fault) = open {
                    fault.healed = Some(seen);
                }
            }
        }
    }

    fn change(&mut self, seen: Us, id: &str, status: ChangeStatus, submitted: Us) {
        let index = self.changes.iter().position(|change| change.id == id).unwrap_or_else(|| {
            self.changes.push(ChangeSeen { id: id.to_owned(), submitted, insync: None });
            self.changes.len() - 1
        });
        if status == ChangeStatus::Insync {
            self.changes[index].insync.get_or_insert(seen);
        }
    }
}

impl Kind {
    fn new(behaviour: Behaviour, clients: Range<u32>, traffic: BySecond) -> Self {
        Self { behaviour, clients, traffic, retried: 0, attempts: 0, repeated: 0 }
    }

    fn sent(&mut self, operation: &str, attempts: u32) {
        self.attempts += u64::from(attempts);
        if attempts > 1 {
            let method = operation.split(' ').next().and_then(|method| method.parse::<http::Method>().ok());
            self.retried += 1;
            self.repeated += u64::from(method.is_none_or(|method| !method.is_idempotent()));
        }
    }
}

/// Whether a user got what they asked for. 404 says something about data and nothing about availability; every
/// other 4xx is a door that should have been open.
pub fn is_good(status: Option<u16>, error: Option<&str>) -> bool {
    error.is_none() && matches!(status, Some(200..=399 | 404))
}

fn decision(function: &str, logged: Us, line: &serde_json::Value) -> Decision {
    let text = |key: &str| line.get(key).and_then(serde_json::Value::as_str);
    Decision {
        function: function.to_owned(),
        logged,
        decision: text("decision").unwrap_or("spoke").to_owned(),
        guarded: text("guarded").and_then(|name| Region::parse(name).ok()),
        reason: text("reason").unwrap_or_default().to_owned(),
        change_id: text("change_id").map(str::to_owned),
        moved: moved(line),
    }
}

fn moved(line: &serde_json::Value) -> Option<Moved> {
    let text = |key: &str| line.get(key)?.as_str().map(str::to_owned);
    let weight = line.get("weight").and_then(serde_json::Value::as_u64);
    Some(Moved { before: text("before")?, after: text("after")?, other: text("other")?, weight })
}

pub fn us(micros: u64) -> Us {
    Us::try_from(micros).unwrap_or(Us::MAX)
}

/// The second of the run that holds a moment.
pub fn second_of(at: Us) -> u64 {
    u64::try_from(at / 1_000_000).unwrap_or(0)
}

/// The first second that begins at or after a moment.
pub fn second_from(at: Us) -> u64 {
    u64::try_from(at.max(0)).unwrap_or(0).div_ceil(1_000_000)
}

/// A moment in milliseconds since the run began.
pub fn ms(at: Us) -> u64 {
    u64::try_from(at / 1_000).unwrap_or(0)
}
