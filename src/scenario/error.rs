//! What can be wrong with a scenario or with `blackstart.yaml`: always with its file, line and column.

use std::path::{Path, PathBuf};

use serde_saphyr::{Location, MessageFormatter};

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("{}: cannot be read", .file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("{}:{line}:{column}: {what}", .file.display())]
    Bad { file: PathBuf, line: u64, column: u64, what: String },
}

impl ScenarioError {
    /// What the reader of YAML, or a type that was read, refused.
    pub fn of_yaml(file: &Path, error: &serde_saphyr::Error) -> Self {
        use serde_saphyr::Error;
        let error = error.without_snippet();
        let what = match error {
            Error::SerdeUnknownField { field, expected, .. } => {
                format!("unknown key {field:?}{}", hint(field, expected.iter().copied()))
            }
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                format!("unknown value {variant:?}{}", hint(variant, expected.iter().copied()))
            }
            Error::SerdeInvalidType { unexpected, expected, .. } => format!("expected {expected}, found {unexpected}"),
            Error::SerdeMissingField { field, .. } => format!("the key {field:?} is missing"),
            Error::InvalidScalar { .. } => "expected a whole number".to_owned(),
            Error::NullIntoString { .. } => "expected text, found nothing".to_owned(),
            Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key {key:?} is written twice"),
            other => serde_saphyr::DefaultMessageFormatter.format_message(other).into_owned(),
        };
        let at = error.location().unwrap_or(Location::UNKNOWN);
        Self::Bad { file: file.to_owned(), line: at.line().max(1), column: at.column().max(1), what }
    }
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
