//! A bucket's replication configuration: what it says, and which versions its rules match.

use std::collections::BTreeMap;

use crate::twin::services::s3::answer::invalid_request;
use crate::twin::services::s3::state::{Bucket, Encryption, State, Version, Versioning};
use crate::twin::wire::{AwsError, xml::Element};

/// A bucket's replication configuration.
#[derive(Clone, Debug)]
pub struct Replication {
    pub rules: Vec<Rule>,
    /// As it was given, to be given back.
    pub document: Element,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub enabled: bool,
    pub priority: i64,
    pub prefix: String,
    pub tags: Vec<(String, String)>,
    pub destination: String,
    pub storage_class: Option<String>,
    pub delete_markers: bool,
    /// The destination's key for objects encrypted with one; without it they are not replicated.
    pub replica_key: Option<String>,
    pub rtc: bool,
}

impl Replication {
    /// Reads a `ReplicationConfiguration` document.
    pub fn read(document: Element) -> Result<Self, AwsError> {
        if document.get_text("Role").is_none_or(str::is_empty) {
            return Err(invalid_request("The replication configuration has no Role."));
        }
        let rules = document.all("Rule").map(Rule::read).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(invalid_request("The replication configuration has no Rule."));
        }
        Ok(Self { rules, document })
    }

    /// The rules that match a version: for each destination, the one of the highest priority.
    pub fn matching(&self, key: &str, version: &Version) -> Vec<&Rule> {
        let mut found: BTreeMap<&str, &Rule> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.matches(key, version)) {
            let best = found.entry(&rule.destination).or_insert(rule);
            if rule.priority > best.priority {
                *best = rule;
            }
        }
        found.into_values().collect()
    }
}

impl Rule {
    fn read(rule: &Element) -> Result<Self, AwsError> {
        let malformed = |what: &str| AwsError::bad_request("MalformedXML", format!("a replication Rule has no {what}"));
        let status = |element: Option<&Element>| element.and_then(|e| e.get_text("Status")) == Some("Enabled");
        let destination = rule.get("Destination").ok_or_else(|| malformed("Destination"))?;
        let bucket = destination.get_text("Bucket").and_then(|arn| arn.strip_prefix("arn:aws:s3:::"));
        let filter = rule.get("Filter");
        let both = filter.map(|filter| filter.get("And").unwrap_or(filter));
        let prefix = both.and_then(|filter| filter.get_text("Prefix")).or_else(|| rule.get_text("Prefix"));
        let tags = both.into_iter().flat_map(|filter| filter.all("Tag"));
        let selection = rule.get("SourceSelectionCriteria").and_then(|s| s.get("SseKmsEncryptedObjects"));
        let key = destination.get("EncryptionConfiguration").and_then(|e| e.get_text("ReplicaKmsKeyID"));
        if status(selection) && key.is_none() {
            return Err(invalid_request("SseKmsEncryptedObjects needs a ReplicaKmsKeyID in the destination."));
        }
        Ok(Self {
            enabled: match rule.get_text("Status") {
                Some("Enabled") => true,
                Some("Disabled") => false,
                _ => return Err(malformed("Status of Enabled or Disabled")),
            },
            priority: rule.get_text("Priority").and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            prefix: prefix.unwrap_or_default().to_owned(),
            tags: tags
                .map(|tag| {
                    (
                        tag.get_text("Key").unwrap_or_default().to_owned(),
                        tag.get_text("Value").unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
            destination: bucket.ok_or_else(|| malformed("Destination Bucket ARN"))?.to_owned(),
            storage_class: destination.get_text("StorageClass").map(str::to_owned),
            // A rule in the first form, without Filter, replicates delete markers (S3 user guide).
            delete_markers: filter.is_none() || status(rule.get("DeleteMarkerReplication")),
            replica_key: key.filter(|_| status(selection)).map(str::to_owned),
            rtc: status(destination.get("ReplicationTime")),
        })
    }

    fn matches(&self, key: &str, version: &Version) -> bool {
        if !self.enabled || !key.starts_with(&self.prefix) {
            return false;
        }
        match &version.object {
            // Rules with tag filters do not replicate delete markers (S3 user guide).
            None => self.delete_markers && self.tags.is_empty(),
            Some(object) => {
                let sealed = matches!(object.encryption, Encryption::Kms(_));
                (!sealed || self.replica_key.is_some())
                    && self.tags.iter().all(|(key, value)| object.about.tags.get(key) == Some(value))
            }
        }
    }
}

/// What must hold before a bucket takes a configuration: versioning on both sides.
pub fn check(state: &State, source: &Bucket, replication: &Replication) -> Result<(), AwsError> {
    if source.versioning != Versioning::Enabled {
        return Err(invalid_request("Versioning must be 'Enabled' on the bucket to apply a replication configuration"));
    }
    for rule in &replication.rules {
        match state.buckets.get(&rule.destination) {
            None => return Err(invalid_request(format!("Destination bucket {} must exist.", rule.destination))),
            Some(bucket) if bucket.versioning != Versioning::Enabled => {
                return Err(invalid_request(format!(
                    "Destination bucket {} must have versioning enabled.",
                    rule.destination
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
