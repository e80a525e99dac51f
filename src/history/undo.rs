//! What must be undone if the run dies: written and synced before it is done, one JSON object a line.
//!
//! A line with `undo` says what was there before a change; one with `set` what it is about to be set to; one with
//! `undone` that what was there is there again, verified; one with `kept` that the change was meant to stay. What has
//! neither of the last two is left over.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where changes are written before they are made. Clones write to the same file.
#[derive(Clone, Debug, Default)]
pub struct UndoLog(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Made with the first entry: a run that changes nothing leaves no file.
    path: Option<PathBuf>,
    file: Option<File>,
    entries: u32,
    /// What was neither undone nor kept, in the order it was changed.
    left: Vec<Left>,
}

/// A change that was not undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    pub undo: u32,
    pub what: String,
    pub before: Value,
    /// What it was about to be set to, each time: a run that died may have made the last of these changes or not.
    pub set: Vec<Value>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    Undo {
        undo: u32,
        /// For people: `weights of api.orders.example`.
        what: String,
        before: Value,
    },
    /// The change that `set` names is about to be made so.
    Set {
        set: u32,
        to: Value,
    },
    Undone {
        undone: u32,
    },
    /// The change was meant to stay, and does.
    Kept {
        kept: u32,
    },
}

impl UndoLog {
    /// Written to this file.
    pub fn at(path: &Path) -> Self {
        Self(Arc::new(Mutex::new(Inner { path: Some(path.to_owned()), ..Inner::default() })))
    }

    /// The file it is written to, where there is one.
    pub fn path(&self) -> Option<PathBuf> {
        self.lock().path.clone()
    }

    /// Goes on with the file of a run that ended; one that is not there is of a run that changed nothing. A last line
    /// that was cut off is of a change that was not made: it is taken off, so that what is written next is whole.
    pub fn resume(path: &Path) -> io::Result<Self> {
        let bytes = bytes_of(path)?;
        let whole = whole_lines(&bytes);
        if whole.len() < bytes.len() {
            OpenOptions::new().write(true).open(path)?.set_len(whole.len() as u64)?;
        }
        let inner = Inner { path: Some(path.to_owned()), ..Inner::of(whole)? };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// What is left over in the file of a run that ended, the newest first. It is only read, and a last line that was cut
    /// off stays where it is.
    pub fn look(path: &Path) -> io::Result<Vec<Left>> {
        let mut left = Inner::of(whole_lines(&bytes_of(path)?))?.left;
        left.reverse();
        Ok(left)
    }

    /// Says what was there before a change that is made only once this has returned; names it for [`UndoLog::undone`].
    pub fn before(&self, what: &str, before: Value) -> io::Result<u32> {
        let mut inner = self.lock();
        let undo = inner.entries + 1;
        inner.write(Entry::Undo { undo, what: what.to_owned(), before })?;
        Ok(undo)
    }

    /// Says what it is set to next, before it is: whoever undoes it tells our changes from other people's by this.
    pub fn sets(&self, set: u32, to: Value) -> io::Result<()> {
        self.lock().write(Entry::Set { set, to })
    }

    /// The change stays.
    pub fn kept(&self, kept: u32) -> io::Result<()> {
        self.lock().write(Entry::Kept { kept })
    }

    /// What was there before is there again.
    pub fn undone(&self, undone: u32) -> io::Result<()> {
        self.lock().write(Entry::Undone { undone })
    }

    /// The changes that were not undone, the newest first, which is the order to undo them in.
    pub fn left_over(&self) -> Vec<Left> {
        self.lock().left.iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing where there is no file.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        bytes => bytes,
    }
}

/// Bytes, because a line can be cut off within a character.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)]
}

impl Inner {
    fn of(lines: &[u8]) -> io::Result<Self> {
        let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let lines = std::str::from_utf8(lines).map_err(|error| bad(error.to_string()))?;
        let mut inner = Self::default();
        for line in lines.lines() {
            inner.take_in(serde_json::from_str(line).map_err(|error| bad(format!("{line}: {error}")))?);
        }
        Ok(inner)
    }

    /// On disk first: what cannot be written must not be done.
    fn write(&mut self, entry: Entry) -> io::Result<()> {
        if let Some(path) = &self.path {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(OpenOptions::new().create(true).append(true).open(path)?),
            };
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_all()?;
        }
        self.take_in(entry);
        Ok(())
    }

    fn take_in(&mut self, entry: Entry) {
        match entry {
            Entry::Undo { undo, what, before } => {
                self.entries = self.entries.max(undo);
                self.left.push(Left { undo, what, before, set: Vec::new() });
            }
            Entry::Set { set, to } => {
                self.left.iter_mut().filter(|left| left.undo == set).for_each(|left| left.set.push(to.clone()));
            }
            Entry::Undone { undone } | Entry::Kept { kept: undone } => self.left.retain(|left| left.undo != undone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn numbers(log: &UndoLog) -> Vec<u32> {
        log.left_over().into_iter().map(|left| left.undo).collect()
    }

    #[test]
    fn what_was_not_undone_is_left_over_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        assert_eq!(UndoLog::resume(&path).unwrap().left_over(), Vec::new());
        let log = UndoLog::at(&path);
        let weights = log.before("weights", json!({"us-east-1": 100})).unwrap();
        let alias = log.before("alias live", json!({"version": "1"})).unwrap();
        let stack = log.before("stack region", json!({"OrdersVersion": "1.0.0"})).unwrap();
        log.sets(weights, json!({"us-east-1": 50})).unwrap();
        log.undone(alias).unwrap();
        assert_eq!(numbers(&log), [stack, weights]);
        let again = UndoLog::resume(&path).unwrap();
        assert_eq!(again.left_over(), log.left_over());
        assert_eq!(again.left_over()[1].set, [json!({"us-east-1": 50})]);
        // A process that died while it wrote had not made the change yet.
        let cut_off = |text: &[u8]| {
            OpenOptions::new().append(true).open(&path).unwrap().write_all(text).unwrap();
        };
        cut_off(b"{\"undo\":4,\"wh");
        let again = UndoLog::resume(&path).unwrap();
        assert_eq!(numbers(&again), [stack, weights]);
        again.undone(stack).unwrap();
        assert_eq!(numbers(&UndoLog::resume(&path).unwrap()), [weights], "what follows a cut off line is whole");
        cut_off(b"{\"undo\":4,\"wh\n");
        assert!(UndoLog::resume(&path).is_err(), "a whole line that cannot be read may be a change that was made");
    }

    #[test]
    fn looking_changes_no_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        assert_eq!(UndoLog::look(&path).unwrap(), Vec::new());
        assert!(!path.exists());
        let log = UndoLog::at(&path);
        let weights = log.before("weights", json!({"us-east-1": 100})).unwrap();
        let alias = log.before("alias live", json!({"version": "1"})).unwrap();
        log.sets(weights, json!({"us-east-1": 50})).unwrap();
        // The cut falls into a character of two bytes, as it may.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"undo\":3,\"what\":\"\xc3").unwrap();
        let before = std::fs::read(&path).unwrap();
        let seen = UndoLog::look(&path).unwrap();
        assert_eq!(seen.iter().map(|left| left.undo).collect::<Vec<_>>(), [alias, weights]);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(UndoLog::resume(&path).unwrap().left_over(), seen);
        assert_ne!(std::fs::read(&path).unwrap(), before, "going on takes the cut off line away");
        std::fs::write(&path, "what is this\n").unwrap();
        assert!(UndoLog::look(&path).is_err(), "what cannot be read may be a change");
    }

    #[test]
    fn a_run_that_changes_nothing_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        drop(UndoLog::at(&path));
        drop(UndoLog::resume(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn what_cannot_be_written_is_not_said_to_be() {
        let log = UndoLog::at(Path::new("/nowhere/undo.jsonl"));
        assert!(log.before("weights", json!({})).is_err());
        assert_eq!(log.left_over(), Vec::new());
    }
}
