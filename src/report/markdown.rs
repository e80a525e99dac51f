//! `report.md`: the same report for a pull request or a ticket.

use std::fmt::Write;

use super::figures::{allowed, clock, count, measured, percent, span};
use super::terminal::headline;
use super::{Report, canary, capabilities, clients, data, injections, routing};
use crate::judge::canary::CanarySeen;
use crate::judge::{HopSeen, Outcome, Verdict};

pub fn markdown(report: Report<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, report);
    text
}

fn write_all(text: &mut String, report: Report<'_>) -> std::fmt::Result {
    let verdict = report.verdict;
    writeln!(text, "# {}: {}\n", verdict.scenario, verdict.verdict)?;
    writeln!(text, "{}\n\n**{}.**\n", report.plan.description, headline(verdict))?;
    writeln!(text, "Target `{}`, seed `{}`.\n", verdict.target, verdict.seed)?;
    for missing in verdict.preflight.iter().filter(|seen| !seen.ok) {
        let place = missing.region.map_or(String::new(), |region| format!(" in {region}"));
        writeln!(text, "> Missing: {}{place}: {}\n", missing.check, missing.what)?;
    }
    for doubt in &verdict.doubts {
        writeln!(text, "> Doubt: {doubt}\n")?;
    }
    for trouble in &verdict.troubles {
        let (stage, times, first) = (&trouble.stage, trouble.times, &trouble.first);
        writeln!(text, "> Trouble in {stage}, {times} times since {}: {first}\n", clock(trouble.first_at_ms))?;
    }
    assertions(text, verdict)?;
    let left_out = capabilities::left_out(verdict);
    if !left_out.is_empty() {
        writeln!(text, "## Left out\n")?;
        list(text, &left_out)?;
    }
    let met = injections::sentences(verdict);
    if !met.is_empty() {
        writeln!(text, "## Injected\n")?;
        list(text, &met)?;
    }
    if let Some(failover) = &verdict.failover {
        let origin = failover.effect_at_ms.or(failover.injected_at_ms).unwrap_or(0);
        writeln!(text, "## Failover\n\nFelt at {} of the run.\n", clock(origin))?;
        hops(text, &failover.hops, origin)?;
        let rto = failover.rto_ms.map_or("none".to_owned(), span);
        writeln!(text, "RTO: **{rto}** ({}). Budget: {}.\n", failover.evidence, span(failover.budget_ms))?;
    }
    if let Some(failback) = verdict.failback.as_ref().filter(|failback| !failback.hops.is_empty()) {
        let origin = failback.healed_at_ms.unwrap_or(0);
        writeln!(text, "## Failback\n\nHealed at {} of the run.\n", clock(origin))?;
        hops(text, &failback.hops, origin)?;
        let took = failback.took_ms.map_or("not seen".to_owned(), span);
        writeln!(text, "Home after: **{took}** ({}). Budget: {}.\n", failback.evidence, span(failback.budget_ms))?;
    }
    let said = routing::sentences(verdict);
    if !said.is_empty() {
        writeln!(text, "## Routing\n")?;
        list(text, &said)?;
    }
    if let Some(seen) = &verdict.canary {
        canary_section(text, seen)?;
    }
    data_sections(text, verdict)?;
    requests(text, verdict)?;
    kinds(text, verdict)?;
    splits(text, verdict)?;
    writeln!(text, "## What this proves\n\n{}\n", verdict.proves)?;
    let time = if verdict.target == "embedded" { "Simulated" } else { "Took" };
    writeln!(text, "{time} {}. Replay: `{}`", span(verdict.simulated_ms), report.replay())
}

fn assertions(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    writeln!(text, "| assertion | verdict | measured | bound | evidence |\n|---|---|--:|--:|---|")?;
    for judged in &verdict.assertions {
        let (measured, bound) = (measured(judged), allowed(judged));
        let word = match judged.verdict {
            Outcome::Pass => "pass",
            Outcome::Fail => "**fail**",
            Outcome::Inconclusive => "*inconclusive*",
        };
        writeln!(text, "| {} | {word} | {measured} | {bound} | {} |", judged.id, cell(&judged.evidence))?;
    }
    writeln!(text)
}

fn hops(text: &mut String, hops: &[HopSeen], origin: u64) -> std::fmt::Result {
    writeln!(text, "| hop | at | took | budget | seen |\n|---|--:|--:|--:|---|")?;
    for hop in hops {
        let at = hop.at_ms.map_or("-".to_owned(), |at| format!("+{}", span(at.saturating_sub(origin))));
        let took = hop.took_ms.map_or("-".to_owned(), span);
        let took = if hop.is_late() { format!("**{took}**") } else { took };
        writeln!(text, "| {} | {at} | {took} | {} | {} |", hop.name, span(hop.budget_ms), cell(&hop.evidence))?;
    }
    writeln!(text)
}

fn canary_section(text: &mut String, seen: &CanarySeen) -> std::fmt::Result {
    writeln!(text, "## Canary\n\n| {} | why |\n|--:|--:|--:|--:|--:|--:|--:|---|---|", canary::STEP.join(" | "))?;
    for step in &seen.steps {
        writeln!(text, "| {} | {} |", canary::step(step).join(" | "), cell(&step.reason))?;
    }
    writeln!(text)?;
    list(text, &canary::sentences(seen))?;
    writeln!(text, "| step | {} |\n|--:|---|---|--:|--:|--:|--:|", canary::METRIC.join(" | "))?;
    for step in &seen.steps {
        for cells in canary::metrics(step) {
            writeln!(text, "| {} | {} |", step.step, cells.map(|text| cell(&text)).join(" | "))?;
        }
    }
    writeln!(text)
}

fn data_sections(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    let said = data::sentences(verdict);
    if !said.is_empty() {
        writeln!(text, "## Data\n")?;
    }
    if let Some(rpo) = &verdict.rpo {
        let classes = data::classes(rpo);
        let names: Vec<&str> = classes.iter().map(|(name, _)| *name).collect();
        let counts: Vec<String> = classes.iter().map(|(_, number)| count(*number)).collect();
        writeln!(text, "| {} |\n|{}\n| {} |\n", names.join(" | "), "--:|".repeat(names.len()), counts.join(" | "))?;
    }
    list(text, &said)?;
    let mut lags = data::lags(&verdict.replication).peekable();
    if lags.peek().is_some() {
        writeln!(text, "## Replication\n\n| store | from | to | samples | missing | p50 | p90 | p99 | worst |")?;
        writeln!(text, "|---|---|---|--:|--:|--:|--:|--:|--:|")?;
        for (store, lag) in lags {
            let store = lag.class.as_ref().map_or(store.to_owned(), |class| format!("{store} {class}"));
            let figures = [lag.p50_ms, lag.p90_ms, lag.p99_ms, lag.worst_ms];
            let figures = figures.map(|ms| ms.map_or("-".to_owned(), span)).join(" | ");
            let (samples, missing) = (count(lag.samples), count(lag.missing));
            writeln!(text, "| {store} | {} | {} | {samples} | {missing} | {figures} |", lag.from, lag.to)?;
        }
        writeln!(text)?;
    }
    let said = data::secrets(verdict);
    if !said.is_empty() {
        writeln!(text, "## Secrets\n")?;
    }
    list(text, &said)
}

fn list(text: &mut String, said: &[String]) -> std::fmt::Result {
    said.iter().try_for_each(|sentence| writeln!(text, "- {sentence}"))?;
    if said.is_empty() { Ok(()) } else { writeln!(text) }
}

fn requests(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    writeln!(text, "## Requests\n")?;
    writeln!(
        text,
        "| population | sent | failed | failed seconds | before | during | after | home before | home after |"
    )?;
    writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for (name, seen) in &verdict.requests.by_population {
        let shares = [seen.success_before, seen.success_during, seen.success_after, seen.home_before, seen.home_after];
        let shares = shares.map(percent).join(" | ");
        let (sent, failed) = (count(seen.sent), count(seen.failed));
        writeln!(text, "| {name} | {sent} | {failed} | {} | {shares} |", seen.failed_seconds)?;
    }
    writeln!(text)?;
    list(text, &clients::rates(verdict))
}

/// Each kind of client, where there is more than one.
fn kinds(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    if !clients::are_mixed(verdict) {
        return Ok(());
    }
    writeln!(text, "## Clients\n\n| {} | why |", clients::HEAD.join(" | "))?;
    writeln!(text, "|---|---|--:|--:|--:|--:|--:|--:|--:|---|")?;
    for seen in &verdict.clients {
        let why = format!("{}; bound: {}", seen.evidence, seen.bound);
        writeln!(text, "| {} | {} |", clients::row(seen).join(" | "), cell(&why))?;
    }
    writeln!(text)?;
    list(text, &clients::notes(verdict))
}

fn splits(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    for (index, split) in verdict.splits.iter().enumerate() {
        if index == 0 {
            writeln!(text, "## Split\n")?;
        }
        writeln!(text, "{}:\n\n| {} |\n|---|---|--:|--:|--:|--:|", clients::split(split), clients::SPLIT.join(" | "))?;
        split.shares.iter().try_for_each(|share| writeln!(text, "| {} |", clients::share(share).join(" | ")))?;
        writeln!(text)?;
    }
    Ok(())
}

/// Text that stays inside its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
