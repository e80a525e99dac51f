//! The file a history is kept in: one JSON object a line, in the order things were seen.
//!
//! Whoever needs to see records while they are made (the judge, the progress line) watches the journal, so that
//! a long run need not be held in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Record, UndoLog};

/// A watcher of records as they are written.
pub type Watcher = Box<dyn FnMut(&Record) + Send>;

/// Where every stage writes what it saw. Clones write to the same history.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Mutex<Inner>>,
    undo: UndoLog,
}

struct Inner {
    sink: Option<BufWriter<Box<dyn Write + Send>>>,
    line: Vec<u8>,
    watchers: Vec<Watcher>,
    written: u64,
    /// Whether nothing is held back in the buffer.
    prompt: bool,
    /// The first write that failed; later records are not written, so that no hole goes unseen.
    failed: Option<io::Error>,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{}: cannot be written: {source}", .file.display())]
    Unwritable { file: PathBuf, source: io::Error },
    #[error("the history could not be written: {0}")]
    Write(io::Error),
    #[error("{}: cannot be read: {source}", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{}:{line}: not a record of a history: {what}", .file.display())]
    Bad { file: PathBuf, line: usize, what: String },
}

/// The file of what must be undone, beside a history.
pub const UNDO: &str = "undo.jsonl";
/// A large buffer: a history of a game day has some tens of megabytes.
const BUFFER: usize = 256 * 1024;

impl Journal {
    /// Writes to a new file, replacing an old one of that name.
    pub fn create(file: &Path) -> Result<Self, JournalError> {
        let open = File::create(file).map_err(|source| JournalError::Unwritable { file: file.to_owned(), source })?;
        Ok(Self { undo: UndoLog::at(&file.with_file_name(UNDO)), ..Self::to(Box::new(open)) })
    }

    pub fn to(sink: Box<dyn Write + Send>) -> Self {
        Self::with(Some(BufWriter::with_capacity(BUFFER, sink)))
    }

    /// Writes nowhere: its watchers see the records.
    pub fn unwritten() -> Self {
        Self::with(None)
    }

    fn with(sink: Option<BufWriter<Box<dyn Write + Send>>>) -> Self {
        let inner = Inner {
            sink,
            line: Vec::with_capacity(512),
            watchers: Vec::new(),
            written: 0,
            failed: None,
            prompt: false,
        };
        Self { inner: Arc::new(Mutex::new(inner)), undo: UndoLog::default() }
    }

    /// From now on each record is in the file when it is written: a run on the machine's clock can be killed, and what it saw
    /// is evidence all the same.
    pub fn promptly(&self) {
        self.lock().prompt = true;
    }

    /// Writes a file beside the history; nowhere where the history is in none.
    pub fn beside(&self, name: &str, text: &str) -> io::Result<()> {
        let folder = self.undo.path().and_then(|undo| Some(undo.parent()?.to_owned()));
        folder.map_or(Ok(()), |folder| std::fs::write(folder.join(name), text))
    }

    /// Shows every record from now on to `watcher`, which must not write to the journal itself.
    pub fn watch(&self, watcher: Watcher) {
        self.lock().watchers.push(watcher);
    }

    /// Writes a record. A write that fails is reported by [`Journal::finish`].
    pub fn record(&self, record: &Record) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        if let (Some(sink), None) = (&mut inner.sink, &inner.failed) {
            inner.line.clear();
            let line = serde_json::to_writer(&mut inner.line, record).map_err(io::Error::from);
            inner.line.push(b'\n');
            let written = line.and_then(|()| sink.write_all(&inner.line));
            inner.failed = written.and_then(|()| if inner.prompt { sink.flush() } else { Ok(()) }).err();
        }
        inner.written += 1;
        for watcher in &mut inner.watchers {
            watcher(record);
        }
    }

    /// Where changes that a run must undo are written, beside the history.
    pub fn undo(&self) -> &UndoLog {
        &self.undo
    }

    /// How many records there are so far.
    pub fn len(&self) -> u64 {
        self.lock().written
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flushes, lets the watchers go, and says whether everything was written.
    pub fn finish(&self) -> Result<(), JournalError> {
        let mut inner = self.lock();
        inner.watchers.clear();
        if let Some(error) = inner.failed.take() {
            return Err(JournalError::Write(error));
        }
        inner.sink.as_mut().map_or(Ok(()), Write::flush).map_err(JournalError::Write)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What reading a stored history came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    pub records: u64,
    /// The last line was cut off: the run died while it wrote. Everything before it was read.
    pub truncated: bool,
}

/// Shows each record of a stored history to `visit`, in order.
pub fn read(file: &Path, visit: impl FnMut(Record)) -> Result<Read, JournalError> {
    let unreadable = |source| JournalError::Unreadable { file: file.to_owned(), source };
    let open = File::open(file).map_err(unreadable)?;
    read_from(BufReader::with_capacity(BUFFER, open), file, visit)
}

/// As [`read`], from anything; `file` is where errors say it comes from.
pub fn read_from(mut lines: impl BufRead, file: &Path, mut visit: impl FnMut(Record)) -> Result<Read, JournalError> {
    let mut line = Vec::new();
    let mut records = 0;
    let mut number = 0;
    loop {
        line.clear();
        let length = lines
            .read_until(b'\n', &mut line)
            .map_err(|source| JournalError::Unreadable { file: file.to_owned(), source })?;
        if length == 0 {
            return Ok(Read { records, truncated: false });
        }
        number += 1;
        match serde_json::from_slice(&line) {
            Ok(record) => visit(record),
            // Every line is written with its end, so only the last one of a killed run can lack it.
            Err(_) if line.last() != Some(&b'\n') => return Ok(Read { records, truncated: true }),
            Err(error) => {
                return Err(JournalError::Bad { file: file.to_owned(), line: number, what: error.to_string() });
            }
        }
        records += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, PhaseName};

    fn phase(at_us: u64, phase: PhaseName) -> Record {
        Record { at_us, event: Event::Phase { phase } }
    }

    fn read_text(text: &str) -> Result<(Vec<Record>, Read), JournalError> {
        let mut records = Vec::new();
        let read = read_from(text.as_bytes(), Path::new("history.jsonl"), |record| records.push(record))?;
        Ok((records, read))
    }

    #[test]
    fn what_is_written_is_watched_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.jsonl");
        let journal = Journal::create(&file).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let watched = Arc::clone(&seen);
        journal.watch(Box::new(move |record| watched.lock().unwrap().push(record.clone())));
        let request = Event::Request {
            population: "europe".into(),
            client: 3,
            operation: "GET /whoami".into(),
            planned_us: 5,
            latency_us: 7,
            address: Some("198.18.0.1".parse().unwrap()),
            region: Some(crate::region::Region::EU_WEST_1),
            status: None,
            attempts: 1,
            release: None,
            error: Some("timed out".into()),
        };
        let written = [phase(1, PhaseName::Deploy), Record { at_us: 12, event: request }];
        written.iter().for_each(|record| journal.record(record));
        journal.finish().unwrap();
        let mut records = Vec::new();
        assert_eq!(read(&file, |record| records.push(record)).unwrap(), Read { records: 2, truncated: false });
        assert_eq!(records, written);
        assert_eq!(*seen.lock().unwrap(), written);
        assert_eq!(journal.len(), 2);
    }

    #[test]
    fn a_cut_off_last_line_is_said_and_survived() {
        let whole = serde_json::to_string(&phase(1, PhaseName::Deploy)).unwrap();
        let (records, read) = read_text(&format!("{whole}\n{{\"at_us\":2,\"eve")).unwrap();
        assert_eq!((records.len(), read), (1, Read { records: 1, truncated: true }));
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = read_text("{\"at_us\":1,\"event\":\"phase\",\"phase\":\"end\"}\n{}\n").unwrap_err();
        assert!(error.to_string().starts_with("history.jsonl:2: not a record of a history: missing field"), "{error}");
    }

    #[test]
    fn what_is_written_promptly_is_there_when_the_process_dies() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.jsonl");
        let journal = Journal::create(&file).unwrap();
        let lines = || std::fs::read_to_string(&file).unwrap().lines().count();
        journal.record(&phase(1, PhaseName::Deploy));
        assert_eq!(lines(), 0);
        journal.promptly();
        journal.record(&phase(2, PhaseName::Fault));
        assert_eq!(lines(), 2);
        journal.beside("target.log", "ready").unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("target.log")).unwrap(), "ready");
    }

    #[test]
    fn a_full_disk_is_not_silent() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let journal = Journal::to(Box::new(Full));
        journal.record(&phase(1, PhaseName::Deploy));
        assert!(matches!(journal.finish(), Err(JournalError::Write(_))));
    }
}
