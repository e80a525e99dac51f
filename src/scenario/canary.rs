//! A canary: a new version that gets a small share of the traffic, and more of it as long as it is no worse.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::quantity::{Operation, Percent, duration};
use crate::region::Region;

/// What is released, to whom, in which steps, and what decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryPlan {
    /// The parameters of the stack that make the new version.
    pub release: IndexMap<String, String>,
    pub by: Shift,
    /// Where it is released: one Region by Route 53, one or more in lockstep by alias or stage.
    pub regions: Vec<Region>,
    /// When, from the moment steady state has been watched.
    #[serde(with = "duration")]
    pub at: Duration,
    pub steps: Vec<CanaryStep>,
    /// How much longer than its bake time a step may wait for the data it needs, before it is rolled back.
    #[serde(with = "duration")]
    pub hold: Duration,
    pub analysis: Analysis,
}

/// What moves the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shift {
    /// The weights of the public name's records: the Region of the canary gets twice the share, and its alias gives half
    /// of that to the version that is there already, which is the control.
    Route53,
    /// The weights of the function's alias, in each Region.
    Alias,
    /// The canary settings of the API's stage, in each Region.
    Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryStep {
    /// Of all traffic by Route 53, of the Region's traffic by alias or stage.
    pub share: Percent,
    #[serde(with = "duration")]
    pub bake: Duration,
}

/// What makes the canary worse, and how sure the judge must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The chance to roll back a canary that is no worse, over all steps and metrics.
    pub significance: Percent,
    /// The chance to find a canary that is worse by what is given below, at each step.
    pub power: Percent,
    /// How much higher an error rate must be to matter, in percentage points.
    pub errors_worse_by: Percent,
    /// In how many of a hundred pairs of one canary and one control request the canary's may be the slower one; 50 is
    /// no difference.
    pub slower_in_at_most: Percent,
    /// Requests of which a canary may not fail all or most: watched all the time, not at the end of a step alone.
    pub critical: Vec<Operation>,
    /// Requests that must have been seen often enough to judge; without them a step holds.
    pub must_have: Vec<Operation>,
}

impl Default for Analysis {
    fn default() -> Self {
        let percent = |percent| Percent::new(percent).unwrap_or(Percent::ALL);
        Self {
            significance: percent(5.0),
            power: percent(90.0),
            errors_worse_by: percent(1.0),
            slower_in_at_most: percent(60.0),
            critical: Vec::new(),
            must_have: Vec::new(),
        }
    }
}

/// What became of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The new version serves everybody.
    Promoted,
    /// All is as it was before, verified.
    RolledBack,
    /// It still waits for data.
    Held,
    /// Somebody else had changed what it was about to change.
    Conflict,
    Failed,
}

impl Decision {
    pub const ALL: [Self; 5] = [Self::Promoted, Self::RolledBack, Self::Held, Self::Conflict, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled-back",
            Self::Held => "held",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }
}

impl Shift {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route53 => "route53",
            Self::Alias => "alias",
            Self::Stage => "stage",
        }
    }
}
