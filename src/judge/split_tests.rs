//! Made-up days with weighted records, and what must be said of their splits.

use super::day::{Day, END, EU, FAULT, HEAL, STEADY, US, plan};
use super::{Judgement, Outcome, SplitSeen, judge};
use crate::history::{Event, Record, RecordSeen};
use crate::region::Region;
use crate::scenario::{Check, Percent, Plan};

fn records(second: u64, us: u64, eu: u64) -> Record {
    let set = |id: &str, weight, region| RecordSeen {
        id: id.into(),
        weight: Some(weight),
        region: None,
        values: vec![],
        leads_to: Some(region),
        health_check: None,
        ttl_s: Some(60),
    };
    let sets = vec![set("eu-west-1", eu, EU), set("us-east-1", us, US)];
    Record { at_us: second * 1_000_000, event: Event::Records { name: "api.orders.example".into(), sets } }
}

fn told(second: u64, region: Region) -> Record {
    let resolved =
        Event::Resolved { population: "north-america".into(), resolver: 0, regions: vec![region], ttl_s: 60 };
    Record { at_us: second * 1_000_000, event: resolved }
}

/// One answer a second, every fourth of them with eu-west-1; weights 75 and 25 from the beginning.
fn day() -> Vec<Record> {
    let mut day = Day { effect: false, ..Day::default() }.records();
    day.retain(|record| !matches!(record.event, Event::Fault { .. } | Event::Change { .. }));
    day.push(records(STEADY + 2, 75, 25));
    day.extend((STEADY..END).map(|second| told(second, if second % 4 == 0 { EU } else { US })));
    day.sort_by_key(|record| record.at_us);
    day
}

fn unbroken() -> Plan {
    Plan { timeline: Vec::new(), ..plan() }
}

fn splits(records: &[Record]) -> Vec<SplitSeen> {
    let verdict = judge(&unbroken(), records);
    verdict.splits.into_iter().filter(|split| split.population == "north-america").collect()
}

fn claimed(records: &[Record], points: f64) -> Judgement {
    let check = Check::SplitWithin { tolerance: Percent::new(points).unwrap() };
    judge(&Plan { assertions: vec![check.into_assertion()], ..unbroken() }, records).assertions.remove(0)
}

#[test]
fn three_numbers_and_how_sure_they_are() {
    let splits = splits(&day());
    let [split] = &splits[..] else { panic!("{splits:?}") };
    assert_eq!((split.from_ms, split.until_ms), (STEADY * 1_000, END * 1_000));
    assert_eq!((split.answers, split.left_out, split.requests), (1_940, 0, 19_400));
    let [eu, us] = &split.shares[..] else { panic!("{split:?}") };
    assert_eq!((eu.id.as_str(), eu.declared, eu.answers), ("eu-west-1", 25.0, 485));
    let answers = eu.by_answers.unwrap();
    assert!(answers.share == 25.0 && answers.low < 23.2 && answers.high > 26.9, "{answers:?}");
    // Americans of this day are all in us-east-1 but for the while from 620 to 1600, whatever was answered.
    assert_eq!(eu.requests, 9_800);
    assert_eq!((us.requests, us.declared), (9_600, 75.0));
    assert!(eu.by_requests.unwrap().low > 49.0);
}

#[test]
fn an_answer_that_had_not_settled_is_left_out_and_counted() {
    let mut day = day();
    day.push(records(1_000, 25, 75));
    day.sort_by_key(|record| record.at_us);
    let splits = splits(&day);
    assert_eq!(splits.len(), 2);
    // One look before the change was seen; and 60 s to INSYNC and the TTL after it.
    assert_eq!((splits[0].until_ms, splits[1].from_ms), (995_000, 1_120_000));
    assert_eq!((splits[0].left_out, splits[1].left_out), (0, 125));
    assert_eq!(splits[1].shares[0].declared, 75.0);
    // What was answered did not follow.
    let judged = claimed(&day, 40.0);
    assert_eq!(judged.verdict, Outcome::Fail);
    assert!(
        judged.evidence.contains("us-east-1 has 25% of the weights and got 75.0% of 880 answers (72.0% to 77.8%)"),
        "{}",
        judged.evidence
    );
}

#[test]
fn the_time_of_a_lost_region_is_left_out() {
    let mut day = Day::default().records();
    day.push(records(STEADY + 2, 75, 25));
    day.extend((STEADY..END).map(|second| told(second, if second < FAULT && second % 4 == 0 { EU } else { US })));
    day.sort_by_key(|record| record.at_us);
    let verdict = judge(&plan(), &day);
    let spans: Vec<(u64, u64, u64)> = verdict
        .splits
        .iter()
        .filter(|split| split.population == "north-america")
        .map(|split| (split.from_ms / 1_000, split.until_ms / 1_000, split.left_out))
        .collect();
    let after = HEAL + 90 + 60 + 60;
    assert_eq!(spans, [(STEADY, FAULT, 0), (after, END, after - FAULT)]);
}

#[test]
fn the_claim_holds_within_its_tolerance_and_needs_answers() {
    let day = day();
    assert_eq!(claimed(&day, 1.0).verdict, Outcome::Pass);
    let mut skewed = day.clone();
    for record in &mut skewed {
        if let Event::Resolved { regions, .. } = &mut record.event {
            *regions = vec![US];
        }
    }
    let judged = claimed(&skewed, 20.0);
    assert_eq!((judged.verdict, judged.unit.as_str()), (Outcome::Fail, "points"), "{}", judged.evidence);
    assert!(judged.measured.unwrap() > 24.0);
    assert_eq!(claimed(&skewed, 25.0).verdict, Outcome::Pass);
    let mut few = 0;
    let rare: Vec<Record> = day
        .iter()
        .filter(|record| {
            few += usize::from(matches!(record.event, Event::Resolved { .. }));
            few < 100 || !matches!(record.event, Event::Resolved { .. })
        })
        .cloned()
        .collect();
    let judged = claimed(&rare, 50.0);
    assert_eq!(judged.verdict, Outcome::Inconclusive);
    assert!(judged.evidence.contains("at most 99 answers"), "{}", judged.evidence);
    let unweighted: Vec<Record> =
        day.into_iter().filter(|record| !matches!(record.event, Event::Records { .. })).collect();
    assert_eq!(claimed(&unweighted, 50.0).verdict, Outcome::Inconclusive);
}
