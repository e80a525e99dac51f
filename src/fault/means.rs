//! What a fault will do on a target and how it is undone, in words: for whoever is asked before it happens.

use super::breakages;
use crate::region::Region;
use crate::scenario::{Fault, Mode, Poisoned, Scope};
use crate::target::{aws, is_throttling};

/// A fault in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Means {
    pub what: String,
    /// How, and how it is undone; or why this target cannot be broken so.
    pub how: Result<(String, String), String>,
}

/// What a fault of a plan means on the target of this name. Nothing is asked of it.
pub fn means(target: &str, regions: &[Region], fault: &Fault) -> Means {
    Means { what: what(fault), how: how(target, regions, fault) }
}

fn how(target: &str, regions: &[Region], fault: &Fault) -> Result<(String, String), String> {
    let said = |by: &str, undo: &str| Ok((by.to_owned(), undo.to_owned()));
    if let Fault::Poison { what, .. } = fault {
        return match what {
            Poisoned::Item { .. } => said(
                "PutItem over the item; it replicates",
                "PutItem with what was there, or DeleteItem; a run that is killed leaves it poisoned",
            ),
            Poisoned::Secret => said(
                "PutSecretValue; it replicates",
                "the version that was current is AWSCURRENT again; a run that is killed leaves it poisoned",
            ),
        };
    }
    match target {
        "embedded" => said("the twin's own world", "the world ends with the run"),
        "aws" => {
            // Its names are not known yet; what can be broken does not depend on them.
            let role = |role: &str, _| Some(role.to_owned());
            let breakages = breakages(regions, &role, fault).map_err(|error| error.0)?;
            for breakage in &breakages {
                if is_throttling(breakage) {
                    continue;
                }
                aws::can(breakage)?;
            }
            said(
                "reserved concurrency 0 of the Region's function: Lambda throttles every invocation, API Gateway \
                 answers 5xx",
                "the number it had is put back, or taken off, and read again; it is in undo.jsonl before the fault, and \
                 `blackstart restore` puts it back for a run that was killed",
            )
        }
        "localstack" => said(
            "rules of the harness's own proxies in front of it; with a container for each Region, that one paused or cut off its \
             networks",
            "the rules end with the process; a container is given back, and removed with the run",
        ),
        _ => said("rules of the harness's own proxies in front of the endpoint", "the rules end with the process"),
    }
}

fn what(fault: &Fault) -> String {
    let mode = |mode: &Mode| match mode {
        Mode::Refuse => "refuses",
        Mode::Hang => "hangs",
        Mode::Status5xx => "answers 5xx",
    };
    let between = |from: &Option<Region>, to: &Option<Region>| match (from, to) {
        (None, None) => "between all Regions".to_owned(),
        (from, to) => {
            let name = |region: &Option<Region>| region.map_or("everywhere".to_owned(), |region| region.to_string());
            format!("from {} to {}", name(from), name(to))
        }
    };
    match fault {
        Fault::RegionOutage { region, scope: Scope::Application, mode: how } => {
            format!("the application of {region} {}", mode(how))
        }
        Fault::RegionOutage { region, scope: Scope::Region, mode: how } => {
            format!("everything in {region} {}", mode(how))
        }
        Fault::ServiceOutage { service, region, operations, mode: how } => {
            let place = region.map_or("every Region".to_owned(), |region| region.to_string());
            let some = if operations.is_empty() { String::new() } else { format!(" ({})", operations.join(", ")) };
            format!("{service}{some} {} in {place}", mode(how))
        }
        Fault::DnsOutage { mode: how } => format!("the public name's name servers: each {}", mode(how)),
        Fault::Partition { between: (one, other) } => format!("nothing passes between {one} and {other}"),
        Fault::ReplicationPause { of, from, to } => {
            format!("replication of the {} stands still {}", of.as_str(), between(from, to))
        }
        Fault::ReplicationSlow { of, from, to, times } => {
            format!("replication of the {} takes {times} times as long {}", of.as_str(), between(from, to))
        }
        Fault::ClockSkew { region, ahead_ms } => format!("{region} stamps writes {ahead_ms} ms ahead"),
        Fault::BrokenReplicator { .. } => "the replicator breaks a promise".to_owned(),
        Fault::Degraded(degraded) => {
            let place = degraded.region.map_or("every Region".to_owned(), |region| region.to_string());
            format!("the application answers badly or late in {place}")
        }
        Fault::Poison { what: Poisoned::Item { key }, region } => {
            format!("the item {key} is written with bad data in {region}")
        }
        Fault::Poison { what: Poisoned::Secret, region } => {
            format!("a bad value of the secret is published in {region}")
        }
    }
}
