//! What an on-call engineer reads at three in the morning: what happened, when, and whether it was good enough.
//! At most 100 columns.

use std::fmt::Write;

use super::figures::{allowed, clock, count, measured, percent, span, wrap};
use super::{Paint, Report, canary, capabilities, clients, data, injections, routing};
use crate::judge::canary::CanarySeen;
use crate::judge::{Failback, Failover, HopSeen, Judgement, Outcome, Verdict};

const WIDTH: usize = 100;
const BAR: usize = 26;
/// The name of a canary's metric.
const METRIC: usize = 47;
/// The least time a row of bars spans, in milliseconds: a lone early hop must not look long.
const SCALE: u64 = 60_000;

pub fn terminal(report: Report<'_>, paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, report, paint);
    text
}

fn write_all(text: &mut String, report: Report<'_>, paint: Paint) -> std::fmt::Result {
    let verdict = report.verdict;
    head(text, report, paint)?;
    left_out(text, verdict, paint)?;
    let met = injections::sentences(verdict);
    if !met.is_empty() {
        writeln!(text, "\n{}", paint.bold("Injected"))?;
        sentences(text, &met)?;
    }
    if let Some(failover) = &verdict.failover {
        failover_table(text, failover, paint)?;
    }
    let felt = verdict.failover.as_ref().is_some_and(|failover| failover.effect_at_ms.is_some());
    if let Some(failback) = verdict.failback.as_ref().filter(|failback| felt && !failback.hops.is_empty()) {
        failback_table(text, failback, paint)?;
    }
    let said = routing::sentences(verdict);
    if !said.is_empty() {
        writeln!(text, "\n{}", paint.bold("Routing"))?;
        sentences(text, &said)?;
    }
    if let Some(seen) = &verdict.canary {
        canary_section(text, seen, paint)?;
    }
    data_sections(text, verdict, paint)?;
    assertions(text, &verdict.assertions, paint)?;
    populations(text, verdict, paint)?;
    kinds(text, verdict, paint)?;
    splits(text, verdict, paint)?;
    foot(text, report, paint)
}

fn head(text: &mut String, report: Report<'_>, paint: Paint) -> std::fmt::Result {
    let verdict = report.verdict;
    writeln!(text, "{} on {}, seed {}", paint.bold(&verdict.scenario), verdict.target, verdict.seed)?;
    for line in wrap(&report.plan.description, WIDTH - 2) {
        writeln!(text, "  {}", paint.dim(&line))?;
    }
    let word = verdict.verdict.as_str().to_uppercase();
    writeln!(text, "\n{}  {}", paint.outcome(verdict.verdict, &word), headline(verdict))?;
    for missing in verdict.preflight.iter().filter(|seen| !seen.ok) {
        let place = missing.region.map_or(String::new(), |region| format!(" in {region}"));
        for line in wrap(&format!("{}{place}: {}", missing.check, missing.what), WIDTH - 4) {
            writeln!(text, "  x {line}")?;
        }
    }
    for doubt in &verdict.doubts {
        for line in wrap(doubt, WIDTH - 4) {
            writeln!(text, "  ? {line}")?;
        }
    }
    for trouble in &verdict.troubles {
        let (stage, times, first) = (&trouble.stage, trouble.times, &trouble.first);
        let when = clock(trouble.first_at_ms);
        for line in wrap(&format!("{stage} in trouble, {times} times since {when}: {first}"), WIDTH - 4) {
            writeln!(text, "  ! {line}")?;
        }
    }
    Ok(())
}

/// What the target cannot do, and what that leaves open.
fn left_out(text: &mut String, verdict: &Verdict, paint: Paint) -> std::fmt::Result {
    let said = capabilities::left_out(verdict);
    if !said.is_empty() {
        writeln!(text, "\n{}", paint.bold("Left out"))?;
    }
    sentences(text, &said)
}

/// One sentence that says what happened to users, or where nothing could, to the data.
pub fn headline(verdict: &Verdict) -> String {
    let unfit = verdict.preflight.iter().filter(|seen| !seen.ok).count();
    if unfit > 0 {
        return format!("{unfit} of {} preflight checks failed", verdict.preflight.len());
    }
    let Some(failover) = &verdict.failover else {
        if let Some(seen) = &verdict.canary {
            return canary::headline(seen);
        }
        return data::headline(verdict).unwrap_or_else(|| "no fault that users could feel was injected".to_owned());
    };
    let lost = verdict.rpo.as_ref().map_or(0, |rpo| rpo.lost);
    let writes = if lost > 0 { format!("; {} acknowledged writes lost", count(lost)) } else { String::new() };
    let lost = failover.lost.map_or(failover.fault.clone(), |region| format!("losing {region}"));
    let failed = count(verdict.requests.failed);
    match failover.rto_ms {
        Some(rto) => format!("users got over {lost} in {}; {failed} requests failed", span(rto)),
        None if failover.effect_at_ms.is_some() && clients::some_were_back(verdict) => {
            let (not, all) = (clients::not_back(verdict).len(), clients::kinds(verdict));
            format!("{not} of {all} kinds of clients did not get over {lost} in time; {failed} requests failed{writes}")
        }
        None if failover.effect_at_ms.is_some() => {
            format!("users did not get over {lost} before it was healed; {failed} requests failed{writes}")
        }
        None => format!("{lost} was not seen to take effect"),
    }
}

fn failover_table(text: &mut String, failover: &Failover, paint: Paint) -> std::fmt::Result {
    let injected = failover.injected_at_ms.unwrap_or(0);
    let of = failover.lost.map_or_else(String::new, |region| format!(" of {region}"));
    write!(text, "\n{}  {}{of} at {}", paint.bold("Failover"), failover.fault, clock(injected))?;
    if let Some(effect) = failover.effect_at_ms {
        write!(text, ", felt after {}", span(effect.saturating_sub(injected)))?;
    }
    if let Some(healed) = failover.healed_at_ms {
        write!(text, ", healed after {}", span(healed.saturating_sub(injected)))?;
    }
    writeln!(text)?;
    // Where nobody felt it, there is no way to show.
    if let Some(effect) = failover.effect_at_ms {
        hops(text, &failover.hops, effect, &failover.evidence, paint)?;
    }
    match failover.rto_ms {
        Some(rto) => {
            let rto = paint.bold(&format!("RTO {}", span(rto)));
            writeln!(text, "  {rto}; the stack's own settings allow up to {}", span(failover.budget_ms))
        }
        None => reason(text, &paint.bad("no RTO"), &failover.evidence),
    }
}

fn failback_table(text: &mut String, failback: &Failback, paint: Paint) -> std::fmt::Result {
    let healed = failback.healed_at_ms.unwrap_or(0);
    writeln!(text, "\n{}  healed at {}", paint.bold("Failback"), clock(healed))?;
    hops(text, &failback.hops, healed, &failback.evidence, paint)?;
    match failback.took_ms {
        Some(took) => {
            let took = paint.bold(&format!("home after {}", span(took)));
            writeln!(text, "  {took}; the stack's own settings allow up to {}", span(failback.budget_ms))
        }
        None => reason(text, &paint.bad("not home"), &failback.evidence),
    }
}

fn reason(text: &mut String, what: &str, why: &str) -> std::fmt::Result {
    writeln!(text, "  {what}:")?;
    wrap(why, WIDTH - 4).iter().try_for_each(|line| writeln!(text, "    {line}"))
}

/// The hops with their offset from `origin`, and a bar from where each began to where it was seen. A reason that
/// is `said_below` is not said twice.
fn hops(text: &mut String, hops: &[HopSeen], origin: u64, said_below: &str, paint: Paint) -> std::fmt::Result {
    let name_width = hops.iter().map(|hop| hop.name.len()).max().unwrap_or(0);
    let end = hops.iter().filter_map(|hop| hop.at_ms).max().unwrap_or(origin).saturating_sub(origin).max(SCALE);
    writeln!(text, "{}", paint.dim(&format!("{:>9} {:>8} {:>8}  hop", "at", "took", "budget")))?;
    for hop in hops {
        let budget = span(hop.budget_ms);
        let Some((at, took)) = hop.at_ms.zip(hop.took_ms) else {
            let unseen = format!("{:>9} {:>8} {budget:>8}  {:<name_width$}", "-", "-", hop.name);
            writeln!(text, "{}", paint.dim(unseen.trim_end()))?;
            if hop.evidence == said_below {
                continue;
            }
            for line in wrap(&format!("not seen: {}", hop.evidence), WIDTH - 31) {
                writeln!(text, "{:31}{line}", "")?;
            }
            continue;
        };
        let offset = at.saturating_sub(origin);
        let late = if hop.is_late() { paint.bad(" late") } else { String::new() };
        let bar = bar(offset.saturating_sub(took), offset, end);
        let line = format!(
            "{:>9} {:>8} {budget:>8}  {:<name_width$}  {bar}",
            format!("+{}", span(offset)),
            span(took),
            hop.name
        );
        writeln!(text, "{}{late}", line.trim_end())?;
    }
    Ok(())
}

fn bar(from: u64, to: u64, end: u64) -> String {
    let column = |at: u64| (at.min(end) * BAR as u64).div_ceil(end) as usize;
    let (from, to) = (column(from).min(BAR - 1), column(to).max(1));
    let length = to.saturating_sub(from).max(1);
    format!("{}{}", " ".repeat(from), "█".repeat(length))
}

/// Each step, and the metrics that matter below it.
fn canary_section(text: &mut String, seen: &CanarySeen, paint: Paint) -> std::fmt::Result {
    writeln!(text, "\n{}", paint.bold("Canary"))?;
    let steps = |cells: [String; 8]| {
        let [step, share, began, lasted, canary, control, lost, advice] = cells;
        format!("{step:>6}{share:>8}{began:>11}{lasted:>10}{canary:>9}{control:>9}{lost:>12}  {advice}")
    };
    let metrics = |cells: [String; 6]| {
        let [finding, metric, canary, control, effect, p] = cells;
        let metric: String = metric.chars().take(METRIC).collect();
        format!("    {finding:<13}{metric:<METRIC$}{canary:>9}{control:>9}{effect:>9}{p:>8}")
    };
    for step in &seen.steps {
        writeln!(text, "{}", paint.dim(&steps(canary::STEP.map(str::to_owned))))?;
        writeln!(text, "{}", steps(canary::step(step)))?;
        for line in wrap(&step.reason, WIDTH - 6) {
            writeln!(text, "      {line}")?;
        }
        writeln!(text, "{}", paint.dim(&metrics(canary::METRIC.map(str::to_owned))))?;
        canary::metrics(step).try_for_each(|cells| writeln!(text, "{}", metrics(cells)))?;
    }
    sentences(text, &canary::sentences(seen))
}

fn data_sections(text: &mut String, verdict: &Verdict, paint: Paint) -> std::fmt::Result {
    let said = data::sentences(verdict);
    if !said.is_empty() {
        writeln!(text, "\n{}", paint.bold("Data"))?;
    }
    if let Some(rpo) = &verdict.rpo {
        let classes = data::classes(rpo);
        let names: Vec<String> = classes.iter().map(|(name, _)| format!("{name:>13}")).collect();
        let counts: Vec<String> = classes.iter().map(|(_, number)| format!("{:>13}", count(*number))).collect();
        writeln!(text, "{}\n{}", paint.dim(&names.concat()), counts.concat())?;
    }
    sentences(text, &said)?;
    let mut lags = data::lags(&verdict.replication).peekable();
    if lags.peek().is_some() {
        let head = format!(
            "  {:<16}{:<16}{:<16}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}",
            "store", "from", "to", "samples", "missing", "p50", "p90", "p99", "worst"
        );
        writeln!(text, "\n{}\n{}", paint.bold("Replication"), paint.dim(&head))?;
    }
    for (store, lag) in lags {
        let store = lag.class.as_ref().map_or(store.to_owned(), |class| format!("{store} {class}"));
        let [p50, p90, p99, worst] =
            [lag.p50_ms, lag.p90_ms, lag.p99_ms, lag.worst_ms].map(|ms| ms.map_or("-".to_owned(), span));
        let (samples, missing) = (count(lag.samples), count(lag.missing));
        writeln!(
            text,
            "  {store:<16}{:<16}{:<16}{samples:>9}{missing:>9}{p50:>8}{p90:>8}{p99:>8}{worst:>8}",
            lag.from, lag.to
        )?;
    }
    let said = data::secrets(verdict);
    if !said.is_empty() {
        writeln!(text, "\n{}", paint.bold("Secrets"))?;
    }
    sentences(text, &said)
}

fn sentences(text: &mut String, said: &[String]) -> std::fmt::Result {
    for sentence in said {
        for (index, line) in wrap(sentence, WIDTH - 4).iter().enumerate() {
            writeln!(text, "{:1$}{line}", "", if index == 0 { 2 } else { 4 })?;
        }
    }
    Ok(())
}

fn assertions(text: &mut String, assertions: &[Judgement], paint: Paint) -> std::fmt::Result {
    let width = assertions.iter().map(|judged| judged.id.len()).max().unwrap_or(0).max(9);
    let bound = |judged: &Judgement| {
        let sign = match judged.unit.as_str() {
            _ if judged.wanted.is_some() => "=",
            "%" | "s at least" => ">=",
            _ => "<=",
        };
        format!("{sign} {}", allowed(judged))
    };
    let wide = |cells: &mut dyn Iterator<Item = String>| cells.map(|cell| cell.len()).max().unwrap_or(0).max(10);
    let (seen, most) = (wide(&mut assertions.iter().map(measured)), wide(&mut assertions.iter().map(bound)));
    let head = format!("  {:<12}  {:<width$} {:>seen$} {:>most$}", "verdict", "assertion", "measured", "bound");
    writeln!(text, "\n{}\n{}", paint.bold("Assertions"), paint.dim(&head))?;
    for judged in assertions {
        let word = paint.outcome(judged.verdict, &format!("{:<12}", judged.verdict.as_str()));
        let (measured, bound) = (measured(judged), bound(judged));
        writeln!(text, "  {word}  {:<width$} {measured:>seen$} {bound:>most$}", judged.id)?;
        if judged.verdict != Outcome::Pass {
            for line in wrap(&judged.evidence, WIDTH - 16) {
                writeln!(text, "{:16}{line}", "")?;
            }
        }
    }
    Ok(())
}

fn populations(text: &mut String, verdict: &Verdict, paint: Paint) -> std::fmt::Result {
    let requests = &verdict.requests;
    let width = requests.by_population.keys().map(String::len).max().unwrap_or(0).max(10);
    let over = format!("  {:<width$} {:>9} {:>8} {:>9}  {:^25}  {:^16}", "", "", "", "", "success", "from home");
    let head = format!(
        "  {:<width$} {:>9} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "population", "sent", "failed", "failed s", "before", "during", "after", "before", "after"
    );
    writeln!(text, "\n{}\n{}\n{}", paint.bold("Requests"), paint.dim(over.trim_end()), paint.dim(&head))?;
    for (name, seen) in &requests.by_population {
        let [before, during, after] = [seen.success_before, seen.success_during, seen.success_after].map(percent);
        let [home_before, home_after] = [seen.home_before, seen.home_after].map(percent);
        let (sent, failed, seconds) = (count(seen.sent), count(seen.failed), count(seen.failed_seconds));
        writeln!(
            text,
            "  {name:<width$} {sent:>9} {failed:>8} {seconds:>9} {before:>8} {during:>8} {after:>8} {home_before:>8} {home_after:>8}"
        )?;
    }
    let (sent, failed) = (count(requests.sent), count(requests.failed));
    writeln!(text, "  {:<width$} {sent:>9} {failed:>8}", "all")?;
    sentences(text, &clients::rates(verdict))
}

/// Each kind of client, where there is more than one.
fn kinds(text: &mut String, verdict: &Verdict, paint: Paint) -> std::fmt::Result {
    if !clients::are_mixed(verdict) {
        return Ok(());
    }
    let width = verdict.clients.iter().map(|seen| seen.population.len()).max().unwrap_or(0).max(10);
    let line = |cells: [String; 9]| {
        let [population, behaviour, clients, sent, failed, again, back, bound, last] = cells;
        format!(
            "  {population:<width$} {behaviour:<18} {clients:>7} {sent:>8} {failed:>7} {again:>7} {back:>10} {bound:>7} {last:>10}"
        )
    };
    let head = line(clients::HEAD.map(str::to_owned));
    writeln!(text, "\n{}\n{}", paint.bold("Clients"), paint.dim(&head))?;
    verdict.clients.iter().try_for_each(|seen| writeln!(text, "{}", line(clients::row(seen))))?;
    sentences(text, &clients::notes(verdict))
}

fn splits(text: &mut String, verdict: &Verdict, paint: Paint) -> std::fmt::Result {
    let line = |cells: [String; 6]| {
        let [region, id, weight, declared, answers, requests] = cells;
        format!("    {region:<16}{id:<16}{weight:>7}{declared:>10}{answers:>22}{requests:>22}")
    };
    for (index, split) in verdict.splits.iter().enumerate() {
        if index == 0 {
            let head = line(clients::SPLIT.map(str::to_owned));
            writeln!(text, "\n{}\n{}", paint.bold("Split"), paint.dim(&head))?;
        }
        sentences(text, &[clients::split(split)])?;
        split.shares.iter().try_for_each(|share| writeln!(text, "{}", line(clients::share(share))))?;
    }
    Ok(())
}

fn foot(text: &mut String, report: Report<'_>, paint: Paint) -> std::fmt::Result {
    let verdict = report.verdict;
    writeln!(text)?;
    for line in wrap(&verdict.proves, WIDTH) {
        writeln!(text, "{}", paint.dim(&line))?;
    }
    let wall = verdict.wall_ms.map_or(String::new(), |wall| format!(" in {} of real time", span(wall)));
    // Elsewhere than on the twin there is no other time.
    match verdict.target.as_str() {
        "embedded" => writeln!(text, "\nsimulated {}{wall}", span(verdict.simulated_ms))?,
        _ => writeln!(text, "\ntook      {}", span(verdict.simulated_ms))?,
    }
    if let Some(folder) = report.folder {
        writeln!(text, "files     {folder}")?;
    }
    writeln!(text, "seed      {}\nreplay    {}", verdict.seed, report.replay())
}
