//! The verdict: what `verdict.json` holds.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canary::CanarySeen;
use crate::capability::{Capability, Standing};
use crate::region::{Place, Region};
use crate::scenario::Behaviour;
use crate::seed::Seed;

/// Proven true, proven false, or not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    Inconclusive,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Fail outweighs inconclusive, which outweighs pass; nothing at all is inconclusive.
    pub fn of(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = None;
        for outcome in outcomes {
            sum = Some(match (sum, outcome) {
                (Some(Self::Fail), _) | (_, Self::Fail) => Self::Fail,
                (Some(Self::Inconclusive), _) | (_, Self::Inconclusive) => Self::Inconclusive,
                _ => Self::Pass,
            });
        }
        sum.unwrap_or(Self::Inconclusive)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a run proved. Times are milliseconds since the run began, durations milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    pub scenario: String,
    pub target: String,
    /// What this target cannot prove.
    pub proves: String,
    pub seed: Seed,
    pub verdict: Outcome,
    /// Why the run as a whole proves less than it should; empty for a sound run.
    pub doubts: Vec<String>,
    /// What the target was not proven to be able to do, and what that leaves open; empty where it can do all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The stacks that the target does not take, as it said; empty where it takes all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks_left_out: Vec<StackLeftOut>,
    /// What faults did to whom, where the harness broke the requests itself; empty where the target was broken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub injections: Vec<InjectionSeen>,
    /// What the harness could not do, by stage.
    pub troubles: Vec<Trouble>,
    pub assertions: Vec<Judgement>,
    /// The first fault of the timeline; null where the plan has none.
    pub failover: Option<Failover>,
    pub failback: Option<Failback>,
    /// Every fault that users should feel, each with its own RTO; the first of them is `failover`.
    #[serde(default)]
    pub outages: Vec<OutageSeen>,
    /// How often the authoritative answer changed, by the place it was asked from.
    #[serde(default)]
    pub answers: Vec<AnswerMoves>,
    /// What the checks and alarms cost a month; null where nobody read which there are.
    #[serde(default)]
    pub cost: Option<Cost>,
    pub requests: Requests,
    /// What each kind of client lived through, by population.
    #[serde(default)]
    pub clients: Vec<ClientsSeen>,
    /// Where the public name's records have weights: what they declare, what resolvers were told, where requests went.
    #[serde(default)]
    pub splits: Vec<SplitSeen>,
    /// What became of every acknowledged write; null where nothing was written.
    pub rpo: Option<Rpo>,
    pub replication: Replication,
    /// Whether the Regions' tables became equal; null where nothing was written.
    pub convergence: Option<Convergence>,
    /// How old what was read was, by Region.
    pub reads: Vec<ReadsSeen>,
    /// Null where no object was written or scanned.
    pub objects: Option<ObjectsSeen>,
    /// Null where nobody looked at the secret.
    pub secrets: Option<SecretsSeen>,
    /// What was tried before anything was broken.
    pub preflight: Vec<PreflightSeen>,
    /// Null where the plan has none.
    #[serde(default)]
    pub canary: Option<CanarySeen>,
    pub simulated_ms: u64,
    /// What the run cost its user in real time; absent when a stored history was judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

/// Something the plan needs and the target was not proven to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    pub capability: Capability,
    pub standing: Standing,
    pub evidence: String,
    /// The assertions that need it: all are inconclusive.
    pub assertions: Vec<String>,
    /// The faults that could not be injected.
    pub faults: Vec<String>,
}

/// A stack that was not deployed, because the target does not take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StackLeftOut {
    /// By the name it would have been deployed under.
    pub stack: String,
    pub region: Region,
    pub why: String,
}

/// What a fault did to the requests that met it, counted where the harness itself broke them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InjectionSeen {
    pub fault: String,
    /// Whose requests: `users` or `services`.
    pub place: String,
    pub effect: String,
    pub matched: u64,
    /// Those it was done to; of what refuses, how often a port was closed.
    pub fired: u64,
    pub resets: u64,
    pub first_at_ms: Option<u64>,
    pub last_at_ms: Option<u64>,
    pub samples: Vec<String>,
}

/// What one stage of the harness could not do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    pub stage: String,
    pub times: u64,
    pub first_at_ms: u64,
    /// What was said the first time.
    pub first: String,
}

/// One assertion judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    pub id: String,
    pub verdict: Outcome,
    /// Null where there was nothing to measure.
    pub measured: Option<f64>,
    pub bound: f64,
    /// `s`, `s at least`, `%`, `% of requests`, or what is counted: `requests`, `writes`, `items`, `objects`, `reads`, `decisions`,
    /// `looks`, `moves`, `updates`, `populations`, `points`.
    pub unit: String,
    /// Of a claim about a decision: the decision, in place of a number. Null where none was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// The decision that was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    pub evidence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failover {
    pub fault: String,
    pub lost: Option<Region>,
    pub injected_at_ms: Option<u64>,
    /// The first observed effect of the fault: the clock of the RTO starts here.
    pub effect_at_ms: Option<u64>,
    pub healed_at_ms: Option<u64>,
    pub hops: Vec<HopSeen>,
    /// From the effect until every population was back within its steady-state bound, for good, before the heal.
    pub rto_ms: Option<u64>,
    /// Whose doing it was that answers moved; null where nobody looked.
    #[serde(default)]
    pub moved_by: Option<MovedBy>,
    /// What the stack's own settings allow from the injection to the last hop.
    pub budget_ms: u64,
    /// Why there is no RTO, or what it was limited by.
    pub evidence: String,
}

/// Who moved the traffic of a lost Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MovedBy {
    /// The failover function: it made a record lead elsewhere, and then answers moved.
    Lambda,
    /// Answers moved, and no record was changed.
    HealthCheck,
    /// Answers moved, a record was changed, and its health check was lost as well.
    Both,
    Nobody,
}

/// One fault that users should feel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutageSeen {
    pub fault: String,
    pub lost: Option<Region>,
    pub injected_at_ms: u64,
    /// Null where users did not feel it.
    pub effect_at_ms: Option<u64>,
    pub healed_at_ms: Option<u64>,
    pub rto_ms: Option<u64>,
    pub evidence: String,
}

/// How often the authoritative answer to one place changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerMoves {
    pub from: Place,
    pub moves: u64,
}

/// What guarding costs a month, in US dollars, by list prices without free tiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    pub lines: Vec<CostLine>,
    pub usd: f64,
    /// Where the prices are from, and of when.
    pub prices: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    pub what: String,
    pub count: f64,
    /// What is counted.
    pub unit: String,
    pub usd_each: f64,
    pub usd: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failback {
    pub healed_at_ms: Option<u64>,
    pub hops: Vec<HopSeen>,
    /// From the heal until every population was served from its home Region again, for good.
    pub took_ms: Option<u64>,
    pub budget_ms: u64,
    pub evidence: String,
}

/// One hop of a failover or failback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopSeen {
    pub name: String,
    /// The hop it follows from; empty for the injection or the heal.
    pub after: String,
    /// Null where it was not seen; `evidence` says why.
    pub at_ms: Option<u64>,
    /// Since the hop it follows from.
    pub took_ms: Option<u64>,
    pub budget_ms: u64,
    pub evidence: String,
    /// Nothing in the history could have shown it: that it was not seen proves nothing.
    pub blind: bool,
}

impl HopSeen {
    pub fn is_late(&self) -> bool {
        self.took_ms.is_some_and(|took| took > self.budget_ms)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    pub sent: u64,
    pub ok: u64,
    pub failed: u64,
    pub by_population: IndexMap<String, PopulationSeen>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PopulationSeen {
    pub sent: u64,
    pub ok: u64,
    pub failed: u64,
    /// Seconds in which fewer requests succeeded than steady state allows.
    pub failed_seconds: u64,
    /// Requests a second: what the plan asks for, and what was sent while users were sending.
    #[serde(default)]
    pub planned_per_s: f64,
    #[serde(default)]
    pub achieved_per_s: Option<f64>,
    /// Success in percent by phase; null without requests.
    pub success_before: Option<f64>,
    pub success_during: Option<f64>,
    pub success_after: Option<f64>,
    /// Good answers from the home Region in percent, in steady state before the fault and after the failback.
    pub home_before: Option<f64>,
    pub home_after: Option<f64>,
}

/// The clients of a population that behave alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientsSeen {
    pub population: String,
    pub behaviour: Behaviour,
    pub clients: u32,
    pub sent: u64,
    pub ok: u64,
    pub failed: u64,
    /// Seconds in which fewer of their requests succeeded than steady state allows.
    pub failed_seconds: u64,
    /// How often the requests were sent, all tries counted; how many were sent more than once; and how many of those are
    /// not idempotent, so that they may have happened twice.
    pub attempts: u64,
    pub retried: u64,
    pub repeated: u64,
    pub back: Back,
    /// From the effect of the fault until they were back for good, before the heal; 0 where they never were away.
    pub rto_ms: Option<u64>,
    /// From the effect to their last request to the lost Region before the heal.
    pub last_to_lost_ms: Option<u64>,
    /// By when after the injection they should be back, from the stack's settings and how they behave; null where nothing
    /// makes them come back. `bound` says why.
    pub bound_ms: Option<u64>,
    pub evidence: String,
    pub bound: String,
}

/// Whether clients that were cut off came back before the heal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Back {
    /// They never were below their bound.
    NeverAway,
    Back,
    NotBack,
    /// `evidence` says why that cannot be said.
    Unknown,
}

/// A population while the declared weights stood still and answers had settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SplitSeen {
    pub population: String,
    pub from_ms: u64,
    pub until_ms: u64,
    /// How often its resolvers asked the name servers, and were led to one Region.
    pub answers: u64,
    /// Answers between the stretch before and this one, in which answers had not settled or a Region was lost.
    pub left_out: u64,
    pub requests: u64,
    pub shares: Vec<ShareSeen>,
}

/// A Region's part of a split, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShareSeen {
    /// The set identifier of the record that leads there.
    pub id: String,
    pub region: Region,
    pub weight: u64,
    pub declared: f64,
    pub answers: u64,
    pub by_answers: Option<Interval>,
    /// Requests sent there, good and bad. The interval takes each for a draw of its own, which they are not: clients of
    /// one resolver go the same way until it asks again.
    pub requests: u64,
    pub by_requests: Option<Interval>,
}

/// A share in percent with its 95 % confidence interval (Clopper and Pearson).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

/// Every write of the run to the table, in exactly one class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rpo {
    pub acked: u64,
    /// Reached every Region within the bound.
    pub stable: u64,
    /// Reached them after it.
    pub late: u64,
    /// A later writer's version took its place before it was everywhere.
    pub overwritten: u64,
    /// Of the overwritten: those that were not everywhere when the bound of stable had passed.
    #[serde(default)]
    pub overwritten_late: u64,
    /// In no Region's final state, or not in all of them, and nobody overwrote it.
    pub lost: u64,
    /// Acknowledged, and nobody looked often enough to say.
    pub unproven: u64,
    /// Never acknowledged: it may have happened. Not part of `acked`.
    pub unknown: u64,
    /// Those of them that were found to have happened.
    pub happened: u64,
    /// How long before it was lost the oldest lost write was acknowledged; 0 without losses.
    pub seconds: f64,
    /// What only a lost Region had when it was lost.
    pub stranded: Option<Stranded>,
    /// The first hundred lost writes.
    pub lost_writes: Vec<WriteSeen>,
}

/// Writes that were acknowledged in a Region and nowhere else when it was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stranded {
    pub region: Region,
    pub at_ms: u64,
    pub writes: u64,
    /// What the RPO would have been, had the Region never come back: the age of the oldest of them.
    pub seconds: f64,
    /// What became of them.
    pub arrived: u64,
    pub overwritten: u64,
    pub lost: u64,
    /// When the last of them arrived.
    pub last_arrived_ms: Option<u64>,
    /// The first hundred of them.
    pub first: Vec<WriteSeen>,
}

/// One write and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WriteSeen {
    pub write: u64,
    pub key: String,
    pub by: String,
    pub region: Option<Region>,
    pub acked_at_ms: u64,
    /// `stable`, `late`, `overwritten`, `lost`.
    pub class: String,
    /// From its acknowledgement until the last Region had it.
    pub lag_ms: Option<u64>,
    pub overwritten_by: Option<u64>,
}

/// The lags that were measured, by direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replication {
    pub tables: Vec<Lag>,
    pub objects: Vec<Lag>,
    pub secrets: Vec<Lag>,
}

/// The lags of one direction, from acknowledged to seen. What never arrived is in no percentile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lag {
    pub from: Region,
    pub to: Region,
    /// Of objects: the size class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    pub samples: u64,
    /// Sent and not seen to arrive.
    pub missing: u64,
    pub p50_ms: Option<u64>,
    pub p90_ms: Option<u64>,
    pub p99_ms: Option<u64>,
    pub worst_ms: Option<u64>,
    /// For how long the other Region lacked a write or what replaced it, at worst.
    pub staleness_ms: Option<u64>,
}

/// Whether the Regions became equal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Convergence {
    /// The last heal, or where there was none the end of all writing.
    pub since_ms: Option<u64>,
    /// From then until everything acknowledged before was everywhere or replaced; null where that was not proven.
    pub took_ms: Option<u64>,
    /// Writes of before that were not proven to be everywhere or replaced.
    pub open: u64,
    /// Keys that the final scans found, all Regions taken together; 0 where a scan is missing.
    pub compared: u64,
    /// Keys of which they found different things in different Regions, and the first ten of them.
    pub divergent: u64,
    pub first: Vec<Divergence>,
    /// Keys that ended as a write that was over before a later acknowledged one began, and the first ten of them.
    pub misordered: u64,
    pub misorders: Vec<Misordered>,
    /// Those of them that were there although the last write deleted them.
    pub zombies: u64,
}

/// A key that is not the same in all Regions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Divergence {
    pub key: String,
    /// What differs: `missing`, `content`, or `metadata or tags`.
    pub what: String,
    pub sides: Vec<Side>,
}

/// What the final scan of a Region found of a key, and who wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    pub region: Region,
    pub write: Option<u64>,
    /// Null where there is nothing.
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    pub written_in: Option<Region>,
    pub by: Option<String>,
    pub acked_at_ms: Option<u64>,
}

/// A key that ended as an earlier write than the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Misordered {
    pub key: String,
    pub found: Side,
    pub newer: WriteSeen,
    /// The newer write deleted it.
    pub zombie: bool,
}

/// The reads of one Region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadsSeen {
    pub region: Region,
    pub reads: u64,
    /// Reads that missed an acknowledged write.
    pub stale: u64,
    /// The age of the oldest write that a read missed; of every read, fresh ones being 0.
    pub p99_ms: Option<u64>,
    pub worst_ms: Option<u64>,
    /// Reads of clients that had seen something later before, in whatever Region.
    pub backwards: u64,
    /// The worst read and the first that went backwards, in words.
    pub examples: Vec<String>,
}

/// What was found out about objects beside their lag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectsSeen {
    pub acked: u64,
    /// Everywhere within the plan's bound for objects; after it; replaced before; nowhere else.
    pub stable: u64,
    pub late: u64,
    pub overwritten: u64,
    pub lost: u64,
    pub unproven: u64,
    /// Keys that the final scans found, all Regions taken together; 0 where a scan is missing.
    pub compared: u64,
    pub divergent: u64,
    pub first: Vec<Divergence>,
    /// Times at which COMPLETED was said of what could not be read, and the first of them in words.
    pub completed_unreadable: u64,
    pub failed: u64,
    pub examples: Vec<String>,
}

/// Which versions of the secret were served, and whether the backend took them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretsSeen {
    pub served: Vec<SecretSpan>,
    pub rotations: Vec<RotationSeen>,
    /// Windows in which a Region served what the backend did not accept.
    pub rejected: Vec<RejectedSeen>,
}

/// A Region served a version as current.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretSpan {
    pub region: Region,
    pub version: String,
    pub from_ms: u64,
    /// Null where it was served to the end.
    pub until_ms: Option<u64>,
}

/// A rotation of the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RotationSeen {
    pub operation: String,
    pub version: Option<String>,
    /// When it was finished, or the first Region served its version.
    pub at_ms: Option<u64>,
    /// From then until every Region served it; null where they never did.
    pub agreed_ms: Option<u64>,
    pub evidence: String,
}

/// A Region served a version that the backend did not accept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedSeen {
    pub region: Region,
    pub version: String,
    pub from_ms: u64,
    pub lasted_ms: u64,
}

/// One thing that had to work before anything was broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreflightSeen {
    pub check: String,
    pub region: Option<Region>,
    pub ok: bool,
    pub what: String,
}
