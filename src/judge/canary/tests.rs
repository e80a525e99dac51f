//! Made-up canaries, each with one thing wrong, and what must be said of them.

use super::story::{FINE, Story, Version};
use super::*;
use crate::history::Record;
use crate::judge::{Outcome, Verdict, judge};
use crate::scenario::{Analysis, Check, Decision, Operation, Percent};
use crate::seed::Seed;

const EU: Region = Region::EU_WEST_1;
const US: Region = Region::US_EAST_1;

fn percent(percent: f64) -> Percent {
    Percent::new(percent).unwrap()
}

/// Two steps with a control and one without, five users' requests of three kinds, at a rate that is enough.
fn story() -> Story {
    let analysis = Analysis { errors_worse_by: percent(3.0), power: percent(80.0), ..Analysis::default() };
    let mix = vec![("GET /whoami", 3), ("PUT /orders/{id}", 1), ("GET /orders/{id}", 1)];
    Story { steps: vec![(25.0, 600), (50.0, 300), (100.0, 300)], analysis, mix, hold: 300, ..Story::default() }
}

fn with(canary: Version) -> Story {
    Story { canary, ..story() }
}

fn played(story: &Story) -> (CanarySeen, Vec<Record>) {
    let mut records = Vec::new();
    let seen = story.play(|record| records.push(record.clone()));
    (seen, records)
}

fn judged(story: &Story, checks: impl IntoIterator<Item = Check>) -> Verdict {
    let mut plan = story.plan();
    plan.traffic.retain(|people| story.regions.contains(&people.home));
    plan.assertions = checks.into_iter().map(Check::into_assertion).collect();
    judge(&plan, &played(story).1)
}

fn found(seen: &CanarySeen, finding: Finding) -> Vec<String> {
    let last = seen.steps.last().unwrap();
    last.metrics.iter().filter(|metric| metric.finding == finding).map(name).collect()
}

#[test]
fn a_canary_that_is_no_worse_is_promoted_and_judged_alike_afterwards() {
    let (seen, records) = played(&story());
    assert_eq!((seen.decision, seen.steps.len()), (Some(Decision::Promoted), 3), "{:#?}", seen.steps.last());
    assert!(seen.steps.iter().all(|step| step.advice == Advice::Proceed), "{seen:#?}");
    assert!(seen.steps[1].metrics.iter().all(|metric| metric.concurrent == (metric.metric != Measure::Unattributed)));
    assert!(seen.steps[2].metrics.iter().all(|metric| !metric.concurrent));
    // As many of each are compared, and the history says the same again.
    let errors = &seen.steps[0].metrics[0];
    assert_eq!(errors.canary.samples, errors.control.samples);
    assert!(errors.canary.samples <= seen.steps[0].canary && seen.steps[0].control > 2 * errors.control.samples);
    let verdict = judged(&story(), [Check::CanaryDecides { decision: Decision::Promoted }]);
    assert_eq!(verdict.canary.unwrap(), seen);
    assert_eq!((verdict.verdict, verdict.doubts), (Outcome::Pass, vec![]));
    assert!(records.len() > 10_000);
}

#[test]
fn a_canary_that_fails_more_is_rolled_back() {
    let (seen, _) = played(&with(Version { fails: 0.08, ..FINE }));
    assert_eq!(seen.decision, Some(Decision::RolledBack));
    assert!(
        seen.reason.contains("canary requests failed") || seen.reason.contains("errors in us-east-1"),
        "{}",
        seen.reason
    );
    let took = seen.rolled_back_after_ms().unwrap();
    assert!(took > 0 && took < 600_000, "{took}");
    assert!(seen.exposed.unwrap() < 30.0);
}

#[test]
fn a_slow_canary_is_rolled_back_although_nothing_fails() {
    let (seen, _) = played(&with(Version { slower: 1.25, ..FINE }));
    assert_eq!(seen.decision, Some(Decision::RolledBack));
    assert!(found(&seen, Finding::Worse).contains(&"latency in us-east-1".to_owned()), "{}", seen.reason);
    let latency = seen.steps[0].metrics.iter().find(|metric| metric.metric == Measure::Latency).unwrap();
    let (low, high) = latency.interval.unwrap();
    assert!(low > 60.0 && high > latency.effect.unwrap(), "{latency:?}");
    assert!(latency.canary.value > latency.control.value);
}

#[test]
fn one_operation_that_always_fails_is_not_averaged_away() {
    // Of a hundred requests one is of it.
    let mix = vec![("GET /whoami", 99), ("PUT /orders/{id}", 1)];
    let critical = vec![Operation::parse("PUT /orders/{id}").unwrap()];
    let broken = Version { breaks: Some("PUT /orders/{id}"), ..FINE };
    let mut told = Story { mix, rate: 40.0, ..with(broken) };
    told.analysis.critical = critical;
    let (seen, _) = played(&told);
    assert_eq!(seen.decision, Some(Decision::RolledBack));
    assert!(seen.reason.starts_with("us-east-1: PUT /orders/{id} fails: "), "{}", seen.reason);
    let failed: u64 =
        seen.reason["us-east-1: PUT /orders/{id} fails: ".len()..].split(' ').next().unwrap().parse().unwrap();
    assert!((5..=12).contains(&failed), "{}", seen.reason);
    // Without a critical operation it takes the whole bake time, and is found all the same.
    told.analysis.critical.clear();
    let (late, _) = played(&told);
    assert_eq!(late.decision, Some(Decision::RolledBack));
    assert!(late.rolling_back_at_ms > seen.rolling_back_at_ms, "{}", late.reason);
}

#[test]
fn a_canary_that_crashes_names_no_version_and_is_found() {
    let (seen, _) = played(&with(Version { crashes: 0.5, ..FINE }));
    assert_eq!(seen.decision, Some(Decision::RolledBack));
    assert!(seen.reason.contains("without a version that answered"), "{}", seen.reason);
    assert!(seen.unattributed > 0 && seen.rolled_back_after_ms().unwrap() < 300_000);
    let mut told = with(Version { crashes: 1.0, ..FINE });
    told.analysis.critical = vec![Operation::parse("GET /whoami").unwrap()];
    let (seen, _) = played(&told);
    assert!(seen.decision == Some(Decision::RolledBack) && seen.requests == 0, "{}", seen.reason);
}

#[test]
fn writes_that_no_other_region_sees_roll_back() {
    let (seen, _) = played(&with(Version { loses: 0.5, ..FINE }));
    assert_eq!(seen.decision, Some(Decision::RolledBack));
    assert_eq!(found(&seen, Finding::Worse), ["data sync in us-east-1"], "{}", seen.reason);
    // Where no write of the control arrives either, nothing is known of the canary's.
    let mut none = with(Version { loses: 1.0, ..FINE });
    none.control.loses = 1.0;
    let (seen, _) = played(&none);
    assert_eq!(found(&seen, Finding::Worse), [""; 0]);
    assert!(found(&seen, Finding::Inconclusive).contains(&"data sync in us-east-1".to_owned()), "{}", seen.reason);
    assert!(seen.reason.contains("no write of the control arrived either"), "{}", seen.reason);
}

#[test]
fn too_few_requests_are_no_pass() {
    let (seen, _) = played(&Story { rate: 1.0, ..story() });
    assert_eq!(seen.decision, Some(Decision::RolledBack));
    assert!(seen.reason.starts_with("waited long enough: errors in us-east-1 ("), "{}", seen.reason);
    assert!(seen.reason.contains("of each version, needs"), "{}", seen.reason);
    assert!(seen.needs.iter().any(|need| !need.enough));
    let (none, _) = played(&with(Version { served_for: 0, ..FINE }));
    assert!(none.decision == Some(Decision::RolledBack) && none.requests == 0);
    assert!(none.reason.contains("no requests of the canary in us-east-1"), "{}", none.reason);
}

#[test]
fn a_region_without_users_before_is_held_against_the_others() {
    let told = Story { regions: vec![US, EU], ..with(Version { crashes: 0.5, ..FINE }) };
    let mut plan = told.plan();
    plan.canary.as_mut().unwrap().regions = vec![EU];
    let mut trial = Trial::new(&plan).unwrap();
    let (mut began, mut alarm) = (false, None);
    for record in &played(&told).1 {
        began |= matches!(record.event, Event::Canary { action: CanaryAction::Baking, .. });
        if began || !matches!(record.event, Event::Request { region: Some(EU), .. }) {
            trial.observe(record);
        }
        alarm = alarm.or_else(|| trial.alarm());
    }
    let alarm = alarm.unwrap();
    assert!(
        alarm.starts_with("eu-west-1: ") && alarm.contains("without a version that answered, and 0 of "),
        "{alarm}"
    );
    assert!(!alarm.contains("0 of 0"), "{alarm}");
}

#[test]
fn a_region_without_users_can_prove_nothing_and_says_what_to_do() {
    let both = Story { regions: vec![US, EU], ..story() };
    let mut trial = Trial::new(&both.plan()).unwrap();
    let (_, records) = played(&both);
    let to_eu = |record: &&Record| matches!(record.event, Event::Request { region: Some(EU), .. });
    let passed = |record: &&Record| !matches!(record.event, Event::Canary { action: CanaryAction::Passed, .. });
    let mut last = 0;
    for record in records.iter().take_while(passed).filter(|record| !to_eu(record)) {
        trial.observe(record);
        last = record.at_us;
    }
    let seen = trial.analysis(last + 1_000_000);
    assert_eq!(seen.advice, Advice::Hold);
    assert!(seen.reason.starts_with("no user is led to eu-west-1, so nothing can be learnt"), "{}", seen.reason);
    assert!(!seen.reason.contains(" in eu-west-1"), "said once: {}", seen.reason);
    let late = trial.analysis(last + 301_000_000);
    assert_eq!(late.advice, Advice::RollBack, "{}", late.reason);
    assert!(late.reason.starts_with("waited long enough: "), "{}", late.reason);
    assert!(late.reason.contains("no user is led to eu-west-1"), "{}", late.reason);
}

#[test]
fn traffic_that_stops_midway_holds_and_a_held_run_is_inconclusive() {
    let stops = Version { served_for: 400, ..FINE };
    let told = Story { rate: 60.0, hold: 3_600, ends: 120 + 700, ..with(stops) };
    let (seen, _) = played(&told);
    assert_eq!(seen.decision, Some(Decision::Held), "{}", seen.reason);
    assert!(seen.reason.starts_with("no requests of the canary in us-east-1 for "), "{}", seen.reason);
    assert!(!seen.reason.contains("errors in"), "it had enough before: {}", seen.reason);
    let verdict = judged(&told, [Check::CanaryDecides { decision: Decision::Promoted }]);
    assert_eq!((verdict.verdict, verdict.assertions[0].verdict), (Outcome::Inconclusive, Outcome::Inconclusive));
    assert!(verdict.doubts.iter().any(|doubt| doubt.starts_with("the canary still holds")), "{:?}", verdict.doubts);
}

#[test]
fn in_lockstep_one_region_rolls_back_all() {
    let both = Story { regions: vec![US, EU], ..story() };
    let (fine, _) = played(&both);
    assert_eq!(fine.decision, Some(Decision::Promoted), "{}", fine.reason);
    let groups: Vec<Option<Region>> = fine.steps[0].metrics.iter().map(|metric| metric.region).collect();
    assert!([Some(US), Some(EU), None].iter().all(|group| groups.contains(group)));
    let (bad, _) = played(&Story { canary: Version { fails: 0.1, ..FINE }, ..both });
    assert_eq!(bad.decision, Some(Decision::RolledBack));
}

#[test]
fn the_same_seed_says_the_same_whatever_it_is_asked_meanwhile() {
    let told = with(Version { fails: 0.02, ..FINE });
    let (first, records) = played(&told);
    assert_eq!(played(&told).0, first);
    let mut trial = Trial::new(&told.plan()).unwrap();
    for record in &records {
        trial.observe(record);
        if record.at_us % 97 == 0 {
            let _ = (trial.alarm(), trial.analysis(record.at_us));
        }
    }
    assert_eq!(trial.seen(), first);
}

#[test]
fn decisions_the_data_do_not_support_are_doubts() {
    let bad = Story { stubborn: Some(CanaryAction::Passed), ..with(Version { slower: 1.5, ..FINE }) };
    let verdict = judged(&bad, [Check::CanaryDecides { decision: Decision::Promoted }]);
    assert_eq!(verdict.verdict, Outcome::Inconclusive);
    assert!(
        verdict.doubts[0].starts_with("step 1 of the canary was left as passed, and its data say roll back"),
        "{:?}",
        verdict.doubts
    );
    let fine = Story { stubborn: Some(CanaryAction::RollingBack), ..story() };
    let verdict = judged(&fine, [Check::CanaryDecides { decision: Decision::RolledBack }]);
    assert!(
        verdict.doubts[0].starts_with("step 1 of the canary was rolled back, and its data say proceed"),
        "{:?}",
        verdict.doubts
    );
}

#[test]
fn claims_pass_and_fail_on_what_was_measured() {
    let outcomes = |story: &Story, failures: u64, exposed: f64, seconds: u64| -> Vec<Outcome> {
        let checks = [
            Check::CanaryDecides { decision: Decision::RolledBack },
            Check::CanaryFailuresAtMost { at_most: failures },
            Check::CanaryExposedAtMost { at_most: percent(exposed) },
            Check::RolledBackWithin { within: std::time::Duration::from_secs(seconds) },
        ];
        judged(story, checks).assertions.iter().map(|judged| judged.verdict).collect()
    };
    let bad = with(Version { fails: 0.3, ..FINE });
    assert_eq!(outcomes(&bad, 300, 30.0, 300), [Outcome::Pass; 4]);
    assert_eq!(outcomes(&bad, 1, 1.0, 1)[1..], [Outcome::Fail; 3]);
    let fine = story();
    assert_eq!(outcomes(&fine, 10_000, 100.0, 300), [Outcome::Fail, Outcome::Pass, Outcome::Pass, Outcome::Fail]);
    let unserved = with(Version { served_for: 0, ..FINE });
    assert_eq!(outcomes(&unserved, 300, 30.0, 3_000)[1..3], [Outcome::Inconclusive; 2]);
}

#[test]
fn needs_are_known_before_the_start() {
    let needs = needs(&Story { rate: 2.0, ..story() }.plan());
    let errors: Vec<&Need> = needs.iter().filter(|need| need.metric == Measure::Errors).collect();
    assert_eq!(errors.len(), 3);
    assert!(errors[0].wanted == errors[2].wanted && errors[0].expected == 300, "{errors:#?}");
    assert!(!errors[0].enough && errors[0].what.contains("lacks data"), "{}", errors[0].what);
    // The last step has no control of its own: that of the step before is what there is.
    assert_eq!(errors[2].expected, 300);
    assert!(needs.iter().any(|need| need.metric == Measure::DataSync && need.enough));
}

/// The false alarms of a few hundred canaries that are no worse, and the finds of as many that are: far from the bounds,
/// so that no seed is unlucky. `tools/canaries` measures both with thousands.
#[test]
fn false_alarms_are_rare_and_true_ones_are_not() {
    let count = |canary: Version| {
        let rolled_back = |seed: &u64| {
            let story = Story { seed: Seed(*seed), rate: 10.0, canary, ..Story::default() };
            let step = &story.play(|_| {}).steps[0];
            step.alarmed || step.metrics.iter().any(|metric| metric.finding == Finding::Worse)
        };
        (0..200).filter(rolled_back).count()
    };
    // 5 % of 200 are 10; 25 would be five standard deviations more.
    assert!(count(FINE) <= 25);
    assert!(count(Version { slower: 1.3, ..FINE }) >= 190);
    assert!(count(Version { fails: 0.04, ..FINE }) >= 150);
}
