//! The one history of a run: every stage writes it, judges and reports only read it.
//!
//! `event.rs` is the schema, `journal.rs` the file it is kept in: JSON lines, in the order things were seen;
//! `recorder.rs` the pen that stamps each event with the run's clock; `tag.rs` what a write carries, so that whoever
//! finds it knows which write of the history it is; `undo.rs` what a run that died has left to undo.

mod event;
mod journal;
mod recorder;
mod tag;
pub mod undo;

pub use event::{
    AlarmFound, AlarmState, CanaryAction, ChangeStatus, CheckFound, Event, FaultAction, OperationAction, PhaseName,
    Record, RecordSeen, WriteOutcome,
};
pub use journal::{Journal, JournalError, Read, UNDO, Watcher, read, read_from};
pub use recorder::Recorder;
pub use tag::Tag;
pub use undo::{Left, UndoLog};
