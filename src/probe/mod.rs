//! Probes: they look at the target from outside while users use it, and write what they see.
//!
//! Each probe is one file and one loop: it asks through the SDK or the DNS every few seconds and records what is new.
//! A look that fails is recorded as trouble, once for each streak, and never ends the probe.

mod alarms;
mod changes;
mod checkers;
mod dns;
mod guard_log;
mod inventory;
mod metrics;
mod records;
mod settings;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

pub use alarms::watch_alarm;
pub use changes::watch_changes;
pub use checkers::{Checks, watch_checkers};
pub use dns::{Answers, watch_dns};
pub use guard_log::watch_guard;
pub use inventory::read_inventory;
pub use metrics::watch_errors;
pub use records::{RecordsOf, watch_records};
pub use settings::read_settings;

use crate::history::{Event, Recorder};
use crate::region::Region;

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

/// The Regions' endpoints by name: where records lead to, and what checkers ask.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<(String, Region)>);

impl Hosts {
    pub fn add(&mut self, host: &str, region: Region) {
        self.0.push((comparable(host), region));
    }

    fn region_of(&self, host: &str) -> Option<Region> {
        let host = comparable(host);
        self.0.iter().find(|(known, _)| *known == host).map(|(_, region)| *region)
    }
}

/// A name without its trailing dot, in lower case.
fn comparable(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Route 53 takes five requests a second of an account, and guards need some of them: after a throttled look the next
/// 1, 2, 4, then 8 are sat out.
#[derive(Debug, Default)]
struct Backoff(Mutex<(u32, u32)>);

impl Backoff {
    const MOST: u32 = 8;

    /// Looks, unless this look is to be sat out; what is sat out goes on failing.
    async fn spare(&self, look: impl Future<Output = Result<(), String>>) -> Result<(), String> {
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 > 0 {
                state.0 -= 1;
                return Err("Route 53 asked to wait".to_owned());
            }
        }
        let looked = look.await;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match &looked {
            Err(what) if what.starts_with("Throttling") => {
                let next = (state.1 * 2).clamp(1, Self::MOST);
                (next, next)
            }
            _ => (0, 0),
        };
        looked
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
