//! The secret: a replica in every Region that is in sync and serves what the primary serves.

use super::{Checked, INTERVAL, Preflight, REPLICA_DEADLINE, Wrong, all, check, waited};
use crate::data::secrets::{Served, replica};
use crate::region::Region;
use crate::target::{TargetError, said};
use crate::wait::{self, Look};

type Client = aws_sdk_secretsmanager::Client;

/// The clients of every Region, the primary one first.
pub fn sides(preflight: &Preflight<'_>) -> Result<Vec<(Region, Client)>, TargetError> {
    let side = |region: &Region| Ok((*region, preflight.target.clients_in(*region)?.secretsmanager.clone()));
    preflight.target.regions().iter().map(side).collect()
}

pub async fn hold(preflight: &Preflight<'_>, sides: Vec<(Region, Client)>, secret: String) -> bool {
    let Some(((_, primary), others)) = sides.split_first() else { return true };
    let (recorder, secret) = (preflight.recorder, secret.as_str());
    all(others.iter().map(async |(region, there)| {
        check(recorder, "secret-replica", *region, in_sync(primary, secret, *region)).await
            && check(recorder, "secret-agreement", *region, same(primary, there, secret, *region)).await
    }))
    .await
}

async fn in_sync(primary: &Client, secret: &str, region: Region) -> Checked {
    let look = async || {
        let described = primary.describe_secret().secret_id(secret).send().await;
        let described = described.map_err(|error| Wrong::Blind(said(&error)))?;
        match replica(&described, region.as_str()) {
            None => Err(Wrong::Missing(format!(
                "the secret {secret} has no replica in {region}: add it to ReplicaRegions in data.yaml"
            ))),
            Some((status, what)) if status == "Failed" => Err(Wrong::Missing(format!(
                "the replica of {secret} in {region} failed: {}",
                what.unwrap_or_else(|| "DescribeSecret does not say why".to_owned())
            ))),
            Some((status, _)) if status == "InSync" => Ok(Look::Ready(())),
            Some((status, _)) => Ok(Look::NotYet(format!("the replica is {status}"))),
        }
    };
    let hint = format!("DescribeSecret of {secret} says more");
    waited(wait::until("the replica to be InSync", REPLICA_DEADLINE, INTERVAL, look).await, &hint)?;
    Ok(format!("the secret {secret} is InSync in {region}"))
}

/// Both Regions serve the same version with the same value, of which only digests are compared.
async fn same(primary: &Client, there: &Client, secret: &str, region: Region) -> Checked {
    let look = async || {
        let here = served(primary, secret).await.map_err(Wrong::Blind)?;
        Ok(match served(there, secret).await {
            Ok(there) if there == here => Look::Ready(here.version),
            Ok(there) => Look::NotYet(format!("it serves {} and the primary {}", there.version, here.version)),
            Err(what) => Look::NotYet(what),
        })
    };
    let what = format!("{region} to serve the secret's current version");
    let hint = format!("is {secret} replicated to {region}?");
    let version = waited(wait::until(&what, REPLICA_DEADLINE, INTERVAL, look).await, &hint)?;
    Ok(format!("{region} serves the version {version} as the primary does"))
}

async fn served(client: &Client, secret: &str) -> Result<Served, String> {
    let got = client.get_secret_value().secret_id(secret).send().await;
    got.map(|answer| Served::of(&answer)).map_err(|error| said(&error))
}
