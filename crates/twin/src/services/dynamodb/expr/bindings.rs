//! The names and values one request binds to its expressions' placeholders.

use std::collections::BTreeMap;

use super::tree::{Name, Parsed};
use crate::services::dynamodb::value::Value;
use crate::wire::AwsError;

/// `ExpressionAttributeNames` and `ExpressionAttributeValues`.
#[derive(Clone, Copy)]
pub struct Bindings<'a> {
    names: Option<&'a BTreeMap<String, String>>,
    values: Option<&'a BTreeMap<String, Value>>,
}

impl<'a> Bindings<'a> {
    pub fn new(
        names: Option<&'a BTreeMap<String, String>>,
        values: Option<&'a BTreeMap<String, Value>>,
    ) -> Result<Self, AwsError> {
        if names.is_some_and(BTreeMap::is_empty) {
            return Err(AwsError::validation("ExpressionAttributeNames must not be empty"));
        }
        if values.is_some_and(BTreeMap::is_empty) {
            return Err(AwsError::validation("ExpressionAttributeValues must not be empty"));
        }
        if let Some(name) = names.into_iter().flat_map(BTreeMap::keys).find(|name| !is_placeholder(name, '#')) {
            let why = format!("ExpressionAttributeNames contains invalid key: Syntax error; key: \"{name}\"");
            return Err(AwsError::validation(why));
        }
        if let Some(value) = values.into_iter().flat_map(BTreeMap::keys).find(|value| !is_placeholder(value, ':')) {
            let why = format!("ExpressionAttributeValues contains invalid key: Syntax error; key: \"{value}\"");
            return Err(AwsError::validation(why));
        }
        Ok(Self { names, values })
    }

    /// Fails where the expression uses what the request does not define.
    pub fn check_defined<T>(&self, kind: &str, expression: &Parsed<T>) -> Result<(), AwsError> {
        for name in &expression.names {
            if !self.names.is_some_and(|names| names.contains_key(name)) {
                return Err(AwsError::validation(format!(
                    "Invalid {kind}: An expression attribute name used in the document path is not defined; attribute \
                     name: {name}"
                )));
            }
        }
        for value in &expression.values {
            if !self.values.is_some_and(|values| values.contains_key(value)) {
                return Err(AwsError::validation(format!(
                    "Invalid {kind}: An expression attribute value used in expression is not defined; attribute \
                     value: {value}"
                )));
            }
        }
        Ok(())
    }

    /// Fails where the request defines what none of its expressions uses.
    pub fn check_used(&self, used: &[(&[String], &[String])]) -> Result<(), AwsError> {
        if let Some(names) = self.names {
            if used.is_empty() {
                let why = "ExpressionAttributeNames can only be specified when using expressions";
                return Err(AwsError::validation(why));
            }
            refuse_unused("Names", names.keys(), |name| used.iter().any(|(names, _)| names.contains(name)))?;
        }
        if let Some(values) = self.values {
            if used.is_empty() {
                let why = "ExpressionAttributeValues can only be specified when using expressions";
                return Err(AwsError::validation(why));
            }
            refuse_unused("Values", values.keys(), |value| used.iter().any(|(_, values)| values.contains(value)))?;
        }
        Ok(())
    }

    /// The attribute's name. An undefined placeholder, refused before, names nothing.
    pub fn name(&self, name: &'a Name) -> &'a str {
        match name {
            Name::Plain(name) => name,
            Name::Alias(alias) => self.names.and_then(|names| names.get(alias)).map_or("", String::as_str),
        }
    }

    pub fn value(&self, placeholder: &str) -> Option<&'a Value> {
        self.values?.get(placeholder)
    }
}

fn refuse_unused<'k>(
    what: &str,
    keys: impl Iterator<Item = &'k String>,
    is_used: impl Fn(&String) -> bool,
) -> Result<(), AwsError> {
    let unused: Vec<&str> = keys.filter(|key| !is_used(key)).map(String::as_str).collect();
    if unused.is_empty() {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{}}}",
        unused.join(", ")
    )))
}

fn is_placeholder(key: &str, sign: char) -> bool {
    key.strip_prefix(sign)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}
