mod metric_checks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::error::ProvideErrorMetadata;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, HealthCheckConfig, HealthCheckType, ResourceRecord,
    ResourceRecordSet, ResourceRecordSetFailover, ResourceRecordSetRegion, RrType, Tag, TagResourceType,
};

use crate::clock::Clock;
use crate::formation::ResourceContext;
use crate::gateway::{self, Credentials};
use crate::region::Region;
use crate::seed::Seed;
use crate::world::faults::{Effect, Fault};
use crate::world::network::Origin;
use crate::{Cloud, Config};

struct World {
    cloud: Arc<Cloud>,
    client: Client,
    zone: String,
}

async fn world() -> World {
    let cloud = Cloud::start(Config {
        seed: Seed(53),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "000000000000".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code: BTreeMap::new(),
    });
    // Signed for the other Region: Route 53 is global.
    let config = gateway::sdk_config(&cloud, Origin::Operator, Region::EU_WEST_1, &Credentials::account());
    let client = Client::new(&config);
    let made = client.create_hosted_zone().name("Example.com").caller_reference("1").send().await.unwrap();
    assert_eq!(made.delegation_set().unwrap().name_servers().len(), 4);
    let zone = made.hosted_zone().unwrap();
    assert_eq!(zone.name(), "example.com.");
    let zone = zone.id().trim_start_matches("/hostedzone/").to_owned();
    World { cloud, client, zone }
}

fn record(name: &str, kind: RrType, value: &str) -> ResourceRecordSet {
    let value = ResourceRecord::builder().value(value).build().unwrap();
    ResourceRecordSet::builder().name(name).r#type(kind).ttl(60).resource_records(value).build().unwrap()
}

fn a(name: &str, value: &str) -> ResourceRecordSet {
    record(name, RrType::A, value)
}

fn part(mut set: ResourceRecordSet, id: &str, shape: impl FnOnce(&mut ResourceRecordSet)) -> ResourceRecordSet {
    set.set_identifier = Some(id.to_owned());
    shape(&mut set);
    set
}

fn create(set: ResourceRecordSet) -> (ChangeAction, ResourceRecordSet) {
    (ChangeAction::Create, set)
}

impl World {
    /// Sends a batch; the id and status of the change, or the error's code and message.
    async fn change(
        &self,
        changes: Vec<(ChangeAction, ResourceRecordSet)>,
    ) -> Result<(String, ChangeStatus), (String, String)> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let change = |(action, set)| Change::builder().action(action).resource_record_set(set).build().unwrap();
        let batch = ChangeBatch::builder().set_changes(Some(changes.into_iter().map(change).collect()));
        let sent = self.client.change_resource_record_sets().hosted_zone_id(&self.zone);
        match sent.change_batch(batch.build().unwrap()).send().await {
            Ok(answer) => {
                let info = answer.change_info().unwrap();
                Ok((info.id().to_owned(), info.status().clone()))
            }
            Err(error) => {
                Err((error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned()))
            }
        }
    }

    async fn names(&self) -> Vec<String> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let listed = self.client.list_resource_record_sets().hosted_zone_id(&self.zone).send().await.unwrap();
        listed.resource_record_sets().iter().map(|set| format!("{} {}", set.name(), set.r#type().as_str())).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_made_listed_and_deleted_only_when_empty() {
    let World { client, zone, cloud } = world().await;
    let other = client.create_hosted_zone().name("a.org").caller_reference("2").send().await.unwrap();
    assert_eq!(other.change_info().unwrap().status(), &ChangeStatus::Pending);
    let again = client.create_hosted_zone().name("b.org").caller_reference("2").send().await.unwrap_err();
    assert_eq!(again.code(), Some("HostedZoneAlreadyExists"));
    let by_name = client.list_hosted_zones_by_name().send().await.unwrap();
    let names: Vec<&str> = by_name.hosted_zones().iter().map(|zone| zone.name()).collect();
    assert_eq!(names, ["example.com.", "a.org."], "labels are reversed before they are sorted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.list_hosted_zones().send().await.unwrap().hosted_zones().len(), 2);
    let world = World { client, zone, cloud };
    world.change(vec![create(a("x.example.com", "192.0.2.1"))]).await.unwrap();
    let full = world.client.delete_hosted_zone().id(&world.zone).send().await.unwrap_err();
    assert_eq!(full.code(), Some("HostedZoneNotEmpty"));
    world.change(vec![(ChangeAction::Delete, a("x.example.com", "192.0.2.1"))]).await.unwrap();
    world.client.delete_hosted_zone().id(&world.zone).send().await.unwrap();
    let gone = world.client.get_hosted_zone().id(&world.zone).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchHostedZone"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_happens_whole_or_not_at_all() {
    let world = world().await;
    world.change(vec![create(a("old.example.com", "192.0.2.1"))]).await.unwrap();
    let (code, message) = world
        .change(vec![
            create(a("new.example.com", "192.0.2.2")),
            (ChangeAction::Delete, a("old.example.com", "192.0.2.1")),
            create(a("old.example.com", "192.0.2.3")),
            create(a("new.example.com", "192.0.2.4")),
        ])
        .await
        .unwrap_err();
    assert_eq!(code, "InvalidChangeBatch");
    let expected = "[Tried to create resource record set [name='new.example.com.', type='A'] but it already exists]";
    assert_eq!(message, expected);
    assert_eq!(world.names().await, ["example.com. NS", "example.com. SOA", "old.example.com. A"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_pending_before_it_is_insync() {
    let world = world().await;
    let (id, status) = world.change(vec![create(a("x.example.com", "192.0.2.1"))]).await.unwrap();
    assert_eq!(status, ChangeStatus::Pending);
    let begun = tokio::time::Instant::now();
    loop {
        let change = world.client.get_change().id(&id).send().await.unwrap();
        if change.change_info().unwrap().status() == &ChangeStatus::Insync {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let took = begun.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(120)).contains(&took), "{took:?}");
    let answer = world.client.test_dns_answer().hosted_zone_id(&world.zone).record_name("x.example.com");
    let answer = answer.record_type(RrType::A).send().await.unwrap();
    assert_eq!((answer.response_code(), answer.record_data()), ("NOERROR", &["192.0.2.1".to_owned()][..]));
    let unknown = world.client.get_change().id("C0").send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("NoSuchChange"));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused_in_route_53s_words() {
    let world = world().await;
    let cname = |name, target| record(name, RrType::Cname, target);
    let weighted = |id: &str, weight| part(a("w.example.com", "192.0.2.1"), id, |set| set.weight = Some(weight));
    let regional =
        |id: &str| part(a("l.example.com", "192.0.2.1"), id, |set| set.region = Some(ResourceRecordSetRegion::UsEast1));
    let primary = |id: &str| {
        part(a("f.example.com", "192.0.2.1"), id, |set| set.failover = Some(ResourceRecordSetFailover::Primary))
    };
    let alias = |zone: &str, target: &str| {
        let target = AliasTarget::builder().hosted_zone_id(zone).dns_name(target).evaluate_target_health(false);
        let target = target.build().unwrap();
        ResourceRecordSet::builder().name("al.example.com").r#type(RrType::A).alias_target(target).build().unwrap()
    };
    let setup = vec![create(a("x.example.com", "192.0.2.1")), create(weighted("one", 1)), create(regional("one"))];
    world.change(setup).await.unwrap();
    let no_ttl = {
        let mut set = a("y.example.com", "192.0.2.1");
        set.ttl = None;
        set
    };
    let cases = [
        (a("x.example.org", "192.0.2.1"), "RRSet with DNS name x.example.org. is not permitted in zone example.com."),
        (cname("x.example.com", "y"), "is not permitted as it conflicts with other records with the same DNS name"),
        (cname("example.com", "y"), "is not permitted at apex in zone example.com."),
        (a("y.example.com", "192.0.2"), "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
        (a("w.example.com", "192.0.2.1"), "cannot be created as other RRSets exist with the same name and type."),
        (weighted("two", 256), "Value '256' at"),
        (part(weighted("two", 1), "two", |set| set.ttl = Some(61)), "weighted sets must contain the same TTL."),
        (part(regional("two"), "two", |_| ()), "a latency RRSet with the same name, type and region already exists."),
        (
            part(weighted("", 1), "lat", |set| {
                set.weight = None;
                set.region = Some(ResourceRecordSetRegion::UsEast1);
            }),
            "cannot be created as a non-latency set exists with the same name and type.",
        ),
        (part(a("z.example.com", "192.0.2.1"), "id", |_| ()), "but found none in Change with [Action=CREATE,"),
        (no_ttl, "all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with"),
        (part(primary("x"), "x", |set| set.health_check_id = Some("nope".into())), "No health check exists"),
        (alias(&world.zone, "nowhere.example.com"), "but that target was not found"),
        (alias("Z1UJRXOUMOOFQ8", "d-1.execute-api.eu-west-1.amazonaws.com"), "does not lie within the target zone"),
        (alias("Z2FDTNDATAQYW2", "d1.cloudfront.net"), "the embedded twin answers aliases to API Gateway"),
    ];
    for (set, expected) in cases {
        let (code, message) = world.change(vec![create(set)]).await.unwrap_err();
        assert!(message.contains(expected), "{code}: {message}\nis not: {expected}");
    }
    world.change(vec![create(alias("ZLY8HYME6SFDD", "d-1.execute-api.eu-west-1.amazonaws.com"))]).await.unwrap();
    let two_primaries = world.change(vec![create(primary("a")), create(primary("b"))]).await.unwrap_err();
    assert!(two_primaries.1.contains("a failover RRSet with the same name, type and role"), "{two_primaries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delete_must_repeat_what_is_there() {
    let world = world().await;
    world.change(vec![create(a("x.example.com", "192.0.2.1"))]).await.unwrap();
    let delete = async |set| world.change(vec![(ChangeAction::Delete, set)]).await.unwrap_err().1;
    let other_value = delete(a("x.example.com", "192.0.2.2")).await;
    let words = "Tried to delete resource record set [name='x.example.com.', type='A'] but the values provided do not \
                 match the current values";
    assert_eq!(other_value, format!("[{words}]"));
    let missing = delete(part(a("x.example.com", "192.0.2.1"), "us", |set| set.weight = Some(1))).await;
    let words = "[name='x.example.com.', type='A', set-identifier='us'] but it was not found";
    assert!(missing.contains(words), "{missing}");
    let soa = delete(record("example.com", RrType::Soa, "x")).await;
    assert!(soa.contains("do not match"), "{soa}");
    world.change(vec![(ChangeAction::Delete, a("X.example.com.", "192.0.2.1"))]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn record_sets_are_listed_in_pages_by_reversed_labels() {
    let world = world().await;
    let names = ["www.example.com", "*.example.com", "b-c.example.com", "a.b.example.com", "b.example.com"];
    world.change(names.into_iter().map(|name| create(a(name, "192.0.2.1"))).collect()).await.unwrap();
    let mut seen = Vec::new();
    let (mut name, mut kind) = (None, None);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let list = world.client.list_resource_record_sets().hosted_zone_id(&world.zone).max_items(2);
        let page = list.set_start_record_name(name).set_start_record_type(kind).send().await.unwrap();
        assert!(page.resource_record_sets().len() <= 2);
        seen.extend(page.resource_record_sets().iter().map(|set| set.name().to_owned()));
        if !page.is_truncated() {
            break;
        }
        (name, kind) = (page.next_record_name().map(str::to_owned), page.next_record_type().cloned());
    }
    let expected = [
        "example.com.",
        "example.com.",
        "\\052.example.com.",
        "b-c.example.com.",
        "b.example.com.",
        "a.b.example.com.",
        "www.example.com.",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn the_sixth_request_of_a_second_is_throttled() {
    let world = world().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let config = gateway::sdk_config(&world.cloud, Origin::Operator, Region::US_EAST_1, &Credentials::account());
    let config = aws_sdk_route53::config::Builder::from(&config)
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .build();
    let client = Client::from_conf(config);
    let answers = futures_util::future::join_all((0..8).map(|_| client.list_hosted_zones().send())).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|error| error.code() == Some("Throttling")));
}

#[tokio::test(start_paused = true)]
async fn answers_changes_and_checks_go_on_while_the_control_plane_is_down() {
    let world = world().await;
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::Tcp).ip_address("198.18.1.1").port(443);
    let config = config.request_interval(10).build().unwrap();
    let made = world.client.create_health_check().caller_reference("1").health_check_config(config).send().await;
    let check = made.unwrap().health_check.unwrap().id;
    let (id, _) = world.change(vec![create(a("x.example.com", "192.0.2.1"))]).await.unwrap();
    let fault =
        Fault::Service { region: None, service: "route53".to_owned(), operations: Vec::new(), effect: Effect::Error };
    world.cloud.faults.inject(fault);
    assert!(world.client.get_change().id(&id).send().await.is_err());
    let ask = || world.cloud.dns.resolve_uncached(&world.cloud, Origin::Operator, "x.example.com");
    assert!(ask().await.is_empty(), "the change was accepted and has not arrived");
    assert!(world.cloud.health.is_healthy(&check));
    world.cloud.faults.inject(Fault::Region { region: Region::EU_WEST_1, effect: Effect::Refuse });
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(world.client.get_health_check_status().health_check_id(&check).send().await.is_err());
    assert_eq!(ask().await, [std::net::Ipv4Addr::new(192, 0, 2, 1)], "what was accepted before arrives");
    assert!(!world.cloud.health.is_healthy(&check), "checkers go on");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_rejected_while_another_one_of_its_zone_is_processed() {
    let world = world().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let config = gateway::sdk_config(&world.cloud, Origin::Operator, Region::US_EAST_1, &Credentials::account());
    let config = aws_sdk_route53::config::Builder::from(&config)
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .build();
    let client = Client::from_conf(config);
    let send = async |host: u8| {
        let set = a(&format!("x{host}.example.com"), "192.0.2.1");
        let change = Change::builder().action(ChangeAction::Create).resource_record_set(set).build().unwrap();
        let batch = ChangeBatch::builder().changes(change).build().unwrap();
        client.change_resource_record_sets().hosted_zone_id(&world.zone).change_batch(batch).send().await
    };
    let sent = futures_util::future::join_all((0..4).map(send)).await;
    let refused: Vec<_> = sent.iter().filter_map(|sent| sent.as_ref().err()).collect();
    assert!((1..4).contains(&refused.len()), "{} of 4 were rejected", refused.len());
    for error in refused {
        assert_eq!(error.code(), Some("PriorRequestNotComplete"));
        assert!(error.message().unwrap().ends_with("was still processing a prior request."));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for host in 10..13 {
        send(host).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_answer_says_what_a_resolver_in_the_home_region_is_told() {
    let world = world().await;
    let near = |region: ResourceRecordSetRegion, value: &str| {
        part(a("l.example.com", value), region.clone().as_str(), |set| set.region = Some(region))
    };
    let sets = vec![
        near(ResourceRecordSetRegion::UsEast1, "192.0.2.1"),
        near(ResourceRecordSetRegion::EuWest1, "192.0.2.2"),
        record("c.example.com", RrType::Cname, "l.example.com"),
        record("t.example.com", RrType::Txt, "\"words\""),
    ];
    world.change(sets.into_iter().map(create).collect()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let ask = async |name: &str, kind: RrType| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.client.test_dns_answer().hosted_zone_id(&world.zone).record_name(name).record_type(kind).send().await
    };
    let cases = [
        ("l.example.com", RrType::A, "NOERROR", vec!["192.0.2.1"]),
        ("C.example.com.", RrType::A, "NOERROR", vec!["l.example.com."]),
        ("t.example.com", RrType::Txt, "NOERROR", vec!["\"words\""]),
        ("t.example.com", RrType::A, "NOERROR", vec![]),
        ("none.example.com", RrType::A, "NXDOMAIN", vec![]),
    ];
    for (name, kind, code, data) in cases {
        let answer = ask(name, kind).await.unwrap();
        assert_eq!((answer.response_code(), answer.protocol()), (code, "UDP"), "{name}");
        assert_eq!(answer.record_data(), data, "{name}");
        assert!(answer.nameserver().starts_with("ns-"), "{}", answer.nameserver());
    }
    assert_eq!(ask("x.example.org", RrType::A).await.unwrap_err().code(), Some("InvalidInput"));
    let elsewhere = world.client.test_dns_answer().hosted_zone_id("Z0").record_name("x.example.com");
    let elsewhere = elsewhere.record_type(RrType::A).send().await.unwrap_err();
    assert_eq!(elsewhere.code(), Some("NoSuchHostedZone"));
    let resolver = world.client.test_dns_answer().hosted_zone_id(&world.zone).record_name("l.example.com");
    let resolver = resolver.record_type(RrType::A).resolver_ip("192.0.2.53").send().await.unwrap_err();
    assert_eq!(resolver.code(), Some("InvalidInput"), "{resolver:?}");
}

#[tokio::test(start_paused = true)]
async fn checkers_say_what_they_saw_last_and_why_they_failed_last() {
    let world = world().await;
    let client = &world.client;
    let make = async |reference: &str, config: HealthCheckConfig| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let made = client.create_health_check().caller_reference(reference).health_check_config(config).send().await;
        made.unwrap().health_check.unwrap().id
    };
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::Tcp).ip_address("198.18.1.1").port(443);
    let id = make("tcp", config.request_interval(10).build().unwrap()).await;
    let status = async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = client.get_health_check_status().health_check_id(&id).send().await.unwrap();
        status.health_check_observations
    };
    let reasons = async || {
        let reasons = client.get_health_check_last_failure_reason().health_check_id(&id).send().await.unwrap();
        reasons.health_check_observations
    };
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((status().await.len(), reasons().await.len()), (11, 0), "nothing has failed yet");
    let fault = world.cloud.faults.inject(Fault::Application { region: Region::EU_WEST_1, effect: Effect::Refuse });
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.cloud.faults.heal(fault);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let words = |seen: &[aws_sdk_route53::types::HealthCheckObservation]| -> Vec<String> {
        seen.iter().map(|one| one.status_report().unwrap().status().unwrap().to_owned()).collect()
    };
    let (now, failed) = (status().await, reasons().await);
    assert!(words(&now).iter().all(|word| word.starts_with("Success: ")), "{now:?}");
    assert_eq!(words(&failed), vec!["Failure: Connection refused"; 11]);
    let checked = |seen: &[aws_sdk_route53::types::HealthCheckObservation]| -> Vec<_> {
        seen.iter().map(|one| *one.status_report().unwrap().checked_time().unwrap()).collect()
    };
    client.update_health_check().health_check_id(&id).disabled(true).send().await.unwrap();
    let before = checked(&status().await);
    world.cloud.faults.inject(Fault::Application { region: Region::EU_WEST_1, effect: Effect::Refuse });
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(checked(&status().await), before, "a disabled check asks nobody");
    assert!(world.cloud.health.is_healthy(&id));
    client.update_health_check().health_check_id(&id).inverted(true).send().await.unwrap();
    assert!(!world.cloud.health.is_healthy(&id), "inverted, a disabled check takes traffic away");
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::Calculated).health_threshold(1);
    let calculated = make("sum", config.child_health_checks(&id).build().unwrap()).await;
    let refused = client.get_health_check_status().health_check_id(&calculated).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidInput"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn health_checks_live_by_the_api() {
    let world = world().await;
    let client = &world.client;
    let config = HealthCheckConfig::builder()
        .r#type(HealthCheckType::Https)
        .fully_qualified_domain_name("api.example.com")
        .resource_path("/live/health")
        .request_interval(10);
    let config = config.build().unwrap();
    let made = client.create_health_check().caller_reference("1").health_check_config(config.clone());
    let made = made.send().await.unwrap().health_check.unwrap();
    let held = made.health_check_config().unwrap();
    assert_eq!((held.port(), held.failure_threshold(), held.enable_sni()), (Some(443), Some(3), Some(true)));
    let same = client.create_health_check().caller_reference("1").health_check_config(config).send().await.unwrap();
    assert_eq!(same.health_check().unwrap().id(), made.id());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let seen = client.get_health_check_status().health_check_id(made.id()).send().await.unwrap();
    assert_eq!(seen.health_check_observations().len(), 11);
    let report = seen.health_check_observations()[0].status_report().unwrap();
    assert!(report.status().unwrap().starts_with("Failure: DNS resolution failed"), "{report:?}");
    assert!(!world.cloud.health.is_healthy(made.id()));
    let update = client.update_health_check().health_check_id(made.id()).inverted(true).health_check_version(1);
    let updated = update.send().await.unwrap().health_check.unwrap();
    assert_eq!(updated.health_check_version(), 2);
    assert!(world.cloud.health.is_healthy(made.id()));
    let stale = client.update_health_check().health_check_id(made.id()).health_check_version(1).send().await;
    assert_eq!(stale.unwrap_err().code(), Some("HealthCheckVersionMismatch"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tag = Tag::builder().key("Project").value("orders").build();
    let tags = client.change_tags_for_resource().resource_type(TagResourceType::Healthcheck);
    tags.resource_id(made.id()).add_tags(tag.clone()).send().await.unwrap();
    let tags = client.list_tags_for_resource().resource_type(TagResourceType::Healthcheck).resource_id(made.id());
    assert_eq!(tags.send().await.unwrap().resource_tag_set().unwrap().tags(), [tag]);
    assert_eq!(client.list_health_checks().send().await.unwrap().health_checks().len(), 1);
    client.delete_health_check().health_check_id(made.id()).send().await.unwrap();
    let gone = client.get_health_check().health_check_id(made.id()).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchHealthCheck"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_says_so() {
    let world = world().await;
    let policies = world.client.list_traffic_policies().send().await.unwrap_err();
    assert_eq!(policies.code(), Some("NotImplemented"));
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::RecoveryControl).build().unwrap();
    let check = world.client.create_health_check().caller_reference("1").health_check_config(config).send().await;
    let check = check.unwrap_err();
    assert_eq!(check.code(), Some("InvalidInput"));
    assert!(check.message().unwrap().contains("RECOVERY_CONTROL"));
}

fn context(cloud: &Arc<Cloud>) -> ResourceContext {
    ResourceContext {
        cloud: cloud.clone(),
        region: Region::US_EAST_1,
        stack_name: "routing".to_owned(),
        stack_id: String::new(),
        logical_id: "Api".to_owned(),
        stack_tags: vec![("Project".to_owned(), "orders".to_owned())],
    }
}

#[tokio::test(start_paused = true)]
async fn a_templates_record_is_there_when_its_change_is_insync() {
    let world = world().await;
    let cx = context(&world.cloud);
    let handlers = super::resources();
    let handler = |name: &str| handlers.iter().find(|handler| handler.spec().name == name).unwrap();
    let record = |weight: u8| {
        serde_json::json!({
            "HostedZoneName": "example.com.", "Name": "api.example.com", "Type": "A", "TTL": "60",
            "SetIdentifier": "us", "Weight": weight, "ResourceRecords": ["192.0.2.1"],
        })
    };
    let records = handler("AWS::Route53::RecordSet");
    let begun = tokio::time::Instant::now();
    let made = records.create(&cx, &record(1)).await.unwrap();
    assert_eq!(made.physical_id, "api.example.com");
    assert!(begun.elapsed() > Duration::from_secs(10), "{:?}", begun.elapsed());
    let answer = world.cloud.dns.resolve_uncached(&world.cloud, Origin::Operator, "api.example.com").await;
    assert_eq!(answer.len(), 1);
    let exists = records.create(&cx, &record(1)).await.unwrap_err();
    assert!(exists.0.contains("but it already exists"), "{exists}");
    records.update(&cx, &made.physical_id, &record(1), &record(9)).await.unwrap();
    let changed = records.delete(&cx, &made.physical_id, &record(1)).await.unwrap_err();
    assert!(changed.0.contains("do not match the current values"), "{changed}");
    records.delete(&cx, &made.physical_id, &record(9)).await.unwrap();
    records.delete(&cx, &made.physical_id, &record(9)).await.unwrap();
    assert_eq!(world.names().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_templates_group_changes_in_one_batch() {
    let world = world().await;
    let cx = context(&world.cloud);
    let handlers = super::resources();
    let groups = handlers.iter().find(|handler| handler.spec().name == "AWS::Route53::RecordSetGroup").unwrap();
    let group = |names: &[&str]| {
        let set = |name: &&str| serde_json::json!({ "Name": name, "Type": "A", "TTL": "60", "ResourceRecords": ["192.0.2.1"] });
        serde_json::json!({ "HostedZoneId": world.zone, "RecordSets": names.iter().map(set).collect::<Vec<_>>() })
    };
    let (before, after) = (group(&["a.example.com", "b.example.com"]), group(&["b.example.com", "c.example.com"]));
    let made = groups.create(&cx, &before).await.unwrap();
    groups.update(&cx, &made.physical_id, &before, &after).await.unwrap();
    assert_eq!(world.names().await[2..], ["b.example.com. A", "c.example.com. A"]);
    groups.delete(&cx, &made.physical_id, &after).await.unwrap();
    assert_eq!(world.names().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_templates_zone_and_check_carry_the_stacks_tags() {
    let world = world().await;
    let cx = context(&world.cloud);
    let handlers = super::resources();
    let handler = |name: &str| handlers.iter().find(|handler| handler.spec().name == name).unwrap();
    let zones = handler("AWS::Route53::HostedZone");
    let made = zones.create(&cx, &serde_json::json!({ "Name": "sub.example.com" })).await.unwrap();
    assert_eq!(made.attributes["NameServers"].as_array().unwrap().len(), 4);
    let tags = world.client.list_tags_for_resource().resource_type(TagResourceType::Hostedzone);
    let tags = tags.resource_id(&made.physical_id).send().await.unwrap();
    assert_eq!(tags.resource_tag_set().unwrap().tags()[0].key(), Some("Project"));
    zones.delete(&cx, &made.physical_id, &serde_json::Value::Null).await.unwrap();
    let private = serde_json::json!({ "Name": "p.com", "VPCs": [{ "VPCId": "v", "VPCRegion": "us-east-1" }] });
    assert!(zones.create(&cx, &private).await.unwrap_err().0.contains("does not model VPCs"));
    let checks = handler("AWS::Route53::HealthCheck");
    let config = serde_json::json!({ "HealthCheckConfig": { "Type": "TCP", "IPAddress": "198.18.0.1", "Port": 443 } });
    let made = checks.create(&cx, &config).await.unwrap();
    assert!(world.cloud.health.is_healthy(&made.physical_id));
    checks.delete(&cx, &made.physical_id, &config).await.unwrap();
    assert!(world.cloud.health.opinions(&made.physical_id).is_empty());
}
