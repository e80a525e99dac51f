use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Cloud;
use crate::formation::{Created, ResourceContext, ResourceError};
use crate::region::Region;
use crate::services::lambda::testing::{ACCOUNT, cloud, function};
use crate::wire::Response;
use crate::world::faults::{Effect, Fault};

const US: Region = Region::US_EAST_1;

async fn create(cloud: &Arc<Cloud>, kind: &str, properties: Value) -> Result<Created, ResourceError> {
    let cx = ResourceContext {
        cloud: cloud.clone(),
        region: US,
        stack_name: "s".to_owned(),
        stack_id: String::new(),
        logical_id: "L".to_owned(),
        stack_tags: Vec::new(),
    };
    let handler = crate::services::resources().into_iter().find(|handler| handler.spec().name == kind).unwrap();
    handler.create(&cx, &properties).await
}

fn integration(function: &str) -> Value {
    let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}");
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations");
    json!({"type": "aws_proxy", "httpMethod": "POST", "uri": uri})
}

fn document() -> Value {
    json!({
        "openapi": "3.0.1",
        "info": {"title": "orders", "version": "1"},
        "paths": {"/orders/{id}": {"get": {"x-amazon-apigateway-integration": integration("f")}}},
    })
}

/// A deployed API with a function behind it; gives its host name.
async fn deployed(cloud: &Arc<Cloud>) -> (String, String) {
    function(cloud, "f", "probe", json!({"Timeout": 60}));
    let api = create(cloud, "AWS::ApiGateway::RestApi", json!({"Body": document()})).await.unwrap().physical_id;
    let deployment = create(cloud, "AWS::ApiGateway::Deployment", json!({"RestApiId": api})).await.unwrap();
    let stage = json!({"RestApiId": api, "StageName": "prod", "DeploymentId": deployment.physical_id});
    create(cloud, "AWS::ApiGateway::Stage", stage).await.unwrap();
    (api.clone(), format!("{api}.execute-api.us-east-1.amazonaws.com"))
}

async fn permitted(cloud: &Arc<Cloud>, api: &str) {
    let permission = json!({
        "FunctionName": "f", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
        "SourceArn": format!("arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/*/GET/orders/*"),
    });
    create(cloud, "AWS::Lambda::Permission", permission).await.unwrap();
}

async fn get(cloud: &Arc<Cloud>, host: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = http::Request::builder().uri(format!("https://{host}{path}")).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    cloud.apigateway.serve(cloud, US, request.body(Bytes::new()).unwrap()).await
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_reaches_the_function_without_its_stage() {
    let (cloud, _) = cloud();
    let (api, host) = deployed(&cloud).await;
    permitted(&cloud, &api).await;
    let answer = get(&cloud, &host, "/prod/orders/7?a=b", &[]).await;
    let seen = body(&answer);
    assert_eq!((answer.status().as_u16(), &seen["path"], &seen["query"]), (200, &json!("/orders/7"), &json!("a=b")));
    assert_eq!(seen["host"], json!(host));
    assert_eq!(cloud.apigateway.region_of_host(&host), Some(US));
    assert_eq!(cloud.apigateway.region_of_host("nobody.execute-api.us-east-1.amazonaws.com"), None);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_403() {
    let (cloud, _) = cloud();
    let (api, host) = deployed(&cloud).await;
    permitted(&cloud, &api).await;
    let message = |answer: Response| (answer.status().as_u16(), body(&answer)["message"].clone());
    assert_eq!(message(get(&cloud, &host, "/prod/nothing", &[]).await), (403, json!("Missing Authentication Token")));
    assert_eq!(message(get(&cloud, &host, "/other/orders/7", &[]).await), (403, json!("Forbidden")));
    let nobody = "nobody.execute-api.us-east-1.amazonaws.com";
    assert_eq!(message(get(&cloud, nobody, "/prod/orders/7", &[]).await), (403, json!("Forbidden")));
    assert_eq!(message(get(&cloud, "api.example.com", "/orders/7", &[]).await), (403, json!("Forbidden")));
}

#[tokio::test(start_paused = true)]
async fn failures_have_the_status_aws_gives_them() {
    let (cloud, _) = cloud();
    let (api, host) = deployed(&cloud).await;
    let status = async |headers: &[(&str, &str)]| get(&cloud, &host, "/prod/orders/7", headers).await.status().as_u16();
    assert_eq!(status(&[]).await, 500, "no permission");
    permitted(&cloud, &api).await;
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&[("x-answer", "malformed")]).await, 502);
    assert_eq!(status(&[("x-answer", "error")]).await, 502);
    let begun = tokio::time::Instant::now();
    assert_eq!(status(&[("x-sleep", "40")]).await, 504);
    assert!((29.0..29.5).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
    cloud.lambda.reserve(&cloud, US, "f", Some(0)).unwrap();
    assert_eq!(status(&[]).await, 500, "throttled");
    cloud.lambda.reserve(&cloud, US, "f", None).unwrap();
    let fault = cloud.faults.inject(Fault::Application { region: US, effect: Effect::Error });
    let begun = tokio::time::Instant::now();
    assert_eq!(status(&[]).await, 500);
    assert!(begun.elapsed() < Duration::from_secs(1));
    cloud.faults.heal(fault);
    let fault = cloud.faults.inject(Fault::Application { region: US, effect: Effect::Hang });
    assert_eq!(status(&[]).await, 504);
    cloud.faults.heal(fault);
    assert_eq!(status(&[]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_custom_domain_leads_to_a_stage() {
    let (cloud, _) = cloud();
    let (api, _) = deployed(&cloud).await;
    permitted(&cloud, &api).await;
    let zone = create(&cloud, "AWS::Route53::HostedZone", json!({"Name": "example.com"})).await.unwrap().physical_id;
    let certificate = |name: &'static str| {
        let options = json!([{"DomainName": name, "HostedZoneId": zone}]);
        let wanted = json!({"DomainName": name, "ValidationMethod": "DNS", "DomainValidationOptions": options});
        let cloud = cloud.clone();
        async move { create(&cloud, "AWS::CertificateManager::Certificate", wanted).await.unwrap().physical_id }
    };
    let domain = json!({
        "DomainName": "api.example.com",
        "RegionalCertificateArn": certificate("api.example.com").await,
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
    });
    let mut elsewhere = domain.clone();
    elsewhere["RegionalCertificateArn"] = json!(format!("arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/1"));
    assert!(create(&cloud, "AWS::ApiGateway::DomainName", elsewhere).await.unwrap_err().0.contains("us-east-1"));
    let mut other = domain.clone();
    other["RegionalCertificateArn"] = json!(certificate("www.example.com").await);
    let refused = create(&cloud, "AWS::ApiGateway::DomainName", other).await.unwrap_err().0;
    assert!(refused.contains("it is for other names"), "{refused}");
    let created = create(&cloud, "AWS::ApiGateway::DomainName", domain).await.unwrap();
    assert_eq!(created.attributes["RegionalHostedZoneId"], "Z1UJRXOUMOOFQ8");
    let target = created.attributes["RegionalDomainName"].as_str().unwrap();
    assert_eq!(cloud.apigateway.region_of_host(target), Some(US));
    assert_eq!(get(&cloud, "api.example.com", "/orders/7", &[]).await.status().as_u16(), 403, "no mapping yet");
    let mapping = json!({"DomainName": "api.example.com", "RestApiId": api, "Stage": "prod"});
    create(&cloud, "AWS::ApiGateway::BasePathMapping", mapping).await.unwrap();
    let answer = get(&cloud, "api.example.com", "/orders/7", &[]).await;
    assert_eq!((answer.status().as_u16(), &body(&answer)["path"]), (200, &json!("/orders/7")));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_a_snapshot() {
    let (cloud, _) = cloud();
    let (api, host) = deployed(&cloud).await;
    let root = cloud.apigateway.with(US, &api, |api| Ok(api.root_id.clone())).unwrap();
    let resource = json!({"RestApiId": api, "ParentId": root, "PathPart": "ping"});
    let resource = create(&cloud, "AWS::ApiGateway::Resource", resource).await.unwrap().physical_id;
    let method = json!({
        "RestApiId": api, "ResourceId": resource, "HttpMethod": "ANY", "AuthorizationType": "NONE",
        "Integration": {"Type": "MOCK", "IntegrationResponses": [{"StatusCode": "200"}]},
    });
    create(&cloud, "AWS::ApiGateway::Method", method).await.unwrap();
    assert_eq!(get(&cloud, &host, "/prod/ping", &[]).await.status().as_u16(), 403);
    let again = json!({"RestApiId": api, "StageName": "prod"});
    create(&cloud, "AWS::ApiGateway::Deployment", again).await.unwrap();
    assert_eq!(get(&cloud, &host, "/prod/ping", &[]).await.status().as_u16(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_canary_gets_its_share_and_a_throttle_refuses_the_rest() {
    let (cloud, _) = cloud();
    let (api, host) = deployed(&cloud).await;
    permitted(&cloud, &api).await;
    let mut changed = document();
    changed["paths"] = json!({"/none": {"get": {"x-amazon-apigateway-integration": integration("f")}}});
    let body = super::openapi::read(&changed).unwrap();
    let import = |api: &mut super::rest_api::RestApi| {
        api.import(&cloud.ids, body.paths);
        Ok(())
    };
    cloud.apigateway.with(US, &api, import).unwrap();
    let canary = create(&cloud, "AWS::ApiGateway::Deployment", json!({"RestApiId": api})).await.unwrap().physical_id;
    let main = cloud.apigateway.with(US, &api, |api| Ok(api.stages["prod"].settings.deployment_id.clone())).unwrap();
    cloud.apigateway.with(US, &api, |api| Ok(api.stages.remove("prod").is_some())).unwrap();
    let stage = json!({
        "RestApiId": api, "StageName": "prod", "DeploymentId": main,
        "CanarySetting": {"DeploymentId": canary, "PercentTraffic": 20},
        "MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 300}],
    });
    create(&cloud, "AWS::ApiGateway::Stage", stage).await.unwrap();
    let requests = (0..400).map(|_| get(&cloud, &host, "/prod/orders/7", &[]));
    let answers = futures_util::future::join_all(requests).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status().as_u16() == status).count();
    assert!((95..=100).contains(&count(429)), "{}", count(429));
    assert!(
        (40..=80).contains(&count(403)),
        "a fifth of 300 went to the canary, which has no such path: {}",
        count(403)
    );
    assert_eq!(count(200) + count(403) + count(429), 400);
}

/// A degradation of us-east-1.
fn degraded(errors: f64, crashes: f64, delay: Duration) -> Fault {
    Fault::Degraded { region: Some(US), release: None, only: None, except: None, errors, crashes, delay }
}

#[tokio::test(start_paused = true)]
async fn a_degraded_application_fails_by_itself_or_dies() {
    let (cloud, probe) = cloud();
    let (api, host) = deployed(&cloud).await;
    permitted(&cloud, &api).await;
    cloud.faults.inject(degraded(0.2, 0.1, Duration::ZERO));
    let (mut failed, mut died) = (0, 0);
    for _ in 0..1_000 {
        let answer = get(&cloud, &host, "/prod/orders/7", &[]).await;
        match answer.status().as_u16() {
            500 => failed += i32::from(answer.headers().contains_key("x-release")),
            502 => died += i32::from(!answer.headers().contains_key("x-release")),
            status => assert_eq!(status, 200),
        }
    }
    // Four standard deviations: 0.2 of those that did not die, and 0.1 of all.
    assert!((131..=229).contains(&failed) && (62..=138).contains(&died), "{failed} failed, {died} died");
    let calls = probe.calls.load(std::sync::atomic::Ordering::Relaxed);
    let starts = probe.starts.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(calls, 1_000, "the function runs all the same");
    assert!((died..=died + 1).contains(&i32::try_from(starts).unwrap()), "each death costs an environment: {starts}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_application_is_late_by_the_mean_and_times_out() {
    let (cloud, _) = cloud();
    let (api, host) = deployed(&cloud).await;
    permitted(&cloud, &api).await;
    get(&cloud, &host, "/prod/orders/7", &[]).await;
    let took = async || {
        let begun = tokio::time::Instant::now();
        let status = get(&cloud, &host, "/prod/orders/7", &[]).await.status().as_u16();
        (status, begun.elapsed())
    };
    let usual = took().await.1;
    let slow = cloud.faults.inject(degraded(0.0, 0.0, Duration::from_millis(300)));
    let mut sum = Duration::ZERO;
    for _ in 0..400 {
        sum += took().await.1.saturating_sub(usual);
    }
    let mean = sum.as_secs_f64() / 400.0;
    // Four standard errors of an exponential mean, and the spread of what it takes anyway.
    assert!((0.235..0.365).contains(&mean), "{mean} s later in the mean");
    cloud.faults.heal(slow);
    // The function's own timeout of a minute, and API Gateway's of 29 s before it.
    cloud.faults.inject(degraded(0.0, 0.0, Duration::from_secs(100_000)));
    let (status, waited) = took().await;
    assert!(status == 504 && (29.0..29.5).contains(&waited.as_secs_f64()), "{status} after {waited:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let running = cloud.lambda.with(&cloud, US, "f", |function| Ok(function.running)).unwrap();
    assert_eq!(running, 0, "a late answer counts into the function's own timeout");
}

#[tokio::test(start_paused = true)]
async fn stage_variables_of_a_canary_choose_another_alias() {
    let (cloud, _) = cloud();
    function(&cloud, "f", "probe", json!({"Environment": {"Variables": {"VERSION": "1.0.0"}}}));
    let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:f:${{stageVariables.alias}}");
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations");
    let integration = json!({"type": "aws_proxy", "httpMethod": "POST", "uri": uri});
    let paths = json!({"/orders": {"get": {"x-amazon-apigateway-integration": integration}}});
    let body = json!({"openapi": "3.0.1", "info": {"title": "o", "version": "1"}, "paths": paths});
    let api = create(&cloud, "AWS::ApiGateway::RestApi", json!({"Body": body})).await.unwrap().physical_id;
    let host = format!("{api}.execute-api.us-east-1.amazonaws.com");
    let deployment = create(&cloud, "AWS::ApiGateway::Deployment", json!({"RestApiId": api})).await.unwrap();
    let setting = json!({"PercentTraffic": 30, "StageVariableOverrides": {"alias": "canary"}});
    let stage = json!({"RestApiId": api, "StageName": "prod", "DeploymentId": deployment.physical_id,
        "Variables": {"alias": "live"}, "CanarySetting": setting});
    create(&cloud, "AWS::ApiGateway::Stage", stage).await.unwrap();
    let source = format!("arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/*");
    let alias = async |name: &str, settings: Value| {
        cloud
            .lambda
            .change(&cloud, US, "f", |now| Ok((now.settings.clone().merge(&settings)?, now.package.clone())))
            .unwrap();
        let version = create(&cloud, "AWS::Lambda::Version", json!({"FunctionName": "f"})).await.unwrap();
        let version = version.attributes["Version"].clone();
        let wanted = json!({"FunctionName": "f", "Name": name, "FunctionVersion": version});
        create(&cloud, "AWS::Lambda::Alias", wanted).await.unwrap();
    };
    let permit = async |name: &str| {
        let permission = json!({"FunctionName": format!("f:{name}"), "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com", "SourceArn": source});
        create(&cloud, "AWS::Lambda::Permission", permission).await.unwrap();
    };
    alias("live", json!({})).await;
    alias("canary", json!({"Environment": {"Variables": {"VERSION": "2.0.0"}}})).await;
    permit("live").await;
    let releases = async || {
        let (mut old, mut new, mut denied) = (0, 0, 0);
        for _ in 0..600 {
            let answer = get(&cloud, &host, "/prod/orders", &[]).await;
            match answer.headers().get("x-release").map(|release| release.as_bytes()) {
                Some(b"1.0.0") => old += 1,
                Some(b"2.0.0") => new += 1,
                _ => denied += i32::from(answer.status().as_u16() == 500),
            }
        }
        (old, new, denied)
    };
    let (old, new, denied) = releases().await;
    assert!(new == 0 && old + denied == 600 && (136..=224).contains(&denied), "a policy is for one alias: {denied}");
    permit("canary").await;
    let (old, new, denied) = releases().await;
    assert!(denied == 0 && old + new == 600 && (136..=224).contains(&new), "{new} of 600");
    let release = Some("2.0.0".to_owned());
    let (errors, crashes, delay) = (1.0, 0.0, Duration::ZERO);
    cloud.faults.inject(Fault::Degraded { region: None, release, only: None, except: None, errors, crashes, delay });
    for _ in 0..50 {
        let answer = get(&cloud, &host, "/prod/orders", &[]).await;
        let is_new = answer.headers()["x-release"] == "2.0.0";
        assert_eq!(answer.status().as_u16(), if is_new { 500 } else { 200 }, "only the bad version fails");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_is_refused_when_it_is_made() {
    let (cloud, _) = cloud();
    let refused = async |kind: &str, properties: Value| create(&cloud, kind, properties).await.unwrap_err().0;
    let private = json!({"Name": "x", "EndpointConfiguration": {"Types": ["PRIVATE"]}});
    assert!(refused("AWS::ApiGateway::RestApi", private).await.contains("private"));
    assert!(refused("AWS::ApiGateway::RestApi", json!({"Name": "x", "Policy": {"a": 1}})).await.contains("Policy"));
    let empty = create(&cloud, "AWS::ApiGateway::RestApi", json!({"Name": "x"})).await.unwrap().physical_id;
    assert!(refused("AWS::ApiGateway::Deployment", json!({"RestApiId": empty})).await.contains("any methods"));
    let method = json!({"RestApiId": empty, "ResourceId": "r", "HttpMethod": "GET", "AuthorizationType": "AWS_IAM"});
    assert!(refused("AWS::ApiGateway::Method", method).await.contains("AWS_IAM"));
}
