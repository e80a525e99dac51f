//! What exists: keys and aliases by Region, and how a caller's name for a key is understood.

use std::collections::BTreeMap;

use rand::Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Principal;
use crate::region::Region;
use crate::wire::AwsError;

#[derive(Default)]
pub(super) struct State {
    pub keys: BTreeMap<(Region, String), Key>,
    /// Alias name, `alias/` included, to key id.
    pub aliases: BTreeMap<(Region, String), Alias>,
}

pub(super) struct Alias {
    pub key_id: String,
    pub created: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    PendingDeletion { at: Timestamp },
}

#[derive(Clone)]
pub(super) struct Key {
    pub id: String,
    pub region: Region,
    pub state: KeyState,
    pub created: Timestamp,
    pub description: String,
    pub policy: Value,
    pub tags: BTreeMap<String, String>,
    pub rotates: bool,
    /// Whether AWS made it for one of its services (`alias/aws/s3`).
    pub managed: bool,
    /// The Region of the primary, where the key is a multi-Region key.
    pub primary: Option<Region>,
}

impl Key {
    pub fn new(cloud: &Cloud, region: Region, id: String) -> Self {
        Self {
            id,
            region,
            state: KeyState::Enabled,
            created: cloud.clock.now(),
            description: String::new(),
            policy: default_policy(cloud),
            tags: BTreeMap::new(),
            rotates: false,
            managed: false,
            primary: None,
        }
    }

    pub fn arn(&self, cloud: &Cloud) -> String {
        arn(cloud, self.region, &self.id)
    }

    /// Replicas of a multi-Region key share its id, and so its material.
    pub fn material(&self, cloud: &Cloud) -> [u8; 32] {
        let mut material = [0; 32];
        cloud.seed.stream(&format!("twin/kms/material/{}", self.id)).fill_bytes(&mut material);
        material
    }

    pub fn check_usable(&self, cloud: &Cloud) -> Result<(), AwsError> {
        match self.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => {
                Err(AwsError::bad_request("DisabledException", format!("{} is disabled.", self.arn(cloud))))
            }
            KeyState::PendingDeletion { .. } => Err(self.invalid_state(cloud)),
        }
    }

    /// What a call gets that the key's state forbids.
    pub fn invalid_state(&self, cloud: &Cloud) -> AwsError {
        let state = match self.state {
            KeyState::Enabled => "enabled",
            KeyState::Disabled => "disabled",
            KeyState::PendingDeletion { .. } => "pending deletion",
        };
        AwsError::bad_request("KMSInvalidStateException", format!("{} is {state}.", self.arn(cloud)))
    }

    /// Whether a statement of the key policy allows this principal the action by its own name. Statements with
    /// conditions are passed over, and so is the account's root, which only delegates to identity policies.
    pub fn policy_names(&self, principal: &Principal, action: &str) -> bool {
        let Principal::Role(role) = principal else { return false };
        self.policy["Statement"].as_array().into_iter().flatten().any(|statement| {
            let who = &statement["Principal"];
            statement["Effect"] == "Allow"
                && statement.get("Condition").is_none()
                && (any_text(who, |name| name == "*") || any_text(&who["AWS"], |name| name == "*" || name == role))
                && any_text(&statement["Action"], |pattern| match pattern.strip_suffix('*') {
                    Some(prefix) => action.starts_with(prefix),
                    None => action == pattern,
                })
        })
    }
}

/// Whether a text, or one text of a list, fits.
fn any_text(value: &Value, fits: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(fits),
        other => other.as_str().is_some_and(fits),
    }
}

impl State {
    /// The key a caller names by id, ARN, alias or alias ARN. A key past its deletion date is gone.
    pub fn find_mut(&mut self, cloud: &Cloud, region: Region, name: &str) -> Result<&mut Key, AwsError> {
        let not_found = || {
            let what = if name.contains("alias/") { "Alias" } else { "Key" };
            let shown = if name.starts_with("arn:") {
                name.to_owned()
            } else {
                let resource = if name.starts_with("alias/") { name.to_owned() } else { format!("key/{name}") };
                format!("arn:aws:kms:{region}:{}:{resource}", cloud.account)
            };
            AwsError::bad_request("NotFoundException", format!("{what} '{shown}' does not exist"))
        };
        let local = match name.strip_prefix("arn:aws:kms:") {
            None => name,
            Some(rest) => {
                let mut parts = rest.splitn(3, ':');
                if parts.next() != Some(region.as_str()) {
                    return Err(not_found());
                }
                parts.nth(1).unwrap_or_default()
            }
        };
        let id = if let Some(service) = local.strip_prefix("alias/aws/") {
            self.managed(cloud, region, service)
        } else if local.starts_with("alias/") {
            let alias = self.aliases.get(&(region, local.to_owned())).ok_or_else(not_found)?;
            alias.key_id.clone()
        } else {
            local.strip_prefix("key/").unwrap_or(local).to_owned()
        };
        let at = (region, id);
        let now = cloud.clock.now();
        if matches!(self.keys.get(&at), Some(Key { state: KeyState::PendingDeletion { at }, .. }) if *at <= now) {
            self.keys.remove(&at);
            self.aliases.retain(|(in_region, _), alias| *in_region != at.0 || alias.key_id != at.1);
        }
        self.keys.get_mut(&at).ok_or_else(not_found)
    }

    /// The id of the key AWS manages for a service, made when it is first used.
    fn managed(&mut self, cloud: &Cloud, region: Region, service: &str) -> String {
        let name = format!("alias/aws/{service}");
        if let Some(alias) = self.aliases.get(&(region, name.clone())) {
            return alias.key_id.clone();
        }
        let digest = Sha256::digest(format!("{}/{region}/{name}", cloud.seed));
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let id = format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
        let mut key = Key::new(cloud, region, id.clone());
        key.managed = true;
        key.description = format!("Default key that protects my {service} data when no other key is defined");
        self.aliases.insert((region, name), Alias { key_id: id.clone(), created: key.created });
        self.keys.insert((region, id.clone()), key);
        id
    }
}

pub(super) fn arn(cloud: &Cloud, region: Region, id: &str) -> String {
    format!("arn:aws:kms:{region}:{}:key/{id}", cloud.account)
}

/// The policy CreateKey gives where the caller gives none: it hands the key to the account's identity policies.
pub(super) fn default_policy(cloud: &Cloud) -> Value {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{}:root", cloud.account)},
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[tokio::test(start_paused = true)]
    async fn a_key_policy_grants_what_it_names_to_whom_it_names() {
        let region = Region::US_EAST_1;
        let cloud = Cloud::start(crate::Config {
            seed: Seed(7),
            clock: crate::clock::Clock::starting_at(crate::clock::Clock::EMBEDDED_EPOCH),
            account: "123456789012".to_owned(),
            regions: vec![region],
            code: BTreeMap::new(),
        });
        let mut key = Key::new(&cloud, region, "k".to_owned());
        let role = Principal::Role("arn:aws:iam::123456789012:role/app".to_owned());
        assert!(!key.policy_names(&role, "kms:Decrypt"), "the root statement only delegates");
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::123456789012:role/app"]},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        });
        key.policy = json!({"Statement": [statement]});
        assert!(key.policy_names(&role, "kms:Decrypt"));
        assert!(key.policy_names(&role, "kms:GenerateDataKeyWithoutPlaintext"));
        assert!(!key.policy_names(&role, "kms:Encrypt"));
        assert!(!key.policy_names(&Principal::Role("other".to_owned()), "kms:Decrypt"));
        statement["Condition"] = json!({});
        key.policy = json!({"Statement": [statement]});
        assert!(!key.policy_names(&role, "kms:Decrypt"), "a condition is not taken as met");
    }
}
