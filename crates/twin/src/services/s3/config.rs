//! What a bucket is set to: versioning, replication, encryption, policy, public access, lifecycle.

use super::answer::{self, root, xml};
use super::object::required_body;
use super::replication::{self, Replication};
use super::state::{Bucket, Encryption, State, Versioning, no_such_bucket};
use super::{Ask, answer::not_modelled};
use crate::Cloud;
use crate::wire::{AwsError, Response, respond, xml::Element};

pub(super) fn get_versioning(ask: &Ask<'_>) -> Result<Response, AwsError> {
    read(ask, "s3:GetBucketVersioning", |bucket| {
        let status = match bucket.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some("Enabled"),
            Versioning::Suspended => Some("Suspended"),
        };
        Ok(xml(ask.call, &root("VersioningConfiguration").optional_child("Status", status)))
    })
}

pub(super) fn put_versioning(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutBucketVersioning")?;
    let body = Element::parse(required_body(ask)?)?;
    if body.get_text("MfaDelete") == Some("Enabled") {
        return Err(not_modelled("MFA delete"));
    }
    let status = body.get_text("Status").unwrap_or_default();
    let mut state = ask.call.cloud.s3.lock();
    set_versioning(state.bucket_mut(ask.call, &ask.target.bucket)?, status)?;
    Ok(answer::empty(ask.call, 200))
}

pub(super) fn set_versioning(bucket: &mut Bucket, status: &str) -> Result<(), AwsError> {
    bucket.versioning = match status {
        "Enabled" => Versioning::Enabled,
        "Suspended" if bucket.replication.is_some() => {
            let message = "A replication configuration is present on this bucket, so you cannot change the versioning \
                           state. To change the versioning state, first delete the replication configuration.";
            return Err(AwsError::new(409, "InvalidBucketState", message));
        }
        "Suspended" => Versioning::Suspended,
        other => {
            let message = format!("versioning is Enabled or Suspended, not {other:?}");
            return Err(AwsError::bad_request("IllegalVersioningConfigurationException", message));
        }
    };
    Ok(())
}

pub(super) fn get_replication(ask: &Ask<'_>) -> Result<Response, AwsError> {
    read(ask, "s3:GetReplicationConfiguration", |bucket| match &bucket.replication {
        Some(replication) => Ok(stored(ask, &replication.document)),
        None => {
            let message = "The replication configuration was not found";
            Err(AwsError::new(404, "ReplicationConfigurationNotFoundError", message))
        }
    })
}

pub(super) fn put_replication(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutReplicationConfiguration")?;
    let document = Element::parse(required_body(ask)?)?;
    // Who names a role must be allowed to pass it on (API reference, PutBucketReplication).
    ask.call.authorize("iam:PassRole", document.get_text("Role").unwrap_or_default())?;
    let mut state = ask.call.cloud.s3.lock();
    state.bucket(ask.call, &ask.target.bucket)?;
    set_replication(&ask.call.cloud, &mut state, &ask.target.bucket, document)?;
    Ok(answer::empty(ask.call, 200))
}

/// Gives a bucket a configuration; the one it has stays, with its age.
pub(super) fn set_replication(
    cloud: &Cloud,
    state: &mut State,
    name: &str,
    mut document: Element,
) -> Result<(), AwsError> {
    replication::name_rules(&mut document, || cloud.ids.mixed(48));
    let Some(bucket) = state.buckets.get(name) else { return Err(no_such_bucket(name)) };
    if bucket.replication.as_ref().is_some_and(|current| current.document == document) {
        return Ok(());
    }
    let replication = Replication::read(document, &cloud.account, cloud.clock.now())?;
    replication::check(state, bucket, &replication)?;
    if let Some(bucket) = state.buckets.get_mut(name) {
        bucket.replication = Some(replication);
    }
    Ok(())
}

pub(super) fn delete_replication(ask: &Ask<'_>) -> Result<Response, AwsError> {
    write(ask, "s3:PutReplicationConfiguration", |bucket| bucket.replication = None)
}

pub(super) fn get_policy(ask: &Ask<'_>) -> Result<Response, AwsError> {
    read(ask, "s3:GetBucketPolicy", |bucket| match &bucket.policy {
        Some(policy) => Ok(respond(200, "application/json", &ask.call.request_id, policy.clone())),
        None => Err(AwsError::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist")),
    })
}

pub(super) fn put_policy(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let text = String::from_utf8_lossy(required_body(ask)?).into_owned();
    check_policy(&text)?;
    write(ask, "s3:PutBucketPolicy", |bucket| bucket.policy = Some(text))
}

/// A policy is a JSON object with statements.
pub(super) fn check_policy(text: &str) -> Result<(), AwsError> {
    let parsed = serde_json::from_str::<serde_json::Value>(text);
    if parsed.is_ok_and(|policy| policy.get("Statement").is_some()) {
        return Ok(());
    }
    Err(AwsError::bad_request("MalformedPolicy", "Policies must be valid JSON with a Statement"))
}

pub(super) fn delete_policy(ask: &Ask<'_>) -> Result<Response, AwsError> {
    write(ask, "s3:DeleteBucketPolicy", |bucket| bucket.policy = None)
}

pub(super) fn get_encryption(ask: &Ask<'_>) -> Result<Response, AwsError> {
    read(ask, "s3:GetEncryptionConfiguration", |bucket| {
        let (algorithm, key) = match &bucket.encryption {
            Encryption::S3 => ("AES256", None),
            Encryption::Kms(key) => ("aws:kms", Some(key)),
        };
        let by_default = Element::new("ApplyServerSideEncryptionByDefault")
            .text_child("SSEAlgorithm", algorithm)
            .optional_child("KMSMasterKeyID", key.map(String::as_str));
        let rule = Element::new("Rule").child(by_default).text_child("BucketKeyEnabled", "false");
        Ok(xml(ask.call, &root("ServerSideEncryptionConfiguration").child(rule)))
    })
}

pub(super) fn put_encryption(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(required_body(ask)?)?;
    let by_default = body.get("Rule").and_then(|rule| rule.get("ApplyServerSideEncryptionByDefault"));
    let algorithm = by_default.and_then(|rule| rule.get_text("SSEAlgorithm")).unwrap_or_default();
    let encryption = encryption(algorithm, by_default.and_then(|rule| rule.get_text("KMSMasterKeyID")))?;
    write(ask, "s3:PutEncryptionConfiguration", |bucket| bucket.encryption = encryption)
}

pub(super) fn encryption(algorithm: &str, key: Option<&str>) -> Result<Encryption, AwsError> {
    match algorithm {
        "AES256" => Ok(Encryption::S3),
        "aws:kms" => Ok(Encryption::Kms(key.unwrap_or("alias/aws/s3").to_owned())),
        other => Err(not_modelled(&format!("the server-side encryption {other:?}"))),
    }
}

pub(super) fn delete_encryption(ask: &Ask<'_>) -> Result<Response, AwsError> {
    write(ask, "s3:PutEncryptionConfiguration", |bucket| bucket.encryption = Encryption::S3)
}

pub(super) const PUBLIC_ACCESS: &str = "publicAccessBlock";
pub(super) const LIFECYCLE: &str = "lifecycle";

pub(super) fn get_public_access(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let missing = ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found");
    read(ask, "s3:GetBucketPublicAccessBlock", |bucket| give_back(ask, bucket, PUBLIC_ACCESS, missing))
}

pub(super) fn put_public_access(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(required_body(ask)?)?;
    write(ask, "s3:PutBucketPublicAccessBlock", |bucket| drop(bucket.stored.insert(PUBLIC_ACCESS, body)))
}

pub(super) fn delete_public_access(ask: &Ask<'_>) -> Result<Response, AwsError> {
    write(ask, "s3:PutBucketPublicAccessBlock", |bucket| drop(bucket.stored.remove(PUBLIC_ACCESS)))
}

pub(super) fn get_lifecycle(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let missing = ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist");
    read(ask, "s3:GetLifecycleConfiguration", |bucket| give_back(ask, bucket, LIFECYCLE, missing))
}

pub(super) fn put_lifecycle(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(required_body(ask)?)?;
    if body.get("Rule").is_none() {
        return Err(AwsError::bad_request("MalformedXML", "a lifecycle configuration has at least one Rule"));
    }
    write(ask, "s3:PutLifecycleConfiguration", |bucket| drop(bucket.stored.insert(LIFECYCLE, body)))
}

pub(super) fn delete_lifecycle(ask: &Ask<'_>) -> Result<Response, AwsError> {
    write(ask, "s3:PutLifecycleConfiguration", |bucket| drop(bucket.stored.remove(LIFECYCLE)))
}

fn give_back(ask: &Ask<'_>, bucket: &Bucket, what: &str, missing: (&str, &str)) -> Result<Response, AwsError> {
    match bucket.stored.get(what) {
        Some(document) => Ok(stored(ask, document)),
        None => Err(AwsError::new(404, missing.0, missing.1)),
    }
}

/// A document as it came, under S3's namespace.
fn stored(ask: &Ask<'_>, document: &Element) -> Response {
    let mut shown = document.clone();
    shown.attributes = root("").attributes;
    xml(ask.call, &shown)
}

fn read(
    ask: &Ask<'_>,
    action: &str,
    show: impl FnOnce(&Bucket) -> Result<Response, AwsError>,
) -> Result<Response, AwsError> {
    ask.authorize(action)?;
    show(ask.call.cloud.s3.lock().bucket(ask.call, &ask.target.bucket)?)
}

/// Changes the bucket. S3 answers a removal with 204 and what is put with 200.
fn write(ask: &Ask<'_>, action: &str, change: impl FnOnce(&mut Bucket)) -> Result<Response, AwsError> {
    ask.authorize(action)?;
    change(ask.call.cloud.s3.lock().bucket_mut(ask.call, &ask.target.bucket)?);
    let removal = ask.request.method() == http::Method::DELETE || ask.target.has("policy");
    Ok(answer::empty(ask.call, if removal { 204 } else { 200 }))
}
