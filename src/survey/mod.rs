//! What a target can do, found out by doing it: each probe writes, reads, waits and sees, with things of its own.
//!
//! ```text
//! capability ─→ chains of probes, one file a noun ─→ bench.rs (names, deadlines, what must be undone) ─→ Finding
//!                                                                                     cache.rs keeps them by version
//! ```
//!
//! `miss.rs` says how a probe can come to nothing: absent, a lie, or unknown. Chains run beside each other on the
//! target's clock; what needs another chain's things comes after it, and faults come last, one after another, because
//! they break what the others look at. Everything made here carries [`bench::TAG`] and is taken away at the end; what
//! could not be is said. Nothing here knows a scenario, and nothing is judged.

mod alarms;
mod apis;
mod bench;
mod buckets;
mod cache;
mod checks;
mod experiments;
mod faults;
mod functions;
mod identity;
mod keys;
mod logs;
mod metrics;
mod miss;
mod names;
mod needs;
mod package;
mod secrets;
mod stacks;
mod tables;
mod tags;
mod templates;
#[cfg(test)]
mod tests;
mod topics;

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};

use crate::capability::{Capability, Finding, Standing, Survey};
use crate::history::{Event, Recorder};
use crate::target::Target;
use bench::Bench;
pub use bench::TAG;
pub use cache::CacheError;

/// Where findings are kept, and whether old ones count.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The folder of `<target>-<version>.json`.
    pub folder: &'a Path,
    /// Probe anew whatever is known.
    pub fresh: bool,
}

/// What is known of the target, probing what is not: findings of the same target, version and Regions are kept in a
/// file. `None` probes everything anew and keeps nothing; so does the embedded twin, which is cheap.
pub async fn known(
    target: &dyn Target,
    only: Option<&[Capability]>,
    kept: Option<Kept<'_>>,
) -> Result<Survey, CacheError> {
    let version = target.version().await;
    let Some(kept) = kept.filter(|_| target.name() != "embedded") else {
        return Ok(survey(target, &version, only).await);
    };
    let file = cache::file(kept.folder, target.name(), &version);
    let asked = only.unwrap_or(Capability::ALL);
    let now = target.clock().now();
    let mut all = if kept.fresh { None } else { cache::read(&file, target.regions(), now)? };
    let has =
        |all: &Survey, capability| all.finding(capability).is_some_and(|found| found.standing != Standing::Unknown);
    let missing: Vec<Capability> =
        asked.iter().copied().filter(|capability| !all.as_ref().is_some_and(|all| has(all, *capability))).collect();
    if !missing.is_empty() {
        let new = survey(target, &version, Some(&missing)).await;
        all = Some(cache::merge(all, new));
    }
    let mut all = all.unwrap_or_else(|| Survey {
        target: target.name().to_owned(),
        version,
        regions: target.regions().to_vec(),
        findings: Vec::new(),
        left_behind: Vec::new(),
    });
    cache::write(&file, &all)?;
    all.findings.retain(|finding| asked.contains(&finding.capability));
    Ok(all)
}

/// Writes into a run's history what was found out.
pub fn record(survey: &Survey, recorder: &Recorder) {
    for Finding { capability, standing, evidence, .. } in survey.findings.clone() {
        recorder.record(Event::Capability { capability, standing, evidence });
    }
}

/// Probes these capabilities, or all of them. What others need is probed with them, and not reported.
pub async fn survey(target: &dyn Target, version: &str, only: Option<&[Capability]>) -> Survey {
    let emulator = matches!(target.name(), "localstack" | "endpoint");
    bench::hasty(emulator, probe(target, version, only)).await
}

async fn probe(target: &dyn Target, version: &str, only: Option<&[Capability]>) -> Survey {
    let asked = only.unwrap_or(Capability::ALL);
    let bench = Bench::new(target, needs::closure(asked));
    let beside: Vec<LocalBoxFuture<'_, ()>> = vec![
        identity::probe(&bench).boxed_local(),
        keys::probe(&bench).boxed_local(),
        templates::probe(&bench).boxed_local(),
        tables::probe(&bench).boxed_local(),
        buckets::probe(&bench).boxed_local(),
        secrets::probe(&bench).boxed_local(),
        functions::probe(&bench).boxed_local(),
        alarms::probe(&bench).boxed_local(),
        logs::probe(&bench).boxed_local(),
        topics::probe(&bench).boxed_local(),
        names::probe(&bench).boxed_local(),
        experiments::probe(&bench).boxed_local(),
        tags::probe(&bench).boxed_local(),
    ];
    join_all(beside).await;
    let after: Vec<LocalBoxFuture<'_, ()>> = vec![
        templates::probe_replicas(&bench).boxed_local(),
        apis::probe(&bench).boxed_local(),
        alarms::probe_actions(&bench).boxed_local(),
        secrets::probe_rotation(&bench).boxed_local(),
    ];
    join_all(after).await;
    checks::probe(&bench).await;
    faults::probe(&bench).await;
    let left_behind = bench.clear().await;
    let mut findings = bench.findings();
    findings.retain(|finding| asked.contains(&finding.capability));
    Survey {
        target: target.name().to_owned(),
        version: version.to_owned(),
        regions: target.regions().to_vec(),
        findings,
        left_behind,
    }
}
