//! The `ReplicationConfiguration` document, read and checked: an element that S3 does not know, or that the twin does
//! not model, is an error (API reference, PutBucketReplication; S3 user guide, "Replication configuration file
//! elements").

use std::collections::BTreeSet;

use super::rule::{Replication, Rule};
use crate::clock::Timestamp;
use crate::services::s3::answer::{invalid_request, not_modelled};
use crate::services::s3::object;
use crate::services::s3::state::{Bucket, State, Versioning};
use crate::wire::{AwsError, xml::Element};

/// A configuration has at most 1,000 rules, and an id at most 255 characters (API reference).
const RULES_MAX: usize = 1_000;
const ID_MAX: usize = 255;
/// The only threshold that Replication Time Control takes (API reference, ReplicationTimeValue).
const MINUTES: &str = "15";

impl Replication {
    /// Reads a document whose rules all have their ids.
    pub fn read(document: Element, account: &str, since: Timestamp) -> Result<Self, AwsError> {
        known(&document, &["Role", "Rule"])?;
        let role = document.get_text("Role").filter(|role| role.starts_with("arn:aws:iam::"));
        let role = role.ok_or_else(|| invalid_request("The replication configuration has no Role that is an ARN."))?;
        let rules = document.all("Rule").map(|rule| Rule::read(rule, account)).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(malformed(format!("a replication configuration has 1 to {RULES_MAX} rules")));
        }
        let mut ids = BTreeSet::new();
        if let Some(twice) = rules.iter().find(|rule| !ids.insert(&rule.id)) {
            return Err(invalid_request(format!("Rule Id must be unique. Found same Id {:?} twice", twice.id)));
        }
        let mut priorities = BTreeSet::new();
        let numbered = document.all("Rule").zip(&rules).filter(|(rule, _)| rule.get("Priority").is_some());
        if let Some((_, twice)) = numbered.into_iter().find(|(_, rule)| !priorities.insert(rule.priority)) {
            return Err(invalid_request(format!("Found duplicate priority {}", twice.priority)));
        }
        Ok(Self { role: role.to_owned(), rules, document, since })
    }
}

/// Gives the rules without an id one of their own, as S3 does.
pub fn name_rules(document: &mut Element, mut id: impl FnMut() -> String) {
    for rule in document.children.iter_mut().filter(|child| child.name == "Rule") {
        rule.children.retain(|child| child.name != "ID" || !child.text.is_empty());
        if rule.get("ID").is_none() {
            rule.children.insert(0, Element::new("ID").text(id()));
        }
    }
}

/// What must hold before a bucket takes a configuration: another bucket to go to, and versioning on both sides.
pub fn check(state: &State, source: &Bucket, replication: &Replication) -> Result<(), AwsError> {
    if source.versioning != Versioning::Enabled {
        return Err(invalid_request("Versioning must be 'Enabled' on the bucket to apply a replication configuration"));
    }
    for destination in replication.rules.iter().map(|rule| &rule.destination) {
        let problem = match state.buckets.get(destination) {
            Some(bucket) if bucket.name == source.name => "must not be the source bucket",
            Some(bucket) if bucket.versioning == Versioning::Enabled => continue,
            Some(_) => "must have versioning enabled",
            None => "must exist",
        };
        return Err(invalid_request(format!("Destination bucket {destination} {problem}.")));
    }
    Ok(())
}

impl Rule {
    fn read(rule: &Element, account: &str) -> Result<Self, AwsError> {
        let members = [
            "ID",
            "Priority",
            "Prefix",
            "Filter",
            "Status",
            "SourceSelectionCriteria",
            "DeleteMarkerReplication",
            "Destination",
        ];
        known(rule, &members)?;
        let id = rule.get_text("ID").unwrap_or_default();
        if id.len() > ID_MAX {
            return Err(malformed(format!("a rule's ID has at most {ID_MAX} characters")));
        }
        if rule.get("Status").is_none() {
            return Err(malformed("a replication Rule has no Status"));
        }
        let mut read = Self { id: id.to_owned(), enabled: is_enabled(rule)?, ..Self::default() };
        read.read_filter(rule)?;
        if let Some(criteria) = rule.get("SourceSelectionCriteria") {
            known(criteria, &["SseKmsEncryptedObjects", "ReplicaModifications"])?;
            read.replica_modifications = switch(criteria, "ReplicaModifications")?;
        }
        let destination = rule.get("Destination").ok_or_else(|| malformed("a replication Rule has no Destination"))?;
        read.read_destination(destination, account)?;
        read.read_encryption(rule, destination)?;
        Ok(read)
    }

    /// What the rule is about, and what follows from the form it is written in.
    fn read_filter(&mut self, rule: &Element) -> Result<(), AwsError> {
        let Some(filter) = rule.get("Filter") else {
            // The first form: a prefix, and delete markers are replicated (S3 user guide, "Backward compatibility").
            let prefix = rule.get_text("Prefix");
            self.prefix = prefix.ok_or_else(|| malformed("a rule has a Filter or a Prefix"))?.to_owned();
            self.delete_markers = true;
            return Ok(());
        };
        known(filter, &["Prefix", "Tag", "And"])?;
        if filter.children.len() > 1 || rule.get("Prefix").is_some() {
            return Err(malformed("a Filter has exactly one of Prefix, Tag and And, and no Prefix beside it"));
        }
        for needed in ["Priority", "DeleteMarkerReplication"] {
            if rule.get(needed).is_none() {
                return Err(invalid_request(format!("{needed} must be specified in a rule with a Filter.")));
            }
        }
        let both = filter.get("And").unwrap_or(filter);
        known(both, &["Prefix", "Tag", "And"])?;
        let tag = |tag: &Element| Some((tag.get_text("Key")?.to_owned(), tag.get_text("Value")?.to_owned()));
        let tags = both.all("Tag").map(|one| tag(one).ok_or_else(|| malformed("a Tag has a Key and a Value")));
        self.tags = tags.collect::<Result<_, _>>()?;
        self.prefix = both.get_text("Prefix").unwrap_or_default().to_owned();
        let priority = rule.get_text("Priority").and_then(|text| text.trim().parse().ok());
        self.priority = priority.ok_or_else(|| malformed("Priority is a whole number"))?;
        self.delete_markers = switch(rule, "DeleteMarkerReplication")?;
        if self.delete_markers && !self.tags.is_empty() {
            return Err(invalid_request("Delete marker replication is not supported if any Tag filter is specified."));
        }
        Ok(())
    }

    fn read_destination(&mut self, destination: &Element, account: &str) -> Result<(), AwsError> {
        let members = ["Bucket", "Account", "StorageClass", "EncryptionConfiguration", "ReplicationTime", "Metrics"];
        if destination.get("AccessControlTranslation").is_some()
            || destination.get_text("Account").is_some_and(|other| other != account)
        {
            return Err(not_modelled("replication to another account"));
        }
        known(destination, &members)?;
        let bucket = destination.get_text("Bucket").and_then(|arn| arn.strip_prefix("arn:aws:s3:::"));
        self.destination = bucket.ok_or_else(|| malformed("a Destination has a Bucket that is an ARN"))?.to_owned();
        self.storage_class = destination.get_text("StorageClass").map(object::check_storage_class).transpose()?;
        self.metrics = switch(destination, "Metrics")?;
        self.time_control = switch(destination, "ReplicationTime")?;
        let minutes = |parent: &str, child: &str| destination.get(parent)?.get(child)?.get_text("Minutes");
        let thresholds = [minutes("ReplicationTime", "Time"), minutes("Metrics", "EventThreshold")];
        if thresholds.iter().flatten().any(|text| text.trim() != MINUTES) {
            return Err(invalid_request(format!("Replication Time Control has one threshold: {MINUTES} minutes.")));
        }
        if self.time_control && (thresholds[0].is_none() || !self.metrics) {
            return Err(invalid_request("ReplicationTime needs its Time, and Metrics that are enabled."));
        }
        Ok(())
    }

    fn read_encryption(&mut self, rule: &Element, destination: &Element) -> Result<(), AwsError> {
        let sealed = rule.get("SourceSelectionCriteria").and_then(|criteria| criteria.get("SseKmsEncryptedObjects"));
        let key = destination.get("EncryptionConfiguration").and_then(|e| e.get_text("ReplicaKmsKeyID"));
        self.replica_key = match (sealed, key) {
            (None, None) => None,
            (Some(sealed), Some(key)) => is_enabled(sealed)?.then(|| key.to_owned()),
            (Some(sealed), None) if !is_enabled(sealed)? => None,
            _ => return Err(invalid_request("SseKmsEncryptedObjects and ReplicaKmsKeyID need each other.")),
        };
        Ok(())
    }
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("MalformedXML", message)
}

/// Fails where an element has a child of another name.
fn known(element: &Element, names: &[&str]) -> Result<(), AwsError> {
    match element.children.iter().find(|child| !names.contains(&child.name.as_str())) {
        Some(child) => Err(malformed(format!("{} has no {}", element.name, child.name))),
        None => Ok(()),
    }
}

/// Whether the child of this name is there and enabled.
fn switch(parent: &Element, name: &str) -> Result<bool, AwsError> {
    parent.get(name).map_or(Ok(false), is_enabled)
}

fn is_enabled(element: &Element) -> Result<bool, AwsError> {
    match element.get_text("Status") {
        Some("Enabled") => Ok(true),
        Some("Disabled") => Ok(false),
        _ => Err(malformed(format!("the Status of {} is Enabled or Disabled", element.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "<ID>one</ID><Priority>1</Priority><Status>Enabled</Status><Filter><Prefix>a/</Prefix></Filter>\
                         <DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication>";
    const ONTO: &str = "<Bucket>arn:aws:s3:::onto</Bucket>";

    fn read(rules: &str) -> Result<Replication, AwsError> {
        let text =
            format!("<ReplicationConfiguration><Role>arn:aws:iam::1:role/r</Role>{rules}</ReplicationConfiguration>");
        Replication::read(Element::parse(text.as_bytes()).unwrap(), "1", Timestamp::default())
    }

    fn rule(head: &str, destination: &str) -> String {
        format!("<Rule>{head}<Destination>{destination}</Destination></Rule>")
    }

    #[test]
    fn a_rule_says_what_it_says() {
        let tags = "<Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>w</Value></Tag>";
        let head = format!(
            "<ID>one</ID><Priority>7</Priority><Status>Enabled</Status>\
             <Filter><And><Prefix>a/</Prefix>{tags}</And></Filter>\
             <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>\
             <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>\
             <ReplicaModifications><Status>Enabled</Status></ReplicaModifications></SourceSelectionCriteria>"
        );
        let destination = format!(
            "{ONTO}<Account>1</Account><StorageClass>STANDARD_IA</StorageClass>\
             <EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID></EncryptionConfiguration>\
             <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>\
             <Metrics><Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics>"
        );
        let rule = read(&rule(&head, &destination)).unwrap().rules.remove(0);
        assert_eq!((rule.id.as_str(), rule.priority, rule.prefix.as_str()), ("one", 7, "a/"));
        assert_eq!((rule.tags["k"].as_str(), rule.tags.len(), rule.destination.as_str()), ("v", 2, "onto"));
        assert_eq!((rule.storage_class.as_deref(), rule.replica_key.as_deref()), (Some("STANDARD_IA"), Some("key")));
        assert!(rule.enabled && rule.time_control && rule.metrics && rule.replica_modifications);
        assert!(!rule.delete_markers);
    }

    #[test]
    fn the_first_form_replicates_delete_markers() {
        let read = read(&rule("<ID>one</ID><Status>Enabled</Status><Prefix></Prefix>", ONTO)).unwrap();
        assert!(read.rules[0].delete_markers && !read.rules[0].metrics);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let with = |extra: &str| rule(PLAIN, &format!("{ONTO}{extra}"));
        let tagged = PLAIN.replace("<Prefix>a/</Prefix>", "<Tag><Key>k</Key><Value>v</Value></Tag>");
        let two = PLAIN.replace("<Prefix>a/</Prefix>", "<Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>");
        let enabled = "<Status>Enabled</Status>";
        let time =
            |minutes| format!("<ReplicationTime>{enabled}<Time><Minutes>{minutes}</Minutes></Time></ReplicationTime>");
        let metrics = format!("<Metrics>{enabled}</Metrics>");
        let sealed = format!(
            "{PLAIN}<SourceSelectionCriteria><SseKmsEncryptedObjects>{enabled}</SseKmsEncryptedObjects>\
             </SourceSelectionCriteria>"
        );
        for (what, rules, code) in [
            ("no rule", String::new(), "MalformedXML"),
            ("an unknown element", rule(&format!("{PLAIN}<Colour>red</Colour>"), ONTO), "MalformedXML"),
            ("an unknown element of a destination", with("<Colour>red</Colour>"), "MalformedXML"),
            ("existing objects", rule(&format!("{PLAIN}<ExistingObjectReplication/>"), ONTO), "MalformedXML"),
            ("no status", rule("<ID>one</ID><Prefix></Prefix>", ONTO), "MalformedXML"),
            ("a status of its own", rule(&PLAIN.replace("Enabled", "On"), ONTO), "MalformedXML"),
            ("neither filter nor prefix", rule("<ID>one</ID><Status>Enabled</Status>", ONTO), "MalformedXML"),
            ("two filters without And", rule(&two, ONTO), "MalformedXML"),
            ("no priority", rule(&PLAIN.replace("<Priority>1</Priority>", ""), ONTO), "InvalidRequest"),
            ("delete markers and tags", rule(&tagged, ONTO), "InvalidRequest"),
            ("an id twice", format!("{}{}", rule(PLAIN, ONTO), rule(PLAIN, ONTO)), "InvalidRequest"),
            (
                "a priority twice",
                format!("{}{}", rule(PLAIN, ONTO), rule(&PLAIN.replace("one", "two"), ONTO)),
                "InvalidRequest",
            ),
            ("no bucket", rule(PLAIN, ""), "MalformedXML"),
            ("another account", with("<Account>2</Account>"), "NotImplemented"),
            ("a storage class of its own", with("<StorageClass>COLD</StorageClass>"), "InvalidStorageClass"),
            ("an archive", with("<StorageClass>GLACIER</StorageClass>"), "NotImplemented"),
            ("time control without metrics", with(&time(15)), "InvalidRequest"),
            ("another threshold", with(&format!("{}{metrics}", time(5))), "InvalidRequest"),
            ("sealed objects without a key", rule(&sealed, ONTO), "InvalidRequest"),
            (
                "a key without sealed objects",
                with("<EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID></EncryptionConfiguration>"),
                "InvalidRequest",
            ),
        ] {
            assert_eq!(read(&rules).expect_err(what).code, code, "{what}");
        }
        assert!(read(&with(&format!("{}{metrics}", time(15)))).is_ok());
    }

    #[test]
    fn rules_without_an_id_get_one() {
        let text =
            "<ReplicationConfiguration><Rule><Status/></Rule><Rule><ID>mine</ID></Rule></ReplicationConfiguration>";
        let mut document = Element::parse(text.as_bytes()).unwrap();
        name_rules(&mut document, || "given".to_owned());
        let ids: Vec<_> = document.all("Rule").map(|rule| rule.get_text("ID").unwrap()).collect();
        assert_eq!(ids, ["given", "mine"]);
    }
}
