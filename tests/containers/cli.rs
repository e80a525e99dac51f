//! The command line in this process.

use blackstart::cli::{self, Captured, Console, Engine};

/// What a command came to.
pub struct Said {
    pub code: u8,
    pub out: String,
    pub err: String,
}

pub fn blackstart(args: &[&str]) -> Said {
    let said = Captured::default();
    let args = std::iter::once("blackstart").chain(args.iter().copied()).map(Into::into);
    let code = cli::main(args, &mut Console::captured(&said), &Engine::BUILT_IN);
    Said { code, out: said.out(), err: said.err() }
}

/// The verdict of each assertion by id, and its evidence, of what `--json` printed.
pub fn verdicts(json: &str) -> std::collections::BTreeMap<String, (String, String)> {
    let verdict: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|why| panic!("{why}: {json}"));
    let all = verdict["assertions"].as_array().expect("assertions").clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    all.iter().map(|one| (text(&one["id"]), (text(&one["verdict"]), text(&one["evidence"])))).collect()
}
