//! Every mistake is named with its place and the way out.

use std::path::Path;
use std::time::Duration;

use super::{Check, Fault, GuardDecision, Mode, Plan, load, parse};
use crate::region::Region;

const SHIPPED: &str = include_str!("../../scenarios/lose-us-east-1.yaml");

/// The error of the shipped scenario with one piece of it replaced.
fn error_with(from: &str, to: &str) -> String {
    assert!(SHIPPED.contains(from), "the shipped scenario has no {from:?}");
    let text = SHIPPED.replacen(from, to, 1);
    parse(Path::new("scenarios/x.yaml"), &text).unwrap_err().to_string()
}

#[test]
fn the_shipped_file_is_the_default_plan() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/lose-us-east-1.yaml"));
    let mut plan = load(path).unwrap();
    assert!(plan.target.stack.ends_with("stack") && !plan.target.stack.to_string_lossy().contains(".."));
    plan.target.stack = Plan::default().target.stack;
    assert_eq!(plan.source.take().as_deref(), Some(path));
    assert_eq!(plan, Plan::default());
    let here = parse(Path::new("scenarios/lose-us-east-1.yaml"), SHIPPED).unwrap();
    assert_eq!(here.target.stack, Path::new("stack"));
}

#[test]
fn a_plan_reads_back_as_it_was_written() {
    let mut plan = Plan::lose_region(Region::EU_WEST_1);
    plan.timeline[0].fault =
        Fault::ServiceOutage { service: "dynamodb".into(), region: None, operations: vec![], mode: Mode::Hang };
    plan.assertions
        .push(Check::FailedRequestsAtMost { population: None, behaviour: None, at_most: 10 }.into_assertion());
    let json = serde_json::to_string_pretty(&plan).unwrap();
    assert!(json.contains(r#""for": "15m""#), "{json}");
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

/// The shipped fault, as it is written.
const OUTAGE: &str = "fault: region-outage\n    region: us-east-1\n    scope: application\n    mode: 5xx\n";

#[test]
fn mistakes_are_named_with_their_place_and_the_way_out() {
    let mistakes = [
        ("fault: region-outage", "fault: region-outtage"),
        ("region: us-east-1\n    scope", "region: us-eats-1\n    scope"),
        ("mode: 5xx", "mode: broken"),
        (OUTAGE, "fault: dns-outage\n    mode: 5xx\n"),
        (OUTAGE, "fault: dns-outage\n    region: us-east-1\n"),
        ("steady_state:", "steady_sate:"),
        ("assert: home-served", "assert: home-serve"),
        ("from: north-america", "from: north-amrica"),
        ("name: embedded", "name: localstak"),
        ("duration: 5m", "duration: 5 minutes"),
        ("window: 10s", "window: 10m"),
        ("rate: 30/s", "rate: 30"),
        ("success_at_least: 99.5%", "success_at_least: 101%"),
        ("home: us-east-1", "home: us-west-2"),
        ("PUT /orders/{id}: 20", "PUT orders: 20"),
        ("clients: 200", "clients: many"),
        ("clients: 200", "clients: 0"),
        ("for: 15m", "for: 0s"),
        ("scope: application", "between: [us-east-1, eu-west-1]"),
        ("    region: eu-west-1\n", ""),
        ("assert: home-served\n", "assert: home-served\n    population: europa\n"),
        ("assert: home-served\n", "assert: home-served\n    hop: insync\n"),
        ("assert: home-served\n", "assert: steady-state-before\n"),
        ("scenario: lose-us-east-1\n", ""),
        ("scenario: lose-us-east-1", "scenario: lose us-east-1"),
        ("regions: [us-east-1, eu-west-1]", "regions: [us-east-1]"),
        ("population: europe", "population: north-america"),
        ("target:", "target: ["),
        ("seed: 7", "seed: 7\nseed: 8"),
        (OUTAGE, "fault: replication-pause\n    of: secret\n    from: eu-west-1\n"),
        (OUTAGE, "fault: replication-pause\n    of: table\n    from: eu-west-1\n    to: eu-west-1\n"),
        (OUTAGE, "fault: replication-slow\n    of: table\n    times: 1\n"),
        (OUTAGE, "fault: clock-skew\n    region: us-east-1\n    ahead: 0s\n"),
        (OUTAGE, "fault: poisoned-secret\n    region: eu-west-1\n"),
        (OUTAGE, "fault: poisoned-item\n    region: us-east-1\n    key: blackstart-3\n"),
        (OUTAGE, "fault: broken-replicator\n    defect: forgets-delete\n"),
        ("failback:\n", "data:\n  settle: 5s\nfailback:\n"),
        ("failback:\n", "data:\n  table:\n    writes: 5/s\n    mix: { upsert: 1 }\nfailback:\n"),
        ("failback:\n", "data:\n  objects:\n    writes: 1/s\n    sizes: { 5GB: 1 }\nfailback:\n"),
        ("failback:\n", "operations:\n  - operation: rotate\nfailback:\n"),
        ("assert: home-served\n", "assert: secrets-agree-within\n"),
        ("assert: home-served\n    bound: 99%", "assert: objects-replicated"),
    ];
    let lines = mistakes.map(|(from, to)| format!("{from:?} -> {to:?}\n    {}\n", error_with(from, to)));
    insta::assert_snapshot!(lines.concat());
}

#[test]
fn a_degradation_says_what_is_wrong_and_with_which_paths() {
    let nothing = error_with(OUTAGE, "fault: degraded\n    region: us-east-1\n");
    assert!(nothing.contains("above zero"), "{nothing}");
    let path = error_with(OUTAGE, "fault: degraded\n    only: health\n    errors: 10%\n");
    assert!(path.contains("like /health"), "{path}");
}

#[test]
fn every_key_of_the_grammar_is_understood() {
    let text = r#"
scenario: everything
target: { parameters: { RecordTtl: "900" } }
traffic:
  - { population: all, from: asia, home: eu-west-1, rate: 60/min, clients: 3, resolvers: 1, requests: { GET /: 1 } }
timeline:
  - { at: 2m, fault: partition, between: [us-east-1, eu-west-1], for: 1m }
  - { id: table, fault: service-outage, service: dynamodb, region: us-east-1, operations: [PutItem], mode: hang, for: 90s }
  - { at: 3m, fault: dns-outage, for: 1m }
  - { at: 4m, fault: dns-outage, mode: hang, for: 1m }
  - { at: 5m, fault: degraded, release: 2.0.0, except: /health, errors: 10%, crashes: 5%, delay: 300ms, for: 1m }
assertions:
  - { assert: hop-within, hop: insync, bound: 60s }
  - { assert: failed-requests-at-most, bound: 12, population: all }
  - { assert: failed-seconds-at-most, bound: 30s }
  - { id: mine, assert: steady-state-before }
  - { assert: never-all-off }
  - { assert: answers-moved-at-most, bound: 2 }
  - { assert: no-lost-updates }
  - { assert: home-not-before, bound: 3m }
  - { assert: guard-decides, decision: refused, region: eu-west-1 }
settings: { record_ttl: 15m, datapoints_to_alarm: 3 }
"#;
    let plan = parse(Path::new("x.yaml"), text).unwrap();
    assert_eq!(
        plan.timeline.iter().map(|fault| fault.id.as_str()).collect::<Vec<_>>(),
        ["table", "partition-1", "dns-outage-3", "dns-outage-4", "degraded-5"]
    );
    let names = &plan.timeline[2].fault;
    assert_eq!(*names, Fault::DnsOutage { mode: Mode::Refuse }, "name servers refuse unless told to hang");
    assert_eq!((names.is_felt(), names.region()), (true, None), "everybody feels it");
    let Fault::Degraded(degraded) = &plan.timeline[4].fault else { panic!("{:?}", plan.timeline[4]) };
    assert!(degraded.is_for("/orders/{id}") && !degraded.is_for("/health") && degraded.is_for("/healthy"));
    assert_eq!((degraded.errors.ratio(), degraded.crashes.ratio(), degraded.delay.as_millis()), (0.1, 0.05, 300));
    assert!(!plan.timeline[4].fault.is_felt() && plan.timeline[4].fault.region().is_none());
    assert_eq!(plan.traffic[0].rate.get(), 1.0);
    assert_eq!(plan.target.parameters["RecordTtl"], "900");
    assert_eq!(plan.settings.record_ttl, Duration::from_secs(900));
    let ids: Vec<&str> = plan.assertions.iter().map(|assertion| assertion.id.as_str()).collect();
    let expected = [
        "hop-within-insync",
        "failed-requests-at-most-all",
        "failed-seconds-at-most",
        "mine",
        "never-all-off",
        "answers-moved-at-most",
        "no-lost-updates",
        "home-not-before",
        "guard-decides-refused-eu-west-1",
    ];
    assert_eq!(ids, expected);
    let refused = Check::GuardDecides { decision: GuardDecision::Refused, region: Some(Region::EU_WEST_1) };
    assert_eq!(plan.assertions[8].check, refused);
    assert_eq!(
        plan.assertions[1].check,
        Check::FailedRequestsAtMost { population: Some("all".into()), behaviour: None, at_most: 12 }
    );
}

#[test]
fn the_shipped_scenario_fits_its_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(super::File)).unwrap();
    let instance: serde_json::Value = serde_saphyr::from_str(SHIPPED).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut wrong = instance.clone();
    wrong["timeline"][0]["fault"] = "region-outtage".into();
    assert!(!validator.is_valid(&wrong));
    let mut wrong = instance.clone();
    wrong["timeline"][0]["service"] = "dynamodb".into();
    assert!(!validator.is_valid(&wrong), "a region-outage takes no service");
}
