//! Where output goes, and how it may look there.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::report::{Paint, Sink};

/// Stdout and stderr, or what a test puts in their place.
pub struct Console {
    out: Box<dyn Write>,
    err: Sink,
    /// Who can be asked; nobody where stdin or stderr is no terminal.
    asked: Option<Box<dyn BufRead>>,
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
        let asked = (live && std::io::stdin().is_terminal()).then(|| Box::new(std::io::stdin().lock()) as _);
        Self { out, err, asked, paint: Paint { colour }, live }
    }

    /// Plain text to anywhere.
    pub fn to(out: Box<dyn Write>, err: Sink) -> Self {
        Self { out, err, asked: None, paint: Paint::default(), live: false }
    }

    /// Into this.
    pub fn captured(into: &Captured) -> Self {
        Self::to(Box::new(into.out.clone()), Arc::new(Mutex::new(into.err.clone())))
    }

    /// With somebody who can be asked.
    #[cfg(test)]
    pub fn asking(self, asked: Box<dyn BufRead>) -> Self {
        Self { asked: Some(asked), ..self }
    }

    /// Asks, and reads one line; none where nobody can be asked.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        self.asked.as_ref()?;
        self.complain(question);
        let mut answer = String::new();
        self.asked.as_mut()?.read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
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

/// What would have been shown, for whoever runs the command line in their own process.
#[derive(Clone, Default)]
pub struct Captured {
    out: Buffer,
    err: Buffer,
}

impl Captured {
    pub fn out(&self) -> String {
        self.out.text()
    }

    pub fn err(&self) -> String {
        self.err.text()
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
