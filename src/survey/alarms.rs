//! CloudWatch alarms: to ALARM, back to OK, and on to a function.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::types::{ComparisonOperator, StateValue, Statistic, Tag};
use serde_json::json;
use tokio::time::Instant;

use super::bench::{Bench, TAG, by_period, minutes, seconds, until};
use super::metrics::{metrics, period, put, side};
use super::miss::{Probed, lie, refused, unknown};
use super::{functions, stacks, topics};
use crate::capability::Capability;
use crate::target::said;
use crate::wait::Look;

const METRIC: &str = "Load";
/// The dimension an alarm is on, and another one of the same metric.
const OWN: &str = "near";
const OTHER: &str = "away";
const CALM: f64 = 1.0;
const BREACHING: f64 = 100.0;
const THRESHOLD: f64 = 10.0;
const LOOK: std::time::Duration = seconds(15);

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Metrics, minutes(6), metrics(bench)).await;
    bench.attempt(Capability::Alarms, minutes(40), alarms(bench)).await;
}

/// What stands on functions and topics too.
pub async fn probe_actions(bench: &Bench<'_>) {
    bench.attempt(Capability::AlarmActions, minutes(25), actions(bench)).await;
}

async fn alarms(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.cloudwatch;
    let alarm = create(bench, "alarm", None).await?;
    // Calm on its own side, breaching on the other.
    let quiet = async || {
        put(client, &alarm, METRIC, OTHER, BREACHING).await?;
        watch(client, &alarm, Some(CALM), &StateValue::Alarm).await
    };
    if until(by_period(minutes(3)), LOOK, quiet).await?.is_ok() {
        return lie("it goes to ALARM by another dimension's data: dimensions are pooled");
    }
    put(client, &alarm, METRIC, OWN, BREACHING).await?;
    let single = async || watch(client, &alarm, Some(CALM), &StateValue::Alarm).await;
    if until(by_period(minutes(3)), LOOK, single).await?.is_ok() {
        return lie("it goes to ALARM by one breaching datapoint, and should by two of three");
    }
    let calm = async || watch(client, &alarm, Some(CALM), &StateValue::Ok).await;
    if let Err(last) = until(by_period(minutes(3)), LOOK, calm).await? {
        return lie(format!("PutMetricAlarm is accepted; with calm data {last}"));
    }
    let clock = Instant::now();
    let breaching = async || watch(client, &alarm, Some(BREACHING), &StateValue::Alarm).await;
    if let Err(last) = until(by_period(minutes(6)), LOOK, breaching).await? {
        return lie(format!("PutMetricAlarm is accepted; with breaching data {last}"));
    }
    let raised = clock.elapsed().as_secs();
    // A Region that lost its users has no data at all.
    let clock = Instant::now();
    let silent = async || watch(client, &alarm, None, &StateValue::Ok).await;
    if let Err(last) = until(by_period(minutes(12)), LOOK, silent).await? {
        return lie(format!("without data, which it takes for not breaching, it never recovers: {last}"));
    }
    let recovered = clock.elapsed().as_secs();
    Ok(format!(
        "ALARM {raised} s after breaching data began, not by one datapoint nor by another dimension; OK {recovered} s \
         after it ended"
    ))
}

/// An alarm here, its topic, and a function in the other Region, as the stack has them.
async fn actions(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.cloudwatch;
    let region = bench.there.unwrap_or(bench.here);
    let topic = topics::create(bench, "alerts", bench.here).await?;
    let function = functions::deploy(bench, "told", region).await?;
    functions::permit(&bench.clients(region)?.lambda, &function.name, "sns.amazonaws.com", &topic).await?;
    topics::open(bench, &topic).await?;
    // As the stack does it: the function's Region has the subscription.
    let subscription = json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": { "Told": {
        "Type": "AWS::SNS::Subscription",
        "Properties": { "TopicArn": topic, "Protocol": "lambda", "Endpoint": function.arn, "Region": bench.here },
    } } });
    stacks::create(bench, "topics", "subscription", region, &subscription).await?.expect_complete()?;
    let alarm = create(bench, "acting", Some(&topic)).await?;
    let breaching = async || watch(client, &alarm, Some(BREACHING), &StateValue::Alarm).await;
    if let Err(last) = until(by_period(minutes(6)), LOOK, breaching).await? {
        return unknown(format!("the alarm did not go to ALARM: {last}"));
    }
    let raised = Instant::now();
    let look = async || functions::ran(bench, region, &function.name).await;
    match until(minutes(5), seconds(2), look).await? {
        Ok(by) => {
            Ok(format!("{:.0} s after ALARM the function in {region} had run: {by}", raised.elapsed().as_secs_f64()))
        }
        Err(last) => lie(format!("the alarm is in ALARM, its topic leads to a function in {region}; {last}")),
    }
}

/// Puts a value, if any, for the alarm's own metric, and looks whether the alarm is in this state.
async fn watch(client: &Client, alarm: &str, value: Option<f64>, wanted: &StateValue) -> Probed<Look<()>> {
    if let Some(value) = value {
        put(client, alarm, METRIC, OWN, value).await?;
    }
    let told = client.describe_alarms().alarm_names(alarm).send().await.map_err(refused("DescribeAlarms"))?;
    let Some(alarm) = told.metric_alarms().first() else {
        return lie("PutMetricAlarm is accepted, and DescribeAlarms does not have the alarm");
    };
    let state = alarm.state_value().map_or("without a state", StateValue::as_str);
    Ok(if alarm.state_value() == Some(wanted) { Look::Ready(()) } else { Look::NotYet(format!("it is {state}")) })
}

/// Makes an alarm on one dimension of a metric of its own, whose namespace has the alarm's name.
async fn create(bench: &Bench<'_>, part: &str, action: Option<&str>) -> Probed {
    let client = bench.ours()?.cloudwatch.clone();
    let name = bench.name(part);
    let (remover, alarm) = (client.clone(), name.clone());
    bench.undo("alarms", format!("the alarm {name}"), async move {
        match remover.delete_alarms().alarm_names(alarm).send().await {
            Err(error) if error.code() != Some("ResourceNotFound") => Err(said(&error)),
            _ => Ok(()),
        }
    });
    let put = client
        .put_metric_alarm()
        .alarm_name(&name)
        .namespace(&name)
        .metric_name(METRIC)
        .dimensions(side(OWN))
        .statistic(Statistic::Maximum)
        .period(period())
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(THRESHOLD)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .treat_missing_data("notBreaching")
        .set_alarm_actions(action.map(|action| vec![action.to_owned()]))
        .tags(Tag::builder().key(TAG).value(&bench.run).build());
    put.send().await.map_err(refused("PutMetricAlarm"))?;
    Ok(name)
}
