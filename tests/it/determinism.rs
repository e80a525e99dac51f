//! One seed, one history: twice in this process, and in two processes.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blackstart::history::Journal;
use blackstart::run;
use blackstart::scenario::{Plan, Rate};
use blackstart::seed::Seed;

/// A short game day with little traffic.
fn plan(seed: u64) -> Plan {
    let mut plan = Plan { seed: Seed(seed), ..Plan::default() };
    plan.target.stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    plan.steady_state.duration = Duration::from_secs(60);
    plan.timeline[0].lasts = Duration::from_secs(360);
    for population in &mut plan.traffic {
        population.rate = Rate::per_second(2.0).unwrap();
    }
    plan
}

#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn history(seed: u64) -> Vec<u8> {
    let bytes = Bytes::default();
    let journal = Journal::to(Box::new(bytes.clone()));
    run::run(&plan(seed), &journal).unwrap();
    journal.finish().unwrap();
    let bytes = bytes.0.lock().unwrap();
    bytes.clone()
}

/// Fails with the first line that differs, not with two histories.
fn assert_same(one: &[u8], other: &[u8]) {
    let lines = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (one_text, other_text) = (lines(one), lines(other));
    for (number, (a, b)) in one_text.lines().zip(other_text.lines()).enumerate() {
        assert_eq!(a, b, "line {}", number + 1);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn one_seed_gives_one_history_in_one_process() {
    let first = history(11);
    assert!(first.len() > 100_000, "a history of {} bytes", first.len());
    assert_same(&first, &history(11));
    assert_ne!(first, history(12), "another seed gives another history");
}

#[test]
fn one_seed_gives_one_history_in_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/lose-us-east-1.yaml");
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    let short = std::fs::read_to_string(shipped)
        .unwrap()
        .replace("../stack", stack.to_str().unwrap())
        .replace("duration: 5m", "duration: 1m")
        .replace("for: 15m", "for: 6m")
        .replace("rate: 30/s", "rate: 2/s")
        .replace("rate: 20/s", "rate: 2/s");
    let scenario = folder.path().join("short.yaml");
    std::fs::write(&scenario, short).unwrap();
    let run = |out: &str| {
        let out = folder.path().join(out);
        let ran = Command::new(env!("CARGO_BIN_EXE_blackstart"))
            .args(["run", scenario.to_str().unwrap(), "--json", "--out", out.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(ran.status.code().is_some_and(|code| code <= 2), "{}", String::from_utf8_lossy(&ran.stderr));
        std::fs::read(out.join("latest/history.jsonl")).unwrap()
    };
    assert_same(&run("one"), &run("other"));
}
