//! What is meant: a plan that was checked once. Build one from a file with [`super::load`], or in Rust from
//! [`Plan::lose_region`] by changing its fields.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::assertion::Assertion;
use super::canary::CanaryPlan;
use super::clients::{Behaviour, stretches};
use super::data::DataPlan;
use super::quantity::{Operation, Percent, Rate, duration};
use super::settings::Settings;
use crate::region::{Place, Region};
use crate::seed::Seed;
use crate::store::Store;

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
    /// What operators do meanwhile, in order.
    #[serde(default)]
    pub operations: Vec<TimedOperation>,
    /// What is written beside the users' own writes, and what is looked at.
    #[serde(default)]
    pub data: DataPlan,
    /// A new version on its way to users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryPlan>,
    pub failback: Failback,
    pub assertions: Vec<Assertion>,
    pub settings: StackSettings,
}

/// What the stack is deployed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// `embedded`, `localstack`, `endpoint` or `aws`.
    pub name: String,
    /// The first is the one that services which exist once live in.
    pub regions: Vec<Region>,
    /// The directory of the templates.
    pub stack: PathBuf,
    /// Overrides of the stack's own parameters.
    pub parameters: IndexMap<String, String>,
    /// What `blackstart.yaml` says of it.
    #[serde(default, skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    /// What led there, for commands that go there again.
    #[serde(default, skip_serializing_if = "Reached::is_default")]
    pub reached: Reached,
}

/// What was said, beside the plan, of how its target is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reached {
    /// The settings file that was read.
    pub config: Option<PathBuf>,
    /// As --endpoint-url gave it.
    pub endpoint_url: Option<String>,
    /// The variables of the environment that lead to endpoints.
    pub variables: IndexMap<String, String>,
}

impl Reached {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl TargetPlan {
    /// `blackstart status` and the like, with what makes it go where this plan goes; quoted for a shell.
    pub fn command(&self, command: &str) -> String {
        let Reached { config, endpoint_url, variables } = &self.reached;
        let mut words: Vec<String> = variables.iter().map(|(name, url)| format!("{name}={}", quoted(url))).collect();
        words.push(command.to_owned());
        if self.name != "embedded" {
            words.push(format!("--target {}", self.name));
            words.extend(config.iter().map(|file| format!("--config {}", quoted(&file.to_string_lossy()))));
            words.extend(endpoint_url.iter().map(|url| format!("--endpoint-url {}", quoted(url))));
        }
        words.join(" ")
    }
}

/// Text as one word of a POSIX shell.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
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
    /// How its clients behave, and how many of them relative to each other.
    #[serde(default = "well_behaved")]
    pub behaviours: IndexMap<Behaviour, u32>,
}

fn well_behaved() -> IndexMap<Behaviour, u32> {
    IndexMap::from([(Behaviour::HonoursTtl, 1)])
}

impl Population {
    /// Which of its clients behave how.
    pub fn stretches(&self) -> Vec<(Behaviour, std::ops::Range<u32>)> {
        stretches(self.clients, &self.behaviours)
    }
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The name servers answer nobody: resolvers have what they still keep, and then nothing.
    DnsOutage {
        mode: Mode,
    },
    Partition {
        between: (Region, Region),
    },
    /// A store's replication stands still in one direction, or in all of them; what is written waits and arrives
    /// after the heal.
    ReplicationPause {
        of: Store,
        from: Option<Region>,
        to: Option<Region>,
    },
    /// A store's replication takes this many times as long.
    ReplicationSlow {
        of: Store,
        from: Option<Region>,
        to: Option<Region>,
        times: u32,
    },
    /// The clock a Region's services stamp writes with runs ahead; negative: behind.
    ClockSkew {
        region: Region,
        ahead_ms: i64,
    },
    /// A replicator that is broken on purpose, to see whether it is found out. No real one can be told to.
    BrokenReplicator {
        #[serde(flatten)]
        defect: Defect,
    },
    /// The application answers, and a share of its answers is bad or late: a grey failure of a Region, or a bad release.
    Degraded(Degraded),
    /// Bad data is written in one Region, and replicates. Healed by writing what was there before.
    Poison {
        what: Poisoned,
        region: Region,
    },
}

/// Whose answers are bad, and how bad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Degraded {
    /// `None` for all of them.
    pub region: Option<Region>,
    /// The version that is bad, wherever it runs; `None` for all of them.
    pub release: Option<String>,
    /// Requests whose path begins with these segments, and no others.
    pub only: Option<String>,
    /// All requests but those whose path begins with these segments.
    pub except: Option<String>,
    /// The share of requests the application answers with a 500.
    pub errors: Percent,
    /// The share of requests the application dies of.
    pub crashes: Percent,
    /// What an answer takes longer, in the mean.
    #[serde(with = "duration")]
    pub delay: Duration,
}

impl Degraded {
    /// Nothing is wrong yet.
    pub const NOTHING: Self = Self {
        region: None,
        release: None,
        only: None,
        except: None,
        errors: Percent::NONE,
        crashes: Percent::NONE,
        delay: Duration::ZERO,
    };

    /// Whether it is for a request of this route or path.
    pub fn is_for(&self, path: &str) -> bool {
        let is_under = |prefix: &String| {
            let rest = path.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.only.as_ref().is_none_or(is_under) && !self.except.as_ref().is_some_and(is_under)
    }
}

/// What a broken replicator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "defect", rename_all = "kebab-case")]
pub enum Defect {
    /// One change of an item in so many never arrives.
    DropsOneIn { count: u32 },
    /// Of two versions of an item the earlier one wins.
    EarlierWins,
    /// Of two versions of an item the one that is there already wins.
    LocalWins,
    /// Deletes of items do not replicate.
    ForgetsDeletes,
    /// Objects are COMPLETED and not there.
    CompletesWithoutCopy,
    /// Replicas of the secret serve the version that is still being made.
    PublishesPending,
}

/// What is poisoned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Poisoned {
    /// The item of this key in the table holds what the application cannot read.
    Item { key: String },
    /// The secret's value is one the application cannot use.
    Secret,
}

/// Something an operator does at a moment of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedOperation {
    /// Names it in the history.
    pub id: String,
    #[serde(with = "duration")]
    pub at: Duration,
    #[serde(flatten)]
    pub operation: Operate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operate {
    /// Rotates the secret in its primary Region.
    RotateSecret,
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

impl Fault {
    /// `region-outage`: the kind, as scenario files and histories spell it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RegionOutage { .. } => "region-outage",
            Self::ServiceOutage { .. } => "service-outage",
            Self::DnsOutage { .. } => "dns-outage",
            Self::Partition { .. } => "partition",
            Self::ReplicationPause { .. } => "replication-pause",
            Self::ReplicationSlow { .. } => "replication-slow",
            Self::ClockSkew { .. } => "clock-skew",
            Self::BrokenReplicator { .. } => "broken-replicator",
            Self::Degraded(_) => "degraded",
            Self::Poison { what: Poisoned::Item { .. }, .. } => "poisoned-item",
            Self::Poison { what: Poisoned::Secret, .. } => "poisoned-secret",
        }
    }

    /// The Region it takes something away from, where it is one.
    pub fn region(&self) -> Option<Region> {
        match self {
            Self::RegionOutage { region, .. } => Some(*region),
            Self::ServiceOutage { region, .. } => *region,
            // A bad release is no Region's fault.
            Self::Degraded(degraded) => degraded.region.filter(|_| degraded.release.is_none()),
            Self::DnsOutage { .. } | Self::Partition { .. } => None,
            Self::ReplicationPause { .. } | Self::ReplicationSlow { .. } => None,
            // Nothing is taken away from anybody by itself.
            Self::ClockSkew { .. } | Self::BrokenReplicator { .. } | Self::Poison { .. } => None,
        }
    }

    /// Whether users should feel it: a fault of replication alone is seen in the data and nowhere else, and a bad
    /// release is the canary's to find.
    pub fn is_felt(&self) -> bool {
        match self {
            Self::RegionOutage { .. } | Self::ServiceOutage { .. } | Self::DnsOutage { .. } => true,
            Self::Degraded(degraded) => degraded.release.is_none(),
            _ => false,
        }
    }

    /// Whether it takes away only an API that guards and operators call and users never do: what users feel meanwhile is
    /// another fault's doing.
    pub fn is_behind_users(&self) -> bool {
        const BEHIND: [&str; 6] = ["acm", "cloudformation", "logs", "monitoring", "route53", "sns"];
        matches!(self, Self::ServiceOutage { service, .. } if BEHIND.contains(&service.as_str()))
    }
}

impl Operate {
    /// `rotate-secret`: as scenario files and histories spell it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RotateSecret => "rotate-secret",
        }
    }
}

impl Plan {
    /// Whether the users of this plan should feel a fault: one of paths that none of them asks for is not felt.
    pub fn feels(&self, fault: &Fault) -> bool {
        fault.is_felt()
            && match fault {
                Fault::Degraded(degraded) => self.asks_for(degraded),
                _ => true,
            }
    }

    /// Whether anybody asks for what is degraded.
    pub fn asks_for(&self, degraded: &Degraded) -> bool {
        let mut routes = self.traffic.iter().flat_map(|people| people.requests.keys());
        routes.any(|operation| degraded.is_for(&operation.route))
    }

    /// The Region the timeline takes away first.
    pub fn lost(&self) -> Option<Region> {
        let outage = |timed: &TimedFault| match timed.fault {
            Fault::RegionOutage { region, .. } => Some(region),
            _ => None,
        };
        self.timeline.iter().find_map(outage)
    }
}
