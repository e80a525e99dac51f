//! What the function is told by its environment.

use std::collections::BTreeMap;
use std::time::Duration;

/// The guard's configuration, from environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The Region this guard takes traffic away from.
    pub guarded: String,
    /// The Region it sends traffic to.
    pub other: String,
    pub failover_alarm_arn: String,
    pub recovery_alarm_arn: String,
    pub hosted_zone_id: String,
    /// The public name: two latency or weighted records, each Region's name their set identifier.
    pub record_name: String,
    pub record_ttl: i64,
    /// Where each Region's record points in steady state.
    pub guarded_endpoint: String,
    pub other_endpoint: String,
    pub guarded_health_url: String,
    pub other_health_url: String,
    /// How long the guarded Region must have been healthy before it gets its traffic back.
    pub stable: Duration,
    /// The pause between two looks at its health.
    pub probe: Duration,
    /// The function's own timeout.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the environment variable {0} is not set; the function's template must give it")]
    Missing(&'static str),
    #[error("the environment variable {0} is {1:?}; it must be a number of seconds from 1")]
    NotSeconds(&'static str, String),
    #[error("GUARDED_REGION and OTHER_REGION are both {0}: a Region cannot guard itself")]
    SameRegion(String),
}

impl Config {
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let required = |name: &'static str| {
            variables.get(name).filter(|value| !value.is_empty()).cloned().ok_or(ConfigError::Missing(name))
        };
        let seconds = |name: &'static str, default: u64| match variables.get(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(seconds) if seconds > 0 => Ok(seconds),
                _ => Err(ConfigError::NotSeconds(name, text.clone())),
            },
        };
        let (guarded, other) = (required("GUARDED_REGION")?, required("OTHER_REGION")?);
        if guarded == other {
            return Err(ConfigError::SameRegion(guarded));
        }
        let ttl = seconds("RECORD_TTL", 60)?;
        Ok(Self {
            guarded,
            other,
            failover_alarm_arn: required("FAILOVER_ALARM_ARN")?,
            recovery_alarm_arn: required("RECOVERY_ALARM_ARN")?,
            hosted_zone_id: required("HOSTED_ZONE_ID")?,
            record_name: required("RECORD_NAME")?,
            record_ttl: i64::try_from(ttl).map_err(|_| ConfigError::NotSeconds("RECORD_TTL", ttl.to_string()))?,
            guarded_endpoint: required("GUARDED_ENDPOINT")?,
            other_endpoint: required("OTHER_ENDPOINT")?,
            guarded_health_url: required("GUARDED_HEALTH_URL")?,
            other_health_url: required("OTHER_HEALTH_URL")?,
            stable: Duration::from_secs(seconds("STABLE_SECONDS", 180)?),
            probe: Duration::from_secs(seconds("PROBE_SECONDS", 10)?),
            timeout: Duration::from_secs(seconds("TIMEOUT_SECONDS", 900)?),
        })
    }
}
