//! What is written, read and looked at to prove what became of the data.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::quantity::{Rate, duration};
use crate::region::Region;
use crate::store::{Store, WriteKind};

/// How the data is put to the test. Every write of a user is followed in any case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataPlan {
    /// A write that is everywhere within this is stable; after it, late.
    #[serde(with = "duration")]
    pub stable_within: Duration,
    /// The least time between two looks for the same write: how fine a lag is measured.
    #[serde(with = "duration")]
    pub look_every: Duration,
    /// How long, after the last write, Regions may take to become equal before the final scan stands as it is.
    #[serde(with = "duration")]
    pub settle: Duration,
    pub table: Option<TableWorkload>,
    pub objects: Option<ObjectWorkload>,
    /// Writes at given moments of the timeline, in order.
    #[serde(default)]
    pub script: Vec<ScriptedWrite>,
}

/// S3 documents 15 minutes as the time within which most objects replicate.
pub const OBJECTS_STABLE: Duration = Duration::from_secs(15 * 60);
/// "Most objects", and no bound without Replication Time Control: the rest may take hours.
const OBJECTS_SETTLE: Duration = Duration::from_secs(2 * 60 * 60);

impl DataPlan {
    /// How long buckets may take to become equal after the last write.
    pub fn objects_settle(&self) -> Duration {
        let scripted = self.script.iter().any(|write| write.store == Store::Bucket);
        let written = scripted || self.objects.is_some();
        if written { self.settle.max(OBJECTS_SETTLE) } else { self.settle }
    }
}

impl Default for DataPlan {
    fn default() -> Self {
        Self {
            // Replication is "usually within a second", 2.5 s not uncommon: ten seconds are late by any reading.
            stable_within: Duration::from_secs(10),
            look_every: Duration::from_millis(250),
            settle: Duration::from_secs(120),
            table: None,
            objects: None,
            script: Vec::new(),
        }
    }
}

/// Writes and reads straight at the table, in every Region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableWorkload {
    /// In each Region.
    pub writes: Rate,
    /// In each Region, of the same keys.
    pub reads: Option<Rate>,
    /// How many keys; all Regions write to all of them.
    pub keys: u32,
    /// How often each kind of write is made, relative to the others.
    pub mix: IndexMap<WriteKind, u32>,
}

/// Objects written in every Region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectWorkload {
    /// In each Region.
    pub writes: Rate,
    /// How often each size in bytes is written, relative to the others.
    pub sizes: IndexMap<u64, u32>,
    /// An object that is everywhere within this is stable; after it, late.
    #[serde(with = "duration")]
    pub stable_within: Duration,
    /// How many keys each Region overwrites.
    pub keys: u32,
}

/// One write at one moment, counted from where the timeline begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptedWrite {
    #[serde(with = "duration")]
    pub at: Duration,
    pub region: Region,
    pub store: Store,
    pub kind: WriteKind,
    pub key: String,
}
