//! What exists: parameters and their versions.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::region::Region;

/// A parameter keeps its last 100 versions (Systems Manager user guide, "Working with parameter versions").
const VERSIONS_MAX: usize = 100;

#[derive(Default)]
pub(super) struct State {
    pub parameters: BTreeMap<(Region, String), Parameter>,
}

/// A parameter. Its values may be secret, so neither it nor they can be printed.
pub(super) struct Parameter {
    pub kind: Kind,
    pub description: String,
    pub data_type: String,
    pub tags: BTreeMap<String, String>,
    /// By version, from 1 on.
    pub versions: BTreeMap<i64, Version>,
}

pub(super) struct Version {
    pub value: String,
    pub at: Timestamp,
    /// The key of a secure value, as the writer named it.
    pub key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    List,
    Secure,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::List => "StringList",
            Self::Secure => "SecureString",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Text, Self::List, Self::Secure].into_iter().find(|kind| kind.name() == name)
    }
}

impl Parameter {
    /// Adds a version; gives its number.
    pub fn add(&mut self, version: Version) -> i64 {
        let number = self.versions.last_key_value().map_or(1, |(last, _)| last + 1);
        self.versions.insert(number, version);
        while self.versions.len() > VERSIONS_MAX {
            self.versions.pop_first();
        }
        number
    }
}
