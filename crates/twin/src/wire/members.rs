//! The members of a JSON request, read once and checked against the names the operation models: a member the twin
//! would ignore is an error, never a silent success.

use serde_json::{Map, Value};

use super::{AwsError, Request, json};

pub struct Members(Map<String, Value>);

impl Members {
    /// The members of a request, none but the `known` ones.
    pub fn read(request: &Request, known: &[&str]) -> Result<Self, AwsError> {
        Self::of(json::body(request)?, known)
    }

    /// The members of a JSON object, none but the `known` ones. Nulls count as absent.
    pub fn of(body: Value, known: &[&str]) -> Result<Self, AwsError> {
        let Value::Object(members) = body else {
            return Err(AwsError::bad_request("SerializationException", "the body is not a JSON object"));
        };
        let members: Map<_, _> = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(AwsError::validation(format!(
                "the embedded twin does not model the member {name:?} of this operation; leave it out, or see docs/fidelity.md"
            ))),
            None => Ok(Self(members)),
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text that must be there.
    pub fn require(&self, name: &str) -> Result<&str, AwsError> {
        self.text(name).ok_or_else(|| {
            AwsError::validation(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The entries of a list, none where it is absent.
    pub fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// The texts of a list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Base64 bytes.
    pub fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, AwsError> {
        use base64::Engine;
        let Some(text) = self.text(name) else { return Ok(None) };
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        // The text itself may be a secret, so the message names only the member.
        decoded.map(Some).map_err(|_| AwsError::bad_request("SerializationException", format!("{name} is not base64")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_member_is_named() {
        let error = Members::of(json!({"Name": "a", "Colour": 1}), &["Name"]).err().unwrap();
        assert!(error.message.contains("\"Colour\""), "{error}");
        let members = Members::of(json!({"Name": "a", "Colour": null}), &["Name"]).ok().unwrap();
        assert_eq!(members.require("Name"), Ok("a"));
        assert_eq!(members.require("Other").unwrap_err().code, "ValidationException");
    }
}
