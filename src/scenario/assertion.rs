//! What a run claims: each assertion with its bound.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::canary::Decision;
use super::clients::Behaviour;
use super::guard::GuardDecision;
use super::quantity::{Percent, duration};
use crate::region::Region;
use crate::store::Store;

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
    /// Every population was back, or every client of a kind in each of them.
    FailoverWithin {
        #[serde(default)]
        behaviour: Option<Behaviour>,
        #[serde(with = "duration")]
        within: Duration,
    },
    /// These clients were cut off, and were not back when the fault was healed.
    NotRecovered {
        population: Option<String>,
        #[serde(default)]
        behaviour: Option<Behaviour>,
    },
    /// What the name servers answered has the declared weights within its confidence interval, widened by so many
    /// percentage points.
    SplitWithin {
        tolerance: Percent,
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
        #[serde(default)]
        behaviour: Option<Behaviour>,
        at_most: u64,
    },
    FailedSecondsAtMost {
        population: Option<String>,
        #[serde(default)]
        behaviour: Option<Behaviour>,
        #[serde(with = "duration")]
        at_most: Duration,
    },
    /// From this long after the effect until the heal, every answer came from this Region.
    ServedBy {
        region: Region,
        population: Option<String>,
        #[serde(default)]
        behaviour: Option<Behaviour>,
        #[serde(with = "duration")]
        within: Duration,
    },
    /// Acknowledged writes that no Region has, and no later writer overwrote.
    LostWritesAtMost {
        at_most: u64,
    },
    /// How far back the oldest lost write was acknowledged when it was lost.
    RpoWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
    /// This share of the acknowledged writes reached every Region within the plan's bound for it.
    StableWritesAtLeast {
        at_least: Percent,
    },
    /// Everything acknowledged before the last heal was in every Region this long after it, and the final scan of all
    /// Regions found them equal.
    ConvergedWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
    /// Items of which the final scan found different versions in different Regions.
    DivergentItemsAtMost {
        at_most: u64,
    },
    /// No item ended as an earlier write than the last acknowledged one.
    LastWriterWins,
    /// A percentile of the replication lag, in one direction or in each.
    ReplicationLagWithin {
        of: Store,
        percentile: Percentile,
        from: Option<Region>,
        to: Option<Region>,
        #[serde(with = "duration")]
        within: Duration,
    },
    /// No read was older than this.
    StaleReadsWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
    /// No client read something older than what it had read before.
    MonotonicReads,
    /// This share of the objects written was in every Region within the bound.
    ObjectsReplicated {
        #[serde(with = "duration")]
        within: Duration,
        at_least: Percent,
    },
    /// Whatever is COMPLETED can be read where it was replicated to.
    CompletedObjectsReadable,
    /// Objects that the final scan found missing, extra or different in a Region.
    DivergentObjectsAtMost {
        at_most: u64,
    },
    /// No Region served a version of the secret before it was current in the primary.
    PublishedSecretsOnly,
    /// After each rotation every Region served its version within this time.
    SecretsAgreeWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
    /// No Region served a version that the backend rejects for longer than this.
    RejectedSecretAtMost {
        #[serde(with = "duration")]
        at_most: Duration,
    },
    /// What becomes of the canary.
    CanaryDecides {
        decision: Decision,
    },
    /// Of all requests from its first step until its decision was carried out, the canary served this share.
    CanaryExposedAtMost {
        at_most: Percent,
    },
    /// Requests of the canary that failed, and those that failed in its Regions without a version that answered.
    CanaryFailuresAtMost {
        at_most: u64,
    },
    /// Whenever somebody looked, every place was answered with some Region; and whenever records were changed, one of them
    /// led to a Region that was not lost, where there was one.
    NeverAllOff,
    /// The authoritative answer changed at most so often, seen from any place.
    AnswersMovedAtMost {
        at_most: u64,
    },
    /// Every change of the records that was accepted started from what was there.
    NoLostUpdates,
    /// After a heal no answer led to the Region that was lost before this time was over.
    HomeNotBefore {
        #[serde(with = "duration")]
        after: Duration,
    },
    /// The guard, of this Region or of any, decided this, and its log says so.
    GuardDecides {
        decision: GuardDecision,
        region: Option<Region>,
    },
    /// From the first failure in the step that was rolled back, or without one its beginning, until everything was
    /// verified to be as before.
    RolledBackWithin {
        #[serde(with = "duration")]
        within: Duration,
    },
}

/// Which of the measured lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Percentile {
    P50,
    P90,
    P99,
    Max,
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
    /// Too few checkers of the lost Region's record say healthy: the way of the data plane.
    CheckersUnhealthy,
    /// The first authoritative answer without the lost Region.
    AnswersMoved,
    /// The last request sent to the lost Region by a client that honours the TTL.
    LastClientOff,
}

impl Hop {
    pub const ALL: [Self; 9] = [
        Self::FaultObserved,
        Self::First5xxDatapoint,
        Self::AlarmInAlarm,
        Self::FunctionInvoked,
        Self::ChangeAccepted,
        Self::Insync,
        Self::CheckersUnhealthy,
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
            Self::CheckersUnhealthy => "checkers-unhealthy",
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
            Self::NotRecovered { .. } => "not-recovered",
            Self::SplitWithin { .. } => "split-within",
            Self::FailbackWithin { .. } => "failback-within",
            Self::HopWithin { .. } => "hop-within",
            Self::FailedRequestsAtMost { .. } => "failed-requests-at-most",
            Self::FailedSecondsAtMost { .. } => "failed-seconds-at-most",
            Self::ServedBy { .. } => "served-by",
            Self::LostWritesAtMost { .. } => "lost-writes-at-most",
            Self::RpoWithin { .. } => "rpo-within",
            Self::StableWritesAtLeast { .. } => "stable-writes-at-least",
            Self::ConvergedWithin { .. } => "converged-within",
            Self::DivergentItemsAtMost { .. } => "divergent-items-at-most",
            Self::LastWriterWins => "last-writer-wins",
            Self::ReplicationLagWithin { .. } => "replication-lag-within",
            Self::StaleReadsWithin { .. } => "stale-reads-within",
            Self::MonotonicReads => "monotonic-reads",
            Self::ObjectsReplicated { .. } => "objects-replicated",
            Self::CompletedObjectsReadable => "completed-objects-readable",
            Self::DivergentObjectsAtMost { .. } => "divergent-objects-at-most",
            Self::PublishedSecretsOnly => "published-secrets-only",
            Self::SecretsAgreeWithin { .. } => "secrets-agree-within",
            Self::RejectedSecretAtMost { .. } => "rejected-secret-at-most",
            Self::CanaryDecides { .. } => "canary-decides",
            Self::CanaryExposedAtMost { .. } => "canary-exposed-at-most",
            Self::CanaryFailuresAtMost { .. } => "canary-failures-at-most",
            Self::RolledBackWithin { .. } => "rolled-back-within",
            Self::NeverAllOff => "never-all-off",
            Self::AnswersMovedAtMost { .. } => "answers-moved-at-most",
            Self::NoLostUpdates => "no-lost-updates",
            Self::HomeNotBefore { .. } => "home-not-before",
            Self::GuardDecides { .. } => "guard-decides",
        }
    }

    /// Whose requests it speaks of: one population's, one kind of clients'.
    pub fn whose(&self) -> (Option<&str>, Option<Behaviour>) {
        match self {
            Self::HomeServed { population, .. } => (population.as_deref(), None),
            Self::FailoverWithin { behaviour, .. } => (None, *behaviour),
            Self::NotRecovered { population, behaviour }
            | Self::ServedBy { population, behaviour, .. }
            | Self::FailedRequestsAtMost { population, behaviour, .. }
            | Self::FailedSecondsAtMost { population, behaviour, .. } => (population.as_deref(), *behaviour),
            _ => (None, None),
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
            Self::GuardDecides { decision, region: None } => format!("{kind}-{}", decision.as_str()),
            Self::GuardDecides { decision, region: Some(region) } => {
                format!("{kind}-{}-{region}", decision.as_str())
            }
            Self::ReplicationLagWithin { of, percentile, .. } => {
                format!("{kind}-{}-{}", of.as_str(), percentile.as_str())
            }
            _ => {
                let (population, behaviour) = self.whose();
                let parts = [Some(kind), population, behaviour.map(Behaviour::as_str)];
                parts.into_iter().flatten().collect::<Vec<_>>().join("-")
            }
        }
    }
}

impl Percentile {
    pub const ALL: [Self; 4] = [Self::P50, Self::P90, Self::P99, Self::Max];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }

    /// From 0 to 1.
    pub const fn quantile(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::Max => 1.0,
        }
    }
}
