//! What an answer costs: so many of them by weight, by latency with health, and through nested aliases. Prints the
//! policy, answers, seconds and answers a second. `tools/answers` runs it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use blackstart::dns::{Alias, Data, Node, Query, RecordSet, RecordType, Routing, Zones};
use blackstart::region::{Place, Region};
use blackstart::seed::Seed;

const ZONE: &str = "example.com";
const POLICIES: [&str; 3] = ["weighted", "latency+health", "nested alias"];

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn main() {
    let answers: u64 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let zones = zones();
    for (index, policy) in POLICIES.into_iter().enumerate() {
        let name = format!("{index}.{ZONE}");
        let began = std::time::Instant::now();
        let addresses = ask(&zones, &name, answers);
        let seconds = began.elapsed().as_secs_f64();
        assert_eq!(addresses, answers, "every answer has one address");
        println!("{policy:>15} {answers:>10} {seconds:>9.2} {:>12.0}", answers as f64 / seconds);
    }
}

/// Asks so many times, from everywhere in turn, with one check in four failing; how many addresses came.
fn ask(zones: &Zones, name: &str, answers: u64) -> u64 {
    let places: Vec<_> = Place::names().filter_map(|name| Place::parse(name).ok()).map(Place::at).collect();
    let mut rng = Seed(7).stream("examples/answers");
    let is_healthy = |id: &str| id != "1";
    let mut addresses = 0;
    for from in places.iter().cycle().take(usize::try_from(answers).unwrap_or(usize::MAX)) {
        let query = Query { zones, is_healthy: &is_healthy, outside: &|_| None, from: *from, kind: RecordType::A };
        if let Data::Addresses(found) = query.answer(name, &mut rng).data {
            addresses += found.len() as u64;
        }
    }
    addresses
}

/// The three names: four weights, four Regions, and two Regions that alias weighted groups of two.
fn zones() -> Zones {
    let regions = ["us-east-1", "eu-west-1", "ap-northeast-1", "sa-east-1"].map(|name| Region::parse(name).unwrap());
    let mut sets = Vec::new();
    for (host, (weight, region)) in (0..).zip([70, 20, 9, 1].into_iter().zip(regions)) {
        sets.push(record("0", host, Routing::Weighted(weight)));
        sets.push(record("1", host, Routing::Latency(region)));
        sets.push(record(if host < 2 { "us" } else { "eu" }, host, Routing::Weighted(weight)));
    }
    for (host, (region, target)) in (0..).zip(regions.into_iter().zip(["us", "eu"])) {
        let name = format!("{target}.{ZONE}");
        let alias = Some(Alias { zone_id: "Z".to_owned(), name, evaluate_target_health: true });
        let plain = record("2", host, Routing::Latency(region));
        sets.push(RecordSet { alias, ttl: None, addresses: Vec::new(), health_check_id: None, ..plain });
    }
    let mut names: BTreeMap<String, Vec<Arc<RecordSet>>> = BTreeMap::new();
    for set in sets {
        names.entry(set.name.clone()).or_default().push(Arc::new(set));
    }
    let mut zones = Zones::default();
    zones.open("Z", ZONE);
    let zone = zones.get_mut("Z", ZONE).expect("it was just opened");
    names.into_iter().for_each(|(name, sets)| zone.put(&name, Some(Arc::new(Node::new(sets)))));
    zones
}

fn record(label: &str, host: u8, routing: Routing) -> RecordSet {
    RecordSet {
        name: format!("{label}.{ZONE}"),
        kind: RecordType::A,
        set_identifier: Some(host.to_string()),
        routing,
        ttl: Some(60),
        values: Vec::new(),
        addresses: vec![Ipv4Addr::new(198, 18, 0, host)],
        alias: None,
        health_check_id: Some(host.to_string()),
    }
}
