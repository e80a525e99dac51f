//! When and where a value was written: what last-writer-wins goes by.

use crate::clock::Timestamp;
use crate::region::Region;

/// Orders all writes of an item the same way in every Region: by time, then writer Region, then the order in which
/// that Region made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub at: Timestamp,
    pub writer: Region,
    pub sequence: u64,
}

impl Version {
    /// The version of a write made now over `current`. Where that carries a later time, because it came from a
    /// Region whose clock is ahead, the write is moved behind it: who overwrites what they see wins everywhere.
    pub fn over(current: Option<Self>, now: Timestamp, writer: Region, sequence: u64) -> Self {
        let version = Self { at: now, writer, sequence };
        match current {
            Some(current) if current >= version => {
                Self { at: Timestamp::from_micros(current.at.micros() + 1), ..version }
            }
            _ => version,
        }
    }
}
