//! SNS: a topic is its Region's.

use super::bench::{Bench, TAG, minutes};
use super::miss::{Miss, Probed, lie, refused_raw};
use crate::capability::Capability;
use crate::region::Region;
use crate::target::{RawError, element};

const VERSION: &str = "2010-03-31";

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Topics, minutes(2), topics(bench)).await;
}

async fn topics(bench: &Bench<'_>) -> Probed {
    let arn = create(bench, "topic", bench.here).await?;
    let raw = &bench.ours()?.raw;
    let publish = |topic: String| async move {
        raw.query("sns", VERSION, "Publish", &[("TopicArn", &topic), ("Message", "probe")]).await
    };
    let sent = publish(arn.clone()).await.map_err(refused_raw("Publish"))?;
    if element(&sent, "MessageId").is_none_or(|id| id.is_empty()) {
        return lie("Publish is answered without a MessageId");
    }
    if publish(format!("{arn}-nowhere")).await.is_ok() {
        return lie("Publish to a topic that was never made is accepted");
    }
    let (there, clients) = bench.theirs()?;
    let asked = clients.raw.query("sns", VERSION, "ListTopics", &[]).await;
    match asked {
        Ok(listed) if listed.contains(&arn) => lie(format!("{there} lists the topic that was made in {}", bench.here)),
        Ok(_) => Ok(format!("a topic of {} takes messages; {there} does not list it", bench.here)),
        Err(RawError { code, message, .. }) => Err(Miss::Unknown(format!("ListTopics in {there}: {code}: {message}"))),
    }
}

/// Makes a topic.
pub async fn create(bench: &Bench<'_>, part: &str, region: Region) -> Probed {
    let raw = bench.clients(region)?.raw.clone();
    let name = bench.name(part);
    let tags = [("Tags.member.1.Key", TAG), ("Tags.member.1.Value", bench.run.as_str()), ("Name", name.as_str())];
    let made = raw.query("sns", VERSION, "CreateTopic", &tags).await.map_err(refused_raw("CreateTopic"))?;
    let arn = element(&made, "TopicArn").unwrap_or_default();
    if !arn.ends_with(&format!(":{name}")) {
        return lie(format!("CreateTopic gives the ARN {arn:?}"));
    }
    let topic = arn.clone();
    bench.undo("topics", format!("the topic {arn}"), async move {
        let deleted = raw.query("sns", VERSION, "DeleteTopic", &[("TopicArn", &topic)]).await;
        deleted.map(|_| ()).map_err(|why| why.to_string())
    });
    Ok(arn)
}

/// Lets CloudWatch publish to a topic.
pub async fn open(bench: &Bench<'_>, topic: &str) -> Probed<()> {
    let raw = &bench.ours()?.raw;
    let statement = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "sns:Publish",
            "Resource": topic,
        }],
    });
    let policy = statement.to_string();
    let set = [("TopicArn", topic), ("AttributeName", "Policy"), ("AttributeValue", policy.as_str())];
    raw.query("sns", VERSION, "SetTopicAttributes", &set).await.map(|_| ()).map_err(refused_raw("SetTopicAttributes"))
}
