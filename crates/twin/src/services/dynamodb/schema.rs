//! What a table is made of: its keys and its indexes.

use super::value::{Item, Value};
use crate::clock::Timestamp;
use crate::wire::AwsError;

/// A key attribute: its name and its type, `S`, `N` or `B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    pub name: String,
    pub kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySchema {
    pub partition: KeyAttribute,
    pub sort: Option<KeyAttribute>,
}

impl KeySchema {
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.partition).chain(&self.sort)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes().map(|attribute| attribute.name.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Global,
    Local,
}

/// The attributes an index carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    All,
    KeysOnly,
    Include(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub kind: IndexKind,
    pub keys: KeySchema,
    pub projection: Projection,
    /// Backfilling until then.
    pub active_at: Timestamp,
}

impl Index {
    /// The part of an item the index carries.
    pub fn projected(&self, table: &KeySchema, item: &Item) -> Item {
        let Some(extra) = (match &self.projection {
            Projection::All => None,
            Projection::KeysOnly => Some(&[][..]),
            Projection::Include(names) => Some(names.as_slice()),
        }) else {
            return item.clone();
        };
        let names = table.names().chain(self.keys.names()).chain(extra.iter().map(String::as_str));
        names.filter_map(|name| item.get(name).map(|value| (name.to_owned(), value.clone()))).collect()
    }

    /// Refuses an item whose index key attributes have a wrong type, or are empty.
    pub fn check(&self, item: &Item) -> Result<(), AwsError> {
        for attribute in self.keys.attributes() {
            let Some(value) = item.get(&attribute.name) else { continue };
            let (name, actual) = (&attribute.name, value.type_name());
            if actual != attribute.kind {
                return Err(AwsError::validation(format!(
                    "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {} \
                     Actual: {actual} IndexName: {}",
                    attribute.kind, self.name
                )));
            }
            let empty = match value {
                Value::S(text) if text.is_empty() => "string",
                Value::B(bytes) if bytes.is_empty() => "binary",
                _ => continue,
            };
            return Err(AwsError::validation(format!(
                "One or more parameter values are not valid. A value specified for a secondary index key is not \
                 supported. The AttributeValue for a key attribute cannot contain an empty {empty} value. IndexName: \
                 {}, IndexKey: {name}",
                self.name
            )));
        }
        Ok(())
    }
}
