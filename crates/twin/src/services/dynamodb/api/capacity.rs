//! Capacity units, as `ReturnConsumedCapacity` reports them.
//!
//! "Read and write operations" in the developer guide: reads in steps of 4 KB, half price where eventually
//! consistent; writes in steps of 1 KB; transactions twice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::request::ReturnCapacity;

const READ_STEP: usize = 4_096;
const WRITE_STEP: usize = 1_024;

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Units {
    pub capacity_units: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConsumedCapacity {
    pub table_name: String,
    pub capacity_units: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Units>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub global_secondary_indexes: BTreeMap<String, Units>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub local_secondary_indexes: BTreeMap<String, Units>,
}

impl ConsumedCapacity {
    /// What a call on the table itself used.
    pub fn of_table(wanted: ReturnCapacity, table: &str, units: f64) -> Option<Self> {
        if wanted == ReturnCapacity::None {
            return None;
        }
        let split = wanted == ReturnCapacity::Indexes;
        Some(Self {
            table_name: table.to_owned(),
            capacity_units: units,
            table: split.then_some(Units { capacity_units: units }),
            global_secondary_indexes: BTreeMap::new(),
            local_secondary_indexes: BTreeMap::new(),
        })
    }

    /// What it costs in a transaction.
    pub fn twice(mut self) -> Self {
        self.add(self.capacity_units);
        self
    }

    pub fn add(&mut self, units: f64) {
        self.capacity_units += units;
        if let Some(table) = &mut self.table {
            table.capacity_units += units;
        }
    }
}

pub fn read_units(bytes: usize, is_consistent: bool) -> f64 {
    let steps = bytes.div_ceil(READ_STEP).max(1) as f64;
    if is_consistent { steps } else { steps / 2.0 }
}

pub fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(WRITE_STEP).max(1) as f64
}
