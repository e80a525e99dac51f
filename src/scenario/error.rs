//! What can be wrong with a scenario: always with its file, line and column.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("{}: cannot be read", .file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("{}:{line}:{column}: {what}", .file.display())]
    Bad { file: PathBuf, line: u64, column: u64, what: String },
}

/// `, did you mean "region-outage"?`, or the whole choice where nothing comes near.
pub fn hint<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known.iter().map(|name| (strsim::jaro_winkler(written, name), *name));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        // Below this similarity a suggestion misleads more than it helps.
        Some((score, name)) if score > 0.75 => format!(", did you mean {name:?}?"),
        _ => format!(": expected one of {}", known.join(", ")),
    }
}
