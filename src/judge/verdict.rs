//! The verdict: what `verdict.json` holds.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::region::Region;
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
    /// What the harness could not do, by stage.
    pub troubles: Vec<Trouble>,
    pub assertions: Vec<Judgement>,
    /// The first fault of the timeline; null where the plan has none.
    pub failover: Option<Failover>,
    pub failback: Option<Failback>,
    pub requests: Requests,
    pub simulated_ms: u64,
    /// What the run cost its user in real time; absent when a stored history was judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
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
    /// `s`, `%` or `requests`.
    pub unit: String,
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
    /// What the stack's own settings allow from the injection to the last hop.
    pub budget_ms: u64,
    /// Why there is no RTO, or what it was limited by.
    pub evidence: String,
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
    /// Success in percent by phase; null without requests.
    pub success_before: Option<f64>,
    pub success_during: Option<f64>,
    pub success_after: Option<f64>,
    /// Good answers from the home Region in percent, in steady state before the fault and after the failback.
    pub home_before: Option<f64>,
    pub home_after: Option<f64>,
}
