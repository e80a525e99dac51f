//! The schema of `history.jsonl`.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::capability::{Capability, Standing};
use crate::region::{Place, Region};
use crate::seed::Seed;
use crate::store::{Store, WriteKind};

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// When the harness saw it: microseconds since the run began.
    pub at_us: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// What was seen. Times inside an event are microseconds since the run began, like `at_us`; they can lie before
/// it where a service reports when something happened and the harness asked later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line. Nothing in it differs between two runs of the same scenario and seed.
    Run { scenario: String, target: String, seed: Seed, epoch: String, regions: Vec<Region> },
    /// What the target can do of what the plan needs, and what was seen of it; before anything is deployed.
    Capability { capability: Capability, standing: Standing, evidence: String },
    /// A stack reached this status while deploying or tearing down.
    Stack {
        stack: String,
        region: Region,
        status: String,
        took_ms: u64,
        /// Why the target does not take it, where it was left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// What the deployed stack takes its time from, read from the stack itself.
    Settings { alarm_period_s: Option<u32>, datapoints_to_alarm: Option<u32>, record_ttl_s: Option<u32> },
    /// A phase of the plan begins.
    Phase { phase: PhaseName },
    /// One request of a user, written when it ended.
    Request {
        population: String,
        client: u32,
        /// `GET /whoami`: method and route, ids left out.
        operation: String,
        /// When the arrival schedule wanted it sent; latency counts from here.
        planned_us: u64,
        latency_us: u64,
        /// The address the client's resolver gave it, and the Region whose edge has it.
        address: Option<Ipv4Addr>,
        region: Option<Region>,
        status: Option<u16>,
        /// Why there was no answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// How often it was sent; address, Region, status and error are of the last time.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        attempts: u32,
        /// The version of the application that answered, where the answer says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
    /// A resolver of a population asked the name servers: where its clients are sent until it asks again.
    Resolved { population: String, resolver: u32, regions: Vec<Region>, ttl_s: u32 },
    /// What the authoritative name servers answered for the public name, asked from a population's place.
    Dns { name: String, from: Place, regions: Vec<Region>, ttl_s: u32 },
    /// The record sets of the public name as the control plane lists them, at first sight and at each change.
    Records { name: String, sets: Vec<RecordSeen> },
    /// What the checkers of a health check said last: how many of them that it is healthy, and the words of one that
    /// did not. At first sight and whenever the numbers change.
    Checkers { check: String, healthy: u32, checkers: u32, failure: Option<String> },
    /// What the stacks have that costs money each month, read once after they were deployed.
    Inventory { checks: Vec<CheckFound>, alarms: Vec<AlarmFound> },
    /// A datapoint of a watched metric, when the harness first saw it published.
    Datapoint { region: Region, metric: String, period_start_us: i64, period_s: u32, value: f64, samples: f64 },
    /// An alarm's state, at first sight and at each change. `changed_us` is the service's own timestamp.
    Alarm { alarm: String, region: Region, state: AlarmState, changed_us: i64, reason: String },
    /// A line the failover function wrote: what it was asked, what it decided. `logged_us` is the log's timestamp.
    Function { function: String, region: Region, logged_us: i64, line: serde_json::Value },
    /// A Route 53 change, at first sight and when INSYNC.
    Change { id: String, status: ChangeStatus, submitted_us: i64 },
    /// A fault of the timeline was injected or healed.
    Fault { fault: String, kind: String, action: FaultAction, region: Option<Region> },
    /// What a fault did to the requests that met it, counted where the harness itself broke them: at the proxies in front of an
    /// emulator. Written when it is healed. Of what refuses, `fired` is how often a port was closed.
    FaultMet {
        fault: String,
        /// `users` or `services`.
        place: String,
        effect: String,
        matched: u64,
        fired: u64,
        resets: u64,
        first_us: Option<i64>,
        last_us: Option<i64>,
        /// The first few requests it was done to.
        samples: Vec<String>,
    },
    /// What passed the harness's proxies so far, by Region, before anything is deployed and at the end: `unanswered` got a 502 of the proxy's own, because the
    /// target did not answer.
    Passed { place: String, region: Region, requests: u64, answered: u64, unanswered: u64, unknown_hosts: u64 },
    /// What an operator does in the plan, when it began and when it ended; a rotation's version once it is known.
    Operation { operation: String, kind: String, action: OperationAction, version: Option<String>, what: String },
    /// One thing that must work before anything is broken, tried: whether it does, and what was seen.
    Preflight { check: String, region: Option<Region>, ok: bool, what: String, took_us: u64 },
    /// A call that writes ended. `write` numbers the writes of a run in the order they were sent.
    Write {
        write: u64,
        store: Store,
        key: String,
        kind: WriteKind,
        /// The population, or the part of the harness.
        by: String,
        /// Where it was made, where that is known.
        region: Option<Region>,
        started_us: u64,
        outcome: WriteOutcome,
        /// Of an object: its size and its version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Why it was not acknowledged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<String>,
        /// The version of the application that took it, where its answer says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
    /// A write was seen in another Region than its own for the first time. At `missed_us`, the look before, it was not
    /// there yet; the first look of all has none.
    Arrival { write: u64, region: Region, missed_us: Option<u64> },
    /// In the place of a write a later one was seen, or nothing, where it was deleted since.
    Superseded { write: u64, region: Region, by: Option<u64> },
    /// A read ended: which write it saw, or none.
    Read {
        store: Store,
        key: String,
        region: Option<Region>,
        /// The population or the part of the harness, and which of its clients.
        by: String,
        client: Option<u32>,
        started_us: u64,
        write: Option<u64>,
    },
    /// The replication status a Region gives for an object's version, at first sight and at each change:
    /// `x-amz-replication-status`.
    ObjectStatus { write: u64, region: Region, status: String },
    /// An item or object as the last scan of a Region found it. `digest` is over the whole of it; `about` over an
    /// object's metadata and tags.
    Scanned {
        store: Store,
        region: Region,
        key: String,
        write: Option<u64>,
        digest: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
    },
    /// The last scan of a Region's store came to its end, or could not; `began_us` is when it began.
    ScanEnded { store: Store, region: Region, items: u64, complete: bool, began_us: u64 },
    /// The version of the secret a Region serves as current, at first sight and at each change: its id and a digest,
    /// never the value. `missed_us` is the last look that saw the one before.
    SecretServed { region: Region, version: String, digest: String, missed_us: Option<u64> },
    /// What the primary says of a replica of the secret, at first sight and at each change.
    SecretReplica { region: Region, status: String, what: Option<String> },
    /// The versions of the secret that the backend accepts, at first sight and at each change.
    Backend { accepts: Vec<String> },
    /// A Region runs two versions of the application from now on, named as their answers name them.
    Releases { region: Region, control: String, canary: String },
    /// What the canary's conductor did. `share` is what the canary gets from now on, in percent.
    Canary { action: CanaryAction, step: u32, share: Option<f64>, what: String },
    /// The harness could not do what it wanted to: a probe that failed, a generator that fell behind.
    Trouble { stage: String, what: String },
}

/// One record set of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordSeen {
    /// Its set identifier; empty where it has none.
    pub id: String,
    pub weight: Option<u64>,
    /// The Region of a latency record.
    pub region: Option<Region>,
    /// Its values, or the name an alias record leads to.
    pub values: Vec<String>,
    /// The Region whose endpoint the values name.
    pub leads_to: Option<Region>,
    pub health_check: Option<String>,
    pub ttl_s: Option<u32>,
}

/// A health check of the stacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckFound {
    pub id: String,
    /// `HTTPS`, `CALCULATED`, `CLOUDWATCH_METRIC` and so on.
    pub kind: String,
    /// The Region it tells the health of: of its endpoint, its alarm or its children.
    pub region: Option<Region>,
    pub interval_s: Option<u32>,
    /// How many failures in a row make a checker say unhealthy.
    pub failure_threshold: Option<u32>,
    pub string_match: bool,
    pub latency: bool,
    pub inverted: bool,
    pub disabled: bool,
    /// Whether what it asks is in AWS.
    pub aws: bool,
    /// Of a calculated one: the checks it counts, and how many of them must be healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_at_least: Option<u32>,
}

/// An alarm of the stacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmFound {
    pub alarm: String,
    pub region: Region,
    /// The metrics it reads; none of a composite alarm.
    pub metrics: u32,
    pub period_s: Option<u32>,
}

const fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_once(attempts: &u32) -> bool {
    *attempts == 1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    Deploy,
    /// Steady state, before any fault.
    SteadyBefore,
    /// From the first fault to the last heal.
    Fault,
    /// From the last heal until traffic is back where it was, or the time for it is up.
    Failback,
    SteadyAfter,
    /// Users and writers have stopped: Regions become equal, and are scanned.
    Reconcile,
    Teardown,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChangeStatus {
    Pending,
    Insync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    Injected,
    Healed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationAction {
    Started,
    Finished,
    Failed,
}

/// Steps count from 1; 0 is before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CanaryAction {
    /// The new version is there, and gets nothing yet.
    Deployed,
    /// A step's share was set everywhere, and is being answered: its bake time begins.
    Baking,
    /// A step lacks data, and waits for more.
    Holding,
    /// A step is over and the canary no worse: the next one begins.
    Passed,
    /// The new version serves everybody.
    Promoted,
    /// The decision to go back, with the reason.
    RollingBack,
    /// All is as it was before the first shift, verified.
    RolledBack,
    /// Somebody else changed what the canary was about to change; it was left as found.
    Conflict,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteOutcome {
    /// The service said that it is written.
    Acknowledged,
    /// It certainly did not happen: a condition that did not hold, a request nobody took.
    Refused,
    /// It may have happened: no answer, or one that does not tell.
    Unknown,
}
