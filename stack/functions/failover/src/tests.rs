use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, ResourceRecordSetRegion, RrType};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::dns::{pointed, target};
use crate::{Change, Config, Dns, DnsError, Error, Guard, Health, Pending, Plan, Records};

const US: &str = "us.example.net";
const EU: &str = "eu.example.net";

/// Two records, as Route 53 would keep them for two guards.
struct Zone {
    us: Mutex<ResourceRecordSet>,
    eu: Mutex<ResourceRecordSet>,
    changes: Mutex<Vec<Plan>>,
    /// Answers to give before the real one.
    first: Mutex<Vec<DnsError>>,
}

fn record(region: &str, to: &str) -> ResourceRecordSet {
    ResourceRecordSet::builder()
        .name("api.example.com.")
        .r#type(RrType::Cname)
        .set_identifier(region)
        .region(ResourceRecordSetRegion::from(region))
        .ttl(60)
        .resource_records(ResourceRecord::builder().value(to).build().unwrap())
        .build()
        .unwrap()
}

impl Zone {
    fn steady() -> Arc<Self> {
        Arc::new(Self {
            us: Mutex::new(record("us-east-1", US)),
            eu: Mutex::new(record("eu-west-1", EU)),
            changes: Mutex::new(Vec::new()),
            first: Mutex::new(Vec::new()),
        })
    }

    fn of(&self, region: &str) -> &Mutex<ResourceRecordSet> {
        if region == "us-east-1" { &self.us } else { &self.eu }
    }

    fn targets(&self) -> (String, String) {
        (target(&self.us.lock().unwrap()), target(&self.eu.lock().unwrap()))
    }
}

/// The zone as the guard of one Region sees it; the answer comes after a while, as over a network.
struct Seen {
    zone: Arc<Zone>,
    guarded: &'static str,
    other: &'static str,
}

impl Dns for Seen {
    fn records(&self) -> Pending<'_, Result<Records, DnsError>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(80)).await;
            let of = |region: &str| self.zone.of(region).lock().unwrap().clone();
            Ok(Records { guarded: of(self.guarded), other: of(self.other) })
        })
    }

    fn change(&self, plan: Plan) -> Pending<'_, Result<Change, DnsError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if let Some(error) = self.zone.first.lock().unwrap().pop() {
                return Err(error);
            }
            let now = |region| self.zone.of(region).lock().unwrap().clone();
            if now(self.other) != plan.expected.other || now(self.guarded) != plan.expected.guarded {
                return Err(DnsError::Conflict("values do not match".to_owned()));
            }
            *self.zone.of(self.guarded).lock().unwrap() = plan.guarded.clone();
            let mut changes = self.zone.changes.lock().unwrap();
            changes.push(plan);
            Ok(Change { id: format!("/change/C{}", changes.len()), submitted_at: "2026-01-05T00:00:00Z".to_owned() })
        })
    }
}

type Script = dyn Fn(&str, Duration) -> bool + Send + Sync;

/// Healthy by URL, at the time of asking.
struct Answers(Box<Script>, Instant);

impl Health for Answers {
    fn is_healthy<'a>(&'a self, url: &'a str) -> Pending<'a, bool> {
        Box::pin(async move { (self.0)(url, self.1.elapsed()) })
    }
}

type Lines = Arc<Mutex<Vec<Value>>>;

fn guard(
    zone: &Arc<Zone>,
    guarded: &'static str,
    healthy: impl Fn(&str, Duration) -> bool + Send + Sync + 'static,
) -> (Guard, Lines) {
    let (other, own, others) = if guarded == "us-east-1" { ("eu-west-1", US, EU) } else { ("us-east-1", EU, US) };
    let config = Config {
        guarded: guarded.to_owned(),
        other: other.to_owned(),
        failover_alarm_arn: "arn:failover".to_owned(),
        recovery_alarm_arn: "arn:recovery".to_owned(),
        hosted_zone_id: "Z".to_owned(),
        record_name: "api.example.com".to_owned(),
        record_ttl: 60,
        guarded_endpoint: own.to_owned(),
        other_endpoint: others.to_owned(),
        guarded_health_url: format!("https://{own}/health"),
        other_health_url: format!("https://{others}/health"),
        stable: Duration::from_secs(180),
        probe: Duration::from_secs(10),
        timeout: Duration::from_secs(900),
    };
    let lines: Lines = Arc::default();
    let log = {
        let lines = lines.clone();
        Arc::new(move |line: &str| lines.lock().unwrap().push(serde_json::from_str(line).unwrap()))
    };
    let dns = Arc::new(Seen { zone: zone.clone(), guarded, other });
    let health = Arc::new(Answers(Box::new(healthy), Instant::now()));
    (Guard::with(config, dns, health, log), lines)
}

fn alarm(arn: &str, state: &str) -> Value {
    json!({"alarmArn": arn, "alarmData": {"state": {"value": state}}})
}

fn decisions(lines: &Lines) -> Vec<String> {
    lines.lock().unwrap().iter().map(|line| line["decision"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_alarm_moves_all_traffic_to_the_other_region_once() {
    let zone = Zone::steady();
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    let answer = guard.handle(alarm("arn:failover", "ALARM")).await.unwrap();
    assert_eq!((answer["decision"].as_str(), answer["change_id"].as_str()), (Some("failed-over"), Some("/change/C1")));
    assert_eq!(zone.targets(), (EU.to_owned(), EU.to_owned()));
    let again = guard.handle(alarm("arn:failover", "ALARM")).await.unwrap();
    assert_eq!(again["decision"], "already");
    assert_eq!(zone.changes.lock().unwrap().len(), 1, "once");
    assert_eq!(decisions(&lines), ["invoked", "failed-over", "invoked", "already"]);
    assert_eq!(lines.lock().unwrap()[0]["alarm"], "arn:failover");
}

#[tokio::test(start_paused = true)]
async fn nothing_moves_onto_an_unhealthy_region() {
    let zone = Zone::steady();
    let (guard, lines) = guard(&zone, "us-east-1", |url, _| !url.contains(EU));
    let error = guard.handle(alarm("arn:failover", "ALARM")).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), ("Refused", "eu-west-1 is not healthy either"));
    assert_eq!(decisions(&lines), ["invoked", "refused"]);
    assert_eq!(zone.targets(), (US.to_owned(), EU.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_retry_of_a_refused_failover_finds_the_other_region_recovered() {
    let zone = Zone::steady();
    let (guard, lines) = guard(&zone, "us-east-1", |url, at| !url.contains(EU) || at.as_secs() >= 60);
    let event = alarm("arn:failover", "ALARM");
    guard.handle(event.clone()).await.unwrap_err();
    // As Lambda does after a function error.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(guard.handle(event).await.unwrap()["decision"], "failed-over");
    assert_eq!(decisions(&lines), ["invoked", "refused", "invoked", "failed-over"]);
    assert_eq!(zone.targets(), (EU.to_owned(), EU.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_majority_of_three_looks_decides() {
    for (good, decision) in [(1, "refused"), (2, "failed-over")] {
        let zone = Zone::steady();
        let asked = Mutex::new(0);
        let (guard, lines) = guard(&zone, "us-east-1", move |_, _| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            *asked <= good
        });
        let moved = guard.handle(alarm("arn:failover", "ALARM")).await.is_ok();
        assert_eq!((decisions(&lines)[1].as_str(), moved), (decision, decision == "failed-over"), "{good} of 3");
    }
}

#[tokio::test(start_paused = true)]
async fn both_regions_are_never_off() {
    let zone = Zone::steady();
    *zone.eu.lock().unwrap() = record("eu-west-1", US);
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    let error = guard.handle(alarm("arn:failover", "ALARM")).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert_eq!(decisions(&lines), ["invoked", "refused"]);
    assert_eq!(zone.targets(), (US.to_owned(), US.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn of_two_guards_at_the_same_moment_one_wins() {
    let zone = Zone::steady();
    let (us, us_lines) = guard(&zone, "us-east-1", |_, _| true);
    let (eu, eu_lines) = guard(&zone, "eu-west-1", |_, _| true);
    let (a, b) = tokio::join!(us.handle(alarm("arn:failover", "ALARM")), eu.handle(alarm("arn:failover", "ALARM")));
    assert!(a.is_ok() != b.is_ok(), "the loser is left to the retry");
    let mut outcomes = [decisions(&us_lines)[1].clone(), decisions(&eu_lines)[1].clone()];
    outcomes.sort();
    assert_eq!(outcomes, ["failed-over", "refused"]);
    let (us, eu) = zone.targets();
    assert_eq!(us, eu, "all traffic goes to one Region, and that one serves itself");
}

#[tokio::test(start_paused = true)]
async fn a_busy_route_53_is_waited_for() {
    let zone = Zone::steady();
    zone.first
        .lock()
        .unwrap()
        .extend([DnsError::Busy("PriorRequestNotComplete".to_owned()), DnsError::Busy("Throttling".to_owned())]);
    let (guard, _) = guard(&zone, "us-east-1", |_, _| true);
    let begun = Instant::now();
    assert_eq!(guard.handle(alarm("arn:failover", "ALARM")).await.unwrap()["decision"], "failed-over");
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_and_given_to_the_retry() {
    let zone = Zone::steady();
    let denied = DnsError::Failed { code: "AccessDenied".to_owned(), message: "no".to_owned() };
    zone.first.lock().unwrap().push(denied);
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    let error = guard.handle(alarm("arn:failover", "ALARM")).await.unwrap_err();
    assert!(error.to_string().contains("AccessDenied"), "{error}");
    assert_eq!(decisions(&lines), ["invoked", "failed"]);
}

async fn failed_over() -> Arc<Zone> {
    let zone = Zone::steady();
    let failed_over = pointed(&zone.us.lock().unwrap(), EU, 60);
    *zone.us.lock().unwrap() = failed_over;
    zone
}

#[tokio::test(start_paused = true)]
async fn traffic_comes_back_after_three_minutes_of_health() {
    let zone = failed_over().await;
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    let begun = Instant::now();
    assert_eq!(guard.handle(alarm("arn:recovery", "OK")).await.unwrap()["decision"], "failed-back");
    assert!((180..190).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(zone.targets(), (US.to_owned(), EU.to_owned()));
    assert_eq!(decisions(&lines), ["invoked", "failed-back"]);
}

#[tokio::test(start_paused = true)]
async fn flapping_is_waited_out() {
    let zone = failed_over().await;
    // Sick for ten seconds every hundred, until 300 s.
    let (guard, lines) = guard(&zone, "us-east-1", |_, at| at.as_secs() >= 300 || at.as_secs() % 100 < 90);
    let begun = Instant::now();
    guard.handle(alarm("arn:recovery", "OK")).await.unwrap();
    assert!((480..500).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(decisions(&lines), ["invoked", "unstable", "unstable", "unstable", "failed-back"]);
}

#[tokio::test(start_paused = true)]
async fn what_never_settles_is_left_to_the_retry() {
    let zone = failed_over().await;
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| false);
    let begun = Instant::now();
    let error = guard.handle(alarm("arn:recovery", "OK")).await.unwrap_err();
    assert!(matches!(error, Error::Unstable(_)));
    assert!((850..880).contains(&begun.elapsed().as_secs()), "within its time: {:?}", begun.elapsed());
    assert_eq!(decisions(&lines), ["invoked", "failed"]);
    assert_eq!(zone.targets().0, EU);
}

#[tokio::test(start_paused = true)]
async fn what_asks_for_nothing_is_ignored() {
    let zone = Zone::steady();
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    for (arn, state) in
        [("arn:failover", "OK"), ("arn:recovery", "ALARM"), ("arn:failover", "INSUFFICIENT_DATA"), ("arn:x", "ALARM")]
    {
        guard.handle(alarm(arn, state)).await.unwrap();
    }
    guard.handle(alarm("arn:recovery", "OK")).await.unwrap();
    assert_eq!(decisions(&lines).iter().filter(|decision| *decision == "ignored").count(), 5);
    assert!(zone.changes.lock().unwrap().is_empty());
}

/// The Region's record as a weighted one.
fn weighted(region: &str, to: &str, weight: i64) -> ResourceRecordSet {
    let mut set = record(region, to);
    (set.region, set.weight) = (None, Some(weight));
    set
}

#[tokio::test(start_paused = true)]
async fn a_weighted_record_keeps_its_weight_there_and_back() {
    let zone = Zone::steady();
    *zone.us.lock().unwrap() = weighted("us-east-1", US, 100);
    *zone.eu.lock().unwrap() = weighted("eu-west-1", EU, 0);
    let (guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    guard.handle(alarm("arn:failover", "ALARM")).await.unwrap();
    assert_eq!(*zone.us.lock().unwrap(), weighted("us-east-1", EU, 100));
    // Shifted by a canary while the Region is away.
    *zone.us.lock().unwrap() = weighted("us-east-1", EU, 95);
    guard.handle(alarm("arn:recovery", "OK")).await.unwrap();
    assert_eq!(*zone.us.lock().unwrap(), weighted("us-east-1", US, 95));
    let lines = lines.lock().unwrap();
    let seen = |line: &Value| json!([line["before"], line["after"], line["other"], line["weight"]]);
    assert_eq!((seen(&lines[1]), seen(&lines[3])), (json!([US, EU, EU, 100]), json!([EU, US, EU, 95])));
}

/// A zone in which somebody shifts the guarded record's weight while the first change is under way.
struct Shifted(Seen, Mutex<Option<i64>>);

impl Dns for Shifted {
    fn records(&self) -> Pending<'_, Result<Records, DnsError>> {
        self.0.records()
    }

    fn change(&self, plan: Plan) -> Pending<'_, Result<Change, DnsError>> {
        if let Some(weight) = self.1.lock().unwrap().take() {
            self.0.zone.of(self.0.guarded).lock().unwrap().weight = Some(weight);
        }
        self.0.change(plan)
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_that_is_shifted_meanwhile_is_not_set_back() {
    let zone = Zone::steady();
    *zone.us.lock().unwrap() = weighted("us-east-1", US, 100);
    *zone.eu.lock().unwrap() = weighted("eu-west-1", EU, 0);
    let (mut guard, lines) = guard(&zone, "us-east-1", |_, _| true);
    let seen = Seen { zone: zone.clone(), guarded: "us-east-1", other: "eu-west-1" };
    guard.dns = Arc::new(Shifted(seen, Mutex::new(Some(50))));
    guard.handle(alarm("arn:failover", "ALARM")).await.unwrap();
    assert_eq!(*zone.us.lock().unwrap(), weighted("us-east-1", EU, 50));
    assert_eq!(lines.lock().unwrap()[1]["weight"], 50, "the line tells what the accepted change started from");
}
