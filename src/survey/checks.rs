//! Route 53 health checks: whether anybody asks the endpoint.

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{HealthCheckConfig, HealthCheckType, Tag, TagResourceType};

use super::apis::{get, path};
use super::bench::{Bench, TAG, minutes, seconds, until};
use super::miss::{Probed, lie, refused, unbuilt};
use crate::capability::Capability;
use crate::target::said;
use crate::wait::Look;

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::HealthChecks, minutes(10), checkers(bench)).await;
}

/// A check of a name that does not exist must fail; one of an API that answers must not.
async fn checkers(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.route53;
    let bad = nobody(bench, client, "nobody").await?;
    let begun = tokio::time::Instant::now();
    let look = async || {
        let told = observations(client, &bad).await?;
        let failed = told.iter().find(|status| status.starts_with("Failure"));
        Ok(match failed {
            Some(status) => Look::Ready((status.clone(), told.len())),
            None if told.is_empty() => Look::NotYet("no checker says anything".to_owned()),
            None => Look::NotYet(format!("{} checkers say {:?}", told.len(), told[0])),
        })
    };
    let (words, checkers) = match until(minutes(4), seconds(5), look).await? {
        Ok(seen) => seen,
        Err(last) => return lie(format!("a check of a name that does not exist is accepted; {last}")),
    };
    let (took, words) = (begun.elapsed().as_secs(), words.chars().take(60).collect::<String>());
    let seen = format!("{took} s later one of {checkers} checkers of a name that does not exist said {words:?}");
    let api = bench.api.get().and_then(|api| api.as_ref().ok());
    let answers = match api {
        Some(api) => get(bench, &api.host, &path("/ok")).await.is_ok_and(|said| said.status == 200).then_some(api),
        None => None,
    };
    let Some(api) = answers else { return Ok(format!("{seen}; no endpoint that answers was there to be checked")) };
    let config = config(HealthCheckType::Https, 443, &api.host).resource_path(path("/ok"));
    let good = create(bench, client, "somebody", config.build().map_err(unbuilt)?).await?;
    let look = async || {
        let told = observations(client, &good).await?;
        let healthy = !told.is_empty() && told.iter().all(|status| status.starts_with("Success"));
        Ok(if healthy { Look::Ready(()) } else { Look::NotYet(format!("its checkers say {:?}", told.first())) })
    };
    match until(minutes(3), seconds(5), look).await? {
        Ok(()) => Ok(format!("{seen}; all of an API that answers said Success")),
        Err(last) => lie(format!("checkers say that everything fails: an API answers with 200, and {last}")),
    }
}

/// What each checker said last.
async fn observations(client: &Client, check: &str) -> Probed<Vec<String>> {
    let told = client.get_health_check_status().health_check_id(check).send().await;
    let told = told.map_err(refused("GetHealthCheckStatus"))?;
    let reports = told.health_check_observations().iter().filter_map(|seen| seen.status_report()?.status());
    Ok(reports.map(str::to_owned).collect())
}

/// A check of a name that does not exist, and never will (RFC 6761, `.invalid`).
pub async fn nobody(bench: &Bench<'_>, client: &Client, part: &str) -> Probed {
    let config = config(HealthCheckType::Http, 80, "nobody.blackstart.invalid").build().map_err(unbuilt)?;
    create(bench, client, part, config).await
}

fn config(kind: HealthCheckType, port: i32, host: &str) -> aws_sdk_route53::types::builders::HealthCheckConfigBuilder {
    let config = HealthCheckConfig::builder().r#type(kind).port(port).fully_qualified_domain_name(host);
    config.resource_path("/").request_interval(10).failure_threshold(1)
}

async fn create(bench: &Bench<'_>, client: &Client, part: &str, config: HealthCheckConfig) -> Probed {
    let made = client.create_health_check().caller_reference(bench.name(part)).health_check_config(config).send().await;
    let made = made.map_err(refused("CreateHealthCheck"))?;
    let id = made.health_check().map(|check| check.id().to_owned()).unwrap_or_default();
    let (remover, check) = (client.clone(), id.clone());
    bench.undo("checks", format!("the health check {id}"), async move {
        remover.delete_health_check().health_check_id(check).send().await.map(|_| ()).map_err(|error| said(&error))
    });
    let tag = Tag::builder().key(TAG).value(&bench.run).build();
    let tags = client.change_tags_for_resource().resource_type(TagResourceType::Healthcheck).resource_id(&id);
    tags.add_tags(tag).send().await.map_err(refused("ChangeTagsForResource"))?;
    Ok(id)
}
