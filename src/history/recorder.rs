//! Stamps what the stages see and hands it on, in the order it was seen.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Event, Record};
use crate::clock::Clock;

/// The pen of a run: every stage holds a clone.
#[derive(Clone)]
pub struct Recorder {
    clock: Clock,
    sink: Arc<Mutex<Box<dyn FnMut(Record) + Send>>>,
}

impl Recorder {
    pub fn new(clock: Clock, sink: impl FnMut(Record) + Send + 'static) -> Self {
        Self { clock, sink: Arc::new(Mutex::new(Box::new(sink))) }
    }

    pub fn record(&self, event: Event) {
        let at_us = u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        (*sink)(Record { at_us, event });
    }

    /// A moment of the target's clock as the history counts: microseconds since the run began.
    pub fn since_start_us(&self, at: crate::clock::Timestamp) -> i64 {
        at.micros() - self.clock.epoch().micros()
    }
}
