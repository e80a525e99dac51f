//! From a burst of errors to a function that runs: alarm, topic, Lambda.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::Sample;
use crate::Cloud;
use crate::formation::{Created, ResourceContext};
use crate::region::Region;
use crate::services;
use crate::services::lambda::testing::{Probe, cloud, function};
use crate::world::faults::Fault;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:failover";

async fn create(cloud: &Arc<Cloud>, region: Region, kind: &str, properties: serde_json::Value) -> Created {
    let cx = ResourceContext {
        cloud: Arc::clone(cloud),
        region,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "R".to_owned(),
        stack_tags: Vec::new(),
    };
    let resources = services::resources();
    let handler = resources.iter().find(|handler| handler.spec().name == kind).unwrap();
    handler.create(&cx, &properties).await.unwrap()
}

async fn permit(cloud: &Arc<Cloud>, principal: &str, source: &str) {
    let permission = json!({
        "Action": "lambda:InvokeFunction", "FunctionName": FUNCTION, "Principal": principal, "SourceArn": source,
    });
    create(cloud, Region::US_EAST_1, "AWS::Lambda::Permission", permission).await;
}

/// An alarm in `region` on the error rate, with one action.
async fn alarm(cloud: &Arc<Cloud>, region: Region, action: &str) -> String {
    let alarm = json!({
        "Namespace": "AWS/ApiGateway", "MetricName": "5XXError", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 0.05, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching", "AlarmActions": [action], "OKActions": [],
    });
    create(cloud, region, "AWS::CloudWatch::Alarm", alarm).await.attributes["Arn"].as_str().unwrap().to_owned()
}

/// Errors for five minutes; gives how often the function ran.
async fn errors(cloud: &Arc<Cloud>, probe: &Probe, region: Region) -> u32 {
    for _ in 0..30 {
        let (namespace, metric, unit) = ("AWS/ApiGateway", "5XXError", "Count");
        let at = cloud.clock.now();
        cloud.cloudwatch.record(region, Sample { namespace, metric, dimensions: Vec::new(), value: 1.0, unit, at });
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    probe.calls.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn an_alarm_invokes_a_function_directly_and_once() {
    let (cloud, probe) = cloud();
    function(&cloud, "failover", "probe", json!({}));
    let arn = alarm(&cloud, Region::US_EAST_1, FUNCTION).await;
    permit(&cloud, "lambda.alarms.cloudwatch.amazonaws.com", &arn).await;
    assert_eq!(errors(&cloud, &probe, Region::US_EAST_1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_without_permission_invokes_nothing_and_says_so() {
    let (cloud, probe) = cloud();
    function(&cloud, "failover", "probe", json!({}));
    alarm(&cloud, Region::US_EAST_1, FUNCTION).await;
    let another = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:another";
    permit(&cloud, "lambda.alarms.cloudwatch.amazonaws.com", another).await;
    assert_eq!(errors(&cloud, &probe, Region::US_EAST_1).await, 0);
    let inner = cloud.cloudwatch.lock();
    let history = &inner.alarms.values().next().unwrap().history;
    let failed = history.iter().find(|item| item.kind == "Action").unwrap();
    assert!(failed.data.contains("AccessDenied"), "{}", failed.data);
}

#[tokio::test(start_paused = true)]
async fn a_topic_carries_an_alarm_to_a_function_of_the_other_region() {
    let (cloud, probe) = cloud();
    function(&cloud, "failover", "probe", json!({}));
    let there = Region::EU_WEST_1;
    let topic = create(&cloud, there, "AWS::SNS::Topic", json!({ "TopicName": "alarms" })).await.physical_id;
    let subscription =
        json!({ "TopicArn": topic, "Protocol": "lambda", "Endpoint": FUNCTION, "Region": there.as_str() });
    create(&cloud, Region::US_EAST_1, "AWS::SNS::Subscription", subscription).await;
    permit(&cloud, "sns.amazonaws.com", &topic).await;
    alarm(&cloud, there, &topic).await;
    // Cut off, the notification waits; healed, it arrives.
    let cut = cloud.faults.inject(Fault::Partition { between: (Region::US_EAST_1, there) });
    assert_eq!(errors(&cloud, &probe, there).await, 0);
    cloud.faults.heal(cut);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(probe.calls.load(Ordering::Relaxed), 1);
}
