//! The timeline: each fault with the keys that belong to it, and no others.

use std::time::Duration;

use super::check::Checker;
use super::error::ScenarioError;
use super::file::Text;
use super::file::{FaultFile, OperationFile};
use super::plan::{Defect, Degraded, Fault, Mode, Poisoned, Scope, TimedFault, TimedOperation};
use super::quantity::{Percent, parse_duration};
use super::vocabulary::{DEFECTS, FAULTS, MODES, OPERATIONS, SCOPES, stores};
use crate::region::Region;
use crate::store::Store;

pub fn timeline(
    checker: &Checker<'_>,
    written: &[FaultFile],
    regions: &[Region],
) -> Result<Vec<TimedFault>, ScenarioError> {
    let mut timeline: Vec<TimedFault> = Vec::new();
    for (index, written) in written.iter().enumerate() {
        let fault = fault(checker, written, regions)?;
        let id = match &written.id {
            Some(id) => checker.name(id)?,
            None => format!("{}-{}", fault.kind(), index + 1),
        };
        if timeline.iter().any(|known| known.id == id) {
            return Err(checker.bad(written.fault.referenced, format!("the fault id {id:?} is used twice")));
        }
        let lasts = checker.duration_or(Some(&written.lasts), Duration::ZERO)?;
        if lasts.is_zero() {
            return Err(checker.bad(written.lasts.referenced, "expected a fault that lasts more than 0s"));
        }
        timeline.push(TimedFault { id, at: checker.duration_or(written.at.as_ref(), Duration::ZERO)?, lasts, fault });
    }
    timeline.sort_by_key(|timed| timed.at);
    Ok(timeline)
}

/// What operators do, in order.
pub fn operations(checker: &Checker<'_>, written: &[OperationFile]) -> Result<Vec<TimedOperation>, ScenarioError> {
    let mut operations: Vec<TimedOperation> = Vec::new();
    for (index, written) in written.iter().enumerate() {
        let operation = checker.choose("operation", &written.operation, OPERATIONS)?;
        let id = match &written.id {
            Some(id) => checker.name(id)?,
            None => format!("{}-{}", operation.kind(), index + 1),
        };
        if operations.iter().any(|known| known.id == id) {
            return Err(checker.bad(written.operation.referenced, format!("the operation id {id:?} is used twice")));
        }
        let at = checker.duration_or(written.at.as_ref(), Duration::ZERO)?;
        operations.push(TimedOperation { id, at, operation });
    }
    operations.sort_by_key(|timed| timed.at);
    Ok(operations)
}

fn fault(checker: &Checker<'_>, written: &FaultFile, regions: &[Region]) -> Result<Fault, ScenarioError> {
    let takes = checker.choose("fault", &written.fault, FAULTS)?;
    let kind = written.fault.value.as_str();
    let given = [
        ("region", written.region.as_ref().map(|text| text.referenced)),
        ("scope", written.scope.as_ref().map(|text| text.referenced)),
        ("mode", written.mode.as_ref().map(|text| text.referenced)),
        ("service", written.service.as_ref().map(|text| text.referenced)),
        ("operations", written.operations.as_ref().map(|list| list.referenced)),
        ("between", written.between.as_ref().map(|list| list.referenced)),
        ("of", written.of.as_ref().map(|text| text.referenced)),
        ("from", written.from.as_ref().map(|text| text.referenced)),
        ("to", written.to.as_ref().map(|text| text.referenced)),
        ("times", written.times.as_ref().map(|number| number.referenced)),
        ("defect", written.defect.as_ref().map(|text| text.referenced)),
        ("ahead", written.ahead.as_ref().map(|text| text.referenced)),
        ("key", written.key.as_ref().map(|text| text.referenced)),
        ("release", written.release.as_ref().map(|text| text.referenced)),
        ("only", written.only.as_ref().map(|text| text.referenced)),
        ("except", written.except.as_ref().map(|text| text.referenced)),
        ("errors", written.errors.as_ref().map(|text| text.referenced)),
        ("crashes", written.crashes.as_ref().map(|text| text.referenced)),
        ("delay", written.delay.as_ref().map(|text| text.referenced)),
    ];
    for (key, at) in given {
        if let Some(at) = at.filter(|_| !takes.contains(&key)) {
            return Err(checker.bad(at, format!("{kind} takes no {key:?}: expected {}", takes.join(", "))));
        }
    }
    let needs = |key: &str| checker.bad(written.fault.referenced, format!("{kind} needs the key {key:?}"));
    let region = written.region.as_ref().map(|text| checker.region_of_target(text, regions)).transpose()?;
    let mode = written.mode.as_ref().map(|text| checker.choose("mode", text, MODES)).transpose()?;
    match kind {
        "region-outage" => {
            let scope = written.scope.as_ref().map(|text| checker.choose("scope", text, SCOPES)).transpose()?;
            let region = region.ok_or_else(|| needs("region"))?;
            let mode = mode.unwrap_or(Mode::Status5xx);
            Ok(Fault::RegionOutage { region, scope: scope.unwrap_or(Scope::Application), mode })
        }
        "service-outage" => {
            let service = written.service.as_ref().ok_or_else(|| needs("service"))?;
            let operations = written.operations.as_ref().map(|list| list.value.clone()).unwrap_or_default();
            let mode = mode.unwrap_or(Mode::Status5xx);
            Ok(Fault::ServiceOutage { service: checker.name(service)?, region, operations, mode })
        }
        "dns-outage" => match (mode, &written.mode) {
            (Some(Mode::Status5xx), Some(text)) => {
                Err(checker.bad(text.referenced, "name servers have no status: expected refuse or hang"))
            }
            _ => Ok(Fault::DnsOutage { mode: mode.unwrap_or(Mode::Refuse) }),
        },
        "partition" => {
            let between = written.between.as_ref().ok_or_else(|| needs("between"))?;
            let [a, b] = between.value.as_slice() else {
                return Err(checker.bad(between.referenced, "expected two Regions, like [us-east-1, eu-west-1]"));
            };
            let pair = (checker.region_of_target(a, regions)?, checker.region_of_target(b, regions)?);
            if pair.0 == pair.1 {
                return Err(checker.bad(between.referenced, "expected two different Regions"));
            }
            Ok(Fault::Partition { between: pair })
        }
        "replication-pause" | "replication-slow" => {
            let of = checker.choose("store", written.of.as_ref().ok_or_else(|| needs("of"))?, &stores())?;
            let known =
                |text: &Option<Text>| text.as_ref().map(|text| checker.region_of_target(text, regions)).transpose();
            let (from, to) = (known(&written.from)?, known(&written.to)?);
            if let Some(text) = written.to.as_ref().filter(|_| from.is_some() && from == to) {
                return Err(checker.bad(text.referenced, "expected another Region than \"from\""));
            }
            let primary = regions.first().copied();
            if of == Store::Secret
                && let Some(text) = written.from.as_ref().filter(|_| from != primary)
            {
                return Err(checker.bad(text.referenced, "a secret replicates from the primary Region only"));
            }
            if kind == "replication-pause" {
                return Ok(Fault::ReplicationPause { of, from, to });
            }
            let times = written.times.as_ref().ok_or_else(|| needs("times"))?;
            if times.value < 2 {
                return Err(checker.bad(times.referenced, "expected 2 or more: how many times as long it takes"));
            }
            Ok(Fault::ReplicationSlow { of, from, to, times: times.value })
        }
        "clock-skew" => {
            let ahead = written.ahead.as_ref().ok_or_else(|| needs("ahead"))?;
            let ahead_ms = checker.parsed(ahead, |text| {
                let (sign, length) = text.trim().strip_prefix('-').map_or((1, text), |length| (-1, length));
                Ok(sign * i64::try_from(parse_duration(length)?.as_millis()).unwrap_or(i64::MAX))
            })?;
            if ahead_ms == 0 {
                return Err(checker.bad(ahead.referenced, "expected a clock that is ahead or behind, not 0s"));
            }
            Ok(Fault::ClockSkew { region: region.ok_or_else(|| needs("region"))?, ahead_ms })
        }
        "broken-replicator" => {
            let text = written.defect.as_ref().ok_or_else(|| needs("defect"))?;
            let defect = match (checker.choose("defect", text, DEFECTS)?, &written.times) {
                (Defect::DropsOneIn { .. }, Some(times)) if times.value == 0 => {
                    return Err(checker.bad(times.referenced, "expected 1 or more"));
                }
                (Defect::DropsOneIn { .. }, Some(times)) => Defect::DropsOneIn { count: times.value },
                (defect, None) => defect,
                (_, Some(times)) => {
                    return Err(checker.bad(times.referenced, format!("{} takes no \"times\"", text.value)));
                }
            };
            Ok(Fault::BrokenReplicator { defect })
        }
        "degraded" => degraded(checker, written, region).map(Fault::Degraded),
        "poisoned-item" => {
            let key = written.key.as_ref().map_or("config", |key| key.value.as_str()).to_owned();
            if let Some(text) = written.key.as_ref().filter(|_| key.starts_with("blackstart-")) {
                let what = "keys that begin with blackstart- are the harness's own: nobody but it reads them";
                return Err(checker.bad(text.referenced, what));
            }
            Ok(Fault::Poison { what: Poisoned::Item { key }, region: region.ok_or_else(|| needs("region"))? })
        }
        _ => {
            let text = written.region.as_ref().ok_or_else(|| needs("region"))?;
            let primary = regions.first().copied();
            match region {
                Some(region) if Some(region) == primary => Ok(Fault::Poison { what: Poisoned::Secret, region }),
                _ => Err(checker.bad(text.referenced, "a secret is written in the primary Region only")),
            }
        }
    }
}

fn degraded(checker: &Checker<'_>, written: &FaultFile, region: Option<Region>) -> Result<Degraded, ScenarioError> {
    let path = |text: &Option<Text>| {
        let Some(text) = text else { return Ok(None) };
        let what = "expected the beginning of a path, like /health";
        if text.value.starts_with('/') { Ok(Some(text.value.clone())) } else { Err(checker.bad(text.referenced, what)) }
    };
    let degraded = Degraded {
        region,
        release: written.release.as_ref().map(|text| checker.name(text)).transpose()?,
        only: path(&written.only)?,
        except: path(&written.except)?,
        errors: checker.percent_or(written.errors.as_ref(), Percent::NONE)?,
        crashes: checker.percent_or(written.crashes.as_ref(), Percent::NONE)?,
        delay: checker.duration_or(written.delay.as_ref(), Duration::ZERO)?,
    };
    if degraded.errors == Percent::NONE && degraded.crashes == Percent::NONE && degraded.delay.is_zero() {
        let what = "degraded needs one of \"errors\", \"crashes\" and \"delay\" above zero";
        return Err(checker.bad(written.fault.referenced, what));
    }
    Ok(degraded)
}
