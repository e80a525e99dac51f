//! Reading requests: strict shapes, AWS's words for what is wrong with them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::gateway::Call;
use crate::region::Region;
use crate::services::dynamodb::value::{INVALID, Value};
use crate::wire::{AwsError, Request, json};

pub type Names = Option<BTreeMap<String, String>>;
pub type Values = Option<BTreeMap<String, Value>>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnValues {
    #[default]
    None,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnFailure {
    #[default]
    None,
    AllOld,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnCapacity {
    #[default]
    None,
    Total,
    Indexes,
}

/// Item collection metrics are not modelled: only their absence can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnMetrics {
    #[default]
    None,
}

/// Reads the body of a request.
pub fn parse<T: DeserializeOwned>(request: &Request) -> Result<T, AwsError> {
    let body: &[u8] = if request.body().is_empty() { b"{}" } else { request.body() };
    serde_json::from_slice(body).map_err(|error| explain(json::operation(request), &error.to_string()))
}

fn explain(operation: &str, why: &str) -> AwsError {
    if let Some(message) = why.split(INVALID).nth(1) {
        return AwsError::validation(message);
    }
    let quoted = why.split('`').nth(1).unwrap_or_default();
    if why.starts_with("unknown field") {
        let message = format!("the embedded twin does not implement the member {quoted} of dynamodb:{operation}");
        return AwsError::new(501, "NotImplemented", message);
    }
    if why.starts_with("missing field") {
        let member: String =
            quoted.chars().take(1).flat_map(char::to_lowercase).chain(quoted.chars().skip(1)).collect();
        return AwsError::validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ));
    }
    if why.starts_with("unknown variant") {
        return AwsError::validation(format!(
            "1 validation error detected: Value '{quoted}' failed to satisfy constraint: Member must satisfy enum value \
             set: {}",
            why.split("expected ").nth(1).unwrap_or_default().replace('`', "")
        ));
    }
    AwsError::bad_request("SerializationException", why)
}

/// The table's name; its ARN is taken for it too.
pub fn table_name(given: &str) -> Result<&str, AwsError> {
    let name = match given.strip_prefix("arn:") {
        Some(arn) => arn.split(":table/").nth(1).unwrap_or_default().split('/').next().unwrap_or_default(),
        None => given,
    };
    check_name("tableName", name)?;
    Ok(name)
}

/// Names of tables and indexes: 3 to 255 of `a-zA-Z0-9_.-` (API reference, CreateTable).
pub fn check_name(member: &str, name: &str) -> Result<(), AwsError> {
    let fails = |constraint: &str| {
        Err(AwsError::validation(format!(
            "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        )))
    };
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return fails("satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    }
    match name.len() {
        0..3 => fails("have length greater than or equal to 3"),
        3..=255 => Ok(()),
        _ => fails("have length less than or equal to 255"),
    }
}

pub fn table_arn(account: &str, region: Region, name: &str) -> String {
    format!("arn:aws:dynamodb:{region}:{account}:table/{name}")
}

/// Fails unless the caller may do this to the table.
pub fn authorize(call: &Call, action: &str, table: &str) -> Result<(), AwsError> {
    call.authorize(action, &table_arn(&call.cloud.account, call.region, table))
}
