//! A template as a tree that remembers where everything stood.

use serde_json::{Map, Number, Value};

/// A place in the template, both counted from one; zero where the place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub line: usize,
    pub column: usize,
}

/// A value and where it begins. Intrinsics stand in their long form: a map of one `Fn::` key.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: Mark,
    pub data: Data,
}

#[derive(Clone, Debug)]
pub enum Data {
    /// `plain` scalars may be numbers, booleans or null; quoted ones are text. The text is kept as it was
    /// written, because an account id or a version such as `1.10` must not become a number on its way.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_at: Mark,
    pub value: Node,
}

impl Entry {
    pub fn new(key: impl Into<String>, value: Node) -> Self {
        Self { key: key.into(), key_at: value.at, value }
    }
}

impl Node {
    pub fn text(at: Mark, text: impl Into<String>) -> Self {
        Self { at, data: Data::Scalar { text: text.into(), plain: false } }
    }

    pub fn list(at: Mark, items: Vec<Node>) -> Self {
        Self { at, data: Data::List(items) }
    }

    pub fn map(at: Mark, entries: impl IntoIterator<Item = (impl Into<String>, Node)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| Entry::new(key, value)).collect();
        Self { at, data: Data::Map(entries) }
    }

    /// An intrinsic in its long form.
    pub fn call(at: Mark, function: &str, argument: Node) -> Self {
        Self::map(at, [(function, argument)])
    }

    pub fn reference(at: Mark, name: impl Into<String>) -> Self {
        Self::call(at, "Ref", Self::text(at, name))
    }

    pub fn get_att(at: Mark, resource: impl Into<String>, attribute: &str) -> Self {
        Self::call(at, "Fn::GetAtt", Self::list(at, vec![Self::text(at, resource), Self::text(at, attribute)]))
    }

    /// Plain JSON as a tree that stands at one place.
    pub fn from_json(at: Mark, value: &Value) -> Self {
        let data = match value {
            Value::Null => Data::Scalar { text: String::new(), plain: true },
            Value::Bool(_) | Value::Number(_) => Data::Scalar { text: value.to_string(), plain: true },
            Value::String(text) => Data::Scalar { text: text.clone(), plain: false },
            Value::Array(items) => Data::List(items.iter().map(|item| Self::from_json(at, item)).collect()),
            Value::Object(members) => {
                Data::Map(members.iter().map(|(key, value)| Entry::new(key, Self::from_json(at, value))).collect())
            }
        };
        Self { at, data }
    }

    /// The tree as JSON, intrinsics left as they stand.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Scalar { text, plain } => scalar_json(text, *plain),
            Data::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Data::Map(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect::<Map<_, _>>())
            }
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.as_text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if is_null_text(text))
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// The function and its argument, where this is an intrinsic.
    pub fn as_call(&self) -> Option<(&str, &Node)> {
        match self.as_map()? {
            [only] if is_function(&only.key) => Some((&only.key, &only.value)),
            _ => None,
        }
    }

    /// Sets a member of a map; a list or scalar becomes a map of that member alone.
    pub fn set(&mut self, key: &str, value: Node) {
        if !matches!(self.data, Data::Map(_)) {
            self.data = Data::Map(Vec::new());
        }
        if let Data::Map(entries) = &mut self.data {
            match entries.iter_mut().find(|entry| entry.key == key) {
                Some(entry) => entry.value = value,
                None => entries.push(Entry::new(key, value)),
            }
        }
    }

    /// Takes a member out of a map.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let Data::Map(entries) = &mut self.data else { return None };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index).value)
    }
}

/// Whether a map of this one key is an intrinsic. `Condition` is one as well, but only where a condition is
/// expected: IAM statements have a key of that name.
fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

fn is_null_text(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn scalar_json(text: &str, plain: bool) -> Value {
    if !plain {
        return Value::String(text.to_owned());
    }
    match text {
        text if is_null_text(text) => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// The number a text spells, where writing the number gives the same text again.
fn number(text: &str) -> Option<Number> {
    let number = match text.parse::<i64>() {
        Ok(integer) => Number::from(integer),
        Err(_) => Number::from_f64(text.parse().ok()?)?,
    };
    (number.to_string() == text).then_some(number)
}
