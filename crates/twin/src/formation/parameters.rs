//! Parameters: the values a stack is given, checked against what its template allows.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::intrinsics::{Piece, StackNames, sub_pieces};
use super::pattern::Pattern;
use super::template::{Node, ParameterSpec, did_you_mean};
use crate::wire::AwsError;

/// The longest value of a parameter (CloudFormation quotas: 4,096 bytes).
const VALUE_BYTES_MAX: usize = 4_096;

/// How a type begins whose value lies in Parameter Store, under the name that is given.
const STORED: &str = "AWS::SSM::Parameter::Value<";

/// A parameter of a stack. No `Debug`: a `NoEcho` value must never be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    pub value: String,
    /// What Parameter Store holds under the name that `value` is, for `AWS::SSM::Parameter::Value<…>`.
    pub stored: Option<String>,
    pub no_echo: bool,
    is_list: bool,
}

pub type Parameters = BTreeMap<String, Parameter>;

/// One entry of a request's `Parameters`.
pub struct Given {
    pub key: String,
    pub value: Option<String>,
    pub use_previous: bool,
}

impl Parameter {
    /// What `Ref` gives: text, or a list of texts.
    pub fn resolved(&self) -> Value {
        let value = self.text();
        if !self.is_list {
            return Value::String(value.to_owned());
        }
        if value.is_empty() {
            return Value::Array(Vec::new());
        }
        value.split(',').map(|item| Value::String(item.trim().to_owned())).collect()
    }

    /// The value the template works with.
    pub fn text(&self) -> &str {
        self.stored.as_deref().unwrap_or(&self.value)
    }

    /// The value as an answer may show it.
    pub fn shown(&self) -> &str {
        if self.no_echo { "****" } else { &self.value }
    }
}

/// Parameter Store, by the name of a parameter; it gives nothing where there is none, or a secure one.
pub type Store<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The values of a stack's parameters: given ones, then previous ones where the request says so, then defaults.
pub fn resolve(
    specs: &IndexMap<String, ParameterSpec>,
    given: &[Given],
    previous: Option<&Parameters>,
    store: Store<'_>,
) -> Result<Parameters, AwsError> {
    let strangers: Vec<&str> =
        given.iter().map(|given| given.key.as_str()).filter(|key| !specs.contains_key(*key)).collect();
    if let Some(first) = strangers.first() {
        let near = did_you_mean(first, specs.keys().map(String::as_str));
        return Err(invalid(format!("Parameters: [{}] do not exist in the template{near}", strangers.join(", "))));
    }
    let mut missing = Vec::new();
    let mut resolved = Parameters::new();
    for (name, spec) in specs {
        let asked = given.iter().find(|given| given.key == *name);
        let value = match asked {
            Some(Given { use_previous: true, .. }) => {
                previous.and_then(|previous| previous.get(name)).map(|parameter| parameter.value.clone())
            }
            Some(Given { value: Some(value), .. }) => Some(value.clone()),
            _ => spec.default.as_ref().and_then(|node| node.as_text().map(str::to_owned)),
        };
        let Some(value) = value else {
            missing.push(name.as_str());
            continue;
        };
        // Constraints hold for what is given: the name, where the value lies in Parameter Store.
        let of_store = spec.kind.strip_prefix(STORED).and_then(|rest| rest.strip_suffix('>'));
        let is_list = is_list(of_store.unwrap_or(&spec.kind));
        check(name, spec, is_list && of_store.is_none(), &value)?;
        let stored = of_store.map(|_| store(&value).ok_or_else(|| not_stored(name, &value))).transpose()?;
        resolved.insert(name.clone(), Parameter { value, stored, no_echo: spec.no_echo, is_list });
    }
    if missing.is_empty() {
        Ok(resolved)
    } else {
        Err(invalid(format!("Parameters: [{}] must have values", missing.join(", "))))
    }
}

/// A text that transforms need before anything but parameters has a value: plain, a `Ref`, or an `Fn::Sub` of them.
pub fn early_text(node: &Node, parameters: &Parameters, stack: &StackNames) -> Option<String> {
    let named = |name: &str| match name {
        "AWS::Region" => Some(stack.region.to_string()),
        "AWS::AccountId" => Some(stack.account.clone()),
        "AWS::StackName" => Some(stack.name.clone()),
        "AWS::Partition" => Some("aws".to_owned()),
        name => parameters.get(name).map(|parameter| parameter.text().to_owned()),
    };
    if let Some(text) = node.as_text() {
        return Some(text.to_owned());
    }
    match node.as_call()? {
        ("Ref", name) => named(name.as_text()?),
        ("Fn::Sub", argument) => sub_pieces(argument.as_text()?)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text.to_owned()),
                Piece::Name(name) => named(name),
            })
            .collect(),
        _ => None,
    }
}

fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList" || kind.starts_with("List<")
}

fn not_stored(name: &str, value: &str) -> AwsError {
    invalid(format!("Parameter {name}: Parameter Store of this Region has no parameter {value:?} that is not secure"))
}

fn check(name: &str, spec: &ParameterSpec, is_list: bool, value: &str) -> Result<(), AwsError> {
    let numeric = matches!(spec.kind.as_str(), "Number" | "List<Number>");
    let known = numeric
        || matches!(spec.kind.as_str(), "String" | "CommaDelimitedList" | "List<String>")
        || spec.kind.starts_with("AWS::")
        || spec.kind.starts_with("List<AWS::");
    if !known {
        let message =
            format!("Template format error: Parameter {name}: the twin does not model the type {}", spec.kind);
        return Err(invalid(message));
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(invalid(format!("Parameter {name} is longer than {VALUE_BYTES_MAX} bytes")));
    }
    let items: Vec<&str> = if is_list { value.split(',').map(str::trim).collect() } else { vec![value] };
    for item in items {
        let number = item.parse::<f64>().ok();
        let length = item.chars().count();
        let broken = if numeric && number.is_none() {
            Some("must be a number".to_owned())
        } else if !spec.allowed_values.is_empty() && !spec.allowed_values.iter().any(|allowed| allowed == item) {
            Some("must be one of AllowedValues".to_owned())
        } else if let Some(min) = spec.min_length.filter(|min| length < *min) {
            Some(format!("must contain at least {min} characters"))
        } else if let Some(max) = spec.max_length.filter(|max| length > *max) {
            Some(format!("must contain at most {max} characters"))
        } else if let Some(min) = spec.min_value.filter(|min| number.is_some_and(|n| n < *min)) {
            Some(format!("must be a number not less than {min}"))
        } else if let Some(max) = spec.max_value.filter(|max| number.is_some_and(|n| n > *max)) {
            Some(format!("must be a number not greater than {max}"))
        } else {
            unmatched(name, spec, item)?
        };
        if let Some(broken) = broken {
            let why = spec.constraint.clone().unwrap_or(broken);
            return Err(invalid(format!("Parameter {name} failed to satisfy constraint: {why}")));
        }
    }
    Ok(())
}

fn unmatched(name: &str, spec: &ParameterSpec, item: &str) -> Result<Option<String>, AwsError> {
    let Some(source) = &spec.allowed_pattern else { return Ok(None) };
    let pattern = Pattern::parse(source)
        .map_err(|why| invalid(format!("template line {}: AllowedPattern of {name}: {why}", spec.at.line)))?;
    Ok((!pattern.matches(item)).then(|| format!("must match pattern {source}")))
}

fn invalid(message: String) -> AwsError {
    AwsError::bad_request("ValidationError", message)
}
