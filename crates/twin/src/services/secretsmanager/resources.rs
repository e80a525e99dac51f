//! `AWS::SecretsManager::Secret`; the rotation schedule stands with [`rotation`](super::rotation).

use std::future::ready;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::rotation::RotationScheduleHandler;
use super::{describe, lifecycle, password, replication};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::gateway::{Call, Principal};
use crate::wire::{AwsError, Members};

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(SecretHandler), Box::new(RotationScheduleHandler)]
}

const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);

const REPLICA: Kind =
    Kind::Object(&[Property::new("Region", Kind::Text).required(), Property::new("KmsKeyId", Kind::Text)]);

const GENERATE: Kind = Kind::Object(&[
    Property::new("ExcludeCharacters", Kind::Text),
    Property::new("ExcludeLowercase", Kind::Boolean),
    Property::new("ExcludeNumbers", Kind::Boolean),
    Property::new("ExcludePunctuation", Kind::Boolean),
    Property::new("ExcludeUppercase", Kind::Boolean),
    Property::new("GenerateStringKey", Kind::Text),
    Property::new("IncludeSpace", Kind::Boolean),
    Property::new("PasswordLength", Kind::Integer),
    Property::new("RequireEachIncludedType", Kind::Boolean),
    Property::new("SecretStringTemplate", Kind::Text),
]);

static SECRET: Spec = Spec {
    name: "AWS::SecretsManager::Secret",
    properties: &[
        Property::new("Description", Kind::Text),
        Property::new("GenerateSecretString", GENERATE),
        Property::new("KmsKeyId", Kind::Text),
        Property::new("Name", Kind::Text).replaces(),
        Property::new("ReplicaRegions", Kind::List(&REPLICA)),
        Property::new("SecretString", Kind::Text),
        Property::new("Tags", Kind::List(&TAG)),
    ],
    attributes: &["Id"],
};

struct SecretHandler;

impl ResourceHandler for SecretHandler {
    fn spec(&self) -> &'static Spec {
        &SECRET
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
        old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(ready(update(cx, physical_id, old, new)))
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(ready(delete(cx, physical_id)))
    }
}

fn create(cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
    let mut input = json!({
        "Name": optional_text(properties, "Name").map_or_else(|| cx.generated_name(), str::to_owned),
        "Tags": listed(&tags(cx, properties)),
    });
    for (property, member) in
        [("Description", "Description"), ("KmsKeyId", "KmsKeyId"), ("ReplicaRegions", "AddReplicaRegions")]
    {
        if let Some(value) = properties.get(property) {
            input[member] = value.clone();
        }
    }
    match (properties.get("SecretString"), properties.get("GenerateSecretString")) {
        (Some(_), Some(_)) => {
            return Err(ResourceError("give SecretString or GenerateSecretString, not both".to_owned()));
        }
        (Some(text), None) => input["SecretString"] = text.clone(),
        (None, Some(how)) => input["SecretString"] = generate(cx, how)?.into(),
        (None, None) => {}
    }
    let answer = run(cx, "CreateSecret", lifecycle::create, input)?;
    Ok(made(text(&answer, "ARN")))
}

fn update(cx: &ResourceContext, id: &str, old: &Value, new: &Value) -> Result<Created, ResourceError> {
    let mut input = json!({"SecretId": id});
    for property in ["Description", "KmsKeyId", "SecretString"] {
        if old.get(property) != new.get(property) {
            input[property] = new.get(property).cloned().unwrap_or_else(|| "".into());
        }
    }
    if input["SecretString"] == "" {
        // CloudFormation leaves the value alone where the template stops giving one.
        input["SecretString"] = Value::Null;
    }
    if let Some(how) = new.get("GenerateSecretString").filter(|how| old.get("GenerateSecretString") != Some(how)) {
        input["SecretString"] = generate(cx, how)?.into();
    }
    run(cx, "UpdateSecret", lifecycle::update, input)?;
    let regions = |properties: &Value| -> Vec<Value> {
        properties.get("ReplicaRegions").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let (before, after) = (regions(old), regions(new));
    let gone: Vec<&str> = before.iter().filter(|entry| !after.contains(entry)).map(|e| text(e, "Region")).collect();
    if !gone.is_empty() {
        let input = json!({"SecretId": id, "RemoveReplicaRegions": gone});
        run(cx, "RemoveRegionsFromReplication", replication::remove, input)?;
    }
    let added: Vec<&Value> = after.iter().filter(|entry| !before.contains(entry)).collect();
    if !added.is_empty() {
        let input = json!({"SecretId": id, "AddReplicaRegions": added});
        run(cx, "ReplicateSecretToRegions", replication::add, input)?;
    }
    let (old_tags, new_tags) = (tags(cx, old), tags(cx, new));
    let gone: Vec<&String> = old_tags.keys().filter(|key| !new_tags.contains_key(*key)).collect();
    run(cx, "UntagResource", lifecycle::untag, json!({"SecretId": id, "TagKeys": gone}))?;
    run(cx, "TagResource", lifecycle::tag, json!({"SecretId": id, "Tags": listed(&new_tags)}))?;
    Ok(made(id))
}

/// CloudFormation removes the replicas and deletes without a recovery window.
fn delete(cx: &ResourceContext, id: &str) -> Result<(), ResourceError> {
    let described = match run(cx, "DescribeSecret", describe::describe, json!({"SecretId": id})) {
        Ok(described) => described,
        Err(error) if error.code == "ResourceNotFoundException" => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let replicas = described["ReplicationStatus"].as_array().cloned().unwrap_or_default();
    let regions: Vec<&str> = replicas.iter().map(|entry| text(entry, "Region")).collect();
    if !regions.is_empty() {
        let input = json!({"SecretId": id, "RemoveReplicaRegions": regions});
        run(cx, "RemoveRegionsFromReplication", replication::remove, input)?;
    }
    run(cx, "DeleteSecret", lifecycle::delete, json!({"SecretId": id, "ForceDeleteWithoutRecovery": true}))?;
    Ok(())
}

fn made(arn: &str) -> Created {
    Created::new(arn).with("Id", arn)
}

/// Runs an operation as the account does.
pub(super) fn run(cx: &ResourceContext, operation: &str, act: super::Act, input: Value) -> Result<Value, AwsError> {
    let call =
        Call { cloud: cx.cloud.clone(), region: cx.region, principal: Principal::Account, request_id: String::new() };
    let known = super::OPERATIONS.iter().find(|(name, ..)| *name == operation).map_or(&[][..], |(_, known, _)| known);
    act(&call, &Members::of(input, known)?)
}

/// What GenerateSecretString makes: a password, or a JSON object from the template with the password under its key.
fn generate(cx: &ResourceContext, how: &Value) -> Result<String, ResourceError> {
    let (template, key) = (optional_text(how, "SecretStringTemplate"), optional_text(how, "GenerateStringKey"));
    let mut options = how.as_object().cloned().unwrap_or_default();
    options.retain(|name, _| name != "SecretStringTemplate" && name != "GenerateStringKey");
    let known: Vec<String> = options.keys().cloned().collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let password = password::draw(&cx.cloud.secretsmanager, &Members::of(Value::Object(options), &known)?)?;
    match (template, key) {
        (None, None) => Ok(password),
        (Some(template), Some(key)) => {
            let mut object: Map<String, Value> = serde_json::from_str(template)
                .map_err(|_| ResourceError("SecretStringTemplate is not a JSON object".to_owned()))?;
            object.insert(key.to_owned(), password.into());
            Ok(Value::Object(object).to_string())
        }
        _ => Err(ResourceError("SecretStringTemplate and GenerateStringKey come together".to_owned())),
    }
}

/// The tags of the stack and of the template, the template's winning.
fn tags(cx: &ResourceContext, properties: &Value) -> std::collections::BTreeMap<String, String> {
    let mut tags: std::collections::BTreeMap<String, String> = cx.stack_tags.iter().cloned().collect();
    let own = properties.get("Tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    tags.extend(super::secret::tags(own));
    tags
}

fn listed(tags: &std::collections::BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
