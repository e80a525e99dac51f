//! A bucket's replication configuration, and which versions its rules match.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::services::s3::state::{Encryption, Version};
use crate::wire::xml::Element;

#[derive(Clone, Debug)]
pub struct Replication {
    /// Whom S3 acts as.
    pub role: String,
    pub rules: Vec<Rule>,
    /// As it was given, to be given back.
    pub document: Element,
    pub since: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct Rule {
    pub id: String,
    pub enabled: bool,
    pub priority: i64,
    pub prefix: String,
    pub tags: BTreeMap<String, String>,
    pub destination: String,
    pub storage_class: Option<String>,
    pub delete_markers: bool,
    /// The destination's key for objects encrypted with one; without it they are not replicated.
    pub replica_key: Option<String>,
    /// Whether changes of the metadata of replicas in this bucket go to the other one.
    pub replica_modifications: bool,
    /// Replication Time Control.
    pub time_control: bool,
    pub metrics: bool,
}

impl Replication {
    /// The rules that match a version: for each destination, the one of the highest priority.
    pub fn matching(&self, key: &str, version: &Version) -> Vec<&Rule> {
        self.best(|rule| rule.matches(key, version))
    }

    /// For each destination, the rule of the highest priority among those that fit.
    pub fn best(&self, fits: impl Fn(&Rule) -> bool) -> Vec<&Rule> {
        let mut found: BTreeMap<&str, &Rule> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| fits(rule)) {
            let best = found.entry(&rule.destination).or_insert(rule);
            if rule.priority > best.priority {
                *best = rule;
            }
        }
        found.into_values().collect()
    }
}

impl Rule {
    /// Whether the rule is in force for this key.
    pub fn covers(&self, key: &str) -> bool {
        self.enabled && key.starts_with(&self.prefix)
    }

    /// Whether an object with these tags has all that the rule asks for.
    pub fn has_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, value)| tags.get(key) == Some(value))
    }

    fn matches(&self, key: &str, version: &Version) -> bool {
        self.covers(key)
            && match &version.object {
                // Rules with tag filters do not replicate delete markers (S3 user guide).
                None => self.delete_markers && self.tags.is_empty(),
                Some(object) => {
                    let is_sealed = matches!(object.encryption, Encryption::Kms(_));
                    (!is_sealed || self.replica_key.is_some()) && self.has_tags(&object.about.tags)
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::s3::state::{About, Object};

    fn version(tags: &[(&str, &str)], key: Option<&str>) -> Version {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let object = Object {
            body: bytes::Bytes::new(),
            etag: String::new(),
            about: About { tags, ..About::default() },
            checksum: None,
            encryption: key.map_or(Encryption::S3, |key| Encryption::Kms(key.to_owned())),
        };
        Version::new("v".to_owned(), Timestamp::default(), Some(object))
    }

    fn rule(prefix: &str, tags: &[(&str, &str)]) -> Rule {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Rule { enabled: true, prefix: prefix.to_owned(), tags, ..Rule::default() }
    }

    #[test]
    fn rules_match_by_prefix_tags_and_encryption() {
        let marker = Version::new("m".to_owned(), Timestamp::default(), None);
        let plain = version(&[], None);
        let red = version(&[("colour", "red"), ("size", "1")], None);
        let sealed = version(&[], Some("key"));
        let with_key = Rule { replica_key: Some("key".to_owned()), ..rule("", &[]) };
        let with_markers = Rule { delete_markers: true, ..rule("", &[]) };
        let tagged_markers = Rule { delete_markers: true, ..rule("", &[("colour", "red")]) };
        let disabled = Rule { enabled: false, ..rule("", &[]) };
        for (what, rule, version, expected) in [
            ("everything", &rule("", &[]), &plain, true),
            ("disabled", &disabled, &plain, false),
            ("its prefix", &rule("a/", &[]), &plain, true),
            ("another prefix", &rule("b/", &[]), &plain, false),
            ("one tag of two", &rule("", &[("colour", "red")]), &red, true),
            ("both tags", &rule("a/", &[("colour", "red"), ("size", "1")]), &red, true),
            ("a tag and another prefix", &rule("b/", &[("colour", "red")]), &red, false),
            ("another value", &rule("", &[("colour", "blue")]), &red, false),
            ("a tag it has not", &rule("", &[("colour", "red")]), &plain, false),
            ("a key and no replica key", &rule("", &[]), &sealed, false),
            ("a key", &with_key, &sealed, true),
            ("a marker", &rule("", &[]), &marker, false),
            ("a marker that is wanted", &with_markers, &marker, true),
            ("a marker under tags", &tagged_markers, &marker, false),
        ] {
            assert_eq!(rule.matches("a/k", version), expected, "{what}");
        }
    }

    #[test]
    fn the_highest_priority_wins_for_each_destination() {
        let rule = |id: &str, destination: &str, priority: i64| Rule {
            id: id.to_owned(),
            destination: destination.to_owned(),
            priority,
            ..rule("", &[])
        };
        let rules =
            vec![rule("low", "one", 1), rule("high", "one", 3), rule("middle", "one", 2), rule("only", "two", 0)];
        let (role, document) = (String::new(), Element::default());
        let replication = Replication { role, rules, document, since: Timestamp::default() };
        let ids: Vec<&str> = replication.best(|_| true).iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["high", "only"]);
    }
}
