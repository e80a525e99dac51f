use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::FunctionError;
use super::code::{Event, Reply};
use super::control::AliasChange;
use super::policy::Statement;
use super::testing::{Probe, cloud, function};
use crate::Cloud;
use crate::gateway::{Principal, handle};
use crate::region::Region;
use crate::wire::AwsError;
use crate::world::faults::{Effect, Fault};
use crate::world::network::Origin;

const US: Region = Region::US_EAST_1;

fn probe_cloud(given: Value) -> (Arc<Cloud>, Arc<Probe>) {
    let (cloud, probe) = cloud();
    function(&cloud, "f", "probe", given);
    (cloud, probe)
}

async fn call(cloud: &Arc<Cloud>, function: &str, event: Value) -> Result<Result<Value, FunctionError>, AwsError> {
    let answer = cloud.lambda.invoke(cloud, US, function, &Principal::Account, Event::Json(event)).await?;
    Ok(answer.map(|reply| match reply {
        Reply::Json(value) => value,
        Reply::Http(_) => Value::Null,
    }))
}

#[tokio::test(start_paused = true)]
async fn the_first_invocation_is_cold_and_the_next_is_warm() {
    let (cloud, probe) = probe_cloud(json!({}));
    let times = |from: tokio::time::Instant| from.elapsed();
    let begun = tokio::time::Instant::now();
    assert_eq!(call(&cloud, "f", json!({})).await.unwrap().unwrap()["environment"], 1);
    let cold = times(begun);
    let begun = tokio::time::Instant::now();
    assert_eq!(call(&cloud, "f", json!({})).await.unwrap().unwrap()["environment"], 1);
    let warm = times(begun);
    assert!(cold >= Duration::from_millis(50) && cold < Duration::from_secs(1), "{cold:?}");
    assert!(warm >= Duration::from_micros(500) && warm < Duration::from_millis(20), "{warm:?}");
    tokio::time::sleep(Duration::from_secs(299)).await;
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    assert_eq!(probe.starts.load(Ordering::Relaxed), 1, "an environment lives for five minutes at least");
    tokio::time::sleep(Duration::from_secs(421)).await;
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    assert_eq!(probe.starts.load(Ordering::Relaxed), 2, "and not for seven minutes and more");
}

#[tokio::test(start_paused = true)]
async fn an_environment_serves_one_invocation_at_a_time() {
    let (cloud, probe) = probe_cloud(json!({}));
    let (a, b) = tokio::join!(call(&cloud, "f", json!({"sleep": 1})), call(&cloud, "f", json!({"sleep": 1})));
    assert_ne!(a.unwrap().unwrap()["environment"], b.unwrap().unwrap()["environment"]);
    assert_eq!(probe.starts.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_environment() {
    let (cloud, probe) = probe_cloud(json!({"Timeout": 2}));
    let begun = tokio::time::Instant::now();
    let error = call(&cloud, "f", json!({"sleep": 5})).await.unwrap().unwrap_err();
    assert!(error.message.ends_with("Task timed out after 2.00 seconds"), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(2));
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    assert_eq!(probe.starts.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_function_error_and_ends_the_environment() {
    let (cloud, probe) = probe_cloud(json!({}));
    assert_eq!(call(&cloud, "f", json!({"panic": 1})).await.unwrap().unwrap_err().kind, "Runtime.ExitError");
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    assert_eq!(probe.starts.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_package_of_an_unknown_crate_names_it_and_the_linked_ones() {
    let (cloud, _) = cloud();
    function(&cloud, "g", "order", json!({}));
    let error = call(&cloud, "g", json!({})).await.unwrap().unwrap_err();
    assert_eq!(error.kind, "Runtime.InvalidEntrypoint");
    assert!(error.message.contains("\"order\"") && error.message.contains("probe"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_limited_and_given_back() {
    let (cloud, _) = probe_cloud(json!({}));
    cloud.lambda.reserve(&cloud, US, "f", Some(1)).unwrap();
    let (a, b) = tokio::join!(call(&cloud, "f", json!({"sleep": 1})), call(&cloud, "f", json!({})));
    assert!(a.unwrap().is_ok());
    let refused = b.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (429, "TooManyRequestsException"));
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    cloud.lambda.reserve(&cloud, US, "f", Some(0)).unwrap();
    assert_eq!(call(&cloud, "f", json!({})).await.unwrap_err().status, 429);
    assert!(cloud.lambda.reserve(&cloud, US, "f", Some(901)).is_err(), "100 stay unreserved");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_outlives_its_caller() {
    let (cloud, probe) = probe_cloud(json!({"Timeout": 60}));
    let waited = tokio::time::timeout(Duration::from_secs(1), call(&cloud, "f", json!({"sleep": 10}))).await;
    assert!(waited.is_err());
    let running = |cloud: &Cloud| cloud.lambda.with(cloud, US, "f", |f| Ok(f.running)).unwrap();
    assert_eq!(running(&cloud), 1);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(running(&cloud), 0);
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    assert_eq!(probe.starts.load(Ordering::Relaxed), 1, "its environment went back to the pool");
}

#[tokio::test(start_paused = true)]
async fn faults_bite_while_they_last() {
    let (cloud, probe) = probe_cloud(json!({}));
    let id = cloud.faults.inject(Fault::Application { region: US, effect: Effect::Error });
    assert_eq!(call(&cloud, "f", json!({})).await.unwrap_err().code, "ServiceException");
    cloud.faults.heal(id);
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
    let id = cloud.faults.inject(Fault::Application { region: US, effect: Effect::Hang });
    assert!(tokio::time::timeout(Duration::from_secs(3_600), call(&cloud, "f", json!({}))).await.is_err());
    assert_eq!(probe.calls.load(Ordering::Relaxed), 1);
    cloud.faults.heal(id);
    call(&cloud, "f", json!({})).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_needs_a_permission() {
    let (cloud, _) = probe_cloud(json!({}));
    let sns = Principal::Service("sns.amazonaws.com".to_owned());
    let topic = format!("arn:aws:sns:us-east-1:{}:alarms", super::testing::ACCOUNT);
    let ask = |source: &str| cloud.lambda.invoke_async_for(&cloud, US, "f", &sns, Some(source), json!({}));
    assert_eq!(ask(&topic).unwrap_err().code, "AccessDeniedException");
    let statement = Statement {
        sid: "sns".to_owned(),
        principal: "sns.amazonaws.com".to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        source_arn: Some(topic.clone()),
        source_account: None,
        qualifier: None,
    };
    cloud.lambda.add_permission(&cloud, US, "f", statement.clone()).unwrap();
    assert_eq!(cloud.lambda.add_permission(&cloud, US, "f", statement).unwrap_err().status, 409);
    ask(&topic).unwrap();
    assert!(ask("arn:aws:sns:us-east-1:1:other").is_err());
    cloud.lambda.remove_permission(&cloud, US, "f", "sns").unwrap();
    assert!(ask(&topic).is_err());
}

#[tokio::test(start_paused = true)]
async fn events_are_retried_twice_at_the_documented_times() {
    let (cloud, probe) = probe_cloud(json!({}));
    cloud.lambda.invoke_async(&cloud, US, "f", &Principal::Account, json!({"fail": "always"})).unwrap();
    let mut seen = Vec::new();
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seen.push(probe.calls.load(Ordering::Relaxed));
    }
    let first = |count: u32| seen.iter().position(|calls| *calls == count).unwrap();
    assert_eq!(first(1), 0);
    assert!((59..=61).contains(&first(2)), "{}", first(2));
    assert!((179..=182).contains(&first(3)), "{}", first(3));
    assert_eq!(seen.last(), Some(&3), "two retries and no more");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_event_waits_for_its_turn() {
    let (cloud, probe) = probe_cloud(json!({}));
    cloud.lambda.reserve(&cloud, US, "f", Some(0)).unwrap();
    cloud.lambda.invoke_async(&cloud, US, "f", &Principal::Account, json!({})).unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(probe.calls.load(Ordering::Relaxed), 0);
    cloud.lambda.reserve(&cloud, US, "f", None).unwrap();
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(probe.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn versions_are_frozen_and_aliases_split_traffic() {
    let (cloud, _) = probe_cloud(json!({"Environment": {"Variables": {"A": "1"}}}));
    let publish = || cloud.lambda.publish(&cloud, US, "f", None, None).unwrap()["Version"].clone();
    assert_eq!(publish(), "1");
    assert_eq!(publish(), "1", "nothing has changed");
    let change = |now: &super::function::Version| {
        let changed = now.settings.clone().merge(&json!({"Environment": {"Variables": {"A": "2"}}}))?;
        Ok((changed, now.package.clone()))
    };
    cloud.lambda.change(&cloud, US, "f", change).unwrap();
    assert_eq!(publish(), "2");
    let variable = |answer: Value| answer["variables"]["A"].clone();
    assert_eq!(variable(call(&cloud, "f:1", json!({})).await.unwrap().unwrap()), "1");
    assert_eq!(variable(call(&cloud, "f", json!({})).await.unwrap().unwrap()), "2");
    let routing = [("2".to_owned(), 0.25)];
    let alias = AliasChange { version: Some("1"), description: None, routing: Some(&routing), revision: None };
    cloud.lambda.put_alias(&cloud, US, "f", "live", &alias, true).unwrap();
    let mut canary = 0;
    for _ in 0..400 {
        let answer = call(&cloud, "f:live", json!({})).await.unwrap().unwrap();
        canary += u32::from(answer["version"] == "2");
    }
    assert!((70..=130).contains(&canary), "{canary} of 400");
    assert_eq!(cloud.lambda.remove(US, "f", Some("2")).unwrap_err().code, "ResourceConflictException");
}

#[tokio::test(start_paused = true)]
async fn an_alias_with_weights_counts_each_version_apart() {
    use aws_sdk_cloudwatch::types::{Dimension, Statistic};
    let (cloud, _) = probe_cloud(json!({}));
    let publish = |description: &str| {
        let change = |now: &super::function::Version| {
            Ok((now.settings.clone().merge(&json!({"Description": description}))?, now.package.clone()))
        };
        cloud.lambda.change(&cloud, US, "f", change).unwrap();
        cloud.lambda.publish(&cloud, US, "f", None, None).unwrap();
    };
    publish("one");
    publish("two");
    let routing = [("2".to_owned(), 0.25)];
    let alias = AliasChange { version: Some("1"), routing: Some(&routing), ..AliasChange::default() };
    cloud.lambda.put_alias(&cloud, US, "f", "live", &alias, true).unwrap();
    let from = cloud.clock.now();
    let (mut canary, mut failed) = (0, 0);
    for number in 0..200 {
        let event = if number % 2 == 0 { json!({"sleep": 1}) } else { json!({"fail": "told"}) };
        match call(&cloud, "f:live", event).await.unwrap() {
            Ok(answer) => canary += u32::from(answer["version"] == "2"),
            Err(_) => failed += 1,
        }
    }
    tokio::time::sleep(Duration::from_secs(180)).await;
    let credentials = crate::gateway::Credentials::account();
    let config = crate::gateway::sdk_config(&cloud, Origin::Operator, US, &credentials);
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    let sum = async |metric: &str, dimensions: &[(&str, &str)]| {
        let moment = |at: crate::clock::Timestamp| aws_smithy_types::DateTime::from_millis(at.millis());
        let dimension = |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
        let ask = cloudwatch.get_metric_statistics().namespace("AWS/Lambda").metric_name(metric);
        let ask = ask.set_dimensions(Some(dimensions.iter().map(dimension).collect())).statistics(Statistic::Sum);
        let ask = ask.period(60).start_time(moment(from)).end_time(moment(cloud.clock.now()));
        let answer = ask.send().await.unwrap();
        answer.datapoints().iter().filter_map(|point| point.sum()).sum::<f64>()
    };
    let (function, resource) = (("FunctionName", "f"), ("Resource", "f:live"));
    let executed = |version| [("ExecutedVersion", version), function, resource];
    assert_eq!(sum("Invocations", &[function]).await, 200.0);
    assert_eq!(sum("Invocations", &[function, resource]).await, 200.0);
    let (one, two) = (executed("1"), executed("2"));
    let good = sum("Invocations", &two).await - sum("Errors", &two).await;
    assert_eq!(good, f64::from(canary));
    assert_eq!(sum("Errors", &one).await + sum("Errors", &two).await, f64::from(failed));
    assert_eq!(sum("Invocations", &one).await + sum("Invocations", &two).await, 200.0);
    assert_eq!(failed, 100);
    assert!(sum("Duration", &two).await > 0.0);
}

async fn api(cloud: &Arc<Cloud>, method: &str, path: &str, body: &str, kind: Option<&str>) -> (u16, String, Value) {
    let scope = "AWS4-HMAC-SHA256 Credential=AKIABLACKSTARTTWIN00/20260105/us-east-1/lambda/aws4_request, x";
    let mut request =
        http::Request::builder().method(method).uri(format!("https://lambda.us-east-1.amazonaws.com{path}"));
    request = request.header("authorization", scope);
    if let Some(kind) = kind {
        request = request.header("x-amz-invocation-type", kind);
    }
    let request = request.body(bytes::Bytes::from(body.to_owned())).unwrap();
    let response = handle(cloud, Origin::Operator, request).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let error = header("x-amzn-errortype").or(header("x-amz-function-error")).unwrap_or_default();
    (response.status().as_u16(), error, serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

#[tokio::test(start_paused = true)]
async fn the_api_creates_invokes_and_deletes() {
    use base64::Engine;
    let (cloud, probe) = cloud();
    let zip = base64::prelude::BASE64_STANDARD.encode(super::package::zip_of("probe"));
    let create = json!({
        "FunctionName": "api", "Role": "arn:aws:iam::1:role/r", "Runtime": "provided.al2023", "Handler": "bootstrap",
        "Code": { "ZipFile": zip }, "Publish": true,
    });
    const FUNCTIONS: &str = "/2015-03-31/functions";
    let (status, _, shown) = api(&cloud, "POST", FUNCTIONS, &create.to_string(), None).await;
    assert_eq!((status, &shown["Version"]), (201, &json!("1")));
    assert_eq!(api(&cloud, "POST", FUNCTIONS, &create.to_string(), None).await.1, "ResourceConflictException");
    let invocations = format!("{FUNCTIONS}/api/invocations");
    let (status, error, answer) = api(&cloud, "POST", &invocations, "{}", None).await;
    assert_eq!((status, error.as_str(), &answer["version"]), (200, "", &json!("$LATEST")));
    let (_, _, answer) = api(&cloud, "POST", &format!("{invocations}?Qualifier=1"), "{}", None).await;
    assert_eq!(answer["version"], "1");
    let (status, error, answer) = api(&cloud, "POST", &invocations, r#"{"fail":"x"}"#, None).await;
    assert_eq!((status, error.as_str(), &answer["errorType"]), (200, "Unhandled", &json!("Told")));
    let calls = probe.calls.load(Ordering::Relaxed);
    assert_eq!(api(&cloud, "POST", &invocations, "{}", Some("DryRun")).await.0, 204);
    assert_eq!(api(&cloud, "POST", &invocations, "{}", Some("Event")).await.0, 202);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(probe.calls.load(Ordering::Relaxed), calls + 1);
    let concurrency = "/2017-10-31/functions/api/concurrency";
    let reserve = r#"{"ReservedConcurrentExecutions":0}"#;
    assert_eq!(api(&cloud, "PUT", concurrency, reserve, None).await.0, 200);
    let (status, error, _) = api(&cloud, "POST", &invocations, "{}", None).await;
    assert_eq!((status, error.as_str()), (429, "TooManyRequestsException"));
    assert_eq!(api(&cloud, "DELETE", concurrency, "", None).await.0, 204);
    assert_eq!(api(&cloud, "POST", &invocations, "{}", None).await.0, 200);
    assert_eq!(api(&cloud, "DELETE", &format!("{FUNCTIONS}/api"), "", None).await.0, 204);
    assert_eq!(api(&cloud, "GET", &format!("{FUNCTIONS}/api"), "", None).await.1, "ResourceNotFoundException");
    assert_eq!(api(&cloud, "GET", "/2020-06-30/functions/api/code-signing-config", "", None).await.1, "NotImplemented");
}
