//! Small histories, each with one thing wrong, and the verdict that must follow.

use std::time::Duration;

use super::day::{Day, END, EU, FAULT, HEAL, STEADY, US, plan};
use super::{Outcome, Verdict, judge};
use crate::history::{AlarmState, Event, FaultAction, PhaseName};
use crate::scenario::{Check, Hop, Percent, Plan};

fn with(checks: impl IntoIterator<Item = Check>) -> Plan {
    let mut plan = plan();
    plan.assertions = checks.into_iter().map(Check::into_assertion).collect();
    plan
}

fn outcome(verdict: &Verdict, id: &str) -> (Outcome, Option<f64>, String) {
    let found = verdict.assertions.iter().find(|judgement| judgement.id == id).unwrap();
    (found.verdict, found.measured, found.evidence.clone())
}

#[test]
fn a_good_day_passes_with_its_figures() {
    let verdict = Day::default().judged();
    assert_eq!(verdict.doubts, [""; 0]);
    assert_eq!(verdict.verdict, Outcome::Pass, "{:#?}", verdict.assertions);
    let failover = verdict.failover.as_ref().unwrap();
    assert_eq!(failover.effect_at_ms, Some(360_090));
    assert_eq!(failover.rto_ms, Some(620_000 - 360_090));
    assert_eq!(verdict.failback.as_ref().unwrap().took_ms, Some((1600 - HEAL) * 1_000));
    assert_eq!(verdict.requests.failed, (620 - FAULT) * 10);
    let americans = &verdict.requests.by_population["north-america"];
    assert_eq!((americans.failed_seconds, americans.success_before), (260, Some(100.0)));
    assert_eq!((americans.home_before, americans.home_after), (Some(100.0), Some(100.0)));
    assert_eq!(verdict.requests.by_population["europe"].failed, 0);
    assert_eq!(verdict.simulated_ms, END * 1_000);
}

#[test]
fn hops_come_in_order_each_since_the_one_it_follows_from() {
    let verdict = Day::default().judged();
    let hops = verdict.failover.unwrap().hops.into_iter().filter(|hop| hop.name != "checkers-unhealthy");
    let hops: Vec<_> = hops.map(|hop| (hop.name, hop.at_ms, hop.took_ms)).collect();
    let expected = [
        ("fault-observed", 360_090, 90),
        ("first-5xx-datapoint", 430_000, 69_910),
        ("alarm-in-alarm", 500_000, 70_000),
        ("function-invoked", 504_000, 4_000),
        ("change-accepted", 506_000, 2_000),
        ("insync", 550_000, 44_000),
        ("answers-moved", 545_000, 39_000),
        ("first-good-request:north-america", 620_050, 75_050),
        ("first-good-request:europe", 360_950, 860),
        ("last-client-off", 619_950, 74_950),
        ("recovered", 620_000, 50),
    ];
    assert_eq!(hops, expected.map(|(name, at, took)| (name.to_owned(), Some(at), Some(took))));
    let back: Vec<_> = verdict.failback.unwrap().hops.into_iter().map(|hop| (hop.name, hop.at_ms)).collect();
    let expected = [
        ("function-invoked", 1_400_000),
        ("change-accepted", 1_500_000),
        ("insync", 1_540_000),
        ("answers-back", 1_541_000),
        ("home-served", 1_600_000),
    ];
    assert_eq!(back, expected.map(|(name, at)| (name.to_owned(), Some(at))));
}

#[test]
fn a_slow_failover_fails_its_bound() {
    let verdict = Day { moved: 800, ..Day::default() }.judged();
    let (outcome, measured, _) = outcome(&verdict, "failover-within");
    assert_eq!((outcome, measured), (Outcome::Fail, Some(439.91)));
    assert_eq!(verdict.verdict, Outcome::Fail);
}

#[test]
fn healed_by_the_end_of_the_fault_is_no_failover() {
    // Nobody ever moves: when the fault ends, everything works again.
    let verdict = Day { moved: END, telemetry: false, ..Day::default() }.judged();
    let (failed, measured, why) = outcome(&verdict, "failover-within");
    assert_eq!((failed, measured), (Outcome::Fail, None));
    assert!(why.starts_with("not recovered before the heal: north-america"), "{why}");
    // And nobody who has not left can come back.
    let (unknown, _, why) = outcome(&verdict, "failback-within");
    assert_eq!(
        (unknown, why.as_str()),
        (Outcome::Inconclusive, "north-america had not left us-east-1 when it was healed")
    );
    let failover = verdict.failover.unwrap();
    assert_eq!(failover.rto_ms, None);
    let reasons: Vec<&str> =
        failover.hops.iter().filter(|hop| hop.at_ms.is_none()).map(|hop| hop.evidence.as_str()).collect();
    assert!(reasons.contains(&"the failover function wrote nothing"), "{reasons:?}");
    assert!(reasons.contains(&"requests were still sent there when the fault was healed"), "{reasons:?}");
}

#[test]
fn recovering_just_before_the_heal_is_not_recovered() {
    let barely = Day { moved: HEAL - 30, ..Day::default() }.judged();
    assert_eq!(outcome(&barely, "failover-within").0, Outcome::Fail);
    let strays = (1_250..1_260).map(|second| ("north-america", second)).collect();
    let relapse = Day { strays, ..Day::default() };
    assert_eq!(outcome(&relapse.judged(), "failover-within").0, Outcome::Fail);
}

#[test]
fn a_fault_nobody_saw_makes_the_run_inconclusive() {
    let verdict = Day { effect: false, ..Day::default() }.judged();
    assert_eq!(verdict.verdict, Outcome::Inconclusive);
    assert!(verdict.doubts[0].starts_with("nobody saw region-outage-1 take effect"), "{:?}", verdict.doubts);
    for id in ["fault-observed", "failover-within", "failback-within", "served-by"] {
        assert_eq!(outcome(&verdict, id).0, Outcome::Inconclusive, "{id}");
    }
}

#[test]
fn one_stray_failure_is_no_effect() {
    // Five of the hundred requests of a window fail, and the bound allows ten.
    let mut plan = plan();
    plan.steady_state.success_at_least = Percent::new(90.0).unwrap();
    let day = Day { effect: false, strays: vec![("north-america", 500)], ..Day::default() };
    let mut records = day.records();
    records.retain(|record| !matches!(&record.event, Event::Request { status: Some(503), client, .. } if *client > 4));
    assert_eq!(judge(&plan, &records).failover.unwrap().effect_at_ms, None);
}

#[test]
fn a_fault_without_traffic_across_it_is_inconclusive() {
    let verdict = Day { moved: STEADY, home: END, ..Day::default() }.judged();
    assert!(verdict.doubts.contains(&"no request went to us-east-1 while region-outage-1 lasted".to_owned()));
    assert_eq!(outcome(&verdict, "home-served").0, Outcome::Fail);
    assert_eq!(outcome(&verdict, "failover-within").0, Outcome::Inconclusive);
}

#[test]
fn steady_state_passes_fails_and_is_inconclusive() {
    let fine = Day::default().judged();
    assert_eq!(outcome(&fine, "steady-state-before").0, Outcome::Pass);
    let strays = (0..3).map(|part| ("europe", 200 + part)).collect();
    let (failed, measured, why) = outcome(&Day { strays, ..Day::default() }.judged(), "steady-state-before");
    assert_eq!((failed, measured), (Outcome::Fail, Some(70.0)));
    assert!(why.starts_with("worst window: europe from second 193, 30 of 100 failed"), "{why}");
    let mut records = Day::default().records();
    records.retain(|record| !matches!(record.event, Event::Phase { phase: PhaseName::SteadyAfter }));
    let cut = judge(&plan(), &records);
    assert_eq!(outcome(&cut, "steady-state-after").0, Outcome::Inconclusive);
    assert_eq!(outcome(&cut, "steady-state-before").0, Outcome::Pass);
}

#[test]
fn too_short_a_steady_state_proves_nothing() {
    let mut plan = plan();
    plan.steady_state.duration = Duration::from_secs(600);
    let (unknown, _, why) = outcome(&Day::default().judged_by(&plan), "steady-state-before");
    assert_eq!(
        (unknown, why.as_str()),
        (Outcome::Inconclusive, "steady state before the fault was watched for 299 s instead of 10m")
    );
}

#[test]
fn a_failback_that_does_not_come_fails() {
    let verdict = Day { home: END, ..Day::default() }.judged();
    let (failed, measured, why) = outcome(&verdict, "failback-within");
    assert_eq!((failed, measured), (Outcome::Fail, None));
    assert_eq!(why, "north-america: at the end of the run 0.0 % of the answers came from home");
}

#[test]
fn a_generator_that_fell_behind_makes_a_run_inconclusive() {
    let verdict = Day { sent_of_ten: 8, ..Day::default() }.judged();
    assert_eq!(verdict.verdict, Outcome::Inconclusive);
    assert!(
        verdict.doubts[0].starts_with("north-america sent 15520 of about 19400 planned requests"),
        "{:?}",
        verdict.doubts
    );
}

#[test]
fn a_run_that_died_is_inconclusive() {
    let verdict = Day { ends: false, heals: false, ..Day::default() }.judged();
    assert!(verdict.doubts.contains(&"the run did not reach its end".to_owned()), "{:?}", verdict.doubts);
    assert!(verdict.doubts.contains(&"region-outage-1 was never healed".to_owned()));
    assert_eq!(outcome(&verdict, "failback-within").0, Outcome::Inconclusive);
    let empty = judge(&plan(), &[]);
    assert_eq!(empty.verdict, Outcome::Inconclusive);
    assert!(
        empty.assertions.iter().all(|judgement| judgement.verdict == Outcome::Inconclusive),
        "{:#?}",
        empty.assertions
    );
    let mut judge = super::Judge::new(&plan());
    Day::default().records().iter().for_each(|record| judge.observe(record));
    assert_eq!(judge.verdict().verdict, Outcome::Pass);
    judge.truncated();
    assert_eq!(judge.verdict().verdict, Outcome::Inconclusive);
}

#[test]
fn hops_have_bounds_of_their_own() {
    let within = |hop, seconds| Check::HopWithin { hop, within: Duration::from_secs(seconds) };
    let day = Day::default();
    assert_eq!(day.judged_by(&with([within(Hop::Insync, 44)])).verdict, Outcome::Pass);
    assert_eq!(day.judged_by(&with([within(Hop::Insync, 43)])).verdict, Outcome::Fail);
    // No alarm was watched: nothing is known. Alarms were watched and stayed quiet: it did not happen.
    let quiet = |keep_ok: bool| {
        let mut records = day.records();
        for record in &mut records {
            if let Event::Alarm { state, .. } = &mut record.event {
                *state = AlarmState::Ok;
            }
        }
        records.retain(|record| keep_ok || !matches!(record.event, Event::Alarm { .. }));
        judge(&with([within(Hop::AlarmInAlarm, 600)]), &records).verdict
    };
    assert_eq!(quiet(false), Outcome::Inconclusive);
    assert_eq!(quiet(true), Outcome::Fail);
}

#[test]
fn what_the_harnesss_own_proxies_could_not_hand_on_is_a_doubt() {
    let told = |second: u64, unanswered, unknown_hosts| crate::history::Record {
        at_us: second * 1_000_000,
        event: Event::Passed {
            place: "users".into(),
            region: US,
            requests: 1_000 + second,
            answered: 900,
            unanswered,
            unknown_hosts,
        },
    };
    let doubts = |first: (u64, u64), last: (u64, u64)| {
        let mut records = Day::default().records();
        records.insert(1, told(0, first.0, first.1));
        let end = records.len() - 1;
        records.insert(end, told(60, last.0, last.1));
        judge(&with([]), &records).doubts
    };
    // What the probes met before the run is none of it.
    assert_eq!(doubts((7, 2), (7, 2)), [""; 0]);
    let of = "of 60 requests of users to us-east-1";
    let [unanswered, unknown] = &doubts((7, 0), (10, 1))[..] else { panic!("two doubts") };
    assert!(unanswered.starts_with(&format!("3 {of} got a 502")), "{unanswered}");
    assert!(unknown.starts_with(&format!("1 {of} named a host")), "{unknown}");
}

#[test]
fn what_a_fault_did_to_whom_is_in_the_verdict() {
    let mut records = Day::default().records();
    let met = Event::FaultMet {
        fault: "region-outage-1".into(),
        place: "users".into(),
        effect: "500 InternalServerErrorException".into(),
        matched: 12,
        fired: 12,
        resets: 0,
        first_us: Some(400_000_000),
        last_us: None,
        samples: vec!["us-east-1 GET /whoami".into()],
    };
    records.insert(records.len() - 1, crate::history::Record { at_us: 500_000_000, event: met });
    let [seen] = &judge(&with([]), &records).injections[..] else { panic!("one") };
    assert_eq!((seen.fired, seen.first_at_ms, seen.last_at_ms), (12, Some(400_000), None));
    assert_eq!(seen.samples, ["us-east-1 GET /whoami"]);
}

#[test]
fn a_probe_that_fails_is_blind_and_its_trouble_is_told() {
    let check = Check::HopWithin { hop: Hop::AlarmInAlarm, within: Duration::from_secs(600) };
    let mut records = Day::default().records();
    for record in &mut records {
        if let Event::Alarm { alarm, state, reason, .. } = &record.event {
            assert_eq!((alarm.as_str(), *state, reason.is_empty()), ("errors", AlarmState::Alarm, false));
            record.event = Event::Trouble { stage: "alarm probe".into(), what: "timed out".into() };
        }
    }
    let mut first = records.clone();
    let told = |second: u64| crate::history::Record {
        at_us: second * 1_000_000,
        event: Event::Alarm {
            alarm: "errors".into(),
            region: US,
            state: AlarmState::Ok,
            changed_us: 0,
            reason: String::new(),
        },
    };
    first.insert(1, told(0));
    let verdict = judge(&with([check]), &first);
    let (unknown, _, why) = outcome(&verdict, "hop-within-alarm-in-alarm");
    assert_eq!(unknown, Outcome::Inconclusive);
    assert_eq!(why, "no alarm went into ALARM before the heal; but the alarm probe was failing: timed out");
    assert_eq!((verdict.troubles.len(), verdict.troubles[0].first_at_ms), (1, 503_000));
}

#[test]
fn failed_requests_and_seconds_have_bounds() {
    let requests = |at_most| Check::FailedRequestsAtMost { population: None, behaviour: None, at_most };
    let seconds = |name: &str, seconds| Check::FailedSecondsAtMost {
        population: Some(name.to_owned()),
        behaviour: None,
        at_most: Duration::from_secs(seconds),
    };
    let day = Day::default();
    assert_eq!(day.judged_by(&with([requests(2_600)])).verdict, Outcome::Pass);
    assert_eq!(day.judged_by(&with([requests(2_599)])).verdict, Outcome::Fail);
    assert_eq!(day.judged_by(&with([seconds("north-america", 260)])).verdict, Outcome::Pass);
    assert_eq!(day.judged_by(&with([seconds("north-america", 259)])).verdict, Outcome::Fail);
    assert_eq!(day.judged_by(&with([seconds("europe", 0)])).verdict, Outcome::Pass);
    assert_eq!(outcome(&judge(&with([requests(0)]), &[]), "failed-requests-at-most").0, Outcome::Inconclusive);
}

#[test]
fn served_by_wants_every_client_off_the_lost_region() {
    let check = |region, seconds| Check::ServedBy {
        region,
        population: None,
        behaviour: None,
        within: Duration::from_secs(seconds),
    };
    let day = Day::default();
    assert_eq!(day.judged_by(&with([check(EU, 260)])).verdict, Outcome::Pass);
    assert_eq!(day.judged_by(&with([check(EU, 259)])).verdict, Outcome::Fail);
    assert_eq!(day.judged_by(&with([check(US, 300)])).verdict, Outcome::Fail);
    assert_eq!(day.judged_by(&with([check(EU, 900)])).verdict, Outcome::Inconclusive);
}

#[test]
fn the_clock_starts_at_the_effect_and_not_at_the_injection() {
    let mut records = Day::default().records();
    // The fault was asked for a minute before anybody felt it.
    for record in &mut records {
        if matches!(&record.event, Event::Fault { action: FaultAction::Injected, .. }) {
            record.at_us -= 60_000_000;
        }
    }
    let verdict = judge(&plan(), &records);
    assert_eq!(verdict.failover.as_ref().unwrap().rto_ms, Some(620_000 - 360_090));
    let (failed, measured, _) = outcome(&verdict, "fault-observed");
    assert_eq!((failed, measured), (Outcome::Fail, Some(60.09)));
}
