//! One story for each class of write.

use super::*;
use crate::judge::Rpo;
use crate::scenario::{Mode, Percent, Scope};

/// Acknowledged, stable, late, overwritten, lost, unproven.
fn classes(rpo: &Rpo) -> [u64; 6] {
    [rpo.acked, rpo.stable, rpo.late, rpo.overwritten, rpo.lost, rpo.unproven]
}

fn classes_of(story: &mut Story) -> [u64; 6] {
    classes(&story.judged([]).rpo.unwrap())
}

#[test]
fn a_write_seen_within_the_bound_is_stable_and_after_it_late() {
    let seen_at = |ms| {
        let mut story = Story::tables();
        story.put(1, "a", US, (1_000, 1_050)).arrival(1, EU, Some(ms - 500), ms).scans(&[("a", 1)]);
        (classes_of(&mut story), story.claim(no_loss()).0)
    };
    assert_eq!(seen_at(11_050), ([1, 1, 0, 0, 0, 0], Outcome::Pass));
    assert_eq!(seen_at(11_051), ([1, 0, 1, 0, 0, 0], Outcome::Pass));
}

#[test]
fn a_write_whose_place_another_took_is_overwritten_by_name() {
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).put(2, "a", EU, (1_020, 1_070));
    story.superseded(1, EU, Some(2), 2_000).arrival(2, US, None, 2_000).scans(&[("a", 2)]);
    assert_eq!(classes_of(&mut story), [2, 1, 0, 1, 0, 0]);
    assert_eq!(story.claim(no_loss()).0, Outcome::Pass);
    // The same two without a look: the scan finds the later one in the place of the earlier.
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).put(2, "a", EU, (1_020, 1_070)).scans(&[("a", 2)]);
    assert_eq!(classes_of(&mut story), [2, 0, 1, 1, 0, 0]);
    // And where a definitely later one arrives, what waits behind it is replaced.
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).put(2, "a", US, (1_100, 1_150)).arrival(2, EU, Some(1_900), 2_000);
    assert_eq!(classes_of(&mut story), [2, 1, 0, 1, 0, 0]);
}

#[test]
fn of_two_at_once_the_one_that_comes_to_the_others_region_has_won() {
    // The second one was sent later and loses: looks for it in Europe will never find a higher number there.
    let story = |missed| {
        let mut story = Story::tables();
        story.put(1, "a", EU, (1_000, 1_070)).put(2, "a", US, (1_020, 1_050)).arrival(1, US, missed, 2_000);
        classes_of(&mut story)
    };
    assert_eq!(story(Some(1_100)), [2, 1, 0, 1, 0, 0]);
    // Where it may have been there before the other was written, nothing is known yet.
    assert_eq!(story(None), [2, 1, 0, 0, 0, 1]);
}

#[test]
fn what_was_over_before_cannot_take_the_place_of_a_later_write() {
    let story = |seen| {
        let mut story = Story::tables();
        story.put(1, "a", EU, (1_000, 1_050)).put(2, "a", US, (1_100, 1_150)).arrival(1, US, None, 1_060);
        story.superseded(2, EU, Some(1), 2_000).scan(US, &[("a", 2)]).scan(EU, &[("a", seen)]);
        story
    };
    assert_eq!(classes_of(&mut story(2)), [2, 1, 1, 0, 0, 0]);
    let mut lost = story(1);
    assert_eq!(classes_of(&mut lost), [2, 1, 0, 0, 1, 0]);
    let (verdict, measured, why) = lost.claim(no_loss());
    assert_eq!((verdict, measured), (Outcome::Fail, Some(1.0)));
    assert_eq!(why, "lost: write 2 of a by users in us-east-1 at 00:00:01.150");
    assert_eq!(lost.claim(Check::LostWritesAtMost { at_most: 1 }).0, Outcome::Pass);
}

#[test]
fn a_write_that_was_everywhere_and_vanished_is_lost() {
    let story = |us: &[(&str, u64)], eu: &[(&str, u64)]| {
        let mut story = Story::tables();
        story.put(1, "a", US, (1_000, 1_050)).arrival(1, EU, None, 1_100);
        classes_of(story.scan(US, us).scan(EU, eu))
    };
    assert_eq!(story(&[("a", 1)], &[("a", 1)]), [1, 1, 0, 0, 0, 0]);
    assert_eq!(story(&[], &[]), [1, 0, 0, 0, 1, 0]);
    assert_eq!(story(&[("a", 1)], &[]), [1, 0, 0, 0, 1, 0]);
    assert_eq!(story(&[], &[("a", 1)]), [1, 0, 0, 0, 1, 0]);
}

#[test]
fn a_delete_is_there_where_nothing_is() {
    let story = |left: &[(&str, u64)]| {
        let mut story = Story::tables();
        story.put(1, "a", US, (1_000, 1_050)).arrival(1, EU, None, 1_100).delete(2, "a", US, (2_000, 2_050));
        story.scan(US, &[]).scan(EU, left);
        story
    };
    assert_eq!(classes_of(&mut story(&[])), [2, 2, 0, 0, 0, 0]);
    let mut zombie = story(&[("a", 1)]);
    assert_eq!(classes_of(&mut zombie), [2, 1, 0, 0, 1, 0]);
    assert_eq!(zombie.judged([]).convergence.unwrap().zombies, 1);
}

#[test]
fn nothing_in_its_place_is_a_delete_or_a_loss() {
    // The look comes before the answer to the delete.
    let mut explained = Story::tables();
    explained.put(1, "a", US, (1_000, 1_050)).superseded(1, EU, None, 2_000);
    explained.delete(2, "a", EU, (1_900, 2_100)).scans(&[]);
    assert_eq!(classes_of(&mut explained), [2, 1, 0, 1, 0, 0]);
    let mut unexplained = Story::tables();
    unexplained.put(1, "a", US, (1_000, 1_050)).superseded(1, EU, None, 2_000).scans(&[]);
    assert_eq!(classes_of(&mut unexplained), [1, 0, 0, 0, 1, 0]);
}

#[test]
fn without_a_complete_scan_the_open_ones_are_unproven() {
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).scan(US, &[("a", 1)]).scanned(EU, false, 0);
    assert_eq!(classes_of(&mut story), [1, 0, 0, 0, 0, 1]);
    story.tell(100_700, Event::Trouble { stage: "scan".into(), what: "throttled".into() });
    let (verdict, _, why) = story.claim(no_loss());
    assert_eq!(verdict, Outcome::Inconclusive);
    assert_eq!(why, "no complete final scan of eu-west-1; the scan was failing: throttled");
    assert_eq!(Story::tables().claim(no_loss()).2, "no write of a user was acknowledged");
    // A write that was sent after the scan began is none of its business.
    let mut after = Story::tables();
    after.put(1, "a", US, (100_100, 100_200)).scans(&[]);
    assert_eq!(classes_of(&mut after), [1, 0, 0, 0, 0, 1]);
}

#[test]
fn an_unknown_write_is_counted_apart_and_may_overwrite() {
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).unknown(2, "a", EU, (1_500, 6_500)).scans(&[("a", 2)]);
    let rpo = story.judged([]).rpo.unwrap();
    assert_eq!(classes(&rpo), [1, 0, 0, 1, 0, 0]);
    assert_eq!((rpo.unknown, rpo.happened), (1, 1));
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).unknown(2, "a", EU, (1_500, 6_500)).arrival(1, EU, None, 1_100);
    let rpo = story.scans(&[("a", 1)]).judged([]).rpo.unwrap();
    assert_eq!((classes(&rpo), rpo.unknown, rpo.happened), ([1, 1, 0, 0, 0, 0], 1, 0));
}

#[test]
fn what_a_fault_writes_is_nobodys_loss_and_overwrites_all_the_same() {
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).arrival(1, EU, None, 1_100);
    story.put(2, "a", US, (2_000, 2_050)).by_fault();
    assert_eq!(classes_of(story.scan(US, &[("a", 2)]).scan(EU, &[("a", 1)])), [1, 1, 0, 0, 0, 0]);
}

#[test]
fn stable_writes_are_a_share_of_those_not_replaced() {
    let story = |late: u64, lost: u64| {
        let mut story = Story::tables();
        let keys: Vec<String> = (0..100).map(|key| format!("k{key}")).collect();
        for (write, key) in (1..).zip(&keys) {
            let seen = if write <= late { 20_000 } else { 2_000 };
            story.put(write, key, US, (1_000, 1_050));
            if write <= 100 - lost {
                story.arrival(write, EU, Some(1_500), seen);
            }
        }
        story.claim(Check::StableWritesAtLeast { at_least: Percent::new(95.0).unwrap() })
    };
    assert_eq!(story(5, 0).0, Outcome::Pass);
    assert_eq!(story(6, 0).0, Outcome::Fail);
    // What nobody saw may be either.
    assert_eq!(story(0, 6).0, Outcome::Inconclusive);
    assert_eq!(story(6, 6).0, Outcome::Fail);
}

#[test]
fn what_a_lost_region_alone_had_is_stranded() {
    let outage = Fault::RegionOutage { region: US, scope: Scope::Region, mode: Mode::Refuse };
    let story = |arrives: bool| {
        let mut story = Story::tables();
        story.put(1, "a", US, (1_000, 1_050)).arrival(1, EU, Some(1_900), 2_000);
        story.put(2, "b", US, (8_000, 8_500)).put(3, "c", EU, (8_000, 8_500)).put(4, "d", US, (9_000, 9_500));
        story.fault(outage.clone(), Some(US), (10_000, 60_000));
        story.put(5, "d", EU, (20_000, 20_050)).superseded(4, EU, Some(5), 20_100);
        if arrives {
            story.arrival(2, EU, Some(59_000), 61_000).arrival(3, US, Some(59_000), 61_000);
        }
        let b: &[(&str, u64)] = &[("a", 1), ("b", 2), ("c", 3), ("d", 5)];
        story.scan(US, b).scan(EU, if arrives { b } else { &[("a", 1), ("c", 3), ("d", 5)] });
        story
    };
    let rpo = story(true).judged([]).rpo.unwrap();
    let stranded = rpo.stranded.unwrap();
    assert_eq!((stranded.region, stranded.at_ms, stranded.writes, stranded.seconds), (US, 10_000, 2, 1.5));
    assert_eq!((stranded.arrived, stranded.overwritten, stranded.lost), (1, 1, 0));
    assert_eq!(stranded.last_arrived_ms, Some(61_000));
    let first: Vec<_> = stranded.first.iter().map(|seen| (seen.write, seen.class.as_str(), seen.lag_ms)).collect();
    assert_eq!(first, [(2, "late", Some(52_500)), (4, "overwritten", None)]);
    assert_eq!((rpo.lost, rpo.seconds), (0, 0.0));
    let mut lost = story(false);
    let rpo = lost.judged([]).rpo.unwrap();
    assert_eq!((rpo.lost, rpo.seconds, rpo.lost_writes[0].write), (1, 1.5, 2));
    assert_eq!(rpo.stranded.unwrap().lost, 1);
    let within = |ms| Check::RpoWithin { within: Duration::from_millis(ms) };
    assert_eq!((lost.claim(within(1_500)).0, lost.claim(within(1_499)).0), (Outcome::Pass, Outcome::Fail));
}

#[test]
fn memory_does_not_grow_with_what_is_over() {
    let mut plan = Plan::default();
    plan.timeline.clear();
    let mut data = super::super::Data::new(&plan);
    let mut story = Story::tables();
    for write in 1..=5_000_u64 {
        let key = format!("k{}", write % 20);
        let at = write * 10;
        story.put(write, &key, if write % 2 == 0 { US } else { EU }, (at, at + 5));
        story.arrival(write, if write % 2 == 0 { EU } else { US }, None, at + 8);
    }
    story.records.sort_by_key(|record| record.at_us);
    story.records.iter().for_each(|record| data.observe(record));
    assert_eq!(data.tables.counts.stable, 5_000);
    assert!(data.tables.held().count() < 20 * 12, "{}", data.tables.held().count());
}
