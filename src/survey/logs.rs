//! CloudWatch Logs: what is written can be found.

use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use super::bench::{Bench, TAG, minutes, seconds, until};
use super::miss::{Probed, lie, refused, unbuilt};
use crate::capability::Capability;
use crate::region::Region;
use crate::target::said;
use crate::wait::Look;

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Logs, minutes(3), logs(bench)).await;
}

async fn logs(bench: &Bench<'_>) -> Probed {
    let logs = &bench.ours()?.logs;
    let group = bench.name("logs");
    promise(bench, "logs", bench.here, &group)?;
    logs.create_log_group()
        .log_group_name(&group)
        .tags(TAG, &bench.run)
        .send()
        .await
        .map_err(refused("CreateLogGroup"))?;
    let stream = logs.create_log_stream().log_group_name(&group).log_stream_name("probe").send().await;
    stream.map_err(refused("CreateLogStream"))?;
    let now = bench.target.clock().now().millis();
    let event = |at: i64, text: &str| InputLogEvent::builder().timestamp(at).message(text).build().map_err(unbuilt);
    let put = logs.put_log_events().log_group_name(&group).log_stream_name("probe");
    let put = put.log_events(event(now, "the needle")?).log_events(event(now + 1, "the haystack")?);
    put.send().await.map_err(refused("PutLogEvents"))?;
    let look = async || {
        let found = logs.filter_log_events().log_group_name(&group).filter_pattern("needle").send().await;
        let found = found.map_err(refused("FilterLogEvents"))?;
        let lines: Vec<String> = found.events().iter().filter_map(|event| event.message().map(str::to_owned)).collect();
        Ok(if lines.is_empty() { Look::NotYet("nothing is found".to_owned()) } else { Look::Ready(lines) })
    };
    match until(minutes(2), seconds(2), look).await? {
        Ok(lines) if lines == ["the needle"] => Ok("of two lines the one that was asked for is found".to_owned()),
        Ok(lines) => lie(format!("asked for one line of two, it finds {}", lines.len())),
        Err(last) => lie(format!("two lines were accepted; {last}")),
    }
}

/// Promises to remove a log group, if there is one by then.
pub fn promise(bench: &Bench<'_>, chain: &'static str, region: Region, group: &str) -> Probed<()> {
    let (logs, name) = (bench.clients(region)?.logs.clone(), group.to_owned());
    bench.undo(chain, format!("the log group {group} in {region}"), async move {
        match logs.delete_log_group().log_group_name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(()),
            Err(error) => Err(said(&error)),
        }
    });
    Ok(())
}
