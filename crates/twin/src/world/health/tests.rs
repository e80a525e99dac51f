use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::Config;
use crate::clock::Clock;
use crate::services::route53::{Action, Draft};
use crate::world::faults::{Effect, Fault, FaultId};

const EU: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 1);

fn cloud() -> Arc<Cloud> {
    Cloud::start(Config {
        seed: Seed(18),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "000000000000".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code: BTreeMap::new(),
    })
}

fn tcp() -> Check {
    let endpoint = Endpoint { address: Some(EU), port: 443, path: "/".to_owned(), ..Endpoint::default() };
    Check {
        kind: Kind::Tcp(endpoint),
        interval: Duration::from_secs(10),
        threshold: 3,
        inverted: false,
        disabled: false,
        regions: Vec::new(),
    }
}

fn http() -> Check {
    let endpoint = Endpoint { address: Some(EU), port: 443, path: "/".to_owned(), ..Endpoint::default() };
    Check { kind: Kind::Https(endpoint), ..tcp() }
}

fn lose_europe(cloud: &Cloud, effect: Effect) -> FaultId {
    cloud.faults.inject(Fault::Region { region: Region::EU_WEST_1, effect })
}

/// How long it takes until the check is healthy or not, looking every tenth of a second.
async fn until(cloud: &Cloud, id: &str, healthy: bool) -> Duration {
    let begun = tokio::time::Instant::now();
    while cloud.health.is_healthy(id) != healthy {
        assert!(begun.elapsed() < Duration::from_secs(600), "never");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    begun.elapsed()
}

fn seconds(from: u64, to: u64) -> std::ops::Range<Duration> {
    Duration::from_secs(from)..Duration::from_secs(to)
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_lost_and_found_after_the_threshold() {
    let cloud = cloud();
    cloud.health.put(&cloud, "c", tcp());
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(cloud.health.is_healthy("c"));
    assert!(cloud.health.opinions("c").iter().all(|opinion| opinion.last.is_some() && opinion.vote.is_healthy));
    let fault = lose_europe(&cloud, Effect::Refuse);
    // Three failures in a row, ten seconds apart, at nearly all checkers: more than 20 s, at most three intervals.
    let took = until(&cloud, "c", false).await;
    assert!(seconds(20, 32).contains(&took), "lost after {took:?}");
    tokio::time::sleep(Duration::from_secs(120)).await;
    cloud.faults.heal(fault);
    // Two of the checkers that are there to report are enough to find it again.
    let took = until(&cloud, "c", true).await;
    assert!(seconds(20, 32).contains(&took), "found after {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hung_endpoint_takes_the_connect_timeout_longer() {
    let lost_after = async |effect| {
        let cloud = cloud();
        cloud.health.put(&cloud, "c", tcp());
        tokio::time::sleep(Duration::from_secs(60)).await;
        lose_europe(&cloud, effect);
        until(&cloud, "c", false).await
    };
    let (refused, hung) = (lost_after(Effect::Refuse).await, lost_after(Effect::Hang).await);
    let more = hung.saturating_sub(refused);
    assert!((Duration::from_millis(3_500)..Duration::from_millis(4_500)).contains(&more), "{refused:?} {hung:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_check_is_healthy_until_there_is_enough_data() {
    let cloud = cloud();
    lose_europe(&cloud, Effect::Refuse);
    cloud.health.put(&cloud, "c", tcp());
    cloud.health.put(&cloud, "inverted", Check { inverted: true, ..tcp() });
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(cloud.health.is_healthy("c") && !cloud.health.is_healthy("inverted"));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!cloud.health.is_healthy("c") && cloud.health.is_healthy("inverted"));
    cloud.health.put(&cloud, "c", Check { disabled: true, ..tcp() });
    assert!(cloud.health.is_healthy("c"), "a disabled check counts as healthy");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_success_is_a_failure() {
    let cloud = cloud();
    cloud.health.put(&cloud, "c", http());
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert!(!cloud.health.is_healthy("c"), "nothing is deployed behind this edge");
    let opinions = cloud.health.opinions("c");
    let last = opinions[0].last.unwrap().outcome;
    assert!(matches!(last, Outcome::Status { code: 403, .. }), "{last:?}");
    assert!(last.to_string().starts_with("Failure: HTTP Status Code 403, Forbidden"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_seen_by_the_checkers_it_cuts_off_and_outvoted_by_the_rest() {
    let cloud = cloud();
    cloud.health.put(&cloud, "c", tcp());
    cloud.faults.inject(Fault::Partition { between: (Region::US_EAST_1, Region::EU_WEST_1) });
    tokio::time::sleep(Duration::from_secs(120)).await;
    let opinions = cloud.health.opinions("c");
    let cut_off: Vec<Region> = opinions.iter().filter(|o| !o.vote.is_healthy).map(|o| o.region).collect();
    assert_eq!(cut_off, [Region::US_EAST_1; 2]);
    assert!(cloud.health.is_healthy("c"), "nine of eleven checkers reach it");
}

#[tokio::test(start_paused = true)]
async fn checkers_in_a_lost_region_report_nothing_and_are_not_counted() {
    let cloud = cloud();
    let three = ["us-east-1", "eu-west-1", "sa-east-1"].map(|name| Region::parse(name).unwrap());
    cloud.health.put(&cloud, "c", Check { regions: three.to_vec(), ..tcp() });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(cloud.health.opinions("c").len(), 5);
    lose_europe(&cloud, Effect::Refuse);
    until(&cloud, "c", false).await;
    let opinions = cloud.health.opinions("c");
    let in_europe = opinions.iter().filter(|opinion| opinion.region == Region::EU_WEST_1);
    assert!(in_europe.into_iter().all(|opinion| opinion.vote.is_healthy && opinion.last_failure.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_calculated_check_counts_its_children() {
    let cloud = cloud();
    let calculated = |healthy_min| Check {
        kind: Kind::Calculated { children: vec!["a".to_owned(), "b".to_owned()], healthy_min },
        ..tcp()
    };
    let fixed = |inverted| Check { kind: Kind::Calculated { children: Vec::new(), healthy_min: 0 }, inverted, ..tcp() };
    cloud.health.put(&cloud, "a", fixed(false));
    cloud.health.put(&cloud, "b", fixed(true));
    for (healthy_min, expected) in [(0, true), (1, true), (2, false), (3, false)] {
        cloud.health.put(&cloud, "c", calculated(healthy_min));
        assert_eq!(cloud.health.is_healthy("c"), expected, "{healthy_min}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_was_deleted_asks_no_more() {
    let cloud = cloud();
    cloud.health.put(&cloud, "c", tcp());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(cloud.health.samples(cloud.clock.now()).len(), 2);
    let weak = Arc::downgrade(&cloud);
    cloud.health.remove("c");
    assert!(cloud.health.samples(cloud.clock.now()).is_empty());
    tokio::task::yield_now().await;
    drop(cloud);
    assert!(weak.upgrade().is_none(), "no checker keeps the world alive");
}

#[tokio::test(start_paused = true)]
async fn the_metrics_say_what_dns_acts_on() {
    let cloud = cloud();
    cloud.health.put(&cloud, "c", Check { inverted: true, ..tcp() });
    tokio::time::sleep(Duration::from_secs(60)).await;
    let samples = cloud.health.samples(cloud.clock.now());
    let values: Vec<_> = samples.iter().map(|sample| (sample.metric, sample.value)).collect();
    assert_eq!(values, [("HealthCheckStatus", 0.0), ("HealthCheckPercentageHealthy", 100.0)]);
    assert_eq!(samples[0].dimensions, [("HealthCheckId".to_owned(), "c".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn checkers_that_must_resolve_a_name_feel_the_loss_of_the_name_servers() {
    let cloud = cloud();
    let (zone, ..) = cloud.route53.create_zone(&cloud, "example.com", "test", "").unwrap();
    let record = Draft {
        name: "eu.example.com".to_owned(),
        kind: "A".to_owned(),
        ttl: Some(60),
        values: vec![EU.to_string()],
        ..Draft::default()
    };
    let change = record.check(Action::Create).unwrap();
    let insync = cloud.route53.change_records(&cloud, &zone, vec![change], None).unwrap().insync_at;
    cloud.clock.sleep_until(insync).await;
    let endpoint = Endpoint { name: Some("eu.example.com".to_owned()), port: 443, ..Endpoint::default() };
    cloud.health.put(&cloud, "named", Check { kind: Kind::Tcp(endpoint), ..tcp() });
    cloud.health.put(&cloud, "addressed", tcp());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(cloud.health.is_healthy("named"));
    let fault = cloud.faults.inject(Fault::NameServers { effect: Effect::Refuse });
    until(&cloud, "named", false).await;
    assert!(cloud.health.is_healthy("addressed"), "an address needs no name server");
    assert_eq!(cloud.health.opinions("named")[0].last.unwrap().outcome, Outcome::NameNotResolved);
    cloud.faults.heal(fault);
    until(&cloud, "named", true).await;
}
