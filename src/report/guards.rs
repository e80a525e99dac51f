//! One scenario under each guard, side by side: when each hop was seen after the injection, who moved the traffic, what it
//! cost users and costs a month. At most 100 columns.

use std::fmt::Write;

use super::figures::{count, span, wrap};
use super::{Paint, routing};
use crate::judge::{Failover, HopSeen, Outcome, Verdict};

const NAME: usize = 32;
const COLUMN: usize = 21;
const WIDTH: usize = 100;

/// The hops of one guard's way alone: the other guard has none of them.
const FUNCTION: [&str; 3] = ["function-invoked", "change-accepted", "insync"];
const CHECKS: [&str; 1] = ["checkers-unhealthy"];

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
    writeln!(text, "{}\n", paint.dim("  hops: time since the injection; - is on no way of this guard"))?;
    row(text, "", runs, |guard, _| guard.to_owned())?;
    for name in hops(runs) {
        row(text, &name, runs, |guard, verdict| seen(guard, verdict.failover.as_ref(), &name))?;
    }
    writeln!(text)?;
    figures(text, runs, first)?;
    for (guard, verdict) in runs {
        let reasons = reasons(guard, verdict);
        if !reasons.is_empty() {
            writeln!(text, "\n{}", paint.bold(guard))?;
        }
        for (index, line) in reasons.iter().flat_map(|reason| wrap(reason, WIDTH - 4).into_iter().enumerate()) {
            writeln!(text, "  {} {line}", if index == 0 { "-" } else { " " })?;
        }
    }
    writeln!(text)?;
    for line in wrap(&first.proves, WIDTH) {
        writeln!(text, "{}", paint.dim(&line))?;
    }
    Ok(())
}

/// One row for each figure of a run.
fn figures(text: &mut String, runs: &[(&str, Verdict)], first: &Verdict) -> std::fmt::Result {
    let by = |verdict: &Verdict| verdict.failover.as_ref().and_then(routing::moved_by).unwrap_or("not seen").to_owned();
    row(text, "traffic moved by", runs, |_, verdict| by(verdict))?;
    row(text, "RTO", runs, |_, verdict| took(verdict.failover.as_ref().and_then(|failover| failover.rto_ms)))?;
    for (index, later) in first.outages.iter().enumerate().skip(1) {
        let rto = |verdict: &Verdict| verdict.outages.get(index).and_then(|seen| seen.rto_ms);
        row(text, &format!("RTO of {}", later.fault), runs, |_, verdict| took(rto(verdict)))?;
    }
    row(text, "failback", runs, |_, verdict| took(verdict.failback.as_ref().and_then(|failback| failback.took_ms)))?;
    let moves = |verdict: &Verdict| verdict.answers.iter().map(|seen| seen.moves).max();
    let moves = |verdict: &Verdict| moves(verdict).map_or_else(|| "not seen".to_owned(), count);
    row(text, "moves of the answer, at most", runs, |_, verdict| moves(verdict))?;
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
    let cost =
        |verdict: &Verdict| verdict.cost.as_ref().map_or_else(|| "-".to_owned(), |cost| routing::dollars(cost.usd));
    row(text, "cost a month", runs, |_, verdict| cost(verdict))?;
    row(text, "verdict", runs, |_, verdict| verdict.verdict.to_string())
}

/// Where the guard's way ended, which claims did not hold, and what makes the run prove less than it seems to.
fn reasons(guard: &str, verdict: &Verdict) -> Vec<String> {
    let broken = verdict.failover.iter().filter_map(|failover| Some(stopped(failover, broken(guard, failover)?)));
    let failed = verdict.assertions.iter().filter(|judged| judged.verdict != Outcome::Pass);
    let failed = failed.map(|judged| format!("{} {}: {}", judged.id, judged.verdict, judged.evidence));
    let mut reasons: Vec<String> = broken.chain(failed).chain(verdict.doubts.iter().cloned()).collect();
    let never = verdict.failover.iter().filter(|failover| failover.rto_ms.is_none()).map(|failover| &failover.evidence);
    for why in never {
        if !reasons.iter().any(|reason| reason.ends_with(why.as_str())) {
            reasons.insert(0, why.clone());
        }
    }
    reasons
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

fn is_on_way(guard: &str, hop: &str) -> bool {
    !(guard == "lambda" && CHECKS.contains(&hop) || guard == "health-check" && FUNCTION.contains(&hop))
}

fn seen(guard: &str, failover: Option<&Failover>, name: &str) -> String {
    let Some(failover) = failover else { return "-".to_owned() };
    let hop = failover.hops.iter().find(|hop| hop.name == name);
    match hop.and_then(|hop| hop.at_ms) {
        _ if !is_on_way(guard, name) => "-".to_owned(),
        Some(at) => span(at.saturating_sub(failover.injected_at_ms.unwrap_or(0))),
        None => match broken(guard, failover).filter(|hop| hop.name == name) {
            Some(hop) if !hop.blind => "stopped here".to_owned(),
            _ => "not seen".to_owned(),
        },
    }
}

/// Where the guard's own way ends: the first of its hops that was not seen after users felt the fault.
fn broken<'a>(guard: &str, failover: &'a Failover) -> Option<&'a HopSeen> {
    failover.effect_at_ms?;
    let own = |hop: &str| (FUNCTION.contains(&hop) || CHECKS.contains(&hop)) && is_on_way(guard, hop);
    failover.hops.iter().find(|hop| own(&hop.name) && hop.at_ms.is_none())
}

/// Why it ends there. What the function said last stands in the hop before.
fn stopped(failover: &Failover, hop: &HopSeen) -> String {
    let before = failover.hops.iter().find(|before| before.name == hop.after && before.at_ms.is_some());
    let said = before.map_or_else(String::new, |before| format!(" (after {}: {})", before.name, before.evidence));
    format!("{} was not seen: {}{said}", hop.name, hop.evidence)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::MovedBy;
    use crate::judge::day::{Day, END};

    #[test]
    fn three_guards_side_by_side_in_a_hundred_columns() {
        let mut good = Day::default().judged();
        good.failover.as_mut().unwrap().moved_by = Some(MovedBy::Lambda);
        let bad = Day { moved: END, telemetry: false, ..Day::default() }.judged();
        let runs = [("lambda", good.clone()), ("health-check", bad), ("both", good)];
        let text = guards(&runs, Paint::default());
        text.lines().for_each(|line| assert!(line.chars().count() <= WIDTH, "{line}"));
        insta::assert_snapshot!(text);
    }
}
