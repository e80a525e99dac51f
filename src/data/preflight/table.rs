//! The table: a replica in every Region, its stream, and an item from each Region to each other.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, MultiRegionConsistency, ReplicaStatus, StreamViewType, TableDescription,
};

use super::{Checked, INTERVAL, Preflight, REPLICA_DEADLINE, Wrong, all, check, waited};
use crate::history::Recorder;
use crate::region::Region;
use crate::target::{TargetError, said};
use crate::wait::{self, Look};

/// Replication of an item usually takes a second: a minute is a table that does not replicate.
const ROUND_TRIP: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(250);

/// The table as one Region has it.
pub struct Side {
    client: Client,
    region: Region,
    table: String,
}

/// The table in every Region, the primary one first.
pub fn sides(preflight: &Preflight<'_>, table: &str) -> Result<Vec<Side>, TargetError> {
    let side = |region: &Region| {
        let client = preflight.target.clients_in(*region)?.dynamodb.clone();
        Ok(Side { client, region: *region, table: table.to_owned() })
    };
    preflight.target.regions().iter().map(side).collect()
}

pub async fn hold(preflight: &Preflight<'_>, sides: Vec<Side>) -> bool {
    let (recorder, Some(primary)) = (preflight.recorder, sides.first()) else { return true };
    let replicas = sides.iter().map(|side| check(recorder, "table-replica", side.region, replica(primary, side)));
    if !all(replicas).await {
        // Where there is no replica there is no stream; where there is one, it is told as well.
        check(recorder, "table-stream", primary.region, stream(primary)).await;
        return false;
    }
    let streams = sides.iter().map(|side| check(recorder, "table-stream", side.region, stream(side)));
    let trips = sides.iter().map(|side| {
        let others = sides.iter().filter(|other| other.region != side.region).collect();
        check(recorder, "table-round-trip", side.region, round_trip(side, others, recorder))
    });
    all(streams).await && all(trips).await
}

async fn describe(side: &Side) -> Result<TableDescription, Wrong> {
    let described = side.client.describe_table().table_name(&side.table).send().await;
    let described = described.map_err(|error| Wrong::Blind(said(&error)))?;
    described.table.ok_or_else(|| Wrong::Blind(format!("DescribeTable says nothing of {}", side.table)))
}

/// The replica of a Region, as the primary sees it.
async fn replica(primary: &Side, here: &Side) -> Checked {
    let (table, region) = (&here.table, here.region);
    let look = async || {
        let described = describe(primary).await?;
        if region == primary.region {
            let status = described.table_status().map_or("unknown", |status| status.as_str());
            // UPDATING serves as ACTIVE does.
            let serves = matches!(status, "ACTIVE" | "UPDATING");
            return Ok(if serves { Look::Ready(()) } else { Look::NotYet(format!("the table is {status}")) });
        }
        let found = described.replicas().iter().find(|replica| replica.region_name() == Some(region.as_str()));
        let Some(found) = found else {
            let what = format!("the table {table} has no replica in {region}: add it to Replicas in data.yaml");
            return Err(Wrong::Missing(what));
        };
        Ok(match found.replica_status() {
            Some(ReplicaStatus::Active) => Look::Ready(()),
            status => Look::NotYet(format!("the replica is {}", status.map_or("unknown", |status| status.as_str()))),
        })
    };
    let hint = format!("DescribeTable of {table} in {} says more", primary.region);
    waited(wait::until("the replica to be ACTIVE", REPLICA_DEADLINE, INTERVAL, look).await, &hint)?;
    Ok(format!("the table {table} is ACTIVE in {region}"))
}

/// Replicas of MREC tables are fed by the stream: without it a table of version 2017.11.29 stands still, and one of
/// 2019.11.21 cannot get replicas. MRSC needs none (DynamoDB developer guide, "How DynamoDB global tables work").
async fn stream(here: &Side) -> Checked {
    let (table, region) = (&here.table, here.region);
    let described = describe(here).await?;
    if described.multi_region_consistency() == Some(&MultiRegionConsistency::Strong) {
        return Ok(format!("the table {table} is strongly consistent and needs no stream"));
    }
    let stream = described.stream_specification().filter(|stream| stream.stream_enabled());
    match stream.and_then(|stream| stream.stream_view_type()) {
        Some(StreamViewType::NewAndOldImages) => Ok(format!("the stream of {table} in {region} has both images")),
        Some(view) => Err(Wrong::Missing(format!(
            "the stream of {table} in {region} has {}: set StreamViewType to NEW_AND_OLD_IMAGES in data.yaml",
            view.as_str()
        ))),
        None => Err(Wrong::Missing(format!(
            "the table {table} has no stream in {region}: add StreamSpecification with NEW_AND_OLD_IMAGES to data.yaml"
        ))),
    }
}

/// An item written here appears in every other Region, and goes again.
async fn round_trip(here: &Side, others: Vec<&Side>, recorder: &Recorder) -> Checked {
    let blind = |what| Wrong::Blind(what);
    let key = format!("blackstart-preflight-{}", here.region);
    let proof = recorder.tag().to_string();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = here.client.put_item().table_name(&here.table).item("id", text(&key)).item("preflight", text(&proof));
    put.send().await.map_err(|error| blind(said(&error)))?;
    let there = everywhere(here, &others, &key, Some(&proof)).await;
    let delete = here.client.delete_item().table_name(&here.table).key("id", text(&key));
    delete.send().await.map_err(|error| blind(said(&error)))?;
    there?;
    everywhere(here, &others, &key, None).await?;
    let regions: Vec<&str> = others.iter().map(|other| other.region.as_str()).collect();
    Ok(format!("an item written in {} was read in {} and is gone again", here.region, regions.join(", ")))
}

/// Waits until every other Region shows the item with this proof, or no item.
async fn everywhere(here: &Side, others: &[&Side], key: &str, proof: Option<&str>) -> Result<(), Wrong> {
    for other in others {
        let look = async || {
            let id = AttributeValue::S(key.to_owned());
            let got = other.client.get_item().table_name(&other.table).key("id", id).send().await;
            Ok(match got {
                Ok(got) => {
                    let shown = got.item().and_then(|item| item.get("preflight")).and_then(|shown| shown.as_s().ok());
                    let same = shown.map(String::as_str) == proof;
                    if same { Look::Ready(()) } else { Look::NotYet("not yet".to_owned()) }
                }
                Err(error) => Look::NotYet(said(&error)),
            })
        };
        let done = if proof.is_some() { "written" } else { "deleted" };
        let what = format!("{} to see an item {done} in {}", other.region, here.region);
        let hint = format!("is {} replicated from {} to {}?", here.table, here.region, other.region);
        waited(wait::until(&what, ROUND_TRIP, LOOK, look).await, &hint)?;
    }
    Ok(())
}
