//! Which probe stands on which other.

use std::collections::BTreeSet;

use crate::capability::Capability;

/// What must be proven before this one can be tried.
pub const fn of(capability: Capability) -> &'static [Capability] {
    use Capability as C;
    match capability {
        C::TemplateRollback => &[C::Templates],
        C::TemplateTags | C::TemplateChecks => &[C::Templates],
        C::TemplateRecords => &[C::Templates, C::Records],
        C::SecretRotation => &[C::Secret, C::Function],
        C::TemplateTable => &[C::Templates, C::Table],
        C::TemplateBucket => &[C::Templates, C::Bucket],
        C::TableStreams | C::TableReplication => &[C::Table],
        C::BucketOfOneRegion | C::BucketReplication => &[C::Bucket],
        C::SecretReplication => &[C::Secret],
        C::FunctionAlias | C::FunctionThrottle => &[C::Function],
        C::Api => &[C::Function],
        C::StageVariables | C::ApiMetrics => &[C::Api],
        C::Alarms => &[C::Metrics],
        C::AlarmActions => &[C::Alarms, C::Topics, C::Function, C::Templates],
        C::ChangeInsync | C::DnsAnswers => &[C::Records],
        C::FaultService | C::FaultRegion => &[C::Table],
        C::FaultPartition | C::FaultReplication | C::FaultClockSkew | C::FaultBrokenReplicator => {
            &[C::TableReplication]
        }
        C::FaultApplication | C::FaultDegraded => &[C::Api],
        C::FaultNameServers => &[C::DnsAnswers],
        C::Identity
        | C::Templates
        | C::Table
        | C::Bucket
        | C::Secret
        | C::Keys
        | C::Function
        | C::Metrics
        | C::Logs
        | C::Topics
        | C::Records
        | C::HealthChecks
        | C::Experiments
        | C::Tags => &[],
    }
}

/// These, and all they stand on.
pub fn closure(asked: &[Capability]) -> BTreeSet<Capability> {
    let mut all = BTreeSet::new();
    let mut open = asked.to_vec();
    while let Some(capability) = open.pop() {
        if all.insert(capability) {
            open.extend(of(capability));
        }
    }
    all
}
