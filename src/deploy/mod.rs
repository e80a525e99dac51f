//! Deploying the stack: packages up, change sets through, outputs back; and taking all of it away again. The same calls
//! on every target.
//!
//! ```text
//! StackDirectory ─→ up.rs ─→ package.rs, stacks.rs ─→ Deployment ─→ down.rs ─→ remove.rs (one stack), buckets.rs, zones.rs
//! blackstart.yaml ─→ adopted.rs ─────────────────────┘              orphans.rs (what earlier runs left)
//! an account ─→ draft/ ─→ blackstart.yaml
//! ```
//!
//! In: a [`StackDirectory`] and a [`Target`](crate::target::Target). Out: a [`Deployment`], whose outputs by role are all
//! the rest of the harness knows of where things are. Nothing here breaks, measures or judges.

mod adopted;
mod buckets;
mod deployment;
mod down;
mod draft;
mod layout;
mod orphans;
mod package;
mod remove;
mod secrets;
mod stacks;
mod tables;
mod up;
mod zones;

use std::path::PathBuf;
use std::time::Duration;

pub use adopted::{ROLES, adopt};
pub use buckets::put;
pub use deployment::{Deployment, LeftOut, Standing, project, standing};
pub use down::down;
pub use draft::{Draft, Guess, draft};
pub use layout::{Layout, Parameters, Regions, Source, StackDirectory, Step, Value};
pub use orphans::{Orphan, OrphanKind, Orphans, PROBE_PREFIX, orphans, remove_orphans};
pub use up::{OnFailure, Options, missing_package, nothing_stands, override_parameters, up, update};

use crate::clock::Timestamp;
use crate::region::Region;
use crate::target::{Target, TargetError};

/// The tag of every stack and artifact bucket: which run made it.
pub const RUN_TAG: &str = "blackstart:run";
/// Its value where no run did, but somebody with `blackstart up`.
pub const BY_HAND: &str = "by-hand";

/// What went wrong on the way up or down.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{}: {message}", path.display())]
    Layout { path: PathBuf, message: String },
    #[error("{}: {message}", path.display())]
    Template { path: PathBuf, message: String },
    #[error("zipping {}: {error}", path.display())]
    Zip { path: PathBuf, error: zip::result::ZipError },
    #[error(
        "{} is missing: build it with `cargo lambda build --release --arm64 --package {name}`, or with \
         `cargo build --release --target aarch64-unknown-linux-musl --package {name}` and copy \
         target/aarch64-unknown-linux-musl/release/{name} there as `bootstrap`; for an emulator on this machine \
         `cargo build --release --package {name}` and copy target/release/{name} (stack/functions/README.md)",
        path.display()
    )]
    NoPackage { path: PathBuf, name: String },
    #[error(
        "stack {stack} stands in {region} already ({status}{}): a run would change it, and take it down at its end. blackstart \
         down takes it down now; parameters: {{ Environment: another }} in the scenario gives the run stacks of its own; adopted: \
         in blackstart.yaml uses what stands",
        .run.as_ref().map_or_else(String::new, |run| format!(", of run {run}"))
    )]
    Stands { stack: String, region: Region, status: String, run: Option<String> },
    #[error("stack {stack} in {region}: {what}")]
    Stack { stack: String, region: Region, what: String },
    #[error("hosted zone {zone}: {what}")]
    Zone { zone: String, what: String },
    #[error("bucket {bucket} in {region}: {what}")]
    Bucket { bucket: String, region: Region, what: String },
    #[error("{}: {what}", path.display())]
    NoOutput { path: PathBuf, what: String },
    #[error("parameter {name:?} is none of the stack's{}", nearest(.known, .name))]
    UnknownParameter { name: String, known: Vec<String> },
    #[error("role {role:?} of the adopted stack: {what}")]
    Adopted { role: String, what: String },
    #[error("{} left behind:{}", things(.0.len()), listed(.0))]
    LeftBehind(Vec<LeftBehind>),
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// Something that could not be taken away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in {region}: {why}; {way_out}")]
pub struct LeftBehind {
    /// `stack blackstart-gameday-data`, `table orders`.
    pub what: String,
    pub region: Region,
    pub why: String,
    /// What somebody can do about it.
    pub way_out: String,
}

fn nearest(known: &[String], name: &str) -> String {
    let score = |known: &str| strsim::jaro_winkler(known, name);
    let best = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    best.map_or_else(String::new, |best| format!(", did you mean {best:?}?"))
}

fn things(count: usize) -> String {
    if count == 1 { "1 thing was".to_owned() } else { format!("{count} things were") }
}

fn listed(left: &[LeftBehind]) -> String {
    left.iter().map(|left| format!("\n  {left}")).collect()
}

/// A stack that reached a status.
#[derive(Clone, Debug)]
pub struct Progress {
    pub stack: String,
    pub region: Region,
    /// DEPLOYED, UPDATED, LEFT-OUT, DELETED, LEFT-BEHIND or LEFT-ALONE.
    pub status: &'static str,
    pub took_ms: u64,
    /// Why it was left out, behind or alone.
    pub why: Option<String>,
}

impl Progress {
    fn since(begun: Timestamp, target: &dyn Target, stack: String, region: Region, status: &'static str) -> Self {
        let took_ms = u64::try_from(target.clock().now().since(begun).as_millis()).unwrap_or(u64::MAX);
        Self { stack, region, status, took_ms, why: None }
    }

    fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }
}

/// How often a stack is looked at, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub interval: Duration,
    pub deadline: Duration,
}

impl Default for Patience {
    /// Where a stack takes the time it takes.
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), deadline: Duration::from_secs(60 * 60) }
    }
}

impl Patience {
    /// For an emulator, which does in seconds what it does at all.
    pub const fn of_an_emulator(within: Duration) -> Self {
        Self { interval: Duration::from_secs(1), deadline: within }
    }
}
