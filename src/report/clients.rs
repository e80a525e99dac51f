//! Kinds of clients and splits in words and cells, for the terminal and for Markdown.

use std::collections::BTreeSet;

use super::figures::{clock, count, span};
use crate::judge::{Back, ClientsSeen, Interval, ShareSeen, SplitSeen, Verdict};
use crate::scenario::Behaviour;

pub const HEAD: [&str; 9] =
    ["population", "behaviour", "clients", "sent", "failed", "retried", "back after", "bound", "last there"];
pub const SPLIT: [&str; 6] = ["Region", "record", "weight", "declared", "of answers", "of requests"];

/// Whether clients behave in more than one way.
pub fn are_mixed(verdict: &Verdict) -> bool {
    kinds(verdict) > 1
}

/// How many kinds of clients there are.
pub fn kinds(verdict: &Verdict) -> usize {
    behaviours(verdict, |_| true).len()
}

/// Whether kinds of clients came back before the heal, where others did not.
pub fn some_were_back(verdict: &Verdict) -> bool {
    let not = not_back(verdict);
    !not.is_empty() && behaviours(verdict, |seen| seen.back == Back::Back).iter().any(|back| !not.contains(back))
}

/// The kinds that did not come back before the heal, in whatever population.
pub fn not_back(verdict: &Verdict) -> BTreeSet<Behaviour> {
    behaviours(verdict, |seen| seen.back == Back::NotBack)
}

fn behaviours(verdict: &Verdict, chosen: impl Fn(&ClientsSeen) -> bool) -> BTreeSet<Behaviour> {
    verdict.clients.iter().filter(|seen| chosen(seen)).map(|seen| seen.behaviour).collect()
}

pub fn row(seen: &ClientsSeen) -> [String; 9] {
    let back = match (seen.back, seen.rto_ms) {
        (Back::NeverAway, _) => "never away".to_owned(),
        (Back::Back, Some(rto)) => span(rto),
        (Back::NotBack, _) => "not back".to_owned(),
        (Back::Back | Back::Unknown, _) => "unknown".to_owned(),
    };
    [
        seen.population.clone(),
        seen.behaviour.as_str().to_owned(),
        count(seen.clients.into()),
        count(seen.sent),
        count(seen.failed),
        count(seen.retried),
        back,
        seen.bound_ms.map_or("none".to_owned(), span),
        seen.last_to_lost_ms.map_or("-".to_owned(), span),
    ]
}

/// Why some have no bound, and what retries did beside helping.
pub fn notes(verdict: &Verdict) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for seen in verdict.clients.iter().filter(|seen| seen.bound_ms.is_none() && !seen.bound.is_empty()) {
        let note = format!("bound of {}: {}", seen.behaviour.as_str(), seen.bound);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let (retried, repeated) = verdict.clients.iter().fold((0, 0), |(retried, repeated), seen| {
        (retried + seen.attempts.saturating_sub(seen.sent), repeated + seen.repeated)
    });
    if retried > 0 {
        notes.push(format!(
            "retries sent {} requests more than users asked for; {} requests that are not idempotent may have happened twice",
            count(retried),
            count(repeated)
        ));
    }
    notes
}

/// What the traffic generator was to send, and sent: one sentence for all.
pub fn rates(verdict: &Verdict) -> Vec<String> {
    let rate = |(name, seen): (&String, &crate::judge::PopulationSeen)| {
        let sent = seen.achieved_per_s?;
        Some(format!("{name} {sent} of {}/s", seen.planned_per_s))
    };
    let rates: Vec<String> = verdict.requests.by_population.iter().filter_map(rate).collect();
    if rates.is_empty() { Vec::new() } else { vec![format!("open loop, sent of planned: {}", rates.join(", "))] }
}

/// Where and when, as the line above the shares.
pub fn split(split: &SplitSeen) -> String {
    format!(
        "{}, {} to {}: {} answers, {} requests; {} answers before left out",
        split.population,
        clock(split.from_ms),
        clock(split.until_ms),
        count(split.answers),
        count(split.requests),
        count(split.left_out)
    )
}

pub fn share(share: &ShareSeen) -> [String; 6] {
    let interval = |seen: Option<Interval>| {
        seen.map_or("-".to_owned(), |seen| format!("{:.1}% ({:.1} to {:.1})", seen.share, seen.low, seen.high))
    };
    [
        share.region.to_string(),
        share.id.clone(),
        share.weight.to_string(),
        format!("{:.1}%", share.declared),
        interval(share.by_answers),
        interval(share.by_requests),
    ]
}
