//! Faults: a value of the plan goes in, a guard comes out. The guard is the only way to heal, and what it undoes is
//! known before anything breaks.

use std::sync::Arc;

use crate::scenario::{Fault, Mode, Scope};
use crate::target::{self, Breakage, BreakageId, Injector, TargetError};

/// A fault in force.
#[must_use = "a fault stays until its guard heals it"]
pub struct Guard {
    injector: Arc<dyn Injector>,
    id: BreakageId,
}

impl Guard {
    /// Ends the fault.
    pub async fn heal(self) -> Result<(), TargetError> {
        self.injector.heal(self.id).await
    }
}

/// Injects a fault.
pub async fn inject(injector: &Arc<dyn Injector>, fault: &Fault) -> Result<Guard, TargetError> {
    let id = injector.inject(breakage(fault)).await?;
    Ok(Guard { injector: injector.clone(), id })
}

/// What a fault of the plan means to a target.
fn breakage(fault: &Fault) -> Breakage {
    match fault {
        Fault::RegionOutage { region, scope: Scope::Application, mode: how } => {
            Breakage::Application { region: *region, mode: mode(*how) }
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
        Fault::Partition { between } => Breakage::Partition { between: *between },
    }
}

fn mode(mode: Mode) -> target::Mode {
    match mode {
        Mode::Refuse => target::Mode::Refuse,
        Mode::Hang => target::Mode::Hang,
        Mode::Status5xx => target::Mode::Errors,
    }
}
