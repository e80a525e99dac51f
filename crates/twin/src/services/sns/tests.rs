//! SNS by raw requests, and its resource types.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use crate::clock::Clock;
use crate::formation::ResourceContext;
use crate::gateway::{Credentials, Principal};
use crate::region::Region;
use crate::seed::Seed;
use crate::wire::xml::Element;
use crate::wire::{Request, Response};
use crate::world::network::Origin;
use crate::{Cloud, Config, gateway, services};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alarms";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:failover";

fn start() -> Arc<Cloud> {
    Cloud::start(Config {
        seed: Seed(1),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code: Default::default(),
    })
}

/// Calls an action as the holder of these credentials.
pub async fn call(cloud: &Arc<Cloud>, service: &str, by: &Credentials, body: &str) -> Response {
    let credential = format!("{}/20260105/us-east-1/{service}/aws4_request", by.access_key);
    let request: Request = http::Request::post("https://endpoint/")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"))
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    gateway::handle(cloud, Origin::Operator, request).await.unwrap()
}

async fn sns(cloud: &Arc<Cloud>, body: &str) -> (u16, String) {
    let response = call(cloud, "sns", &Credentials::account(), body).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_topic_takes_a_function_of_the_other_region() {
    let cloud = start();
    let (status, body) = sns(&cloud, "Action=CreateTopic&Name=alarms").await;
    let answer = Element::parse(body.as_bytes()).unwrap();
    assert_eq!(status, 200);
    assert_eq!(answer.get("CreateTopicResult").unwrap().get_text("TopicArn"), Some(TOPIC));
    let subscribe = format!("Action=Subscribe&TopicArn={TOPIC}&Protocol=lambda&Endpoint={FUNCTION}");
    let (first, second) = (sns(&cloud, &subscribe).await, sns(&cloud, &subscribe).await);
    assert_eq!(first.0, 200);
    let arn = |(_, body): &(u16, String)| {
        let answer = Element::parse(body.as_bytes()).unwrap();
        answer.get("SubscribeResult").unwrap().get_text("SubscriptionArn").unwrap().to_owned()
    };
    assert_eq!(arn(&first), arn(&second), "the same endpoint twice is one subscription");
    let (_, listed) = sns(&cloud, &format!("Action=ListSubscriptionsByTopic&TopicArn={TOPIC}")).await;
    assert_eq!(listed.matches("<Endpoint>").count(), 1);
    let (status, body) = sns(&cloud, &format!("Action=Publish&TopicArn={TOPIC}&Message=hello")).await;
    assert!(status == 200 && body.contains("<MessageId>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_is_refused_by_name() {
    let cloud = start();
    sns(&cloud, "Action=CreateTopic&Name=alarms").await;
    for (body, named) in [
        (format!("Action=Subscribe&TopicArn={TOPIC}&Protocol=sqs&Endpoint=arn:aws:sqs:us-east-1:1:q"), "sqs"),
        (
            format!("Action=Subscribe&TopicArn={TOPIC}&Protocol=lambda&Endpoint=arn:aws:lambda:eu-west-3:1:function:f"),
            "eu-west-3",
        ),
        ("Action=CreateTopic&Name=a.fifo".to_owned(), "FIFO"),
        ("Action=Publish&TopicArn=arn:aws:sns:us-east-1:123456789012:none&Message=x".to_owned(), "none"),
        ("Action=CreatePlatformApplication".to_owned(), "CreatePlatformApplication"),
    ] {
        let (status, answer) = sns(&cloud, &body).await;
        assert!(status >= 400 && answer.contains(named), "{body}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_email_stays_pending_and_is_sent_nothing() {
    let cloud = start();
    sns(&cloud, "Action=CreateTopic&Name=alarms").await;
    let (_, body) = sns(&cloud, &format!("Action=Subscribe&TopicArn={TOPIC}&Protocol=email&Endpoint=a@b.c")).await;
    assert!(body.contains("pending confirmation"), "{body}");
    assert!(cloud.sns.lock().deliverable(TOPIC).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_policy_keeps_services_out() {
    let cloud = start();
    sns(&cloud, "Action=CreateTopic&Name=alarms").await;
    let alarms = Principal::Service("cloudwatch.amazonaws.com".to_owned());
    assert!(cloud.sns.publish_as(&cloud, &alarms, TOPIC, None, "x").is_ok());
    let cx = ResourceContext {
        cloud: Arc::clone(&cloud),
        region: Region::US_EAST_1,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Policy".to_owned(),
        stack_tags: Vec::new(),
    };
    let resources = services::sns::resources();
    let handler = resources.iter().find(|handler| handler.spec().name == "AWS::SNS::TopicPolicy").unwrap();
    let of = |service: &str| {
        let statement =
            json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": "*", "Principal": { "Service": service } });
        json!({ "Topics": [TOPIC], "PolicyDocument": { "Statement": [statement] } })
    };
    let others = of("events.amazonaws.com");
    let made = handler.create(&cx, &others).await.unwrap();
    assert_eq!(cloud.sns.publish_as(&cloud, &alarms, TOPIC, None, "x").unwrap_err().code, "AuthorizationError");
    let ours = of("cloudwatch.amazonaws.com");
    handler.update(&cx, &made.physical_id, &others, &ours).await.unwrap();
    assert!(cloud.sns.publish_as(&cloud, &alarms, TOPIC, None, "x").is_ok());
    handler.delete(&cx, &made.physical_id, &others).await.unwrap();
    assert!(cloud.sns.publish_as(&cloud, &alarms, TOPIC, None, "x").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_names_the_topics_region() {
    let cloud = start();
    sns(&cloud, "Action=CreateTopic&Name=alarms").await;
    let cx = ResourceContext {
        cloud: Arc::clone(&cloud),
        region: Region::EU_WEST_1,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Subscription".to_owned(),
        stack_tags: Vec::new(),
    };
    let resources = services::sns::resources();
    let handler = resources.iter().find(|handler| handler.spec().name == "AWS::SNS::Subscription").unwrap();
    let mut properties = json!({ "TopicArn": TOPIC, "Protocol": "lambda", "Endpoint": FUNCTION });
    let error = handler.create(&cx, &properties).await.unwrap_err();
    assert!(error.0.contains("set Region"), "{error}");
    properties["Region"] = json!("us-east-1");
    let made = handler.create(&cx, &properties).await.unwrap();
    assert_eq!(cloud.sns.lock().deliverable(TOPIC), [(made.physical_id.clone(), FUNCTION.to_owned())]);
    handler.delete(&cx, &made.physical_id, &properties).await.unwrap();
    handler.delete(&cx, &made.physical_id, &properties).await.unwrap();
    assert!(cloud.sns.lock().deliverable(TOPIC).is_empty());
}
