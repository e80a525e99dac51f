//! Tags, of objects and of buckets.

use std::collections::BTreeMap;

use super::answer::{self, header, root, xml};
use super::object::{no_such_key, required_body};
use super::state::{Object, State, Version};
use super::{Ask, replication};
use crate::clock::Timestamp;
use crate::wire::{AwsError, Response, xml::Element};

/// An object has at most 10 tags, a bucket 50 (S3 user guide).
const OBJECT_TAGS_MAX: usize = 10;
const BUCKET_TAGS_MAX: usize = 50;

/// The tags of an `x-amz-tagging` header: a query string.
pub(super) fn from_header(text: &str) -> Result<BTreeMap<String, String>, AwsError> {
    bounded(form_urlencoded::parse(text.as_bytes()).into_owned().collect(), OBJECT_TAGS_MAX)
}

fn bounded(tags: BTreeMap<String, String>, max: usize) -> Result<BTreeMap<String, String>, AwsError> {
    if tags.len() > max {
        return Err(AwsError::bad_request("BadRequest", format!("there are at most {max} tags, not {}", tags.len())));
    }
    Ok(tags)
}

fn from_body(ask: &Ask<'_>, max: usize) -> Result<BTreeMap<String, String>, AwsError> {
    let body = Element::parse(required_body(ask)?)?;
    let tags = body.get("TagSet").into_iter().flat_map(|set| set.all("Tag"));
    let pair = |tag: &Element| Some((tag.get_text("Key")?.to_owned(), tag.get_text("Value")?.to_owned()));
    bounded(tags.filter_map(pair).collect(), max)
}

fn shown(ask: &Ask<'_>, tags: &BTreeMap<String, String>) -> Response {
    let set = tags
        .iter()
        .map(|(key, value)| Element::new("Tag").text_child("Key", key).text_child("Value", value))
        .fold(Element::new("TagSet"), Element::child);
    xml(ask.call, &root("Tagging").child(set))
}

pub(super) fn get(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:GetObjectTagging")?;
    let mut state = ask.call.cloud.s3.lock();
    let (id, _, object) = find(ask, &mut state)?;
    let mut response = shown(ask, &object.about.tags);
    header(&mut response, "x-amz-version-id", &id);
    Ok(response)
}

pub(super) fn put(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutObjectTagging")?;
    let tags = from_body(ask, OBJECT_TAGS_MAX)?;
    change(ask, tags, 200)
}

pub(super) fn delete(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:DeleteObjectTagging")?;
    change(ask, BTreeMap::new(), 204)
}

/// Gives a version other tags, and its replicas with it.
fn change(ask: &Ask<'_>, tags: BTreeMap<String, String>, status: u16) -> Result<Response, AwsError> {
    let cloud = &ask.call.cloud;
    let mut state = cloud.s3.lock();
    let (id, tagged, object) = find(ask, &mut state)?;
    *tagged = cloud.clock.now();
    let before = std::mem::replace(&mut object.about.tags, tags);
    replication::on_tags(cloud, &mut state, (&ask.target.bucket, &ask.target.key, &id), &before);
    let mut response = answer::empty(ask.call, status);
    header(&mut response, "x-amz-version-id", &id);
    Ok(response)
}

/// The version the request is about: its id, when its tags changed last, and its object.
fn find<'a>(ask: &Ask<'_>, state: &'a mut State) -> Result<(String, &'a mut Timestamp, &'a mut Object), AwsError> {
    let bucket = state.bucket_mut(ask.call, &ask.target.bucket)?;
    let key = ask.target.key.as_str();
    let id = ask.target.get("versionId");
    let fits = |version: &&mut Version| id.is_none_or(|id| version.id == id);
    let version = bucket.objects.get_mut(key).and_then(|all| all.iter_mut().rev().find(fits));
    let Version { id, tagged, object, .. } = version.ok_or_else(|| no_such_key(key))?;
    Ok((id.clone(), tagged, object.as_mut().ok_or_else(|| no_such_key(key))?))
}

pub(super) fn get_of_bucket(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:GetBucketTagging")?;
    let state = ask.call.cloud.s3.lock();
    let bucket = state.bucket(ask.call, &ask.target.bucket)?;
    if bucket.tags.is_empty() {
        return Err(AwsError::new(404, "NoSuchTagSet", "The TagSet does not exist"));
    }
    Ok(shown(ask, &bucket.tags))
}

pub(super) fn put_of_bucket(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutBucketTagging")?;
    let tags = from_body(ask, BUCKET_TAGS_MAX)?;
    ask.call.cloud.s3.lock().bucket_mut(ask.call, &ask.target.bucket)?.tags = tags;
    Ok(answer::empty(ask.call, 204))
}

pub(super) fn delete_of_bucket(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutBucketTagging")?;
    ask.call.cloud.s3.lock().bucket_mut(ask.call, &ask.target.bucket)?.tags.clear();
    Ok(answer::empty(ask.call, 204))
}
