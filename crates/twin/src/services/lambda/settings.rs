//! What a function is configured with, as the API and the template spell it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::AwsError;

/// The bounds of the configuration: "Lambda quotas", AWS Lambda developer guide.
const TIMEOUT_SECONDS: std::ops::RangeInclusive<u64> = 1..=900;
const MEMORY_MB: std::ops::RangeInclusive<u64> = 128..=10_240;
const STORAGE_MB: std::ops::RangeInclusive<u64> = 512..=10_240;
const VARIABLES_BYTES_MAX: usize = 4_096;

/// The managed and OS-only runtimes a function can name ("Lambda runtimes", developer guide).
const RUNTIMES: &[&str] = &[
    "provided.al2023",
    "provided.al2",
    "nodejs24.x",
    "nodejs22.x",
    "nodejs20.x",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "java25",
    "java21",
    "java17",
    "java11",
    "dotnet10",
    "dotnet9",
    "dotnet8",
    "ruby3.4",
    "ruby3.3",
    "ruby3.2",
];

/// Variables the service sets itself ("Defined runtime environment variables", developer guide).
const RESERVED_VARIABLES: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// Options that change how a function behaves and that the twin has no model of.
const NOT_MODELLED: &[&str] =
    &["CodeSigningConfigArn", "FileSystemConfigs", "ImageConfig", "CapacityProviderConfig", "DurableConfig"];

/// Recorded and shown again; nothing in the twin depends on them.
const RECORDED: &[&str] =
    &["Architectures", "KMSKeyArn", "KmsKeyArn", "Layers", "LoggingConfig", "TracingConfig", "VpcConfig"];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub description: String,
    pub role: String,
    pub handler: String,
    pub runtime: String,
    pub memory_mb: u64,
    pub storage_mb: u64,
    pub timeout: Duration,
    pub variables: BTreeMap<String, String>,
    /// Where an event goes that was given up on: the ARN of a topic.
    pub dead_letter: Option<String>,
    pub recorded: serde_json::Map<String, Value>,
}

impl Settings {
    /// The configuration of a new function.
    pub fn create(given: &Value) -> Result<Self, AwsError> {
        let defaults = Self { memory_mb: 128, storage_mb: 512, timeout: Duration::from_secs(3), ..Self::default() };
        let settings = defaults.merge(given)?;
        for (name, value) in [("Role", &settings.role), ("Runtime", &settings.runtime), ("Handler", &settings.handler)]
        {
            if value.is_empty() {
                return Err(invalid(format!(
                    "{name} is mandatory for functions created with deployment packages of type Zip."
                )));
            }
        }
        Ok(settings)
    }

    /// This configuration with what was given in its place.
    pub fn merge(mut self, given: &Value) -> Result<Self, AwsError> {
        refuse_unmodelled(given)?;
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        self.description = text("Description").unwrap_or(self.description);
        self.role = text("Role").unwrap_or(self.role);
        self.handler = text("Handler").unwrap_or(self.handler);
        if let Some(runtime) = text("Runtime") {
            self.runtime = known_runtime(runtime)?;
        }
        self.memory_mb = within(given, "/MemorySize", MEMORY_MB)?.unwrap_or(self.memory_mb);
        self.storage_mb = within(given, "/EphemeralStorage/Size", STORAGE_MB)?.unwrap_or(self.storage_mb);
        if let Some(seconds) = within(given, "/Timeout", TIMEOUT_SECONDS)? {
            self.timeout = Duration::from_secs(seconds);
        }
        if let Some(variables) = given.pointer("/Environment/Variables").and_then(Value::as_object) {
            self.variables = checked_variables(variables)?;
        }
        if let Some(target) = given.pointer("/DeadLetterConfig/TargetArn").and_then(Value::as_str) {
            self.dead_letter = topic(target)?;
        }
        for name in RECORDED {
            if let Some(value) = given.get(*name) {
                self.recorded.insert((*name).to_owned(), value.clone());
            }
        }
        Ok(self)
    }

    /// The group this function's lines go to.
    pub fn log_group(&self, function: &str) -> String {
        let given =
            self.recorded.get("LoggingConfig").and_then(|config| config.get("LogGroup")).and_then(Value::as_str);
        given.map_or_else(|| format!("/aws/lambda/{function}"), str::to_owned)
    }

    /// The members of a function's description that come from here.
    pub fn describe(&self) -> serde_json::Map<String, Value> {
        let mut members = self.recorded.clone();
        members.entry("Architectures").or_insert_with(|| json!(["x86_64"]));
        members.entry("TracingConfig").or_insert_with(|| json!({ "Mode": "PassThrough" }));
        let rest = json!({
            "Description": self.description,
            "Role": self.role,
            "Handler": self.handler,
            "Runtime": self.runtime,
            "MemorySize": self.memory_mb,
            "EphemeralStorage": { "Size": self.storage_mb },
            "Timeout": self.timeout.as_secs(),
            "PackageType": "Zip",
        });
        if let Value::Object(rest) = rest {
            members.extend(rest);
        }
        if !self.variables.is_empty() {
            members.insert("Environment".to_owned(), json!({ "Variables": self.variables }));
        }
        if let Some(target) = &self.dead_letter {
            members.insert("DeadLetterConfig".to_owned(), json!({ "TargetArn": target }));
        }
        members
    }
}

pub fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterValueException", message)
}

fn refuse_unmodelled(given: &Value) -> Result<(), AwsError> {
    let unmodelled = NOT_MODELLED.iter().find(|name| given.get(**name).is_some_and(|value| !value.is_null()));
    if let Some(name) = unmodelled {
        return Err(invalid(format!("the embedded twin does not model {name} of a function; see docs/fidelity.md")));
    }
    if given.get("PackageType").and_then(Value::as_str).is_some_and(|kind| kind != "Zip") {
        return Err(invalid("the embedded twin runs functions linked into it, not images: PackageType must be Zip"));
    }
    if given.pointer("/SnapStart/ApplyOn").and_then(Value::as_str).is_some_and(|on| on != "None") {
        return Err(invalid("the embedded twin does not model SnapStart; set ApplyOn to None"));
    }
    Ok(())
}

fn known_runtime(runtime: String) -> Result<String, AwsError> {
    if RUNTIMES.contains(&runtime.as_str()) {
        return Ok(runtime);
    }
    let nearest = RUNTIMES
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, &runtime).total_cmp(&strsim::jaro_winkler(b, &runtime)))
        .copied()
        .unwrap_or_default();
    Err(invalid(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: not a supported runtime, did you mean {nearest}?"
    )))
}

fn within(given: &Value, pointer: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, AwsError> {
    let Some(value) = given.pointer(pointer).filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_u64().filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(AwsError::validation(format!(
            "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: Member must be \
             between {} and {}",
            pointer.trim_start_matches('/'),
            range.start(),
            range.end()
        ))),
    }
}

fn checked_variables(given: &serde_json::Map<String, Value>) -> Result<BTreeMap<String, String>, AwsError> {
    let reserved: Vec<&str> = RESERVED_VARIABLES.iter().copied().filter(|name| given.contains_key(*name)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used \
             in this request: {}",
            reserved.join(", ")
        )));
    }
    let mut variables = BTreeMap::new();
    for (name, value) in given {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(invalid(format!("the environment variable {name} is not text"))),
        };
        variables.insert(name.clone(), value);
    }
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > VARIABLES_BYTES_MAX {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit: they take {bytes} bytes"
        )));
    }
    Ok(variables)
}

fn topic(target: &str) -> Result<Option<String>, AwsError> {
    match target {
        "" => Ok(None),
        _ if target.starts_with("arn:aws:sns:") => Ok(Some(target.to_owned())),
        _ => Err(invalid(format!("the embedded twin sends dead letters to SNS topics only, not to {target}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> Value {
        json!({ "Role": "arn:aws:iam::1:role/r", "Runtime": "provided.al2023", "Handler": "bootstrap" })
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let settings = Settings::create(&minimal()).unwrap();
        assert_eq!((settings.memory_mb, settings.storage_mb, settings.timeout.as_secs()), (128, 512, 3));
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        let with = |name: &str, value: Value| {
            let mut given = minimal();
            given[name] = value;
            Settings::create(&given).map_err(|error| error.message)
        };
        assert!(with("Timeout", json!(901)).unwrap_err().contains("between 1 and 900"));
        assert!(with("Timeout", json!(900)).is_ok());
        assert!(with("MemorySize", json!(64)).is_err());
        assert!(with("Runtime", json!("provided.al2024")).unwrap_err().contains("provided.al2023"));
        assert!(with("Environment", json!({"Variables": {"AWS_REGION": "x"}})).unwrap_err().contains("AWS_REGION"));
        assert!(with("Environment", json!({"Variables": {"A": "x".repeat(4_096)}})).is_err());
        assert!(with("FileSystemConfigs", json!([])).unwrap_err().contains("does not model"));
        assert!(with("Role", Value::Null).unwrap_err().contains("Role is mandatory"));
    }
}
