//! Reads that are behind, and reads that go back.

use super::*;

fn stale(ms: u64) -> Check {
    Check::StaleReadsWithin { within: Duration::from_millis(ms) }
}

/// Two writes of a key, a second apart, and enough reads that are fine.
fn story() -> Story {
    let mut story = Story::tables();
    story.put(1, "a", US, (1_000, 1_050)).arrival(1, EU, None, 1_300);
    story.put(2, "a", US, (2_000, 2_050)).arrival(2, EU, Some(3_000), 4_000);
    for read in 0..30 {
        story.read("a", US, 100 + read, (2_100, 2_110), Some(2));
    }
    story
}

#[test]
fn a_read_is_as_old_as_the_oldest_write_it_missed() {
    let mut story = story();
    story.read("a", EU, 1, (3_050, 3_060), Some(1));
    let (verdict, measured, why) = story.claim(stale(999));
    assert_eq!((verdict, measured), (Outcome::Fail, Some(1.0)));
    assert_eq!(why, "eu-west-1: a read of a by readers 1 at 00:00:03.050 saw write 1 and missed write 2");
    assert_eq!(story.claim(stale(1_000)).0, Outcome::Pass);
    let reads = story.judged([]).reads;
    assert_eq!(
        reads.iter().map(|seen| (seen.region, seen.reads, seen.stale)).collect::<Vec<_>>(),
        [(US, 30, 0), (EU, 1, 1)]
    );
}

#[test]
fn a_read_is_fresh_where_nothing_later_was_acknowledged_when_it_began() {
    let mut story = story();
    // The write is on its way when the read begins; the other read sees a write whose answer is still on its way.
    story.read("a", EU, 1, (2_040, 2_060), Some(1)).read("a", US, 2, (2_010, 2_045), Some(2));
    story.read("b", EU, 3, (2_040, 2_060), None);
    assert_eq!(story.claim(stale(0)).0, Outcome::Pass);
    assert_eq!(Story::tables().claim(stale(0)).2, "only 0 reads");
}

#[test]
fn reading_nothing_is_stale_unless_a_delete_may_have_been_met() {
    let mut story = story();
    story.read("a", EU, 1, (3_050, 3_060), None);
    assert_eq!(story.claim(stale(1_500)).1, Some(2.0));
    story.delete(3, "a", EU, (3_000, 3_200));
    assert_eq!(story.claim(stale(0)).0, Outcome::Pass);
}

#[test]
fn a_client_that_sees_an_earlier_write_again_went_back() {
    let mut story = story();
    story.read("a", US, 1, (2_100, 2_110), Some(2)).read("a", EU, 1, (2_200, 2_210), Some(1));
    // Another client, and the same one further on, did not.
    story.read("a", EU, 2, (2_200, 2_210), Some(1)).read("a", US, 2, (2_300, 2_310), Some(2));
    let (verdict, measured, why) = story.claim(Check::MonotonicReads);
    assert_eq!((verdict, measured), (Outcome::Fail, Some(1.0)));
    assert_eq!(why, "1 of 34 reads: readers 1 saw write 2 of a, and at 00:00:02.200 write 1");
    let mut healthy = self::story();
    healthy.read("a", EU, 1, (2_100, 2_110), Some(1)).read("a", US, 1, (2_200, 2_210), Some(2));
    assert_eq!(healthy.claim(Check::MonotonicReads).0, Outcome::Pass);
}

#[test]
fn seeing_nothing_after_something_went_back_unless_it_was_deleted() {
    let mut story = story();
    story.read("a", US, 1, (2_100, 2_110), Some(2)).read("a", EU, 1, (3_200, 3_210), None);
    assert_eq!(story.claim(Check::MonotonicReads).0, Outcome::Fail);
    story.delete(3, "a", EU, (3_100, 3_300));
    assert_eq!(story.claim(Check::MonotonicReads).0, Outcome::Pass);
}
