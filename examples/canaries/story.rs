//! A made-up canary: users, two versions, and a conductor that does what the trial says. No twin, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use blackstart::history::{CanaryAction, Event, PhaseName, Record, WriteOutcome};
use blackstart::judge::canary::{Advice, CanarySeen, Trial};
use blackstart::region::Region;
use blackstart::scenario::{Analysis, CanaryPlan, CanaryStep, Operation, Percent, Plan, Rate, Shift};
use blackstart::seed::Seed;
use blackstart::store::{Store, WriteKind};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

const SECOND: u64 = 1_000_000;
/// Seconds before the first step, and between two looks of the conductor.
const BEFORE: u64 = 120;
const PACE: u64 = 5;
/// A version takes this long at the median, a write this long to the other Region.
const LATENCY_US: f64 = 40_000.0;
const SPREAD: f64 = 0.25;
const LAG: u64 = 1_500_000;

/// How a version behaves.
#[derive(Clone, Copy)]
pub struct Version {
    /// Of its answers, those that are bad, and those of its requests that no answer names a version for.
    pub fails: f64,
    pub crashes: f64,
    /// How many times as long it takes.
    pub slower: f64,
    /// Of its writes, those that no other Region sees.
    pub loses: f64,
    /// An operation that always fails.
    pub breaks: Option<&'static str>,
    /// How many seconds of a step it gets requests.
    pub served_for: u64,
}

pub const FINE: Version =
    Version { fails: 0.001, crashes: 0.0, slower: 1.0, loses: 0.0, breaks: None, served_for: u64::MAX };

pub struct Story {
    pub seed: Seed,
    pub regions: Vec<Region>,
    /// Percent and seconds.
    pub steps: Vec<(f64, u64)>,
    pub hold: u64,
    pub analysis: Analysis,
    /// Requests a second, in each Region.
    pub rate: f64,
    pub mix: Vec<(&'static str, u32)>,
    pub canary: Version,
    pub control: Version,
    /// What the conductor does at the end of a step, whatever the trial says.
    pub stubborn: Option<CanaryAction>,
    /// Users stop after so many seconds, wherever the canary is.
    pub ends: u64,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            seed: Seed(1),
            regions: vec![Region::US_EAST_1],
            steps: vec![(50.0, 600)],
            hold: 0,
            analysis: Analysis::default(),
            rate: 20.0,
            mix: vec![("GET /whoami", 1)],
            canary: FINE,
            control: FINE,
            stubborn: None,
            ends: u64::MAX,
        }
    }
}

impl Story {
    pub fn plan(&self) -> Plan {
        let percent = |percent| Percent::new(percent).expect("a share");
        let mut plan = Plan { seed: self.seed, ..Plan::default() };
        plan.timeline.clear();
        plan.assertions.clear();
        for people in &mut plan.traffic {
            people.rate = Rate::per_second(self.rate).expect("a rate");
            let mix = self.mix.iter().map(|(text, weight)| (Operation::parse(text).expect("a request"), *weight));
            people.requests = mix.collect();
        }
        let step = |(share, bake): &(f64, u64)| CanaryStep { share: percent(*share), bake: Duration::from_secs(*bake) };
        plan.canary = Some(CanaryPlan {
            release: [("OrdersVersion".to_owned(), "2".to_owned())].into_iter().collect(),
            by: Shift::Alias,
            regions: self.regions.clone(),
            at: Duration::ZERO,
            steps: self.steps.iter().map(step).collect(),
            hold: Duration::from_secs(self.hold),
            analysis: self.analysis.clone(),
        });
        plan
    }

    /// Plays it, and shows every record to `watch`.
    pub fn play(&self, watch: impl FnMut(&Record)) -> CanarySeen {
        let trial = Trial::new(&self.plan()).expect("a canary");
        let rng = self.seed.stream("canary story");
        let latency = LogNormal::new(LATENCY_US.ln(), SPREAD).expect("a distribution");
        let coming = VecDeque::new();
        let mut told = Told { story: self, trial, watch, rng, latency, coming, second: 0, writes: 0, owed: 0.0 };
        told.run();
        told.trial.seen()
    }
}

struct Told<'a, W> {
    story: &'a Story,
    trial: Trial,
    watch: W,
    rng: ChaCha8Rng,
    latency: LogNormal<f64>,
    coming: VecDeque<Record>,
    second: u64,
    writes: u64,
    /// Requests of the second that the rate does not fill.
    owed: f64,
}

impl<W: FnMut(&Record)> Told<'_, W> {
    fn run(&mut self) {
        let (scenario, target, epoch) =
            ("canary".to_owned(), "embedded".to_owned(), "2026-01-05T00:00:00.000Z".to_owned());
        let regions = vec![Region::US_EAST_1, Region::EU_WEST_1];
        self.tell(0, Event::Run { scenario, target, seed: self.story.seed, epoch, regions });
        self.now(Event::Phase { phase: PhaseName::SteadyBefore });
        self.users(BEFORE, None);
        for region in self.story.regions.clone() {
            self.now(Event::Releases { region, control: "v1".to_owned(), canary: "v2".to_owned() });
        }
        self.did(CanaryAction::Deployed, 0, 0.0, "v2");
        let last = self.release();
        if last == CanaryAction::RollingBack {
            self.did(CanaryAction::RolledBack, 0, 0.0, "all as before");
        }
        self.now(Event::Phase { phase: PhaseName::End });
    }

    /// Step by step; the last thing the conductor did.
    fn release(&mut self) -> CanaryAction {
        let story = self.story;
        for ((share, bake), step) in story.steps.iter().zip(1..) {
            let (begun, mut holds) = (self.second, false);
            self.did(CanaryAction::Baking, step, *share, "bakes");
            loop {
                self.users(PACE, Some((*share, begun)));
                let now = self.second * SECOND;
                if self.second >= story.ends {
                    return CanaryAction::Holding;
                }
                if let Some(alarm) = self.trial.alarm() {
                    self.did(CanaryAction::RollingBack, step, 0.0, &alarm);
                    return CanaryAction::RollingBack;
                }
                if self.second < begun + bake {
                    continue;
                }
                let seen = self.trial.analysis(now);
                match (story.stubborn, seen.advice) {
                    (Some(CanaryAction::Passed), _) | (None, Advice::Proceed) => {
                        self.did(CanaryAction::Passed, step, *share, &seen.reason);
                        break;
                    }
                    (Some(_), _) | (None, Advice::RollBack) => {
                        self.did(CanaryAction::RollingBack, step, 0.0, &seen.reason);
                        return CanaryAction::RollingBack;
                    }
                    (None, Advice::Hold) if !holds => {
                        holds = true;
                        self.did(CanaryAction::Holding, step, *share, &seen.reason);
                    }
                    (None, Advice::Hold) => {}
                }
            }
        }
        self.did(CanaryAction::Promoted, 0, 100.0, "v2 serves everybody");
        CanaryAction::Promoted
    }

    /// So many seconds of requests; a share of them to the canary since the step began.
    fn users(&mut self, seconds: u64, step: Option<(f64, u64)>) {
        for _ in 0..seconds {
            self.owed += self.story.rate;
            let requests = self.owed.floor();
            self.owed -= requests;
            for index in 0..requests as u64 {
                let planned_us = self.second * SECOND + index * SECOND / requests as u64;
                for region in self.story.regions.clone() {
                    self.request(planned_us, region, step);
                }
            }
            self.second += 1;
            while self.coming.front().is_some_and(|record| record.at_us <= self.second * SECOND) {
                let record = self.coming.pop_front();
                record.iter().for_each(|record| self.show(record));
            }
        }
    }

    fn request(&mut self, planned_us: u64, region: Region, step: Option<(f64, u64)>) {
        let story = self.story;
        let canary = step.is_some_and(|(share, _)| self.rng.random::<f64>() * 100.0 < share);
        let version = if canary { story.canary } else { story.control };
        let whole: u32 = story.mix.iter().map(|(_, weight)| weight).sum();
        let mut at = self.rng.random_range(0..whole);
        let chosen = story.mix.iter().find(|(_, weight)| {
            let found = at < *weight;
            at = at.saturating_sub(*weight);
            found
        });
        let Some((operation, _)) = chosen else { return };
        if step.is_some_and(|(_, begun)| self.second - begun >= version.served_for) {
            return;
        }
        let crashed = self.rng.random::<f64>() < version.crashes;
        let failed = self.rng.random::<f64>() < version.fails || version.breaks == Some(operation);
        let latency_us = (self.latency.sample(&mut self.rng) * version.slower) as u64;
        let at_us = planned_us + latency_us;
        let release = (!crashed).then(|| if canary { "v2" } else { "v1" }.to_owned());
        if operation.starts_with("PUT") && !crashed && !failed {
            self.write(planned_us, at_us, region, release.clone(), version.loses);
        }
        let home = if region == Region::US_EAST_1 { 0 } else { 1 };
        let event = Event::Request {
            population: ["north-america", "europe"][home].to_owned(),
            client: 0,
            operation: (*operation).to_owned(),
            planned_us,
            latency_us,
            address: None,
            region: Some(region),
            status: Some(if crashed {
                502
            } else if failed {
                500
            } else {
                200
            }),
            error: None,
            attempts: 1,
            release,
        };
        self.tell(at_us, event);
    }

    fn write(&mut self, started_us: u64, at_us: u64, region: Region, release: Option<String>, loses: f64) {
        self.writes += 1;
        let write = self.writes;
        let event = Event::Write {
            write,
            store: Store::Table,
            key: format!("order-{write}"),
            kind: WriteKind::Put,
            by: "users".to_owned(),
            region: Some(region),
            started_us,
            outcome: WriteOutcome::Acknowledged,
            bytes: None,
            version: None,
            what: None,
            release,
        };
        self.tell(at_us, event);
        if self.rng.random::<f64>() >= loses {
            let region = if region == Region::US_EAST_1 { Region::EU_WEST_1 } else { Region::US_EAST_1 };
            let event = Event::Arrival { write, region, missed_us: Some(at_us) };
            self.coming.push_back(Record { at_us: at_us + LAG, event });
        }
    }

    fn did(&mut self, action: CanaryAction, step: u32, share: f64, what: &str) {
        self.now(Event::Canary { action, step, share: Some(share), what: what.to_owned() });
    }

    fn now(&mut self, event: Event) {
        self.tell(self.second * SECOND, event);
    }

    fn tell(&mut self, at_us: u64, event: Event) {
        self.show(&Record { at_us, event });
    }

    fn show(&mut self, record: &Record) {
        self.trial.observe(record);
        (self.watch)(record);
    }
}
