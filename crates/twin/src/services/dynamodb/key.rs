//! Primary keys as the storage orders them: by the hash of the partition key, then by sort key.
//!
//! A scan therefore walks partitions in hash order, as the service's does, and never in the order of their names.

use std::sync::Arc;

use super::number::Number;
use super::schema::KeySchema;
use super::value::{Item, Value};
use crate::wire::AwsError;

/// The most bytes in a partition and in a sort key, and what messages call them (DynamoDB quotas page).
const PARTITION_LIMIT: (usize, &str) = (2_048, "hashkey");
const SORT_LIMIT: (usize, &str) = (1_024, "rangekey");

/// One key attribute's value; the variants at the ends bound ranges.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyValue {
    /// No sort key; sorts before every value.
    None,
    N(Number),
    S(Arc<str>),
    B(Arc<[u8]>),
    /// Sorts behind every value.
    Last,
}

impl KeyValue {
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::S(text) => Some(Self::S(text.as_str().into())),
            Value::N(number) => Some(Self::N(*number)),
            Value::B(bytes) => Some(Self::B(bytes.as_slice().into())),
            _ => None,
        }
    }

    /// The value as an attribute; nothing where there is none.
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::S(text) => Some(Value::S(text.to_string())),
            Self::N(number) => Some(Value::N(*number)),
            Self::B(bytes) => Some(Value::B(bytes.to_vec())),
            Self::None | Self::Last => None,
        }
    }

    fn hash(&self) -> u64 {
        match self {
            Self::S(text) => fnv(b'S', text.as_bytes()),
            Self::B(bytes) => fnv(b'B', bytes),
            Self::N(number) => fnv(b'N', number.to_string().as_bytes()),
            Self::None => 0,
            Self::Last => u64::MAX,
        }
    }
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Of the partition key; what scans and segments go by.
    pub hash: u64,
    pub partition: KeyValue,
    pub sort: KeyValue,
}

impl Key {
    pub const FIRST: Self = Self { hash: 0, partition: KeyValue::None, sort: KeyValue::None };
    pub const LAST: Self = Self { hash: u64::MAX, partition: KeyValue::Last, sort: KeyValue::Last };

    pub fn new(partition: KeyValue, sort: KeyValue) -> Self {
        Self { hash: partition.hash(), partition, sort }
    }

    /// The same partition with another sort key.
    pub fn with_sort(&self, sort: KeyValue) -> Self {
        Self { sort, ..self.clone() }
    }

    /// The key of a whole item, as PutItem gets it.
    pub fn of_item(schema: &KeySchema, item: &Item) -> Result<Self, AwsError> {
        let part = |name: &str, kind: &str, limit: (usize, &str)| {
            let missing = || invalid(&format!("Missing the key {name} in the item"));
            let value = item.get(name).ok_or_else(missing)?;
            if value.type_name() != kind {
                let actual = value.type_name();
                return Err(invalid(&format!("Type mismatch for key {name} expected: {kind} actual: {actual}")));
            }
            key_part(name, value, limit)
        };
        let partition = part(&schema.partition.name, schema.partition.kind, PARTITION_LIMIT)?;
        let sort = match &schema.sort {
            Some(sort) => part(&sort.name, sort.kind, SORT_LIMIT)?,
            None => KeyValue::None,
        };
        Ok(Self::new(partition, sort))
    }

    /// The key given by itself, as GetItem gets it: these attributes and no others.
    pub fn exactly(schema: &KeySchema, given: &Item) -> Result<Self, AwsError> {
        let mismatch = || AwsError::validation("The provided key element does not match the schema");
        if given.len() != schema.names().count() {
            return Err(mismatch());
        }
        let part = |name: &str, kind: &str, limit: (usize, &str)| {
            let value = given.get(name).filter(|value| value.type_name() == kind).ok_or_else(mismatch)?;
            key_part(name, value, limit)
        };
        let partition = part(&schema.partition.name, schema.partition.kind, PARTITION_LIMIT)?;
        let sort = match &schema.sort {
            Some(sort) => part(&sort.name, sort.kind, SORT_LIMIT)?,
            None => KeyValue::None,
        };
        Ok(Self::new(partition, sort))
    }

    /// The key's place in an index, if the item belongs there: sparse indexes leave items out.
    pub fn in_index(schema: &KeySchema, item: &Item) -> Option<Self> {
        let part = |name: &str| item.get(name).and_then(KeyValue::of);
        let partition = part(&schema.partition.name)?;
        let sort = match &schema.sort {
            Some(sort) => part(&sort.name)?,
            None => KeyValue::None,
        };
        Some(Self::new(partition, sort))
    }

    /// Writes the key's attributes.
    pub fn write(&self, schema: &KeySchema, into: &mut Item) {
        into.extend(self.partition.value().map(|value| (schema.partition.name.clone(), value)));
        if let Some(sort) = &schema.sort {
            into.extend(self.sort.value().map(|value| (sort.name.clone(), value)));
        }
    }

    pub fn item(&self, schema: &KeySchema) -> Item {
        let mut item = Item::new();
        self.write(schema, &mut item);
        item
    }
}

fn key_part(name: &str, value: &Value, (limit, role): (usize, &str)) -> Result<KeyValue, AwsError> {
    if value.size() > limit {
        let why = format!("Size of {role} has exceeded the maximum size limit of{limit} bytes");
        return Err(invalid(&why));
    }
    let (kind, is_empty) = match value {
        Value::S(text) => ("string", text.is_empty()),
        Value::B(bytes) => ("binary", bytes.is_empty()),
        _ => ("", false),
    };
    if is_empty {
        return Err(AwsError::validation(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
             {kind} value. Key: {name}"
        )));
    }
    KeyValue::of(value).ok_or_else(|| AwsError::validation("The provided key element does not match the schema"))
}

fn invalid(why: &str) -> AwsError {
    AwsError::validation(format!("One or more parameter values were invalid: {why}"))
}

/// FNV-1a with a final mix, so that near keys land far apart.
fn fnv(tag: u8, bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in std::iter::once(&tag).chain(bytes) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}
