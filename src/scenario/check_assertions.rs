//! The assertions: each with a bound of its own kind.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::check::Checker;
use super::error::{ScenarioError, hint};
use super::file::{AssertionFile, Text};
use super::plan::{Assertion, Check, Failback, Population, SteadyState, TargetPlan};
use super::quantity::parse_duration;
use super::vocabulary::{ASSERTIONS, hops};

/// What an assertion may speak of.
pub struct Scope<'a> {
    pub steady_state: &'a SteadyState,
    pub failback: &'a Failback,
    pub traffic: &'a [Population],
    pub target: &'a TargetPlan,
}

pub fn assertions(
    checker: &Checker<'_>,
    written: &Spanned<Vec<AssertionFile>>,
    scope: &Scope<'_>,
) -> Result<Vec<Assertion>, ScenarioError> {
    if written.value.is_empty() {
        return Err(checker.bad(written.referenced, "no assertions: a run that claims nothing proves nothing"));
    }
    let mut assertions: Vec<Assertion> = Vec::new();
    for written in &written.value {
        let check = check(checker, written, scope)?;
        let id = match &written.id {
            Some(id) => checker.name(id)?,
            None => check.default_id(),
        };
        if assertions.iter().any(|known| known.id == id) {
            let what = format!("the assertion id {id:?} is used twice: give one of them another \"id\"");
            return Err(checker.bad(written.assert.referenced, what));
        }
        assertions.push(Assertion { id, check });
    }
    Ok(assertions)
}

fn check(checker: &Checker<'_>, written: &AssertionFile, scope: &Scope<'_>) -> Result<Check, ScenarioError> {
    let takes = checker.choose("assertion", &written.assert, ASSERTIONS)?;
    let kind = written.assert.value.as_str();
    let given = [
        ("bound", &written.bound),
        ("population", &written.population),
        ("hop", &written.hop),
        ("region", &written.region),
    ];
    for (key, text) in given {
        if let Some(text) = text.as_ref().filter(|_| !takes.contains(&key)) {
            return Err(checker.bad(text.referenced, format!("{kind} takes no {key:?}: expected {}", takes.join(", "))));
        }
    }
    let needs = |key: &str| checker.bad(written.assert.referenced, format!("{kind} needs the key {key:?}"));
    let within = || -> Result<Duration, ScenarioError> {
        checker.parsed(written.bound.as_ref().ok_or_else(|| needs("bound"))?, parse_duration)
    };
    let share = |default| checker.percent_or(written.bound.as_ref(), default);
    let population = written.population.as_ref().map(|text| known(checker, text, scope.traffic)).transpose()?;
    let steady = scope.steady_state.success_at_least;
    Ok(match kind {
        "steady-state-before" => Check::SteadyStateBefore { at_least: share(steady)? },
        "steady-state-after" => Check::SteadyStateAfter { at_least: share(steady)? },
        "home-served" => Check::HomeServed { population, at_least: share(scope.failback.share_at_least)? },
        "fault-observed" => Check::FaultObserved { within: within()? },
        "failover-within" => Check::FailoverWithin { within: within()? },
        "failback-within" => Check::FailbackWithin { within: within()? },
        "hop-within" => {
            let hop = checker.choose("hop", written.hop.as_ref().ok_or_else(|| needs("hop"))?, &hops())?;
            Check::HopWithin { hop, within: within()? }
        }
        "served-by" => {
            let region = written.region.as_ref().ok_or_else(|| needs("region"))?;
            let region = checker.region_of_target(region, &scope.target.regions)?;
            Check::ServedBy { region, population, within: within()? }
        }
        "failed-seconds-at-most" => Check::FailedSecondsAtMost { population, at_most: within()? },
        _ => {
            let bound = written.bound.as_ref().ok_or_else(|| needs("bound"))?;
            let count = |text: &str| {
                text.parse().map_err(|_| format!("bad count {text:?}: expected how many requests, like 500"))
            };
            Check::FailedRequestsAtMost { population, at_most: checker.parsed(bound, count)? }
        }
    })
}

fn known(checker: &Checker<'_>, text: &Text, traffic: &[Population]) -> Result<String, ScenarioError> {
    if traffic.iter().any(|population| population.name == text.value) {
        return Ok(text.value.clone());
    }
    let hint = hint(&text.value, traffic.iter().map(|population| population.name.as_str()));
    Err(checker.bad(text.referenced, format!("unknown population {:?}{hint}", text.value)))
}
