//! PutObject, GetObject and HeadObject.

use std::ops::Range;

use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::answer::{self, header, invalid_argument, invalid_request, not_modelled};
use super::body::Upload;
use super::state::{About, Bucket, Encryption, Object, Version, Versioning, arn};
use super::{Ask, replication, tagging};
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::wire::{AwsError, Response};

/// The headers that are kept with an object and given back.
const KEPT: &[&str] =
    &["content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"];
/// User metadata is at most 2 KB (S3 user guide).
const METADATA_MAX: usize = 2_048;

pub(super) fn put(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutObject")?;
    refuse_unmodelled(ask)?;
    let about = about(ask)?;
    let upload = Upload::read(ask.request)?;
    let encryption = encryption(ask)?;
    let object = Object { etag: upload.etag(), body: upload.body, about, checksum: upload.checksum, encryption };
    store(ask, object)
}

/// Writes an object as the newest version of the key, and answers as PutObject does.
fn store(ask: &Ask<'_>, object: Object) -> Result<Response, AwsError> {
    let (call, key) = (ask.call, ask.target.key.as_str());
    let mut state = call.cloud.s3.lock();
    let bucket = state.bucket(call, &ask.target.bucket)?;
    check_write_conditions(ask, bucket)?;
    let versioned = bucket.versioning != Versioning::Never;
    let mut response = answer::empty(call, 200);
    header(&mut response, "etag", &object.etag);
    if let Some(checksum) = &object.checksum {
        header(&mut response, checksum.algorithm.header(), &checksum.value);
        header(&mut response, "x-amz-checksum-type", checksum.kind());
    }
    encryption_headers(&mut response, &object.encryption);
    let mut version = Version::new(bucket.next_id(call), call.cloud.clock.now(), Some(object));
    if versioned {
        header(&mut response, "x-amz-version-id", &version.id);
    }
    replication::on_write(&call.cloud, &state, &ask.target.bucket, key, &mut version);
    state.bucket_mut(call, &ask.target.bucket)?.insert(key, version);
    Ok(response)
}

pub(super) fn check_write_conditions(ask: &Ask<'_>, bucket: &Bucket) -> Result<(), AwsError> {
    let current = bucket.current(&ask.target.key).map(|(_, object)| object.etag.as_str());
    match (ask.header("if-none-match"), ask.header("if-match")) {
        (None, None) => Ok(()),
        (Some("*"), None) => current.map_or(Ok(()), |_| Err(precondition_failed())),
        (Some(_), _) => Err(not_modelled("If-None-Match with an ETag on writes (\"*\" is)")),
        (None, Some(etag)) => match current {
            None => Err(no_such_key(&ask.target.key)),
            Some(current) if etag_matches(etag, current) => Ok(()),
            Some(_) => Err(precondition_failed()),
        },
    }
}

/// Refuses the headers that would change what the twin does not model.
pub(super) fn refuse_unmodelled(ask: &Ask<'_>) -> Result<(), AwsError> {
    if let Some(acl) = ask.header("x-amz-acl")
        && acl != "bucket-owner-full-control"
    {
        // What a bucket answers that disables ACLs, as every new one does (S3 user guide, Object Ownership).
        return Err(AwsError::bad_request("AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    let prefixes = ["x-amz-object-lock-", "x-amz-grant-", "x-amz-server-side-encryption-customer-"];
    let single =
        ["x-amz-website-redirect-location", "x-amz-server-side-encryption-context", "x-amz-write-offset-bytes"];
    let mut names = ask.request.headers().keys().map(http::HeaderName::as_str);
    match names.find(|name| single.contains(name) || prefixes.iter().any(|prefix| name.starts_with(prefix))) {
        Some(name) => Err(not_modelled(&format!("the header {name}"))),
        None => Ok(()),
    }
}

/// What the headers of an upload say about the object.
pub(super) fn about(ask: &Ask<'_>) -> Result<About, AwsError> {
    let mut about = About::default();
    for (name, value) in ask.request.headers() {
        let Ok(value) = value.to_str() else { continue };
        if let Some(key) = name.as_str().strip_prefix("x-amz-meta-") {
            about.metadata.insert(key.to_owned(), value.to_owned());
        } else if let Some(kept) = KEPT.iter().find(|kept| **kept == name.as_str()) {
            // The framing of the upload is no property of the object.
            let value =
                value.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect::<Vec<_>>().join(",");
            if !value.is_empty() {
                about.headers.push((kept, value));
            }
        }
    }
    if about.metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > METADATA_MAX {
        return Err(AwsError::bad_request(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed size.",
        ));
    }
    if let Some(tags) = ask.header("x-amz-tagging") {
        about.tags = tagging::from_header(tags)?;
    }
    about.storage_class = ask.header("x-amz-storage-class").map_or(Ok(String::new()), check_storage_class)?;
    Ok(about)
}

/// A storage class as it is kept: empty for STANDARD.
pub(super) fn check_storage_class(class: &str) -> Result<String, AwsError> {
    match class {
        "STANDARD" => Ok(String::new()),
        "STANDARD_IA" | "ONEZONE_IA" | "INTELLIGENT_TIERING" | "GLACIER_IR" | "REDUCED_REDUNDANCY" => {
            Ok(class.to_owned())
        }
        // An archived object must be restored before it is read, which is not modelled.
        "GLACIER" | "DEEP_ARCHIVE" => Err(not_modelled(&format!("the storage class {class}"))),
        _ => Err(AwsError::bad_request("InvalidStorageClass", "The storage class you specified is not valid")),
    }
}

/// How a new object is encrypted: as the request says, else as the bucket does.
pub(super) fn encryption(ask: &Ask<'_>) -> Result<Encryption, AwsError> {
    let key = ask.header("x-amz-server-side-encryption-aws-kms-key-id");
    let wanted = match ask.header("x-amz-server-side-encryption") {
        Some("AES256") => Encryption::S3,
        Some("aws:kms") => Encryption::Kms(key.unwrap_or("alias/aws/s3").to_owned()),
        Some(other) => return Err(not_modelled(&format!("the server-side encryption {other}"))),
        None if key.is_some() => {
            return Err(invalid_argument("a KMS key needs x-amz-server-side-encryption: aws:kms"));
        }
        None => ask.call.cloud.s3.lock().bucket(ask.call, &ask.target.bucket)?.encryption.clone(),
    };
    match wanted {
        Encryption::S3 => Ok(Encryption::S3),
        Encryption::Kms(key) => unlock(ask.call, "kms:GenerateDataKey", &key).map(Encryption::Kms),
    }
}

/// The ARN of a key that works and that the caller may use.
pub(super) fn unlock(call: &Call, action: &str, key: &str) -> Result<String, AwsError> {
    let kms = &call.cloud.kms;
    let arn = kms
        .usable(&call.cloud, call.region, key)
        .map_err(|error| AwsError::bad_request(format!("KMS.{}", error.code), error.message))?;
    kms.authorize(call, action, key).map_err(|error| AwsError::new(403, "AccessDenied", error.message))?;
    Ok(arn)
}

/// Fails where the key of an encrypted object does not work or the caller may not use it.
pub(super) fn check_readable(call: &Call, object: &Object) -> Result<(), AwsError> {
    match &object.encryption {
        Encryption::S3 => Ok(()),
        Encryption::Kms(key) => unlock(call, "kms:Decrypt", key).map(drop),
    }
}

pub(super) fn get(ask: &Ask<'_>) -> Result<Response, AwsError> {
    read(ask, true)
}

pub(super) fn head(ask: &Ask<'_>) -> Result<Response, AwsError> {
    read(ask, false)
}

fn read(ask: &Ask<'_>, with_body: bool) -> Result<Response, AwsError> {
    let by_version = ask.target.get("versionId");
    ask.authorize(if by_version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" })?;
    if ask.target.has("partNumber") {
        return Err(not_modelled("reads by partNumber"));
    }
    let state = ask.call.cloud.s3.lock();
    let bucket = state.bucket(ask.call, &ask.target.bucket)?;
    let (version, object) = find(ask.call, bucket, &ask.target.key, by_version)?;
    check_read_conditions(ask, version, object)?;
    check_readable(ask.call, object)?;
    let range = ask.header("range").map_or(Ok(None), |text| range(text, object.body.len()))?;
    let mut response = answer::empty(ask.call, if range.is_some() { 206 } else { 200 });
    describe(ask, bucket, version, object, range.is_none(), &mut response);
    let total = object.body.len();
    let body = match range {
        None => object.body.clone(),
        Some(range) => {
            let shown = format!("bytes {}-{}/{total}", range.start, range.end.saturating_sub(1));
            header(&mut response, "content-range", &shown);
            object.body.slice(range)
        }
    };
    header(&mut response, "content-length", &body.len().to_string());
    *response.body_mut() = if with_body { body } else { Bytes::new() };
    Ok(response)
}

/// The version a read is about.
pub(super) fn find<'a>(
    call: &Call,
    bucket: &'a Bucket,
    key: &str,
    id: Option<&str>,
) -> Result<(&'a Version, &'a Object), AwsError> {
    let version = match id {
        None => bucket.latest(key),
        Some(id) => {
            let found = bucket.objects.get(key).and_then(|all| all.iter().find(|version| version.id == id));
            if found.is_none() {
                let message = "The specified version does not exist.";
                return Err(AwsError::new(404, "NoSuchVersion", message).with("VersionId", id.into()));
            }
            found
        }
    };
    let missing = || {
        // Who may not list the bucket does not learn what is missing (API reference, GetObject).
        let listed = call.authorize("s3:ListBucket", &arn(&bucket.name, ""));
        listed.err().unwrap_or_else(|| no_such_key(key))
    };
    let version = version.ok_or_else(missing)?;
    match &version.object {
        Some(object) => Ok((version, object)),
        None => {
            let error = match id {
                Some(_) => {
                    AwsError::new(405, "MethodNotAllowed", "The specified method is not allowed: a delete marker.")
                }
                None => missing(),
            };
            Err(error.with("x-amz-delete-marker", "true".into()).with("x-amz-version-id", version.id.as_str().into()))
        }
    }
}

pub(super) fn no_such_key(key: &str) -> AwsError {
    AwsError::new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key.into())
}

fn precondition_failed() -> AwsError {
    AwsError::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

fn etag_matches(wanted: &str, etag: &str) -> bool {
    wanted.split(',').map(str::trim).any(|one| one == "*" || one.trim_matches('"') == etag.trim_matches('"'))
}

/// RFC 9110's order: If-Match before If-Unmodified-Since, If-None-Match before If-Modified-Since.
fn check_read_conditions(ask: &Ask<'_>, version: &Version, object: &Object) -> Result<(), AwsError> {
    let not_modified = || AwsError::new(304, "NotModified", "Not Modified").with("etag", object.etag.as_str().into());
    // Header dates have whole seconds.
    let at = version.at.millis().div_euclid(1_000);
    let date = |name: &str| ask.header(name).and_then(http_date);
    match (ask.header("if-match"), date("if-unmodified-since")) {
        (Some(etag), _) if !etag_matches(etag, &object.etag) => return Err(precondition_failed()),
        (None, Some(date)) if at > date => return Err(precondition_failed()),
        _ => {}
    }
    match (ask.header("if-none-match"), date("if-modified-since")) {
        (Some(etag), _) if etag_matches(etag, &object.etag) => Err(not_modified()),
        (None, Some(date)) if at <= date => Err(not_modified()),
        _ => Ok(()),
    }
}

fn http_date(text: &str) -> Option<i64> {
    OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok().map(OffsetDateTime::unix_timestamp)
}

/// The bytes a Range header asks for; none where it is one S3 ignores (several ranges, other units).
fn range(text: &str, length: usize) -> Result<Option<Range<usize>>, AwsError> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let unsatisfiable = || AwsError::new(416, "InvalidRange", "The requested range is not satisfiable");
    let range = match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
        (Ok(first), Ok(last)) if last >= first => first..length.min(last.saturating_add(1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..length,
        (Err(_), Ok(count)) if first.trim().is_empty() => length.saturating_sub(count)..length,
        _ => return Ok(None),
    };
    if range.start >= range.end { Err(unsatisfiable()) } else { Ok(Some(range)) }
}

fn describe(ask: &Ask<'_>, bucket: &Bucket, version: &Version, object: &Object, whole: bool, response: &mut Response) {
    header(response, "last-modified", &version.at.http_date());
    header(response, "etag", &object.etag);
    header(response, "accept-ranges", "bytes");
    header(response, "content-type", "binary/octet-stream");
    for (name, value) in &object.about.headers {
        header(response, name, value);
    }
    for kept in KEPT {
        if let Some(value) = ask.target.get(&format!("response-{kept}")) {
            header(response, kept, value);
        }
    }
    for (key, value) in &object.about.metadata {
        header(response, &format!("x-amz-meta-{key}"), value);
    }
    if !object.about.storage_class.is_empty() {
        header(response, "x-amz-storage-class", &object.about.storage_class);
    }
    if !object.about.tags.is_empty() {
        header(response, "x-amz-tagging-count", &object.about.tags.len().to_string());
    }
    if bucket.versioning != Versioning::Never {
        header(response, "x-amz-version-id", &version.id);
    }
    if let Some(standing) = &version.replication {
        header(response, "x-amz-replication-status", standing.status());
    }
    encryption_headers(response, &object.encryption);
    let wanted = whole && ask.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
    if let Some(checksum) = object.checksum.as_ref().filter(|_| wanted) {
        header(response, checksum.algorithm.header(), &checksum.value);
        header(response, "x-amz-checksum-type", checksum.kind());
    }
}

pub(super) fn encryption_headers(response: &mut Response, encryption: &Encryption) {
    match encryption {
        Encryption::S3 => header(response, "x-amz-server-side-encryption", "AES256"),
        Encryption::Kms(key) => {
            header(response, "x-amz-server-side-encryption", "aws:kms");
            header(response, "x-amz-server-side-encryption-aws-kms-key-id", key);
        }
    }
}

/// Writes a finished object from elsewhere (a copy, a completed upload) and gives its version back.
pub(super) fn write(ask: &Ask<'_>, object: Object) -> Result<(Option<String>, Timestamp), AwsError> {
    let call = ask.call;
    let mut state = call.cloud.s3.lock();
    let bucket = state.bucket(call, &ask.target.bucket)?;
    let versioned = bucket.versioning != Versioning::Never;
    let at = call.cloud.clock.now();
    let mut version = Version::new(bucket.next_id(call), at, Some(object));
    let id = versioned.then(|| version.id.clone());
    replication::on_write(&call.cloud, &state, &ask.target.bucket, &ask.target.key, &mut version);
    state.bucket_mut(call, &ask.target.bucket)?.insert(&ask.target.key, version);
    Ok((id, at))
}

/// A body that must not be empty.
pub(super) fn required_body<'a>(ask: &'a Ask<'_>) -> Result<&'a Bytes, AwsError> {
    match ask.request.body() {
        body if body.is_empty() => Err(invalid_request("Missing required body")),
        body => Ok(body),
    }
}
