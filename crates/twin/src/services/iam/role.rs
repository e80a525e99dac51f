//! Roles and customer managed policies: what they are, and what they allow.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::managed;
use super::policy::{Kind, Policy, Query, Verdict};
use crate::clock::Timestamp;
use crate::gateway::Principal;
use crate::wire::AwsError;

/// Decisions remembered for a role; object keys make resources many, so they are forgotten at this number.
const DECISIONS_KEPT: usize = 10_000;

pub struct Role {
    pub name: String,
    pub id: String,
    pub arn: String,
    pub path: String,
    pub description: Option<String>,
    pub max_session_s: u32,
    pub created: Timestamp,
    pub trust: Document,
    pub inline: BTreeMap<String, Document>,
    /// ARNs, in the order they were attached.
    pub attached: Vec<String>,
    pub boundary: Option<String>,
    pub tags: Vec<(String, String)>,
}

/// A policy document as it was given and as it is evaluated.
#[derive(Clone)]
pub struct Document {
    pub text: String,
    pub policy: Policy,
}

pub struct ManagedPolicy {
    pub name: String,
    pub id: String,
    pub arn: String,
    pub path: String,
    pub description: Option<String>,
    pub created: Timestamp,
    pub document: Document,
    /// `v1` and up; the twin keeps the default version only.
    pub version: u32,
}

#[derive(Default)]
pub struct State {
    /// By ARN: what every authorization starts from.
    pub roles: BTreeMap<String, Role>,
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// Access keys of the roles there are.
    keys: BTreeMap<String, String>,
    decisions: BTreeMap<String, Decisions>,
    /// Condition keys of policies in use that the twin never fills.
    pub unfilled: BTreeSet<String>,
}

/// Answers already found for one role: by action, then by resource.
#[derive(Default)]
struct Decisions {
    count: usize,
    by_action: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Document {
    pub fn read(document: &Value, kind: Kind) -> Result<Self, AwsError> {
        let policy = Policy::read(document, kind)?;
        let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
        Ok(Self { text, policy })
    }
}

/// `ASIA` and sixteen characters: temporary credentials, stable for a role.
pub fn access_key(role_arn: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(role_arn.as_bytes());
    let letters = digest.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    "ASIA".chars().chain(letters).collect()
}

impl State {
    pub fn add(&mut self, role: Role) {
        self.keys.insert(access_key(&role.arn), role.arn.clone());
        self.roles.insert(role.arn.clone(), role);
        self.changed();
    }

    pub fn remove(&mut self, arn: &str) -> Option<Role> {
        self.keys.remove(&access_key(arn));
        let role = self.roles.remove(arn);
        self.changed();
        role
    }

    pub fn by_key(&self, access_key: &str) -> Option<&str> {
        self.keys.get(access_key).map(String::as_str)
    }

    /// The role of this name, which may be given with its path or as an ARN.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.name == name)
    }

    pub fn role_mut(&mut self, name: &str) -> Result<&mut Role, AwsError> {
        self.roles.values_mut().find(|role| role.name == name).ok_or_else(|| no_role(name))
    }

    /// Whether a policy of this ARN can be attached.
    pub fn check_attachable(&self, arn: &str) -> Result<(), AwsError> {
        if self.policies.contains_key(arn) || managed::find(arn).is_some() {
            return Ok(());
        }
        let message = if arn.starts_with("arn:aws:iam::aws:") {
            format!(
                "the embedded twin does not know the AWS managed policy {arn}; the nearest it knows is {}",
                managed::nearest(arn)
            )
        } else {
            format!("Policy {arn} does not exist or is not attachable.")
        };
        Err(AwsError::new(404, "NoSuchEntity", message))
    }

    /// Forgets decisions after a change, and notes conditions that can never be filled.
    pub fn changed(&mut self) {
        self.decisions.clear();
        let of_roles = self.roles.values().flat_map(|role| role.inline.values().chain(std::iter::once(&role.trust)));
        let documents = of_roles.chain(self.policies.values().map(|policy| &policy.document));
        self.unfilled = documents.flat_map(|document| document.policy.unfilled_keys().map(str::to_owned)).collect();
    }

    /// Whether the role's policies, within its boundary, allow this.
    pub fn allows(&mut self, account: &str, role_arn: &str, action: &str, resource: &str) -> bool {
        let known = self.decisions.get(role_arn).and_then(|d| d.by_action.get(action)).and_then(|d| d.get(resource));
        if let Some(known) = known {
            return *known;
        }
        let decision = self.decide(account, role_arn, action, resource);
        let decisions = self.decisions.entry(role_arn.to_owned()).or_default();
        if decisions.count >= DECISIONS_KEPT {
            *decisions = Decisions::default();
        }
        decisions.count += 1;
        decisions.by_action.entry(action.to_owned()).or_default().insert(resource.to_owned(), decision);
        decision
    }

    fn decide(&self, account: &str, role_arn: &str, action: &str, resource: &str) -> bool {
        let Some(role) = self.roles.get(role_arn) else { return false };
        let principal = Principal::Role(role_arn.to_owned());
        let query = Query { principal: &principal, account, action, resource };
        let inline = role.inline.values().map(|document| document.policy.verdict(query));
        let attached = role.attached.iter().map(|arn| self.managed_verdict(arn, query));
        let identity = inline.chain(attached).max().unwrap_or(Verdict::Silent);
        let within = role.boundary.as_ref().is_none_or(|arn| self.managed_verdict(arn, query) == Verdict::Allow);
        identity == Verdict::Allow && within
    }

    fn managed_verdict(&self, arn: &str, query: Query<'_>) -> Verdict {
        match self.policies.get(arn) {
            Some(policy) => policy.document.policy.verdict(query),
            None => managed::find(arn).map_or(Verdict::Silent, |policy| policy.verdict(query)),
        }
    }
}

pub fn no_role(name: &str) -> AwsError {
    AwsError::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."))
}
