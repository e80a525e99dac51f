//! Secrets Manager: versions, and replicas that follow.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, RotationRulesType, StatusType, Tag};

use super::bench::{Bench, TAG, minutes, seconds, until};
use super::functions;
use super::miss::{Miss, Probed, lie, refused};
use crate::capability::Capability;
use crate::region::Region;
use crate::target::said;
use crate::wait::Look;

/// How long a replica may take to exist and to follow; AWS publishes no figure, and seconds are usual.
const FOLLOWS: std::time::Duration = minutes(5);

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Secret, minutes(2), versions(bench)).await;
    bench.attempt(Capability::SecretReplication, minutes(12), replication(bench)).await;
}

async fn versions(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.secretsmanager;
    let name = bench.name("secret");
    create(bench, client, &name, None).await?;
    client
        .put_secret_value()
        .secret_id(&name)
        .secret_string("second")
        .send()
        .await
        .map_err(refused("PutSecretValue"))?;
    for (stage, expected) in [("AWSCURRENT", "second"), ("AWSPREVIOUS", "first")] {
        let read = client.get_secret_value().secret_id(&name).version_stage(stage).send().await;
        if read.map_err(refused("GetSecretValue"))?.secret_string() != Some(expected) {
            return lie(format!("{stage} is not the value that was put {expected}"));
        }
    }
    Ok("of two versions the second is AWSCURRENT, the first AWSPREVIOUS".to_owned())
}

async fn replication(bench: &Bench<'_>) -> Probed {
    let (here, ours) = (bench.here, &bench.ours()?.secretsmanager);
    let (there, clients) = bench.theirs()?;
    let theirs = &clients.secretsmanager;
    let name = bench.name("replicated");
    create(bench, ours, &name, Some(there)).await?;
    let look = async || {
        let described = ours.describe_secret().secret_id(&name).send().await.map_err(refused("DescribeSecret"))?;
        let wanted =
            |status: &&aws_sdk_secretsmanager::types::ReplicationStatusType| status.region() == Some(there.as_str());
        let status = described.replication_status().iter().find(wanted);
        Ok(match status.and_then(|status| status.status()) {
            Some(StatusType::InSync) => Look::Ready(()),
            Some(status) => Look::NotYet(format!("the replica is {}", status.as_str())),
            None => Look::NotYet(format!("no replica in {there} is named")),
        })
    };
    if let Err(last) = until(FOLLOWS, seconds(1), look).await? {
        return lie(format!("a replica in {there} was accepted; {last}"));
    }
    // One that leads to the primary would answer too: its own Region's name is in its ARN.
    let read = theirs.get_secret_value().secret_id(&name).send().await;
    let read = match read {
        Ok(read) => read,
        Err(error) => return lie(format!("the replica is InSync, and {there} cannot read it: {}", said(&error))),
    };
    if read.secret_string() != Some("first") || !read.arn().is_some_and(|arn| arn.contains(there.as_str())) {
        let arn = read.arn().unwrap_or_default();
        return lie(format!("the replica is InSync, and {there} serves something else, {arn}"));
    }
    let version = ours.put_secret_value().secret_id(&name).secret_string("second").send().await;
    let version = version.map_err(refused("PutSecretValue"))?.version_id().unwrap_or_default().to_owned();
    let begun = tokio::time::Instant::now();
    let look = async || {
        let read = theirs.get_secret_value().secret_id(&name).send().await.map_err(refused("GetSecretValue"))?;
        let current = read.version_id() == Some(&version) && read.secret_string() == Some("second");
        Ok(if current { Look::Ready(()) } else { Look::NotYet(format!("{there} serves the old version")) })
    };
    if let Err(last) = until(FOLLOWS, seconds(1), look).await? {
        return lie(format!("a new version in {here} does not reach the replica: {last}"));
    }
    let followed = begun.elapsed().as_secs_f64();
    if theirs.put_secret_value().secret_id(&name).secret_string("third").send().await.is_ok() {
        return lie(format!("the replica in {there} takes writes, which the primary in {here} never sees"));
    }
    Ok(format!("a replica in {there} served a new version {followed:.1} s later, and refuses writes"))
}

/// What stands on a function too.
pub async fn probe_rotation(bench: &Bench<'_>) {
    bench.attempt(Capability::SecretRotation, minutes(10), rotation(bench)).await;
}

/// The probes' function makes no new version: whatever becomes current, nobody made it.
async fn rotation(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.secretsmanager;
    let name = bench.name("rotated");
    create(bench, client, &name, None).await?;
    let current = async || {
        let read = client.get_secret_value().secret_id(&name).send().await.map_err(refused("GetSecretValue"))?;
        Ok::<_, Miss>((read.version_id().unwrap_or_default().to_owned(), read.arn().unwrap_or_default().to_owned()))
    };
    let (before, arn) = current().await?;
    let function = functions::deploy(bench, "rotator", bench.here).await?;
    functions::permit(&bench.ours()?.lambda, &function.name, "secretsmanager.amazonaws.com", &arn).await?;
    let rules = RotationRulesType::builder().automatically_after_days(30).build();
    let rotate = client.rotate_secret().secret_id(&name).rotation_lambda_arn(&function.arn).rotation_rules(rules);
    rotate.send().await.map_err(refused("RotateSecret"))?;
    let look = async || functions::ran(bench, bench.here, &function.name).await;
    let called = until(minutes(3), seconds(2), look).await?;
    if current().await?.0 != before {
        return lie("RotateSecret makes a new version current, which its function never made");
    }
    match called {
        Ok(by) => Ok(format!("RotateSecret calls the function ({by}), and the version stays what it was without it")),
        Err(last) => lie(format!("RotateSecret is accepted; its function: {last}")),
    }
}

async fn create(bench: &Bench<'_>, client: &Client, name: &str, replica: Option<Region>) -> Probed<()> {
    promise(bench, name)?;
    let tag = Tag::builder().key(TAG).value(&bench.run).build();
    let mut call = client.create_secret().name(name).secret_string("first").tags(tag);
    if let Some(region) = replica {
        call = call.add_replica_regions(ReplicaRegionType::builder().region(region.as_str()).build());
    }
    call.send().await.map(|_| ()).map_err(refused("CreateSecret"))
}

/// Promises to remove a secret of the primary Region, its replicas first, without a recovery window.
pub fn promise(bench: &Bench<'_>, name: &str) -> Probed<()> {
    let (client, id) = (bench.ours()?.secretsmanager.clone(), name.to_owned());
    bench.undo("secrets", format!("the secret {name} in {}", bench.here), async move {
        let described = match client.describe_secret().secret_id(&id).send().await {
            Ok(described) => described,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                return Ok(());
            }
            Err(error) => return Err(said(&error)),
        };
        let replicas = described.replication_status().iter().filter_map(|status| status.region().map(str::to_owned));
        let replicas: Vec<String> = replicas.collect();
        if !replicas.is_empty() {
            let call =
                client.remove_regions_from_replication().secret_id(&id).set_remove_replica_regions(Some(replicas));
            call.send().await.map_err(|error| said(&error))?;
        }
        let deleted = client.delete_secret().secret_id(&id).force_delete_without_recovery(true).send().await;
        deleted.map(|_| ()).map_err(|error| said(&error))
    });
    Ok(())
}
