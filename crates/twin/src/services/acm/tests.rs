use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::Config;
use crate::clock::Clock;
use crate::formation::ResourceContext;
use crate::gateway;
use crate::seed::Seed;
use crate::world::network::Origin;

const EU: Region = Region::EU_WEST_1;

fn cloud() -> Arc<Cloud> {
    Cloud::start(Config {
        seed: Seed(443),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "000000000000".to_owned(),
        regions: vec![Region::US_EAST_1, EU],
        code: BTreeMap::new(),
    })
}

async fn call(cloud: &Arc<Cloud>, operation: &str, body: Value) -> (u16, Value) {
    let credential = "AWS4-HMAC-SHA256 Credential=AKIABLACKSTARTTWIN00/20260105/eu-west-1/acm/aws4_request, x";
    let request = http::Request::post("https://acm.eu-west-1.amazonaws.com/")
        .header("authorization", credential)
        .header("x-amz-target", format!("CertificateManager.{operation}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = gateway::handle(cloud, Origin::Operator, request).await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

fn context(cloud: &Arc<Cloud>) -> ResourceContext {
    ResourceContext {
        cloud: cloud.clone(),
        region: EU,
        stack_name: "region".to_owned(),
        stack_id: String::new(),
        logical_id: "Certificate".to_owned(),
        stack_tags: Vec::new(),
    }
}

fn properties(zone: Option<&str>) -> Value {
    let option = match zone {
        Some(zone) => json!([{ "DomainName": "api.example.com", "HostedZoneId": zone }]),
        None => json!([]),
    };
    json!({ "DomainName": "api.example.com", "ValidationMethod": "DNS", "DomainValidationOptions": option })
}

#[tokio::test(start_paused = true)]
async fn a_certificate_waits_for_its_records_in_dns() {
    let cloud = cloud();
    let asked = json!({ "DomainName": "api.example.com", "ValidationMethod": "DNS" });
    let (status, made) = call(&cloud, "RequestCertificate", asked).await;
    assert_eq!(status, 200, "{made}");
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    let (_, described) = call(&cloud, "DescribeCertificate", made.clone()).await;
    let certificate = &described["Certificate"];
    assert_eq!(certificate["Status"], "PENDING_VALIDATION");
    let record = &certificate["DomainValidationOptions"][0]["ResourceRecord"];
    let draft = super::super::route53::Draft {
        name: record["Name"].as_str().unwrap().to_owned(),
        kind: "CNAME".to_owned(),
        ttl: Some(300),
        values: vec![record["Value"].as_str().unwrap().to_owned()],
        ..Default::default()
    };
    let (zone, ..) = cloud.route53.create_zone(&cloud, "example.com", "1", "").unwrap();
    let change = draft.check(super::super::route53::Action::Create).unwrap();
    cloud.route53.change_records(&cloud, &zone, vec![change], None).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let arn = made["CertificateArn"].as_str().unwrap();
    assert_eq!(cloud.acm.certificate(EU, arn).unwrap().status, Status::Pending);
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(cloud.acm.certificate(EU, arn).unwrap().status, Status::Issued);
    assert!(cloud.acm.certificate(Region::US_EAST_1, arn).is_none(), "a certificate is its Region's own");
    let (_, listed) = call(&cloud, "ListCertificates", json!({ "CertificateStatuses": ["ISSUED"] })).await;
    assert_eq!(listed["CertificateSummaryList"].as_array().unwrap().len(), 1);
    assert_eq!(call(&cloud, "DeleteCertificate", made.clone()).await.0, 200);
    let (status, gone) = call(&cloud, "DescribeCertificate", made).await;
    assert_eq!((status, gone["__type"].as_str()), (400, Some("ResourceNotFoundException")));
    assert_eq!(call(&cloud, "ExportCertificate", json!({})).await.0, 501);
}

#[tokio::test(start_paused = true)]
async fn a_templates_certificate_proves_itself_in_the_zone_it_names() {
    let cloud = cloud();
    let cx = context(&cloud);
    let handler = &resources()[0];
    let (zone, ..) = cloud.route53.create_zone(&cloud, "example.com", "1", "").unwrap();
    let begun = tokio::time::Instant::now();
    let made = handler.create(&cx, &properties(Some(&zone))).await.unwrap();
    let took = begun.elapsed();
    assert!((Duration::from_secs(60)..Duration::from_secs(900)).contains(&took), "{took:?}");
    let certificate = cloud.acm.certificate(EU, &made.physical_id).unwrap();
    assert!(certificate.status == Status::Issued && certificate.covers("API.example.com"));
    assert!(!certificate.covers("example.com"));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_cannot_be_proved_fails_with_the_reason() {
    let cloud = cloud();
    let cx = context(&cloud);
    let handler = &resources()[0];
    let missing = handler.create(&cx, &properties(Some("ZNOWHERE"))).await.unwrap_err();
    assert!(missing.0.contains("No hosted zone found with ID: ZNOWHERE"), "{missing}");
    let (zone, ..) = cloud.route53.create_zone(&cloud, "other.org", "1", "").unwrap();
    let outside = handler.create(&cx, &properties(Some(&zone))).await.unwrap_err();
    assert!(outside.0.contains("is not permitted in zone other.org."), "{outside}");
    let begun = tokio::time::Instant::now();
    let late = handler.create(&cx, &properties(None)).await.unwrap_err();
    assert!(late.0.contains("was not validated within 72 hours"), "{late}");
    assert!(begun.elapsed() >= Duration::from_secs(72 * 3_600));
    assert!(cloud.acm.lock().values().all(BTreeMap::is_empty), "nothing is left behind");
}

#[test]
fn a_wildcard_covers_one_label_and_shares_its_record() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cloud = cloud();
        let names = ["example.com", "*.example.com", "b.example.com"].map(str::to_owned).to_vec();
        let made = Certificate::new(&cloud, EU, names);
        assert!(made.covers("a.example.com") && made.covers("example.com") && !made.covers("a.a.example.com"));
        assert_eq!(made.names[0].record_name, made.names[1].record_name);
        assert_ne!(made.names[0].record_name, made.names[2].record_name);
    });
}
