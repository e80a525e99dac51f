//! `AWS::IAM::Role`, `AWS::IAM::Policy` and `AWS::IAM::ManagedPolicy`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::Iam;
use super::api::{NewPolicy, NewRole, role_arn};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::wire::AwsError;

pub fn all() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(RoleHandler), Box::new(PolicyHandler), Box::new(ManagedPolicyHandler)]
}

const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);
const INLINE: Kind = Kind::Object(&[
    Property::new("PolicyDocument", Kind::Any).required(),
    Property::new("PolicyName", Kind::Text).required(),
]);
const TEXTS: Kind = Kind::List(&Kind::Text);

static ROLE: Spec = Spec {
    name: "AWS::IAM::Role",
    properties: &[
        Property::new("AssumeRolePolicyDocument", Kind::Any).required(),
        Property::new("Description", Kind::Text),
        Property::new("ManagedPolicyArns", TEXTS),
        Property::new("MaxSessionDuration", Kind::Integer),
        Property::new("Path", Kind::Text).replaces(),
        Property::new("PermissionsBoundary", Kind::Text),
        Property::new("Policies", Kind::List(&INLINE)),
        Property::new("RoleName", Kind::Text).replaces(),
        Property::new("Tags", Kind::List(&TAG)),
    ],
    attributes: &["Arn", "RoleId"],
};

static POLICY: Spec = Spec {
    name: "AWS::IAM::Policy",
    properties: &[
        Property::new("Groups", TEXTS),
        Property::new("PolicyDocument", Kind::Any).required(),
        Property::new("PolicyName", Kind::Text).required().replaces(),
        Property::new("Roles", TEXTS),
        Property::new("Users", TEXTS),
    ],
    attributes: &["Id"],
};

static MANAGED_POLICY: Spec = Spec {
    name: "AWS::IAM::ManagedPolicy",
    properties: &[
        Property::new("Description", Kind::Text).replaces(),
        Property::new("Groups", TEXTS),
        Property::new("ManagedPolicyName", Kind::Text).replaces(),
        Property::new("Path", Kind::Text).replaces(),
        Property::new("PolicyDocument", Kind::Any).required(),
        Property::new("Roles", TEXTS),
        Property::new("Users", TEXTS),
    ],
    attributes: &[
        "PolicyArn",
        "PolicyId",
        "DefaultVersionId",
        "AttachmentCount",
        "IsAttachable",
        "CreateDate",
        "UpdateDate",
        "PermissionsBoundaryUsageCount",
    ],
};

/// Ref gives the name.
struct RoleHandler;
/// An inline policy put on each of its roles; Ref gives its name.
struct PolicyHandler;
/// Ref gives the ARN.
struct ManagedPolicyHandler;

type Done<'a, T> = BoxFuture<'a, Result<T, ResourceError>>;

impl ResourceHandler for RoleHandler {
    fn spec(&self) -> &'static Spec {
        &ROLE
    }

    fn create<'a>(&'a self, cx: &'a ResourceContext, properties: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            let name = optional_text(properties, "RoleName").map_or_else(|| shortened(cx), str::to_owned);
            let path = optional_text(properties, "Path").unwrap_or("/").to_owned();
            let new = NewRole {
                name: name.clone(),
                path: path.clone(),
                description: optional_text(properties, "Description").map(str::to_owned),
                max_session_s: session(properties),
                trust: properties["AssumeRolePolicyDocument"].clone(),
                boundary: optional_text(properties, "PermissionsBoundary").map(str::to_owned),
                tags: tags(cx, properties),
            };
            let iam = &cx.cloud.iam;
            iam.create_role(&cx.cloud, new)?;
            if let Err(error) = set_policies(iam, &name, &Value::Null, properties) {
                // A role that could not be finished is taken away again, so that a retry finds its name free.
                remove_role(iam, &name)?;
                return Err(error.into());
            }
            Ok(role_created(cx, &name))
        })
    }

    fn update<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, old: &'a Value, new: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            let iam = &cx.cloud.iam;
            iam.set_trust(id, &new["AssumeRolePolicyDocument"])?;
            {
                let mut state = iam.lock();
                let boundary = optional_text(new, "PermissionsBoundary");
                if let Some(arn) = boundary {
                    state.check_attachable(arn)?;
                }
                let role = state.role_mut(id)?;
                role.boundary = boundary.map(str::to_owned);
                role.description = optional_text(new, "Description").map(str::to_owned);
                role.max_session_s = session(new).unwrap_or(role.max_session_s);
                role.tags = tags(cx, new);
            }
            set_policies(iam, id, old, new)?;
            Ok(role_created(cx, id))
        })
    }

    fn delete<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, _properties: &'a Value) -> Done<'a, ()> {
        Box::pin(async move { Ok(remove_role(&cx.cloud.iam, id)?) })
    }
}

impl ResourceHandler for PolicyHandler {
    fn spec(&self) -> &'static Spec {
        &POLICY
    }

    fn create<'a>(&'a self, cx: &'a ResourceContext, properties: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            roles_only(properties)?;
            let name = text(properties, "PolicyName");
            if names(properties, "Roles").next().is_none() {
                return Err(ResourceError("At least one of [Groups,Roles,Users] must be non-empty.".to_owned()));
            }
            for role in names(properties, "Roles") {
                cx.cloud.iam.put_role_policy(role, name, &properties["PolicyDocument"])?;
            }
            Ok(Created::new(name).with("Id", name))
        })
    }

    fn update<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, old: &'a Value, new: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            roles_only(new)?;
            for role in names(new, "Roles") {
                cx.cloud.iam.put_role_policy(role, id, &new["PolicyDocument"])?;
            }
            for gone in names(old, "Roles").filter(|role| !names(new, "Roles").any(|kept| kept == *role)) {
                absent_is_fine(cx.cloud.iam.delete_role_policy(gone, id))?;
            }
            Ok(Created::new(id).with("Id", id))
        })
    }

    fn delete<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, properties: &'a Value) -> Done<'a, ()> {
        Box::pin(async move {
            for role in names(properties, "Roles") {
                absent_is_fine(cx.cloud.iam.delete_role_policy(role, id))?;
            }
            Ok(())
        })
    }
}

impl ResourceHandler for ManagedPolicyHandler {
    fn spec(&self) -> &'static Spec {
        &MANAGED_POLICY
    }

    fn create<'a>(&'a self, cx: &'a ResourceContext, properties: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            roles_only(properties)?;
            let name =
                optional_text(properties, "ManagedPolicyName").map_or_else(|| cx.generated_name(), str::to_owned);
            let new = NewPolicy {
                name,
                path: optional_text(properties, "Path").unwrap_or("/").to_owned(),
                description: optional_text(properties, "Description").map(str::to_owned),
                document: properties["PolicyDocument"].clone(),
            };
            let arn = cx.cloud.iam.create_policy(&cx.cloud, new)?;
            for role in names(properties, "Roles") {
                cx.cloud.iam.attach(role, &arn)?;
            }
            Ok(policy_created(&cx.cloud.iam, &arn))
        })
    }

    fn update<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, old: &'a Value, new: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            roles_only(new)?;
            let iam = &cx.cloud.iam;
            if old["PolicyDocument"] != new["PolicyDocument"] {
                iam.update_policy(id, &new["PolicyDocument"])?;
            }
            for gone in names(old, "Roles").filter(|role| !names(new, "Roles").any(|kept| kept == *role)) {
                absent_is_fine(iam.detach(gone, id))?;
            }
            for role in names(new, "Roles") {
                iam.attach(role, id)?;
            }
            Ok(policy_created(iam, id))
        })
    }

    fn delete<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, properties: &'a Value) -> Done<'a, ()> {
        Box::pin(async move {
            for role in names(properties, "Roles") {
                absent_is_fine(cx.cloud.iam.detach(role, id))?;
            }
            absent_is_fine(cx.cloud.iam.delete_policy(id))
        })
    }
}

/// Makes the role's inline and attached policies those of `new`; what others put on the role stays.
fn set_policies(iam: &Iam, role: &str, old: &Value, new: &Value) -> Result<(), AwsError> {
    for name in inline_names(old).filter(|name| !inline_names(new).any(|kept| kept == *name)) {
        iam.delete_role_policy(role, name)?;
    }
    for policy in new["Policies"].as_array().into_iter().flatten() {
        iam.put_role_policy(role, text(policy, "PolicyName"), &policy["PolicyDocument"])?;
    }
    let key = "ManagedPolicyArns";
    for gone in names(old, key).filter(|arn| !names(new, key).any(|kept| kept == *arn)) {
        iam.detach(role, gone)?;
    }
    names(new, key).try_for_each(|arn| iam.attach(role, arn))
}

/// Takes a role away with all that is on it; one that is gone already is no error.
fn remove_role(iam: &Iam, name: &str) -> Result<(), AwsError> {
    {
        let mut state = iam.lock();
        let Ok(role) = state.role_mut(name) else { return Ok(()) };
        role.inline.clear();
        role.attached.clear();
    }
    iam.delete_role(name)
}

fn role_created(cx: &ResourceContext, name: &str) -> Created {
    let state = cx.cloud.iam.lock();
    let (arn, id) = state
        .role(name)
        .map_or_else(|| (role_arn(&cx.cloud, "/", name), String::new()), |role| (role.arn.clone(), role.id.clone()));
    Created::new(name).with("Arn", arn).with("RoleId", id)
}

fn policy_created(iam: &Iam, arn: &str) -> Created {
    let state = iam.lock();
    let attachments = state.roles.values().filter(|role| role.attached.iter().any(|attached| attached == arn)).count();
    let created =
        Created::new(arn).with("PolicyArn", arn).with("AttachmentCount", attachments).with("IsAttachable", true);
    match state.policies.get(arn) {
        Some(policy) => created
            .with("PolicyId", policy.id.as_str())
            .with("DefaultVersionId", format!("v{}", policy.version))
            .with("CreateDate", policy.created.iso8601())
            .with("UpdateDate", policy.created.iso8601())
            .with("PermissionsBoundaryUsageCount", 0),
        None => created,
    }
}

/// Users and groups exist in no twin: a policy meant for them would silently protect nothing.
fn roles_only(properties: &Value) -> Result<(), ResourceError> {
    for key in ["Users", "Groups"] {
        if let Some(name) = names(properties, key).next() {
            return Err(ResourceError(format!("the embedded twin has no IAM {key}, and so no {name:?}: use Roles")));
        }
    }
    Ok(())
}

fn absent_is_fine<T>(outcome: Result<T, AwsError>) -> Result<(), ResourceError> {
    match outcome {
        Err(error) if error.code != "NoSuchEntity" => Err(error.into()),
        _ => Ok(()),
    }
}

fn names<'a>(properties: &'a Value, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    properties.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn inline_names(properties: &Value) -> impl Iterator<Item = &str> {
    let policies = properties.get("Policies").and_then(Value::as_array).into_iter().flatten();
    policies.map(|policy| text(policy, "PolicyName"))
}

fn session(properties: &Value) -> Option<u32> {
    properties.get("MaxSessionDuration").and_then(Value::as_u64).and_then(|seconds| u32::try_from(seconds).ok())
}

/// Role names have 64 characters at most; CloudFormation cuts stack and logical id to fit.
fn shortened(cx: &ResourceContext) -> String {
    let stack: String = cx.stack_name.chars().take(25).collect();
    let logical: String = cx.logical_id.chars().take(24).collect();
    format!("{stack}-{logical}-{}", cx.cloud.ids.mixed(12))
}

/// The resource's tags, and the stack's where they do not clash.
fn tags(cx: &ResourceContext, properties: &Value) -> Vec<(String, String)> {
    let own = properties.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let mut tags: Vec<(String, String)> =
        own.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect();
    for (key, value) in &cx.stack_tags {
        if !tags.iter().any(|(have, _)| have == key) {
            tags.push((key.clone(), value.clone()));
        }
    }
    tags
}
