//! What an alarm does when its state changes: a message to a topic, an event to a function.

use std::sync::Arc;

use serde_json::{Value, json};

use super::alarm::{HistoryItem, Transition};
use super::evaluate::offset_form;
use super::shape::Dimension;
use crate::Cloud;
use crate::gateway::Principal;
use crate::region::Region;
use crate::wire::AwsError;
use crate::world::network::Origin;

/// Who invokes functions directly (user guide, "Invoke a Lambda function from an alarm").
const LAMBDA_ACTION_PRINCIPAL: &str = "lambda.alarms.cloudwatch.amazonaws.com";
/// Who publishes to topics.
const SNS_ACTION_PRINCIPAL: &str = "cloudwatch.amazonaws.com";

/// Runs the actions of the new state, and writes in the alarm's history how each went.
pub fn perform(cloud: &Arc<Cloud>, transition: &Transition) {
    let definition = &transition.definition;
    if !definition.actions_enabled {
        return;
    }
    for arn in definition.actions(transition.after.state) {
        let outcome = one(cloud, transition, arn);
        let (summary, state, error) = match &outcome {
            Ok(()) => (format!("Successfully executed action {arn}"), "Succeeded", Value::Null),
            Err(error) => (format!("Failed to execute action {arn}"), "Failed", json!(error.to_string())),
        };
        let item = HistoryItem {
            at: cloud.clock.now(),
            kind: "Action",
            summary,
            data: json!({
                "actionState": state,
                "stateUpdateTimestamp": transition.after.since.millis(),
                "notificationResource": arn,
                "error": error,
            })
            .to_string(),
        };
        cloud.cloudwatch.note(transition.region, &definition.alarm_name, item);
    }
}

fn one(cloud: &Arc<Cloud>, transition: &Transition, arn: &str) -> Result<(), AwsError> {
    if arn.split(':').nth(2) == Some("lambda") {
        let by = Principal::Service(LAMBDA_ACTION_PRINCIPAL.to_owned());
        let (source, event) = (Some(transition.arn.as_str()), event(cloud, transition));
        return cloud.lambda.invoke_async_for(cloud, transition.region, arn, &by, source, event);
    }
    let subject = format!(
        "{}: \"{}\" in {}",
        transition.after.state.as_str(),
        transition.definition.alarm_name,
        long_name(transition.region)
    );
    let origin = Origin::Region(transition.region);
    if cloud.faults.on_service_call(origin, transition.region, "sns", "Publish").is_some() {
        return Err(AwsError::new(500, "InternalError", format!("sns in {} is unavailable", transition.region)));
    }
    let by = Principal::Service(SNS_ACTION_PRINCIPAL.to_owned());
    let message = message(cloud, transition).to_string();
    cloud.sns.publish_as(cloud, &by, arn, Some(&subject), &message).map(|_| ())
}

/// The event a function gets from an alarm directly (user guide, "Invoke a Lambda function from an alarm").
fn event(cloud: &Cloud, transition: &Transition) -> Value {
    let definition = &transition.definition;
    let standing = |standing: &super::alarm::Standing| {
        let mut json = json!({
            "value": standing.state.as_str(),
            "reason": standing.reason,
            "timestamp": offset_form(standing.since),
        });
        if let Some(data) = &standing.data {
            json["reasonData"] = json!(data);
        }
        json
    };
    let metrics: Vec<Value> = definition
        .queries()
        .unwrap_or_default()
        .iter()
        .map(|query| {
            let mut json = json!({ "id": query.id, "returnData": query.return_data != Some(false) });
            if let Some(stat) = &query.metric_stat {
                let dimensions: serde_json::Map<String, Value> =
                    stat.metric.dimensions.iter().map(|d| (d.name.clone(), json!(d.value))).collect();
                json["metricStat"] = json!({
                    "metric": {
                        "namespace": stat.metric.namespace,
                        "name": stat.metric.metric_name,
                        "dimensions": dimensions,
                    },
                    "period": stat.period,
                    "stat": stat.stat,
                });
                if let Some(unit) = &stat.unit {
                    json["metricStat"]["unit"] = json!(unit);
                }
            }
            for (name, value) in [("expression", &query.expression), ("label", &query.label)] {
                if let Some(value) = value {
                    json[name] = json!(value);
                }
            }
            json
        })
        .collect();
    let mut configuration = json!({ "metrics": metrics });
    if let Some(description) = &definition.alarm_description {
        configuration["description"] = json!(description);
    }
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": transition.arn,
        "accountId": cloud.account,
        "time": offset_form(transition.after.since),
        "region": transition.region.as_str(),
        "alarmData": {
            "alarmName": definition.alarm_name,
            "state": standing(&transition.after),
            "previousState": standing(&transition.before),
            "configuration": configuration,
        },
    })
}

/// The message a topic gets from an alarm.
fn message(cloud: &Cloud, transition: &Transition) -> Value {
    let definition = &transition.definition;
    json!({
        "AlarmName": definition.alarm_name,
        "AlarmDescription": definition.alarm_description,
        "AWSAccountId": cloud.account,
        "AlarmConfigurationUpdatedTimestamp": offset_form(transition.configured),
        "NewStateValue": transition.after.state.as_str(),
        "NewStateReason": transition.after.reason,
        "StateChangeTime": offset_form(transition.after.since),
        "Region": long_name(transition.region),
        "AlarmArn": transition.arn,
        "OldStateValue": transition.before.state.as_str(),
        "OKActions": definition.ok_actions,
        "AlarmActions": definition.alarm_actions,
        "InsufficientDataActions": definition.insufficient_data_actions,
        "Trigger": trigger(transition),
    })
}

fn trigger(transition: &Transition) -> Value {
    let definition = &transition.definition;
    let lower = |dimensions: &[Dimension]| -> Vec<Value> {
        dimensions.iter().map(|d| json!({ "value": d.value, "name": d.name })).collect()
    };
    let mut trigger = json!({
        "Period": definition.period,
        "EvaluationPeriods": definition.evaluation_periods,
        "DatapointsToAlarm": definition.datapoints_to_alarm.unwrap_or(definition.evaluation_periods),
        "ComparisonOperator": definition.comparison_operator,
        "Threshold": definition.threshold,
        "TreatMissingData": definition.treat_missing_data.unwrap_or_default(),
        "EvaluateLowSampleCountPercentile": definition.evaluate_low_sample_count_percentile.as_deref().unwrap_or(""),
    });
    let Some(name) = &definition.metric_name else {
        trigger["Metrics"] = json!(definition.metrics);
        return trigger;
    };
    trigger["MetricName"] = json!(name);
    trigger["Namespace"] = json!(definition.namespace);
    trigger["Dimensions"] = json!(lower(&definition.dimensions));
    trigger["Unit"] = json!(definition.unit);
    if let Some(statistic) = &definition.statistic {
        trigger["StatisticType"] = json!("Statistic");
        trigger["Statistic"] = json!(statistic.to_uppercase());
    } else {
        trigger["StatisticType"] = json!("ExtendedStatistic");
        trigger["ExtendedStatistic"] = json!(definition.extended_statistic);
    }
    trigger
}

/// The Region as alarm messages name it; the code itself where the long name is not listed.
fn long_name(region: Region) -> &'static str {
    match region.as_str() {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "ca-central-1" => "Canada (Central)",
        "sa-east-1" => "South America (Sao Paulo)",
        "eu-west-1" => "EU (Ireland)",
        "eu-west-2" => "EU (London)",
        "eu-west-3" => "EU (Paris)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-north-1" => "EU (Stockholm)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::alarm::{Definition, Standing};
    use super::super::rules::State;
    use super::*;
    use crate::Config;
    use crate::clock::Clock;
    use crate::seed::Seed;

    fn transition() -> (Arc<Cloud>, Transition) {
        let cloud = Cloud::start(Config {
            seed: Seed(1),
            clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
            account: "123456789012".to_owned(),
            regions: vec![Region::US_EAST_1],
            code: Default::default(),
        });
        let definition: Definition = serde_json::from_value(json!({
            "AlarmName": "errors", "Namespace": "AWS/ApiGateway", "MetricName": "5XXError", "Statistic": "Average",
            "Dimensions": [{ "Name": "ApiName", "Value": "orders" }], "Period": 60, "EvaluationPeriods": 2,
            "DatapointsToAlarm": 1, "Threshold": 0.05, "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:alarms"],
        }))
        .unwrap();
        let standing = |state, reason: &str| Standing {
            state,
            reason: reason.to_owned(),
            data: None,
            since: Clock::EMBEDDED_EPOCH,
        };
        let transition = Transition {
            region: Region::US_EAST_1,
            definition: Arc::new(definition),
            arn: "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors".to_owned(),
            configured: Clock::EMBEDDED_EPOCH,
            before: standing(State::Ok, "fine"),
            after: standing(State::Alarm, "not fine"),
        };
        (cloud, transition)
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_gets_the_documented_message() {
        let (cloud, transition) = transition();
        let message = message(&cloud, &transition);
        assert_eq!(message["AlarmName"], "errors");
        assert_eq!((&message["OldStateValue"], &message["NewStateValue"]), (&json!("OK"), &json!("ALARM")));
        assert_eq!(message["NewStateReason"], "not fine");
        assert_eq!(message["StateChangeTime"], "2026-01-05T00:00:00.000+0000");
        assert_eq!(message["Region"], "US East (N. Virginia)");
        assert_eq!(message["AlarmDescription"], Value::Null);
        let trigger = &message["Trigger"];
        assert_eq!((&trigger["Statistic"], &trigger["StatisticType"]), (&json!("AVERAGE"), &json!("Statistic")));
        assert_eq!(trigger["Dimensions"], json!([{ "name": "ApiName", "value": "orders" }]));
        assert_eq!((&trigger["Period"], &trigger["Threshold"]), (&json!(60), &json!(0.05)));
        assert_eq!(trigger["TreatMissingData"], "missing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_gets_the_documented_event() {
        let (cloud, transition) = transition();
        let event = event(&cloud, &transition);
        assert_eq!((&event["source"], &event["region"]), (&json!("aws.cloudwatch"), &json!("us-east-1")));
        assert_eq!(event["alarmArn"], transition.arn);
        let data = &event["alarmData"];
        assert_eq!((&data["state"]["value"], &data["previousState"]["value"]), (&json!("ALARM"), &json!("OK")));
        let metric = &data["configuration"]["metrics"][0];
        assert_eq!(metric["metricStat"]["metric"]["dimensions"], json!({ "ApiName": "orders" }));
        assert_eq!((&metric["metricStat"]["stat"], &metric["returnData"]), (&json!("Average"), &json!(true)));
    }
}
