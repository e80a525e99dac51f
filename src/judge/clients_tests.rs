//! Made-up days with two kinds of clients, and what must be said of each.

use std::time::Duration;

use super::day::{Day, EU, FAULT, HEAL, mixed};
use super::{ClientsSeen, Judgement, Outcome, Verdict, judge};
use crate::history::{Event, Record};
use crate::scenario::{Behaviour, Check, Fault, Mode, Plan, Scope};

const JVM: Behaviour = Behaviour::NeverReResolves;
/// The last two of ten clients never leave.
const STAYING: Day = Day {
    moved: 620,
    home: 1600,
    stayers: 8,
    strays: Vec::new(),
    effect: true,
    heals: true,
    telemetry: true,
    ends: true,
    sent_of_ten: 10,
    data: None,
};

fn of(verdict: &Verdict, population: &str, behaviour: Behaviour) -> ClientsSeen {
    let found = verdict.clients.iter().find(|seen| seen.population == population && seen.behaviour == behaviour);
    found.unwrap().clone()
}

fn held(plan: &Plan, records: &[Record], check: Check) -> Judgement {
    let plan = Plan { assertions: vec![check.into_assertion()], ..plan.clone() };
    judge(&plan, records).assertions.remove(0)
}

fn back(behaviour: Option<Behaviour>, seconds: u64) -> Check {
    Check::FailoverWithin { behaviour, within: Duration::from_secs(seconds) }
}

#[test]
fn each_kind_is_counted_and_timed_apart() {
    let verdict = STAYING.judged_by(&mixed(JVM));
    let honest = of(&verdict, "north-america", Behaviour::HonoursTtl);
    assert_eq!((honest.clients, honest.sent, honest.failed), (8, 1_940 * 8, 260 * 8));
    assert_eq!((honest.failed_seconds, honest.rto_ms), (260, Some(620_000 - 360_090)));
    let last = honest.last_to_lost_ms.unwrap();
    assert!((259_000..260_000).contains(&last), "{last}");
    let jvm = of(&verdict, "north-america", JVM);
    assert_eq!((jvm.clients, jvm.failed, jvm.rto_ms), (2, 900 * 2, None));
    assert_eq!(
        (jvm.evidence.as_str(), jvm.bound.as_str()),
        ("still below its bound 15m after the effect", "none: until it is restarted")
    );
    assert!(jvm.last_to_lost_ms.unwrap() > 898_000);
    let europe = of(&verdict, "europe", JVM);
    assert_eq!((europe.failed, europe.rto_ms, europe.last_to_lost_ms), (0, Some(0), None));
    // All of them together are not back.
    assert_eq!(verdict.failover.as_ref().unwrap().rto_ms, None);
    assert_eq!(verdict.requests.failed, 260 * 8 + 900 * 2);
}

#[test]
fn the_last_client_off_is_one_that_honours_the_ttl() {
    let off = |verdict: &Verdict| {
        let hops = &verdict.failover.as_ref().unwrap().hops;
        hops.iter().find(|hop| hop.name == "last-client-off").unwrap().clone()
    };
    assert_eq!(off(&STAYING.judged_by(&mixed(JVM))).at_ms, Some(619_750));
    let mut plan = mixed(JVM);
    plan.traffic.iter_mut().for_each(|people| people.behaviours = [(JVM, 1)].into_iter().collect());
    let nobody = off(&STAYING.judged_by(&plan));
    assert_eq!((nobody.blind, nobody.evidence.as_str()), (true, "no client of this run honours the TTL"));
}

#[test]
fn bounds_follow_from_how_a_kind_behaves() {
    let bound = |behaviour, mode| {
        let mut plan = mixed(behaviour);
        plan.timeline[0].fault = Fault::RegionOutage { region: super::day::US, scope: Scope::Application, mode };
        let verdict = STAYING.judged_by(&plan);
        let whole = verdict.failover.as_ref().unwrap().budget_ms;
        of(&verdict, "north-america", behaviour)
            .bound_ms
            .map(|bound| i64::try_from(bound).unwrap() - i64::try_from(whole).unwrap())
    };
    for behaviour in [Behaviour::HappyEyeballs, Behaviour::RetriesIdempotent, Behaviour::RetriesAll] {
        assert_eq!(bound(behaviour, Mode::Status5xx), Some(0), "{behaviour:?}");
    }
    assert_eq!(bound(Behaviour::StretchesTtl, Mode::Status5xx), Some(840_000), "15 minutes for the TTL's one");
    assert_eq!(bound(JVM, Mode::Refuse), None);
    assert_eq!(bound(Behaviour::KeepAlive, Mode::Status5xx), None);
    assert_eq!(bound(Behaviour::KeepAlive, Mode::Refuse), Some(0));
    assert_eq!(bound(Behaviour::KeepAlive, Mode::Hang), Some(0));
}

#[test]
fn retries_are_counted_and_so_is_what_may_have_happened_twice() {
    let mut records = STAYING.records();
    for record in &mut records {
        if let Event::Request { client: 9, status: Some(503), operation, attempts, planned_us, .. } = &mut record.event
        {
            *attempts = 3;
            if *planned_us < (FAULT + 10) * 1_000_000 {
                "POST /orders".clone_into(operation);
            }
        }
    }
    let plan = mixed(Behaviour::RetriesAll);
    let verdict = judge(&plan, &records);
    let retrying = of(&verdict, "north-america", Behaviour::RetriesAll);
    assert_eq!((retrying.retried, retrying.repeated), (900, 10));
    assert_eq!(retrying.attempts, retrying.sent + 2 * 900);
    assert_eq!(of(&verdict, "north-america", Behaviour::HonoursTtl).retried, 0);
}

#[test]
fn claims_speak_of_one_kind_where_they_say_so() {
    let (plan, records) = (mixed(JVM), STAYING.records());
    let honest = Some(Behaviour::HonoursTtl);
    let held = |check| held(&plan, &records, check).verdict;
    assert_eq!(held(back(honest, 260)), Outcome::Pass);
    assert_eq!(held(back(honest, 259)), Outcome::Fail);
    assert_eq!(held(back(Some(JVM), 900)), Outcome::Fail);
    assert_eq!(held(back(None, 900)), Outcome::Fail);
    let failed = |behaviour, at_most| Check::FailedRequestsAtMost { population: None, behaviour, at_most };
    assert_eq!(held(failed(honest, 2_080)), Outcome::Pass);
    assert_eq!(held(failed(honest, 2_079)), Outcome::Fail);
    assert_eq!(held(failed(Some(JVM), 1_800)), Outcome::Pass);
    assert_eq!(held(failed(Some(Behaviour::KeepAlive), 0)), Outcome::Inconclusive);
    let seconds = |behaviour, seconds| {
        let at_most = Duration::from_secs(seconds);
        Check::FailedSecondsAtMost { population: Some("north-america".into()), behaviour, at_most }
    };
    assert_eq!(held(seconds(honest, 260)), Outcome::Pass);
    assert_eq!(held(seconds(Some(JVM), 260)), Outcome::Fail);
    let served =
        |behaviour| Check::ServedBy { region: EU, population: None, behaviour, within: Duration::from_secs(300) };
    assert_eq!(held(served(honest)), Outcome::Pass);
    assert_eq!(held(served(Some(JVM))), Outcome::Fail);
}

#[test]
fn not_recovered_is_proven_by_those_who_were_gone_until_the_heal() {
    let gone = |behaviour| Check::NotRecovered { population: None, behaviour: Some(behaviour) };
    let (plan, mut records) = (mixed(JVM), STAYING.records());
    let jvm = held(&plan, &records, gone(JVM));
    assert_eq!((jvm.verdict, jvm.measured), (Outcome::Pass, Some(0.0)), "{}", jvm.evidence);
    let honest = held(&plan, &records, gone(Behaviour::HonoursTtl));
    assert_eq!((honest.verdict, honest.measured), (Outcome::Fail, Some(1.0)));
    assert_eq!(honest.evidence, "north-america was back after 4m20s");
    let europe = Check::NotRecovered { population: Some("europe".into()), behaviour: None };
    assert_eq!(held(&plan, &records, europe).evidence, "nobody of them was ever below the bound");
    // Ten requests during the fault prove nothing.
    let mut left = 10;
    records.retain(|record| match &record.event {
        Event::Request { client: 8.., planned_us, .. } if (FAULT..HEAL).contains(&(planned_us / 1_000_000)) => {
            left -= 1;
            left >= 0
        }
        _ => true,
    });
    let few = held(&plan, &records, gone(JVM));
    assert_eq!(few.verdict, Outcome::Inconclusive, "{}", few.evidence);
    let unfelt = Day { effect: false, ..Day::default() }.records();
    assert_eq!(held(&plan, &unfelt, gone(JVM)).verdict, Outcome::Inconclusive);
}
