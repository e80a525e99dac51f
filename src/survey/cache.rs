//! Findings kept in a file, by target and version: a real target is not probed anew for every run.

use std::path::{Path, PathBuf};

use crate::capability::Survey;
use crate::clock::Timestamp;
use crate::region::Region;

/// Why kept findings could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("cannot read {path}: {error}; --fresh probes anew", path = .path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{path} holds no findings: {error}; --fresh probes anew", path = .path.display())]
    Malformed { path: PathBuf, error: serde_json::Error },
    #[error("cannot write {path}: {error}", path = .path.display())]
    Write { path: PathBuf, error: std::io::Error },
}

/// Where the findings of a target are kept.
pub fn file(folder: &Path, target: &str, version: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' }).collect()
    };
    folder.join(format!("{}-{}.json", plain(target), plain(version)))
}

/// The kept findings with their age, where they are of the same Regions.
pub fn read(path: &Path, regions: &[Region], now: Timestamp) -> Result<Option<Survey>, CacheError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CacheError::Read { path: path.to_owned(), error }),
    };
    let survey: Result<Survey, _> = serde_json::from_str(&text);
    let mut survey = survey.map_err(|error| CacheError::Malformed { path: path.to_owned(), error })?;
    if survey.regions != regions {
        return Ok(None);
    }
    for finding in &mut survey.findings {
        finding.age_s = Timestamp::parse_rfc3339(&finding.at).map(|at| now.since(at).as_secs());
    }
    // What an earlier survey could not remove is that survey's to say.
    survey.left_behind.clear();
    Ok(Some(survey))
}

/// Old findings with newer ones over them.
pub fn merge(old: Option<Survey>, mut new: Survey) -> Survey {
    let older = old.into_iter().flat_map(|old| old.findings);
    let older: Vec<_> = older.filter(|finding| new.finding(finding.capability).is_none()).collect();
    new.findings.extend(older);
    new.findings.sort_by_key(|finding| finding.capability);
    new
}

pub fn write(path: &Path, survey: &Survey) -> Result<(), CacheError> {
    let failed = |error| CacheError::Write { path: path.to_owned(), error };
    let mut kept = survey.clone();
    kept.findings.iter_mut().for_each(|finding| finding.age_s = None);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let text = serde_json::to_string_pretty(&kept).map_err(|error| failed(error.into()))?;
    std::fs::write(path, text + "\n").map_err(failed)
}
