//! What is said of a canary: the same cells on a terminal and in Markdown.

use super::figures::{clock, count, percent, span};
use crate::judge::canary::{ArmSeen, CanarySeen, Finding, Measure, MetricSeen, StepSeen, name};
use crate::scenario::Decision;

/// One sentence for the first line of a report.
pub fn headline(seen: &CanarySeen) -> String {
    let what = match seen.decision {
        Some(Decision::Promoted) => "the canary was promoted".to_owned(),
        Some(Decision::RolledBack) => "the canary was rolled back".to_owned(),
        Some(Decision::Held) => "the canary still holds".to_owned(),
        Some(Decision::Conflict) => "the canary met a change that was not its own, and left it".to_owned(),
        Some(Decision::Failed) => "the canary failed".to_owned(),
        None => "the canary came to no end".to_owned(),
    };
    format!("{what}; {} of its {} requests failed", count(seen.failed), count(seen.requests))
}

/// What is said below the steps.
pub fn sentences(seen: &CanarySeen) -> Vec<String> {
    let decision = seen.decision.map_or("no decision", Decision::as_str);
    let mut said = vec![format!("{decision}: {}", seen.reason)];
    if let Some(exposed) = seen.exposed {
        said.push(format!(
            "the canary served {} requests, {} of all while it lasted; {} of them failed, and {} in its Regions failed \
             without a version that answered",
            count(seen.requests),
            percent(Some(exposed)),
            count(seen.failed),
            count(seen.unattributed)
        ));
    }
    if let Some((at, took)) = seen.evidence_at_ms.zip(seen.rolled_back_after_ms()) {
        said.push(format!("back as before {} after the first evidence at {}", span(took), clock(at)));
    }
    let short: Vec<&str> = seen.needs.iter().filter(|need| !need.enough).map(|need| need.what.as_str()).collect();
    if let Some(first) = short.first() {
        let more = short.len() - 1;
        let more = if more > 0 { format!(" (and {more} more like it in verdict.json)") } else { String::new() };
        said.push(format!("known before the start: {first}{more}"));
    }
    said
}

pub const STEP: [&str; 8] = ["step", "share", "began", "lasted", "canary", "control", "no version", "advice"];

pub fn step(seen: &StepSeen) -> [String; 8] {
    [
        seen.step.to_string(),
        percent(Some(seen.share)),
        clock(seen.began_at_ms),
        span(seen.lasted_ms),
        count(seen.canary),
        count(seen.control),
        count(seen.unattributed),
        seen.advice.as_str().to_owned(),
    ]
}

pub const METRIC: [&str; 6] = ["finding", "metric", "canary", "control", "effect", "p"];

/// The metrics that matter: those a step waits for, and those that are worse.
pub fn metrics(seen: &StepSeen) -> impl Iterator<Item = [String; 6]> {
    let matter = seen.metrics.iter().filter(|metric| metric.required || metric.finding == Finding::Worse);
    matter.map(|metric| {
        let concurrent =
            if metric.concurrent || metric.metric == Measure::Unattributed { "" } else { ", not concurrent" };
        [
            metric.finding.as_str().to_owned(),
            format!("{}{concurrent}", name(metric)),
            arm(metric.metric, metric.canary),
            arm(metric.metric, metric.control),
            effect(metric),
            metric.p.map_or("-".to_owned(), chance),
        ]
    })
}

fn arm(metric: Measure, arm: ArmSeen) -> String {
    match (metric, arm.value) {
        (_, None) => "-".to_owned(),
        (Measure::Latency, Some(ms)) => format!("{ms:.1}ms"),
        (_, share) => percent(share),
    }
}

/// `+1.2 pt`; of latency `53.1%`: in how many of all pairs the canary's is the slower one.
fn effect(seen: &MetricSeen) -> String {
    match (seen.metric, seen.effect) {
        (_, None) => "-".to_owned(),
        (Measure::Latency, Some(percent)) => format!("{percent:.1}%"),
        (_, Some(points)) => format!("{points:+.2}pt"),
    }
}

fn chance(p: f64) -> String {
    if p >= 0.001 { format!("{p:.3}") } else { format!("{p:.0e}") }
}
