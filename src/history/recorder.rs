//! Stamps what the stages see with the run's clock and writes it down; numbers the writes of the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Event, Journal, Record, Tag, Watcher};
use crate::clock::{Clock, Timestamp};

/// The pen of a run: every stage holds a clone.
#[derive(Clone)]
pub struct Recorder {
    clock: Clock,
    journal: Journal,
    run: u32,
    writes: Arc<AtomicU64>,
}

impl Recorder {
    /// `run` tells its writes from those of other runs on the same stack.
    pub fn new(clock: Clock, journal: Journal, run: u32) -> Self {
        Self { clock, journal, run, writes: Arc::default() }
    }

    /// The tag of the write that is sent next.
    pub fn tag(&self) -> Tag {
        Tag { run: self.run, write: self.writes.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// Which write of this run a text carries.
    pub fn find(&self, text: &str) -> Option<u64> {
        Tag::find(self.run, text)
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Shows every record from now on to `watcher`, which must not record itself.
    pub fn watch(&self, watcher: Watcher) {
        self.journal.watch(watcher);
    }

    /// Writes a file beside the history.
    pub fn beside(&self, name: &str, text: &str) -> std::io::Result<()> {
        self.journal.beside(name, text)
    }

    /// Where changes are written before they are made.
    pub fn undo(&self) -> &super::UndoLog {
        self.journal.undo()
    }

    pub fn record(&self, event: Event) {
        self.journal.record(&Record { at_us: self.now_us(), event });
    }

    /// A moment of the target's clock as the history counts: microseconds since the run began.
    pub fn since_start_us(&self, at: Timestamp) -> i64 {
        at.micros() - self.clock.epoch().micros()
    }
}
