//! S3: versions, whose Region a bucket is in, and replication.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, DeleteMarkerReplication,
    DeleteMarkerReplicationStatus, Destination, ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter,
    ReplicationRuleStatus, Tag, Tagging, VersioningConfiguration,
};
use serde_json::json;
use tokio::time::Instant;

use super::bench::{Bench, TAG, minutes, seconds, until};
use super::functions::role;
use super::miss::{Probed, lie, refused, unbuilt, unknown};
use crate::capability::Capability;
use crate::region::Region;
use crate::target::said;
use crate::wait::Look;

/// S3 replicates "most objects within 15 minutes" (S3 user guide, S3 RTC); an object that is on its way is PENDING.
const REPLICATES: Duration = minutes(15);
/// How long an object may have no status at all under a rule.
const STATUS: Duration = minutes(1);

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Bucket, minutes(2), versions(bench)).await;
    bench.attempt(Capability::BucketOfOneRegion, minutes(2), one_region(bench)).await;
    bench.attempt(Capability::BucketReplication, minutes(20), replication(bench)).await;
}

async fn versions(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.s3;
    let bucket = create(bench, "bucket", bench.here).await?;
    let mut ids = Vec::new();
    for text in ["first", "second"] {
        let put = client.put_object().bucket(&bucket).key("object").body(text.as_bytes().to_vec().into()).send().await;
        ids.push(put.map_err(refused("PutObject"))?.version_id().unwrap_or_default().to_owned());
    }
    client.delete_object().bucket(&bucket).key("object").send().await.map_err(refused("DeleteObject"))?;
    let old = client.get_object().bucket(&bucket).key("object").version_id(&ids[0]).send().await;
    let old = old.map_err(refused("GetObject of a version"))?.body.collect().await.map_err(unbuilt)?;
    if old.into_bytes() != "first" {
        return lie("an old version of an object does not hold what was put");
    }
    if client.get_object().bucket(&bucket).key("object").send().await.is_ok() {
        return lie("an object that was deleted can be read");
    }
    let listed = client.list_object_versions().bucket(&bucket).send().await.map_err(refused("ListObjectVersions"))?;
    let (versions, markers) = (listed.versions().len(), listed.delete_markers().len());
    if (versions, markers) != (2, 1) {
        return lie(format!("of two versions and a delete marker it keeps {versions} and {markers}"));
    }
    Ok("two versions and a delete marker are kept, and the first version can be read".to_owned())
}

async fn one_region(bench: &Bench<'_>) -> Probed {
    let (there, clients) = bench.theirs()?;
    let bucket = bench.name("bucket");
    match clients.s3.list_objects_v2().bucket(&bucket).send().await {
        Ok(_) => lie(format!("a bucket made in {} is served by the endpoint of {there} too", bench.here)),
        Err(SdkError::ServiceError(error)) => {
            let status = error.raw().status().as_u16();
            let code = error.err().code().unwrap_or("no code").to_owned();
            Ok(format!("the endpoint of {there} does not serve it: {status} {code}"))
        }
        Err(error) => unknown(format!("{there} gives no answer: {}", said(&error))),
    }
}

async fn replication(bench: &Bench<'_>) -> Probed {
    let client = &bench.ours()?.s3;
    let (there, clients) = bench.theirs()?;
    let source = create(bench, "source", bench.here).await?;
    let copy = create(bench, "copy", there).await?;
    configure(bench, client, &source, &copy).await?;
    let put = client.put_object().bucket(&source).key("object").body("replicate me".as_bytes().to_vec().into());
    put.send().await.map_err(refused("PutObject"))?;
    let begun = Instant::now();
    let mut looks = 0;
    let look = async || {
        looks += 1;
        let status = client.head_object().bucket(&source).key("object").send().await.map_err(refused("HeadObject"))?;
        let status = status.replication_status().map(|status| status.as_str().to_owned());
        let there_is = clients.s3.get_object().bucket(&copy).key("object").send().await;
        if let Ok(read) = there_is {
            let body = read.body.collect().await.map_err(unbuilt)?.into_bytes();
            return Ok(Look::Ready(if body == "replicate me" { Ok(status) } else { Err("it holds other bytes") }));
        }
        let said = status.unwrap_or_else(|| "no status".to_owned());
        // Nothing that is under way has no status, and nothing that failed comes later.
        let over = said == "no status" && begun.elapsed() > STATUS || said == "FAILED";
        Ok(if over { Look::Ready(Err("it never came")) } else { Look::NotYet(format!("it is not in {there}: {said}")) })
    };
    let rule = format!("a rule from {source} to {copy} is accepted");
    match until(REPLICATES, seconds(2), look).await? {
        Ok(Ok(status)) => {
            let (took, status) =
                (begun.elapsed().as_secs_f64(), status.unwrap_or_else(|| "without a status".to_owned()));
            if looks == 1 {
                return lie(format!("{rule}, and an object was in {there} at the first look: inside the write"));
            }
            Ok(format!("an object was in {there} {took:.1} s later, {status} at the source"))
        }
        Ok(Err(why)) => lie(format!("{rule}; of an object that was put {why}")),
        Err(last) => lie(format!("{rule}; {last}")),
    }
}

async fn configure(bench: &Bench<'_>, client: &Client, source: &str, copy: &str) -> Probed<()> {
    let (from, to) = (format!("arn:aws:s3:::{source}"), format!("arn:aws:s3:::{copy}"));
    let allow = |actions: &[&str], on: &str| json!({ "Effect": "Allow", "Action": actions, "Resource": on });
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        allow(&["s3:GetReplicationConfiguration", "s3:ListBucket"], &from),
        allow(
            &["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
            &format!("{from}/*"),
        ),
        allow(&["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], &format!("{to}/*")),
    ] });
    let role = role(bench, "replication", "s3.amazonaws.com", &policy).await?;
    let markers = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Enabled).build();
    let rule = ReplicationRule::builder()
        .id("everything")
        .priority(1)
        .status(ReplicationRuleStatus::Enabled)
        .filter(ReplicationRuleFilter::builder().prefix("").build())
        .delete_marker_replication(markers)
        .destination(Destination::builder().bucket(to).build().map_err(unbuilt)?)
        .build()
        .map_err(unbuilt)?;
    let configuration = ReplicationConfiguration::builder().role(role).rules(rule).build().map_err(unbuilt)?;
    let put = client.put_bucket_replication().bucket(source).replication_configuration(configuration).send().await;
    put.map(|_| ()).map_err(refused("PutBucketReplication"))
}

/// Makes a versioned bucket; its name is taken by nobody in the world.
pub async fn create(bench: &Bench<'_>, part: &str, region: Region) -> Probed {
    let client = bench.clients(region)?.s3.clone();
    let name = bench.name(part);
    let (remover, bucket) = (client.clone(), name.clone());
    bench.undo("buckets", format!("the bucket {name}"), async move { remove(&remover, &bucket).await });
    let mut call = client.create_bucket().bucket(&name);
    // us-east-1 is the default, and refused as an explicit constraint.
    if region != Region::US_EAST_1 {
        let constraint = BucketLocationConstraint::from(region.as_str());
        call = call
            .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(constraint).build());
    }
    call.send().await.map_err(refused("CreateBucket"))?;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let set = client.put_bucket_versioning().bucket(&name).versioning_configuration(enabled).send().await;
    set.map_err(refused("PutBucketVersioning"))?;
    let tag = Tag::builder().key(TAG).value(&bench.run).build().map_err(unbuilt)?;
    let tagging = Tagging::builder().tag_set(tag).build().map_err(unbuilt)?;
    let tagged = client.put_bucket_tagging().bucket(&name).tagging(tagging).send().await;
    tagged.map_err(refused("PutBucketTagging"))?;
    Ok(name)
}

/// Deletes every version and delete marker, then the bucket.
async fn remove(client: &Client, bucket: &str) -> Result<(), String> {
    loop {
        let listed = match client.list_object_versions().bucket(bucket).send().await {
            Ok(listed) => listed,
            Err(error) if error.code() == Some("NoSuchBucket") => return Ok(()),
            Err(error) => return Err(said(&error)),
        };
        let versions = listed.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = listed.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let all: Vec<_> = versions.chain(markers).collect();
        if all.is_empty() {
            break;
        }
        for (key, version) in all {
            let call = client.delete_object().bucket(bucket).set_key(key.map(str::to_owned));
            let call = call.set_version_id(version.map(str::to_owned));
            call.send().await.map_err(|error| said(&error))?;
        }
    }
    client.delete_bucket().bucket(bucket).send().await.map(|_| ()).map_err(|error| said(&error))
}
