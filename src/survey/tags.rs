//! The tagging API: what carries a tag is found by it.

use aws_sdk_secretsmanager::types::Tag;
use serde_json::json;

use super::bench::{Bench, TAG, minutes, seconds, until};
use super::miss::{Probed, lie, refused, refused_raw};
use super::{secrets, topics};
use crate::capability::Capability;
use crate::wait::Look;

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Tags, minutes(5), tags(bench)).await;
}

async fn tags(bench: &Bench<'_>) -> Probed {
    let clients = bench.ours()?;
    let name = bench.name("tagged");
    let filter = json!({ "TagFilters": [{ "Key": TAG, "Values": [bench.run] }] });
    let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
    let ask = async || clients.raw.json("tagging", target, &filter).await.map_err(refused_raw("GetResources"));
    // Asked before anything is made: most targets end here.
    ask().await?;
    secrets::promise(bench, &name)?;
    let tag = Tag::builder().key(TAG).value(&bench.run).build();
    let made = clients.secretsmanager.create_secret().name(&name).secret_string("tagged").tags(tag).send().await;
    let arn = made.map_err(refused("CreateSecret"))?.arn().unwrap_or_default().to_owned();
    let topic = topics::create(bench, "tagged", bench.here).await?;
    let look = async || {
        let found = ask().await?;
        let listed = found["ResourceTagMappingList"].as_array().cloned().unwrap_or_default();
        let found = |arn: &&&String| listed.iter().any(|resource| resource["ResourceARN"] == arn.as_str());
        let missing: Vec<&str> = [&arn, &topic].iter().filter(|arn| !found(arn)).map(|arn| arn.as_str()).collect();
        Ok(if missing.is_empty() {
            Look::Ready(())
        } else {
            Look::NotYet(format!("{} is not found", missing.join(", ")))
        })
    };
    match until(minutes(3), seconds(5), look).await? {
        Ok(()) => Ok("a secret and a topic are found by their tag".to_owned()),
        Err(last) => lie(format!("a secret and a topic carry the tag; {last}")),
    }
}
