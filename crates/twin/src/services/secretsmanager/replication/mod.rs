//! How a change of a primary reaches its replicas: after a seeded lag, in order, and only while the Regions can
//! reach each other; what was held up arrives after the heal. A slow replicator multiplies the lag of what is sent.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use super::secret::{CURRENT, PENDING, Replica, ReplicaStatus, Secret, Version};
use super::{describe, invalid_parameter, invalid_request, lag, lifecycle};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::{AwsError, Members};
use crate::world::faults::{Defect, Pace, Store};
use crate::world::network::Origin;

/// How often a held-up change looks whether the way is free again.
const RETRY: Duration = Duration::from_secs(5);

/// The replicas that `AddReplicaRegions` asks for.
pub(super) fn wanted(call: &Call, secret: &Secret, input: &Members) -> Result<BTreeMap<Region, Replica>, AwsError> {
    let overwrite = input.flag("ForceOverwriteReplicaSecret");
    let mut replicas = BTreeMap::new();
    for entry in input.list("AddReplicaRegions") {
        let region = known_region(call, entry["Region"].as_str().unwrap_or_default())?;
        // One that failed may be asked for again.
        let there = secret.replicas.get(&region).is_some_and(|r| !matches!(r.status, ReplicaStatus::Failed(_)));
        if region == secret.region || there {
            let message = format!("The secret is in {region} already: name another Region to replicate it to.");
            return Err(invalid_parameter(message));
        }
        let replica = Replica {
            kms_key: lifecycle::customer_key(entry["KmsKeyId"].as_str()),
            status: ReplicaStatus::InProgress,
            due: Timestamp::default(),
            overwrite,
        };
        replicas.insert(region, replica);
    }
    Ok(replicas)
}

fn known_region(call: &Call, name: &str) -> Result<Region, AwsError> {
    let region = Region::parse(name).map_err(|error| invalid_parameter(error.to_string()))?;
    if call.cloud.regions.contains(&region) {
        return Ok(region);
    }
    Err(invalid_parameter(format!("the twin has no Region {region}; it was started with {:?}", call.cloud.regions)))
}

pub(super) fn add(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "ReplicateSecretToRegions", input.require("SecretId")?)?;
    secret.check_writable()?;
    let wanted = wanted(call, secret, input)?;
    if wanted.is_empty() {
        return Err(invalid_parameter("AddReplicaRegions names no Region"));
    }
    secret.replicas.extend(wanted);
    send(&call.cloud, secret);
    Ok(json!({"ARN": secret.arn(&call.cloud), "ReplicationStatus": describe::replication_status(secret)}))
}

pub(super) fn remove(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "RemoveRegionsFromReplication", input.require("SecretId")?)?;
    secret.check_writable()?;
    let gone = input.texts("RemoveReplicaRegions");
    let gone = gone.iter().map(|name| known_region(call, name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(region) = gone.iter().find(|region| !secret.replicas.contains_key(*region)) {
        return Err(invalid_parameter(format!("the secret has no replica in {region}")));
    }
    for region in gone {
        let failed = secret.replicas.remove(&region).is_some_and(|r| matches!(r.status, ReplicaStatus::Failed(_)));
        if !failed {
            tell(&call.cloud, secret, region, News::Removed);
        }
    }
    Ok(json!({"ARN": secret.arn(&call.cloud), "ReplicationStatus": describe::replication_status(secret)}))
}

/// Makes a replica a secret of its own. It works without the primary's Region, which hears of it when it can.
pub(super) fn promote(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "StopReplicationToReplica", input.require("SecretId")?)?;
    if !secret.is_replica() {
        return Err(invalid_request("Operation not permitted on a primary secret: call it in the replica's Region."));
    }
    let primary = std::mem::replace(&mut secret.primary, secret.region);
    tell(&call.cloud, secret, primary, News::Promoted);
    Ok(json!({"ARN": secret.arn(&call.cloud)}))
}

/// Sends the secret as it is now to all of its replicas.
pub(super) fn send(cloud: &Arc<Cloud>, secret: &mut Secret) {
    secret.generation += 1;
    let now = cloud.clock.now();
    let regions: Vec<Region> = secret.replicas.keys().copied().collect();
    for region in regions {
        let lag = lag(cloud, secret, region);
        let Some(replica) = secret.replicas.get_mut(&region) else { continue };
        replica.status = ReplicaStatus::InProgress;
        // A later change never overtakes an earlier one.
        replica.due = replica.due.max(now + lag);
        let (due, copy) = (replica.due, secret.clone());
        let cloud = Arc::downgrade(cloud);
        tokio::spawn(async move {
            if let Some(cloud) = passage(&cloud, &copy.name, copy.region, region, due).await {
                apply(&cloud, &copy, region);
            }
        });
    }
}

enum News {
    /// To a replica: the primary lets it go.
    Removed,
    /// To a primary: the replica is a secret of its own now.
    Promoted,
}

fn tell(cloud: &Arc<Cloud>, secret: &Secret, to: Region, news: News) {
    let (from, name) = (secret.region, secret.name.clone());
    let due = cloud.clock.now() + lag(cloud, secret, to);
    let cloud = Arc::downgrade(cloud);
    tokio::spawn(async move {
        let Some(cloud) = passage(&cloud, &name, from, to, due).await else { return };
        let mut state = cloud.secretsmanager.lock();
        let at = (to, name);
        match news {
            // Unless it was asked for again, or promoted, in between.
            News::Removed => {
                let wanted = state.secrets.get(&(from, at.1.clone())).is_some_and(|s| s.replicas.contains_key(&to));
                if !wanted && state.secrets.get(&at).is_some_and(|replica| replica.primary == from) {
                    state.secrets.remove(&at);
                }
            }
            News::Promoted => {
                if let Some(primary) = state.secrets.get_mut(&at) {
                    primary.replicas.remove(&from);
                }
            }
        }
    });
}

/// How long what is sent now takes; a replicator that stands still adds its wait later.
fn lag(cloud: &Cloud, secret: &Secret, to: Region) -> Duration {
    let lag = lag::draw(&cloud.secretsmanager);
    match cloud.faults.pace(Store::Secret, &secret.name, secret.region, to) {
        Pace::Times(times) => lag * times,
        Pace::Stopped => lag,
    }
}

/// Waits until `due` and then until the way is free; none where the cloud ended first.
async fn passage(cloud: &Weak<Cloud>, name: &str, from: Region, to: Region, due: Timestamp) -> Option<Arc<Cloud>> {
    let clock = cloud.upgrade()?.clock;
    clock.sleep_until(due).await;
    loop {
        let cloud = cloud.upgrade()?;
        let works = |seat| {
            let origin = Origin::Region(from);
            cloud.faults.on_service_call(origin, seat, "secretsmanager", "ReplicateSecret").is_none()
        };
        let moves = cloud.faults.pace(Store::Secret, name, from, to) != Pace::Stopped;
        if moves && works(from) && works(to) {
            return Some(cloud);
        }
        drop(cloud);
        tokio::time::sleep(RETRY).await;
    }
}

fn apply(cloud: &Cloud, copy: &Secret, to: Region) {
    let mut state = cloud.secretsmanager.lock();
    let source = (copy.region, copy.name.clone());
    // The replica may have been removed, or the primary deleted, on the way.
    let Some(replica) = state.secrets.get(&source).and_then(|primary| primary.replicas.get(&to)).cloned() else {
        return;
    };
    let at = (to, copy.name.clone());
    let outcome = arrive(cloud, state.secrets.get(&at), copy, &replica, to);
    let status = match outcome {
        Ok(Some(secret)) => {
            state.secrets.insert(at, secret);
            ReplicaStatus::InSync
        }
        Ok(None) => return,
        Err(why) => ReplicaStatus::Failed(why),
    };
    if let Some(primary) = state.secrets.get_mut(&source)
        && primary.generation == copy.generation
        && let Some(replica) = primary.replicas.get_mut(&to)
    {
        replica.status = status;
    }
}

/// What the replica becomes; none where it shows a later change already.
fn arrive(
    cloud: &Cloud,
    there: Option<&Secret>,
    copy: &Secret,
    replica: &Replica,
    to: Region,
) -> Result<Option<Secret>, String> {
    let of_ours = there.filter(|secret| secret.primary == copy.region && secret.suffix == copy.suffix);
    if there.is_some() && of_ours.is_none() && !replica.overwrite {
        return Err(format!("Replication failed: Secret name {} already exists in region {to}.", copy.name));
    }
    if of_ours.is_some_and(|secret| secret.generation >= copy.generation) {
        return Ok(None);
    }
    if let Some(key) = &replica.kms_key {
        let usable = cloud.kms.usable(cloud, to, key);
        usable.map_err(|error| format!("Replication failed: {}: {}", error.code, error.message))?;
    }
    let mut shown = Secret {
        region: to,
        primary: copy.region,
        kms_key: replica.kms_key.clone(),
        accessed: of_ours.and_then(|secret| secret.accessed),
        replicas: BTreeMap::new(),
        rotation: None,
        ..copy.clone()
    };
    let publishes = cloud.faults.defect(|defect| (defect == Defect::PublishPending).then_some(())).is_some();
    if publishes && let Some((pending, Version { value: Some(_), .. })) = shown.staged(PENDING) {
        let pending = pending.clone();
        shown.label(&pending, CURRENT);
    }
    Ok(Some(shown))
}
