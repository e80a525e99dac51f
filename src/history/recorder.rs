//! Stamps what the stages see with the run's clock and writes it down.

use super::{Event, Journal, Record};
use crate::clock::{Clock, Timestamp};

/// The pen of a run: every stage holds a clone.
#[derive(Clone)]
pub struct Recorder {
    clock: Clock,
    journal: Journal,
}

impl Recorder {
    pub fn new(clock: Clock, journal: Journal) -> Self {
        Self { clock, journal }
    }

    pub fn record(&self, event: Event) {
        let at_us = u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.journal.record(&Record { at_us, event });
    }

    /// A moment of the target's clock as the history counts: microseconds since the run began.
    pub fn since_start_us(&self, at: Timestamp) -> i64 {
        at.micros() - self.clock.epoch().micros()
    }
}
