//! What must be undone if the run dies: written and synced before it is done, one JSON object a line.
//!
//! A line with `undo` says what was there before a change; one with `undone` that it is there again, verified; one with
//! `kept` that the change was meant to stay. What has neither is left over.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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

    /// Says what was there before a change that is made only once this has returned; names it for [`UndoLog::undone`].
    pub fn before(&self, what: &str, before: Value) -> io::Result<u32> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries += 1;
        let undo = inner.entries;
        inner.write(&Entry::Undo { undo, what: what.to_owned(), before })?;
        Ok(undo)
    }

    /// The change stays.
    pub fn kept(&self, kept: u32) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(&Entry::Kept { kept })
    }

    /// What was there before is there again.
    pub fn undone(&self, undone: u32) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(&Entry::Undone { undone })
    }
}

impl Inner {
    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(OpenOptions::new().create(true).append(true).open(path)?),
        };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_all()
    }
}

/// The entries that were not undone, the newest first, which is the order to undo them in. A last line that was cut
/// off is of a change that was not made.
pub fn left_over(path: &Path) -> io::Result<Vec<(u32, String, Value)>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let mut left = Vec::new();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Entry::Undo { undo, what, before }) => left.push((undo, what, before)),
            Ok(Entry::Undone { undone } | Entry::Kept { kept: undone }) => left.retain(|(undo, ..)| *undo != undone),
            Err(_) if !text.ends_with('\n') && text.ends_with(line) => {}
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{line}: {error}"))),
        }
    }
    left.reverse();
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_undone_is_left_over_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        assert_eq!(left_over(&path).unwrap(), Vec::new());
        let log = UndoLog::at(&path);
        let weights = log.before("weights", json!({"us-east-1": 100})).unwrap();
        let alias = log.before("alias live", json!({"version": "1"})).unwrap();
        let stack = log.before("stack region", json!({"OrdersVersion": "1.0.0"})).unwrap();
        log.undone(alias).unwrap();
        let left: Vec<u32> = left_over(&path).unwrap().into_iter().map(|(undo, ..)| undo).collect();
        assert_eq!(left, [stack, weights]);
        // A process that died while it wrote had not made the change yet.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"undo\":4,\"wh").unwrap();
        assert_eq!(left_over(&path).unwrap().len(), 2);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\n").unwrap();
        assert!(left_over(&path).is_err(), "a whole line that cannot be read may be a change that was made");
    }

    #[test]
    fn a_run_that_changes_nothing_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo.jsonl");
        drop(UndoLog::at(&path));
        assert!(!path.exists());
    }
}
