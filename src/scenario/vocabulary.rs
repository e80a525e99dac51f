//! The words of a scenario file, once for the parser and once for its JSON Schema.

use super::assertion::{Hop, Percentile};
use super::canary::{Decision, Shift};
use super::clients::Behaviour;
use super::guard::GuardDecision;
use super::plan::{Defect, Mode, Operate, Scope};
use crate::store::{Store, WriteKind};

/// Fault kinds and the keys each of them takes beside `id`, `at`, `fault` and `for`.
pub const FAULTS: &[(&str, &[&str])] = &[
    ("region-outage", &["region", "scope", "mode"]),
    ("service-outage", &["service", "region", "operations", "mode"]),
    ("dns-outage", &["mode"]),
    ("partition", &["between"]),
    ("replication-pause", &["of", "from", "to"]),
    ("replication-slow", &["of", "from", "to", "times"]),
    ("clock-skew", &["region", "ahead"]),
    ("broken-replicator", &["defect", "times"]),
    ("degraded", &["region", "release", "only", "except", "errors", "crashes", "delay"]),
    ("poisoned-item", &["region", "key"]),
    ("poisoned-secret", &["region"]),
];

/// The defects; the first takes `times`.
pub const DEFECTS: &[(&str, Defect)] = &[
    ("drops-one-in", Defect::DropsOneIn { count: 1_000 }),
    ("earlier-wins", Defect::EarlierWins),
    ("local-wins", Defect::LocalWins),
    ("forgets-deletes", Defect::ForgetsDeletes),
    ("completes-without-copy", Defect::CompletesWithoutCopy),
    ("publishes-pending", Defect::PublishesPending),
];

/// What moves traffic to a canary.
pub const SHIFTS: &[(&str, Shift)] = &[("route53", Shift::Route53), ("alias", Shift::Alias), ("stage", Shift::Stage)];

/// What an operator can do.
pub const OPERATIONS: &[(&str, Operate)] = &[("rotate-secret", Operate::RotateSecret)];

/// Assertions and the keys each of them takes beside `id` and `assert`.
pub const ASSERTIONS: &[(&str, &[&str])] = &[
    ("steady-state-before", &["bound"]),
    ("home-served", &["bound", "population"]),
    ("fault-observed", &["bound"]),
    ("failover-within", &["bound", "behaviour"]),
    ("not-recovered", &["population", "behaviour"]),
    ("split-within", &["bound"]),
    ("hop-within", &["bound", "hop"]),
    ("served-by", &["bound", "region", "population", "behaviour"]),
    ("failed-requests-at-most", &["bound", "population", "behaviour"]),
    ("failed-seconds-at-most", &["bound", "population", "behaviour"]),
    ("failback-within", &["bound"]),
    ("steady-state-after", &["bound"]),
    ("lost-writes-at-most", &["bound"]),
    ("rpo-within", &["bound"]),
    ("stable-writes-at-least", &["bound"]),
    ("converged-within", &["bound"]),
    ("divergent-items-at-most", &["bound"]),
    ("last-writer-wins", &[]),
    ("replication-lag-within", &["bound", "of", "percentile", "from", "to"]),
    ("stale-reads-within", &["bound"]),
    ("monotonic-reads", &[]),
    ("objects-replicated", &["bound", "within"]),
    ("completed-objects-readable", &[]),
    ("divergent-objects-at-most", &["bound"]),
    ("published-secrets-only", &[]),
    ("secrets-agree-within", &["bound"]),
    ("rejected-secret-at-most", &["bound"]),
    ("canary-decides", &["decision"]),
    ("canary-exposed-at-most", &["bound"]),
    ("canary-failures-at-most", &["bound"]),
    ("rolled-back-within", &["bound"]),
    ("never-all-off", &[]),
    ("answers-moved-at-most", &["bound"]),
    ("no-lost-updates", &[]),
    ("home-not-before", &["bound"]),
    ("guard-decides", &["decision", "region"]),
];

pub const MODES: &[(&str, Mode)] = &[("refuse", Mode::Refuse), ("hang", Mode::Hang), ("5xx", Mode::Status5xx)];

pub const SCOPES: &[(&str, Scope)] = &[("application", Scope::Application), ("region", Scope::Region)];

/// The targets this build can run on.
pub const TARGETS: &[(&str, ())] = &[("embedded", ()), ("localstack", ()), ("endpoint", ()), ("aws", ())];

pub fn hops() -> Vec<(&'static str, Hop)> {
    Hop::ALL.into_iter().map(|hop| (hop.as_str(), hop)).collect()
}

pub fn stores() -> Vec<(&'static str, Store)> {
    Store::ALL.into_iter().map(|store| (store.as_str(), store)).collect()
}

pub fn write_kinds() -> Vec<(&'static str, WriteKind)> {
    WriteKind::ALL.into_iter().map(|kind| (kind.as_str(), kind)).collect()
}

pub fn behaviours() -> Vec<(&'static str, Behaviour)> {
    Behaviour::ALL.into_iter().map(|behaviour| (behaviour.as_str(), behaviour)).collect()
}

pub fn decisions() -> Vec<(&'static str, Decision)> {
    Decision::ALL.into_iter().map(|decision| (decision.as_str(), decision)).collect()
}

pub fn guard_decisions() -> Vec<(&'static str, GuardDecision)> {
    GuardDecision::ALL.into_iter().map(|decision| (decision.as_str(), decision)).collect()
}

/// The words of both kinds of decision, each once.
fn decision_words() -> Vec<&'static str> {
    let mut words = names(&decisions());
    words.extend(names(&guard_decisions()));
    words.sort_unstable();
    words.dedup();
    words
}

pub fn percentiles() -> Vec<(&'static str, Percentile)> {
    Percentile::ALL.into_iter().map(|percentile| (percentile.as_str(), percentile)).collect()
}

fn names<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

/// Says in the schema which keys belong to which fault.
pub fn fault_keys(schema: &mut schemars::Schema) {
    keys_by_kind(schema, "fault", FAULTS);
}

/// Says in the schema which keys belong to which assertion.
pub fn assertion_keys(schema: &mut schemars::Schema) {
    keys_by_kind(schema, "assert", ASSERTIONS);
}

fn keys_by_kind(schema: &mut schemars::Schema, key: &str, table: &[(&str, &[&str])]) {
    let all: std::collections::BTreeSet<&str> = table.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    let rules: Vec<serde_json::Value> = table
        .iter()
        .map(|(kind, takes)| {
            let refused = all.iter().filter(|name| !takes.contains(name));
            let refused: serde_json::Map<String, serde_json::Value> =
                refused.map(|name| ((*name).to_owned(), false.into())).collect();
            serde_json::json!({ "if": { "properties": { key: { "const": kind } } }, "then": { "properties": refused } })
        })
        .collect();
    schema.insert("allOf".to_owned(), rules.into());
}

macro_rules! schema {
    ($($name:ident => $schema:tt),* $(,)?) => {$(
        /// Stands for the written form in the JSON Schema.
        pub struct $name;
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    )*};
}

schema! {
    Name => { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    Duration => { "type": "string", "pattern": "^([0-9]+(h|ms|m|s))+$", "examples": ["90s", "5m", "1h30m"] },
    Percent => { "type": "string", "pattern": "^[0-9.]+ *%$", "examples": ["99.5%"] },
    Rate => { "type": "string", "pattern": "^[0-9.]+ */ *(s|m|min)$", "examples": ["50/s"] },
    Bound => { "type": ["string", "integer"], "examples": ["5m", "99.5%", 10] },
    Target => { "type": "string", "enum": (names(TARGETS)) },
    Fault => { "type": "string", "enum": (names(FAULTS)) },
    ScopeName => { "type": "string", "enum": (names(SCOPES)) },
    ModeName => { "type": "string", "enum": (names(MODES)) },
    Assertion => { "type": "string", "enum": (names(ASSERTIONS)) },
    ShiftName => { "type": "string", "enum": (names(SHIFTS)) },
    StoreName => { "type": "string", "enum": (names(&stores())) },
    PercentileName => { "type": "string", "enum": (names(&percentiles())) },
    DecisionName => { "type": "string", "enum": (decision_words()) },
    DefectName => { "type": "string", "enum": (names(DEFECTS)) },
    OperationName => { "type": "string", "enum": (names(OPERATIONS)) },
    SignedDuration => { "type": "string", "pattern": "^-?([0-9]+(h|ms|m|s))+$", "examples": ["2s", "-500ms"] },
    PathName => { "type": "string", "pattern": "^/", "examples": ["/health"] },
    BehaviourName => { "type": "string", "enum": (names(&behaviours())) },
    HopName => { "type": "string", "enum": (names(&hops())) },
}
