//! One scenario under each guard, side by side: when each hop was seen after the injection, who moved the traffic, what it
//! cost users. At most 100 columns.

use std::fmt::Write;

use super::Paint;
use super::figures::{count, span, wrap};
use crate::judge::{Failover, Verdict};

const NAME: usize = 34;
const COLUMN: usize = 21;
const WIDTH: usize = 100;

/// The runs by the name of their guard.
pub fn guards(runs: &[(&str, Verdict)], paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, runs, paint);
    text
}

fn write_all(text: &mut String, runs: &[(&str, Verdict)], paint: Paint) -> std::fmt::Result {
    let Some((_, first)) = runs.first() else { return Ok(()) };
    writeln!(text, "{} on {}, seed {}, under each guard", paint.bold(&first.scenario), first.target, first.seed)?;
    writeln!(text, "{}\n", paint.dim("  hops: time since the injection"))?;
    row(text, "", runs, |guard, _| guard.to_owned())?;
    for name in hops(runs) {
        row(text, &name, runs, |_, verdict| seen(verdict.failover.as_ref(), &name))?;
    }
    writeln!(text)?;
    row(text, "traffic moved by", runs, |_, verdict| verdict.failover.as_ref().map_or("-", moved_by).to_owned())?;
    row(text, "RTO", runs, |_, verdict| took(verdict.failover.as_ref().and_then(|failover| failover.rto_ms)))?;
    row(text, "failback", runs, |_, verdict| took(verdict.failback.as_ref().and_then(|failback| failback.took_ms)))?;
    row(text, "failed requests", runs, |_, verdict| count(verdict.requests.failed))?;
    row(text, "writes lost", runs, |_, verdict| {
        verdict.rpo.as_ref().map_or_else(|| "-".to_owned(), |rpo| count(rpo.lost))
    })?;
    let names = || first.requests.by_population.keys();
    for population in names() {
        row(text, &format!("failed seconds of {population}"), runs, |_, verdict| {
            let seen = verdict.requests.by_population.get(population);
            seen.map_or_else(|| "-".to_owned(), |seen| count(seen.failed_seconds))
        })?;
    }
    row(text, "verdict", runs, |_, verdict| verdict.verdict.to_string())?;
    for (guard, verdict) in runs {
        let whys = verdict.failover.iter().filter(|failover| failover.rto_ms.is_none()).map(|f| f.evidence.clone());
        let failed = verdict.assertions.iter().filter(|judged| judged.verdict != crate::judge::Outcome::Pass);
        let failed = failed.map(|judged| format!("{} {}: {}", judged.id, judged.verdict, judged.evidence));
        for (index, line) in whys.chain(failed).chain(verdict.doubts.iter().cloned()).enumerate() {
            if index == 0 {
                writeln!(text, "\n{}", paint.bold(guard))?;
            }
            for line in wrap(&line, WIDTH - 4) {
                writeln!(text, "  - {line}")?;
            }
        }
    }
    writeln!(text)?;
    for line in wrap(&first.proves, WIDTH) {
        writeln!(text, "{}", paint.dim(&line))?;
    }
    Ok(())
}

/// The hops that any of the guards had, in their order.
fn hops(runs: &[(&str, Verdict)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, verdict) in runs {
        for hop in verdict.failover.iter().flat_map(|failover| &failover.hops) {
            if !names.contains(&hop.name) {
                names.push(hop.name.clone());
            }
        }
    }
    names
}

fn seen(failover: Option<&Failover>, name: &str) -> String {
    let at = failover.and_then(|failover| {
        let hop = failover.hops.iter().find(|hop| hop.name == name)?;
        Some(hop.at_ms?.saturating_sub(failover.injected_at_ms.unwrap_or(0)))
    });
    at.map_or_else(|| "not seen".to_owned(), span)
}

/// The function where its change was accepted before the first answer moved; health checks where answers moved without it.
fn moved_by(failover: &Failover) -> &'static str {
    let at = |name: &str| failover.hops.iter().find(|hop| hop.name == name).and_then(|hop| hop.at_ms);
    match (at("change-accepted"), at("answers-moved")) {
        (_, None) => "nobody",
        (Some(change), Some(answers)) if change <= answers => "the function",
        (Some(_), Some(_)) => "checks, then function",
        (None, Some(_)) => "health checks",
    }
}

fn took(ms: Option<u64>) -> String {
    ms.map_or_else(|| "none".to_owned(), span)
}

fn row(
    text: &mut String,
    name: &str,
    runs: &[(&str, Verdict)],
    cell: impl Fn(&str, &Verdict) -> String,
) -> std::fmt::Result {
    let mut line = format!("  {name:<NAME$}");
    for (guard, verdict) in runs {
        write!(line, " {:>COLUMN$}", cell(guard, verdict))?;
    }
    writeln!(text, "{}", line.trim_end())
}
