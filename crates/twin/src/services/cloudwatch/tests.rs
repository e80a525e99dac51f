//! CloudWatch through its unmodified SDK client, on the paused clock.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, HistoryItemType, Metric, MetricDataQuery, MetricDatum, MetricStat, StateValue,
    Statistic, StatisticSet,
};

use super::Sample;
use crate::clock::{Clock, Timestamp};
use crate::formation::ResourceContext;
use crate::region::Region;
use crate::seed::Seed;
use crate::world::faults::{Effect, Fault};
use crate::world::network::Origin;
use crate::{Cloud, Config, gateway};

const HERE: Region = Region::US_EAST_1;

fn start(seed: u64) -> (Arc<Cloud>, Client) {
    let cloud = Cloud::start(Config {
        seed: Seed(seed),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code: Default::default(),
    });
    let config = gateway::sdk_config(&cloud, Origin::Operator, HERE, &gateway::Credentials::account());
    let client = Client::new(&config);
    (cloud, client)
}

/// Records one value of a service metric, now.
fn errors(cloud: &Cloud, value: f64) {
    let sample = Sample {
        namespace: "AWS/ApiGateway",
        metric: "5XXError",
        dimensions: vec![("ApiName".to_owned(), "orders".to_owned())],
        value,
        unit: "Count",
        at: cloud.clock.now(),
    };
    cloud.cloudwatch.record(HERE, sample);
}

/// Records a value every ten seconds for so many minutes.
async fn minutes(cloud: &Cloud, count: u64, value: f64) {
    for _ in 0..count * 6 {
        errors(cloud, value);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

fn alarm(client: &Client, name: &str) -> PutMetricAlarmFluentBuilder {
    client
        .put_metric_alarm()
        .alarm_name(name)
        .namespace("AWS/ApiGateway")
        .metric_name("5XXError")
        .dimensions(Dimension::builder().name("ApiName").value("orders").build())
        .statistic(Statistic::Average)
        .period(60)
        .evaluation_periods(1)
        .threshold(0.05)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
}

async fn state(client: &Client, name: &str) -> StateValue {
    let alarms = client.describe_alarms().alarm_names(name).send().await.unwrap();
    alarms.metric_alarms()[0].state_value().unwrap().clone()
}

/// Waits until the alarm has the state; gives how long that took.
async fn until(cloud: &Cloud, client: &Client, name: &str, wanted: StateValue) -> Duration {
    let begun = cloud.clock.elapsed();
    while state(client, name).await != wanted {
        assert!(cloud.clock.elapsed() - begun < Duration::from_secs(3_600), "{name} never became {wanted:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    cloud.clock.elapsed() - begun
}

fn at(timestamp: Timestamp) -> DateTime {
    DateTime::from_millis(timestamp.millis())
}

#[tokio::test(start_paused = true)]
async fn a_service_datapoint_is_seen_after_its_minute_and_not_before() {
    let (cloud, client) = start(1);
    errors(&cloud, 1.0);
    errors(&cloud, 0.0);
    let query = MetricDataQuery::builder()
        .id("m1")
        .metric_stat(
            MetricStat::builder()
                .metric(
                    Metric::builder()
                        .namespace("AWS/ApiGateway")
                        .metric_name("5XXError")
                        .dimensions(Dimension::builder().name("ApiName").value("orders").build())
                        .build(),
                )
                .period(60)
                .stat("Average")
                .build(),
        )
        .build();
    let look = || async {
        let epoch = Clock::EMBEDDED_EPOCH;
        let answer = client.get_metric_data().metric_data_queries(query.clone());
        let answer = answer.start_time(at(epoch)).end_time(at(epoch + Duration::from_secs(600))).send().await.unwrap();
        answer.metric_data_results()[0].values().to_vec()
    };
    let begun = cloud.clock.elapsed();
    let mut values = look().await;
    while values.is_empty() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        values = look().await;
    }
    let waited = cloud.clock.elapsed() - begun;
    assert_eq!(values, [0.5]);
    assert!(waited >= Duration::from_secs(65), "seen after {waited:?}");
    assert!(waited <= Duration::from_secs(97), "seen after {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_rises_and_falls_with_the_error_rate() {
    let (cloud, client) = start(2);
    alarm(&client, "errors").send().await.unwrap();
    assert_eq!(state(&client, "errors").await, StateValue::InsufficientData);
    minutes(&cloud, 5, 0.0).await;
    assert_eq!(state(&client, "errors").await, StateValue::Ok);

    let writer = {
        let cloud = cloud.clone();
        tokio::spawn(async move { minutes(&cloud, 10, 1.0).await })
    };
    let rose = until(&cloud, &client, "errors", StateValue::Alarm).await;
    assert!(rose >= Duration::from_secs(60), "in ALARM {rose:?} after the first error, before its minute was over");
    assert!(rose <= Duration::from_secs(60 + 35 + 61), "in ALARM only {rose:?} after the first error");
    writer.await.unwrap();

    let writer = {
        let cloud = cloud.clone();
        tokio::spawn(async move { minutes(&cloud, 10, 0.0).await })
    };
    let fell = until(&cloud, &client, "errors", StateValue::Ok).await;
    assert!(fell >= Duration::from_secs(60) && fell <= Duration::from_secs(156), "OK after {fell:?}");
    writer.await.unwrap();

    let described = client.describe_alarms().state_value(StateValue::Ok).send().await.unwrap();
    let described = &described.metric_alarms()[0];
    let reason = described.state_reason().unwrap();
    assert!(reason.starts_with("Threshold Crossed: 1 out of the last 1 datapoints [0.0 (05/01/26 "), "{reason}");
    assert!(reason.ends_with("(minimum 1 datapoint for ALARM -> OK transition)."), "{reason}");
    let data: serde_json::Value = serde_json::from_str(described.state_reason_data().unwrap()).unwrap();
    assert_eq!(data["recentDatapoints"], serde_json::json!([0.0]));
    assert_eq!(described.alarm_arn(), Some("arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"));
}

#[tokio::test(start_paused = true)]
async fn silence_is_treated_as_each_alarm_says() {
    let (cloud, client) = start(3);
    for treatment in ["missing", "ignore", "breaching", "notBreaching"] {
        alarm(&client, treatment).treat_missing_data(treatment).send().await.unwrap();
    }
    minutes(&cloud, 5, 1.0).await;
    for treatment in ["missing", "ignore", "breaching", "notBreaching"] {
        assert_eq!(state(&client, treatment).await, StateValue::Alarm, "{treatment} while errors come");
    }
    // The range of three periods still holds a real datapoint for two minutes after the last.
    tokio::time::sleep(Duration::from_secs(110)).await;
    for treatment in ["missing", "notBreaching"] {
        assert_eq!(state(&client, treatment).await, StateValue::Alarm, "{treatment} soon after the last error");
    }
    tokio::time::sleep(Duration::from_secs(190)).await;
    assert_eq!(state(&client, "missing").await, StateValue::InsufficientData);
    assert_eq!(state(&client, "ignore").await, StateValue::Alarm);
    assert_eq!(state(&client, "breaching").await, StateValue::Alarm);
    assert_eq!(state(&client, "notBreaching").await, StateValue::Ok);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_on_dynamodb_ignores_missing_data_whatever_it_says() {
    let (cloud, client) = start(4);
    let lag = |value| Sample {
        namespace: "AWS/DynamoDB",
        metric: "ReplicationLatency",
        dimensions: Vec::new(),
        value,
        unit: "Milliseconds",
        at: cloud.clock.now(),
    };
    alarm(&client, "lag")
        .namespace("AWS/DynamoDB")
        .metric_name("ReplicationLatency")
        .set_dimensions(None)
        .treat_missing_data("breaching")
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(state(&client, "lag").await, StateValue::InsufficientData, "silence alone moved it");
    cloud.cloudwatch.record(HERE, lag(0.0));
    until(&cloud, &client, "lag", StateValue::Ok).await;
    tokio::time::sleep(Duration::from_secs(1_200)).await;
    assert_eq!(state(&client, "lag").await, StateValue::Ok);
}

#[tokio::test(start_paused = true)]
async fn two_of_three_alarms_before_three_of_three() {
    let (cloud, client) = start(5);
    let of = |name, m| alarm(&client, name).evaluation_periods(3).datapoints_to_alarm(m);
    of("two", 2).send().await.unwrap();
    of("three", 3).send().await.unwrap();
    minutes(&cloud, 5, 0.0).await;
    let writer = {
        let cloud = cloud.clone();
        tokio::spawn(async move { minutes(&cloud, 15, 1.0).await })
    };
    let two = until(&cloud, &client, "two", StateValue::Alarm).await;
    assert!(two >= Duration::from_secs(120), "{two:?}");
    assert!(two <= Duration::from_secs(120 + 35 + 61), "{two:?}");
    let three = two + until(&cloud, &client, "three", StateValue::Alarm).await;
    assert!(three >= Duration::from_secs(180), "{three:?}");
    assert!(three <= Duration::from_secs(180 + 35 + 61), "{three:?}");
    writer.abort();
}

#[tokio::test(start_paused = true)]
async fn a_state_set_by_hand_lasts_until_the_next_evaluation() {
    let (cloud, client) = start(6);
    alarm(&client, "errors").send().await.unwrap();
    let writer = {
        let cloud = cloud.clone();
        tokio::spawn(async move { minutes(&cloud, 30, 0.0).await })
    };
    until(&cloud, &client, "errors", StateValue::Ok).await;
    client
        .set_alarm_state()
        .alarm_name("errors")
        .state_value(StateValue::Alarm)
        .state_reason("a rehearsal")
        .send()
        .await
        .unwrap();
    assert_eq!(state(&client, "errors").await, StateValue::Alarm);
    let back = until(&cloud, &client, "errors", StateValue::Ok).await;
    assert!(back > Duration::ZERO && back <= Duration::from_secs(61), "{back:?}");
    writer.abort();
    let error = client.set_alarm_state().alarm_name("other").state_value(StateValue::Ok).state_reason("x").send().await;
    assert!(error.unwrap_err().into_service_error().is_resource_not_found());
}

#[tokio::test(start_paused = true)]
async fn actions_run_on_a_change_of_state_only() {
    let (cloud, client) = start(7);
    // There is no such topic: the attempt shows in the history as a failed action.
    alarm(&client, "errors").alarm_actions("arn:aws:sns:us-east-1:123456789012:none").send().await.unwrap();
    minutes(&cloud, 10, 1.0).await;
    assert_eq!(state(&client, "errors").await, StateValue::Alarm);
    let items = |kind| client.describe_alarm_history().alarm_name("errors").history_item_type(kind).send();
    let actions = items(HistoryItemType::Action).await.unwrap();
    assert_eq!(actions.alarm_history_items().len(), 1);
    let summary = actions.alarm_history_items()[0].history_summary().unwrap();
    assert_eq!(summary, "Failed to execute action arn:aws:sns:us-east-1:123456789012:none");
    let updates = items(HistoryItemType::StateUpdate).await.unwrap();
    assert_eq!(updates.alarm_history_items().len(), 1);

    client.disable_alarm_actions().alarm_names("errors").send().await.unwrap();
    minutes(&cloud, 5, 0.0).await;
    minutes(&cloud, 5, 1.0).await;
    assert_eq!(items(HistoryItemType::StateUpdate).await.unwrap().alarm_history_items().len(), 3);
    assert_eq!(items(HistoryItemType::Action).await.unwrap().alarm_history_items().len(), 1, "actions were disabled");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_evaluates_nothing() {
    let (cloud, client) = start(8);
    alarm(&client, "errors").treat_missing_data("breaching").send().await.unwrap();
    let id = cloud.faults.inject(Fault::Region { region: HERE, effect: Effect::Refuse });
    tokio::time::sleep(Duration::from_secs(600)).await;
    cloud.faults.heal(id);
    assert_eq!(state(&client, "errors").await, StateValue::InsufficientData);
    until(&cloud, &client, "errors", StateValue::Alarm).await;
}

#[tokio::test(start_paused = true)]
async fn custom_metrics_are_kept_with_their_statistics() {
    let (cloud, client) = start(9);
    let datum = || MetricDatum::builder().metric_name("Latency");
    let values = (1..=100).map(f64::from).collect::<Vec<f64>>();
    let set = StatisticSet::builder().sample_count(2.0).sum(3.0).minimum(1.0).maximum(2.0).build();
    let data = [
        datum().set_values(Some(values)).build(),
        datum().metric_name("Sets").statistic_values(set).build(),
        datum().metric_name("Fast").value(7.0).storage_resolution(1).build(),
    ];
    let put = client.put_metric_data().namespace("Orders").set_metric_data(Some(data.to_vec()));
    put.send().await.unwrap();
    assert!(client.list_metrics().send().await.unwrap().metrics().is_empty(), "visible at once");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(client.list_metrics().namespace("Orders").send().await.unwrap().metrics().len(), 3);

    let statistics = |name: &str| {
        client
            .get_metric_statistics()
            .namespace("Orders")
            .metric_name(name)
            .start_time(at(Clock::EMBEDDED_EPOCH))
            .end_time(at(cloud.clock.now()))
            .period(60)
            .statistics(Statistic::Average)
            .statistics(Statistic::Maximum)
            .statistics(Statistic::SampleCount)
            .extended_statistics("p90")
            .send()
    };
    let latency = statistics("Latency").await.unwrap();
    let point = &latency.datapoints()[0];
    assert_eq!((point.average(), point.maximum(), point.sample_count()), (Some(50.5), Some(100.0), Some(100.0)));
    assert_eq!(point.extended_statistics().unwrap()["p90"], 90.0);
    let sets = statistics("Sets").await.unwrap();
    assert_eq!(sets.datapoints()[0].average(), Some(1.5));

    let refused = client.put_metric_data().namespace("AWS/Mine").metric_data(datum().value(1.0).build()).send().await;
    assert!(format!("{:?}", refused.unwrap_err()).contains("Namespace"));
}

#[tokio::test(start_paused = true)]
async fn math_over_two_metrics_divides_them() {
    let (cloud, client) = start(10);
    for (name, value) in [("Errors", 5.0), ("Calls", 50.0)] {
        let datum = MetricDatum::builder().metric_name(name).value(value).build();
        client.put_metric_data().namespace("Orders").metric_data(datum).send().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let stat = |id: &str, name: &str| {
        let metric = Metric::builder().namespace("Orders").metric_name(name).build();
        let stat = MetricStat::builder().metric(metric).period(60).stat("Sum").build();
        MetricDataQuery::builder().id(id).metric_stat(stat).return_data(false).build()
    };
    let rate = |expression: &str| MetricDataQuery::builder().id("rate").expression(expression).build();
    let ask = |expression: &str| {
        client
            .get_metric_data()
            .metric_data_queries(rate(expression))
            .metric_data_queries(stat("m1", "Errors"))
            .metric_data_queries(stat("m2", "Calls"))
            .start_time(at(Clock::EMBEDDED_EPOCH))
            .end_time(at(cloud.clock.now()))
            .send()
    };
    let answer = ask("100*m1/m2").await.unwrap();
    assert_eq!(answer.metric_data_results().len(), 1);
    assert_eq!(answer.metric_data_results()[0].values(), [10.0]);
    let error = format!("{:?}", ask("ANOMALY_DETECTION_BAND(m1)").await.unwrap_err());
    assert!(error.contains("ANOMALY_DETECTION_BAND"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_the_twin_does_not_model_is_refused_by_name() {
    let (_cloud, client) = start(11);
    let refused = alarm(&client, "x").threshold_metric_id("band").send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("ThresholdMetricId"), "{refused:?}");
    let refused = alarm(&client, "x").alarm_actions("arn:aws:sns:eu-west-1:123456789012:t").send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("Invalid region eu-west-1"), "{refused:?}");
    let refused = client.list_dashboards().send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("ListDashboards"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_timeline_and_another_seed_another() {
    async fn timeline(seed: u64) -> Vec<i64> {
        let (cloud, client) = start(seed);
        alarm(&client, "errors").send().await.unwrap();
        minutes(&cloud, 4, 0.0).await;
        minutes(&cloud, 4, 1.0).await;
        let history = client.describe_alarm_history().send().await.unwrap();
        history.alarm_history_items().iter().map(|item| item.timestamp().unwrap().to_millis().unwrap()).collect()
    }
    assert_eq!(timeline(12).await, timeline(12).await);
    assert_ne!(timeline(12).await, timeline(13).await);
}

#[tokio::test(start_paused = true)]
async fn a_template_makes_changes_and_removes_an_alarm() {
    let (cloud, client) = start(14);
    let cx = ResourceContext {
        cloud: Arc::clone(&cloud),
        region: HERE,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Errors".to_owned(),
        stack_tags: vec![("Project".to_owned(), "blackstart".to_owned())],
    };
    let resources = super::resources();
    let handler = &resources[0];
    let mut properties = serde_json::json!({
        "Namespace": "AWS/ApiGateway", "MetricName": "5XXError", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching", "Dimensions": [{ "Name": "ApiName", "Value": "orders" }],
    });
    let made = handler.create(&cx, &properties).await.unwrap();
    let name = made.physical_id.as_str();
    assert!(name.starts_with("stack-Errors-"), "{name}");
    let arn = made.attributes["Arn"].as_str().unwrap();
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags()[0].key(), Some("Project"));
    let old = properties.clone();
    properties["Threshold"] = serde_json::json!(0.25);
    handler.update(&cx, name, &old, &properties).await.unwrap();
    let described = client.describe_alarms().alarm_name_prefix("stack-").send().await.unwrap();
    assert_eq!(described.metric_alarms()[0].threshold(), Some(0.25));
    until(&cloud, &client, name, StateValue::Ok).await;
    handler.delete(&cx, name, &properties).await.unwrap();
    handler.delete(&cx, name, &properties).await.unwrap();
    assert!(client.describe_alarms().send().await.unwrap().metric_alarms().is_empty());
    properties["ComparisonOperator"] = serde_json::json!("GreaterThanUpperThreshold");
    let error = handler.create(&cx, &properties).await.unwrap_err();
    assert!(error.0.contains("GreaterThanUpperThreshold"), "{error}");
}
