//! `AWS::S3::Bucket` and `AWS::S3::BucketPolicy`.

use std::collections::BTreeMap;
use std::future::ready;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::bucket;
use super::config::{self, LIFECYCLE, PUBLIC_ACCESS};
use super::spec::{BUCKET, BUCKET_POLICY, NOT_MODELLED};
use super::state::{Encryption, State, Versioning, arn};
use crate::formation::{Created, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text};
use crate::wire::{AwsError, xml::Element};

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(BucketHandler), Box::new(PolicyHandler)]
}

struct BucketHandler;

impl ResourceHandler for BucketHandler {
    fn spec(&self) -> &'static Spec {
        &BUCKET
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(create(cx, properties)))
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(configure(cx, physical_id, new).map(|()| made(cx, physical_id))))
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(ready(bucket::remove(&cx.cloud, physical_id).map_err(ResourceError::from)))
    }
}

fn create(cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
    // Bucket names are lower case and at most 63 characters, so CloudFormation lowers and shortens what it generates.
    let name = optional_text(properties, "BucketName").map_or_else(|| generated(cx), str::to_owned);
    check_modelled(properties)?;
    bucket::make(&cx.cloud, cx.region, &name)?;
    if let Err(error) = configure(cx, &name, properties) {
        // It is empty still, so the removal cannot fail.
        let _removed = bucket::remove(&cx.cloud, &name);
        return Err(error);
    }
    Ok(made(cx, &name))
}

fn generated(cx: &ResourceContext) -> String {
    let name = cx.generated_name().to_lowercase();
    let (front, random) = name.rsplit_once('-').unwrap_or((name.as_str(), ""));
    let front: String = front.chars().take(62 - random.len()).collect();
    format!("{}-{random}", front.trim_end_matches('-'))
}

fn made(cx: &ResourceContext, name: &str) -> Created {
    let region = cx.region;
    // The oldest Regions' website endpoints have a dash, the others a dot (AWS General Reference).
    let dash = [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "sa-east-1",
    ];
    let separator = if dash.contains(&region.as_str()) { '-' } else { '.' };
    Created::new(name)
        .with("Arn", arn(name, ""))
        .with("DomainName", format!("{name}.s3.amazonaws.com"))
        .with("RegionalDomainName", format!("{name}.s3.{region}.amazonaws.com"))
        .with("DualStackDomainName", format!("{name}.s3.dualstack.{region}.amazonaws.com"))
        .with("WebsiteURL", format!("http://{name}.s3-website{separator}{region}.amazonaws.com"))
}

fn check_modelled(properties: &Value) -> Result<(), ResourceError> {
    if let Some(name) = NOT_MODELLED.iter().find(|name| properties.get(**name).is_some()) {
        return Err(ResourceError(format!(
            "the embedded twin does not model the property {name} of AWS::S3::Bucket; leave it out, or see docs/fidelity.md"
        )));
    }
    if properties.get("ObjectLockEnabled").and_then(Value::as_bool) == Some(true) {
        return Err(ResourceError(
            "the embedded twin does not model object lock: leave ObjectLockEnabled out".to_owned(),
        ));
    }
    match optional_text(properties, "AccessControl") {
        None | Some("Private" | "BucketOwnerFullControl") => Ok(()),
        Some(other) => Err(ResourceError(format!("the bucket does not allow ACLs: AccessControl {other}"))),
    }
}

/// Sets a bucket to what its properties say; what they leave out goes back to its default.
fn configure(cx: &ResourceContext, name: &str, properties: &Value) -> Result<(), ResourceError> {
    check_modelled(properties)?;
    let encryption = encryption(properties)?;
    let mut state = cx.cloud.s3.lock();
    let bucket =
        state.buckets.get_mut(name).ok_or_else(|| ResourceError(format!("the bucket {name} does not exist")))?;
    let mut tags: BTreeMap<String, String> = cx.stack_tags.iter().cloned().collect();
    for tag in list(properties, "Tags") {
        tags.insert(text(tag, "Key").to_owned(), text(tag, "Value").to_owned());
    }
    bucket.tags = tags;
    bucket.encryption = encryption;
    if properties.get("ReplicationConfiguration").is_none() {
        bucket.replication = None;
    }
    match properties.get("VersioningConfiguration") {
        Some(versioning) => config::set_versioning(bucket, text(versioning, "Status"))?,
        None if bucket.versioning == Versioning::Enabled => config::set_versioning(bucket, "Suspended")?,
        None => {}
    }
    store(
        &mut bucket.stored,
        PUBLIC_ACCESS,
        properties
            .get("PublicAccessBlockConfiguration")
            .map(|block| xml("PublicAccessBlockConfiguration", block).remove(0)),
    );
    store(&mut bucket.stored, LIFECYCLE, properties.get("LifecycleConfiguration").map(lifecycle));
    replicate(cx, &mut state, name, properties)?;
    Ok(())
}

fn store(stored: &mut BTreeMap<&'static str, Element>, what: &'static str, document: Option<Element>) {
    match document {
        Some(document) => drop(stored.insert(what, document)),
        None => drop(stored.remove(what)),
    }
}

fn replicate(cx: &ResourceContext, state: &mut State, name: &str, properties: &Value) -> Result<(), AwsError> {
    let Some(replication) = properties.get("ReplicationConfiguration") else { return Ok(()) };
    config::set_replication(&cx.cloud, state, name, xml("ReplicationConfiguration", replication).remove(0))
}

fn encryption(properties: &Value) -> Result<Encryption, ResourceError> {
    let rules =
        properties.get("BucketEncryption").map(|encryption| list(encryption, "ServerSideEncryptionConfiguration"));
    let by_default = rules.and_then(|rules| rules.first()?.get("ServerSideEncryptionByDefault"));
    match by_default {
        None => Ok(Encryption::S3),
        Some(rule) => Ok(config::encryption(text(rule, "SSEAlgorithm"), optional_text(rule, "KMSMasterKeyID"))?),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A property as the elements of S3's own document: the names are the same but for these few.
fn xml(name: &str, value: &Value) -> Vec<Element> {
    let name = match name {
        "Rules" => "Rule",
        "Id" => "ID",
        "TagFilter" | "TagFilters" => "Tag",
        other => other,
    };
    match value {
        Value::Array(items) => items.iter().flat_map(|item| xml(name, item)).collect(),
        Value::Object(members) => {
            let children = members.iter().flat_map(|(name, value)| xml(name, value));
            vec![children.fold(Element::new(name), Element::child)]
        }
        Value::String(text) => vec![Element::new(name).text(text.as_str())],
        other => vec![Element::new(name).text(other.to_string())],
    }
}

/// Lifecycle rules are flat in templates and nested in S3's document.
fn lifecycle(property: &Value) -> Element {
    let rules = list(property, "Rules").iter().map(|rule| {
        let mut out = Element::new("Rule");
        let transitions = list(rule, "Transitions").iter().chain(rule.get("Transition")).map(|transition| {
            renamed("Transition", transition, &[("TransitionInDays", "Days"), ("TransitionDate", "Date")])
        });
        let later = list(rule, "NoncurrentVersionTransitions").iter().chain(rule.get("NoncurrentVersionTransition"));
        let later = later.map(|transition| {
            renamed("NoncurrentVersionTransition", transition, &[("TransitionInDays", "NoncurrentDays")])
        });
        let nested: Vec<Element> = transitions.chain(later).collect();
        let mut expiration = Element::new("Expiration");
        for (name, value) in rule.as_object().into_iter().flatten() {
            match name.as_str() {
                "Transition" | "Transitions" | "NoncurrentVersionTransition" | "NoncurrentVersionTransitions" => {}
                "ExpirationInDays" => expiration = expiration.child(xml("Days", value).remove(0)),
                "ExpirationDate" => expiration = expiration.child(xml("Date", value).remove(0)),
                "ExpiredObjectDeleteMarker" => {
                    expiration = expiration.child(xml("ExpiredObjectDeleteMarker", value).remove(0));
                }
                "NoncurrentVersionExpirationInDays" => {
                    let days = xml("NoncurrentDays", value).remove(0);
                    out = out.child(Element::new("NoncurrentVersionExpiration").child(days));
                }
                _ => out = xml(name, value).into_iter().fold(out, Element::child),
            }
        }
        if !expiration.children.is_empty() {
            out = out.child(expiration);
        }
        nested.into_iter().fold(out, Element::child)
    });
    rules.fold(Element::new("LifecycleConfiguration"), Element::child)
}

fn renamed(name: &str, value: &Value, names: &[(&str, &str)]) -> Element {
    let children = value.as_object().into_iter().flatten().flat_map(|(member, value)| {
        let member = names.iter().find(|(from, _)| from == member).map_or(member.as_str(), |(_, to)| to);
        xml(member, value)
    });
    children.fold(Element::new(name), Element::child)
}

struct PolicyHandler;

impl PolicyHandler {
    fn put(cx: &ResourceContext, properties: &Value, exists: bool) -> Result<Created, ResourceError> {
        let name = text(properties, "Bucket");
        let policy = match properties.get("PolicyDocument") {
            Some(Value::String(text)) => text.clone(),
            Some(document) => document.to_string(),
            None => String::new(),
        };
        config::check_policy(&policy)?;
        let mut state = cx.cloud.s3.lock();
        let bucket = state.buckets.get_mut(name).filter(|bucket| bucket.region == cx.region);
        let bucket =
            bucket.ok_or_else(|| ResourceError(format!("the bucket {name} does not exist in {}", cx.region)))?;
        if bucket.policy.is_some() && !exists {
            return Err(ResourceError(format!("The bucket policy already exists on bucket {name}.")));
        }
        bucket.policy = Some(policy);
        Ok(Created::new(name))
    }
}

impl ResourceHandler for PolicyHandler {
    fn spec(&self) -> &'static Spec {
        &BUCKET_POLICY
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(Self::put(cx, properties, false)))
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(Self::put(cx, new, true)))
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        if let Some(bucket) = cx.cloud.s3.lock().buckets.get_mut(physical_id) {
            bucket.policy = None;
        }
        Box::pin(ready(Ok(())))
    }
}
