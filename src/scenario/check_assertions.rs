//! The assertions: each with a bound of its own kind.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::assertion::{Assertion, Check};
use super::check::Checker;
use super::clients::Behaviour;
use super::error::{ScenarioError, hint};
use super::file::{AssertionFile, Text};
use super::plan::{Failback, Population, SteadyState, TargetPlan};
use super::quantity::{Percent, parse_duration};
use super::vocabulary::{ASSERTIONS, behaviours, decisions, guard_decisions, hops, percentiles, stores};
use crate::store::Store;

/// What an assertion may speak of.
pub struct Scope<'a> {
    pub steady_state: &'a SteadyState,
    pub failback: &'a Failback,
    pub traffic: &'a [Population],
    pub target: &'a TargetPlan,
    pub writes_objects: bool,
    pub rotates: bool,
    pub releases: bool,
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
    let missing = match kind {
        "objects-replicated" | "completed-objects-readable" if !scope.writes_objects => "objects under \"data\"",
        "canary-decides" | "canary-exposed-at-most" | "canary-failures-at-most" | "rolled-back-within"
            if !scope.releases =>
        {
            "a canary"
        }
        "secrets-agree-within" if !scope.rotates => "an operation rotate-secret",
        _ => "",
    };
    if !missing.is_empty() {
        return Err(checker.bad(written.assert.referenced, format!("{kind} can prove nothing without {missing}")));
    }
    let given = [
        ("bound", &written.bound),
        ("population", &written.population),
        ("behaviour", &written.behaviour),
        ("hop", &written.hop),
        ("region", &written.region),
        ("of", &written.of),
        ("percentile", &written.percentile),
        ("from", &written.from),
        ("to", &written.to),
        ("within", &written.within),
        ("decision", &written.decision),
    ];
    for (key, text) in given {
        if let Some(text) = text.as_ref().filter(|_| !takes.contains(&key)) {
            let expected = if takes.is_empty() { "nothing more".to_owned() } else { takes.join(", ") };
            return Err(checker.bad(text.referenced, format!("{kind} takes no {key:?}: expected {expected}")));
        }
    }
    let needs = |key: &str| checker.bad(written.assert.referenced, format!("{kind} needs the key {key:?}"));
    let within = || -> Result<Duration, ScenarioError> {
        checker.parsed(written.bound.as_ref().ok_or_else(|| needs("bound"))?, parse_duration)
    };
    let count = |of: &str| -> Result<u64, ScenarioError> {
        let bound = written.bound.as_ref().ok_or_else(|| needs("bound"))?;
        checker.parsed(bound, |text| {
            text.parse().map_err(|_| format!("bad count {text:?}: expected how many {of}, like 500"))
        })
    };
    let share = |default| checker.percent_or(written.bound.as_ref(), default);
    let population = written.population.as_ref().map(|text| known(checker, text, scope.traffic)).transpose()?;
    let behaviour = written.behaviour.as_ref();
    let behaviour = behaviour.map(|text| driven(checker, text, population.as_deref(), scope.traffic)).transpose()?;
    let steady = scope.steady_state.success_at_least;
    Ok(match kind {
        "steady-state-before" => Check::SteadyStateBefore { at_least: share(steady)? },
        "steady-state-after" => Check::SteadyStateAfter { at_least: share(steady)? },
        "home-served" => Check::HomeServed { population, at_least: share(scope.failback.share_at_least)? },
        "fault-observed" => Check::FaultObserved { within: within()? },
        "failover-within" => Check::FailoverWithin { behaviour, within: within()? },
        "not-recovered" => Check::NotRecovered { population, behaviour },
        "split-within" => {
            let bound = written.bound.as_ref().ok_or_else(|| needs("bound"))?;
            Check::SplitWithin { tolerance: checker.percent_or(Some(bound), Percent::ALL)? }
        }
        "failback-within" => Check::FailbackWithin { within: within()? },
        "hop-within" => {
            let hop = checker.choose("hop", written.hop.as_ref().ok_or_else(|| needs("hop"))?, &hops())?;
            Check::HopWithin { hop, within: within()? }
        }
        "served-by" => {
            let region = written.region.as_ref().ok_or_else(|| needs("region"))?;
            let region = checker.region_of_target(region, &scope.target.regions)?;
            Check::ServedBy { region, population, behaviour, within: within()? }
        }
        "failed-seconds-at-most" => Check::FailedSecondsAtMost { population, behaviour, at_most: within()? },
        "failed-requests-at-most" => Check::FailedRequestsAtMost { population, behaviour, at_most: count("requests")? },
        "lost-writes-at-most" => Check::LostWritesAtMost { at_most: count("writes")? },
        "rpo-within" => Check::RpoWithin { within: within()? },
        "stable-writes-at-least" => Check::StableWritesAtLeast { at_least: share(steady)? },
        "converged-within" => Check::ConvergedWithin { within: within()? },
        "divergent-items-at-most" => Check::DivergentItemsAtMost { at_most: count("items")? },
        "last-writer-wins" => Check::LastWriterWins,
        "replication-lag-within" => {
            let of = checker.choose("store", written.of.as_ref().ok_or_else(|| needs("of"))?, &stores())?;
            let percentile = written.percentile.as_ref().ok_or_else(|| needs("percentile"))?;
            let percentile = checker.choose("percentile", percentile, &percentiles())?;
            let known = |text: &Option<Text>| {
                text.as_ref().map(|text| checker.region_of_target(text, &scope.target.regions)).transpose()
            };
            let (from, to) = (known(&written.from)?, known(&written.to)?);
            if let Some(text) = written.to.as_ref().filter(|_| from.is_some() && from == to) {
                return Err(checker.bad(text.referenced, "expected another Region than \"from\""));
            }
            if of == Store::Secret
                && let Some(text) = written.from.as_ref().filter(|_| from != scope.target.regions.first().copied())
            {
                return Err(checker.bad(text.referenced, "a secret replicates from the primary Region only"));
            }
            Check::ReplicationLagWithin { of, percentile, from, to, within: within()? }
        }
        "stale-reads-within" => Check::StaleReadsWithin { within: within()? },
        "monotonic-reads" => Check::MonotonicReads,
        "objects-replicated" => {
            let quarter = Duration::from_secs(15 * 60);
            let within = checker.duration_or(written.within.as_ref(), quarter)?;
            Check::ObjectsReplicated { within, at_least: share(Percent::ALL)? }
        }
        "completed-objects-readable" => Check::CompletedObjectsReadable,
        "divergent-objects-at-most" => Check::DivergentObjectsAtMost { at_most: count("objects")? },
        "published-secrets-only" => Check::PublishedSecretsOnly,
        "secrets-agree-within" => Check::SecretsAgreeWithin { within: within()? },
        "canary-decides" => {
            let decision = written.decision.as_ref().ok_or_else(|| needs("decision"))?;
            Check::CanaryDecides { decision: checker.choose("decision", decision, &decisions())? }
        }
        "canary-exposed-at-most" => {
            let bound = written.bound.as_ref().ok_or_else(|| needs("bound"))?;
            Check::CanaryExposedAtMost { at_most: checker.percent_or(Some(bound), Percent::ALL)? }
        }
        "canary-failures-at-most" => Check::CanaryFailuresAtMost { at_most: count("requests")? },
        "rolled-back-within" => Check::RolledBackWithin { within: within()? },
        "never-all-off" => Check::NeverAllOff,
        "answers-moved-at-most" => Check::AnswersMovedAtMost { at_most: count("moves")? },
        "no-lost-updates" => Check::NoLostUpdates,
        "home-not-before" => Check::HomeNotBefore { after: within()? },
        "guard-decides" => {
            let decision = written.decision.as_ref().ok_or_else(|| needs("decision"))?;
            let decision = checker.choose("decision", decision, &guard_decisions())?;
            let region = written.region.as_ref();
            let region = region.map(|text| checker.region_of_target(text, &scope.target.regions)).transpose()?;
            Check::GuardDecides { decision, region }
        }
        _ => Check::RejectedSecretAtMost { at_most: within()? },
    })
}

/// A behaviour that some client has, of the population where one is given.
fn driven(
    checker: &Checker<'_>,
    text: &Text,
    population: Option<&str>,
    traffic: &[Population],
) -> Result<Behaviour, ScenarioError> {
    let behaviour = checker.choose("behaviour", text, &behaviours())?;
    let chosen = |people: &&Population| population.is_none_or(|name| name == people.name);
    let has = |people: &Population| people.stretches().iter().any(|(kind, of)| *kind == behaviour && !of.is_empty());
    if traffic.iter().filter(chosen).any(has) {
        return Ok(behaviour);
    }
    let whose = population.map_or("any population".to_owned(), |name| format!("population {name:?}"));
    Err(checker.bad(text.referenced, format!("no client of {whose} behaves as {}", text.value)))
}

fn known(checker: &Checker<'_>, text: &Text, traffic: &[Population]) -> Result<String, ScenarioError> {
    if traffic.iter().any(|population| population.name == text.value) {
        return Ok(text.value.clone());
    }
    let hint = hint(&text.value, traffic.iter().map(|population| population.name.as_str()));
    Err(checker.bad(text.referenced, format!("unknown population {:?}{hint}", text.value)))
}
