//! What exists: secrets by Region and name, their versions, and the staging labels on them.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::rotation::Rotation;
use super::value::SecretValue;
use super::{invalid_parameter, invalid_request, not_found};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::AwsError;

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PENDING: &str = "AWSPENDING";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// Versions without a label are deprecated; Secrets Manager keeps about 100 versions (user guide, "Secret versions").
const VERSIONS_MAX: usize = 100;

#[derive(Default)]
pub(super) struct State {
    pub secrets: BTreeMap<(Region, String), Secret>,
    /// Counts rotations and their timers.
    numbers: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Secret {
    pub name: String,
    /// The six characters that end the ARN; replicas share them.
    pub suffix: String,
    pub region: Region,
    /// Where it is written: its own Region, unless it is a replica.
    pub primary: Region,
    pub description: String,
    /// The customer's key as the caller named it; none means `aws/secretsmanager`.
    pub kms_key: Option<String>,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// When it was last read; the API shows the day.
    pub accessed: Option<Timestamp>,
    pub deleted: Option<Deletion>,
    pub tags: BTreeMap<String, String>,
    /// In the order they were made.
    pub versions: IndexMap<String, Version>,
    /// Of a primary, by Region.
    pub replicas: BTreeMap<Region, Replica>,
    /// Of a primary, once it was configured.
    pub rotation: Option<Rotation>,
    /// Counts the changes of a primary; a replica carries that of the change it shows.
    pub generation: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Deletion {
    pub asked: Timestamp,
    /// When it is gone for good.
    pub at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    /// None while a rotation has yet to give it one.
    pub value: Option<SecretValue>,
    pub created: Timestamp,
    pub stages: BTreeSet<String>,
}

/// What a primary knows of one of its replicas.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub kms_key: Option<String>,
    pub status: ReplicaStatus,
    /// When the last change sent is due there; later changes never overtake it.
    pub due: Timestamp,
    pub overwrite: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReplicaStatus {
    InProgress,
    InSync,
    Failed(String),
}

impl Secret {
    pub fn arn(&self, cloud: &Cloud) -> String {
        format!("arn:aws:secretsmanager:{}:{}:secret:{}-{}", self.region, cloud.account, self.name, self.suffix)
    }

    pub fn is_replica(&self) -> bool {
        self.primary != self.region
    }

    /// Fails where the secret cannot be changed here: a replica, or one that waits for its deletion.
    pub fn check_writable(&self) -> Result<(), AwsError> {
        if self.is_replica() {
            return Err(invalid_parameter(
                "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
            ));
        }
        self.check_alive()
    }

    pub fn check_alive(&self) -> Result<(), AwsError> {
        match self.deleted {
            Some(_) => Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            )),
            None => Ok(()),
        }
    }

    /// The version that carries a label.
    pub fn staged(&self, stage: &str) -> Option<(&String, &Version)> {
        self.versions.iter().find(|(_, version)| version.stages.contains(stage))
    }

    /// Adds a version, or gives a value to one that waits for it, and moves these labels to it.
    pub fn add_version(&mut self, id: String, value: SecretValue, now: Timestamp, stages: &[String]) {
        let empty = Version { value: None, created: now, stages: BTreeSet::new() };
        self.versions.entry(id.clone()).or_insert(empty).value = Some(value);
        for stage in stages {
            self.label(&id, stage);
        }
        self.changed = now;
        while self.versions.len() > VERSIONS_MAX {
            let Some(oldest) = self.versions.values().position(|version| version.stages.is_empty()) else { break };
            self.versions.shift_remove_index(oldest);
        }
    }

    /// Moves a label to a version; AWSCURRENT leaves AWSPREVIOUS on the version it comes from.
    pub fn label(&mut self, id: &str, stage: &str) {
        let from = self.staged(stage).map(|(id, _)| id.clone());
        if from.as_deref() == Some(id) {
            return;
        }
        self.unlabel(stage);
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.insert(stage.to_owned());
        }
        if let Some(from) = from.filter(|_| stage == CURRENT) {
            self.label(&from, PREVIOUS);
            // What is current again is not the previous one.
            if let Some(version) = self.versions.get_mut(id) {
                version.stages.remove(PREVIOUS);
            }
        }
    }

    pub fn unlabel(&mut self, stage: &str) {
        for version in self.versions.values_mut() {
            version.stages.remove(stage);
        }
    }
}

impl State {
    /// A number that no rotation and no timer had before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The secret a caller names by name, ARN, or ARN without its suffix, once the caller may do `action` to it.
    /// One past its deletion date is gone.
    pub fn find_mut(&mut self, call: &Call, action: &str, id: &str) -> Result<&mut Secret, AwsError> {
        let cloud = &call.cloud;
        let at = (call.region, self.name_of(call, id).unwrap_or_default());
        let now = cloud.clock.now();
        if self.secrets.get(&at).and_then(|secret| secret.deleted).is_some_and(|deletion| deletion.at <= now) {
            self.secrets.remove(&at);
        }
        let action = format!("secretsmanager:{action}");
        match self.secrets.get_mut(&at) {
            Some(secret) => {
                call.authorize(&action, &secret.arn(cloud))?;
                Ok(secret)
            }
            None => {
                let asked = if id.starts_with("arn:") {
                    id.to_owned()
                } else {
                    call.arn("secretsmanager", &format!("secret:{id}"))
                };
                call.authorize(&action, &asked)?;
                Err(not_found("secret"))
            }
        }
    }

    fn name_of(&self, call: &Call, id: &str) -> Option<String> {
        if !id.starts_with("arn:") {
            return Some(id.to_owned());
        }
        let rest = id.strip_prefix(&call.arn("secretsmanager", "secret:"))?;
        let known = |name: &str| self.secrets.get(&(call.region, name.to_owned()));
        if let Some((name, suffix)) = rest.rsplit_once('-')
            && known(name).is_some_and(|secret| secret.suffix == suffix)
        {
            return Some(name.to_owned());
        }
        known(rest).map(|secret| secret.name.clone())
    }
}

pub(super) fn tags(list: &[Value]) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()));
    list.iter().filter_map(pair).collect()
}
