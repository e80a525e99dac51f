//! The folder of runs: a folder for each, and `latest`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::Stop;
use crate::scenario::{Plan, Reached};

pub const PLAN: &str = "plan.json";
pub const HISTORY: &str = "history.jsonl";
pub const VERDICT: &str = "verdict.json";
pub const REPORT: &str = "report.md";
const LATEST: &str = "latest";

/// The same plan has the same id, wherever its file lies: on the embedded target that is the same run.
pub fn run_id(plan: &Plan) -> String {
    let mut what = plan.clone();
    what.source = None;
    what.target.stack = PathBuf::new();
    what.target.reached = Reached::default();
    let digest = Sha256::digest(serde_json::to_vec(&what).unwrap_or_default());
    let short: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{short}", plan.scenario, plan.seed)
}

/// Makes the folder of a run. A run of the same id stays: the new one gets a number.
pub fn create(out: &Path, run_id: &str) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    for number in 1..=u32::MAX {
        let name = if number == 1 { run_id.to_owned() } else { format!("{run_id}.{number}") };
        let folder = out.join(name);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make the folder {}", folder.display())),
        }
    }
    anyhow::bail!("{} is full", out.display())
}

/// Points `latest` at a run.
pub fn point_latest(out: &Path, folder: &Path) -> anyhow::Result<()> {
    let link = out.join(LATEST);
    let Some(name) = folder.file_name() else { return Ok(()) };
    if link.is_symlink() {
        std::fs::remove_file(&link).with_context(|| format!("cannot replace {}", link.display()))?;
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(name, &link).with_context(|| format!("cannot make {}", link.display()))?;
    #[cfg(not(unix))]
    std::fs::write(&link, name.as_encoded_bytes()).with_context(|| format!("cannot make {}", link.display()))?;
    Ok(())
}

/// The folder that `latest` points at.
pub fn latest(out: &Path) -> Option<PathBuf> {
    let link = out.join(LATEST);
    let name = if link.is_symlink() {
        std::fs::read_link(&link).ok()?
    } else {
        PathBuf::from(std::fs::read_to_string(&link).ok()?)
    };
    Some(out.join(name))
}

/// Whether the history of a run holds nothing.
pub fn saw_nothing(folder: &Path) -> bool {
    std::fs::metadata(folder.join(HISTORY)).is_ok_and(|history| history.len() == 0)
}

/// Takes away the folder of a run that did nothing, and points `latest` at the one before it again.
pub fn discard(out: &Path, folder: &Path, before: Option<&Path>) -> anyhow::Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    match before {
        Some(before) => point_latest(out, before),
        None => {
            let link = out.join(LATEST);
            std::fs::remove_file(&link).with_context(|| format!("cannot remove {}", link.display()))
        }
    }
}

/// Finds a run by its folder, or by its name in the folder of runs.
pub fn find(out: &Path, run: &Path) -> Result<PathBuf, Stop> {
    for folder in [run.to_owned(), out.join(run)] {
        if folder.join(PLAN).is_file() {
            return Ok(folder);
        }
    }
    let known = std::fs::read_dir(out).into_iter().flatten().flatten();
    let mut known: Vec<String> = known
        .filter(|entry| entry.path().join(PLAN).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    let hint = if known.is_empty() { "there is none".to_owned() } else { format!("there are: {}", known.join(", ")) };
    Err(Stop::Usage(anyhow::anyhow!("no run {} here or in {}: {hint}", run.display(), out.display())))
}

pub fn write(folder: &Path, file: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(file);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
