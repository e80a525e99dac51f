//! Stacks, functions, logs and metrics.

use std::time::Duration;

use aws_sdk_cloudformation::types::{ChangeSetStatus, ChangeSetType};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, Statistic};
use blackstart::wait::{self, Look};

use super::{Bench, Held, done, holds, refused};

const TOPIC: &str = "Resources: { T: { Type: AWS::SNS::Topic } }";

pub async fn no_stack(bench: &Bench<'_>) -> Held {
    let described = bench.home.cloudformation.describe_stacks().stack_name(&bench.name).send().await;
    let says = described.as_ref().err().map(blackstart::target::said).unwrap_or_default();
    refused(described, &["ValidationError"])?;
    holds(says.contains("does not exist"), || format!("it says {says}"))
}

/// A change set on its way to an end, and the reason it gives.
async fn ended(bench: &Bench<'_>, set: &str) -> Result<(ChangeSetStatus, String), String> {
    let look = || async {
        let call = bench.home.cloudformation.describe_change_set().stack_name(&bench.name).change_set_name(set);
        let described = done(call.send().await)?;
        let status = described.status().cloned().ok_or("a change set without a status")?;
        let reason = described.status_reason().unwrap_or_default().to_owned();
        let ended = matches!(status, ChangeSetStatus::CreateComplete | ChangeSetStatus::Failed);
        Ok::<_, String>(if ended { Look::Ready((status, reason)) } else { Look::NotYet(format!("{status:?}")) })
    };
    let waited = wait::until("a change set", Duration::from_secs(60), Duration::from_millis(500), look).await?;
    waited.map_err(|gave_up| gave_up.to_string())
}

pub async fn unknown_type(bench: &Bench<'_>) -> Held {
    let client = &bench.home.cloudformation;
    let call = client.create_change_set().stack_name(&bench.name).change_set_name("one");
    let call = call.change_set_type(ChangeSetType::Create);
    let made = call.template_body("Resources: { T: { Type: AWS::Bogus::Thing } }").send().await;
    let came = match &made {
        Err(_) => Ok(()),
        Ok(_) => {
            let (status, reason) = ended(bench, "one").await?;
            holds(status == ChangeSetStatus::Failed, || format!("the change set is {status:?} {reason}"))
        }
    };
    if made.is_ok() {
        done(client.delete_stack().stack_name(&bench.name).send().await)?;
    }
    came
}

pub async fn no_changes(bench: &Bench<'_>) -> Held {
    let client = &bench.home.cloudformation;
    let set = |name: &str, kind: ChangeSetType| {
        let call = client.create_change_set().stack_name(&bench.name).change_set_name(name);
        call.change_set_type(kind).template_body(TOPIC).send()
    };
    done(set("one", ChangeSetType::Create).await)?;
    ended(bench, "one").await?;
    done(client.execute_change_set().stack_name(&bench.name).change_set_name("one").send().await)?;
    let look = || async {
        let described = done(client.describe_stacks().stack_name(&bench.name).send().await)?;
        let status = described.stacks().first().and_then(|stack| stack.stack_status()).cloned();
        let status = status.map_or_else(String::new, |status| status.as_str().to_owned());
        Ok::<_, String>(if status == "CREATE_COMPLETE" { Look::Ready(()) } else { Look::NotYet(status) })
    };
    let waited = wait::until("the stack", Duration::from_secs(60), Duration::from_millis(500), look).await?;
    waited.map_err(|gave_up| gave_up.to_string())?;
    let came = async {
        done(set("two", ChangeSetType::Update).await)?;
        let (status, reason) = ended(bench, "two").await?;
        let says = reason.contains("didn't contain changes") || reason.contains("No updates are to be performed");
        holds(status == ChangeSetStatus::Failed && says, || format!("it is {status:?}: {reason}"))
    };
    let came = came.await;
    done(client.delete_stack().stack_name(&bench.name).send().await)?;
    came
}

pub async fn no_function(bench: &Bench<'_>) -> Held {
    refused(bench.home.lambda.invoke().function_name(&bench.name).send().await, &["ResourceNotFoundException"])
}

pub async fn no_group(bench: &Bench<'_>) -> Held {
    let call = bench.home.logs.filter_log_events().log_group_name(&bench.name);
    refused(call.send().await, &["ResourceNotFoundException"])
}

pub async fn dimensions(bench: &Bench<'_>) -> Held {
    let client = &bench.home.cloudwatch;
    let dimension = |value: &str| Dimension::builder().name("Api").value(value).build();
    for (value, number) in [("a", 1.0), ("b", 5.0)] {
        let datum = MetricDatum::builder().metric_name("Errors").dimensions(dimension(value)).value(number).build();
        done(client.put_metric_data().namespace(&bench.name).metric_data(datum).send().await)?;
    }
    // Wide enough for any target's clock.
    let (from, to) = (DateTime::from_secs(1_700_000_000), DateTime::from_secs(1_900_000_000));
    let look = || async {
        let call =
            client.get_metric_statistics().namespace(&bench.name).metric_name("Errors").dimensions(dimension("a"));
        let call = call.start_time(from).end_time(to).period(604_800).statistics(Statistic::Sum);
        let got = done(call.send().await)?;
        let sum: f64 = got.datapoints().iter().filter_map(|point| point.sum()).sum();
        Ok::<_, String>(if sum > 0.0 { Look::Ready(sum) } else { Look::NotYet("no datapoint".to_owned()) })
    };
    let waited = wait::until("a datapoint", Duration::from_secs(120), Duration::from_secs(1), look).await?;
    let sum = waited.map_err(|gave_up| gave_up.to_string())?;
    holds((sum - 1.0).abs() < f64::EPSILON, || format!("of 1 and 5 under two dimensions, one of them sums to {sum}"))
}
