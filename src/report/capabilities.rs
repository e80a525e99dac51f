//! What a target can do, for people: one line for each capability, its evidence wrapped beside it.

use std::fmt::Write;

use super::Paint;
use super::figures::{span, wrap};
use crate::capability::{Finding, Standing, Survey};
use crate::judge::Verdict;

const WIDTH: usize = 100;

pub fn capabilities(survey: &Survey, paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, survey, paint);
    text
}

fn write_all(text: &mut String, survey: &Survey, paint: Paint) -> std::fmt::Result {
    let name = survey.findings.iter().map(|finding| finding.capability.as_str().len()).max().unwrap_or(0);
    let left = name + 19;
    for finding in &survey.findings {
        let standing = paint.standing(finding.standing, &format!("{:<7}", word(finding.standing)));
        let took = span(finding.took_ms);
        for (index, line) in wrap(&evidence(finding), WIDTH - left).iter().enumerate() {
            match index {
                0 => writeln!(text, "{:<name$}  {standing} {took:>7}  {line}", finding.capability)?,
                _ => writeln!(text, "{:left$}{line}", "")?,
            }
        }
    }
    let counts = Standing::ALL.map(|standing| match (standing, survey.count(standing)) {
        (Standing::Lie, 1) => "1 lie".to_owned(),
        (Standing::Lie, count) => format!("{count} lies"),
        (standing, count) => format!("{count} {standing}"),
    });
    let regions: Vec<&str> = survey.regions.iter().map(|region| region.as_str()).collect();
    let (target, version) = (&survey.target, &survey.version);
    writeln!(text, "{target} {version} in {}: {}", regions.join(" and "), counts.join(", "))
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Lie => "a lie",
        other => other.as_str(),
    }
}

fn evidence(finding: &Finding) -> String {
    match finding.age_s {
        None => finding.evidence.clone(),
        Some(age) => format!("{} (found out {} ago)", finding.evidence, span(age * 1_000)),
    }
}

/// What a run left out because of its target, in sentences.
pub fn left_out(verdict: &Verdict) -> Vec<String> {
    let sentence = |left: &crate::judge::LeftOut| {
        let mut open: Vec<&str> = left.faults.iter().chain(&left.assertions).map(String::as_str).collect();
        open.dedup();
        let open = if open.is_empty() { "nothing of this plan".to_owned() } else { open.join(", ") };
        format!("{} ({}): {}; left open: {open}", left.capability, word(left.standing), left.evidence)
    };
    let stack = |left: &crate::judge::StackLeftOut| format!("stack {} in {}: {}", left.stack, left.region, left.why);
    verdict.left_out.iter().map(sentence).chain(verdict.stacks_left_out.iter().map(stack)).collect()
}
