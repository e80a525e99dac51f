//! A secret's value: it can be held, compared and handed to who asked for it, and prints nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::wire::{AwsError, Members};

/// A value has at most 65,536 bytes (Secrets Manager API reference, SecretString).
const BYTES_MAX: usize = 65_536;

#[derive(Clone, PartialEq, Eq)]
pub(super) enum SecretValue {
    Text(String),
    Binary(Vec<u8>),
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl SecretValue {
    /// The value an operation brings in `SecretString` or `SecretBinary`, none where it brings neither.
    pub fn read(input: &Members) -> Result<Option<Self>, AwsError> {
        let value = match (input.text("SecretString"), input.bytes("SecretBinary")?) {
            (Some(_), Some(_)) => {
                return Err(super::invalid_parameter("You can't specify both SecretString and SecretBinary."));
            }
            (Some(text), None) => Self::Text(text.to_owned()),
            (None, Some(bytes)) => Self::Binary(bytes),
            (None, None) => return Ok(None),
        };
        match value.length() {
            1..=BYTES_MAX => Ok(Some(value)),
            length => Err(AwsError::validation(format!("a secret value has 1 to {BYTES_MAX} bytes, not {length}"))),
        }
    }

    /// Puts the value into an answer, under the name of its kind.
    pub fn write(&self, answer: &mut Value) {
        match self {
            Self::Text(text) => answer["SecretString"] = text.as_str().into(),
            Self::Binary(bytes) => answer["SecretBinary"] = STANDARD.encode(bytes).into(),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_nothing_of_it() {
        let shown = format!("{:?} {:?}", SecretValue::Text("hunter2".into()), SecretValue::Binary(b"hunter2".to_vec()));
        assert_eq!(shown, "[secret] [secret]");
    }
}
