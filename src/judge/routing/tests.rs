//! Small histories of records and answers, each with one thing wrong.

use std::time::Duration;

use serde_json::json;

use crate::history::{CanaryAction, CheckFound, Event, FaultAction, Record, RecordSeen};
use crate::judge::day::{Day, EU, FAULT, HEAL, US, plan};
use crate::judge::{MovedBy, Outcome, Verdict, judge};
use crate::region::{Place, Region};
use crate::scenario::{Check, Fault, GuardDecision, Mode, TimedFault};

/// Where a Region's record leads in steady state.
fn endpoint(region: Region) -> String {
    format!("d-{region}.example.net")
}

fn record(id: Region, leads_to: Region) -> RecordSeen {
    RecordSeen {
        id: id.as_str().to_owned(),
        weight: None,
        region: Some(id),
        values: vec![endpoint(leads_to)],
        leads_to: Some(leads_to),
        health_check: None,
        ttl_s: Some(60),
    }
}

fn at(second: u64, event: Event) -> Record {
    Record { at_us: second * 1_000_000, event }
}

fn listed(second: u64, sets: [RecordSeen; 2]) -> Record {
    at(second, Event::Records { name: "api.orders.example".into(), sets: sets.into() })
}

fn answer(second: u64, from: &str, regions: &[Region]) -> Record {
    let from = Place::parse(from).unwrap();
    at(second, Event::Dns { name: "api.orders.example".into(), from, regions: regions.to_vec(), ttl_s: 60 })
}

/// A guard's accepted change of the record of us-east-1.
fn changed(second: u64, decision: &str, before: Region, after: Region, weight: Option<u64>) -> Record {
    let line = json!({"decision": decision, "guarded": "us-east-1", "reason": "", "change_id": format!("/change/{second}"),
        "before": endpoint(before), "after": endpoint(after), "other": endpoint(EU), "weight": weight});
    let logged_us = i64::try_from(second * 1_000_000).unwrap();
    at(second, Event::Function { function: "guard".into(), region: EU, logged_us, line })
}

/// The good day, with the records as its guard led them away and back.
fn good() -> Vec<Record> {
    let mut records = Day::default().records();
    records.retain(|record| !matches!(&record.event, Event::Function { line, .. } if line["change_id"].is_string()));
    records.extend([
        answer(101, "europe", &[EU]),
        listed(100, [record(EU, EU), record(US, US)]),
        changed(506, "failed-over", US, EU, None),
        listed(510, [record(EU, EU), record(US, EU)]),
        changed(1_500, "failed-back", EU, US, None),
        listed(1_505, [record(EU, EU), record(US, US)]),
    ]);
    records
}

fn judged(mut records: Vec<Record>, check: &Check) -> (Outcome, Option<f64>, String) {
    records.sort_by_key(|record| record.at_us);
    let mut plan = plan();
    plan.assertions = vec![check.clone().into_assertion()];
    let verdict: Verdict = judge(&plan, &records);
    let judgement = verdict.assertions.into_iter().next().unwrap();
    (judgement.verdict, judgement.measured, judgement.evidence)
}

fn without(mut records: Vec<Record>, drop: impl Fn(&Event) -> bool) -> Vec<Record> {
    records.retain(|record| !drop(&record.event));
    records
}

fn is_records(event: &Event) -> bool {
    matches!(event, Event::Records { .. })
}

#[test]
fn somebody_always_answers_and_some_record_leads_to_what_is_there() {
    let check = Check::NeverAllOff;
    assert_eq!(judged(good(), &check).0, Outcome::Pass);
    // Both Regions' records lead to the lost one.
    let mut off = good();
    off.push(listed(700, [record(EU, US), record(US, US)]));
    let (failed, measured, why) = judged(off, &check);
    assert_eq!((failed, measured), (Outcome::Fail, Some(1.0)));
    assert!(
        why.starts_with("at 700 s no record led to a Region that was there: eu-west-1 led to d-us-east-1"),
        "{why}"
    );
    let mut nowhere = good();
    let gone =
        |region| RecordSeen { leads_to: None, values: vec!["elsewhere.example".into()], ..record(region, region) };
    nowhere.push(listed(200, [gone(EU), gone(US)]));
    assert_eq!(judged(nowhere, &check).0, Outcome::Fail);
    let mut silent = good();
    silent.push(answer(700, "europe", &[]));
    assert_eq!(judged(silent, &check).2, "at 700 s no Region was answered to europe");
    assert_eq!(judged(without(good(), is_records), &check).2, "nobody saw the records");
    let europe = Place::parse("europe").unwrap();
    let unseen = without(good(), |event| matches!(event, Event::Dns { from, .. } if *from == europe));
    assert_eq!(judged(unseen, &check).2, "nobody saw what europe was answered");
}

#[test]
fn moves_of_the_answer_are_counted_for_the_place_that_saw_most() {
    let most = |at_most| Check::AnswersMovedAtMost { at_most };
    assert_eq!(judged(good(), &most(2)).0, Outcome::Pass);
    let (failed, measured, why) = judged(good(), &most(1));
    assert_eq!(
        (failed, measured, why.as_str()),
        (Outcome::Fail, Some(2.0), "the answer to north-america changed 2 times")
    );
    // No answer moves nobody, and the same one after it neither.
    let mut silent = good();
    silent.extend([answer(700, "north-america", &[]), answer(702, "north-america", &[EU])]);
    assert_eq!(judged(silent, &most(2)).0, Outcome::Pass);
    let mut drawn = good();
    let heavy = |region| RecordSeen { weight: Some(50), region: None, ..record(region, region) };
    drawn.push(listed(102, [heavy(EU), heavy(US)]));
    assert_eq!(judged(drawn, &most(1)).0, Outcome::Inconclusive);
    let mut blind = good();
    blind.push(at(600, Event::Trouble { stage: "DNS probe".into(), what: "timed out".into() }));
    assert_eq!((judged(blind.clone(), &most(2)).0, judged(blind, &most(1)).0), (Outcome::Inconclusive, Outcome::Fail));
    assert_eq!(judged(without(good(), is_records), &most(2)).0, Outcome::Inconclusive);
}

#[test]
fn a_change_that_started_from_something_else_lost_an_update() {
    let check = Check::NoLostUpdates;
    let (passed, measured, why) = judged(good(), &check);
    assert_eq!((passed, measured, why.as_str()), (Outcome::Pass, Some(0.0), "2 changes of guards were followed"));
    let guards = |event: &Event| matches!(event, Event::Function { .. });
    let steady = listed(100, [record(EU, EU), record(US, US)]);
    // It had been led away before, and the guard did not know.
    let records = without(good(), |event| guards(event) || is_records(event));
    let away = listed(400, [record(EU, EU), record(US, EU)]);
    let stale = changed(506, "failed-over", US, EU, None);
    let (failed, _, why) = judged([records.clone(), vec![steady.clone(), away, stale]].concat(), &check);
    assert_eq!(failed, Outcome::Fail);
    assert!(why.contains("started from d-us-east-1.example.net, and it led to d-eu-west-1.example.net"), "{why}");
    // Somebody puts it back over the guard's change, and no guard says so.
    let change = changed(506, "failed-over", US, EU, None);
    let undone = [
        steady.clone(),
        change,
        listed(510, [record(EU, EU), record(US, EU)]),
        listed(600, [record(EU, EU), record(US, US)]),
    ];
    let (failed, _, why) = judged([records.clone(), undone.to_vec()].concat(), &check);
    let expected = "at 600 s somebody led us-east-1 back to d-us-east-1.example.net, over the guard's change";
    assert_eq!((failed, why.as_str()), (Outcome::Fail, expected));
    // A weight that was shifted meanwhile is written over.
    let weighted = |weight, leads_to| RecordSeen { weight: Some(weight), region: None, ..record(US, leads_to) };
    let shifted = [
        listed(100, [record(EU, EU), weighted(95, US)]),
        changed(506, "failed-over", US, EU, Some(100)),
        listed(510, [record(EU, EU), weighted(100, EU)]),
    ];
    let over = [records.clone(), shifted.to_vec()].concat();
    assert!(judged(over.clone(), &check).2.ends_with("wrote weight 100 over 95"));
    // Unless a canary was shifting weights just then: the listing may be older than the guard's look.
    let canary = Event::Canary { action: CanaryAction::RolledBack, step: 1, share: None, what: String::new() };
    assert_eq!(judged([over, vec![at(500, canary)]].concat(), &check).0, Outcome::Pass);
    let nothing = without(good(), guards);
    assert_eq!(judged(nothing, &check).2, "no guard's change of the records was accepted");
    assert_eq!(judged(without(good(), is_records), &check).0, Outcome::Inconclusive);
}

#[test]
fn a_listing_that_lags_or_leads_the_guards_log_is_no_lost_update() {
    for seen in [500, 514] {
        let mut records = without(good(), |event| is_records(event) || matches!(event, Event::Function { .. }));
        records.extend([
            listed(100, [record(EU, EU), record(US, US)]),
            changed(506, "failed-over", US, EU, None),
            listed(seen, [record(EU, EU), record(US, EU)]),
        ]);
        assert_eq!(judged(records, &Check::NoLostUpdates).0, Outcome::Pass, "listed at {seen}");
    }
}

#[test]
fn home_too_soon_after_the_heal() {
    let after = |seconds| Check::HomeNotBefore { after: Duration::from_secs(seconds) };
    // Answered with us-east-1 again at 1541, healed at 1260.
    assert_eq!(judged(good(), &after(281)).0, Outcome::Pass);
    let (failed, measured, why) = judged(good(), &after(282));
    assert_eq!((failed, measured), (Outcome::Fail, Some(281.0)));
    assert_eq!(why, "north-america was answered with us-east-1 again 281 s after region-outage-1 was healed");
    let mut early = good();
    early.extend([answer(900, "north-america", &[US]), answer(930, "north-america", &[EU])]);
    let (failed, measured, why) = judged(early, &after(60));
    assert_eq!((failed, measured), (Outcome::Fail, Some(-1.0)));
    assert!(why.ends_with("again at 900 s, before region-outage-1 was healed"), "{why}");
    let never = without(good(), |event| matches!(event, Event::Dns { regions, .. } if regions.contains(&US)));
    assert_eq!(judged(never, &after(60)).2, "no answers left the Region that was lost");
    let away = good().into_iter().filter(|record| record.at_us != 1_541_000_000).collect::<Vec<_>>();
    assert_eq!(judged(away.clone(), &after(700)).0, Outcome::Pass, "watched for 740 s");
    assert_eq!(judged(away, &after(800)).0, Outcome::Inconclusive);
    assert_eq!(
        judged(without(good(), |event| matches!(event, Event::Dns { .. })), &after(60)).2,
        "nobody saw an answer"
    );
}

#[test]
fn a_call_that_fails_and_is_made_again_was_made_when_it_was_made_first() {
    let line = |second: u64, decision: &str| {
        let line = json!({"decision": decision, "guarded": "us-east-1", "reason": ""});
        let logged_us = i64::try_from(second * 1_000_000).unwrap();
        at(second, Event::Function { function: "guard".into(), region: EU, logged_us, line })
    };
    let mut records = without(good(), |event| matches!(event, Event::Function { .. } | Event::Change { .. }));
    records.extend([line(450, "invoked"), line(451, "ignored"), line(506, "invoked"), line(507, "failed")]);
    records.extend([line(566, "invoked"), line(567, "failed")]);
    records.sort_by_key(|record| record.at_us);
    let failover = judge(&plan(), &records).failover.unwrap();
    let hop = failover.hops.iter().find(|hop| hop.name == "function-invoked").unwrap();
    assert_eq!(hop.at_ms, Some(506_000), "{}", hop.evidence);
    assert!(hop.evidence.contains("last word was failed"), "{}", hop.evidence);
}

#[test]
fn what_a_guard_decides_is_what_its_log_says() {
    let decides = |decision, region| Check::GuardDecides { decision, region };
    assert_eq!(judged(good(), &decides(GuardDecision::FailedOver, Some(US))).0, Outcome::Pass);
    assert_eq!(judged(good(), &decides(GuardDecision::FailedBack, None)).0, Outcome::Pass);
    let (failed, _, why) = judged(good(), &decides(GuardDecision::Refused, Some(US)));
    assert_eq!((failed, why.as_str()), (Outcome::Fail, "the last word of the guard of us-east-1 was failed-back: "));
    let (failed, _, why) = judged(good(), &decides(GuardDecision::FailedOver, Some(EU)));
    assert_eq!((failed, why.as_str()), (Outcome::Fail, "the guard of eu-west-1 wrote nothing"));
    let mut blind = good();
    blind.push(at(600, Event::Trouble { stage: "failover log probe".into(), what: "timed out".into() }));
    assert_eq!(judged(blind, &decides(GuardDecision::Refused, None)).0, Outcome::Inconclusive);
}

fn check(id: &str, kind: &str, children: &[&str]) -> CheckFound {
    CheckFound {
        id: id.into(),
        kind: kind.into(),
        region: Some(US),
        interval_s: (kind == "HTTPS").then_some(30),
        failure_threshold: Some(3),
        string_match: false,
        latency: false,
        inverted: false,
        disabled: false,
        aws: true,
        children: children.iter().map(|id| (*id).to_owned()).collect(),
        healthy_at_least: (!children.is_empty()).then_some(2),
    }
}

/// The good day without a guard function: the records follow a calculated check, of which one child is lost.
fn followed() -> Vec<Record> {
    let mut records =
        without(good(), |event| matches!(event, Event::Function { .. } | Event::Change { .. }) || is_records(event));
    let following = RecordSeen { health_check: Some("both".into()), ..record(US, US) };
    let checkers = |second, check: &str, healthy, failure: Option<&str>| {
        at(second, Event::Checkers { check: check.into(), healthy, checkers: 11, failure: failure.map(str::to_owned) })
    };
    let checks = vec![
        check("both", "CALCULATED", &["api", "alarm"]),
        check("api", "HTTPS", &[]),
        check("alarm", "CLOUDWATCH_METRIC", &[]),
    ];
    records.extend([
        at(90, Event::Inventory { checks, alarms: Vec::new() }),
        listed(100, [record(EU, EU), following]),
        checkers(101, "api", 11, None),
        checkers(101, "alarm", 11, None),
        checkers(380, "api", 3, Some("Failure: 500")),
        checkers(390, "api", 1, Some("Failure: 500")),
        checkers(1_280, "api", 2, Some("Failure: 500")),
        checkers(1_290, "api", 11, None),
    ]);
    records.sort_by_key(|record| record.at_us);
    records
}

#[test]
fn checkers_that_lose_the_quorum_are_a_hop_and_the_mover() {
    let failover = judge(&plan(), &followed()).failover.unwrap();
    let hop = |name: &str| failover.hops.iter().find(|hop| hop.name == name).unwrap();
    let unhealthy = hop("checkers-unhealthy");
    // 2 of 11 are more than 18 %, 1 of 11 is not.
    assert_eq!((unhealthy.at_ms, unhealthy.evidence.as_str()), (Some(390_000), "both: Failure: 500"));
    assert_eq!(
        (hop("answers-moved").after.as_str(), hop("answers-moved").at_ms),
        ("checkers-unhealthy", Some(545_000))
    );
    assert_eq!(failover.moved_by, Some(MovedBy::HealthCheck));
    let back = judge(&plan(), &followed()).failback.unwrap();
    let healthy = back.hops.iter().find(|hop| hop.name == "checkers-healthy").unwrap();
    assert_eq!(healthy.at_ms, Some(1_280_000));
}

#[test]
fn who_moved_the_traffic() {
    let moved_by = |records: &[Record]| judge(&plan(), records).failover.unwrap().moved_by;
    let mut by_function = good();
    by_function.sort_by_key(|record| record.at_us);
    assert_eq!(moved_by(&by_function), Some(MovedBy::Lambda));
    // The function comes after the answers have moved.
    let mut late = followed();
    late.extend([changed(600, "failed-over", US, EU, None), listed(610, [record(EU, EU), record(US, EU)])]);
    late.sort_by_key(|record| record.at_us);
    assert_eq!(moved_by(&late), Some(MovedBy::Both));
    let stuck = without(by_function.clone(), |event| matches!(event, Event::Dns { regions, .. } if regions == &[EU]));
    assert_eq!(moved_by(&stuck), Some(MovedBy::Nobody));
    let unseen = without(by_function, |event| matches!(event, Event::Dns { .. }));
    assert_eq!(moved_by(&unseen), None);
}

#[test]
fn each_outage_that_is_felt_has_an_rto_of_its_own() {
    let mut records = good();
    let fault = |second, action| {
        let (fault, kind) = ("again".to_owned(), "region-outage".to_owned());
        at(second, Event::Fault { fault, kind, action, region: Some(EU) })
    };
    records.extend([fault(1_600, FaultAction::Injected), fault(1_900, FaultAction::Healed)]);
    for record in &mut records {
        let second = record.at_us / 1_000_000;
        if let Event::Request { population, status, .. } = &mut record.event
            && population == "europe"
            && (1_600..1_700).contains(&second)
        {
            *status = Some(503);
        }
    }
    records.sort_by_key(|record| record.at_us);
    let verdict = judge(&plan(), &records);
    let seen: Vec<_> = verdict.outages.iter().map(|seen| (seen.fault.as_str(), seen.lost, seen.rto_ms)).collect();
    let headline = verdict.failover.unwrap();
    assert_eq!(seen, [("region-outage-1", Some(US), headline.rto_ms), ("again", Some(EU), Some(99_910))]);
    assert_eq!((headline.fault.as_str(), FAULT < HEAL), ("region-outage-1", true));
}

#[test]
fn a_control_plane_that_is_down_meanwhile_is_no_outage_of_its_own() {
    let mut plan = plan();
    let fault =
        Fault::ServiceOutage { service: "route53".into(), region: None, operations: Vec::new(), mode: Mode::Status5xx };
    let (seconds, id) = (Duration::from_secs, "control-plane".to_owned());
    plan.timeline.insert(0, TimedFault { id: id.clone(), at: seconds(0), lasts: seconds(900), fault });
    let mut records = good();
    for (second, action) in
        [(FAULT - 1, FaultAction::Injected), (FAULT + 1, FaultAction::Injected), (HEAL, FaultAction::Healed)]
    {
        records
            .push(at(second, Event::Fault { fault: id.clone(), kind: "service-outage".into(), action, region: None }));
    }
    records.sort_by_key(|record| record.at_us);
    let verdict = judge(&plan, &records);
    assert_eq!(verdict.outages.len(), 1);
    let expected = judge(&super::super::day::plan(), &Day::default().records()).failover.unwrap().rto_ms;
    assert_eq!(verdict.failover.map(|seen| (seen.fault, seen.rto_ms)), Some(("region-outage-1".to_owned(), expected)));
}

#[test]
fn what_guards_cost_a_month_is_what_the_stacks_have() {
    let cost = judge(&plan(), &followed()).cost.unwrap();
    let lines: Vec<_> = cost.lines.iter().map(|line| (line.what.as_str(), line.count, line.usd)).collect();
    let expected = [
        ("health checks of endpoints in AWS", 1.0, 0.5),
        ("health checks, calculated or of an alarm", 2.0, 1.0),
        ("health check option: HTTPS", 1.0, 1.0),
        // Eleven checkers, each every 30 s for 730 hours.
        ("checkers' requests to API Gateway and Lambda", 0.96, 3.55),
    ];
    assert_eq!((lines.as_slice(), cost.usd), (expected.as_slice(), 6.05));
    assert_eq!(judge(&plan(), &good()).cost, None, "nobody read what there is");
}
