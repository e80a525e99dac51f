//! The canary: a release that changes something, steps that grow, and an analysis that can find something.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::canary::{Analysis, CanaryPlan, CanaryStep, Shift};
use super::check::Checker;
use super::error::{ScenarioError, hint};
use super::file::{AnalysisFile, CanaryFile, CanaryStepFile, Text};
use super::plan::{Population, TargetPlan};
use super::quantity::{Operation, Percent, parse_duration};
use super::vocabulary::SHIFTS;
use crate::region::Region;

/// By Route 53 the canary's Region gets twice the share, half of it for the control.
const LARGEST_BY_ROUTE53: f64 = 50.0;
/// The least share the weights of 200 parts can express, with as much for the control.
const SMALLEST_BY_ROUTE53: f64 = 0.25;

pub fn canary(
    checker: &Checker<'_>,
    written: &Spanned<CanaryFile>,
    target: &TargetPlan,
    traffic: &[Population],
) -> Result<CanaryPlan, ScenarioError> {
    let file = &written.value;
    if file.release.is_empty() {
        let what = "the release changes nothing: give the stack's parameters of the new version, like OrdersVersion";
        return Err(checker.bad(written.referenced, what));
    }
    let by = file.by.as_ref().map_or(Ok(Shift::Route53), |text| checker.choose("shift", text, SHIFTS))?;
    Ok(CanaryPlan {
        release: file.release.clone(),
        by,
        regions: regions(checker, written, by, target)?,
        at: checker.duration_or(file.at.as_ref(), Duration::ZERO)?,
        steps: steps(checker, &file.steps, by)?,
        hold: checker.duration_or(file.hold.as_ref(), Duration::from_secs(10 * 60))?,
        analysis: analysis(checker, &file.analysis, traffic)?,
    })
}

/// By Route 53 the standby Region unless another is named; else all of them in lockstep.
fn regions(
    checker: &Checker<'_>,
    written: &Spanned<CanaryFile>,
    by: Shift,
    target: &TargetPlan,
) -> Result<Vec<Region>, ScenarioError> {
    let Some(given) = &written.value.regions else {
        return Ok(match by {
            Shift::Route53 => target.regions.get(1).copied().into_iter().collect(),
            Shift::Alias | Shift::Stage => target.regions.clone(),
        });
    };
    let mut regions = Vec::new();
    for text in &given.value {
        let region = checker.region_of_target(text, &target.regions)?;
        if regions.contains(&region) {
            return Err(checker.bad(text.referenced, format!("Region {region} is named twice")));
        }
        regions.push(region);
    }
    if regions.is_empty() || (by == Shift::Route53 && regions.len() > 1) {
        let what = match by {
            Shift::Route53 => "by route53 the canary has one Region: its weight is what is shifted",
            Shift::Alias | Shift::Stage => "expected at least one Region",
        };
        return Err(checker.bad(given.referenced, what));
    }
    Ok(regions)
}

fn steps(
    checker: &Checker<'_>,
    written: &Spanned<Vec<CanaryStepFile>>,
    by: Shift,
) -> Result<Vec<CanaryStep>, ScenarioError> {
    let mut steps: Vec<CanaryStep> = Vec::new();
    for file in &written.value {
        let share = checker.parsed(&file.share, Percent::parse)?;
        let bad = |what: &str| Err(checker.bad(file.share.referenced, what));
        if share.get() <= steps.last().map_or(0.0, |before| before.share.get()) {
            return bad("expected a share above that of the step before");
        }
        if by == Shift::Route53 && share < Percent::ALL {
            if share.get() > LARGEST_BY_ROUTE53 {
                return bad("by route53 a step gets 50% at most, or 100%: the control needs as much as the canary");
            }
            if share.get() < SMALLEST_BY_ROUTE53 {
                return bad("by route53 a step gets 0.25% at least: weights are whole numbers");
            }
        }
        let bake = checker.parsed(&file.bake, parse_duration)?;
        if bake.is_zero() {
            return Err(checker.bad(file.bake.referenced, "expected a bake time above 0s: nothing is seen in none"));
        }
        steps.push(CanaryStep { share, bake });
    }
    if steps.is_empty() {
        return Err(checker.bad(written.referenced, "no steps: expected at least one share with its bake time"));
    }
    Ok(steps)
}

fn analysis(checker: &Checker<'_>, written: &AnalysisFile, traffic: &[Population]) -> Result<Analysis, ScenarioError> {
    let default = Analysis::default();
    let between = |text: Option<&Text>, default: Percent, least: f64, most: f64| {
        let share = checker.percent_or(text, default)?;
        match text {
            Some(text) if share.get() < least || share.get() > most => {
                Err(checker.bad(text.referenced, format!("expected a share from {least}% to {most}%")))
            }
            _ => Ok(share),
        }
    };
    let operations = |given: &Spanned<Vec<Text>>| -> Result<Vec<Operation>, ScenarioError> {
        given.value.iter().map(|text| operation(checker, text, traffic)).collect()
    };
    Ok(Analysis {
        significance: between(written.significance.as_ref(), default.significance, 0.01, 20.0)?,
        power: between(written.power.as_ref(), default.power, 50.0, 99.9)?,
        errors_worse_by: between(written.errors_worse_by.as_ref(), default.errors_worse_by, 0.01, 100.0)?,
        slower_in_at_most: between(written.slower_in_at_most.as_ref(), default.slower_in_at_most, 50.5, 99.0)?,
        critical: written.critical.as_ref().map_or(Ok(default.critical), operations)?,
        must_have: written.must_have.as_ref().map_or(Ok(default.must_have), operations)?,
    })
}

fn operation(checker: &Checker<'_>, text: &Text, traffic: &[Population]) -> Result<Operation, ScenarioError> {
    let operation = checker.parsed(text, Operation::parse)?;
    let asked = || traffic.iter().flat_map(|people| people.requests.keys());
    if asked().any(|known| *known == operation) {
        return Ok(operation);
    }
    let known: Vec<String> = asked().map(ToString::to_string).collect();
    let hint = hint(&text.value, known.iter().map(String::as_str));
    Err(checker.bad(text.referenced, format!("no population asks for {operation}{hint}")))
}
