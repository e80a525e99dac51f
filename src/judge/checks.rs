//! What health checks said, worked out from what their checkers said last.

use std::time::Duration;

use super::evidence::{Evidence, Us};
use crate::history::{CheckFound, RecordSeen};
use crate::region::Region;

/// An endpoint is healthy while more than this share of its checkers says so, in percent (developer guide, "How Amazon
/// Route 53 determines whether a health check is healthy").
const QUORUM: u32 = 18;
/// Calculated checks may count calculated checks.
const DEPTH: u32 = 8;
/// A checker's connection may take 4 s and the answer 2 s more (same page).
pub const TIMEOUT: Duration = Duration::from_secs(6);
/// As Route 53 sets them where nobody does (API reference, HealthCheckConfig).
const INTERVAL: u32 = 30;
const THRESHOLD: u32 = 3;

/// The health checks followed by the records that lead to a Region, as last listed at a moment; `None` where the records
/// were not listed until then.
pub fn followed(evidence: &Evidence, region: Region, at: Us) -> Option<Vec<String>> {
    let listed = evidence.records.iter().rfind(|listed| listed.seen <= at)?;
    let leads = |set: &&RecordSeen| set.leads_to == Some(region);
    Some(listed.sets.iter().filter(leads).filter_map(|set| set.health_check.clone()).collect())
}

/// When a check was first seen healthy, or unhealthy, from a moment until another.
pub fn first_seen(evidence: &Evidence, check: &str, healthy: bool, from: Us, to: Us) -> Option<Us> {
    let looks = evidence.checkers.iter().map(|look| look.seen).filter(|seen| (from..to).contains(seen));
    looks.into_iter().find(|seen| is_healthy(evidence, check, *seen, DEPTH) == Some(healthy))
}

/// The words of a checker that failed, of this check or one that it counts.
pub fn words<'a>(evidence: &'a Evidence, check: &str, at: Us) -> Option<&'a str> {
    let leaves = leaves(evidence, check, DEPTH);
    let looks = evidence.checkers.iter().filter(|look| look.seen <= at && leaves.contains(&look.check));
    looks.rev().find_map(|look| look.failure.as_deref())
}

/// The longest interval of the checks that ask an endpoint, and how many failures in a row turn a checker.
pub fn pace(evidence: &Evidence, check: &str) -> (Duration, u32) {
    let leaves = leaves(evidence, check, DEPTH);
    let found = evidence.checks.iter().filter(|found| leaves.contains(&found.id));
    let asks: Vec<&CheckFound> = found.filter(|found| found.interval_s.is_some()).collect();
    let interval = asks.iter().filter_map(|found| found.interval_s).max().unwrap_or(INTERVAL);
    let threshold = asks.iter().filter_map(|found| found.failure_threshold).max().unwrap_or(THRESHOLD);
    (Duration::from_secs(interval.into()), threshold)
}

/// Whether a check, or one that it counts, follows an alarm's metric.
pub fn follows_alarm(evidence: &Evidence, check: &str) -> bool {
    let leaves = leaves(evidence, check, DEPTH);
    evidence.checks.iter().any(|found| leaves.contains(&found.id) && found.kind == "CLOUDWATCH_METRIC")
}

fn found<'a>(evidence: &'a Evidence, check: &str) -> Option<&'a CheckFound> {
    evidence.checks.iter().find(|found| found.id == check)
}

fn leaves(evidence: &Evidence, check: &str, depth: u32) -> Vec<String> {
    match found(evidence, check) {
        Some(calculated) if !calculated.children.is_empty() && depth > 0 => {
            calculated.children.iter().flat_map(|child| leaves(evidence, child, depth - 1)).collect()
        }
        _ => vec![check.to_owned()],
    }
}

/// As its checkers last reported: what a check says can lag behind by the failures in a row that turn a checker.
fn is_healthy(evidence: &Evidence, check: &str, at: Us, depth: u32) -> Option<bool> {
    let found = found(evidence, check);
    let inverted = found.is_some_and(|found| found.inverted);
    let says = match found {
        Some(found) if found.disabled => Some(true),
        Some(found) if !found.children.is_empty() => {
            let depth = depth.checked_sub(1)?;
            let children = found.children.iter().map(|child| is_healthy(evidence, child, at, depth));
            let healthy = children.collect::<Option<Vec<bool>>>()?.into_iter().filter(|healthy| *healthy).count();
            Some(healthy >= usize::try_from(found.healthy_at_least.unwrap_or(0)).unwrap_or(usize::MAX))
        }
        _ => {
            let look = evidence.checkers.iter().rfind(|look| look.seen <= at && look.check == check)?;
            (look.checkers > 0).then(|| look.healthy * 100 > look.checkers * QUORUM)
        }
    };
    says.map(|healthy| healthy != inverted)
}
