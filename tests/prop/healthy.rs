//! What replication promises, kept under whatever is drawn.

use blackstart::scenario::Check;
use blackstart::store::Store;
use proptest::prelude::*;

use super::check::hold;
use super::draw::{self, plan};

const NONE_LOST: Check = Check::LostWritesAtMost { at_most: 0 };
const TABLES_EQUAL: Check = Check::DivergentItemsAtMost { at_most: 0 };
const BUCKETS_EQUAL: Check = Check::DivergentObjectsAtMost { at_most: 0 };

#[test]
fn no_write_vanishes_and_regions_become_equal() {
    let plans = (draw::seed(), draw::items(40, 4), draw::faults(Store::Table))
        .prop_map(|(seed, writes, faults)| plan(seed, Store::Table, writes, faults, Vec::new()));
    hold("no write vanishes", plans, &[NONE_LOST, TABLES_EQUAL, Check::LastWriterWins], 32);
}

#[test]
fn clocks_that_differ_cost_no_agreement() {
    let plans = (draw::seed(), draw::items(40, 4), draw::faults(Store::Table), draw::skew()).prop_map(
        |(seed, writes, mut faults, skew)| {
            faults.extend(skew);
            plan(seed, Store::Table, writes, faults, Vec::new())
        },
    );
    hold("skewed clocks", plans, &[TABLES_EQUAL, Check::LastWriterWins], 16);
}

#[test]
fn completed_objects_are_there() {
    let plans = (draw::seed(), draw::objects(20), draw::faults(Store::Bucket))
        .prop_map(|(seed, writes, faults)| plan(seed, Store::Bucket, writes, faults, Vec::new()));
    hold("completed objects are there", plans, &[Check::CompletedObjectsReadable, BUCKETS_EQUAL], 16);
}

#[test]
fn no_region_serves_an_unpublished_secret() {
    let plans = (draw::seed(), draw::faults(Store::Secret), draw::rotations())
        .prop_map(|(seed, faults, rotations)| plan(seed, Store::Secret, Vec::new(), faults, rotations));
    hold("unpublished secrets", plans, &[Check::PublishedSecretsOnly], 16);
}
