//! Attribute values and items: how they come in as JSON, go out again, are sized and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::number::Number;

/// An item: its attributes by name.
pub type Item = BTreeMap<String, Value>;

/// Starts the text of a serde error that is a ValidationException at AWS and no parse error.
pub const INVALID: char = '\u{1}';
/// "Item size: 400 KB, Nested attribute depth: 32 levels deep", DynamoDB quotas page.
const DEPTH_MAX: usize = 32;

/// An attribute value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    S(String),
    N(Number),
    B(Vec<u8>),
    Bool(bool),
    Null,
    M(Item),
    L(Vec<Value>),
    Ss(BTreeSet<String>),
    Ns(BTreeSet<Number>),
    Bs(BTreeSet<Vec<u8>>),
}

impl Value {
    /// The type's name in the API.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::M(_) => "M",
            Self::L(_) => "L",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// The bytes it counts for ("DynamoDB item sizes and formats" in the developer guide).
    pub fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::M(members) => 3 + members.iter().map(|(name, value)| name.len() + value.size() + 1).sum::<usize>(),
            Self::L(elements) => 3 + elements.iter().map(|value| value.size() + 1).sum::<usize>(),
            Self::Ss(set) => set.iter().map(String::len).sum(),
            Self::Ns(set) => set.iter().map(|number| number.size()).sum(),
            Self::Bs(set) => set.iter().map(Vec::len).sum(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::M(members) => 1 + members.values().map(Self::depth).max().unwrap_or(0),
            Self::L(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    pub fn is_too_deep(&self) -> bool {
        self.depth() > DEPTH_MAX
    }
}

/// The bytes an item counts for.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::S(text) => map.serialize_entry("S", text)?,
            Self::N(number) => map.serialize_entry("N", number)?,
            Self::B(bytes) => map.serialize_entry("B", &BASE64.encode(bytes))?,
            Self::Bool(truth) => map.serialize_entry("BOOL", truth)?,
            Self::Null => map.serialize_entry("NULL", &true)?,
            Self::M(members) => map.serialize_entry("M", members)?,
            Self::L(elements) => map.serialize_entry("L", elements)?,
            Self::Ss(set) => map.serialize_entry("SS", set)?,
            Self::Ns(set) => map.serialize_entry("NS", set)?,
            Self::Bs(set) => {
                map.serialize_entry("BS", &set.iter().map(|bytes| BASE64.encode(bytes)).collect::<Vec<_>>())?;
            }
        }
        map.end()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        self.write(&mut text);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Number::parse(text).map_err(|error| invalid(&error.message))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value such as {\"S\": \"text\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some(kind) = map.next_key::<Kind>()? else {
            return Err(invalid(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ));
        };
        let value = match kind {
            Kind::S => Value::S(map.next_value()?),
            Kind::N => Value::N(map.next_value()?),
            Kind::B => Value::B(map.next_value::<Binary>()?.0),
            Kind::Bool => Value::Bool(map.next_value()?),
            Kind::Null => match map.next_value::<bool>()? {
                true => Value::Null,
                false => return Err(bad("Null attribute value types must have the value of true")),
            },
            Kind::M => Value::M(map.next_value()?),
            Kind::L => Value::L(map.next_value()?),
            Kind::Ss => Value::Ss(set(map.next_value()?, "An string set  may not be empty", Clone::clone)?),
            Kind::Ns => Value::Ns(set(map.next_value()?, "An number set  may not be empty", Number::to_string)?),
            Kind::Bs => {
                let elements = map.next_value::<Vec<Binary>>()?.into_iter().map(|binary| binary.0).collect();
                Value::Bs(set(elements, "Binary sets should not be empty", |bytes| BASE64.encode(bytes))?)
            }
            Kind::Other => {
                map.next_value::<IgnoredAny>()?;
                return Err(invalid(
                    "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
                ));
            }
        };
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(invalid(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            ));
        }
        Ok(value)
    }
}

#[derive(Deserialize)]
enum Kind {
    S,
    N,
    B,
    #[serde(rename = "BOOL")]
    Bool,
    #[serde(rename = "NULL")]
    Null,
    M,
    L,
    #[serde(rename = "SS")]
    Ss,
    #[serde(rename = "NS")]
    Ns,
    #[serde(rename = "BS")]
    Bs,
    #[serde(other)]
    Other,
}

struct Binary(Vec<u8>);

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Binary;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Binary, E> {
                BASE64.decode(text).map(Binary).map_err(|_| E::custom("binary values are base64 encoded"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn set<T: Ord + Clone, E: de::Error>(
    elements: Vec<T>,
    empty: &str,
    show: impl Fn(&T) -> String,
) -> Result<BTreeSet<T>, E> {
    if elements.is_empty() {
        return Err(bad(empty));
    }
    let count = elements.len();
    let distinct: BTreeSet<T> = elements.iter().cloned().collect();
    if distinct.len() != count {
        let shown: Vec<String> = elements.iter().map(show).collect();
        return Err(bad(&format!("Input collection [{}] contains duplicates.", shown.join(", "))));
    }
    Ok(distinct)
}

fn bad<E: de::Error>(why: &str) -> E {
    invalid(&format!("One or more parameter values were invalid: {why}"))
}

fn invalid<E: de::Error>(message: &str) -> E {
    E::custom(format_args!("{INVALID}{message}{INVALID}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_they_went_in() {
        let json = r#"{"b":{"B":"aGk="},"bs":{"BS":["aGk=","eW8="]},"l":{"L":[{"N":"1.5"},{"NULL":true}]},"m":{"M":{"x":{"BOOL":false}}},"ns":{"NS":["1","2"]},"s":{"S":"é\n"},"ss":{"SS":["a","b"]}}"#;
        let item: Item = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&item).unwrap(), json);
    }

    #[test]
    fn sizes_follow_the_guide() {
        let item: Item =
            serde_json::from_str(r#"{"id":{"S":"abcd"},"n":{"N":"12345"},"l":{"L":[{"S":"xy"}]}}"#).unwrap();
        assert_eq!(item_size(&item), (2 + 4) + (1 + 4) + (1 + 3 + 2 + 1));
    }

    #[test]
    fn malformed_values_say_what_is_wrong() {
        let error = |json: &str| serde_json::from_str::<Value>(json).unwrap_err().to_string();
        assert!(error(r#"{"SS":["a","a"]}"#).contains("Input collection [a, a] contains duplicates."));
        assert!(error(r#"{"S":"a","N":"1"}"#).contains("more than one datatypes"));
        assert!(error("{}").contains("is empty"));
        assert!(error(r#"{"NULL":false}"#).contains("value of true"));
        assert!(error(r#"{"SS":[]}"#).contains("may not be empty"));
    }
}
