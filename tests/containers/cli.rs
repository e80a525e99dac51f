//! The command line in this process.

use std::io::Write;
use std::sync::{Arc, Mutex};

use blackstart::cli::{self, Console, Engine};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// What a command came to.
pub struct Said {
    pub code: u8,
    pub out: String,
    pub err: String,
}

pub fn blackstart(args: &[&str]) -> Said {
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut console = Console::to(Box::new(out.clone()), Arc::new(Mutex::new(err.clone())));
    let args = std::iter::once("blackstart").chain(args.iter().copied()).map(Into::into);
    let code = cli::main(args, &mut console, &Engine::BUILT_IN);
    Said { code, out: out.text(), err: err.text() }
}

/// The verdict of each assertion by id, and its evidence, of what `--json` printed.
pub fn verdicts(json: &str) -> std::collections::BTreeMap<String, (String, String)> {
    let verdict: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|why| panic!("{why}: {json}"));
    let all = verdict["assertions"].as_array().expect("assertions").clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    all.iter().map(|one| (text(&one["id"]), (text(&one["verdict"]), text(&one["evidence"])))).collect()
}
