//! What replicates between Regions, and the ways to write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What replicates between Regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    Table,
    Bucket,
    Secret,
}

impl Store {
    pub const ALL: [Self; 3] = [Self::Table, Self::Bucket, Self::Secret];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Bucket => "bucket",
            Self::Secret => "secret",
        }
    }
}

/// The ways to write an item, as the API has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteKind {
    /// `PutItem`; of an object, `PutObject`.
    Put,
    /// `UpdateItem`.
    Update,
    /// `DeleteItem`; of an object, a delete marker.
    Delete,
    /// `PutItem` where there is no such item.
    PutIfAbsent,
    /// `UpdateItem` where there is one.
    UpdateIfPresent,
    /// `TransactWriteItems` of two items.
    Transaction,
    /// `BatchWriteItem` of five.
    Batch,
    /// `ExecuteStatement` with an UPDATE.
    Partiql,
}

impl WriteKind {
    pub const ALL: [Self; 8] = [
        Self::Put,
        Self::Update,
        Self::Delete,
        Self::PutIfAbsent,
        Self::UpdateIfPresent,
        Self::Transaction,
        Self::Batch,
        Self::Partiql,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::PutIfAbsent => "put-if-absent",
            Self::UpdateIfPresent => "update-if-present",
            Self::Transaction => "transaction",
            Self::Batch => "batch",
            Self::Partiql => "partiql",
        }
    }
}
