//! When and where a value was written: what last-writer-wins goes by.

use crate::Cloud;
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
    /// The version of a write over `current`, by the writer's clock. Where that carries a later time, because it
    /// came from a Region whose clock is ahead, the write is moved behind it: who overwrites what they see wins
    /// everywhere.
    pub fn over(current: Option<Self>, clock: Timestamp, writer: Region, sequence: u64) -> Self {
        let version = Self { at: clock, writer, sequence };
        match current {
            Some(current) if current >= version => {
                Self { at: Timestamp::from_micros(current.at.micros() + 1), ..version }
            }
            _ => version,
        }
    }
}

/// Where and when a write is made.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub region: Region,
    pub now: Timestamp,
    /// What the Region's own clock reads: versions go by it.
    pub clock: Timestamp,
}

impl Stamp {
    pub fn now(cloud: &Cloud, region: Region) -> Self {
        let now = cloud.clock.now();
        let skew = cloud.faults.clock_skew_us(region);
        Self { region, now, clock: Timestamp::from_micros(now.micros().saturating_add(skew)) }
    }
}
