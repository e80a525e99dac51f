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

use crate::capability::{Capability, Finding, Survey};
use crate::history::{Event, Recorder};
use crate::target::Target;
use bench::Bench;
pub use bench::{Promises, TAG};

/// How a survey is made.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// `None` for everything.
    pub only: Option<&'a [Capability]>,
    /// `None` probes everything anew and keeps nothing.
    pub kept: Option<Kept<'a>>,
    /// Is told each finding as it is made, those too that only others need.
    pub told: &'a dyn Fn(&Finding),
    /// What is to be taken away where the survey is dropped half-way.
    pub promises: &'a Promises,
}

/// Where findings are kept, and whether old ones count.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The folder of `<target>-<version>.json`.
    pub folder: &'a Path,
    /// Probe anew whatever is known.
    pub fresh: bool,
}

/// What is known of the target, probing what is not. Findings of the same target, version, settings and Regions are kept
/// for a week; the embedded twin's are not, as it is cheap.
pub async fn known(target: &dyn Target, how: &How<'_>) -> Survey {
    let version = target.version().await;
    let Some(kept) = how.kept.filter(|_| target.name() != "embedded") else {
        return survey(target, &version, how).await;
    };
    let file = cache::file(kept.folder, target.name(), &version, &target.settings());
    let asked = how.only.unwrap_or(Capability::ALL);
    let old = cache::read(&file, target.regions(), target.clock().now());
    let has = |capability| {
        let found = old.as_ref().and_then(|old| old.finding(capability));
        !kept.fresh && found.is_some_and(cache::counts)
    };
    let missing: Vec<Capability> = asked.iter().copied().filter(|capability| !has(*capability)).collect();
    let mut unkept = None;
    let mut all = if missing.is_empty() {
        old.unwrap_or_else(|| Survey::none(target.name(), &version, target.regions()))
    } else {
        let new = survey(target, &version, &How { only: Some(&missing), ..*how }).await;
        let all = cache::merge(old, new);
        unkept = cache::write(&file, &all).err().map(|why| why.to_string());
        all
    };
    all.findings.retain(|finding| asked.contains(&finding.capability));
    all.unkept = unkept;
    all
}

/// Writes into a run's history what was found out.
pub fn record(survey: &Survey, recorder: &Recorder) {
    for Finding { capability, standing, evidence, .. } in survey.findings.clone() {
        recorder.record(Event::Capability { capability, standing, evidence });
    }
}

/// Probes these capabilities, or all of them. What others need is probed with them, and not reported.
pub async fn survey(target: &dyn Target, version: &str, how: &How<'_>) -> Survey {
    bench::hasty(target.is_emulator(), probe(target, version, how)).await
}

async fn probe(target: &dyn Target, version: &str, how: &How<'_>) -> Survey {
    let asked = how.only.unwrap_or(Capability::ALL);
    let bench = Bench::new(target, needs::closure(asked), how.promises.clone(), how.told);
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
    Survey { findings, left_behind, ..Survey::none(target.name(), version, target.regions()) }
}
