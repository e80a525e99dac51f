//! What was seen of a canary: what `verdict.json` holds of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::region::Region;
use crate::scenario::Decision;

/// What the data of a step say should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// All that must be known is known, and no worse.
    Proceed,
    /// Something that must be known is not.
    Hold,
    RollBack,
}

impl Advice {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Hold => "hold",
            Self::RollBack => "roll back",
        }
    }
}

/// A canary as a whole. Times are milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CanarySeen {
    /// Null where none was reached.
    pub decision: Option<Decision>,
    /// As its conductor said it, or why there is no decision.
    pub reason: String,
    /// How many samples each step needs, worked out before the start.
    pub needs: Vec<Need>,
    /// As they were when they were left.
    pub steps: Vec<StepSeen>,
    /// Requests that the canary served, and those of them that failed.
    pub requests: u64,
    pub failed: u64,
    /// Requests in its Regions that failed without a version that answered, while it lasted.
    pub unattributed: u64,
    /// Of all requests while it lasted, those that the canary served, in percent; null without requests.
    pub exposed: Option<f64>,
    pub began_at_ms: Option<u64>,
    /// The first failure in the step that was rolled back; without failures the beginning of that step.
    pub evidence_at_ms: Option<u64>,
    /// The decision to roll back.
    pub rolling_back_at_ms: Option<u64>,
    /// All was verified to be as before.
    pub rolled_back_at_ms: Option<u64>,
}

impl CanarySeen {
    /// From the first evidence until all was verified to be as before.
    pub fn rolled_back_after_ms(&self) -> Option<u64> {
        Some(self.rolled_back_at_ms?.saturating_sub(self.evidence_at_ms?))
    }
}

/// What a step must see to be judged on a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    pub step: u32,
    /// Null for all Regions of the canary together.
    pub region: Option<Region>,
    pub metric: Measure,
    pub operation: Option<String>,
    /// Samples of each version: wanted, and expected within the bake time.
    pub wanted: u64,
    pub expected: u64,
    pub enough: bool,
    /// The same in words, with what it was worked out from.
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The share of requests that failed.
    Errors,
    /// How long good answers took.
    Latency,
    /// The share of a Region's requests that failed without a version that answered.
    Unattributed,
    /// The share of acknowledged writes that the other Regions did not have in time.
    DataSync,
}

impl Measure {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Unattributed => "unattributed",
            Self::DataSync => "data sync",
        }
    }
}

/// A step of the canary, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSeen {
    /// Counted from 1; 0 where none has begun.
    pub step: u32,
    /// What the canary got, in percent.
    pub share: f64,
    pub began_at_ms: u64,
    pub lasted_ms: u64,
    pub advice: Advice,
    pub reason: String,
    /// It was so bad that nobody waited for the end of the step.
    pub alarmed: bool,
    /// Requests of this step: by the canary, by the control, and failed without a version that answered.
    pub canary: u64,
    pub control: u64,
    pub unattributed: u64,
    /// Each judged alone, never averaged.
    pub metrics: Vec<MetricSeen>,
}

/// What was found of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    NoWorse,
    Worse,
    /// Too few samples.
    Inconclusive,
}

impl Finding {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoWorse => "no worse",
            Self::Worse => "worse",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// One metric of one Region, or of all of them together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricSeen {
    pub metric: Measure,
    pub operation: Option<String>,
    pub region: Option<Region>,
    /// Whether a step waits for it.
    pub required: bool,
    pub finding: Finding,
    pub canary: ArmSeen,
    pub control: ArmSeen,
    /// Percentage points more than the control; of latency, in how many of a hundred pairs the canary's is the slower one.
    pub effect: Option<f64>,
    /// Of latency: its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Of Fisher's exact test or of Mann-Whitney's, one-sided.
    pub p: Option<f64>,
    /// Samples of each version it takes to find what it must.
    pub wanted: u64,
    /// Whether the control ran at the same time.
    pub concurrent: bool,
    pub what: String,
}

/// One version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmSeen {
    pub samples: u64,
    /// The share of bad ones in percent; of latency, the median in milliseconds.
    pub value: Option<f64>,
}
