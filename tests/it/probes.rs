//! The stores of the shipped stack under objects, a rotation and a partition: what the probes see of it, and a
//! preflight that does not hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blackstart::history::{Event, Journal, OperationAction, PhaseName, Record, WriteOutcome};
use blackstart::region::Region;
use blackstart::run;
use blackstart::scenario::{Fault, ObjectWorkload, Operate, Plan, Rate, ScriptedWrite, TimedFault, TimedOperation};
use blackstart::store::{Store, WriteKind};

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;

/// As a scan found it: key, write, and the digests of its bytes and of what goes with them.
type Object = (String, Option<u64>, String, Option<String>);

fn stack() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("stack")
}

fn history(plan: &Plan) -> Vec<Record> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (journal, watching) = (Journal::unwritten(), kept.clone());
    journal.watch(Box::new(move |record| watching.lock().unwrap().push(record.clone())));
    run::run(plan, &journal).unwrap();
    std::mem::take(&mut *kept.lock().unwrap())
}

fn phases(history: &[Record]) -> Vec<PhaseName> {
    let phase = |record: &Record| if let Event::Phase { phase } = record.event { Some(phase) } else { None };
    history.iter().filter_map(phase).collect()
}

#[test]
fn objects_and_a_rotation_are_followed_through_a_partition() {
    let mut plan = Plan::stores();
    plan.target.stack = stack();
    let seconds = Duration::from_secs;
    let fault = Fault::Partition { between: (US, EU) };
    plan.timeline = vec![TimedFault { id: "partition-1".into(), at: seconds(60), lasts: seconds(600), fault }];
    let rotation = TimedOperation { id: "rotation-1".into(), at: seconds(120), operation: Operate::RotateSecret };
    plan.operations = vec![rotation];
    plan.data.objects = Some(ObjectWorkload {
        writes: Rate::per_second(0.5).unwrap(),
        sizes: [(4 << 10, 9), (2 << 20, 1)].into(),
        stable_within: seconds(900),
        keys: 50,
    });
    // One object in thousands takes longer than a quarter of an hour.
    plan.data.settle = seconds(4 * 3_600);
    let scripted = |at, kind| ScriptedWrite {
        at: seconds(at),
        region: EU,
        store: Store::Bucket,
        kind,
        key: "blackstart/scripted".to_owned(),
    };
    plan.data.script = vec![scripted(1, WriteKind::Put), scripted(100, WriteKind::Delete)];
    let history = history(&plan);

    let (mut written, mut seen, mut checks) = (0, 0, 0);
    let (mut served, mut accepted, mut rotated) = (Vec::new(), Vec::new(), None);
    let mut scanned: [Vec<Object>; 2] = Default::default();
    for Record { event, .. } in &history {
        match event {
            Event::Preflight { ok, what, check, .. } => {
                assert!(ok, "{check}: {what}");
                checks += 1;
            }
            Event::Write { store: Store::Bucket, outcome, .. } => {
                assert_eq!(*outcome, WriteOutcome::Acknowledged, "{event:?}");
                written += 1;
            }
            Event::Arrival { .. } | Event::Superseded { .. } => seen += 1,
            Event::Operation { action: OperationAction::Finished, version, .. } => rotated.clone_from(version),
            Event::Operation { action: OperationAction::Failed, what, .. } => panic!("{what}"),
            Event::SecretServed { region, version, missed_us, .. } => {
                served.push((*region, version.clone(), *missed_us))
            }
            Event::Backend { accepts } => accepted.push(accepts.clone()),
            Event::Scanned { store: Store::Bucket, region, key, write, digest, about, .. } => {
                scanned[usize::from(*region == EU)].push((key.clone(), *write, digest.clone(), about.clone()));
            }
            Event::ScanEnded { complete, .. } => assert!(complete, "{event:?}"),
            // The stores alone have no alarm to read settings from.
            Event::Trouble { stage, what } => assert_eq!(stage, "settings", "{what}"),
            _ => {}
        }
    }
    assert_eq!(checks, 14);
    assert!(written > 300 && seen == written, "{seen} of {written}");
    let [us, eu] = scanned;
    assert!(us == eu && us.iter().filter(|(key, ..)| key.starts_with("asset-")).count() == 10);
    assert!(!us.iter().any(|(key, ..)| key == "blackstart/scripted"), "deleted on both sides");
    let new = rotated.expect("the rotation ended");
    let of = |region| -> Vec<(&String, Option<u64>)> {
        let there = served.iter().filter(|(there, ..)| *there == region);
        there.map(|(_, version, missed)| (version, *missed)).collect()
    };
    let (home, _) = of(US)[of(US).len() - 1];
    let (away, missed) = of(EU)[of(EU).len() - 1];
    assert!(*home == new && *away == new && of(EU).len() >= 2, "{served:?}");
    let healed = history
        .iter()
        .find(|record| matches!(&record.event, Event::Fault { action: blackstart::history::FaultAction::Healed, .. }));
    assert!(missed.unwrap() >= healed.unwrap().at_us - 6_000_000, "{served:?}");
    assert!(accepted.last().unwrap().contains(&new) && !accepted[0].contains(&new), "{accepted:?}");
}

/// A copy of the stack in which one template says something else.
fn altered(folder: &Path, template: &str, from: &str, to: &str) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
            if entry.is_dir() { copy(&entry, &to) } else { fs::copy(&entry, &to).map(|_| ()).unwrap() }
        }
    }
    let stack = folder.join("stack");
    copy(&self::stack(), &stack);
    let text = fs::read_to_string(stack.join(template)).unwrap();
    assert!(text.contains(from), "{template} has no {from}");
    fs::write(stack.join(template), text.replace(from, to)).unwrap();
    stack
}

#[test]
fn what_does_not_hold_before_is_never_broken() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::stores();
    let from = "                Status: Enabled\n                Filter";
    plan.target.stack =
        altered(folder.path(), "storage.yaml", from, "                Status: Disabled\n                Filter");
    let fault = Fault::Partition { between: (US, EU) };
    let lasts = Duration::from_secs(60);
    plan.timeline = vec![TimedFault { id: "partition-1".into(), at: Duration::ZERO, lasts, fault }];
    let history = history(&plan);
    assert_eq!(phases(&history), [PhaseName::Deploy, PhaseName::Teardown, PhaseName::End]);
    let failed: Vec<(&str, &str)> = history
        .iter()
        .filter_map(|record| match &record.event {
            Event::Preflight { check, ok: false, what, .. } => Some((check.as_str(), what.as_str())),
            _ => None,
        })
        .collect();
    let [("bucket-replication", what)] = failed[..] else { panic!("{failed:?}") };
    assert!(what.contains("does not replicate asset-0 to") && what.contains("its rule is Disabled"), "{what}");
    assert!(!history.iter().any(|record| matches!(record.event, Event::Fault { .. } | Event::Write { .. })));
}
