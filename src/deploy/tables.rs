//! Tables on their way out: the table of a Region goes after its replicas elsewhere.

use std::time::Duration;

use aws_sdk_dynamodb::types::{DeleteReplicationGroupMemberAction, ReplicationGroupUpdate};

use super::remove::REPLICA_DEADLINE;
use super::{Patience, RUN_TAG};
use crate::region::Region;
use crate::target::{Clients, Target, said};
use crate::wait::{self, Look};

/// How long a table that a replica was filled from cannot be deleted (API reference, DeleteTable; aws-facts.md).
pub const SOURCE_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes a table's replicas in other Regions, one after the other; true where it had any and they are gone.
pub async fn remove_replicas(
    target: &dyn Target,
    table: &str,
    region: Region,
    patience: &Patience,
) -> Result<bool, String> {
    let client = &target.clients_in(region).map_err(|error| error.to_string())?.dynamodb;
    let replicas = || async {
        let described = client.describe_table().table_name(table).send().await.map_err(|error| said(&error))?;
        let replicas = described.table().map(|table| table.replicas().to_vec()).unwrap_or_default();
        let named = replicas.into_iter().filter_map(|replica| replica.region_name);
        Ok::<Vec<String>, String>(named.filter(|name| name != region.as_str()).collect())
    };
    let elsewhere = replicas().await?;
    for replica in &elsewhere {
        let action = DeleteReplicationGroupMemberAction::builder().region_name(replica).build();
        let action = action.map_err(|error| error.to_string())?;
        let update = ReplicationGroupUpdate::builder().delete(action).build();
        client.update_table().table_name(table).replica_updates(update).send().await.map_err(|error| said(&error))?;
        let look = || async {
            let left = replicas().await?;
            Ok::<_, String>(if left.contains(replica) { Look::NotYet(left.join(", ")) } else { Look::Ready(()) })
        };
        let within = REPLICA_DEADLINE.min(patience.deadline);
        let waited = wait::until("the replica to go", within, patience.interval, look).await?;
        waited.map_err(|gave_up| gave_up.to_string())?;
    }
    Ok(!elsewhere.is_empty())
}

/// Deletes a table and its replicas, and waits until it is gone. One that does not exist is no error: a replica goes with
/// the first Region's.
pub async fn delete(target: &dyn Target, table: &str, region: Region, patience: &Patience) -> Result<(), String> {
    let client = &target.clients_in(region).map_err(|error| error.to_string())?.dynamodb;
    let stands = || async {
        match client.describe_table().table_name(table).send().await {
            Ok(described) => Ok(described.table().and_then(|table| table.table_status()).cloned()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
            Err(error) => Err(said(&error)),
        }
    };
    if stands().await?.is_none() {
        return Ok(());
    }
    remove_replicas(target, table, region, patience).await?;
    client.delete_table().table_name(table).send().await.map_err(|error| said(&error))?;
    let look = || async {
        Ok::<_, String>(stands().await?.map_or(Look::Ready(()), |status| Look::NotYet(status.as_str().to_owned())))
    };
    let within = REPLICA_DEADLINE.min(patience.deadline);
    let waited = wait::until("the table to go", within, patience.interval, look).await?;
    waited.map_err(|gave_up| gave_up.to_string())
}

/// Which run made a table, where it is tagged.
pub async fn run_of(clients: &Clients, table: &str) -> Option<String> {
    let described = clients.dynamodb.describe_table().table_name(table).send().await.ok()?;
    let arn = described.table()?.table_arn()?.to_owned();
    let tags = clients.dynamodb.list_tags_of_resource().resource_arn(arn).send().await.ok()?;
    tags.tags().iter().find(|tag| tag.key() == RUN_TAG).map(|tag| tag.value().to_owned())
}
