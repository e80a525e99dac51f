//! `blackstart guards`, in this process: one short game day under each guard.

use std::path::Path;

use blackstart::cli::{self, Captured, Console, Engine};

const SCENARIO: &str = "
scenario: short
description: The application of us-east-1 answers 5xx for 9 minutes.
seed: 7
target: { name: embedded, regions: [us-east-1, eu-west-1], stack: STACK }
steady_state: { duration: 1m, success_at_least: 99%, window: 10s }
traffic:
  - { population: north-america, from: north-america, home: us-east-1, rate: 4/s, clients: 40, resolvers: 8, timeout: 5s,
      requests: { GET /whoami: 1 } }
timeline:
  - { at: 0s, fault: region-outage, region: us-east-1, scope: application, mode: 5xx, for: 9m }
assertions:
  - { assert: never-all-off }
  - { assert: answers-moved-at-most, bound: 2 }
  - { assert: failover-within, bound: 6m }
";

/// Runs the command and gives its exit code and what it printed.
fn compare(folder: &Path, more: &[&str]) -> (u8, String) {
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    let scenario = folder.join("short.yaml");
    std::fs::write(&scenario, SCENARIO.replace("STACK", &stack.display().to_string())).unwrap();
    let (said, runs) = (Captured::default(), folder.join("runs"));
    let args = ["blackstart", "guards", scenario.to_str().unwrap(), "--out", runs.to_str().unwrap()];
    let args = args.into_iter().chain(more.iter().copied()).map(Into::into);
    (cli::main(args, &mut Console::captured(&said), &Engine::BUILT_IN), said.out())
}

#[test]
fn the_guards_are_compared_hop_by_hop() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = compare(folder.path(), &[]);
    assert_eq!(code, cli::exit::PASS, "{text}");
    text.lines().for_each(|line| assert!(line.chars().count() <= 100, "{line}"));
    insta::assert_snapshot!(text);
}

#[test]
fn the_machine_format_says_who_moved_the_traffic_and_what_it_costs() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = compare(folder.path(), &["--json"]);
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |guard: &str| &all["guards"][guard];
    assert_eq!(of("lambda")["failover"]["moved_by"], "lambda");
    assert_eq!(of("health-check")["failover"]["moved_by"], "health-check");
    assert_eq!(of("both")["failover"]["moved_by"], "both");
    for guard in ["lambda", "health-check", "both"] {
        let cost = &of(guard)["cost"];
        let usd = |line: &serde_json::Value| line["usd"].as_f64().unwrap();
        let sum: f64 = cost["lines"].as_array().unwrap().iter().map(usd).sum();
        assert!((sum - usd(cost)).abs() < 0.005 && sum > 1.0, "{cost}");
    }
    let rto = |guard: &str| of(guard)["failover"]["rto_ms"].as_u64().unwrap();
    assert!(rto("health-check") < rto("lambda"), "the data plane needs no metric, no alarm and no change");
}
