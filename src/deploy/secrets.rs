//! Secrets on their way out: a primary goes after its replicas, and none waits out a recovery window, in which its name
//! is taken.

use super::LeftBehind;
use super::remove::aws;
use crate::region::Region;
use crate::target::{Target, said};

/// Removes a secret's replicas; true where it had any.
pub async fn remove_replicas(target: &dyn Target, id: &str, region: Region) -> Result<bool, String> {
    let client = &target.clients_in(region).map_err(|error| error.to_string())?.secretsmanager;
    let described = client.describe_secret().secret_id(id).send().await.map_err(|error| said(&error))?;
    let regions: Vec<String> =
        described.replication_status().iter().filter_map(|replica| replica.region().map(str::to_owned)).collect();
    if regions.is_empty() {
        return Ok(false);
    }
    let call = client.remove_regions_from_replication().secret_id(id).set_remove_replica_regions(Some(regions));
    call.send().await.map(|_| true).map_err(|error| said(&error))
}

/// Ends the recovery window of a secret that waits one out; what does not wait is not touched.
pub async fn end_window(target: &dyn Target, id: &str, region: Region) -> Option<LeftBehind> {
    let client = match target.clients_in(region) {
        Ok(clients) => &clients.secretsmanager,
        Err(error) => return Some(left(target, id, region, error.to_string())),
    };
    match client.describe_secret().secret_id(id).send().await {
        Ok(described) if described.deleted_date().is_some() => delete(target, id, region).await,
        Ok(_) => None,
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => None,
        Err(error) => Some(left(target, id, region, said(&error))),
    }
}

/// Deletes a secret and its replicas for good.
pub async fn delete(target: &dyn Target, id: &str, region: Region) -> Option<LeftBehind> {
    let gone = async {
        remove_replicas(target, id, region).await?;
        let client = &target.clients_in(region).map_err(|error| error.to_string())?.secretsmanager;
        match client.delete_secret().secret_id(id).force_delete_without_recovery(true).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(()),
            Err(error) => Err(said(&error)),
        }
    };
    gone.await.err().map(|why| left(target, id, region, why))
}

fn left(target: &dyn Target, id: &str, region: Region, why: String) -> LeftBehind {
    let command = format!("{} secretsmanager delete-secret --force-delete-without-recovery", aws(target));
    let way_out = format!("delete it by hand: {command} --region {region} --secret-id {id}");
    LeftBehind { what: format!("secret {id}"), region, why, way_out }
}
