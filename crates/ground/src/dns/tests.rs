//! The evaluator by itself: records in, answers counted.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::*;
use crate::region::{Place, Region};
use crate::seed::Seed;

const NAME: &str = "api.example.com";

fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, host)
}

fn record(name: &str, host: u8, routing: Routing) -> RecordSet {
    RecordSet {
        name: name.to_owned(),
        kind: RecordType::A,
        set_identifier: Some(format!("{host:03}")),
        routing,
        ttl: Some(60),
        values: vec![address(host).to_string()],
        addresses: vec![address(host)],
        alias: None,
        health_check_id: Some(host.to_string()),
    }
}

fn alias(name: &str, target: &str, host: u8, routing: Routing) -> RecordSet {
    let target = Alias { zone_id: "Z".to_owned(), name: target.to_owned(), evaluate_target_health: true };
    let plain = record(name, host, routing);
    RecordSet { ttl: None, values: vec![], addresses: vec![], alias: Some(target), health_check_id: None, ..plain }
}

fn weighted(weights: &[u8]) -> Vec<RecordSet> {
    (0..).zip(weights).map(|(host, weight)| record(NAME, host, Routing::Weighted(*weight))).collect()
}

fn zones(sets: Vec<RecordSet>) -> Zones {
    let mut zones = Zones::default();
    zones.open("Z", "example.com");
    let mut names: BTreeMap<String, Vec<Arc<RecordSet>>> = BTreeMap::new();
    for set in sets {
        names.entry(set.name.clone()).or_default().push(Arc::new(set));
    }
    let zone = zones.get_mut("Z", "example.com").unwrap();
    names.into_iter().for_each(|(name, sets)| zone.put(&name, Some(Arc::new(Node::new(sets)))));
    zones
}

/// What the name answers to someone at `place` while these checks fail.
fn ask(zones: &Zones, place: &str, failing: &[&str], rng: &mut ChaCha8Rng) -> Link {
    let is_healthy = |id: &str| !failing.contains(&id);
    let from = Place::parse(place).unwrap().at();
    let query = Query { zones, is_healthy: &is_healthy, outside: &|_| None, from, kind: RecordType::A };
    query.answer(NAME, rng)
}

fn told(zones: &Zones, place: &str, failing: &[&str]) -> Vec<Ipv4Addr> {
    match ask(zones, place, failing, &mut Seed(1).stream("told")).data {
        Data::Addresses(addresses) => addresses,
        other => panic!("{other:?}"),
    }
}

/// How often each record answers of so many times.
fn tally(weights: &[u8], answers: u32, seed: u64) -> Vec<u32> {
    let zones = zones(weighted(weights));
    let mut rng = Seed(seed).stream("dns/tests/tally");
    let mut tally = vec![0; weights.len()];
    for _ in 0..answers {
        let Data::Addresses(addresses) = ask(&zones, "europe", &[], &mut rng).data else { panic!("no address") };
        tally[usize::from(addresses[0].octets()[3])] += 1;
    }
    tally
}

/// Pearson's statistic of a tally against the shares these weights declare, and its 99.9 % quantile where they hold.
fn chi_squared(tally: &[u32], weights: &[u8]) -> (f64, f64) {
    let (answers, total) = (f64::from(tally.iter().sum::<u32>()), weights.iter().map(|w| f64::from(*w)).sum::<f64>());
    let cells: Vec<(f64, f64)> = tally
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0)
        .map(|(seen, weight)| (f64::from(*seen), answers * f64::from(*weight) / total))
        .collect();
    let statistic = cells.iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
    (statistic, ChiSquared::new((cells.len() - 1) as f64).unwrap().inverse_cdf(0.999))
}

const ANSWERS: u32 = 100_000;

#[test]
fn a_hundred_thousand_answers_fit_the_declared_weights() {
    let vectors: [&[u8]; 5] = [&[99, 1], &[95, 5], &[128, 127], &[70, 20, 10, 0], &[255, 1, 3, 64, 32, 16, 8, 4]];
    for weights in vectors {
        let tally = tally(weights, ANSWERS, 4);
        let (statistic, bound) = chi_squared(&tally, weights);
        assert!(statistic < bound, "{weights:?} gave {tally:?}: {statistic} is not below {bound}");
        for (seen, weight) in tally.iter().zip(weights) {
            assert!(*weight > 0 || *seen == 0, "a record of weight 0 has no share: {tally:?}");
        }
    }
}

#[test]
fn a_split_that_is_off_by_a_few_percent_does_not_fit() {
    // 5.5 % of the answers where 5 % were declared, and 51 % for one half.
    for (split, declared) in [([189, 11], [95, 5]), ([51, 49], [50, 50])] {
        let (statistic, bound) = chi_squared(&tally(&split, ANSWERS, 4), &declared);
        assert!(statistic > bound, "{split:?} was not found out: {statistic} is below {bound}");
    }
}

#[test]
fn weight_zero_answers_only_where_nothing_heavier_is_healthy() {
    let zones = zones(weighted(&[255, 0]));
    assert_eq!(told(&zones, "europe", &[]), [address(0)]);
    assert_eq!(told(&zones, "europe", &["0"]), [address(1)]);
    assert_eq!(told(&zones, "europe", &["0", "1"]), [address(0)], "nothing healthy: all count as healthy");
}

#[test]
fn records_that_all_weigh_nothing_are_equally_likely() {
    let (statistic, bound) = chi_squared(&tally(&[0, 0, 0], ANSWERS, 4), &[1, 1, 1]);
    assert!(statistic < bound, "{statistic} is not below {bound}");
}

/// Latency between two Regions, each of them a weighted group of its own.
fn nested() -> Vec<RecordSet> {
    let near = |region, target, host| alias(NAME, target, host, Routing::Latency(region));
    vec![
        near(Region::US_EAST_1, "us.example.com", 100),
        near(Region::EU_WEST_1, "eu.example.com", 101),
        record("us.example.com", 1, Routing::Weighted(1)),
        record("eu.example.com", 2, Routing::Weighted(1)),
        record("eu.example.com", 3, Routing::Weighted(1)),
    ]
}

#[test]
fn a_group_behind_an_alias_is_fit_while_any_of_it_is() {
    let zones = zones(nested());
    assert_eq!(told(&zones, "north-america", &[]), [address(1)]);
    assert_eq!(told(&zones, "europe", &["2"]), [address(3)]);
    assert_eq!(told(&zones, "europe", &["2", "3"]), [address(1)]);
    assert_eq!(told(&zones, "north-america", &["1", "2"]), [address(3)]);
    assert_eq!(told(&zones, "north-america", &["1", "2", "3"]), [address(1)], "nothing fit: the nearest of all");
    assert_eq!(ask(&zones, "europe", &["2"], &mut Seed(1).stream("via")).via, ["eu.example.com"]);
}

#[test]
fn an_alias_that_leads_back_to_itself_ends() {
    let zones = zones(vec![alias(NAME, NAME, 1, Routing::Simple)]);
    assert_eq!(ask(&zones, "europe", &[], &mut Seed(1).stream("loop")).data, Data::Empty);
}

#[test]
fn a_cname_stands_in_for_what_a_name_has_not_got() {
    let cname = RecordSet {
        kind: RecordType::CNAME,
        values: vec!["US.example.com.".to_owned()],
        addresses: vec![],
        ..record(NAME, 1, Routing::Simple)
    };
    let zones = zones(vec![cname]);
    let link = ask(&zones, "europe", &[], &mut Seed(1).stream("cname"));
    assert_eq!(link.data, Data::Cname("us.example.com".to_owned()));
}
