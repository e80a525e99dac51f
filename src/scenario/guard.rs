//! The failover guard's words.

use serde::{Deserialize, Serialize};

/// What a guard decided, as its log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuardDecision {
    /// The guarded Region's record leads to the other Region from now on.
    FailedOver,
    /// It did so before.
    Already,
    /// Moving traffic would have been worse.
    Refused,
    FailedBack,
    /// The Region was healthy again, and then not: the wait for its return begins anew.
    Unstable,
    /// What it was called for asks for nothing.
    Ignored,
    /// It could not do what it had to.
    Failed,
}

impl GuardDecision {
    pub const ALL: [Self; 7] =
        [Self::FailedOver, Self::Already, Self::Refused, Self::FailedBack, Self::Unstable, Self::Ignored, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailedOver => "failed-over",
            Self::Already => "already",
            Self::Refused => "refused",
            Self::FailedBack => "failed-back",
            Self::Unstable => "unstable",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
        }
    }
}
