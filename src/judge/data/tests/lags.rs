//! Lags by direction, what cannot show any, and faults that only the data show.

use super::*;
use crate::scenario::Percentile;

fn lag(percentile: Percentile, ms: u64) -> Check {
    let (from, to) = (Some(US), Some(EU));
    Check::ReplicationLagWithin { of: Store::Table, percentile, from, to, within: Duration::from_millis(ms) }
}

/// A write every 100 ms from `from_ms` on, each missed at half its lag.
fn writes(story: &mut Story, from: u64, count: u64, from_ms: u64, lag_ms: impl Fn(u64) -> u64) {
    for index in 0..count {
        let acked = from_ms + index * 100;
        let lag = lag_ms(index);
        story.put(from + index, &format!("k{}", from + index), US, (acked - 20, acked));
        story.arrival(from + index, EU, Some(acked + lag / 2), acked + lag);
    }
}

#[test]
fn percentiles_are_of_the_middle_and_bounds_of_the_upper_end() {
    let mut story = Story::tables();
    writes(&mut story, 1, 200, 1_000, |index| 1_000 + index * 10);
    let lags = story.judged([]).replication.tables;
    let [lag_seen] = lags.as_slice() else { panic!("{lags:?}") };
    assert_eq!((lag_seen.from, lag_seen.to, lag_seen.samples, lag_seen.missing), (US, EU, 200, 0));
    let near = |ms: Option<u64>, exact: f64| assert!((ms.unwrap() as f64 / exact - 1.0).abs() < 0.01, "{ms:?} {exact}");
    near(lag_seen.p50_ms, 1_990.0 * 0.75);
    near(lag_seen.p99_ms, 2_970.0 * 0.75);
    assert_eq!(lag_seen.worst_ms, Some(2_990));
    assert_eq!(story.claim(lag(Percentile::P50, 2_020)).0, Outcome::Pass);
    assert_eq!(story.claim(lag(Percentile::P50, 1_960)).0, Outcome::Fail);
    assert_eq!(story.claim(lag(Percentile::Max, 2_990)).0, Outcome::Pass);
    assert_eq!(story.claim(lag(Percentile::Max, 2_989)).0, Outcome::Fail);
}

#[test]
fn a_delete_of_nothing_shows_no_lag() {
    let mut story = Story::tables();
    writes(&mut story, 1, 20, 1_000, |_| 1_000);
    for delete in 100..150 {
        story.delete(delete, &format!("never{delete}"), US, (1_000, 1_050)).arrival(delete, EU, None, 1_060);
    }
    assert_eq!(story.judged([]).replication.tables[0].samples, 20);
    assert_eq!(story.claim(lag(Percentile::P50, 999)).0, Outcome::Fail);
}

#[test]
fn few_samples_say_nothing() {
    let mut story = Story::tables();
    writes(&mut story, 1, 99, 1_000, |_| 1_000);
    assert_eq!(story.claim(lag(Percentile::P90, 1_000)).0, Outcome::Pass);
    let (verdict, _, why) = story.claim(lag(Percentile::P99, 1_000));
    assert_eq!(verdict, Outcome::Inconclusive);
    assert_eq!(why, "only 99 samples from us-east-1 to eu-west-1, and p99 needs 100");
}

#[test]
fn what_never_arrived_is_later_than_all_that_did() {
    let mut story = Story::tables();
    writes(&mut story, 1, 100, 1_000, |_| 1_000);
    for lost in 0..5 {
        story.put(500 + lost, &format!("lost{lost}"), US, (1_000, 1_050));
    }
    story.scan(US, &[]).scan(EU, &[]);
    assert_eq!(story.claim(lag(Percentile::P90, 1_000)).0, Outcome::Pass);
    let (verdict, _, why) = story.claim(lag(Percentile::P99, 9_000));
    assert_eq!(verdict, Outcome::Fail);
    assert_eq!(why, "5 of 105 writes from us-east-1 to eu-west-1 never arrived");
}

#[test]
fn what_is_there_before_light_could_bring_it_is_no_replication() {
    let story = |seen_ms: u64, missed: Option<u64>| {
        let mut story = Story::tables();
        for write in 1..=30 {
            story.put(write, &format!("k{write}"), US, (1_000, 1_050));
            story.arrival(write, EU, missed, 1_050 + seen_ms);
        }
        story.claim(lag(Percentile::P50, 2_000))
    };
    let (verdict, _, why) = story(10, None);
    assert_eq!(verdict, Outcome::Inconclusive);
    assert!(why.contains("replication is synchronous or redirected"), "{why}");
    assert_eq!(story(100, None).0, Outcome::Pass);
    assert_eq!(story(10, Some(1_055)).0, Outcome::Pass);
}

const PAUSE: Fault = Fault::ReplicationPause { of: Store::Table, from: Some(US), to: None };

#[test]
fn a_pause_is_seen_where_nothing_arrives_before_its_heal() {
    let doubts = |lag_ms: fn(u64) -> u64| {
        let mut story = Story::tables();
        story.fault(PAUSE, None, (10_000, 20_000));
        writes(&mut story, 1, 90, 11_000, lag_ms);
        let doubts = story.judged([]).doubts;
        let (verdict, _, why) = story.claim(lag(Percentile::P50, 60_000));
        (doubts.into_iter().find(|doubt| doubt.contains("replication-pause-1")), verdict, why)
    };
    assert_eq!(doubts(|index| 9_500 - index * 100).0, None);
    // Everything arrives as if nothing had happened: the pause did not hold, and nothing can be said of lags.
    let (doubt, verdict, why) = doubts(|_| 50);
    let said = "nobody saw replication-pause-1 take effect: 90 of 90 writes made during it arrived";
    assert_eq!(doubt.as_deref(), Some(said));
    assert_eq!(verdict, Outcome::Inconclusive);
    assert!(why.starts_with("90 of 90 writes made during replication-pause-1 arrived before it was healed"), "{why}");
}

#[test]
fn slowness_is_seen_in_the_lags() {
    let doubt = |times: u64| {
        let mut story = Story::tables();
        let slow = Fault::ReplicationSlow { of: Store::Table, from: None, to: None, times: 3 };
        writes(&mut story, 1, 50, 1_000, |_| 1_000);
        story.fault(slow, None, (10_000, 20_000));
        writes(&mut story, 100, 50, 11_000, |_| 1_000 * times);
        story.judged([]).doubts.into_iter().find(|doubt| doubt.contains("replication-slow-1"))
    };
    assert_eq!(doubt(3), None);
    assert!(doubt(1).unwrap().ends_with("lags were what they had been before"));
}

#[test]
fn a_silent_fault_has_no_failover() {
    let mut story = Story::tables();
    story.fault(PAUSE, None, (10_000, 20_000));
    let verdict = story.judged([Check::FailoverWithin { behaviour: None, within: Duration::from_secs(60) }]);
    assert_eq!((verdict.failover, verdict.failback), (None, None));
    assert_eq!(verdict.assertions[0].evidence, "no fault that users could feel was injected");
    let doubt = "nobody saw replication-pause-1 take effect: nothing was written that had to go across it";
    assert!(verdict.doubts.contains(&doubt.to_owned()), "{:?}", verdict.doubts);
}
