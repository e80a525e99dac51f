//! Data: what the harness writes, how every acknowledged write is followed to every Region, and the last look of all.
//!
//! ```text
//! users, writers ─→ Event::Write ─→ followed(..) ─→ one follower a Region ─→ Event::Arrival, Event::Superseded
//!                                                   (looks.rs: when to look again)
//! secrets/ ─→ Event::SecretServed, Event::SecretReplica, Event::Backend
//! before anything: preflight/ ─→ Event::Preflight
//! at the end: scan of every Region ─→ Event::Scanned
//! ```
//!
//! A follower looks through the SDK, as anybody could: it sees what a reader in that Region would have seen. Every look
//! that fails is recorded as trouble, once for each streak.

mod fingerprint;
mod looking;
mod looks;
pub mod objects;
mod outcome;
pub mod preflight;
pub mod secrets;
pub mod tables;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::history::{Event, Record, Recorder, WriteOutcome};
use crate::region::Region;
use crate::store::{Store, WriteKind};

/// The names that play a role, by Region.
pub type Names = BTreeMap<Region, String>;

/// A write to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    pub write: u64,
    pub key: String,
    pub deletes: bool,
    /// Where it was made, where that is known: it need not be followed there.
    pub region: Option<Region>,
    pub acknowledged_us: u64,
    /// Of an object.
    pub version: Option<String>,
}

/// Every acknowledged write to a store from now on.
pub fn followed(recorder: &Recorder, of: Store) -> UnboundedReceiver<Followed> {
    let (sender, receiver) = unbounded_channel();
    recorder.watch(Box::new(move |record: &Record| {
        let Event::Write { write, store, key, kind, region, outcome: WriteOutcome::Acknowledged, version, .. } =
            &record.event
        else {
            return;
        };
        if *store == of {
            // A follower that is gone wants no more.
            let _ = sender.send(Followed {
                write: *write,
                key: key.clone(),
                deletes: *kind == WriteKind::Delete,
                region: *region,
                acknowledged_us: record.at_us,
                version: version.clone(),
            });
        }
    }));
    receiver
}
