//! What the function is told by its environment.

use std::collections::BTreeMap;

/// The function's configuration, from environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub region: String,
    pub version: String,
    pub table: String,
    pub bucket: String,
    /// Name or ARN of the secret; the value is never configuration.
    pub secret_id: String,
    /// Whether the last good settings hold where the config item is malformed.
    pub config_fallback: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set; the function's template must give it")]
pub struct MissingVariable(pub &'static str);

impl Config {
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Self, MissingVariable> {
        let required = |name: &'static str| {
            variables.get(name).filter(|value| !value.is_empty()).cloned().ok_or(MissingVariable(name))
        };
        Ok(Self {
            region: required("AWS_REGION")?,
            version: variables.get("VERSION").cloned().unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
            table: required("TABLE_NAME")?,
            bucket: required("BUCKET_NAME")?,
            secret_id: required("SECRET_ID")?,
            config_fallback: variables.get("CONFIG_FALLBACK").is_none_or(|value| value != "false"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let mut variables: BTreeMap<String, String> = ["AWS_REGION", "TABLE_NAME", "BUCKET_NAME", "SECRET_ID"]
            .map(|name| (name.to_owned(), "x".to_owned()))
            .into();
        assert_eq!(Config::from_variables(&variables).unwrap().version, env!("CARGO_PKG_VERSION"));
        variables.remove("SECRET_ID");
        assert_eq!(Config::from_variables(&variables), Err(MissingVariable("SECRET_ID")));
    }
}
