//! Probes: they look at the target from outside while users use it, and write what they see.
//!
//! Each probe is one file and one loop: it asks through the SDK or the DNS every few seconds and records what is new.
//! A look that fails is recorded as trouble, once for each streak, and never ends the probe.

mod alarms;
mod changes;
mod dns;
mod guard_log;
mod metrics;
mod settings;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

pub use alarms::watch_alarm;
pub use changes::watch_changes;
pub use dns::{Answers, watch_dns};
pub use guard_log::watch_guard;
pub use metrics::watch_errors;
pub use settings::read_settings;

use crate::history::{Event, Recorder};

/// Changes that somebody announced and [`watch_changes`] follows to INSYNC.
#[derive(Clone, Debug, Default)]
pub struct Announced(Arc<Mutex<BTreeSet<String>>>);

impl Announced {
    fn add(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn done(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// Looks every `interval` until told to stop.
async fn every<F: Future<Output = Result<(), String>>>(
    stage: &str,
    interval: Duration,
    recorder: &Recorder,
    mut stop: watch::Receiver<bool>,
    mut look: impl FnMut() -> F,
) {
    let mut failing = false;
    loop {
        let stopped = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(interval) => false,
        };
        if stopped {
            return;
        }
        match look().await {
            Ok(()) => failing = false,
            Err(what) if !failing => {
                failing = true;
                recorder.record(Event::Trouble { stage: stage.to_owned(), what });
            }
            Err(_) => {}
        }
    }
}
