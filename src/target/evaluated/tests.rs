//! What is evaluated, beside what the twin's name servers answer once every change is INSYNC.

use std::collections::BTreeMap;

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, HealthCheckConfig, HealthCheckType, ResourceRecord,
    ResourceRecordSet, ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};

use super::*;
use crate::region::Region;
use crate::target::embedded::Embedded;
use crate::target::{Breakage, BreakageId, Mode, Target};

const US: &str = "198.18.0.1";
const EU: &str = "198.18.1.1";

struct World {
    twin: Embedded,
    client: Client,
    zone: String,
    names: Evaluated,
}

fn record(name: &str, value: &str) -> ResourceRecordSet {
    let value = ResourceRecord::builder().value(value).build().unwrap();
    ResourceRecordSet::builder().name(name).r#type(RrType::A).ttl(60).resource_records(value).build().unwrap()
}

fn alias(name: &str, zone: &str, target: &str) -> ResourceRecordSet {
    let target = AliasTarget::builder().hosted_zone_id(zone).dns_name(target).evaluate_target_health(true);
    let target = target.build().unwrap();
    ResourceRecordSet::builder().name(name).r#type(RrType::A).alias_target(target).build().unwrap()
}

fn part(mut set: ResourceRecordSet, id: &str, shape: impl FnOnce(&mut ResourceRecordSet)) -> ResourceRecordSet {
    set.set_identifier = Some(id.to_owned());
    shape(&mut set);
    set
}

fn place(name: &str) -> Place {
    Place::parse(name).unwrap()
}

impl World {
    async fn start() -> Self {
        let twin = Embedded::start(Seed(7), &[Region::US_EAST_1, Region::EU_WEST_1]);
        let client = twin.clients(Region::US_EAST_1).unwrap().route53.clone();
        let made = client.create_hosted_zone().name("example.com").caller_reference("1").send().await.unwrap();
        let zone = made.hosted_zone().unwrap().id().trim_start_matches("/hostedzone/").to_owned();
        let hosts: Hosts = Arc::new(|_| None);
        let names = Evaluated::new(client.clone(), &zone, hosts, twin.clock(), Seed(7));
        Self { twin, client, zone, names }
    }

    /// A check of a Region's edge, which is made healthy or not by losing the Region.
    async fn check(&self, address: &str) -> String {
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::Tcp).ip_address(address).port(443);
        let config = config.request_interval(10).build().unwrap();
        self.make(address, config).await
    }

    async fn make(&self, reference: &str, config: HealthCheckConfig) -> String {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let made = self.client.create_health_check().caller_reference(reference).health_check_config(config);
        made.send().await.unwrap().health_check.unwrap().id
    }

    /// Makes records, and waits until they are INSYNC and have been read.
    async fn put(&self, sets: Vec<ResourceRecordSet>) {
        let change = |set| Change::builder().action(ChangeAction::Upsert).resource_record_set(set).build().unwrap();
        let batch = ChangeBatch::builder().set_changes(Some(sets.into_iter().map(change).collect())).build().unwrap();
        let sent = self.client.change_resource_record_sets().hosted_zone_id(&self.zone).change_batch(batch);
        sent.send().await.unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;
    }

    async fn lose(&self, region: Region) -> BreakageId {
        let breakage = Breakage::Application { region, mode: Mode::Refuse, functions: Vec::new() };
        self.twin.injector().inject(breakage).await.unwrap()
    }

    async fn served(&self, from: Place, name: &str) -> Lookup {
        let mut lookup = self.twin.internet(&|_, _| None).authoritative(from, name).await;
        lookup.addresses.sort_unstable();
        lookup
    }

    async fn evaluated(&self, from: Place, name: &str) -> Lookup {
        let mut lookup = self.names.authoritative(from, name).await;
        lookup.addresses.sort_unstable();
        lookup
    }

    /// Keeps asking for a while, as users do: checkers' words are counted as they are read.
    async fn settle(&self) {
        for _ in 0..24 {
            self.evaluated(place("europe"), "latency.example.com").await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }

    async fn everything(&self) -> Vec<ResourceRecordSet> {
        let (us, eu) = (self.check(US).await, self.check(EU).await);
        let both = HealthCheckConfig::builder().r#type(HealthCheckType::Calculated).health_threshold(2);
        let both = self.make("both", both.child_health_checks(&us).child_health_checks(&eu).build().unwrap()).await;
        let not_us = HealthCheckConfig::builder().r#type(HealthCheckType::Calculated).health_threshold(1);
        let not_us = not_us.child_health_checks(&us).inverted(true).build().unwrap();
        let not_us = self.make("not-us", not_us).await;
        let checked = |name: &str, address: &str, id: &str, check: &str| {
            part(record(name, address), id, |set| set.health_check_id = Some(check.to_owned()))
        };
        let near = |name: &str, address: &str, region: &str, check: &str| {
            let set = checked(name, address, region, check);
            part(set, region, |set| set.region = Some(ResourceRecordSetRegion::from(region)))
        };
        let role = |name: &str, address: &str, role: ResourceRecordSetFailover, check: &str| {
            part(checked(name, address, role.as_str(), check), role.as_str(), |set| set.failover = Some(role.clone()))
        };
        let weighing = |name: &str, address: &str, weight: i64, check: &str| {
            part(checked(name, address, address, check), address, |set| set.weight = Some(weight))
        };
        let nested = |region: &str, target: &str| {
            let set = alias("nested.example.com", &self.zone, target);
            part(set, region, |set| set.region = Some(ResourceRecordSetRegion::from(region)))
        };
        let mut cname = record("cname.example.com", "latency.example.com.");
        cname.r#type = RrType::Cname;
        let value = |address: &str, check: &str| {
            part(checked("many.example.com", address, address, check), address, |set| {
                set.multi_value_answer = Some(true);
            })
        };
        let (primary, secondary) = (ResourceRecordSetFailover::Primary, ResourceRecordSetFailover::Secondary);
        vec![
            record("*.wild.example.com", US),
            near("latency.example.com", US, "us-east-1", &us),
            near("latency.example.com", EU, "eu-west-1", &eu),
            role("failover.example.com", US, primary.clone(), &us),
            role("failover.example.com", EU, secondary.clone(), &eu),
            role("both.example.com", US, primary.clone(), &both),
            role("both.example.com", EU, secondary.clone(), &eu),
            role("not-us.example.com", US, primary, &not_us),
            role("not-us.example.com", EU, secondary, &eu),
            weighing("zero.example.com", US, 255, &us),
            weighing("zero.example.com", EU, 0, &eu),
            weighing("split.example.com", US, 200, &us),
            weighing("split.example.com", EU, 55, &eu),
            weighing("us-split.example.com", US, 10, &us),
            weighing("us-split.example.com", "198.18.0.2", 0, &us),
            weighing("eu-split.example.com", EU, 1, &eu),
            nested("us-east-1", "us-split.example.com"),
            nested("eu-west-1", "eu-split.example.com"),
            cname,
            value(US, &us),
            value(EU, &eu),
        ]
    }

    /// How often each address answers of so many times.
    async fn shares(&self, answers: u32) -> [BTreeMap<Vec<Ipv4Addr>, u32>; 2] {
        let mut shares = [BTreeMap::new(), BTreeMap::new()];
        for _ in 0..answers {
            let asked = [
                self.served(place("europe"), "split.example.com").await,
                self.evaluated(place("europe"), "split.example.com").await,
            ];
            for (tally, lookup) in shares.iter_mut().zip(asked) {
                *tally.entry(lookup.addresses).or_default() += 1;
            }
        }
        shares
    }
}

/// Names whose answer is certain, whatever chance says.
const CERTAIN: &[&str] = &[
    "any.wild.example.com",
    "latency.example.com",
    "failover.example.com",
    "both.example.com",
    "not-us.example.com",
    "zero.example.com",
    "nested.example.com",
    "cname.example.com",
    "many.example.com",
    "nothing.example.com",
    "example.org",
];

#[tokio::test(start_paused = true)]
async fn what_is_evaluated_is_what_name_servers_answer() {
    let world = World::start().await;
    world.put(world.everything().await).await;
    let mut seen = std::collections::BTreeSet::new();
    for lost in [&[][..], &[Region::US_EAST_1], &[Region::EU_WEST_1], &[Region::US_EAST_1, Region::EU_WEST_1]] {
        let mut broken = Vec::new();
        for region in lost {
            broken.push(world.lose(*region).await);
        }
        world.settle().await;
        for name in CERTAIN {
            for from in Place::names().map(place) {
                let (served, evaluated) = (world.served(from, name).await, world.evaluated(from, name).await);
                assert_eq!(evaluated, served, "{name} from {from} with {lost:?} lost");
                seen.insert((name, served.addresses));
            }
        }
        let [served, evaluated] = world.shares(2_000).await;
        assert!(served.keys().eq(evaluated.keys()), "{served:?} {evaluated:?} with {lost:?} lost");
        for (address, count) in &served {
            // Five standard deviations of the difference of two shares of 2,000.
            let slack = 5.0 * (2.0 * 2_000.0 * 0.22 * 0.78_f64).sqrt();
            let difference = f64::from(*count) - f64::from(evaluated[address]);
            assert!(difference.abs() < slack, "{served:?} {evaluated:?} with {lost:?} lost");
        }
        for id in broken {
            world.twin.injector().heal(id).await.unwrap();
        }
    }
    let latency = seen.iter().filter(|(name, _)| **name == "latency.example.com").count();
    let nested = seen.iter().filter(|(name, _)| **name == "nested.example.com").count();
    assert_eq!((latency, nested), (2, 2), "both Regions had their turn: {seen:?}");
    assert_eq!(world.names.source(), Source::Evaluated);
    assert_eq!(world.twin.internet(&|_, _| None).source(), Source::NameServers);
    assert_eq!(world.names.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn answers_go_on_while_the_api_is_down_and_follow_it_when_it_is_back() {
    let world = World::start().await;
    let down =
        || Breakage::Service { region: None, service: "route53".to_owned(), operations: vec![], mode: Mode::Errors };
    let from = place("europe");
    let fault = world.twin.injector().inject(down()).await.unwrap();
    assert!(world.evaluated(from, "x.example.com").await.addresses.is_empty(), "nothing was ever read");
    assert!(world.names.trouble().is_some());
    world.twin.injector().heal(fault).await.unwrap();
    world.put(vec![record("x.example.com", US)]).await;
    let us = world.evaluated(from, "x.example.com").await;
    assert_eq!(us.addresses, [US.parse::<Ipv4Addr>().unwrap()]);
    let resolver = world.names.resolver(from);
    assert_eq!(resolver.resolve("x.example.com").await.ttl, Duration::from_secs(60));
    let fault = world.twin.injector().inject(down()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(40)).await;
    // The first who asks after a pause begins the reading that fails; who asks after that is answered at once.
    assert_eq!(world.evaluated(from, "x.example.com").await, us);
    assert!(world.names.trouble().is_some());
    world.twin.injector().heal(fault).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let kept = resolver.resolve("x.example.com").await;
    assert!(kept.ttl < Duration::from_secs(20) && kept.addresses == us.addresses, "{kept:?}");
    world.put(vec![record("x.example.com", EU)]).await;
    assert_eq!(world.evaluated(from, "x.example.com").await.addresses, [EU.parse::<Ipv4Addr>().unwrap()]);
    assert_eq!(resolver.resolve("x.example.com").await.addresses, [EU.parse::<Ipv4Addr>().unwrap()]);
    assert_eq!(world.names.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn reading_leaves_the_quota_to_others() {
    let world = World::start().await;
    world.put(world.everything().await).await;
    let from = place("asia");
    let config = aws_sdk_route53::config::Builder::from(&world.twin.sdk_config(Region::US_EAST_1));
    let config = config.retry_config(aws_smithy_types::retry::RetryConfig::disabled()).build();
    let other = Client::from_conf(config);
    // Somebody who sends two requests a second beside the readings is never throttled.
    for _ in 0..240 {
        let ask = world.evaluated(from, "latency.example.com");
        let (_, sent, ()) = tokio::join!(ask, other.get_hosted_zone().id(&world.zone).send(), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
        });
        assert!(sent.is_ok(), "{sent:?}");
    }
    assert_eq!(world.names.trouble(), None);
}
