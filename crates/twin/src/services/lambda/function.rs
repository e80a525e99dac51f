//! A function and what hangs on it: versions, aliases, the resource policy, its idle environments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::environment::Idle;
use super::package::Package;
use super::policy::Statement;
use super::settings::Settings;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;

/// The functions of one Region.
#[derive(Default)]
pub struct Functions {
    pub by_name: BTreeMap<String, Function>,
    /// Invocations running right now, of all functions.
    pub running: u32,
}

pub struct Function {
    pub name: Arc<str>,
    pub arn: Arc<str>,
    pub latest: Arc<Version>,
    pub versions: BTreeMap<u64, Arc<Version>>,
    /// The number of the newest version there ever was: numbers are not given twice.
    pub last_number: u64,
    pub aliases: BTreeMap<String, Alias>,
    pub policy: Vec<Statement>,
    /// Reserved concurrency; zero throttles every invocation.
    pub reserved: Option<u32>,
    pub running: u32,
    pub event_configs: BTreeMap<String, EventConfig>,
    /// Environments that wait for work, by version number, the one used last on top.
    pub idle: BTreeMap<u64, Vec<Idle>>,
    pub tags: BTreeMap<String, String>,
}

/// Code and configuration, frozen: `$LATEST` as it is now (number 0), or a published version.
#[derive(Debug)]
pub struct Version {
    pub number: u64,
    pub settings: Settings,
    pub package: Package,
    pub revision_id: String,
    pub modified: Timestamp,
}

/// A name for a version, or for two by weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    pub version: u64,
    pub description: String,
    /// The second version and its share of the invocations, 0 to 1.
    pub canary: Option<(u64, f64)>,
    pub revision_id: String,
}

/// How asynchronous invocations are retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventConfig {
    pub retries: u32,
    pub age_max: Duration,
    /// The topic that hears of events that were given up on.
    pub on_failure: Option<String>,
}

impl Default for EventConfig {
    /// Two retries, six hours: "Configuring error handling settings for asynchronous invocations", developer guide.
    fn default() -> Self {
        Self { retries: 2, age_max: Duration::from_secs(6 * 60 * 60), on_failure: None }
    }
}

impl Version {
    pub fn label(&self) -> String {
        if self.number == 0 { "$LATEST".to_owned() } else { self.number.to_string() }
    }
}

impl Function {
    pub fn new(region: Region, account: &str, name: &str, latest: Version) -> Self {
        Self {
            name: name.into(),
            arn: format!("arn:aws:lambda:{region}:{account}:function:{name}").into(),
            latest: Arc::new(latest),
            versions: BTreeMap::new(),
            last_number: 0,
            aliases: BTreeMap::new(),
            policy: Vec::new(),
            reserved: None,
            running: 0,
            event_configs: BTreeMap::new(),
            idle: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// The version a qualifier means; `draw`, between 0 and 1, decides between an alias's two.
    pub fn version(&self, qualifier: Option<&str>, draw: impl FnOnce() -> f64) -> Result<&Arc<Version>, AwsError> {
        let Some(qualifier) = qualifier.filter(|qualifier| *qualifier != "$LATEST") else { return Ok(&self.latest) };
        let number = match (qualifier.parse::<u64>(), self.aliases.get(qualifier)) {
            (Ok(number), _) => Some(number),
            (Err(_), Some(alias)) => Some(match alias.canary {
                Some((canary, weight)) if draw() < weight => canary,
                _ => alias.version,
            }),
            (Err(_), None) => None,
        };
        number.and_then(|number| self.numbered(number)).ok_or_else(|| not_found(&format!("{}:{qualifier}", self.arn)))
    }

    /// The version of this number, 0 being `$LATEST`.
    pub fn numbered(&self, number: u64) -> Option<&Arc<Version>> {
        if number == 0 { Some(&self.latest) } else { self.versions.get(&number) }
    }

    /// Replaces `$LATEST`; its environments end, those that are at work when they are done.
    pub fn change(&mut self, latest: Version) {
        self.latest = Arc::new(latest);
        self.idle.remove(&0);
    }

    /// How asynchronous invocations of this qualifier are retried.
    pub fn event_config(&self, qualifier: Option<&str>) -> EventConfig {
        self.event_configs.get(qualifier.unwrap_or("$LATEST")).cloned().unwrap_or_default()
    }

    /// A version as GetFunctionConfiguration shows it; `qualified` where a qualifier was asked for.
    pub fn describe(&self, version: &Version, qualifier: Option<&str>) -> Value {
        let mut members = version.settings.describe();
        let arn = match qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
            None => self.arn.to_string(),
        };
        let rest = json!({
            "FunctionName": &*self.name,
            "FunctionArn": arn,
            "Version": version.label(),
            "CodeSha256": version.package.sha256,
            "CodeSize": version.package.bytes,
            "LastModified": version.modified.iso8601().replace('Z', "+0000"),
            "RevisionId": version.revision_id,
            "State": "Active",
            "LastUpdateStatus": "Successful",
        });
        if let Value::Object(rest) = rest {
            members.extend(rest);
        }
        Value::Object(members)
    }

    pub fn describe_alias(&self, name: &str, alias: &Alias) -> Value {
        let mut shown = json!({
            "AliasArn": format!("{}:{name}", self.arn),
            "Name": name,
            "FunctionVersion": if alias.version == 0 { "$LATEST".to_owned() } else { alias.version.to_string() },
            "Description": alias.description,
            "RevisionId": alias.revision_id,
        });
        if let Some((version, weight)) = alias.canary {
            shown["RoutingConfig"] = json!({ "AdditionalVersionWeights": { version.to_string(): weight } });
        }
        shown
    }
}

impl EventConfig {
    pub fn describe(&self, function_arn: &str) -> Value {
        let mut shown = json!({
            "FunctionArn": function_arn,
            "MaximumRetryAttempts": self.retries,
            "MaximumEventAgeInSeconds": self.age_max.as_secs(),
        });
        if let Some(topic) = &self.on_failure {
            shown["DestinationConfig"] = json!({ "OnFailure": { "Destination": topic } });
        }
        shown
    }
}

pub fn not_found(arn: &str) -> AwsError {
    AwsError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}
