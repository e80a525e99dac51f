//! The twin is surveyed as it is, and again with lies of the kinds emulators tell: each must be found.

use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures_util::future::BoxFuture;

use super::{How, Kept, Promises, known};
use crate::capability::{Capability, Finding, Standing, Survey};
use crate::clock::Clock;
use crate::region::Region;
use crate::seed::Seed;
use crate::target::embedded::Embedded;
use crate::target::{
    Breakage, Clients, Connection, Injector, Internet, Lookup, Mode, Packaging, Resolver, Roles, SendError, Target,
};

const BOTH: [Region; 2] = [Region::US_EAST_1, Region::EU_WEST_1];

/// What is done to a request on its way: answered in the target's place, or changed.
type Tamper = Arc<dyn Fn(&mut Asked) -> Option<(u16, &'static str)> + Send + Sync>;

/// A request, as far as a lie needs to know it.
struct Asked {
    method: String,
    uri: String,
    /// `X-Amz-Target`, where there is one.
    target: String,
    body: Vec<u8>,
}

impl Asked {
    fn says(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|part| part == text.as_bytes())
    }

    fn swap(&mut self, from: &[u8], to: &[u8]) {
        let mut at = 0;
        while let Some(found) = self.body[at..].windows(from.len()).position(|part| part == from) {
            self.body.splice(at + found..at + found + from.len(), to.iter().copied());
            at += found + to.len();
        }
    }

    fn swap_text(&mut self, from: &str, to: &str) {
        self.swap(from.as_bytes(), to.as_bytes());
    }
}

#[derive(Clone)]
struct Tampered {
    inner: SharedHttpConnector,
    tamper: Tamper,
}

impl std::fmt::Debug for Tampered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tampered")
    }
}

impl HttpClient for Tampered {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Tampered {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().map(<[u8]>::to_vec);
        let mut asked = Asked {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            target: request.headers().get("x-amz-target").unwrap_or_default().to_owned(),
            body: body.clone().unwrap_or_default(),
        };
        if let Some((status, answer)) = (self.tamper)(&mut asked) {
            let answer = http::Response::builder().status(status).body(SdkBody::from(answer)).unwrap();
            return HttpConnectorFuture::ready(Ok(HttpResponse::try_from(answer).unwrap()));
        }
        if body.is_some_and(|body| body != asked.body) {
            request.headers_mut().insert("content-length", asked.body.len().to_string());
            *request.body_mut() = SdkBody::from(asked.body);
        }
        self.inner.call(request)
    }
}

/// The twin, behind clients that lie.
struct Liar {
    twin: Embedded,
    clients: Vec<(Region, Clients)>,
    /// What name servers say to everybody about everything, instead of what they know.
    answer: Option<Lookup>,
}

impl Liar {
    fn honest() -> Self {
        let twin = Embedded::start(Seed(7), &BOTH);
        let clients = BOTH.iter().map(|region| (*region, twin.clients(*region).unwrap().clone())).collect();
        Self { twin, clients, answer: None }
    }

    fn telling(tamper: impl Fn(&mut Asked) -> Option<(u16, &'static str)> + Send + Sync + 'static) -> Self {
        let tamper: Tamper = Arc::new(tamper);
        let mut liar = Self::honest();
        for (region, clients) in &mut liar.clients {
            let inner = clients.raw.connector.clone();
            let tampered = Tampered { inner, tamper: tamper.clone() };
            let config = liar.twin.sdk_config(*region).into_builder().http_client(tampered.clone()).build();
            let mut raw = clients.raw.clone();
            raw.connector = SharedHttpConnector::new(tampered);
            *clients = Clients::new(&config, raw);
        }
        liar
    }

    /// Both Regions are one and the same.
    fn of_one_region() -> Self {
        let mut liar = Self::honest();
        liar.clients[1].1 = liar.clients[0].1.clone();
        liar
    }
}

impl Target for Liar {
    fn name(&self) -> &'static str {
        "liar"
    }
    fn clock(&self) -> Clock {
        self.twin.clock()
    }
    fn regions(&self) -> &[Region] {
        &BOTH
    }
    fn clients(&self, region: Region) -> Option<&Clients> {
        self.clients.iter().find(|(known, _)| *known == region).map(|(_, clients)| clients)
    }
    fn packaging(&self) -> Packaging {
        Packaging::Linked
    }
    fn version(&self) -> BoxFuture<'_, String> {
        Box::pin(async { "1.0".to_owned() })
    }
    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet> {
        match &self.answer {
            None => self.twin.internet(roles),
            Some(answer) => Arc::new(Constant { inner: self.twin.internet(roles), answer: answer.clone() }),
        }
    }
    fn injector(&self) -> Arc<dyn Injector> {
        self.twin.injector()
    }
}

/// Name servers that know one answer.
struct Constant {
    inner: Arc<dyn Internet>,
    answer: Lookup,
}

impl Internet for Constant {
    fn resolver(&self, place: crate::region::Place) -> Arc<dyn Resolver> {
        self.inner.resolver(place)
    }
    fn authoritative<'a>(&'a self, _: crate::region::Place, _: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async { self.answer.clone() })
    }
    fn region_of(&self, address: std::net::Ipv4Addr) -> Option<Region> {
        self.inner.region_of(address)
    }
    fn connect<'a>(
        &'a self,
        place: crate::region::Place,
        address: std::net::Ipv4Addr,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>> {
        self.inner.connect(place, address, host)
    }
}

async fn survey(target: &dyn Target, version: &str, only: Option<&[Capability]>) -> Survey {
    let promises = Promises::default();
    super::survey(target, version, &How { only, kept: None, told: &|_| {}, promises: &promises }).await
}

fn only<'a>(target: &'a dyn Target, wanted: Capability) -> super::bench::Bench<'a> {
    super::bench::Bench::new(target, [wanted].into(), Promises::default(), &|_| {})
}

async fn finding(target: &dyn Target, capability: Capability) -> Finding {
    let mut survey = survey(target, "1.0", Some(&[capability])).await;
    assert_eq!(survey.left_behind, [""; 0], "{capability}");
    assert_eq!(survey.findings.len(), 1, "what it stands on is not reported: {:?}", survey.findings);
    survey.findings.remove(0)
}

async fn expect(target: &dyn Target, capability: Capability, standing: Standing, evidence: &str) {
    let found = finding(target, capability).await;
    assert_eq!(found.standing, standing, "{found:?}");
    assert!(found.evidence.contains(evidence), "{found:?}");
}

async fn expect_lie(
    tamper: impl Fn(&mut Asked) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    capability: Capability,
    evidence: &str,
) {
    expect(&Liar::telling(tamper), capability, Standing::Lie, evidence).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_one_region_only_must_not_be_in_the_other() {
    let both = "is there in eu-west-1 too";
    expect(&Liar::of_one_region(), Capability::Table, Standing::Lie, both).await;
    expect(&Liar::of_one_region(), Capability::Function, Standing::Lie, both).await;
    expect(&Liar::of_one_region(), Capability::BucketOfOneRegion, Standing::Lie, "served by the endpoint of eu").await;
    expect(&Liar::of_one_region(), Capability::Keys, Standing::Lie, "eu-west-1 decrypts what a key of us-east-1").await;
    expect(&Liar::of_one_region(), Capability::Topics, Standing::Lie, "eu-west-1 lists the topic").await;
}

#[tokio::test(start_paused = true)]
async fn what_stands_on_a_lie_is_not_tried() {
    let blocked = "not tried: table is a lie: ";
    expect(&Liar::of_one_region(), Capability::TableReplication, Standing::Unknown, blocked).await;
}

#[tokio::test(start_paused = true)]
async fn synchronous_replication_and_one_table_for_both_regions_are_lies() {
    // The second Region leads to the first, which has the replica's Region in its ARN only if it is a replica.
    let mut liar = Liar::honest();
    liar.clients[1].1.dynamodb = liar.clients[0].1.dynamodb.clone();
    let bench = only(&liar, Capability::TableReplication);
    let miss = super::tables::replicated(&bench).await.err().unwrap();
    assert!(matches!(&miss, super::miss::Miss::Lie(why) if why.contains("the table of another Region")), "{miss:?}");
    // And one that really is a replica, with every write there at once.
    let table = super::tables::Replicated {
        name: "t".to_owned(),
        here: (BOTH[0], liar.clients[0].1.dynamodb.clone()),
        there: (BOTH[1], liar.clients[0].1.dynamodb.clone()),
    };
    let bench = only(&liar, Capability::Table);
    let name = super::tables::plain(&bench, "same").await.unwrap();
    let table = super::tables::Replicated { name, ..table };
    let miss = super::tables::followed(&table).await.err().unwrap();
    assert!(matches!(&miss, super::miss::Miss::Lie(why) if why.contains("inside the write")), "{miss:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_accepted_and_absent_is_a_lie() {
    let swallow = |asked: &mut Asked| {
        let replica = asked.target.ends_with(".UpdateTable") && asked.says("ReplicaUpdates");
        replica.then_some((200, "{\"TableDescription\":{}}"))
    };
    expect_lie(swallow, Capability::TableReplication, "eu-west-1 has no such table").await;
}

#[tokio::test(start_paused = true)]
async fn replication_that_never_happens_is_a_lie() {
    let twin = Embedded::start(Seed(7), &BOTH);
    let between = (BOTH[0], BOTH[1]);
    twin.injector().inject(Breakage::Partition { between }).await.unwrap();
    let found = survey(&twin, "1.0", Some(&[Capability::TableReplication])).await.findings.remove(0);
    assert_eq!(found.standing, Standing::Lie, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn configuration_that_is_swallowed_is_a_lie() {
    let replication =
        |asked: &mut Asked| (asked.method == "PUT" && asked.uri.contains("?replication")).then_some((200, ""));
    expect_lie(replication, Capability::BucketReplication, "it never came").await;
    let concurrency = |asked: &mut Asked| {
        let reserve = asked.method == "PUT" && asked.uri.ends_with("/concurrency");
        reserve.then_some((200, "{\"ReservedConcurrentExecutions\":0}"))
    };
    expect_lie(concurrency, Capability::FunctionThrottle, "it is still invoked").await;
    let subscription = |asked: &mut Asked| {
        if asked.says("AWS%3A%3ASNS%3A%3ASubscription") {
            asked.swap_text("-told%22", "-gone%22");
        }
        None
    };
    expect_lie(subscription, Capability::AlarmActions, "it was not invoked").await;
}

#[tokio::test(start_paused = true)]
async fn a_template_whose_properties_are_ignored_is_a_lie() {
    let versioning = |asked: &mut Asked| {
        let property = "%22VersioningConfiguration%22%3A%7B%22Status%22%3A%22Enabled%22%7D";
        asked.swap_text(&format!("{property}%2C"), "");
        asked.swap_text(&format!("%2C{property}"), "");
        None
    };
    expect_lie(versioning, Capability::Templates, "has no versioning").await;
    let tags = |asked: &mut Asked| {
        asked.swap_text("blackstart-probe%22%2C%22Value%22%3A%22", "blackstart-probe%22%2C%22Value%22%3A%22x");
        None
    };
    expect_lie(tags, Capability::TemplateTags, "does not have the tags").await;
    let unknown = |asked: &mut Asked| {
        asked.swap_text("AWS%3A%3ABlackstart%3A%3ANoSuchType", "AWS%3A%3ASNS%3A%3ATopic");
        None
    };
    expect_lie(unknown, Capability::TemplateChecks, "a resource type that does not exist is CREATE_COMPLETE").await;
    let replicas = |asked: &mut Asked| {
        asked.swap_text("%22Region%22%3A%22eu-west-1%22", "%22Region%22%3A%22us-east-1%22");
        None
    };
    let found = finding(&Liar::telling(replicas), Capability::TemplateTable).await;
    assert_ne!(found.standing, Standing::Proven, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn canned_answers_are_lies() {
    let checks = |asked: &mut Asked| {
        let canned = "<GetHealthCheckStatusResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                      <HealthCheckObservations><HealthCheckObservation><Region>us-east-1</Region><StatusReport>\
                      <Status>Success: HTTP Status Code 200, OK</Status></StatusReport></HealthCheckObservation>\
                      </HealthCheckObservations></GetHealthCheckStatusResponse>";
        asked.uri.ends_with("/status").then_some((200, canned))
    };
    expect_lie(checks, Capability::HealthChecks, "a check of a name that does not exist is accepted").await;
    let change = |asked: &mut Asked| {
        let canned = "<GetChangeResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeInfo>\
                      <Id>/change/C1</Id><Status>INSYNC</Status><SubmittedAt>2026-01-05T00:00:00Z</SubmittedAt>\
                      </ChangeInfo></GetChangeResponse>";
        asked.uri.contains("/change/").then_some((200, canned))
    };
    expect_lie(change, Capability::ChangeInsync, "it is canned").await;
    let experiments = |asked: &mut Asked| {
        let fis = asked.uri.contains("/actions/") || asked.uri.contains("/experimentTemplates");
        fis.then_some((200, "{\"experimentTemplate\":{\"id\":\"EXT1\"}}"))
    };
    expect_lie(experiments, Capability::Experiments, "no-such-action is accepted").await;
    let logs = |asked: &mut Asked| asked.target.ends_with("FilterLogEvents").then_some((200, "{\"events\":[]}"));
    expect_lie(logs, Capability::Logs, "two lines were accepted; ").await;
    let account =
        |asked: &mut Asked| asked.says("GetCallerIdentity").then_some((200, "<R><Account>test</Account></R>"));
    expect_lie(account, Capability::Identity, "no account number").await;
}

#[tokio::test(start_paused = true)]
async fn weights_that_are_stored_and_not_applied_are_a_lie() {
    let mut liar = Liar::honest();
    let addresses = vec!["192.0.2.1".parse().unwrap()];
    liar.answer = Some(Lookup { addresses, ttl: std::time::Duration::from_secs(1), fresh: true });
    expect(&liar, Capability::DnsAnswers, Standing::Lie, "weights 3 and 1 are accepted").await;
    let weights = |asked: &mut Asked| {
        asked.swap_text("<Weight>3</Weight>", "<Weight>1</Weight>");
        None
    };
    expect_lie(weights, Capability::Records, "listed with another weight").await;
}

#[tokio::test(start_paused = true)]
async fn alarms_that_pool_dimensions_or_stay_where_they_are_are_lies() {
    let puts = |asked: &Asked| asked.uri.ends_with("/operation/PutMetricData");
    let pooled = move |asked: &mut Asked| {
        if puts(asked) {
            asked.swap_text("away", "near");
        }
        None
    };
    expect_lie(pooled, Capability::Alarms, "dimensions are pooled").await;
    let swallowed = |asked: &mut Asked| asked.uri.ends_with("/operation/PutMetricAlarm").then_some((200, ""));
    expect(&Liar::telling(swallowed), Capability::Alarms, Standing::Lie, "does not have the alarm").await;
    let one_is_enough = |asked: &mut Asked| {
        asked.swap(b"DatapointsToAlarm\x02", b"DatapointsToAlarm\x01");
        None
    };
    expect_lie(one_is_enough, Capability::Alarms, "by one breaching datapoint").await;
    // CBOR: a text's length stands in its first byte.
    let stuck = |asked: &mut Asked| {
        asked.swap(b"\x6cnotBreaching", b"\x66ignore");
        None
    };
    expect_lie(stuck, Capability::Alarms, "it never recovers").await;
}

#[tokio::test(start_paused = true)]
async fn what_errs_or_hangs_is_absent() {
    for mode in [Mode::Errors, Mode::Hang, Mode::Refuse] {
        let twin = Embedded::start(Seed(7), &BOTH);
        let service = "secretsmanager".to_owned();
        let breakage = Breakage::Service { region: None, service, operations: Vec::new(), mode };
        twin.injector().inject(breakage).await.unwrap();
        let survey = survey(&twin, "1.0", Some(&[Capability::Secret])).await;
        let found = &survey.findings[0];
        assert_eq!(found.standing, Standing::Absent, "{mode:?}: {found:?}");
        assert!(found.took_ms <= 120_000, "{mode:?}: {found:?}");
        assert!(mode != Mode::Hang || found.took_ms >= 20_000, "{mode:?}: {found:?}");
        // Whether the call that failed has made something nobody could look up either.
        assert_eq!(survey.left_behind.len(), 1, "{mode:?}: {survey:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_may_not_is_unknown() {
    let denied = |asked: &mut Asked| {
        let denied = "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}";
        asked.target.contains("secretsmanager.").then_some((400, denied))
    };
    let liar = Liar::telling(denied);
    let survey = survey(&liar, "1.0", Some(&[Capability::Secret, Capability::SecretReplication])).await;
    let standings: Vec<Standing> = survey.findings.iter().map(|found| found.standing).collect();
    assert_eq!(standings, [Standing::Unknown; 2], "{survey:?}");
    // What was promised to be removed could not be looked for either, and that is said.
    assert_eq!(survey.left_behind.len(), 1, "{survey:?}");
    assert!(survey.left_behind[0].contains("AccessDenied"), "{survey:?}");
}

async fn kept(target: &dyn Target, only: &[Capability], folder: &Path, fresh: bool) -> Survey {
    let (kept, promises) = (Some(Kept { folder, fresh }), Promises::default());
    known(target, &How { only: Some(only), kept, told: &|_| {}, promises: &promises }).await
}

#[tokio::test(start_paused = true)]
async fn findings_are_kept_by_target_and_version_and_unknown_ones_are_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, only) = (folder.path(), [Capability::Identity, Capability::Secret]);
    let liar = Liar::honest();
    let first = kept(&liar, &only[..1], folder, false).await;
    assert_eq!(first.findings[0].age_s, None);
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    let second = kept(&liar, &only, folder, false).await;
    let ages: Vec<_> = second.findings.iter().map(|found| (found.capability, found.age_s)).collect();
    assert_eq!(ages, [(Capability::Identity, Some(3_600)), (Capability::Secret, None)]);
    assert_eq!(second.findings[0].at, first.findings[0].at);
    let fresh = kept(&liar, &only, folder, true).await;
    assert!(fresh.findings.iter().all(|found| found.age_s.is_none()), "{fresh:?}");
    // Asked for alone, the rest is still known.
    kept(&liar, &only[..1], folder, true).await;
    let rest = kept(&liar, &only, folder, false).await;
    assert!(rest.findings.iter().all(|found| found.age_s.is_some()), "{rest:?}");
    let week = std::time::Duration::from_secs(7 * 24 * 3_600);
    tokio::time::sleep(week + std::time::Duration::from_secs(1)).await;
    let aged = kept(&liar, &only, folder, false).await;
    assert!(aged.findings.iter().all(|found| found.age_s.is_none()), "{aged:?}");
    let file = folder.join("liar-1.0-e3b0c442.json");
    let mut stored: Survey = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    stored.findings[0].standing = Standing::Unknown;
    std::fs::write(&file, serde_json::to_string(&stored).unwrap()).unwrap();
    let again = kept(&liar, &only, folder, false).await;
    assert_eq!((again.findings[0].standing, again.findings[0].age_s), (Standing::Proven, None));
    // Findings of other Regions are none of these.
    stored.regions.reverse();
    std::fs::write(&file, serde_json::to_string(&stored).unwrap()).unwrap();
    let other = kept(&liar, &only, folder, false).await;
    assert!(other.findings.iter().all(|found| found.age_s.is_none()), "{other:?}");
    std::fs::write(&file, "{").unwrap();
    let anew = kept(&liar, &only, folder, false).await;
    assert!(anew.findings.iter().all(|found| found.age_s.is_none()) && anew.unkept.is_none(), "{anew:?}");
    // What cannot be kept is found all the same.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let lost = kept(&liar, &only, folder, false).await;
    assert_eq!(lost.findings.len(), 2);
    assert!(lost.unkept.as_ref().unwrap().contains("liar-1.0-e3b0c442.json"), "{lost:?}");
}

#[test]
fn findings_of_other_settings_are_kept_apart() {
    let file = |settings| super::cache::file(Path::new("runs"), "endpoint", "ministack 1.5.33", settings);
    assert_ne!(file("a"), file("b"));
    assert!(file("a").display().to_string().starts_with("runs/endpoint-ministack_1.5.33-"));
}

/// Ctrl-C in mid-probe: the future is gone, and what it promised to take away is not.
#[tokio::test(start_paused = true)]
async fn a_survey_that_is_dropped_half_way_leaves_nothing() {
    let twin = Embedded::start(Seed(7), &BOTH);
    let promises = Promises::default();
    let told = std::cell::RefCell::new(Vec::new());
    let note = |found: &Finding| told.borrow_mut().push(found.capability);
    let all = [Capability::Secret, Capability::Table, Capability::TableReplication];
    let how = How { only: Some(&all), kept: None, told: &note, promises: &promises };
    let cut = tokio::time::timeout(std::time::Duration::from_secs(12), super::survey(&twin, "1.0", &how)).await;
    assert!(cut.is_err());
    let tables =
        async || twin.clients(BOTH[0]).unwrap().dynamodb.list_tables().send().await.unwrap().table_names().len();
    assert!(tables().await > 0, "it was cut off too early to have made anything");
    assert_eq!(promises.clear().await, [""; 0]);
    assert_eq!(tables().await, 0);
    assert!(told.borrow().contains(&Capability::Secret), "{:?}", told.borrow());
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_survey_is_left_in_the_twin() {
    let twin = Embedded::start(Seed(7), &BOTH);
    let survey = survey(&twin, "1.0", None).await;
    assert_eq!(survey.left_behind, [""; 0]);
    for region in BOTH {
        let clients = twin.clients(region).unwrap();
        assert_eq!(clients.dynamodb.list_tables().send().await.unwrap().table_names(), [""; 0]);
        assert!(clients.s3.list_buckets().send().await.unwrap().buckets().is_empty());
        assert!(clients.secretsmanager.list_secrets().send().await.unwrap().secret_list().is_empty());
        assert!(clients.lambda.list_functions().send().await.unwrap().functions().is_empty());
        assert!(clients.cloudwatch.describe_alarms().send().await.unwrap().metric_alarms().is_empty());
        assert!(clients.logs.describe_log_groups().send().await.unwrap().log_groups().is_empty());
        assert!(clients.route53.list_hosted_zones().send().await.unwrap().hosted_zones().is_empty());
        assert!(clients.route53.list_health_checks().send().await.unwrap().health_checks().is_empty());
        let stacks = clients.cloudformation.describe_stacks().send().await.unwrap();
        assert!(stacks.stacks().is_empty(), "{:?}", stacks.stacks());
        let topics = clients.raw.query("sns", "2010-03-31", "ListTopics", &[]).await.unwrap();
        assert!(!topics.contains("TopicArn"), "{topics}");
        let roles = clients.raw.query("iam", "2010-05-08", "ListRoles", &[]).await.unwrap();
        assert!(!roles.contains("blackstart-probe"), "{roles}");
    }
}
