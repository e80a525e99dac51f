//! CopyObject: from any bucket the caller may read, across Regions too.

use percent_encoding::percent_decode_str;

use super::Ask;
use super::answer::{header, invalid_argument, invalid_request, not_modelled, root, xml};
use super::object;
use super::state::{Object, arn};
use crate::wire::{AwsError, Response};

pub(super) fn copy(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutObject")?;
    object::refuse_unmodelled(ask)?;
    let conditional = |name: &http::HeaderName| name.as_str().starts_with("x-amz-copy-source-");
    if let Some(name) = ask.request.headers().keys().find(|name| conditional(name)) {
        return Err(not_modelled(&format!("the header {name}")));
    }
    let (bucket, key, version) = source(ask)?;
    let (mut copied, source_version) = read(ask, &bucket, &key, version.as_deref())?;
    let replaces = |name: &str| match ask.header(name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(invalid_argument(format!("Unknown directive {other} in {name}."))),
    };
    let (metadata, tags) = (replaces("x-amz-metadata-directive")?, replaces("x-amz-tagging-directive")?);
    let same = bucket == ask.target.bucket && key == ask.target.key && version.is_none();
    let said = object::about(ask)?;
    if same
        && !metadata
        && said.storage_class == copied.about.storage_class
        && ask.header("x-amz-server-side-encryption").is_none()
    {
        return Err(invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    if metadata {
        (copied.about.headers, copied.about.metadata) = (said.headers, said.metadata);
    }
    if tags {
        copied.about.tags = said.tags;
    }
    copied.about.storage_class = said.storage_class;
    copied.encryption = object::encryption(ask)?;
    // A copy is one part again: its ETag is the MD5 of its bytes.
    copied.etag = format!("\"{}\"", super::checksum::hex(&super::checksum::md5(&copied.body)));
    copied.checksum = copied.checksum.filter(|checksum| checksum.kind() == "FULL_OBJECT");
    let (etag, encryption) = (copied.etag.clone(), copied.encryption.clone());
    let (id, at) = object::write(ask, copied)?;
    let result = root("CopyObjectResult").text_child("LastModified", at.iso8601()).text_child("ETag", etag);
    let mut response = xml(ask.call, &result);
    object::encryption_headers(&mut response, &encryption);
    for (name, value) in [("x-amz-version-id", id), ("x-amz-copy-source-version-id", source_version)] {
        if let Some(value) = value {
            header(&mut response, name, &value);
        }
    }
    Ok(response)
}

/// `[/]bucket/key[?versionId=id]`, percent-encoded.
fn source(ask: &Ask<'_>) -> Result<(String, String, Option<String>), AwsError> {
    let invalid = || invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    let text = ask.header("x-amz-copy-source").ok_or_else(invalid)?;
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version.to_owned())),
        None => (text, None),
    };
    let path = percent_decode_str(path).decode_utf8().map_err(|_| invalid())?;
    let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/').ok_or_else(invalid)?;
    Ok((bucket.to_owned(), key.to_owned(), version))
}

/// Reads the source where it is; the Regions must reach each other.
fn read(ask: &Ask<'_>, bucket: &str, key: &str, version: Option<&str>) -> Result<(Object, Option<String>), AwsError> {
    let action = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
    ask.call.authorize(action, &arn(bucket, key))?;
    let cloud = &ask.call.cloud;
    let state = cloud.s3.lock();
    let mut there = ask.call.clone();
    if let Some(found) = state.buckets.get(bucket) {
        there.region = found.region;
    }
    if there.region != ask.call.region && !cloud.faults.can_reach(there.region, ask.call.region) {
        let message = format!("the source bucket {bucket} in {} cannot be reached", there.region);
        return Err(AwsError::new(503, "ServiceUnavailable", message));
    }
    let found = state.bucket(&there, bucket)?;
    let (version, object) = object::find(&there, found, key, version)?;
    object::check_readable(&there, object)?;
    let shown = (found.versioning != super::state::Versioning::Never).then(|| version.id.clone());
    Ok((object.clone(), shown))
}
