//! Objects: shares, statuses and what the final scan finds.

use super::*;
use crate::scenario::Percent;

fn objects() -> Story {
    Story::of(Store::Bucket)
}

fn status(story: &mut Story, write: u64, at_ms: u64, status: &str) {
    story.tell(at_ms, Event::ObjectStatus { write, region: US, status: status.into() });
}

#[test]
fn a_share_of_the_objects_is_there_in_time() {
    let story = |late: u64| {
        let mut story = objects();
        for write in 1..=40 {
            let seen = if write <= late { 31_050 } else { 2_000 };
            story.put(write, &format!("o{write}"), US, (1_000, 1_050)).arrival(write, EU, Some(1_500), seen);
        }
        story.claim(Check::ObjectsReplicated { within: Duration::from_secs(29), at_least: Percent::new(95.0).unwrap() })
    };
    assert_eq!((story(2).0, story(2).1), (Outcome::Pass, Some(95.0)));
    assert_eq!((story(3).0, story(3).1), (Outcome::Fail, Some(92.5)));
    let none = objects().claim(Check::ObjectsReplicated { within: Duration::ZERO, at_least: Percent::ALL });
    assert_eq!((none.0, none.2.as_str()), (Outcome::Inconclusive, "only 0 objects to judge"));
}

#[test]
fn lags_are_told_by_size() {
    let mut story = objects();
    for (write, size) in [(1, 1 << 10), (2, 1 << 20), (3, 64 << 20)] {
        story.put(write, &format!("o{write}"), US, (1_000, 1_050)).arrival(write, EU, Some(1_500), 2_000 * write);
        let Some(Event::Write { bytes, .. }) = story.records.iter_mut().rev().nth(1).map(|record| &mut record.event)
        else {
            panic!("no write")
        };
        *bytes = Some(size);
    }
    let lags = story.judged([]).replication.objects;
    let classes: Vec<_> = lags.iter().map(|lag| (lag.class.as_deref().unwrap(), lag.worst_ms.unwrap())).collect();
    assert_eq!(classes, [("<128KB", 950), ("<16MB", 2_950), ("16MB+", 4_950)]);
}

#[test]
fn completed_means_readable() {
    let story = |missed: Option<u64>| {
        let mut story = objects();
        story.put(1, "o", US, (1_000, 1_050));
        status(&mut story, 1, 3_000, "COMPLETED");
        story.arrival(1, EU, missed, 4_000).scans(&[("o", 1)]);
        story.claim(Check::CompletedObjectsReadable)
    };
    assert_eq!(story(Some(2_999)).0, Outcome::Pass);
    let (verdict, _, why) = story(Some(3_500));
    assert_eq!(verdict, Outcome::Fail);
    assert_eq!(why, "write 1 was COMPLETED in us-east-1 and could not be read in eu-west-1 afterwards");
}

#[test]
fn completed_and_missing_in_the_final_scan_is_a_lie() {
    let story = |there: bool| {
        let mut story = objects();
        story.put(1, "o", US, (1_000, 1_050)).found(US, 100_500, "o", Some(1), Some("COMPLETED"));
        story.scanned(US, true, 1).scan(EU, if there { &[("o", 1)] } else { &[] });
        story
    };
    assert_eq!(story(true).claim(Check::CompletedObjectsReadable).0, Outcome::Pass);
    let (verdict, _, why) = story(false).claim(Check::CompletedObjectsReadable);
    assert_eq!((verdict, why.as_str()), (Outcome::Fail, "o (write 1) is COMPLETED in us-east-1 and not in eu-west-1"));
    assert_eq!(story(false).claim(Check::DivergentObjectsAtMost { at_most: 0 }).0, Outcome::Fail);
    assert_eq!(story(true).claim(Check::DivergentObjectsAtMost { at_most: 0 }).0, Outcome::Pass);
    assert_eq!(objects().claim(Check::CompletedObjectsReadable).2, "nothing was COMPLETED");
}

#[test]
fn tags_and_metadata_may_differ_where_bytes_do_not() {
    let mut story = objects();
    story.put(1, "o", US, (1_000, 1_050)).scans(&[("o", 1)]);
    let Event::Scanned { about, .. } = &mut story.records[1].event else { panic!("no scan") };
    *about = Some("tags".into());
    let seen = story.judged([]).objects.unwrap();
    assert_eq!((seen.divergent, seen.first[0].what.as_str()), (1, "metadata or tags"));
}

#[test]
fn failed_statuses_are_counted_and_named() {
    let mut story = objects();
    story.put(1, "o", US, (1_000, 1_050));
    status(&mut story, 1, 3_000, "FAILED");
    let seen = story.judged([]).objects.unwrap();
    assert_eq!((seen.failed, seen.examples[0].as_str()), (1, "write 1 FAILED in us-east-1"));
}
