//! DeleteObject and DeleteObjects: delete markers, and versions gone for good.

use super::answer::{self, header, root, xml};
use super::object::required_body;
use super::state::{NULL, Version, Versioning, arn};
use super::{Ask, replication};
use crate::wire::{AwsError, Response, xml::Element};

/// DeleteObjects takes at most 1,000 keys (API reference).
const KEYS_MAX: usize = 1_000;

/// What became of a key.
struct Gone {
    /// Whether a marker was made or removed.
    marker: bool,
    version: Option<String>,
}

pub(super) fn one(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let id = ask.target.get("versionId");
    ask.authorize(if id.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" })?;
    if ask.header("if-match").is_some() {
        return Err(answer::not_modelled("conditional deletes"));
    }
    let gone = delete(ask, &ask.target.key, id)?;
    let mut response = answer::empty(ask.call, 204);
    if gone.marker {
        header(&mut response, "x-amz-delete-marker", "true");
    }
    if let Some(version) = &gone.version {
        header(&mut response, "x-amz-version-id", version);
    }
    Ok(response)
}

fn delete(ask: &Ask<'_>, key: &str, id: Option<&str>) -> Result<Gone, AwsError> {
    let call = ask.call;
    let mut state = call.cloud.s3.lock();
    let bucket = state.bucket_mut(call, &ask.target.bucket)?;
    if let Some(id) = id {
        let removed = bucket.remove(key, id);
        let marker = removed.is_some_and(|version| version.object.is_none());
        return Ok(Gone { marker, version: Some(id.to_owned()) });
    }
    if bucket.versioning == Versioning::Never {
        bucket.remove(key, NULL);
        return Ok(Gone { marker: false, version: None });
    }
    let mut marker = Version::new(bucket.next_id(call), call.cloud.clock.now(), None);
    let version = Some(marker.id.clone());
    replication::on_write(&call.cloud, &state, &ask.target.bucket, key, &mut marker);
    state.bucket_mut(call, &ask.target.bucket)?.insert(key, marker);
    Ok(Gone { marker: true, version })
}

pub(super) fn many(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.call.cloud.s3.lock().bucket(ask.call, &ask.target.bucket)?;
    let body = Element::parse(required_body(ask)?)?;
    let quiet = body.get_text("Quiet") == Some("true");
    if body.all("Object").count() > KEYS_MAX {
        return Err(AwsError::bad_request("MalformedXML", format!("at most {KEYS_MAX} keys in one DeleteObjects")));
    }
    let mut result = root("DeleteResult");
    for object in body.all("Object") {
        let (key, id) = (object.get_text("Key").unwrap_or_default(), object.get_text("VersionId"));
        let action = if id.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
        let done = ask.call.authorize(action, &arn(&ask.target.bucket, key)).and_then(|()| delete(ask, key, id));
        match done {
            Ok(_) if quiet => {}
            Ok(gone) => {
                let mut entry = Element::new("Deleted").text_child("Key", key).optional_child("VersionId", id);
                if gone.marker {
                    entry = entry
                        .text_child("DeleteMarker", "true")
                        .optional_child("DeleteMarkerVersionId", gone.version.as_deref());
                }
                result = result.child(entry);
            }
            Err(error) => {
                let code = if error.code == "AccessDeniedException" { "AccessDenied" } else { &error.code };
                let entry = Element::new("Error").text_child("Key", key).optional_child("VersionId", id);
                result = result.child(entry.text_child("Code", code).text_child("Message", error.message.as_str()));
            }
        }
    }
    Ok(xml(ask.call, &result))
}
