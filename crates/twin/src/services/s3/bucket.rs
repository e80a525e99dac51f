//! Buckets themselves: made, found, emptied of nothing, removed.

use super::Ask;
use super::answer::{self, header, root, xml};
use super::state::{Bucket, no_such_bucket};
use crate::Cloud;
use crate::region::Region;
use crate::wire::{AwsError, Response, xml::Element};

pub(super) fn create(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:CreateBucket")?;
    if ask.header("x-amz-bucket-object-lock-enabled") == Some("true") {
        return Err(answer::not_modelled("object lock"));
    }
    let constraint = if ask.request.body().is_empty() {
        None
    } else {
        let body = Element::parse(ask.request.body())?;
        body.get_text("LocationConstraint").map(str::to_owned)
    };
    let here = ask.call.region;
    // us-east-1 makes buckets anywhere and is named by leaving the constraint out (API reference, CreateBucket).
    let region = match constraint.as_deref() {
        None if here == Region::US_EAST_1 => here,
        Some(name) if name == here.as_str() && here != Region::US_EAST_1 => here,
        Some("EU") if here == Region::US_EAST_1 => Region::EU_WEST_1,
        Some(name) if here == Region::US_EAST_1 && name != here.as_str() => {
            let region = Region::parse(name).ok().filter(|region| ask.call.cloud.regions.contains(region));
            let message = "The specified location-constraint is not valid";
            region.ok_or_else(|| AwsError::bad_request("InvalidLocationConstraint", message))?
        }
        other => {
            let message = format!(
                "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
                other.unwrap_or("unspecified")
            );
            return Err(AwsError::bad_request("IllegalLocationConstraintException", message));
        }
    };
    make(&ask.call.cloud, region, &ask.target.bucket)?;
    let mut response = answer::empty(ask.call, 200);
    header(&mut response, "location", &format!("/{}", ask.target.bucket));
    Ok(response)
}

/// Makes an empty bucket.
pub(super) fn make(cloud: &Cloud, region: Region, name: &str) -> Result<(), AwsError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let valid = (3..=63).contains(&name.len())
        && name.chars().all(fits)
        && ends(name.chars().next())
        && ends(name.chars().last())
        && !name.contains("..");
    if !valid {
        return Err(AwsError::bad_request("InvalidBucketName", format!("The specified bucket is not valid: {name:?}")));
    }
    let mut state = cloud.s3.lock();
    if state.buckets.contains_key(name) {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(AwsError::new(409, "BucketAlreadyOwnedByYou", message).with("BucketName", name.into()));
    }
    state.buckets.insert(name.to_owned(), Bucket::new(name, region, cloud.clock.now()));
    Ok(())
}

pub(super) fn head(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:ListBucket")?;
    let state = ask.call.cloud.s3.lock();
    let bucket = state.bucket(ask.call, &ask.target.bucket)?;
    let mut response = answer::empty(ask.call, 200);
    header(&mut response, "x-amz-bucket-region", bucket.region.as_str());
    Ok(response)
}

pub(super) fn delete(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:DeleteBucket")?;
    ask.call.cloud.s3.lock().bucket(ask.call, &ask.target.bucket)?;
    remove(&ask.call.cloud, &ask.target.bucket)?;
    Ok(answer::empty(ask.call, 204))
}

/// Removes an empty bucket; versions and delete markers count.
pub(super) fn remove(cloud: &Cloud, name: &str) -> Result<(), AwsError> {
    let mut state = cloud.s3.lock();
    if state.buckets.get(name).is_some_and(|bucket| !bucket.objects.is_empty()) {
        let message = "The bucket you tried to delete is not empty. You must delete all versions in the bucket.";
        return Err(AwsError::new(409, "BucketNotEmpty", message).with("BucketName", name.into()));
    }
    state.buckets.remove(name);
    state.uploads.retain(|_, upload| upload.bucket != name);
    Ok(())
}

pub(super) fn list(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.call.authorize("s3:ListAllMyBuckets", "*")?;
    let state = ask.call.cloud.s3.lock();
    let prefix = ask.target.get("prefix").unwrap_or_default();
    let region = ask.target.get("bucket-region");
    let buckets = state
        .buckets
        .values()
        .filter(|bucket| bucket.name.starts_with(prefix) && region.is_none_or(|name| name == bucket.region.as_str()))
        .map(|bucket| {
            Element::new("Bucket")
                .text_child("Name", &bucket.name)
                .text_child("CreationDate", bucket.created.iso8601())
                .text_child("BucketRegion", bucket.region.as_str())
        })
        .fold(Element::new("Buckets"), Element::child);
    let owner = Element::new("Owner").text_child("ID", &ask.call.cloud.account);
    Ok(xml(ask.call, &root("ListAllMyBucketsResult").child(owner).child(buckets)))
}

/// Answered in every Region: it is how callers find out where a bucket is.
pub(super) fn location(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:GetBucketLocation")?;
    let state = ask.call.cloud.s3.lock();
    let region = state.buckets.get(&ask.target.bucket).ok_or_else(|| no_such_bucket(&ask.target.bucket))?.region;
    let name = if region == Region::US_EAST_1 { "" } else { region.as_str() };
    Ok(xml(ask.call, &root("LocationConstraint").text(name)))
}
