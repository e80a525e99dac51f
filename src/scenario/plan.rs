//! What is meant: a plan that was checked once. Build one from a file with [`super::load`], or in Rust from
//! [`Plan::lose_region`] by changing its fields.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::quantity::{Operation, Percent, Rate, duration};
use crate::region::{Place, Region};
use crate::seed::Seed;

/// Everything a run needs to know. Written to `plan.json` and read back when a run is judged again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub scenario: String,
    pub description: String,
    /// The file it was read from, for the command that replays it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    pub seed: Seed,
    pub target: TargetPlan,
    pub steady_state: SteadyState,
    pub traffic: Vec<Population>,
    /// In the order they begin.
    pub timeline: Vec<TimedFault>,
    pub failback: Failback,
    pub assertions: Vec<Assertion>,
    pub settings: StackSettings,
}

/// What the stack is deployed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// `embedded`.
    pub name: String,
    /// The first is the one that services which exist once live in.
    pub regions: Vec<Region>,
    /// The directory of the templates.
    pub stack: PathBuf,
    /// Overrides of the stack's own parameters.
    pub parameters: IndexMap<String, String>,
}

/// What "users are fine" means, before the fault and after the heal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    #[serde(with = "duration")]
    pub duration: Duration,
    pub success_at_least: Percent,
    /// The length of the windows in which the ratio must hold.
    #[serde(with = "duration")]
    pub window: Duration,
}

/// Users of one part of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    pub name: String,
    pub from: Place,
    /// The Region that serves them in steady state.
    pub home: Region,
    pub rate: Rate,
    /// How many clients, each with connections of its own.
    pub clients: u32,
    /// How many resolvers they share, each with a cache of its own.
    pub resolvers: u32,
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// What they ask for, and how often relative to each other.
    pub requests: IndexMap<Operation, u32>,
}

/// A fault with its place on the timeline, which begins when steady state has been watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimedFault {
    /// Names it in the history.
    pub id: String,
    #[serde(with = "duration")]
    pub at: Duration,
    #[serde(rename = "for", with = "duration")]
    pub lasts: Duration,
    #[serde(flatten)]
    pub fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    RegionOutage {
        region: Region,
        scope: Scope,
        mode: Mode,
    },
    /// The API of one service, by its SigV4 name; no Region means everywhere, no operations means all of them.
    ServiceOutage {
        service: String,
        region: Option<Region>,
        operations: Vec<String>,
        mode: Mode,
    },
    Partition {
        between: (Region, Region),
    },
}

/// How much of a Region is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The stack's own application; the Region's control planes stay up.
    Application,
    /// Everything in it.
    Region,
}

/// How a broken thing shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    #[serde(rename = "refuse")]
    Refuse,
    #[serde(rename = "hang")]
    Hang,
    #[serde(rename = "5xx")]
    Status5xx,
}

/// Bringing users home after the heal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failback {
    /// How long the run waits for it before it goes on.
    #[serde(with = "duration")]
    pub within: Duration,
    /// The share of a population's answers that must come from its home Region.
    pub share_at_least: Percent,
}

/// A claim the run must prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    pub id: String,
    #[serde(flatten)]
    pub check: Check,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "assert", rename_all = "kebab-case")]
pub enum Check {
    /// A user saw the fault within this time of its injection.
    FaultObserved {
        #[serde(with = "duration")]
        within: Duration,
    },
    SteadyStateBefore {
        at_least: Percent,
    },
    SteadyStateAfter {
        at_least: Percent,
    },
    /// In steady state, this share of the answers came from the population's home Region. No population: each one.
    HomeServed {
        population: Option<String>,
        at_least: Percent,
    },
    FailoverWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
    FailbackWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
    /// This hop came at most so long after the one before it.
    HopWithin {
        hop: Hop,
        #[serde(with = "duration")]
        within: Duration,
    },
    FailedRequestsAtMost {
        population: Option<String>,
        at_most: u64,
    },
    FailedSecondsAtMost {
        population: Option<String>,
        #[serde(with = "duration")]
        at_most: Duration,
    },
    /// From this long after the effect until the heal, every answer came from this Region.
    ServedBy {
        region: Region,
        population: Option<String>,
        #[serde(with = "duration")]
        within: Duration,
    },
}

/// The hops of a failover, in the order they should happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hop {
    FaultObserved,
    #[serde(rename = "first-5xx-datapoint")]
    First5xxDatapoint,
    AlarmInAlarm,
    FunctionInvoked,
    ChangeAccepted,
    Insync,
    /// The first authoritative answer without the lost Region.
    AnswersMoved,
    /// The last request sent to the lost Region by a client that honours the TTL.
    LastClientOff,
}

/// What the stack and the services behind it take their time from; the budget of each hop is worked out from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackSettings {
    /// The period of the alarm's metric.
    #[serde(with = "duration")]
    pub metric_period: Duration,
    /// How long after a period ends its datapoint can be read.
    #[serde(with = "duration")]
    pub metric_delay: Duration,
    /// M of the alarm's "M out of N datapoints".
    pub datapoints_to_alarm: u32,
    /// How often an alarm is evaluated.
    #[serde(with = "duration")]
    pub evaluation_interval: Duration,
    /// From an alarm's change to the function's decision: delivery, a cold start, its look at the other Region.
    #[serde(with = "duration")]
    pub action: Duration,
    #[serde(with = "duration")]
    pub change_insync: Duration,
    #[serde(with = "duration")]
    pub record_ttl: Duration,
    /// Interval times threshold of the health check that sees the Region's return.
    #[serde(with = "duration")]
    pub health_check: Duration,
    /// How long a Region must be healthy without a break before it gets its traffic back.
    #[serde(with = "duration")]
    pub stable: Duration,
    /// How often the harness looks at alarms, metrics, changes and answers.
    #[serde(with = "duration")]
    pub probe_interval: Duration,
}

impl Default for StackSettings {
    fn default() -> Self {
        Self {
            // API Gateway sends its metrics every minute (API Gateway developer guide, "Monitor REST API execution").
            metric_period: Duration::from_secs(60),
            metric_delay: Duration::from_secs(60),
            // The shipped stack's alarm: 2 out of 3 datapoints.
            datapoints_to_alarm: 2,
            // Alarms with a period of 60 s or more are evaluated once a minute (CloudWatch user guide).
            evaluation_interval: Duration::from_secs(60),
            action: Duration::from_secs(30),
            // "Changes generally propagate to all Route 53 name servers within 60 seconds" (GetChange, API reference).
            change_insync: Duration::from_secs(60),
            // The shipped stack's RecordTtl; an alias to a Regional API Gateway domain has the same 60 s.
            record_ttl: Duration::from_secs(60),
            // The shipped stack's health checks: each 30 s, threshold 3.
            health_check: Duration::from_secs(90),
            // The shipped stack's StableSeconds.
            stable: Duration::from_secs(180),
            probe_interval: Duration::from_secs(5),
        }
    }
}

impl Hop {
    pub const ALL: [Self; 8] = [
        Self::FaultObserved,
        Self::First5xxDatapoint,
        Self::AlarmInAlarm,
        Self::FunctionInvoked,
        Self::ChangeAccepted,
        Self::Insync,
        Self::AnswersMoved,
        Self::LastClientOff,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FaultObserved => "fault-observed",
            Self::First5xxDatapoint => "first-5xx-datapoint",
            Self::AlarmInAlarm => "alarm-in-alarm",
            Self::FunctionInvoked => "function-invoked",
            Self::ChangeAccepted => "change-accepted",
            Self::Insync => "insync",
            Self::AnswersMoved => "answers-moved",
            Self::LastClientOff => "last-client-off",
        }
    }
}

impl Check {
    /// `failover-within`: the kind, as scenario files spell it, and the id of an assertion that has none.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::FaultObserved { .. } => "fault-observed",
            Self::SteadyStateBefore { .. } => "steady-state-before",
            Self::SteadyStateAfter { .. } => "steady-state-after",
            Self::HomeServed { .. } => "home-served",
            Self::FailoverWithin { .. } => "failover-within",
            Self::FailbackWithin { .. } => "failback-within",
            Self::HopWithin { .. } => "hop-within",
            Self::FailedRequestsAtMost { .. } => "failed-requests-at-most",
            Self::FailedSecondsAtMost { .. } => "failed-seconds-at-most",
            Self::ServedBy { .. } => "served-by",
        }
    }

    /// Under the id it has where none is given.
    pub fn into_assertion(self) -> Assertion {
        Assertion { id: self.default_id(), check: self }
    }

    /// The kind, and what tells two of the same kind apart.
    pub fn default_id(&self) -> String {
        let kind = self.kind();
        match self {
            Self::HopWithin { hop, .. } => format!("{kind}-{}", hop.as_str()),
            Self::HomeServed { population: Some(name), .. }
            | Self::ServedBy { population: Some(name), .. }
            | Self::FailedRequestsAtMost { population: Some(name), .. }
            | Self::FailedSecondsAtMost { population: Some(name), .. } => format!("{kind}-{name}"),
            _ => kind.to_owned(),
        }
    }
}

impl Fault {
    /// `region-outage`: the kind, as scenario files and histories spell it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RegionOutage { .. } => "region-outage",
            Self::ServiceOutage { .. } => "service-outage",
            Self::Partition { .. } => "partition",
        }
    }

    /// The Region it takes something away from, where it is one.
    pub fn region(&self) -> Option<Region> {
        match self {
            Self::RegionOutage { region, .. } => Some(*region),
            Self::ServiceOutage { region, .. } => *region,
            Self::Partition { .. } => None,
        }
    }
}

impl Plan {
    /// The Region the timeline takes away first.
    pub fn lost(&self) -> Option<Region> {
        let outage = |timed: &TimedFault| match timed.fault {
            Fault::RegionOutage { region, .. } => Some(region),
            _ => None,
        };
        self.timeline.iter().find_map(outage)
    }
}
