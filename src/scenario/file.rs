//! A scenario as written: every scalar keeps its place in the file, so that an error can point at it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::vocabulary as words;
use crate::region::{Place, Region};

/// Text with its place in the file.
pub type Text = Spanned<String>;

/// A rehearsal: what to deploy, who uses it, what breaks, and what must be true.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Blackstart scenario")]
pub struct File {
    /// The name of the scenario: letters, digits and dashes.
    #[schemars(with = "words::Name")]
    pub scenario: Text,
    #[serde(default)]
    pub description: String,
    /// One seed, one history. Default 7.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    pub seed: Option<Spanned<u64>>,
    #[serde(default)]
    pub target: TargetFile,
    #[serde(default)]
    pub steady_state: SteadyStateFile,
    /// Who uses the stack.
    #[schemars(with = "Vec<PopulationFile>", length(min = 1))]
    pub traffic: Spanned<Vec<PopulationFile>>,
    /// What breaks, when, and for how long.
    #[serde(default)]
    pub timeline: Vec<FaultFile>,
    /// What operators do meanwhile.
    #[serde(default)]
    pub operations: Vec<OperationFile>,
    /// What is written beside the users' own writes; every write is followed to every Region in any case.
    #[serde(default)]
    pub data: DataFile,
    /// A new version on its way to users.
    #[schemars(with = "Option<CanaryFile>")]
    pub canary: Option<Spanned<CanaryFile>>,
    #[serde(default)]
    pub failback: FailbackFile,
    /// What must be true for the run to pass.
    #[schemars(with = "Vec<AssertionFile>", length(min = 1))]
    pub assertions: Spanned<Vec<AssertionFile>>,
    /// What the stack takes its time from; the budget of each hop is worked out from it.
    #[serde(default)]
    pub settings: SettingsFile,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    #[schemars(with = "Option<words::Target>")]
    pub name: Option<Text>,
    /// The first is where services live that exist once.
    #[schemars(with = "Option<Vec<Region>>", length(min = 2))]
    pub regions: Option<Spanned<Vec<Text>>>,
    /// The directory of the templates, relative to this file.
    #[schemars(with = "Option<String>")]
    pub stack: Option<Text>,
    /// Overrides of the stack's own parameters.
    #[serde(default)]
    pub parameters: IndexMap<String, String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteadyStateFile {
    /// How long it is watched before the first fault and after the failback. Default 5m.
    #[schemars(with = "Option<words::Duration>")]
    pub duration: Option<Text>,
    /// The share of requests that must succeed in every window. Default 99.5%.
    #[schemars(with = "Option<words::Percent>")]
    pub success_at_least: Option<Text>,
    /// Default 10s.
    #[schemars(with = "Option<words::Duration>")]
    pub window: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PopulationFile {
    #[schemars(with = "words::Name")]
    pub population: Text,
    #[schemars(with = "Place")]
    pub from: Text,
    /// The Region that serves them in steady state.
    #[schemars(with = "Region")]
    pub home: Text,
    /// Requests they send, whatever becomes of the ones before.
    #[schemars(with = "words::Rate")]
    pub rate: Text,
    /// How many clients, each with connections of its own. Default 200.
    #[schemars(with = "Option<u32>")]
    pub clients: Option<Spanned<u32>>,
    /// How many resolvers they share, each with a cache of its own. Default 20.
    #[schemars(with = "Option<u32>")]
    pub resolvers: Option<Spanned<u32>>,
    /// How long a client waits for an answer. Default 5s.
    #[schemars(with = "Option<words::Duration>")]
    pub timeout: Option<Text>,
    /// Method and route, and how often it is asked for relative to the others.
    #[schemars(with = "IndexMap<String, u32>")]
    pub requests: Spanned<IndexMap<String, Spanned<u32>>>,
    /// How its clients behave, and how many of them relative to the others. Default: all of them honour TTLs.
    #[schemars(with = "Option<IndexMap<super::clients::Behaviour, u32>>")]
    pub behaviours: Option<Spanned<IndexMap<String, Spanned<u32>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = words::fault_keys)]
pub struct FaultFile {
    /// Names the fault in the history. Default: its kind and number.
    #[schemars(with = "Option<words::Name>")]
    pub id: Option<Text>,
    /// When, from the moment steady state has been watched. Default 0s.
    #[schemars(with = "Option<words::Duration>")]
    pub at: Option<Text>,
    #[schemars(with = "words::Fault")]
    pub fault: Text,
    /// region-outage, service-outage, clock-skew, degraded: where. poisoned-item, poisoned-secret: where it is written.
    #[schemars(with = "Option<Region>")]
    pub region: Option<Text>,
    /// region-outage: the stack's application, or everything in the Region. Default application.
    #[schemars(with = "Option<words::ScopeName>")]
    pub scope: Option<Text>,
    /// region-outage, service-outage: how it shows, by default 5xx. dns-outage: refuse or hang, by default refuse.
    #[schemars(with = "Option<words::ModeName>")]
    pub mode: Option<Text>,
    /// service-outage: the service by its SigV4 name, such as dynamodb.
    #[schemars(with = "Option<String>")]
    pub service: Option<Text>,
    /// service-outage: the operations that fail. Default all of them.
    #[schemars(with = "Option<Vec<String>>")]
    pub operations: Option<Spanned<Vec<String>>>,
    /// partition: the two Regions that cannot reach each other.
    #[schemars(with = "Option<[Region; 2]>")]
    pub between: Option<Spanned<Vec<Text>>>,
    /// replication-pause, replication-slow: of what.
    #[schemars(with = "Option<words::StoreName>")]
    pub of: Option<Text>,
    /// replication-pause, replication-slow: from this Region only.
    #[schemars(with = "Option<Region>")]
    pub from: Option<Text>,
    /// replication-pause, replication-slow: to this Region only.
    #[schemars(with = "Option<Region>")]
    pub to: Option<Text>,
    /// broken-replicator: what is wrong with it.
    #[schemars(with = "Option<words::DefectName>")]
    pub defect: Option<Text>,
    /// replication-slow: how many times as long it takes. broken-replicator that drops-one-in: in how many.
    #[schemars(with = "Option<u32>")]
    pub times: Option<Spanned<u32>>,
    /// clock-skew: how far the Region's clock runs ahead; with a minus sign, behind.
    #[schemars(with = "Option<words::SignedDuration>")]
    pub ahead: Option<Text>,
    /// poisoned-item: the key of the item. Default config.
    #[schemars(with = "Option<String>")]
    pub key: Option<Text>,
    /// degraded: the version that is bad, wherever it runs.
    #[schemars(with = "Option<String>")]
    pub release: Option<Text>,
    /// degraded: requests whose path begins with these segments, such as /health.
    #[schemars(with = "Option<words::PathName>")]
    pub only: Option<Text>,
    /// degraded: all requests but those whose path begins with these segments.
    #[schemars(with = "Option<words::PathName>")]
    pub except: Option<Text>,
    /// degraded: the share of requests the application answers with a 500.
    #[schemars(with = "Option<words::Percent>")]
    pub errors: Option<Text>,
    /// degraded: the share of requests the application dies of.
    #[schemars(with = "Option<words::Percent>")]
    pub crashes: Option<Text>,
    /// degraded: what an answer takes longer, in the mean.
    #[schemars(with = "Option<words::Duration>")]
    pub delay: Option<Text>,
    /// How long until it is healed.
    #[serde(rename = "for")]
    #[schemars(with = "words::Duration")]
    pub lasts: Text,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailbackFile {
    /// How long the run waits for users to be home. Default 15m.
    #[schemars(with = "Option<words::Duration>")]
    pub within: Option<Text>,
    /// The share of a population's answers that must come from its home Region. Default 99%.
    #[schemars(with = "Option<words::Percent>")]
    pub share_at_least: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = words::assertion_keys)]
pub struct AssertionFile {
    /// Default: what it asserts, with the hop or population.
    #[schemars(with = "Option<words::Name>")]
    pub id: Option<Text>,
    #[schemars(with = "words::Assertion")]
    pub assert: Text,
    /// A duration, share or count, as the assertion needs. The shares default to the steady state's.
    #[schemars(with = "Option<words::Bound>")]
    pub bound: Option<Text>,
    /// The one population it speaks of. Default every one.
    #[schemars(with = "Option<String>")]
    pub population: Option<Text>,
    /// The one kind of clients it speaks of. Default every one.
    #[schemars(with = "Option<words::BehaviourName>")]
    pub behaviour: Option<Text>,
    /// hop-within: which hop.
    #[schemars(with = "Option<words::HopName>")]
    pub hop: Option<Text>,
    /// served-by: the Region that must serve. guard-decides: the Region whose guard it is; default any.
    #[schemars(with = "Option<Region>")]
    pub region: Option<Text>,
    /// replication-lag-within: of what.
    #[schemars(with = "Option<words::StoreName>")]
    pub of: Option<Text>,
    /// replication-lag-within: which of the lags.
    #[schemars(with = "Option<words::PercentileName>")]
    pub percentile: Option<Text>,
    /// replication-lag-within: from this Region only.
    #[schemars(with = "Option<Region>")]
    pub from: Option<Text>,
    /// replication-lag-within: to this Region only.
    #[schemars(with = "Option<Region>")]
    pub to: Option<Text>,
    /// canary-decides: what becomes of it. guard-decides: what its log says.
    #[schemars(with = "Option<words::DecisionName>")]
    pub decision: Option<Text>,
    /// objects-replicated: the time within which. Default 15m.
    #[schemars(with = "Option<words::Duration>")]
    pub within: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationFile {
    /// Names the operation in the history. Default: its kind and number.
    #[schemars(with = "Option<words::Name>")]
    pub id: Option<Text>,
    /// When, from the moment steady state has been watched. Default 0s.
    #[schemars(with = "Option<words::Duration>")]
    pub at: Option<Text>,
    #[schemars(with = "words::OperationName")]
    pub operation: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryFile {
    /// The stack's parameters that make the new version.
    pub release: IndexMap<String, String>,
    /// What moves the traffic. Default route53.
    #[schemars(with = "Option<words::ShiftName>")]
    pub by: Option<Text>,
    /// Where it is released. Default: the second Region by route53, else all of them in lockstep.
    #[schemars(with = "Option<Vec<Region>>")]
    pub regions: Option<Spanned<Vec<Text>>>,
    /// When it begins, from the moment steady state has been watched. Default 0s.
    #[schemars(with = "Option<words::Duration>")]
    pub at: Option<Text>,
    #[schemars(with = "Vec<CanaryStepFile>", length(min = 1))]
    pub steps: Spanned<Vec<CanaryStepFile>>,
    /// How much longer than its bake time a step may wait for the data it needs. Default 10m.
    #[schemars(with = "Option<words::Duration>")]
    pub hold: Option<Text>,
    #[serde(default)]
    pub analysis: AnalysisFile,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryStepFile {
    /// Of all traffic by route53, of each Region's by alias or stage.
    #[schemars(with = "words::Percent")]
    pub share: Text,
    #[schemars(with = "words::Duration")]
    pub bake: Text,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisFile {
    /// The chance to roll back a canary that is no worse, over all steps and metrics. Default 5%.
    #[schemars(with = "Option<words::Percent>")]
    pub significance: Option<Text>,
    /// The chance to find one that is worse by what is given below, at each step. Default 90%.
    #[schemars(with = "Option<words::Percent>")]
    pub power: Option<Text>,
    /// How many percentage points higher an error rate must be to matter. Default 1%.
    #[schemars(with = "Option<words::Percent>")]
    pub errors_worse_by: Option<Text>,
    /// In how many of a hundred pairs of a canary's and a control's request the canary's may be the slower one; 50% is
    /// no difference. Default 60%.
    #[schemars(with = "Option<words::Percent>")]
    pub slower_in_at_most: Option<Text>,
    /// Requests of which a canary may not fail all or most: watched all the time.
    #[schemars(with = "Option<Vec<String>>")]
    pub critical: Option<Spanned<Vec<Text>>>,
    /// Requests that must have been seen often enough to judge.
    #[schemars(with = "Option<Vec<String>>")]
    pub must_have: Option<Spanned<Vec<Text>>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// A write that is in every Region within this is stable; after it, late. Default 10s.
    #[schemars(with = "Option<words::Duration>")]
    pub stable_within: Option<Text>,
    /// The least time between two looks for the same write: how fine a lag is measured. Default 250ms.
    #[schemars(with = "Option<words::Duration>")]
    pub look_every: Option<Text>,
    /// How long Regions may take to become equal after the last write. Default 2m.
    #[schemars(with = "Option<words::Duration>")]
    pub settle: Option<Text>,
    /// Writes and reads straight at the table, in every Region.
    pub table: Option<TableFile>,
    /// Objects written in every Region.
    pub objects: Option<ObjectsFile>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// In each Region.
    #[schemars(with = "words::Rate")]
    pub writes: Text,
    /// In each Region, of the same keys. Default none.
    #[schemars(with = "Option<words::Rate>")]
    pub reads: Option<Text>,
    /// How many keys; all Regions write to all of them. Default 200.
    #[schemars(with = "Option<u32>")]
    pub keys: Option<Spanned<u32>>,
    /// How often each kind of write is made, relative to the others. Default: puts alone.
    #[schemars(with = "Option<IndexMap<String, u32>>")]
    pub mix: Option<Spanned<IndexMap<String, Spanned<u32>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectsFile {
    /// In each Region.
    #[schemars(with = "words::Rate")]
    pub writes: Text,
    /// How many keys each Region overwrites. Default 100.
    #[schemars(with = "Option<u32>")]
    pub keys: Option<Spanned<u32>>,
    /// How often each size is written, relative to the others. Default: 4KB alone.
    #[schemars(with = "Option<IndexMap<String, u32>>")]
    pub sizes: Option<Spanned<IndexMap<String, Spanned<u32>>>>,
    /// An object that is in every Region within this is stable; after it, late. Default 15m.
    #[schemars(with = "Option<words::Duration>")]
    pub stable_within: Option<Text>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsFile {
    /// The period of the alarm's metric. Default 60s.
    #[schemars(with = "Option<words::Duration>")]
    pub metric_period: Option<Text>,
    /// How long after a period its datapoint can be read. Default 60s.
    #[schemars(with = "Option<words::Duration>")]
    pub metric_delay: Option<Text>,
    /// M of the alarm's M out of N datapoints. Default 2.
    #[schemars(with = "Option<u32>")]
    pub datapoints_to_alarm: Option<Spanned<u32>>,
    /// How often an alarm is evaluated. Default 60s.
    #[schemars(with = "Option<words::Duration>")]
    pub evaluation_interval: Option<Text>,
    /// From an alarm's change to the function's decision. Default 30s.
    #[schemars(with = "Option<words::Duration>")]
    pub action: Option<Text>,
    /// Default 60s.
    #[schemars(with = "Option<words::Duration>")]
    pub change_insync: Option<Text>,
    /// Default 60s.
    #[schemars(with = "Option<words::Duration>")]
    pub record_ttl: Option<Text>,
    /// Interval times threshold of the health check that sees the Region's return. Default 90s.
    #[schemars(with = "Option<words::Duration>")]
    pub health_check: Option<Text>,
    /// How long a Region must be healthy before it gets its traffic back. Default 3m.
    #[schemars(with = "Option<words::Duration>")]
    pub stable: Option<Text>,
    /// How often the harness looks. Default 5s.
    #[schemars(with = "Option<words::Duration>")]
    pub probe_interval: Option<Text>,
}
