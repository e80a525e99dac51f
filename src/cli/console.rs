//! Where output goes, and how it may look there.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::report::{Paint, Sink};

/// Stdout and stderr, or what a test puts in their place.
pub struct Console {
    out: Box<dyn Write>,
    err: Sink,
    pub paint: Paint,
    /// Whether stderr is a terminal, where a line can be written over.
    pub live: bool,
}

impl Console {
    /// The process's own. Colours only on a terminal, and not where NO_COLOR (no-color.org) is set.
    pub fn standard() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = std::io::stdout().is_terminal() && !plain;
        let live = std::io::stderr().is_terminal();
        let (out, err) = (Box::new(std::io::stdout()), Arc::new(Mutex::new(std::io::stderr())));
        Self { out, err, paint: Paint { colour }, live }
    }

    /// Plain text to anywhere.
    pub fn to(out: Box<dyn Write>, err: Sink) -> Self {
        Self { out, err, paint: Paint::default(), live: false }
    }

    /// Data. A reader that has gone away (`| head`) is no error.
    pub fn print(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Progress and complaints.
    pub fn complain(&self, text: &str) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    pub fn err(&self) -> Sink {
        Arc::clone(&self.err)
    }
}
