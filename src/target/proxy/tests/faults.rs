//! Which requests a rule is done to, and how it looks from outside.

use std::time::Duration;

use super::*;
use crate::clock::WallClock;

const MS: Duration = Duration::from_millis(1);

fn latency(delay: Duration) -> Effect {
    Effect::Latency { delay, jitter: Duration::ZERO }
}

fn named(service: &str, operations: &[&str], resource: Option<&str>) -> Traffic {
    Traffic::Service {
        service: Some(service.to_owned()),
        operations: operations.iter().map(|name| (*name).to_owned()).collect(),
        resource: resource.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_rule_is_for_its_region_service_operation_and_resource() {
    let (proxy, _) = proxy().await;
    let rule = Rule::new(named("dynamodb", &["GetItem", "Query"], Some("orders")), error(500, "InternalServerError"));
    proxy.inject(rule.in_region(US)).unwrap();
    let us = dynamodb(&proxy, US);
    assert_eq!(get_item(&us).await, Err("InternalServerError".to_owned()));
    assert_eq!(get_item(&dynamodb(&proxy, EU)).await, Ok(()), "another Region");
    us.put_item().table_name("orders").send().await.expect("another operation");
    us.query().table_name("orders-old").send().await.expect("another table");
    us.query().table_name("orders").send().await.unwrap_err();
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&proxy, US));
    secrets.describe_secret().secret_id("orders").send().await.expect("another service");
    let audit = proxy.audit();
    let fired = only(&audit);
    assert_eq!((fired.matched, fired.fired), (2, 2));
    let sample = &fired.samples[1];
    assert_eq!((sample.region, sample.service.as_deref(), sample.path.as_str()), (US, Some("dynamodb"), "/"));
    assert_eq!(sample.operation.as_deref(), Some("Query"));
    assert!(fired.first <= fired.last && fired.first >= Some(fired.injected));
}

#[tokio::test]
async fn a_call_signed_for_a_lost_region_fails_wherever_it_arrives() {
    let (proxy, _) = proxy().await;
    proxy.inject(Rule::new(Traffic::Everything, Effect::Refuse).in_region(US)).unwrap();
    let astray = aws_sdk_dynamodb::Client::new(&config(proxy.address(EU).unwrap(), US));
    let error = get_item(&astray).await.unwrap_err();
    assert!(error.contains("reset") || error.contains("closed"), "{error}");
    let zones = aws_sdk_route53::Client::new(&sdk(&proxy, EU)).list_hosted_zones().send().await;
    assert!(zones.is_err_and(|error| error.raw_response().is_some()), "a global service is asked where it is asked");
}

#[tokio::test]
async fn latency_is_seen_in_full_and_adds_up() {
    let (proxy, _) = proxy().await;
    let us = dynamodb(&proxy, US);
    proxy.inject(Rule::new(Traffic::service("dynamodb"), latency(20 * MS))).unwrap();
    proxy.inject(Rule::new(Traffic::Everything, Effect::Latency { delay: 30 * MS, jitter: 5 * MS })).unwrap();
    proxy.inject(Rule::new(Traffic::service("dynamodb"), error(500, "InternalServerError"))).unwrap();
    let began = WallClock::start();
    assert_eq!(get_item(&us).await, Err("InternalServerError".to_owned()));
    assert!(began.elapsed() >= 50 * MS, "{:?}", began.elapsed());
    proxy.heal_all();
    assert_eq!(get_item(&us).await, Ok(()));
    assert!(proxy.audit().rules.iter().all(|rule| rule.matched == 1 && rule.fired == 1), "a healed rule acts no more");
}

#[tokio::test]
async fn the_first_failing_rule_decides_and_the_others_keep_their_counts() {
    let (proxy, _) = proxy().await;
    let us = dynamodb(&proxy, US);
    proxy.inject(Rule::new(Traffic::service("dynamodb"), error(500, "InternalServerError")).times(1)).unwrap();
    proxy.inject(Rule::new(Traffic::Everything, error(503, "ServiceUnavailable")).times(2)).unwrap();
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(get_item(&us).await.err().unwrap_or_default());
    }
    assert_eq!(codes, ["InternalServerError", "ServiceUnavailable", "ServiceUnavailable", ""]);
    let rules = proxy.audit().rules;
    assert_eq!(rules.iter().map(|rule| (rule.matched, rule.fired)).collect::<Vec<_>>(), [(4, 1), (4, 2)]);
}

/// How many of 40 calls failed, and which.
async fn drawn(seed: u64, probability: f64) -> String {
    let (address, _) = upstream(canned).await;
    let proxy = Proxy::start(vec![(US, address.into())], plain(), Clock::system(), Seed(seed)).await.unwrap();
    proxy.inject(Rule::new(Traffic::service("dynamodb"), Effect::Throttle).with_probability(probability)).unwrap();
    let us = dynamodb(&proxy, US);
    let mut seen = String::new();
    for _ in 0..40 {
        seen.push(if get_item(&us).await.is_err() { 'x' } else { '.' });
    }
    let audit = proxy.audit();
    let failed = seen.matches('x').count() as u64;
    assert_eq!((only(&audit).matched, only(&audit).fired), (40, failed), "the audit is what the client saw");
    seen
}

#[tokio::test]
async fn the_same_seed_fails_the_same_requests() {
    let first = drawn(7, 0.3).await;
    assert_eq!(first, drawn(7, 0.3).await);
    assert_ne!(first, drawn(8, 0.3).await);
    assert!((5..=20).contains(&first.matches('x').count()), "{first}");
    assert_eq!((drawn(7, 0.0).await, drawn(7, 1.0).await), (".".repeat(40), "x".repeat(40)));
}

/// Without a socket, and so on a paused clock.
#[tokio::test(start_paused = true)]
async fn a_schedule_begins_and_ends_by_itself() {
    let clock = Clock::starting_at(Clock::EMBEDDED_EPOCH);
    let rules = Rules::new(clock, Seed(7));
    rules.inject(Rule::new(Traffic::Everything, Effect::Reset).between(20 * MS, 60 * MS).times(3));
    let request = Request::new(Bytes::new());
    let mut failed = Vec::new();
    for at in [0, 19, 20, 40, 59, 60, 61] {
        clock.sleep_until(Clock::EMBEDDED_EPOCH + at * MS).await;
        let decision = rules.decide(&Call::read(US, &request), US);
        failed.extend(decision.failing.map(|failing| (at, failing.request_id)));
    }
    let times = [20, 40, 59].into_iter().zip(1..).map(|(at, time)| (at, format!("blackstart-rule-1-{time}")));
    assert_eq!(failed, times.collect::<Vec<_>>());
    assert_eq!(rules.audit()[0].matched, 3, "out of its time a rule matches nothing");
}

#[tokio::test]
async fn a_reset_is_a_reset_after_the_request_was_read() {
    let (proxy, seen) = proxy().await;
    let us = dynamodb(&proxy, US);
    let id = proxy.inject(Rule::new(Traffic::service("dynamodb"), Effect::Reset)).unwrap();
    let error = get_item(&us).await.unwrap_err();
    assert!(error.contains("reset by peer"), "{error}");
    assert!(seen.lock().unwrap().is_empty());
    assert!(proxy.heal(id) && !proxy.heal(id), "healing twice is no error");
    assert_eq!(get_item(&us).await, Ok(()));
    assert!(only(&proxy.audit()).healed.is_some());
}

#[tokio::test]
async fn a_lost_answer_is_one_the_upstream_gave() {
    let (proxy, seen) = proxy().await;
    proxy.inject(Rule::new(Traffic::service("dynamodb"), Effect::AnswerLost)).unwrap();
    let error = get_item(&dynamodb(&proxy, US)).await.unwrap_err();
    assert!(error.contains("reset by peer"), "{error}");
    assert_eq!((seen.lock().unwrap().len(), proxy.audit().regions[&US].answered), (1, 1));
}

#[tokio::test]
async fn a_hang_lasts_until_it_is_healed_or_ends_or_the_client_leaves() {
    let (proxy, seen) = proxy().await;
    let us = dynamodb(&proxy, US);
    let id = proxy.inject(Rule::new(Traffic::service("dynamodb"), Effect::Hang)).unwrap();
    let call = get_item(&us);
    tokio::pin!(call);
    assert!(tokio::time::timeout(50 * MS, &mut call).await.is_err(), "it answered");
    proxy.heal(id);
    let error = call.await.unwrap_err();
    assert!(error.contains("reset by peer"), "{error}");

    let rule = Rule::new(Traffic::service("dynamodb"), Effect::Hang).between(Duration::ZERO, 30 * MS);
    proxy.inject(rule).unwrap();
    let began = WallClock::start();
    get_item(&us).await.unwrap_err();
    assert!(began.elapsed() >= 25 * MS, "{:?}", began.elapsed());

    proxy.inject(Rule::new(Traffic::service("dynamodb"), Effect::Hang)).unwrap();
    assert!(tokio::time::timeout(20 * MS, get_item(&us)).await.is_err());
    assert!(seen.lock().unwrap().is_empty());
    // The client has left, and its connection goes without any heal.
    let began = WallClock::start();
    while proxy.audit().regions[&US].open > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "the connection of a client that left still hangs");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_with_the_reason() {
    let (address, _) = upstream(canned).await;
    let proxy = Proxy::start(vec![(US, address.into())], plain(), Clock::system(), Seed(7)).await.unwrap();
    let throttle = || Rule::new(Traffic::Everything, Effect::Throttle);
    let cases = [
        (throttle().in_region(EU), "no Region eu-west-1"),
        (throttle().with_probability(1.5), "not between 0 and 1"),
        (throttle().with_probability(f64::NAN), "not between 0 and 1"),
        (throttle().between(MS, MS), "it ends"),
        (Rule::new(Traffic::Everything, error(200, "Fine")), "is no error"),
        (Rule::new(Traffic::Everything, error(500, "two words")), "is no error code"),
        (Rule::new(Traffic::service("s3"), Effect::Refuse), "use Reset"),
        (Rule::new(Traffic::Everything, Effect::Refuse).times(3), "use Reset"),
    ];
    for (rule, reason) in cases {
        let error = proxy.inject(rule).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(proxy.audit().rules.is_empty());
    let twice = vec![(US, address.into()), (US, address.into())];
    assert!(Proxy::start(twice, plain(), Clock::system(), Seed(7)).await.is_err());
}
