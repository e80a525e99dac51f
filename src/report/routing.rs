//! Who moved the traffic, how often answers moved, and what guarding costs, in sentences.

use super::figures::{count, span};
use crate::judge::{Cost, CostLine, Failover, MovedBy, OutageSeen, Verdict};

/// Empty where the history tells nothing of it.
pub fn sentences(verdict: &Verdict) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(moved) = verdict.failover.as_ref().filter(|failover| failover.effect_at_ms.is_some()) {
        said.extend(moved_by(moved).map(|by| format!("Traffic was moved by {by}.")));
    }
    // The first one has a table of its own.
    if verdict.outages.len() > 1 {
        said.extend(verdict.outages.iter().map(outage));
    }
    if !verdict.answers.is_empty() {
        let moves = verdict.answers.iter().map(|seen| format!("{} to {}", times(seen.moves), seen.from));
        said.push(format!("The authoritative answer changed {}.", moves.collect::<Vec<_>>().join(", ")));
    }
    said.extend(verdict.cost.as_ref().map(cost));
    said
}

/// Who it was, in words; `None` where nobody looked.
pub fn moved_by(failover: &Failover) -> Option<&'static str> {
    let at = |name: &str| failover.hops.iter().find(|hop| hop.name == name).and_then(|hop| hop.at_ms);
    Some(match failover.moved_by? {
        MovedBy::Lambda => "the function",
        MovedBy::HealthCheck => "health checks",
        MovedBy::Both if at("change-accepted") < at("answers-moved") => "function, checks",
        MovedBy::Both => "checks, function",
        MovedBy::Nobody => "nobody",
    })
}

/// `$6.05`.
pub fn dollars(usd: f64) -> String {
    format!("${usd:.2}")
}

fn outage(seen: &OutageSeen) -> String {
    let lost = seen.lost.map_or_else(String::new, |region| format!(" of {region}"));
    let fault = format!("{}{lost}", seen.fault);
    match (seen.effect_at_ms, seen.rto_ms) {
        (None, _) => format!("{fault}: {}.", seen.evidence),
        (Some(_), Some(rto)) => format!("{fault}: RTO {}.", span(rto)),
        (Some(_), None) => format!("{fault}: no RTO: {}.", seen.evidence),
    }
}

fn times(moves: u64) -> String {
    if moves == 1 { "once".to_owned() } else { format!("{} times", count(moves)) }
}

fn cost(cost: &Cost) -> String {
    if cost.lines.is_empty() {
        return "The stacks have no health checks and no alarms: guarding costs nothing.".to_owned();
    }
    let line = |line: &CostLine| format!("{}, {} {}, {}", line.what, line.count, line.unit, dollars(line.usd));
    let lines: Vec<String> = cost.lines.iter().map(line).collect();
    format!("Guarding costs {} a month: {} ({}).", dollars(cost.usd), lines.join("; "), cost.prices)
}
