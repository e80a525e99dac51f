//! A made-up game day, for tests of judges and reports.

use indexmap::IndexMap;
use serde_json::json;

use super::{Verdict, day_data, judge};
use crate::history::{AlarmState, ChangeStatus, Event, FaultAction, PhaseName, Record};
use crate::region::{Place, Region};
use crate::scenario::{Behaviour, Plan};
use crate::seed::Seed;

pub const US: Region = Region::US_EAST_1;
pub const EU: Region = Region::EU_WEST_1;

/// Seconds of a made-up game day: deployed at 60, fault at 360, healed at 1260, home by 1700, over at 2000.
pub const STEADY: u64 = 60;
pub const FAULT: u64 = 360;
pub const HEAL: u64 = 1260;
pub const AFTER: u64 = 1700;
pub const END: u64 = 2000;

/// A game day told second by second, one request a second and population part.
pub struct Day {
    /// When Americans leave, and when they are back.
    pub moved: u64,
    pub home: u64,
    /// Clients from this number on never leave.
    pub stayers: u32,
    /// Requests that fail although no fault explains it: population, second.
    pub strays: Vec<(&'static str, u64)>,
    pub effect: bool,
    pub heals: bool,
    pub telemetry: bool,
    pub ends: bool,
    /// How many of each ten planned requests are sent.
    pub sent_of_ten: u64,
    /// Data is written and followed; where it says so, one write that was stranded is lost.
    pub data: Option<Lost>,
}

/// What becomes of the data of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    Nothing,
    One,
}

impl Default for Day {
    fn default() -> Self {
        Self {
            moved: 620,
            home: 1600,
            stayers: u32::MAX,
            strays: Vec::new(),
            effect: true,
            heals: true,
            telemetry: true,
            ends: true,
            sent_of_ten: 10,
            data: None,
        }
    }
}

fn at(second: u64, event: Event) -> Record {
    Record { at_us: second * 1_000_000, event }
}

impl Day {
    pub fn records(&self) -> Vec<Record> {
        let mut records = vec![at(
            0,
            Event::Run {
                scenario: "lose-us-east-1".into(),
                target: "embedded".into(),
                seed: Seed(7),
                epoch: "2026-01-05T00:00:00.000Z".into(),
                regions: vec![US, EU],
            },
        )];
        let phases = [
            (0, PhaseName::Deploy),
            (STEADY, PhaseName::SteadyBefore),
            (FAULT, PhaseName::Fault),
            (HEAL, PhaseName::Failback),
            (AFTER, PhaseName::SteadyAfter),
        ];
        records.extend(phases.map(|(second, phase)| at(second, Event::Phase { phase })));
        let mut end = END;
        if let Some(lost) = self.data {
            end += 40;
            records.push(at(END, Event::Phase { phase: PhaseName::Reconcile }));
            records.extend(day_data::records(self.home, lost == Lost::One));
        }
        records.push(at(end, Event::Phase { phase: PhaseName::Teardown }));
        if self.ends {
            records.push(at(end, Event::Phase { phase: PhaseName::End }));
        }
        records.push(self.fault(FAULT, FaultAction::Injected));
        if self.heals {
            records.push(self.fault(HEAL, FaultAction::Healed));
        }
        for second in STEADY..END {
            for part in 0..self.sent_of_ten {
                records.push(self.request("north-america", second, part));
                records.push(self.request("europe", second, part));
            }
        }
        if self.telemetry {
            records.extend(self.told());
        }
        records.sort_by_key(|record| record.at_us);
        records
    }

    fn fault(&self, second: u64, action: FaultAction) -> Record {
        let fault =
            Event::Fault { fault: "region-outage-1".into(), kind: "region-outage".into(), action, region: Some(US) };
        at(second, fault)
    }

    fn request(&self, population: &'static str, second: u64, part: u64) -> Record {
        let leaves = (part as u32) < self.stayers && (self.moved..self.home).contains(&second);
        let away = population == "europe" || leaves;
        let region = if away { EU } else { US };
        let lost = self.effect && region == US && (FAULT..HEAL).contains(&second);
        let stray = self.strays.contains(&(population, second));
        let planned_us = second * 1_000_000 + part * 100_000 + 50_000;
        Record {
            at_us: planned_us + 40_000,
            event: Event::Request {
                population: population.into(),
                client: part as u32,
                operation: "GET /whoami".into(),
                planned_us,
                latency_us: 40_000,
                address: None,
                region: Some(region),
                status: Some(if lost || stray { 503 } else { 200 }),
                error: None,
                attempts: 1,
                release: None,
            },
        }
    }

    /// What the services of this day say about the failover and the failback.
    fn told(&self) -> Vec<Record> {
        let us = |second: u64| i64::try_from(second * 1_000_000).unwrap();
        let answer = |second, regions: &[Region]| {
            let from = Place::parse("north-america").unwrap();
            at(second, Event::Dns { name: "api.orders.example".into(), from, regions: regions.to_vec(), ttl_s: 60 })
        };
        let alarm = |second, state| {
            let alarm = Event::Alarm {
                alarm: "errors".into(),
                region: US,
                state,
                changed_us: us(second),
                reason: "2 of 3 datapoints".into(),
            };
            at(second + 3, alarm)
        };
        let line = |second, decision: &str| {
            let line = json!({"blackstart": "failover", "decision": decision, "guarded": "us-east-1", "reason": "errors is ALARM",
                "change_id": if decision == "failed-over" { "/change/C1" } else { "/change/C2" }});
            at(second + 2, Event::Function { function: "guard".into(), region: EU, logged_us: us(second), line })
        };
        let change = |second, id: &str, status, submitted| {
            at(second, Event::Change { id: id.into(), status, submitted_us: us(submitted) })
        };
        vec![
            answer(100, &[US]),
            at(
                430,
                Event::Datapoint {
                    region: US,
                    metric: "5XXError".into(),
                    period_start_us: us(360),
                    period_s: 60,
                    value: 0.9,
                    samples: 100.0,
                },
            ),
            alarm(500, AlarmState::Alarm),
            line(504, "invoked"),
            line(506, "failed-over"),
            change(507, "/change/C1", ChangeStatus::Pending, 506),
            answer(545, &[EU]),
            change(550, "/change/C1", ChangeStatus::Insync, 506),
            line(1400, "invoked"),
            line(1500, "failed-back"),
            change(1502, "/change/C2", ChangeStatus::Pending, 1500),
            change(1540, "/change/C2", ChangeStatus::Insync, 1500),
            answer(1541, &[US]),
        ]
    }

    pub fn judged_by(&self, plan: &Plan) -> Verdict {
        judge(plan, &self.records())
    }

    pub fn judged(&self) -> Verdict {
        self.judged_by(&plan())
    }
}

/// The same with a population of ten clients, of which the last two behave otherwise than the first eight.
pub fn mixed(others: Behaviour) -> Plan {
    let mut plan = plan();
    for people in &mut plan.traffic {
        people.clients = 10;
        people.behaviours = IndexMap::from([(Behaviour::HonoursTtl, 8), (others, 2)]);
    }
    plan
}

/// The shipped plan at ten requests a second for each population, and without its claims about data.
pub fn plan() -> Plan {
    use crate::scenario::Check;

    let mut plan = Plan::default();
    plan.assertions.retain(|assertion| {
        !matches!(
            assertion.check,
            Check::LostWritesAtMost { .. }
                | Check::ConvergedWithin { .. }
                | Check::DivergentItemsAtMost { .. }
                | Check::LastWriterWins
        )
    });
    for people in &mut plan.traffic {
        people.rate = crate::scenario::Rate::per_second(10.0).unwrap();
    }
    plan
}
