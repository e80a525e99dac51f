//! Resolved values in the kinds handlers expect: parameters are text, and `"512"` must become 512.

use serde_json::{Map, Number, Value};

use super::handler::{Kind, Property};
use super::intrinsics::has_unknown;
use super::registry::property;
use super::template::did_you_mean;
use super::validate::name_of;

/// Whether a scalar written in a template can be of this kind.
pub fn fits(kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::Integer => integer(text).is_some(),
        Kind::Number => text.parse::<f64>().is_ok(),
        Kind::Boolean => boolean(text).is_some(),
        _ => true,
    }
}

/// A value that is not what it should be, by its path from `Properties` on.
///
/// The value itself is not quoted: it may come from a `NoEcho` parameter.
pub struct Misfit {
    pub path: String,
    pub why: String,
}

impl Misfit {
    fn new(path: &str, why: String) -> Self {
        Self { path: path.to_owned(), why }
    }
}

/// The properties of a resource in their kinds.
pub fn properties(value: Value, known: &[Property]) -> Result<Value, Misfit> {
    object(value, known, "Properties")
}

fn object(value: Value, known: &[Property], path: &str) -> Result<Value, Misfit> {
    let Value::Object(members) = value else { return Err(Misfit::new(path, "expected a map".to_owned())) };
    let mut out = Map::new();
    for (name, value) in members {
        let path = format!("{path}/{name}");
        let Some(property) = property(known, &name) else {
            let near = did_you_mean(&name, known.iter().map(|property| property.name));
            return Err(Misfit::new(&path, format!("unknown property{near}")));
        };
        out.insert(name, coerce(value, &property.kind, &path)?);
    }
    match known.iter().find(|property| property.required && !out.contains_key(property.name)) {
        Some(missing) => Err(Misfit::new(path, format!("missing required property {}", missing.name))),
        None => Ok(Value::Object(out)),
    }
}

fn coerce(value: Value, kind: &Kind, path: &str) -> Result<Value, Misfit> {
    // What is known only after apply has no kind yet; it comes back here when it is known.
    if matches!(value, Value::String(_)) && has_unknown(&value) {
        return Ok(value);
    }
    let wrong = || Misfit::new(path, format!("expected {}", name_of(kind)));
    match (kind, value) {
        (Kind::Any, value) => Ok(value),
        (Kind::Text, Value::String(text)) => Ok(Value::String(text)),
        (Kind::Text, Value::Number(number)) => Ok(Value::String(number.to_string())),
        (Kind::Text, Value::Bool(value)) => Ok(Value::String(value.to_string())),
        (Kind::Integer, Value::Number(number)) => {
            integer(&number.to_string()).map(|integer| Value::Number(integer.into())).ok_or_else(wrong)
        }
        (Kind::Integer, Value::String(text)) => {
            integer(&text).map(|integer| Value::Number(integer.into())).ok_or_else(wrong)
        }
        (Kind::Number, Value::Number(number)) => Ok(Value::Number(number)),
        (Kind::Number, Value::String(text)) => {
            let number = text.parse().ok().map(i64::into).or_else(|| text.parse().ok().and_then(Number::from_f64));
            number.map(Value::Number).ok_or_else(wrong)
        }
        (Kind::Boolean, Value::Bool(value)) => Ok(Value::Bool(value)),
        (Kind::Boolean, Value::String(text)) => boolean(&text).map(Value::Bool).ok_or_else(wrong),
        (Kind::List(item), Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            items.map(|(index, value)| coerce(value, item, &format!("{path}/{index}"))).collect()
        }
        (Kind::Object(known), value @ Value::Object(_)) => object(value, known, path),
        (Kind::Map(item), Value::Object(members)) => {
            let mut out = Map::new();
            for (name, value) in members {
                let value = coerce(value, item, &format!("{path}/{name}"))?;
                out.insert(name, value);
            }
            Ok(Value::Object(out))
        }
        _ => Err(wrong()),
    }
}

fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|n| n.fract() == 0.0).map(|n| n as i64))
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}
