//! What is drawn: few keys, both Regions, short faults; so that writes meet.
//!
//! A failing case shrinks by leaving writes and faults out, and not by changing them: each try is a whole run.

use std::time::Duration;

use blackstart::region::Region;
use blackstart::scenario::{Fault, Mode, Operate, Plan, Scope, ScriptedWrite, TimedFault, TimedOperation};
use blackstart::seed::Seed;
use blackstart::store::{Store, WriteKind};
use proptest::collection::vec;
use proptest::prelude::*;

pub const REGIONS: [Region; 2] = [Region::US_EAST_1, Region::EU_WEST_1];
/// The stretch in which everything happens.
const SPAN_MS: u64 = 20_000;

/// A write: when, where, how, to which key.
pub type Write = (u64, usize, WriteKind, u8);

/// Writes to a table of so many keys.
pub fn items(most: usize, keys: u8) -> impl Strategy<Value = Vec<Write>> {
    let kind = prop::sample::select(WriteKind::ALL.to_vec());
    vec((0..SPAN_MS, 0..2_usize, kind, 0..keys).no_shrink(), 1..=most)
}

/// Puts and deletes of three objects.
pub fn objects(most: usize) -> impl Strategy<Value = Vec<Write>> {
    let kind = prop::sample::select(vec![WriteKind::Put, WriteKind::Put, WriteKind::Delete]);
    vec((0..SPAN_MS, 0..2_usize, kind, 0..3_u8).no_shrink(), 1..=most)
}

/// Up to three faults of what lies between Regions.
pub fn faults(of: Store) -> impl Strategy<Value = Vec<(u64, u64, Fault)>> {
    let [us, eu] = REGIONS;
    let fault = prop_oneof![
        Just(Fault::Partition { between: (us, eu) }),
        Just(Fault::ReplicationPause { of, from: None, to: None }),
        Just(Fault::ReplicationPause { of, from: Some(us), to: Some(eu) }),
        Just(Fault::ReplicationSlow { of, from: None, to: None, times: 4 }),
        prop::sample::select(REGIONS.to_vec()).prop_map(|region| Fault::RegionOutage {
            region,
            scope: Scope::Region,
            mode: Mode::Status5xx
        }),
    ];
    vec((0..SPAN_MS, 500..10_000_u64, fault).no_shrink(), 0..=3)
}

/// A Region's clock that runs ahead while everything happens.
pub fn skew() -> impl Strategy<Value = Option<(u64, u64, Fault)>> {
    let region = prop::sample::select(REGIONS.to_vec());
    let skew = (region, 1..800_i64).prop_map(|(region, ahead_ms)| (0, SPAN_MS, Fault::ClockSkew { region, ahead_ms }));
    prop::option::of(skew)
}

/// The seed of the twin.
pub fn seed() -> impl Strategy<Value = u64> {
    any::<u64>().no_shrink()
}

/// Rotations of the secret, apart from each other as operators make them.
pub fn rotations() -> impl Strategy<Value = Vec<u64>> {
    vec((0..SPAN_MS).no_shrink(), 1..=2)
}

/// The plan that does what was drawn.
pub fn plan(
    seed: u64,
    store: Store,
    mut writes: Vec<Write>,
    faults: Vec<(u64, u64, Fault)>,
    mut rotations: Vec<u64>,
) -> Plan {
    let mut plan = Plan { seed: Seed(seed), ..Plan::stores() };
    writes.sort_by_key(|(at, ..)| *at);
    plan.data.script = writes
        .into_iter()
        .map(|(at, region, kind, key)| {
            let (region, key) = (REGIONS[region], format!("key-{key}"));
            ScriptedWrite { at: Duration::from_millis(at), region, store, kind, key }
        })
        .collect();
    plan.timeline =
        faults.into_iter().enumerate().map(|(index, (at, lasts, fault))| timed(index, at, lasts, fault)).collect();
    plan.timeline.sort_by_key(|timed| timed.at);
    rotations.sort_unstable();
    let operation = Operate::RotateSecret;
    plan.operations = rotations
        .into_iter()
        .enumerate()
        .map(|(index, at)| {
            let id = format!("{}-{}", operation.kind(), index + 1);
            TimedOperation { id, at: Duration::from_millis(at), operation }
        })
        .collect();
    plan
}

/// As a fault that is there from the beginning to the end of everything.
pub fn always(fault: Fault) -> TimedFault {
    timed(99, 0, 2 * SPAN_MS, fault)
}

fn timed(index: usize, at: u64, lasts: u64, fault: Fault) -> TimedFault {
    let id = format!("{}-{}", fault.kind(), index + 1);
    TimedFault { id, at: Duration::from_millis(at), lasts: Duration::from_millis(lasts), fault }
}
