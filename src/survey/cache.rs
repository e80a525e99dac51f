//! Findings kept in a file, by target, version and settings: a real target is not probed anew for every run.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::capability::{Finding, Standing, Survey};
use crate::clock::Timestamp;
use crate::region::Region;

/// How old a finding may be, in seconds: targets change under the same version (quotas, settings of an account).
const OLDEST: u64 = 7 * 24 * 60 * 60;

/// Why findings could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("findings are not kept for the next time: {path}: {error}", path = .path.display())]
pub struct Unkept {
    path: PathBuf,
    error: std::io::Error,
}

/// Where the findings of a target are kept. What reaches it otherwise may find other things.
pub fn file(folder: &Path, target: &str, version: &str, settings: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' }).collect()
    };
    let digest: String = Sha256::digest(settings).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    folder.join(format!("{}-{}-{digest}.json", plain(target), plain(version)))
}

/// The kept findings with their age, where they are of the same Regions. A file that holds none is as good as no file: what
/// it should say is found out anew, and written over it.
pub fn read(path: &Path, regions: &[Region], now: Timestamp) -> Option<Survey> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut survey: Survey = serde_json::from_str(&text).ok()?;
    if survey.regions != regions {
        return None;
    }
    for finding in &mut survey.findings {
        finding.age_s = Timestamp::parse_rfc3339(&finding.at).map(|at| now.since(at).as_secs());
    }
    // What an earlier survey could not remove is that survey's to say.
    survey.left_behind.clear();
    Some(survey)
}

/// Whether a kept finding says anything today.
pub fn counts(finding: &Finding) -> bool {
    finding.standing != Standing::Unknown && finding.age_s.is_some_and(|age| age <= OLDEST)
}

/// Old findings with newer ones over them.
pub fn merge(old: Option<Survey>, mut new: Survey) -> Survey {
    let older = old.into_iter().flat_map(|old| old.findings);
    let older: Vec<_> = older.filter(|finding| new.finding(finding.capability).is_none()).collect();
    new.findings.extend(older);
    new.findings.sort_by_key(|finding| finding.capability);
    new
}

pub fn write(path: &Path, survey: &Survey) -> Result<(), Unkept> {
    let failed = |error| Unkept { path: path.to_owned(), error };
    let mut kept = survey.clone();
    kept.findings.iter_mut().for_each(|finding| finding.age_s = None);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let text = serde_json::to_string_pretty(&kept).map_err(|error| failed(error.into()))?;
    std::fs::write(path, text + "\n").map_err(failed)
}
