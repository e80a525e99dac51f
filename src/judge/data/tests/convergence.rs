//! Whether Regions become equal, and whether the last writer won.

use super::*;

const PARTITION: Fault = Fault::Partition { between: (US, EU) };

fn converged(seconds: u64) -> Check {
    Check::ConvergedWithin { within: Duration::from_secs(seconds) }
}

#[test]
fn converging_counts_from_the_heal() {
    let mut story = Story::tables();
    story.fault(PARTITION, None, (10_000, 60_000));
    story.put(1, "a", US, (20_000, 20_050)).arrival(1, EU, Some(62_000), 63_000);
    // Acknowledged after the heal: not what is waited for.
    story.put(2, "b", US, (61_000, 61_050)).arrival(2, EU, Some(80_000), 90_000).scans(&[("a", 1), ("b", 2)]);
    let seen = story.judged([]).convergence.unwrap();
    assert_eq!((seen.since_ms, seen.took_ms, seen.open, seen.compared), (Some(60_000), Some(3_000), 0, 2));
    assert_eq!((story.claim(converged(3)).0, story.claim(converged(2)).0), (Outcome::Pass, Outcome::Fail));
}

#[test]
fn without_a_heal_it_counts_from_the_end_of_writing() {
    let mut story = Story::tables();
    story.put(1, "a", US, (20_000, 20_050)).arrival(1, EU, Some(62_000), 63_000).scans(&[("a", 1)]);
    assert_eq!(story.claim(converged(9)).2, "nothing was healed, and writing did not end");
    story.tell(60_000, Event::Phase { phase: PhaseName::Reconcile });
    assert_eq!(story.claim(converged(3)).0, Outcome::Pass);
}

#[test]
fn what_the_scan_alone_saw_may_have_come_in_time() {
    let mut story = Story::tables();
    story.fault(PARTITION, None, (10_000, 60_000)).put(1, "a", US, (20_000, 20_050)).scans(&[("a", 1)]);
    assert_eq!(story.claim(converged(30)).0, Outcome::Inconclusive);
    assert_eq!(story.claim(converged(41)).0, Outcome::Pass);
}

#[test]
fn keys_that_differ_are_named_with_both_versions_and_their_writers() {
    let mut story = Story::tables();
    story.fault(PARTITION, None, (10_000, 60_000));
    story.put(1, "a", US, (20_000, 20_050)).put(2, "a", EU, (20_010, 20_060)).put(3, "b", US, (1_000, 1_050));
    story.scan(US, &[("a", 1), ("b", 3)]).scan(EU, &[("a", 2)]);
    let items = |at_most| Check::DivergentItemsAtMost { at_most };
    let (verdict, measured, why) = story.claim(items(1));
    assert_eq!((verdict, measured), (Outcome::Fail, Some(2.0)));
    assert_eq!(
        why,
        "b (missing: write 3 by users of us-east-1 at 00:00:01.050 in us-east-1, nothing in eu-west-1); a (content: \
         write 1 by users of us-east-1 at 00:00:20.050 in us-east-1, write 2 by users of eu-west-1 at 00:00:20.060 in \
         eu-west-1)"
    );
    assert_eq!(story.claim(items(2)).0, Outcome::Pass);
    let (verdict, _, why) = story.claim(converged(99));
    assert!(verdict == Outcome::Fail && why.starts_with("the final scans differ: b (missing"), "{why}");
    let mut unscanned = Story::tables();
    unscanned.put(1, "a", US, (20_000, 20_050)).scan(US, &[("a", 1)]);
    assert_eq!(unscanned.claim(items(0)).2, "no complete final scan of eu-west-1");
}

#[test]
fn the_last_of_several_scans_counts() {
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).scan(US, &[("a", 1)]).scan(EU, &[]);
    assert_eq!(story.claim(Check::DivergentItemsAtMost { at_most: 0 }).0, Outcome::Fail);
    let later = |at, event| Record { at_us: at, event };
    let (store, region, key) = (Store::Table, EU, "a".to_owned());
    let (digest, about, status) = ("digest-1".to_owned(), None, None);
    let found = Event::Scanned { store, region, key, write: Some(1), digest, about, status };
    story.records.push(later(110_000_000, found));
    let ended = Event::ScanEnded { store, region, items: 1, complete: true, began_us: 109_000_000 };
    story.records.push(later(111_000_000, ended));
    assert_eq!(story.claim(Check::DivergentItemsAtMost { at_most: 0 }).0, Outcome::Pass);
}

#[test]
fn an_earlier_write_in_the_end_is_no_last_writer() {
    let story = |end: u64, second_started: u64| {
        let mut story = Story::tables();
        story.put(1, "a", US, (1_000, 1_050)).put(2, "a", EU, (second_started, second_started + 50));
        story.scans(&[("a", end)]);
        story
    };
    assert_eq!(story(2, 2_000).claim(Check::LastWriterWins).0, Outcome::Pass);
    let (verdict, measured, why) = story(1, 2_000).claim(Check::LastWriterWins);
    assert_eq!((verdict, measured), (Outcome::Fail, Some(1.0)));
    assert_eq!(
        why,
        "a ended as write 1 by users of us-east-1 at 00:00:01.050 in us-east-1, but was followed by write 2 of a by \
         users in eu-west-1 at 00:00:02.050"
    );
    // Two writes at the same time may end either way.
    assert_eq!(story(1, 1_040).claim(Check::LastWriterWins).0, Outcome::Pass);
    // And with clocks that are a second apart, so may two that are a second apart.
    let skew = |ahead_ms| {
        let mut story = story(1, 2_000);
        story.fault(Fault::ClockSkew { region: US, ahead_ms }, Some(US), (500, 90_000));
        story
    };
    assert_eq!(skew(-1_000).claim(Check::LastWriterWins).0, Outcome::Pass);
    assert_eq!(skew(900).claim(Check::LastWriterWins).0, Outcome::Fail);
    // The write is gone for its user all the same, and that is how the skew is seen.
    let verdict = skew(1_000).judged([]);
    assert_eq!(verdict.rpo.unwrap().lost, 1);
    assert!(!verdict.doubts.iter().any(|doubt| doubt.contains("clock-skew")), "{:?}", verdict.doubts);
}

#[test]
fn a_zombie_is_what_a_delete_left_behind() {
    let story = |left: &[(&str, u64)]| {
        let mut story = Story::tables();
        story.put(1, "a", US, (1_000, 1_050)).delete(2, "a", EU, (2_000, 2_050)).scan(US, left).scan(EU, &[]);
        story.claim(Check::LastWriterWins)
    };
    assert_eq!(story(&[]).0, Outcome::Pass);
    let (verdict, _, why) = story(&[("a", 1)]);
    assert!(verdict == Outcome::Fail && why.contains("but was deleted by write 2"), "{why}");
}
