//! Buckets: those of packages made, any emptied to the last version, removed.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier, Tag, Tagging};

use super::{DeployError, RUN_TAG};
use crate::region::Region;
use crate::target::{Clients, Target, said};

/// How often a bucket is emptied in which something arrives meanwhile.
const TRIES: u32 = 3;

/// Makes the bucket of packages, tagged with the run; one that is there already keeps its tag.
pub async fn create(target: &dyn Target, bucket: &str, region: Region, run: &str) -> Result<(), DeployError> {
    let failed = |what: String| DeployError::Bucket { bucket: bucket.to_owned(), region, what };
    let s3 = &target.clients_in(region)?.s3;
    // us-east-1 answers the creation of a bucket that its caller has already with success.
    if s3.head_bucket().bucket(bucket).send().await.is_ok() {
        return Ok(());
    }
    let mut call = s3.create_bucket().bucket(bucket);
    // us-east-1 is the default, and refused as an explicit constraint.
    if region != Region::US_EAST_1 {
        let constraint = BucketLocationConstraint::from(region.as_str());
        call = call
            .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(constraint).build());
    }
    match call.send().await {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(|e| e.is_bucket_already_owned_by_you()) => return Ok(()),
        Err(error) => return Err(failed(said(&error))),
    }
    let tag = Tag::builder().key(RUN_TAG).value(run).build().map_err(|error| failed(error.to_string()))?;
    let tags = Tagging::builder().tag_set(tag).build().map_err(|error| failed(error.to_string()))?;
    let tagged = s3.put_bucket_tagging().bucket(bucket).tagging(tags).send().await;
    tagged.map(|_| ()).map_err(|error| failed(said(&error)))
}

/// Where a bucket is, which every Region knows.
pub async fn located(clients: &Clients, bucket: &str) -> Option<Region> {
    let located = clients.s3.get_bucket_location().bucket(bucket).send().await.ok()?;
    match located.location_constraint().map(BucketLocationConstraint::as_str) {
        // API reference, GetBucketLocation: us-east-1 has none, and eu-west-1 may have its old name.
        None | Some("") => Some(Region::US_EAST_1),
        Some("EU") => Some(Region::EU_WEST_1),
        Some(name) => Region::parse(name).ok(),
    }
}

/// Which run made a bucket, where it is tagged.
pub async fn run_of(clients: &Clients, bucket: &str) -> Option<String> {
    let tagging = clients.s3.get_bucket_tagging().bucket(bucket).send().await.ok()?;
    tagging.tag_set().iter().find(|tag| tag.key() == RUN_TAG).map(|tag| tag.value().to_owned())
}

/// Puts an object, as packages and assets are.
pub async fn put(
    target: &dyn Target,
    bucket: &str,
    region: Region,
    key: &str,
    bytes: Vec<u8>,
) -> Result<(), DeployError> {
    let call = target.clients_in(region)?.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes));
    let sent = call.send().await;
    sent.map(|_| ()).map_err(|error| DeployError::Bucket { bucket: bucket.to_owned(), region, what: said(&error) })
}

/// Empties and removes a bucket. One that does not exist is no error.
pub async fn remove(target: &dyn Target, bucket: &str, region: Region) -> Result<(), DeployError> {
    let failed = |what: String| DeployError::Bucket { bucket: bucket.to_owned(), region, what };
    let s3 = &target.clients_in(region)?.s3;
    for attempt in 1..=TRIES {
        empty(target, bucket, region).await?;
        match s3.delete_bucket().bucket(bucket).send().await {
            Ok(_) => return Ok(()),
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) if error.code() == Some("BucketNotEmpty") && attempt < TRIES => {}
            Err(error) => return Err(failed(said(&error))),
        }
    }
    Ok(())
}

/// Deletes every version and delete marker, a page at a time. A bucket that does not exist is empty.
pub async fn empty(target: &dyn Target, bucket: &str, region: Region) -> Result<(), DeployError> {
    let failed = |what: String| DeployError::Bucket { bucket: bucket.to_owned(), region, what };
    let s3 = &target.clients_in(region)?.s3;
    let mut before: Vec<(String, Option<String>)> = Vec::new();
    loop {
        let listed = match s3.list_object_versions().bucket(bucket).send().await {
            Ok(listed) => listed,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(failed(said(&error))),
        };
        let versions = listed.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = listed.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let page: Vec<(String, Option<String>)> = versions
            .chain(markers)
            .filter_map(|(key, version)| Some((key?.to_owned(), version.map(str::to_owned))))
            .collect();
        if page.is_empty() {
            return Ok(());
        }
        if page == before {
            return Err(failed(format!("{} is listed again after its deletion was answered with success", page[0].0)));
        }
        delete(s3, bucket, &page).await.map_err(failed)?;
        before = page;
    }
}

/// Deletes up to a thousand versions, in one call where the target has that call.
async fn delete(s3: &aws_sdk_s3::Client, bucket: &str, page: &[(String, Option<String>)]) -> Result<(), String> {
    // DeleteObjects takes 1,000 keys, and a page of ListObjectVersions holds no more (API reference).
    let objects: Vec<ObjectIdentifier> = page
        .iter()
        .map(|(key, version)| ObjectIdentifier::builder().key(key).set_version_id(version.clone()).build())
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(|error| error.to_string())?;
    match s3.delete_objects().bucket(bucket).delete(batch).send().await {
        Ok(done) => match done.errors() {
            [] => return Ok(()),
            [first, ..] => {
                let (key, code) = (first.key().unwrap_or_default(), first.code().unwrap_or_default());
                let message = first.message().unwrap_or_default();
                return Err(format!(
                    "{} of {} would not go, first {key}: {code}: {message}",
                    done.errors().len(),
                    page.len()
                ));
            }
        },
        Err(error) if ["NotImplemented", "MethodNotAllowed"].contains(&error.code().unwrap_or_default()) => {}
        Err(error) => return Err(said(&error)),
    }
    for (key, version) in page {
        let call = s3.delete_object().bucket(bucket).key(key).set_version_id(version.clone());
        call.send().await.map_err(|error| said(&error))?;
    }
    Ok(())
}

fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code() == Some("NoSuchBucket")
}
