//! The one history of a run: every stage writes it, judges and reports only read it.
//!
//! `event.rs` is the schema, `journal.rs` the file it is kept in: JSON lines, in the order things were seen.

mod event;
mod journal;

pub use event::{AlarmState, ChangeStatus, Event, FaultAction, PhaseName, Record};
pub use journal::{Journal, JournalError, Read, Watcher, read, read_from};
