//! What a target can do, and how that was found out. A capability is probed, never assumed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::region::Region;

macro_rules! capabilities {
    ($($name:ident $text:literal $about:literal)*) => {
        /// Something a scenario can need of a target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Capability {
            $(#[doc = $about] $name,)*
        }

        impl Capability {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// `table-replication`: as the command line, histories and reports spell it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// One line that says what has to hold.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                }
            }
        }
    };
}

capabilities! {
    Identity "identity" "STS names the account"
    Templates "templates" "CREATE_COMPLETE means the resource is there with its properties"
    TemplateTags "template-tags" "what a template makes carries the template's tags"
    TemplateChecks "template-checks" "a template with an unknown type or property is refused"
    TemplateRollback "template-rollback" "a stack that fails leaves nothing behind, and says so"
    TemplateTable "template-table" "a template's global table has its replicas"
    TemplateBucket "template-bucket" "a template's bucket has its replication rule"
    TemplateRecords "template-records" "a template's zone has its records, and those their health check"
    Table "table" "a conditional write is won by exactly one of many at once, in its Region"
    TableStreams "table-streams" "a table's stream tells every change, in order"
    TableReplication "table-replication" "what is written in one Region is read in the other, later, in both directions"
    Bucket "bucket" "a versioned bucket keeps every version and its delete markers"
    BucketOfOneRegion "bucket-of-one-region" "a bucket is its own Region's: the other Region's endpoint does not serve it"
    BucketReplication "bucket-replication" "a replication rule that is configured copies objects"
    Secret "secret" "a secret has versions, of which one is current"
    SecretReplication "secret-replication" "a secret's replica exists, follows, and refuses writes"
    SecretRotation "secret-rotation" "rotating a secret calls its function, and changes nothing by itself"
    Keys "keys" "a key encrypts and decrypts in its own Region and in no other"
    Function "function" "a deployed function runs, with its own environment"
    FunctionAlias "function-alias" "an alias leads to two versions by weight"
    FunctionThrottle "function-throttle" "reserved concurrency 0 throttles, by alias too, and its removal ends that"
    Api "api" "a deployed API answers over HTTP with what its function says"
    StageVariables "stage-variables" "an integration takes its alias from the stage's variable"
    ApiMetrics "api-metrics" "an API's server errors are published as its metric 5XXError"
    Metrics "metrics" "what is put into a metric is read from it, and from no other"
    Alarms "alarms" "an alarm goes to ALARM by M of N datapoints of its own metric, and back to OK"
    AlarmActions "alarm-actions" "an alarm's change reaches a function in the other Region through a topic"
    Logs "logs" "what is logged can be found"
    Topics "topics" "a topic is its Region's, and takes messages"
    Records "records" "record sets are kept with weight, Region and health check, and batches are atomic"
    ChangeInsync "change-insync" "a change of records becomes INSYNC, and one that was never made does not"
    DnsAnswers "dns-answers" "answers follow the weights of the record sets"
    HealthChecks "health-checks" "checkers ask the endpoint, and say what they saw"
    Experiments "experiments" "an experiment's action is known, and an unknown one is refused"
    Tags "tags" "what carries a tag is found by it"
    FaultApplication "fault-application" "the application of a Region can be broken"
    FaultRegion "fault-region" "a whole Region can be broken"
    FaultService "fault-service" "one service's API can be broken"
    FaultNameServers "fault-name-servers" "the name servers can be silenced"
    FaultPartition "fault-partition" "two Regions can be parted"
    FaultReplication "fault-replication" "a store's replication can be paused"
    FaultClockSkew "fault-clock-skew" "a Region's clock can be put wrong"
    FaultBrokenReplicator "fault-broken-replicator" "a replicator can be told to break its promises"
    FaultDegraded "fault-degraded" "a share of the application's answers can be made bad"
}

impl Capability {
    /// What of AWS it is about, as features are tagged by it: `@needs-tables`. A fault has a tag of its own.
    pub const fn area(self) -> &'static str {
        use Capability as C;
        match self {
            C::Templates | C::TemplateTags | C::TemplateChecks | C::TemplateRollback => "templates",
            C::TemplateTable | C::Table | C::TableStreams | C::TableReplication => "tables",
            C::TemplateBucket | C::Bucket | C::BucketOfOneRegion | C::BucketReplication => "buckets",
            C::TemplateRecords | C::Records | C::ChangeInsync | C::DnsAnswers => "dns",
            C::Secret | C::SecretReplication | C::SecretRotation | C::Keys => "secrets",
            C::Function | C::FunctionAlias | C::FunctionThrottle => "functions",
            C::Api | C::StageVariables => "apis",
            C::ApiMetrics | C::Metrics | C::Alarms | C::AlarmActions | C::Topics => "alarms",
            C::Identity
            | C::Logs
            | C::HealthChecks
            | C::Experiments
            | C::Tags
            | C::FaultApplication
            | C::FaultRegion
            | C::FaultService
            | C::FaultNameServers
            | C::FaultPartition
            | C::FaultReplication
            | C::FaultClockSkew
            | C::FaultBrokenReplicator
            | C::FaultDegraded => self.as_str(),
        }
    }
}

impl std::fmt::Display for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(text: &str) -> Result<Self, UnknownCapability> {
        let known = Self::ALL.iter().copied().find(|known| known.as_str() == text);
        known.ok_or_else(|| {
            let score = |known: &Self| strsim::jaro_winkler(known.as_str(), text);
            let nearest = Self::ALL.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
            UnknownCapability { name: text.to_owned(), nearest: nearest.map_or("", |known| known.as_str()) }
        })
    }
}

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown capability {name:?}, did you mean {nearest:?}?")]
pub struct UnknownCapability {
    name: String,
    nearest: &'static str,
}

/// What a probe came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It was tried, and seen to work.
    Proven,
    /// The target says that it does not have it, or does not answer.
    Absent,
    /// The target accepts it, and does not do it.
    Lie,
    /// It could not be tried.
    Unknown,
}

impl Standing {
    pub const ALL: [Self; 4] = [Self::Proven, Self::Absent, Self::Lie, Self::Unknown];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Absent => "absent",
            Self::Lie => "lie",
            Self::Unknown => "unknown",
        }
    }

    /// What the target does about it, after "which this target".
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Proven => "has",
            Self::Absent => "lacks",
            Self::Lie => "only pretends to have",
            Self::Unknown => "was not seen to have",
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was found out about one capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub capability: Capability,
    pub standing: Standing,
    /// What was seen, or why nothing could be.
    pub evidence: String,
    /// On the target's clock, in milliseconds.
    pub took_ms: u64,
    /// When it was found out, on the target's clock (RFC 3339).
    pub at: String,
    /// How old it is, in seconds, where it was found out earlier and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
}

/// What a survey of a target found: what `blackstart capabilities --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Survey {
    pub target: String,
    pub version: String,
    pub regions: Vec<Region>,
    /// In the order of [`Capability::ALL`].
    pub findings: Vec<Finding>,
    /// What the probes made and could not remove, with the reason.
    pub left_behind: Vec<String>,
    /// Why the findings could not be kept for the next time.
    #[serde(skip)]
    pub unkept: Option<String>,
}

impl Survey {
    /// Of which nothing is known.
    pub fn none(target: &str, version: &str, regions: &[Region]) -> Self {
        let (target, version, regions) = (target.to_owned(), version.to_owned(), regions.to_vec());
        Self { target, version, regions, findings: Vec::new(), left_behind: Vec::new(), unkept: None }
    }

    pub fn finding(&self, capability: Capability) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.capability == capability)
    }

    pub fn count(&self, standing: Standing) -> usize {
        self.findings.iter().filter(|finding| finding.standing == standing).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes_and_what_is_read() {
        for capability in Capability::ALL {
            let written = serde_json::to_value(capability).unwrap();
            assert_eq!(written, capability.as_str());
            assert_eq!(capability.as_str().parse(), Ok(*capability));
        }
        for standing in Standing::ALL {
            assert_eq!(serde_json::to_value(standing).unwrap(), standing.as_str());
        }
    }

    #[test]
    fn an_unknown_name_names_the_nearest() {
        let error = "table-replicaton".parse::<Capability>().unwrap_err();
        assert_eq!(error.to_string(), r#"unknown capability "table-replicaton", did you mean "table-replication"?"#);
    }
}
