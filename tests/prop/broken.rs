//! A replicator that breaks one promise must be found out by the claim that is meant for it.

use blackstart::scenario::{Check, Defect, Fault, Mode, Plan};
use blackstart::steps::World;
use blackstart::store::Store;
use cucumber::World as _;
use cucumber::writer::Stats as _;
use proptest::prelude::*;

use super::check::{feature, search};
use super::draw::{self, plan};

fn broken(mut plan: Plan, defect: Defect) -> Plan {
    plan.timeline.insert(0, draw::always(Fault::BrokenReplicator { defect }));
    plan
}

fn table(most: usize, keys: u8, defect: Defect) -> impl Strategy<Value = Plan> {
    (draw::seed(), draw::items(most, keys))
        .prop_map(move |(seed, writes)| broken(plan(seed, Store::Table, writes, Vec::new(), Vec::new()), defect))
}

/// Finds the defect, and wants the scenario that was found to fail when its text is run.
fn caught(plans: impl Strategy<Value = Plan>, claim: Check, tries: u32, at_most_writes: usize) {
    let cases = 64;
    let claims = [claim];
    let found = search(plans, &claims, cases, tries).expect("the defect was not found");
    let text = feature("a broken replicator", &found.plan, &claims);
    let writes = found.plan.data.script.len();
    assert!(writes <= at_most_writes, "shrunk to {writes} writes only:\n{text}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("found.feature"), &text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ran = runtime.block_on(async {
        let silent = cucumber::writer::Basic::raw(
            std::io::sink(),
            cucumber::writer::Coloring::Never,
            cucumber::writer::Verbosity::Default,
        );
        let writer = cucumber::WriterExt::summarized(cucumber::WriterExt::normalized(silent));
        World::cucumber().with_writer(writer).with_default_cli().fail_on_skipped().run(folder.path()).await
    });
    assert_eq!((ran.failed_steps(), ran.skipped_steps(), ran.parsing_errors()), (1, 0, 0), "not reproduced:\n{text}");
}

#[test]
fn a_change_in_a_thousand_that_is_dropped_is_a_lost_write() {
    // A write that is dropped and overwritten harms nobody: it takes keys that are written once or twice.
    let plans = table(300, 250, Defect::DropsOneIn { count: 1_000 });
    caught(plans, Check::LostWritesAtMost { at_most: 0 }, 8, 300);
}

#[test]
fn a_dropped_change_leaves_tables_unequal() {
    caught(table(16, 4, Defect::DropsOneIn { count: 10 }), Check::DivergentItemsAtMost { at_most: 0 }, 48, 3);
}

#[test]
fn the_earlier_write_must_not_win() {
    caught(table(16, 4, Defect::EarlierWins), Check::LastWriterWins, 48, 8);
}

#[test]
fn the_local_write_must_not_win() {
    caught(table(16, 4, Defect::LocalWins), Check::DivergentItemsAtMost { at_most: 0 }, 48, 8);
}

#[test]
fn a_delete_that_is_forgotten_leaves_tables_unequal() {
    caught(table(16, 4, Defect::ForgetsDeletes), Check::DivergentItemsAtMost { at_most: 0 }, 48, 3);
}

#[test]
fn an_object_that_is_completed_and_not_there_is_seen() {
    let plans = (draw::seed(), draw::objects(10)).prop_map(|(seed, writes)| {
        broken(plan(seed, Store::Bucket, writes, Vec::new(), Vec::new()), Defect::CompletesWithoutCopy)
    });
    caught(plans, Check::CompletedObjectsReadable, 48, 2);
}

#[test]
fn a_secret_that_is_published_too_early_is_seen() {
    // A rotation that gets stuck half-way leaves its version pending for long enough to be seen.
    let backend = Fault::ServiceOutage {
        service: "dynamodb".to_owned(),
        region: None,
        operations: vec!["PutItem".to_owned()],
        mode: Mode::Status5xx,
    };
    let plans = (draw::seed(), draw::rotations()).prop_map(move |(seed, rotations)| {
        let faults = vec![(0, 40_000, backend.clone())];
        broken(plan(seed, Store::Secret, Vec::new(), faults, rotations), Defect::PublishesPending)
    });
    caught(plans, Check::PublishedSecretsOnly, 48, 0);
}
