//! The operations of IAM.

use serde_json::Value;

use super::Iam;
use super::policy::Kind;
use super::role::{Document, ManagedPolicy, Role, no_role};
use crate::Cloud;
use crate::gateway::Call;
use crate::wire::query::{self, Params, members};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// API reference, CreateRole: one hour unless said otherwise.
const DEFAULT_SESSION_S: u32 = 3_600;

/// What a role is made from.
pub struct NewRole {
    pub name: String,
    pub path: String,
    pub description: Option<String>,
    pub max_session_s: Option<u32>,
    pub trust: Value,
    pub boundary: Option<String>,
    pub tags: Vec<(String, String)>,
}

/// What a managed policy is made from.
pub struct NewPolicy {
    pub name: String,
    pub path: String,
    pub description: Option<String>,
    pub document: Value,
}

impl Iam {
    pub(super) fn act(&self, call: &Call, params: &Params) -> Result<Response, AwsError> {
        let action = params.action();
        let subject = match (params.get("RoleName"), params.get("PolicyArn"), params.get("PolicyName")) {
            (Some(role), ..) => {
                self.lock().role(role).map_or_else(|| role_arn(&call.cloud, "/", role), |role| role.arn.clone())
            }
            (None, Some(policy), _) => policy.to_owned(),
            (None, None, Some(policy)) => policy_arn(&call.cloud, "/", policy),
            (None, None, None) => "*".to_owned(),
        };
        call.authorize(&format!("iam:{action}"), &subject)?;
        let result = match action {
            "CreateRole" => self.create_role_call(call, params),
            "GetRole" => self.with_role(params, |role| vec![described(role)]),
            "DeleteRole" => self.delete_role(params.require("RoleName")?).map(|()| Vec::new()),
            "UpdateAssumeRolePolicy" => self.update_trust(params),
            "ListRoles" => Ok(self.list_roles(params)),
            "PutRolePolicy" => {
                let document = Value::String(params.require("PolicyDocument")?.to_owned());
                self.put_role_policy(params.require("RoleName")?, params.require("PolicyName")?, &document)?;
                Ok(Vec::new())
            }
            "GetRolePolicy" => self.get_role_policy(params),
            "DeleteRolePolicy" => self.delete_role_policy(params.require("RoleName")?, params.require("PolicyName")?),
            "ListRolePolicies" => self.with_role(params, |role| {
                let names = role.inline.keys().map(|name| Element::new("member").text(name));
                vec![members("PolicyNames", names), not_truncated()]
            }),
            "AttachRolePolicy" => {
                self.attach(params.require("RoleName")?, params.require("PolicyArn")?).map(|()| Vec::new())
            }
            "DetachRolePolicy" => {
                self.detach(params.require("RoleName")?, params.require("PolicyArn")?).map(|()| Vec::new())
            }
            "ListAttachedRolePolicies" => self.with_role(params, |role| {
                let attached = role.attached.iter().map(|arn| {
                    let name = arn.rsplit('/').next().unwrap_or_default();
                    Element::new("member").text_child("PolicyName", name).text_child("PolicyArn", arn)
                });
                vec![members("AttachedPolicies", attached), not_truncated()]
            }),
            "CreatePolicy" => self.create_policy_call(call, params),
            "GetPolicy" => self.get_policy(params.require("PolicyArn")?),
            "DeletePolicy" => self.delete_policy(params.require("PolicyArn")?).map(|()| Vec::new()),
            "ListPolicies" => Ok(self.list_policies()),
            other => Err(AwsError::not_implemented("iam", other)),
        }?;
        Ok(query::ok(action, NAMESPACE, &call.request_id, result))
    }

    pub(super) fn create_role(&self, cloud: &Cloud, new: NewRole) -> Result<String, AwsError> {
        check_name(&new.name, 64)?;
        let trust = Document::read(&new.trust, Kind::Trust)?;
        let arn = role_arn(cloud, &new.path, &new.name);
        let mut state = self.lock();
        if state.role(&new.name).is_some() {
            return Err(exists("Role", &new.name));
        }
        if let Some(boundary) = &new.boundary {
            state.check_attachable(boundary)?;
        }
        state.add(Role {
            name: new.name,
            id: format!("AROA{}", cloud.ids.upper(17)),
            arn: arn.clone(),
            path: new.path,
            description: new.description,
            max_session_s: new.max_session_s.unwrap_or(DEFAULT_SESSION_S),
            created: cloud.clock.now(),
            trust,
            inline: Default::default(),
            attached: Vec::new(),
            boundary: new.boundary,
            tags: new.tags,
        });
        Ok(arn)
    }

    pub(super) fn delete_role(&self, name: &str) -> Result<(), AwsError> {
        let mut state = self.lock();
        let role = state.role_mut(name)?;
        if !role.inline.is_empty() || !role.attached.is_empty() {
            let message = "Cannot delete entity, must delete or detach its policies first.";
            return Err(AwsError::new(409, "DeleteConflict", message));
        }
        let arn = role.arn.clone();
        state.remove(&arn);
        Ok(())
    }

    pub(super) fn put_role_policy(&self, role: &str, name: &str, document: &Value) -> Result<(), AwsError> {
        let document = Document::read(document, Kind::Identity)?;
        let mut state = self.lock();
        state.role_mut(role)?.inline.insert(name.to_owned(), document);
        state.changed();
        Ok(())
    }

    pub(super) fn delete_role_policy(&self, role: &str, name: &str) -> Result<Vec<Element>, AwsError> {
        let mut state = self.lock();
        let removed = state.role_mut(role)?.inline.remove(name);
        state.changed();
        removed.map(|_| Vec::new()).ok_or_else(|| no_policy(name))
    }

    pub(super) fn attach(&self, role: &str, policy_arn: &str) -> Result<(), AwsError> {
        let mut state = self.lock();
        state.check_attachable(policy_arn)?;
        let attached = &mut state.role_mut(role)?.attached;
        if !attached.iter().any(|arn| arn == policy_arn) {
            attached.push(policy_arn.to_owned());
        }
        state.changed();
        Ok(())
    }

    pub(super) fn detach(&self, role: &str, policy_arn: &str) -> Result<(), AwsError> {
        let mut state = self.lock();
        let attached = &mut state.role_mut(role)?.attached;
        let before = attached.len();
        attached.retain(|arn| arn != policy_arn);
        let removed = attached.len() < before;
        state.changed();
        if removed { Ok(()) } else { Err(no_policy(policy_arn)) }
    }

    pub(super) fn create_policy(&self, cloud: &Cloud, new: NewPolicy) -> Result<String, AwsError> {
        check_name(&new.name, 128)?;
        let document = Document::read(&new.document, Kind::Identity)?;
        let arn = policy_arn(cloud, &new.path, &new.name);
        let mut state = self.lock();
        if state.policies.contains_key(&arn) {
            return Err(exists("A policy called", &new.name));
        }
        let policy = ManagedPolicy {
            name: new.name,
            id: format!("ANPA{}", cloud.ids.upper(17)),
            arn: arn.clone(),
            path: new.path,
            description: new.description,
            created: cloud.clock.now(),
            document,
            version: 1,
        };
        state.policies.insert(arn.clone(), policy);
        state.changed();
        Ok(arn)
    }

    /// Gives a managed policy another document, as a new default version.
    pub(super) fn update_policy(&self, arn: &str, document: &Value) -> Result<(), AwsError> {
        let document = Document::read(document, Kind::Identity)?;
        let mut state = self.lock();
        let policy = state.policies.get_mut(arn).ok_or_else(|| no_policy(arn))?;
        policy.document = document;
        policy.version += 1;
        state.changed();
        Ok(())
    }

    pub(super) fn delete_policy(&self, arn: &str) -> Result<(), AwsError> {
        let mut state = self.lock();
        if state.roles.values().any(|role| role.attached.iter().any(|attached| attached == arn)) {
            let message = "Cannot delete a policy attached to entities.";
            return Err(AwsError::new(409, "DeleteConflict", message));
        }
        let removed = state.policies.remove(arn);
        state.changed();
        removed.map(|_| ()).ok_or_else(|| no_policy(arn))
    }

    fn create_role_call(&self, call: &Call, params: &Params) -> Result<Vec<Element>, AwsError> {
        let name = params.require("RoleName")?.to_owned();
        self.create_role(
            &call.cloud,
            NewRole {
                name: name.clone(),
                path: params.get("Path").unwrap_or("/").to_owned(),
                description: params.get("Description").map(str::to_owned),
                max_session_s: params.get("MaxSessionDuration").and_then(|seconds| seconds.parse().ok()),
                trust: Value::String(params.require("AssumeRolePolicyDocument")?.to_owned()),
                boundary: params.get("PermissionsBoundary").map(str::to_owned),
                tags: tags(params),
            },
        )?;
        let state = self.lock();
        Ok(state.role(&name).map(described).into_iter().collect())
    }

    fn update_trust(&self, params: &Params) -> Result<Vec<Element>, AwsError> {
        let document = Value::String(params.require("PolicyDocument")?.to_owned());
        self.set_trust(params.require("RoleName")?, &document)?;
        Ok(Vec::new())
    }

    pub(super) fn set_trust(&self, role: &str, document: &Value) -> Result<(), AwsError> {
        let trust = Document::read(document, Kind::Trust)?;
        let mut state = self.lock();
        state.role_mut(role)?.trust = trust;
        state.changed();
        Ok(())
    }

    fn list_roles(&self, params: &Params) -> Vec<Element> {
        let prefix = params.get("PathPrefix").unwrap_or("/");
        let state = self.lock();
        let roles = state.roles.values().filter(|role| role.path.starts_with(prefix)).map(|role| {
            let Element { children, .. } = described(role);
            Element { children, ..Element::new("member") }
        });
        vec![members("Roles", roles), not_truncated()]
    }

    fn get_role_policy(&self, params: &Params) -> Result<Vec<Element>, AwsError> {
        let (role, name) = (params.require("RoleName")?, params.require("PolicyName")?);
        let state = self.lock();
        let document =
            state.role(role).ok_or_else(|| no_role(role))?.inline.get(name).ok_or_else(|| no_policy(name))?;
        Ok(vec![
            Element::new("RoleName").text(role),
            Element::new("PolicyName").text(name),
            Element::new("PolicyDocument").text(encoded(&document.text)),
        ])
    }

    fn create_policy_call(&self, call: &Call, params: &Params) -> Result<Vec<Element>, AwsError> {
        let new = NewPolicy {
            name: params.require("PolicyName")?.to_owned(),
            path: params.get("Path").unwrap_or("/").to_owned(),
            description: params.get("Description").map(str::to_owned),
            document: Value::String(params.require("PolicyDocument")?.to_owned()),
        };
        let arn = self.create_policy(&call.cloud, new)?;
        self.get_policy(&arn)
    }

    fn get_policy(&self, arn: &str) -> Result<Vec<Element>, AwsError> {
        let state = self.lock();
        let policy = state.policies.get(arn).ok_or_else(|| no_policy(arn))?;
        Ok(vec![described_policy("Policy", policy, &state.roles)])
    }

    fn list_policies(&self) -> Vec<Element> {
        let state = self.lock();
        let all = state.policies.values().map(|policy| described_policy("member", policy, &state.roles));
        vec![members("Policies", all), not_truncated()]
    }

    fn with_role(&self, params: &Params, show: impl Fn(&Role) -> Vec<Element>) -> Result<Vec<Element>, AwsError> {
        let name = params.require("RoleName")?;
        self.lock().role(name).map(show).ok_or_else(|| no_role(name))
    }
}

fn described(role: &Role) -> Element {
    let tags = role.tags.iter().map(|(k, v)| Element::new("member").text_child("Key", k).text_child("Value", v));
    let mut element = Element::new("Role")
        .text_child("Path", &role.path)
        .text_child("RoleName", &role.name)
        .text_child("RoleId", &role.id)
        .text_child("Arn", &role.arn)
        .text_child("CreateDate", role.created.iso8601())
        .text_child("AssumeRolePolicyDocument", encoded(&role.trust.text))
        .optional_child("Description", role.description.as_deref())
        .text_child("MaxSessionDuration", role.max_session_s.to_string())
        .child(members("Tags", tags));
    if let Some(arn) = &role.boundary {
        let boundary = Element::new("PermissionsBoundary");
        element = element
            .child(boundary.text_child("PermissionsBoundaryType", "Policy").text_child("PermissionsBoundaryArn", arn));
    }
    element
}

fn described_policy(name: &str, policy: &ManagedPolicy, roles: &std::collections::BTreeMap<String, Role>) -> Element {
    let attachments = roles.values().filter(|role| role.attached.contains(&policy.arn)).count();
    Element::new(name)
        .text_child("PolicyName", &policy.name)
        .text_child("PolicyId", &policy.id)
        .text_child("Arn", &policy.arn)
        .text_child("Path", &policy.path)
        .text_child("DefaultVersionId", format!("v{}", policy.version))
        .text_child("AttachmentCount", attachments.to_string())
        .text_child("IsAttachable", "true")
        .optional_child("Description", policy.description.as_deref())
        .text_child("CreateDate", policy.created.iso8601())
}

pub fn role_arn(cloud: &Cloud, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{}:role{path}{name}", cloud.account)
}

fn policy_arn(cloud: &Cloud, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{}:policy{path}{name}", cloud.account)
}

fn tags(params: &Params) -> Vec<(String, String)> {
    let pairs = params.list("Tags");
    pairs.iter().filter_map(|tag| Some((tag.get("Key")?.to_owned(), tag.get("Value")?.to_owned()))).collect()
}

/// Documents leave IAM percent-encoded (RFC 3986).
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn not_truncated() -> Element {
    Element::new("IsTruncated").text("false")
}

fn check_name(name: &str, longest: usize) -> Result<(), AwsError> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.is_empty() && name.len() <= longest && name.chars().all(sound) {
        return Ok(());
    }
    let message = format!("the name {name:?} must have 1 to {longest} letters, digits or any of _+=,.@-");
    Err(AwsError::bad_request("ValidationError", message))
}

fn exists(what: &str, name: &str) -> AwsError {
    AwsError::new(409, "EntityAlreadyExists", format!("{what} with name {name} already exists."))
}

fn no_policy(name: &str) -> AwsError {
    AwsError::new(
        404,
        "NoSuchEntity",
        format!("The policy {name} cannot be found; ListRolePolicies and ListPolicies name those there are."),
    )
}
