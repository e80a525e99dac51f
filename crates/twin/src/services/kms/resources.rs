//! `AWS::KMS::Key`, `AWS::KMS::ReplicaKey` and `AWS::KMS::Alias`.

use std::collections::BTreeMap;
use std::future::ready;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::key::{Key, KeyState};
use super::keys::{self, NewKey};
use super::{Kms, aliases};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(KeyHandler { spec: &KEY }), Box::new(KeyHandler { spec: &REPLICA_KEY }), Box::new(AliasHandler)]
}

const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);

static KEY: Spec = Spec {
    name: "AWS::KMS::Key",
    properties: &[
        Property::new("BypassPolicyLockoutSafetyCheck", Kind::Boolean),
        Property::new("Description", Kind::Text),
        Property::new("EnableKeyRotation", Kind::Boolean),
        Property::new("Enabled", Kind::Boolean),
        Property::new("KeyPolicy", Kind::Any),
        Property::new("KeySpec", Kind::Text).replaces(),
        Property::new("KeyUsage", Kind::Text).replaces(),
        Property::new("MultiRegion", Kind::Boolean).replaces(),
        Property::new("Origin", Kind::Text).replaces(),
        Property::new("PendingWindowInDays", Kind::Integer),
        Property::new("RotationPeriodInDays", Kind::Integer),
        Property::new("Tags", Kind::List(&TAG)),
    ],
    attributes: &["Arn", "KeyId"],
};

static REPLICA_KEY: Spec = Spec {
    name: "AWS::KMS::ReplicaKey",
    properties: &[
        Property::new("Description", Kind::Text),
        Property::new("Enabled", Kind::Boolean),
        Property::new("KeyPolicy", Kind::Any).required(),
        Property::new("PendingWindowInDays", Kind::Integer),
        Property::new("PrimaryKeyArn", Kind::Text).required().replaces(),
        Property::new("Tags", Kind::List(&TAG)),
    ],
    attributes: &["Arn", "KeyId"],
};

static ALIAS: Spec = Spec {
    name: "AWS::KMS::Alias",
    properties: &[
        Property::new("AliasName", Kind::Text).required().replaces(),
        Property::new("TargetKeyId", Kind::Text).required(),
    ],
    attributes: &[],
};

struct KeyHandler {
    spec: &'static Spec,
}

impl KeyHandler {
    fn make(&self, cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
        let kms = &cx.cloud.kms;
        let new = new_key(cx, properties)?;
        let key = if let Some(primary) = optional_text(properties, "PrimaryKeyArn") {
            keys::replicate(kms, &cx.cloud, primary, cx.region, new)?
        } else {
            keys::create(kms, &cx.cloud, cx.region, new)
        };
        Ok(made(cx, &key))
    }

    fn change(&self, cx: &ResourceContext, id: &str, new: &Value) -> Result<Created, ResourceError> {
        let new = new_key(cx, new)?;
        let mut state = cx.cloud.kms.lock();
        let key = state.find_mut(&cx.cloud, cx.region, id)?;
        key.description = new.description;
        key.tags = new.tags;
        key.rotates = new.rotates || (key.rotates && key.primary.is_some_and(|primary| primary != key.region));
        key.state = if new.enabled { KeyState::Enabled } else { KeyState::Disabled };
        if let Some(policy) = new.policy {
            key.policy = policy;
        }
        Ok(made(cx, key))
    }
}

fn made(cx: &ResourceContext, key: &Key) -> Created {
    Created::new(&key.id).with("Arn", key.arn(&cx.cloud)).with("KeyId", key.id.clone())
}

fn new_key(cx: &ResourceContext, properties: &Value) -> Result<NewKey, ResourceError> {
    for (property, only) in [("KeySpec", "SYMMETRIC_DEFAULT"), ("KeyUsage", "ENCRYPT_DECRYPT"), ("Origin", "AWS_KMS")] {
        if let Some(value) = optional_text(properties, property).filter(|value| *value != only) {
            return Err(ResourceError(format!(
                "the embedded twin makes keys with {property} {only} alone, not {value}"
            )));
        }
    }
    let flag = |name: &str| properties.get(name).and_then(Value::as_bool);
    let mut tags: BTreeMap<String, String> = cx.stack_tags.iter().cloned().collect();
    for tag in properties.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        tags.insert(text(tag, "Key").to_owned(), text(tag, "Value").to_owned());
    }
    Ok(NewKey {
        description: text(properties, "Description").to_owned(),
        policy: properties.get("KeyPolicy").cloned(),
        tags,
        multi_region: flag("MultiRegion").unwrap_or(false),
        rotates: flag("EnableKeyRotation").unwrap_or(false),
        enabled: flag("Enabled").unwrap_or(true),
    })
}

impl ResourceHandler for KeyHandler {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(self.make(cx, properties)))
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(self.change(cx, physical_id, new)))
    }

    /// CloudFormation schedules the deletion: 30 days unless `PendingWindowInDays` says otherwise.
    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        let days = properties.get("PendingWindowInDays").and_then(Value::as_i64).unwrap_or(30);
        let mut state = cx.cloud.kms.lock();
        let done = match state.find_mut(&cx.cloud, cx.region, physical_id) {
            Ok(Key { state: KeyState::PendingDeletion { .. }, .. }) | Err(_) => Ok(()),
            Ok(key) => keys::schedule_deletion(&cx.cloud, key, days).map(drop).map_err(ResourceError::from),
        };
        Box::pin(ready(done))
    }
}

struct AliasHandler;

impl AliasHandler {
    fn put(cx: &ResourceContext, properties: &Value, exists: bool) -> Result<Created, ResourceError> {
        let (alias, target) = (text(properties, "AliasName"), text(properties, "TargetKeyId"));
        let kms: &Kms = &cx.cloud.kms;
        aliases::put(kms, &cx.cloud, cx.region, alias, target, exists)?;
        Ok(Created::new(alias))
    }
}

impl ResourceHandler for AliasHandler {
    fn spec(&self) -> &'static Spec {
        &ALIAS
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
        // Gone already, perhaps with its key: no error.
        let _gone = aliases::remove(&cx.cloud.kms, &cx.cloud, cx.region, physical_id);
        Box::pin(ready(Ok(())))
    }
}
