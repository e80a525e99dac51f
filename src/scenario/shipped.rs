//! The plan that ships: a Region's application gone for a quarter of an hour.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::assertion::{Assertion, Check};
use super::clients::Behaviour;
use super::data::DataPlan;
use super::plan::{Failback, Fault, Mode, Plan, Population, Scope, StackSettings, SteadyState, TargetPlan, TimedFault};
use super::quantity::{Operation, Percent, Rate};
use super::settings::Settings;
use crate::region::{Place, Region};
use crate::seed::Seed;

impl Default for Plan {
    fn default() -> Self {
        Self::lose_region(Region::US_EAST_1)
    }
}

impl Plan {
    /// Loses one Region of the shipped pair, as `scenarios/lose-us-east-1.yaml` does.
    pub fn lose_region(lost: Region) -> Self {
        let survivor = if lost == Region::EU_WEST_1 { Region::US_EAST_1 } else { Region::EU_WEST_1 };
        Self {
            scenario: format!("lose-{lost}"),
            description: format!(
                "The application of {lost} answers 5xx for 15 minutes; users move to {survivor} and back."
            ),
            source: None,
            seed: Seed(7),
            target: TargetPlan {
                name: "embedded".to_owned(),
                regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
                stack: PathBuf::from("stack"),
                parameters: IndexMap::new(),
                settings: Settings::default(),
                reached: super::Reached::default(),
            },
            steady_state: SteadyState {
                duration: minutes(5),
                success_at_least: percent(99.5),
                window: Duration::from_secs(10),
            },
            traffic: [
                population("north-america", Region::US_EAST_1, 30.0),
                population("europe", Region::EU_WEST_1, 20.0),
            ]
            .into_iter()
            .flatten()
            .collect(),
            timeline: vec![TimedFault {
                id: "region-outage-1".to_owned(),
                at: Duration::ZERO,
                lasts: minutes(15),
                fault: Fault::RegionOutage { region: lost, scope: Scope::Application, mode: Mode::Status5xx },
            }],
            operations: Vec::new(),
            data: DataPlan::default(),
            canary: None,
            failback: Failback { within: minutes(15), share_at_least: percent(99.0) },
            assertions: assertions(survivor),
            settings: StackSettings::default(),
        }
    }
}

impl Plan {
    /// The stack's stores alone, in the shipped pair of Regions: no API and no users. Nothing is written, nothing
    /// breaks and nothing is claimed until the caller says so.
    pub fn stores() -> Self {
        let shipped = Self::default();
        let alone = ("Application".to_owned(), "false".to_owned());
        Self {
            scenario: "stores".to_owned(),
            description: "The stores of both Regions, without an application.".to_owned(),
            target: TargetPlan { parameters: [alone].into(), ..shipped.target },
            steady_state: SteadyState {
                duration: Duration::from_secs(1),
                window: Duration::from_secs(1),
                ..shipped.steady_state
            },
            traffic: Vec::new(),
            timeline: Vec::new(),
            assertions: Vec::new(),
            ..shipped
        }
    }
}

fn assertions(survivor: Region) -> Vec<Assertion> {
    let checks = [
        Check::SteadyStateBefore { at_least: percent(99.5) },
        Check::HomeServed { population: None, at_least: percent(99.0) },
        Check::FaultObserved { within: Duration::from_secs(10) },
        Check::FailoverWithin { behaviour: None, within: minutes(6) },
        Check::ServedBy { region: survivor, population: None, behaviour: None, within: minutes(7) },
        Check::FailbackWithin { within: minutes(12) },
        Check::SteadyStateAfter { at_least: percent(99.5) },
        Check::LostWritesAtMost { at_most: 0 },
        Check::ConvergedWithin { within: minutes(1) },
        Check::DivergentItemsAtMost { at_most: 0 },
        Check::LastWriterWins,
    ];
    checks.into_iter().map(Check::into_assertion).collect()
}

fn population(name: &str, home: Region, rate: f64) -> Option<Population> {
    let mix = [("GET /whoami", 40), ("PUT /orders/{id}", 20), ("GET /orders/{id}", 30), ("GET /assets/{key}", 10)];
    Some(Population {
        name: name.to_owned(),
        from: Place::parse(name).ok()?,
        home,
        rate: Rate::per_second(rate)?,
        clients: 200,
        resolvers: 20,
        timeout: Duration::from_secs(5),
        behaviours: IndexMap::from([(Behaviour::HonoursTtl, 1)]),
        requests: mix.iter().filter_map(|(text, weight)| Some((Operation::parse(text).ok()?, *weight))).collect(),
    })
}

fn percent(percent: f64) -> Percent {
    Percent::new(percent).unwrap_or(Percent::ALL)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}
