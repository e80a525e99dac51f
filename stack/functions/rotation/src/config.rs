//! What the function is told by its environment.

use std::collections::BTreeMap;

use crate::backend::Strategy;

/// The function's configuration, from environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub credentials_table: String,
    pub strategy: Strategy,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the environment variable CREDENTIALS_TABLE is not set; the function's template must give it")]
    NoTable,
    #[error("the environment variable ROTATION_STRATEGY is {0:?}; it must be alternating-users or single-user")]
    UnknownStrategy(String),
}

impl Config {
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let table = variables.get("CREDENTIALS_TABLE").filter(|name| !name.is_empty());
        let strategy = match variables.get("ROTATION_STRATEGY").map(String::as_str) {
            None | Some("alternating-users") => Strategy::AlternatingUsers,
            Some("single-user") => Strategy::SingleUser,
            Some(other) => return Err(ConfigError::UnknownStrategy(other.to_owned())),
        };
        Ok(Self { credentials_table: table.cloned().ok_or(ConfigError::NoTable)?, strategy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strategy_is_one_of_two() {
        let config = |strategy: &str| {
            let variables = [("CREDENTIALS_TABLE", "t"), ("ROTATION_STRATEGY", strategy)];
            Config::from_variables(&variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
        };
        assert_eq!(config("single-user").unwrap().strategy, Strategy::SingleUser);
        assert_eq!(config("alternating-users").unwrap().strategy, Strategy::AlternatingUsers);
        assert_eq!(config("both"), Err(ConfigError::UnknownStrategy("both".to_owned())));
        assert_eq!(Config::from_variables(&BTreeMap::new()), Err(ConfigError::NoTable));
    }
}
