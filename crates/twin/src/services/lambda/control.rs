//! The control plane: functions, versions and aliases, as the API and the templates change them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Lambda;
use super::admission::{ACCOUNT_CONCURRENCY, UNRESERVED_MIN};
use super::function::{Alias, EventConfig, Function, Version, not_found};
use super::package::Package;
use super::policy::Statement;
use super::settings::{Settings, invalid};
use crate::Cloud;
use crate::region::Region;
use crate::wire::AwsError;

/// A new function.
pub struct NewFunction {
    pub name: String,
    pub settings: Settings,
    pub package: Package,
    pub tags: BTreeMap<String, String>,
}

impl Lambda {
    pub fn create(&self, cloud: &Cloud, region: Region, new: NewFunction) -> Result<Value, AwsError> {
        check_name(&new.name)?;
        let mut state = self.state();
        let functions = &mut state.regions.entry(region).or_default().by_name;
        if functions.contains_key(&new.name) {
            return Err(conflict(format!("Function already exist: {}", new.name)));
        }
        let latest = version(cloud, 0, new.settings, new.package);
        let mut function = Function::new(region, &cloud.account, &new.name, latest);
        function.tags = new.tags;
        let shown = function.describe(&function.latest, None);
        functions.insert(new.name, function);
        Ok(shown)
    }

    /// Changes the configuration, the code or both of `$LATEST`.
    pub fn change(
        &self,
        cloud: &Cloud,
        region: Region,
        name: &str,
        change: impl FnOnce(&Version) -> Result<(Settings, Package), AwsError>,
    ) -> Result<Value, AwsError> {
        self.with(cloud, region, name, |function| {
            let (settings, package) = change(&function.latest)?;
            let changed = version(cloud, 0, settings, package);
            function.change(changed);
            Ok(function.describe(&function.latest, None))
        })
    }

    /// Removes a function, or one of its versions; false where there was none.
    pub fn remove(&self, region: Region, name: &str, qualifier: Option<&str>) -> Result<bool, AwsError> {
        let mut state = self.state();
        let Some(functions) = state.regions.get_mut(&region) else { return Ok(false) };
        let Some(qualifier) = qualifier else { return Ok(functions.by_name.remove(name).is_some()) };
        let Some(function) = functions.by_name.get_mut(name) else { return Ok(false) };
        let number: u64 = qualifier.parse().map_err(|_| {
            invalid("Deletion of aliases or $LATEST by DeleteFunction is not supported: give a version")
        })?;
        let user = function
            .aliases
            .iter()
            .find(|(_, alias)| alias.version == number || alias.canary.is_some_and(|(canary, _)| canary == number));
        if let Some((alias, _)) = user {
            return Err(conflict(format!("the version {number} of {name} is in use by the alias {alias}")));
        }
        function.idle.remove(&number);
        Ok(function.versions.remove(&number).is_some())
    }

    /// Freezes `$LATEST` as a version; gives the newest one where nothing has changed since.
    pub fn publish(
        &self,
        cloud: &Cloud,
        region: Region,
        name: &str,
        description: Option<&str>,
        expected_sha256: Option<&str>,
    ) -> Result<Value, AwsError> {
        self.with(cloud, region, name, |function| {
            let latest = function.latest.clone();
            if expected_sha256.is_some_and(|expected| expected != latest.package.sha256) {
                return Err(invalid(format!(
                    "CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({})",
                    expected_sha256.unwrap_or_default(),
                    latest.package.sha256
                )));
            }
            let newest = function.versions.get(&function.last_number);
            if let Some(same) = newest.filter(|v| v.settings == latest.settings && v.package == latest.package) {
                return Ok(function.describe(same, Some(&same.label())));
            }
            function.last_number += 1;
            let mut settings = latest.settings.clone();
            if let Some(description) = description {
                settings.description = description.to_owned();
            }
            let published = Arc::new(version(cloud, function.last_number, settings, latest.package.clone()));
            function.versions.insert(published.number, published.clone());
            Ok(function.describe(&published, Some(&published.label())))
        })
    }

    /// Makes an alias, or changes one.
    pub fn put_alias(
        &self,
        cloud: &Cloud,
        region: Region,
        name: &str,
        alias: &str,
        change: &AliasChange<'_>,
        create: bool,
    ) -> Result<Value, AwsError> {
        self.with(cloud, region, name, |function| {
            let old = function.aliases.get(alias);
            if create && old.is_some() {
                return Err(conflict(format!("Alias already exists: {}:{alias}", function.arn)));
            }
            if !create && old.is_none() {
                return Err(not_found(&format!("{}:{alias}", function.arn)));
            }
            if alias.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid(format!("the alias name {alias:?} could be taken for a version number")));
            }
            if let Some(old) = old {
                expect_revision(change.revision, &old.revision_id)?;
            }
            let version = match (change.version, old) {
                (Some("$LATEST"), _) => 0,
                (Some(label), _) => existing(function, label)?,
                (None, Some(old)) => old.version,
                (None, None) => return Err(invalid("FunctionVersion is mandatory for a new alias")),
            };
            let canary = match change.routing {
                Some(routing) => canary(function, version, routing)?,
                None => old.and_then(|old| old.canary),
            };
            let description = change.description.or(old.map(|old| old.description.as_str())).unwrap_or_default();
            let new = Alias { version, description: description.to_owned(), canary, revision_id: cloud.ids.uuid() };
            let shown = function.describe_alias(alias, &new);
            function.aliases.insert(alias.to_owned(), new);
            Ok(shown)
        })
    }

    pub fn add_permission(
        &self,
        cloud: &Cloud,
        region: Region,
        name: &str,
        statement: Statement,
    ) -> Result<Value, AwsError> {
        self.with(cloud, region, name, |function| {
            function.version(statement.qualifier.as_deref(), || 1.0)?;
            if function.policy.iter().any(|known| known.sid == statement.sid) {
                return Err(conflict(format!(
                    "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement.",
                    statement.sid
                )));
            }
            let shown = statement.describe(&function.arn);
            function.policy.push(statement);
            Ok(json!({ "Statement": shown.to_string() }))
        })
    }

    pub fn remove_permission(&self, cloud: &Cloud, region: Region, name: &str, sid: &str) -> Result<(), AwsError> {
        self.with(cloud, region, name, |function| {
            let before = function.policy.len();
            function.policy.retain(|statement| statement.sid != sid);
            if function.policy.len() == before {
                return Err(AwsError::new(
                    404,
                    "ResourceNotFoundException",
                    format!("Statement {sid} is not found in resource policy."),
                ));
            }
            Ok(())
        })
    }

    /// Sets or clears reserved concurrency.
    pub fn reserve(&self, cloud: &Cloud, region: Region, name: &str, share: Option<u32>) -> Result<(), AwsError> {
        let mut state = self.state();
        let functions = &mut state.regions.entry(region).or_default().by_name;
        let others: u32 = functions.iter().filter(|(other, _)| *other != name).filter_map(|(_, f)| f.reserved).sum();
        if share.is_some_and(|share| share > 0 && others + share > ACCOUNT_CONCURRENCY - UNRESERVED_MIN) {
            return Err(invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
            )));
        }
        let function = functions.get_mut(name).ok_or_else(|| not_found(&arn(cloud, region, name)))?;
        function.reserved = share;
        Ok(())
    }

    pub fn put_event_config(
        &self,
        cloud: &Cloud,
        region: Region,
        name: &str,
        qualifier: Option<&str>,
        config: EventConfig,
    ) -> Result<Value, AwsError> {
        self.with(cloud, region, name, |function| {
            function.version(qualifier, || 1.0)?;
            let qualifier = qualifier.unwrap_or("$LATEST");
            let shown = config.describe(&format!("{}:{qualifier}", function.arn));
            function.event_configs.insert(qualifier.to_owned(), config);
            Ok(shown)
        })
    }

    /// Looks at or changes one function.
    pub fn with<T>(
        &self,
        cloud: &Cloud,
        region: Region,
        name: &str,
        work: impl FnOnce(&mut Function) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let mut state = self.state();
        let functions = &mut state.regions.entry(region).or_default().by_name;
        work(functions.get_mut(name).ok_or_else(|| not_found(&arn(cloud, region, name)))?)
    }
}

/// What an alias is given; what is absent stays as it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct AliasChange<'a> {
    pub version: Option<&'a str>,
    pub description: Option<&'a str>,
    /// Weights by version; empty for none.
    pub routing: Option<&'a [(String, f64)]>,
    /// Changed only where this is its revision still.
    pub revision: Option<&'a str>,
}

/// Fails where somebody else has changed a thing since its revision was read.
pub fn expect_revision(expected: Option<&str>, current: &str) -> Result<(), AwsError> {
    match expected {
        Some(expected) if expected != current => {
            let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias \
                           API to retrieve the latest Revision Id";
            Err(AwsError::new(412, "PreconditionFailedException", message))
        }
        _ => Ok(()),
    }
}

/// Reads MaximumRetryAttempts, MaximumEventAgeInSeconds and DestinationConfig over what there was.
pub fn event_config(given: &Value, mut config: EventConfig) -> Result<EventConfig, AwsError> {
    if let Some(retries) = given.get("MaximumRetryAttempts").and_then(Value::as_u64) {
        config.retries = u32::try_from(retries)
            .ok()
            .filter(|retries| *retries <= 2)
            .ok_or_else(|| AwsError::validation("MaximumRetryAttempts must be between 0 and 2"))?;
    }
    if let Some(seconds) = given.get("MaximumEventAgeInSeconds").and_then(Value::as_u64) {
        if !(60..=21_600).contains(&seconds) {
            return Err(AwsError::validation("MaximumEventAgeInSeconds must be between 60 and 21600"));
        }
        config.age_max = std::time::Duration::from_secs(seconds);
    }
    if given.pointer("/DestinationConfig/OnSuccess/Destination").is_some() {
        return Err(invalid("the embedded twin does not model OnSuccess destinations; see docs/fidelity.md"));
    }
    if let Some(topic) = given.pointer("/DestinationConfig/OnFailure/Destination").and_then(Value::as_str) {
        if !topic.starts_with("arn:aws:sns:") {
            return Err(invalid(format!("the embedded twin sends failed events to SNS topics only, not to {topic}")));
        }
        config.on_failure = Some(topic.to_owned());
    }
    Ok(config)
}

fn version(cloud: &Cloud, number: u64, settings: Settings, package: Package) -> Version {
    Version { number, settings, package, revision_id: cloud.ids.uuid(), modified: cloud.clock.now() }
}

fn existing(function: &Function, label: &str) -> Result<u64, AwsError> {
    let number = label.parse::<u64>().ok().filter(|number| function.versions.contains_key(number));
    number.ok_or_else(|| not_found(&format!("{}:{label}", function.arn)))
}

fn canary(function: &Function, version: u64, routing: &[(String, f64)]) -> Result<Option<(u64, f64)>, AwsError> {
    let [(label, weight)] = routing else {
        return match routing {
            [] => Ok(None),
            _ => Err(invalid("An alias can send traffic to one additional version only")),
        };
    };
    if version == 0 {
        return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
    }
    if !(0.0..=1.0).contains(weight) {
        return Err(invalid(format!("the weight {weight} of version {label} is not between 0 and 1")));
    }
    Ok(Some((existing(function, label)?, *weight)))
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: 1 to 64 letters, \
         digits, hyphens and underscores"
    )))
}

fn conflict(message: String) -> AwsError {
    AwsError::new(409, "ResourceConflictException", message)
}

fn arn(cloud: &Cloud, region: Region, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{}:function:{name}", cloud.account)
}
