//! Faults: a value of the plan goes in, a guard comes out. The guard is the only way to heal, and what it undoes is
//! known before anything breaks.

mod concurrency;
mod means;
mod poison;

use std::sync::Arc;

use crate::history::Recorder;
use crate::region::Region;
use crate::scenario::{Defect, Fault, Mode, Scope};
use crate::store::Store;
use crate::target::{self, Breakage, BreakageId, Injector, Met, Target, TargetError, Way, way};
pub use concurrency::Reserved;
use concurrency::Throttled;
pub use means::{Means, means};
use poison::Antidote;

/// The name that plays a role (`table`, `bucket`, `secret`) in a Region.
type Role<'a> = &'a dyn Fn(&str, Region) -> Option<String>;

/// What a fault needs to know of the run.
pub struct Place<'a> {
    pub target: &'a dyn Target,
    pub role: Role<'a>,
    pub recorder: &'a Recorder,
}

/// A fault in force.
#[must_use = "a fault stays until its guard heals it"]
pub enum Guard {
    Breakages { injector: Arc<dyn Injector>, ids: Vec<BreakageId> },
    Throttled(Throttled),
    Poison(Antidote),
}

impl Guard {
    /// What it did so far to the requests that met it, where that is counted.
    pub fn met(&self) -> Vec<Met> {
        match self {
            Self::Breakages { injector, ids } => ids.iter().flat_map(|id| injector.met(*id)).collect(),
            Self::Throttled(_) | Self::Poison(_) => Vec::new(),
        }
    }

    /// Ends the fault.
    pub async fn heal(self, place: &Place<'_>) -> Result<(), TargetError> {
        match self {
            Self::Breakages { injector, ids } => {
                for id in ids {
                    injector.heal(id).await?;
                }
                Ok(())
            }
            Self::Throttled(throttled) => throttled.give_back(place).await,
            Self::Poison(antidote) => antidote.give(place).await,
        }
    }
}

/// Injects a fault.
pub async fn inject(place: &Place<'_>, fault: &Fault) -> Result<Guard, TargetError> {
    if let Fault::Poison { what, region } = fault {
        return Ok(Guard::Poison(poison::poison(place, what, *region).await?));
    }
    let injector = place.target.injector();
    let breakages = breakages(place.target.regions(), place.role, fault)?;
    if let [Breakage::Application { region, functions, .. }] = &breakages[..]
        && way(place.target, &breakages[0]).map_err(TargetError)? == Way::Throttle
    {
        return Ok(Guard::Throttled(concurrency::throttle(place, *region, functions).await?));
    }
    let mut ids = Vec::new();
    for breakage in breakages {
        ids.push(injector.inject(breakage).await?);
    }
    Ok(Guard::Breakages { injector, ids })
}

/// What a fault of the plan means to a target.
fn breakages(regions: &[Region], role: Role<'_>, fault: &Fault) -> Result<Vec<Breakage>, TargetError> {
    let breakage = match fault {
        Fault::RegionOutage { region, scope: Scope::Application, mode: how } => {
            let functions = role("function", *region).into_iter().collect();
            Breakage::Application { region: *region, mode: mode(*how), functions }
        }
        Fault::RegionOutage { region, scope: Scope::Region, mode: how } => {
            Breakage::Region { region: *region, mode: mode(*how) }
        }
        Fault::ServiceOutage { service, region, operations, mode: how } => Breakage::Service {
            region: *region,
            service: service.clone(),
            operations: operations.clone(),
            mode: mode(*how),
        },
        Fault::DnsOutage { mode: how } => Breakage::NameServers { mode: mode(*how) },
        Fault::Partition { between } => Breakage::Partition { between: *between },
        Fault::ReplicationPause { of, from, to } => return replication((regions, role), *of, *from, *to, None),
        Fault::ReplicationSlow { of, from, to, times } => {
            return replication((regions, role), *of, *from, *to, Some(*times));
        }
        Fault::ClockSkew { region, ahead_ms } => Breakage::ClockSkew { region: *region, ahead_ms: *ahead_ms },
        Fault::BrokenReplicator { defect } => Breakage::Replicator(match defect {
            Defect::DropsOneIn { count } => target::Defect::DropsOneIn(*count),
            Defect::EarlierWins => target::Defect::EarlierWins,
            Defect::LocalWins => target::Defect::LocalWins,
            Defect::ForgetsDeletes => target::Defect::ForgetsDeletes,
            Defect::CompletesWithoutCopy => target::Defect::CompletesWithoutCopy,
            Defect::PublishesPending => target::Defect::PublishesPending,
        }),
        Fault::Degraded(degraded) => Breakage::Degraded {
            region: degraded.region,
            release: degraded.release.clone(),
            only: degraded.only.clone(),
            except: degraded.except.clone(),
            errors: degraded.errors.ratio(),
            crashes: degraded.crashes.ratio(),
            delay: degraded.delay,
        },
        Fault::Poison { .. } => return Ok(Vec::new()),
    };
    Ok(vec![breakage])
}

/// One breakage for each thing of that kind: a bucket has a name of its own in every Region.
fn replication(
    (regions, role): (&[Region], Role<'_>),
    of: Store,
    from: Option<Region>,
    to: Option<Region>,
    times: Option<u32>,
) -> Result<Vec<Breakage>, TargetError> {
    let mut names: Vec<String> = regions.iter().filter_map(|region| role(of.as_str(), *region)).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(TargetError(format!("the stack names no {}: layout.yaml must give this role", of.as_str())));
    }
    Ok(names.into_iter().map(|name| Breakage::Replication { of, name, from, to, times }).collect())
}

fn mode(mode: Mode) -> target::Mode {
    match mode {
        Mode::Refuse => target::Mode::Refuse,
        Mode::Hang => target::Mode::Hang,
        Mode::Status5xx => target::Mode::Errors,
    }
}
