//! The shapes that requests and templates share: metrics, queries, and the bridge from CBOR to serde.

use ciborium::Value as Cbor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::wire::{AwsError, cbor};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Dimension {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Metric {
    pub namespace: String,
    pub metric_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<Dimension>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MetricStat {
    pub metric: Metric,
    pub period: u32,
    pub stat: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A metric or an expression over others; `AccountId` is refused, there is one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MetricDataQuery {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_stat: Option<MetricStat>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_data: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// Dimensions as a metric is identified by them: sorted by name.
pub fn sorted(dimensions: &[Dimension]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = dimensions.iter().map(|d| (d.name.clone(), d.value.clone())).collect();
    pairs.sort();
    pairs
}

pub fn dimensions(pairs: &[(String, String)]) -> Vec<Dimension> {
    pairs.iter().map(|(name, value)| Dimension { name: name.clone(), value: value.clone() }).collect()
}

/// Members of a request as a type. A member that is not modelled is an error that names it.
pub fn read<T: DeserializeOwned>(members: &Cbor) -> Result<T, AwsError> {
    from_json(json(members))
}

pub fn from_json<T: DeserializeOwned>(members: Json) -> Result<T, AwsError> {
    serde_json::from_value(members).map_err(|error| {
        let message = format!("the embedded twin cannot take this request: {error}; see docs/fidelity.md");
        AwsError::bad_request("ValidationError", message)
    })
}

/// A shape as the members of an answer.
pub fn write<T: Serialize>(shape: &T) -> Vec<(Cbor, Cbor)> {
    match Cbor::serialized(shape) {
        Ok(Cbor::Map(members)) => members,
        _ => Vec::new(),
    }
}

pub fn entry(name: &str, value: Cbor) -> (Cbor, Cbor) {
    (Cbor::Text(name.to_owned()), value)
}

pub fn text(value: &str) -> Cbor {
    Cbor::Text(value.to_owned())
}

/// CBOR as JSON; moments become epoch seconds.
fn json(value: &Cbor) -> Json {
    match value {
        Cbor::Bool(truth) => Json::Bool(*truth),
        Cbor::Text(text) => Json::String(text.clone()),
        Cbor::Array(entries) => Json::Array(entries.iter().map(json).collect()),
        Cbor::Map(members) => {
            members.iter().filter_map(|(name, value)| Some((name.as_text()?.to_owned(), json(value)))).collect()
        }
        Cbor::Tag(_, inner) => json(inner),
        Cbor::Integer(number) => i64::try_from(*number).map_or(Json::Null, Json::from),
        _ => cbor::as_number(value).map_or(Json::Null, Json::from),
    }
}
