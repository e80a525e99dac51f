use std::collections::BTreeMap;

use super::*;
use crate::Config;
use crate::clock::Clock;
use crate::dns::Data;
use crate::region::Place;
use crate::services::route53::{Action, Draft, DraftAlias, HealthCheckConfig};
use crate::world::faults::{Effect, Fault};
use crate::world::health::{Check, Kind};

const US: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const EU: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 1);
const NAME: &str = "api.example.com";

/// A cloud with the zone example.com.
struct World {
    cloud: Arc<Cloud>,
    zone: String,
}

fn draft(set: &str, address: Ipv4Addr) -> Draft {
    Draft {
        name: NAME.to_owned(),
        kind: "A".to_owned(),
        set_identifier: Some(set.to_owned()),
        ttl: Some(60),
        values: vec![address.to_string()],
        ..Draft::default()
    }
}

fn alias(name: &str, zone: &str, target: &str) -> Draft {
    Draft {
        name: name.to_owned(),
        kind: "A".to_owned(),
        alias: Some(DraftAlias { zone_id: zone.to_owned(), name: target.to_owned(), evaluate_target_health: true }),
        ..Draft::default()
    }
}

fn at(place: &str) -> Origin {
    Origin::Place(Place::parse(place).unwrap())
}

impl World {
    async fn new(seed: u64) -> Self {
        let cloud = Cloud::start(Config {
            seed: Seed(seed),
            clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
            account: "000000000000".to_owned(),
            regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
            code: BTreeMap::new(),
        });
        let (zone, ..) = cloud.route53.create_zone(&cloud, "example.com", "test", "").unwrap();
        Self { cloud, zone }
    }

    /// Makes records and waits until everyone is told of them.
    async fn with(self, drafts: impl IntoIterator<Item = Draft>) -> Self {
        let insync = self.change(Action::Create, drafts);
        self.cloud.clock.sleep_until(insync).await;
        self
    }

    fn change(&self, action: Action, drafts: impl IntoIterator<Item = Draft>) -> Timestamp {
        let changes = drafts.into_iter().map(|draft| draft.check(action).unwrap()).collect();
        self.cloud.route53.change_records(&self.cloud, &self.zone, changes, None).unwrap().insync_at
    }

    /// A health check that says what it is told to.
    fn check(&self, reference: &str, healthy: bool) -> String {
        let config = serde_json::json!({ "Type": "CALCULATED", "HealthThreshold": 0 });
        let id = self
            .cloud
            .route53
            .create_check(&self.cloud, reference, HealthCheckConfig::from_template(&config))
            .unwrap()
            .id;
        self.set(&id, healthy);
        id
    }

    fn set(&self, id: &str, healthy: bool) {
        let check = Check {
            kind: Kind::Calculated { children: Vec::new(), healthy_min: 0 },
            interval: Duration::from_secs(30),
            threshold: 3,
            inverted: !healthy,
            disabled: false,
            regions: Vec::new(),
        };
        self.cloud.health.put(&self.cloud, id, check);
    }

    async fn ask(&self, origin: Origin, name: &str) -> Vec<Ipv4Addr> {
        self.cloud.dns.resolve_uncached(&self.cloud, origin, name).await
    }

    async fn first(&self, origin: Origin) -> Ipv4Addr {
        self.ask(origin, NAME).await[0]
    }

    async fn tally(&self, answers: u32) -> BTreeMap<Ipv4Addr, u32> {
        let mut tally = BTreeMap::new();
        for _ in 0..answers {
            *tally.entry(self.first(Origin::Operator).await).or_default() += 1;
        }
        tally
    }
}

fn weighted(set: &str, address: Ipv4Addr, weight: i64, check: Option<&String>) -> Draft {
    Draft { weight: Some(weight), health_check_id: check.cloned(), ..draft(set, address) }
}

#[tokio::test(start_paused = true)]
async fn weighted_answers_follow_the_weights() {
    let third = Ipv4Addr::new(198, 18, 0, 2);
    let sets = [weighted("a", US, 70, None), weighted("b", EU, 20, None), weighted("c", third, 10, None)];
    let none = weighted("d", Ipv4Addr::new(198, 18, 0, 3), 0, None);
    let world = World::new(1).await.with(sets.into_iter().chain([none])).await;
    let tally = world.tally(10_000).await;
    assert_eq!(tally.len(), 3, "a record of weight 0 has no share: {tally:?}");
    for (address, share) in [(US, 0.7), (EU, 0.2), (third, 0.1)] {
        // Five standard deviations of a binomial share of 10,000.
        let slack = 5.0 * (share * (1.0 - share) / 10_000_f64).sqrt();
        let seen = f64::from(tally[&address]) / 10_000.0;
        assert!((seen - share).abs() < slack, "{address} has {seen} of the answers, not {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn weight_zero_serves_only_where_nothing_heavier_is_healthy() {
    let world = World::new(2).await;
    let (us, eu) = (world.check("us", true), world.check("eu", true));
    let world = world.with([weighted("a", US, 255, Some(&us)), weighted("b", EU, 0, Some(&eu))]).await;
    assert_eq!(world.tally(200).await, BTreeMap::from([(US, 200)]));
    world.set(&us, false);
    assert_eq!(world.tally(200).await, BTreeMap::from([(EU, 200)]));
    world.set(&eu, false);
    assert_eq!(world.tally(200).await, BTreeMap::from([(US, 200)]), "nothing healthy: all count as healthy");
}

#[tokio::test(start_paused = true)]
async fn records_that_all_weigh_nothing_are_equally_likely() {
    let world = World::new(3).await.with([weighted("a", US, 0, None), weighted("b", EU, 0, None)]).await;
    let tally = world.tally(2_000).await;
    assert!((880..=1_120).contains(&tally[&US]), "{tally:?}");
}

fn latency(set: &str, address: Ipv4Addr, check: Option<&String>) -> Draft {
    Draft { region: Some(set.to_owned()), health_check_id: check.cloned(), ..draft(set, address) }
}

#[tokio::test(start_paused = true)]
async fn latency_answers_lead_everyone_to_the_nearest_healthy_region() {
    let world = World::new(4).await;
    let (us, eu) = (world.check("us", true), world.check("eu", true));
    let world = world.with([latency("us-east-1", US, Some(&us)), latency("eu-west-1", EU, Some(&eu))]).await;
    let places = ["europe", "united-kingdom", "africa", "north-america", "us-west", "south-america"];
    let ask = async |world: &World| {
        let mut answers = Vec::new();
        for place in places {
            answers.push(world.first(at(place)).await);
        }
        answers
    };
    assert_eq!(ask(&world).await, [EU, EU, EU, US, US, US]);
    world.set(&us, false);
    assert_eq!(ask(&world).await, [EU; 6]);
    world.set(&eu, false);
    assert_eq!(ask(&world).await, [EU, EU, EU, US, US, US], "nothing healthy: all count as healthy");
    let (regions, ttl) = world.cloud.dns.serving_regions(&world.cloud, at("europe"), NAME).await;
    assert_eq!((regions, ttl), (vec![Region::EU_WEST_1], Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn failover_answers_follow_the_primarys_health() {
    let world = World::new(5).await;
    let (primary, secondary) = (world.check("p", true), world.check("s", true));
    let role = |role: &str, address, check: &String| Draft {
        failover: Some(role.to_owned()),
        health_check_id: Some(check.clone()),
        ..draft(role, address)
    };
    let world = world.with([role("PRIMARY", US, &primary), role("SECONDARY", EU, &secondary)]).await;
    for (first, second, expected) in [(true, true, US), (false, true, EU), (false, false, US), (true, false, US)] {
        world.set(&primary, first);
        world.set(&secondary, second);
        assert_eq!(world.first(Origin::Operator).await, expected, "{first} {second}");
    }
}

#[tokio::test(start_paused = true)]
async fn multivalue_answers_leave_out_what_is_unhealthy() {
    let world = World::new(6).await;
    let (us, eu) = (world.check("us", true), world.check("eu", false));
    let value = |set, address, check: &String| Draft {
        multi_value: Some(true),
        health_check_id: Some(check.clone()),
        ..draft(set, address)
    };
    let world = world.with([value("us", US, &us), value("eu", EU, &eu)]).await;
    assert_eq!(world.ask(Origin::Operator, NAME).await, [US]);
    world.set(&us, false);
    let mut both = world.ask(Origin::Operator, NAME).await;
    both.sort_unstable();
    assert_eq!(both, [US, EU]);
}

#[tokio::test(start_paused = true)]
async fn an_alias_takes_its_targets_answer_health_and_ttl() {
    let world = World::new(7).await;
    let check = world.check("us", true);
    let zone = world.zone.clone();
    let target = |name: &str, address, check: Option<&String>| Draft {
        name: name.to_owned(),
        set_identifier: Some("one".to_owned()),
        weight: Some(1),
        ttl: Some(17),
        health_check_id: check.cloned(),
        ..draft("one", address)
    };
    let region = |region: &str, target: &str| Draft {
        set_identifier: Some(region.to_owned()),
        region: Some(region.to_owned()),
        ..alias(NAME, &zone, target)
    };
    let world = world
        .with([target("us.example.com", US, Some(&check)), target("eu.example.com", EU, None)])
        .await
        .with([region("us-east-1", "us.example.com"), region("eu-west-1", "eu.example.com")])
        .await;
    let american = at("north-america");
    let answer = world.cloud.dns.authoritative(&world.cloud, american, NAME).await;
    assert_eq!(answer.addresses, [US]);
    assert_eq!(answer.chain, [NAME, "us.example.com"]);
    assert_eq!(answer.ttl, Duration::from_secs(17));
    world.set(&check, false);
    assert_eq!(world.first(american).await, EU, "a latency alias whose whole target is unhealthy is passed over");
}

#[tokio::test(start_paused = true)]
async fn until_a_change_is_insync_two_places_may_be_told_different_things() {
    let simple = |address| Draft { set_identifier: None, ..draft("", address) };
    let world = World::new(8).await.with([simple(US)]).await;
    let submitted = world.cloud.clock.now();
    let insync = world.change(Action::Upsert, [simple(EU)]);
    let places: Vec<Origin> = Place::names().map(at).collect();
    let told = |world: &World| -> Vec<Ipv4Addr> {
        let answer = |origin: &Origin| world.cloud.dns.ask(&world.cloud, *origin, NAME, RecordType::A).data;
        let address = |data| if let Data::Addresses(addresses) = data { addresses[0] } else { panic!("{data:?}") };
        places.iter().map(answer).map(address).collect()
    };
    assert!(told(&world).iter().all(|address| *address == US), "nobody is told at once");
    let mut disagreed = 0;
    let mut changed = 0;
    while world.cloud.clock.now() < insync {
        let answers = told(&world);
        let new = answers.iter().filter(|address| **address == EU).count();
        assert!(new >= changed, "no place goes back to the old answer");
        changed = new;
        disagreed += u32::from(new > 0 && new < answers.len());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(disagreed >= 5, "places disagreed in {disagreed} seconds");
    assert!(told(&world).iter().all(|address| *address == EU), "at INSYNC everyone is told");
    let took = insync.since(submitted);
    assert!((Duration::from_secs(15)..Duration::from_secs(90)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn changes_are_generally_insync_within_a_minute() {
    let simple = |address| Draft { set_identifier: None, ..draft("", address) };
    let world = World::new(9).await.with([simple(US)]).await;
    let mut late = 0;
    for _ in 0..300 {
        let submitted = world.cloud.clock.now();
        let insync = world.change(Action::Upsert, [simple(EU)]);
        late += u32::from(insync.since(submitted) > Duration::from_secs(60));
        world.cloud.clock.sleep_until(insync).await;
    }
    assert!((0..=15).contains(&late), "{late} of 300 changes took more than a minute");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_keeps_an_answer_for_its_ttl_and_not_a_moment_longer() {
    let simple = |address| Draft { set_identifier: None, ..draft("", address) };
    let world = World::new(10).await.with([simple(US)]).await;
    let resolver = Resolver::new(at("europe"));
    let first = resolver.resolve(&world.cloud, NAME).await;
    assert!(!first.from_cache && first.ttl == Duration::from_secs(60));
    let kept_at = tokio::time::Instant::now();
    world.change(Action::Upsert, [simple(EU)]);
    tokio::time::sleep_until(kept_at + Duration::from_millis(59_999)).await;
    let last = resolver.resolve(&world.cloud, NAME).await;
    assert!(last.from_cache && last.addresses == [US], "{last:?}");
    assert_eq!(last.ttl, Duration::from_millis(1), "what is left of it");
    tokio::time::sleep_until(kept_at + Duration::from_secs(60)).await;
    let fresh = resolver.resolve(&world.cloud, NAME).await;
    assert!(!fresh.from_cache && fresh.addresses == [EU], "{fresh:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_cname_pins_its_users_while_the_addresses_behind_it_are_asked_for_again() {
    let named = |name: &str, address| Draft { name: name.to_owned(), set_identifier: None, ..draft("", address) };
    let cname = |target: &str| Draft {
        kind: "CNAME".to_owned(),
        set_identifier: None,
        ttl: Some(900),
        values: vec![target.to_owned()],
        ..draft("", US)
    };
    let world = World::new(11)
        .await
        .with([named("us.example.com", US), named("eu.example.com", EU), cname("us.example.com.")])
        .await;
    let resolver = Resolver::new(at("europe"));
    let first = resolver.resolve(&world.cloud, NAME).await;
    assert_eq!((first.addresses, first.ttl), (vec![US], Duration::from_secs(60)));
    assert_eq!(first.chain, [NAME, "us.example.com"]);
    let insync = world.change(Action::Upsert, [cname("eu.example.com.")]);
    world.cloud.clock.sleep_until(insync + Duration::from_secs(120)).await;
    assert_eq!(world.first(at("europe")).await, EU);
    let pinned = resolver.resolve(&world.cloud, NAME).await;
    assert!(!pinned.from_cache && pinned.addresses == [US], "{pinned:?}");
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(resolver.resolve(&world.cloud, NAME).await.addresses, [EU]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_there_is_remembered_as_such_for_the_zones_negative_ttl() {
    let world = World::new(12).await.with([]).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let resolver = Resolver::new(Origin::Operator);
    let answer = resolver.resolve(&world.cloud, NAME).await;
    assert_eq!((answer.addresses, answer.ttl), (vec![], Duration::from_secs(900)));
    let world = world.with([Draft { set_identifier: None, ..draft("", US) }]).await;
    assert_eq!(world.first(Origin::Operator).await, US);
    assert!(resolver.resolve(&world.cloud, NAME).await.addresses.is_empty());
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(resolver.resolve(&world.cloud, NAME).await.addresses, [US]);
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_answers_for_names_below_it_that_have_nothing_of_their_own() {
    let named = |name: &str, address| Draft { name: name.to_owned(), set_identifier: None, ..draft("", address) };
    let world = World::new(13).await.with([named("*.example.com", US), named("own.example.com", EU)]).await;
    for (name, expected) in
        [("any.example.com", vec![US]), ("a.b.Example.com.", vec![US]), ("own.example.com", vec![EU])]
    {
        assert_eq!(world.ask(Origin::Operator, name).await, expected, "{name}");
    }
    assert!(world.ask(Origin::Operator, "x.own.example.com").await.is_empty(), "own.example.com is nearer");
    assert!(world.ask(Origin::Operator, "example.org").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_draws_the_same_answers() {
    let draws = async |seed| {
        let world = World::new(seed).await.with([weighted("a", US, 1, None), weighted("b", EU, 1, None)]).await;
        let mut answers = Vec::new();
        for _ in 0..64 {
            answers.push((world.first(at("asia")).await, world.cloud.clock.now()));
        }
        answers
    };
    assert_eq!(draws(14).await, draws(14).await);
    assert_ne!(draws(14).await, draws(15).await);
}

/// What the resolver says, and how long it took.
async fn timed(world: &World, resolver: &Resolver) -> (Vec<Ipv4Addr>, Duration) {
    let begun = tokio::time::Instant::now();
    let addresses = resolver.resolve(&world.cloud, NAME).await.addresses;
    (addresses, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn without_name_servers_resolvers_have_what_they_keep_and_then_nothing() {
    let simple = |address| Draft { set_identifier: None, ..draft("", address) };
    for (seed, effect, least, most) in [(16, Effect::Refuse, 0, 1), (17, Effect::Hang, 10, 11)] {
        let world = World::new(seed).await.with([simple(US)]).await;
        let resolver = Resolver::new(at("europe"));
        resolver.resolve(&world.cloud, NAME).await;
        let fault = world.cloud.faults.inject(Fault::NameServers { effect });
        // The control plane takes changes, and they reach name servers that nobody can ask.
        let insync = world.change(Action::Upsert, [simple(EU)]);
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert_eq!(timed(&world, &resolver).await, (vec![US], Duration::ZERO), "{effect:?}: kept for its TTL");
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (addresses, took) = timed(&world, &resolver).await;
        assert!(addresses.is_empty(), "{effect:?}: {addresses:?}");
        assert!((Duration::from_secs(least)..Duration::from_secs(most)).contains(&took), "{effect:?}: {took:?}");
        assert!(world.ask(at("europe"), NAME).await.is_empty());
        world.cloud.clock.sleep_until(insync).await;
        world.cloud.faults.heal(fault);
        let (addresses, _) = timed(&world, &resolver).await;
        assert_eq!(addresses, [EU], "{effect:?}: that nobody answered is not kept");
    }
}
