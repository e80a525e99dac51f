//! What is broken right now. Faults are injected and healed here; every part of the twin asks before it acts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::network::Origin;
use crate::region::Region;

/// How a broken thing shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Connections are refused.
    Refuse,
    /// Nothing ever answers.
    Hang,
    /// An answer comes at once, and it is a 5xx.
    Error,
}

/// What can break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The Region's application: its functions, or with [`Effect::Refuse`] the API edge in front of them.
    /// The control planes of the Region stay up.
    Application { region: Region, effect: Effect },
    /// Everything in the Region: edge, functions, service endpoints, metrics and alarms.
    Region { region: Region, effect: Effect },
    /// The API of one service, by its SigV4 name; `region` is where its endpoint lives, `None` for everywhere.
    /// `operations` empty means all of them.
    Service { region: Option<Region>, service: String, operations: Vec<String>, effect: Effect },
    /// Nothing passes between the two Regions; each keeps serving its users.
    Partition { between: (Region, Region) },
}

/// Names an injected fault until it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(u64);

impl FaultId {
    pub const fn number(self) -> u64 {
        self.0
    }

    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

#[derive(Default)]
pub struct Faults {
    active: Mutex<(u64, BTreeMap<FaultId, Fault>)>,
}

impl Faults {
    pub fn inject(&self, fault: Fault) -> FaultId {
        let mut active = self.lock();
        active.0 += 1;
        let id = FaultId(active.0);
        active.1.insert(id, fault);
        id
    }

    /// Ends a fault; false where it had ended already.
    pub fn heal(&self, id: FaultId) -> bool {
        self.lock().1.remove(&id).is_some()
    }

    /// What happens to a user's connection to the Region's API edge.
    pub fn on_edge(&self, origin: Origin, region: Region) -> Option<Effect> {
        self.first(|fault| match fault {
            Fault::Region { region: lost, effect } if *lost == region => Some(*effect),
            Fault::Application { region: lost, effect: Effect::Refuse } if *lost == region => Some(Effect::Refuse),
            Fault::Partition { between } if cut(*between, origin, region) => Some(Effect::Hang),
            _ => None,
        })
    }

    /// What happens to an invocation of a function in the Region.
    pub fn on_function(&self, region: Region) -> Option<Effect> {
        self.first(|fault| match fault {
            Fault::Region { region: lost, effect } | Fault::Application { region: lost, effect } if *lost == region => {
                Some(*effect)
            }
            _ => None,
        })
    }

    /// What happens to a call of a service whose endpoint lives in `seat`.
    pub fn on_service_call(&self, origin: Origin, seat: Region, service: &str, operation: &str) -> Option<Effect> {
        self.first(|fault| match fault {
            Fault::Region { region: lost, effect } if *lost == seat => Some(*effect),
            Fault::Service { region, service: broken, operations, effect } => {
                let here = region.is_none_or(|region| region == seat) && broken == service;
                (here && (operations.is_empty() || operations.iter().any(|name| name == operation))).then_some(*effect)
            }
            Fault::Partition { between } if cut(*between, origin, seat) => Some(Effect::Hang),
            _ => None,
        })
    }

    /// Whether everything in the Region is down: its metrics, alarms and topics stand still too.
    pub fn region_is_down(&self, region: Region) -> bool {
        self.first(|fault| matches!(fault, Fault::Region { region: lost, .. } if *lost == region).then_some(()))
            .is_some()
    }

    /// Whether something sent from one Region can arrive in the other.
    pub fn can_reach(&self, from: Region, to: Region) -> bool {
        let down = |region| self.region_is_down(region);
        !(down(from) || down(to))
            && self
                .first(|fault| match fault {
                    Fault::Partition { between } if cut(*between, Origin::Region(from), to) => Some(()),
                    _ => None,
                })
                .is_none()
    }

    fn first<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.lock().1.values().find_map(pick)
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<FaultId, Fault>)> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(between: (Region, Region), origin: Origin, to: Region) -> bool {
    let Origin::Region(from) = origin else { return false };
    between == (from, to) || between == (to, from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Region = Region::US_EAST_1;
    const EU: Region = Region::EU_WEST_1;

    #[test]
    fn an_application_fault_leaves_the_control_planes_up() {
        let faults = Faults::default();
        let id = faults.inject(Fault::Application { region: US, effect: Effect::Error });
        assert_eq!(faults.on_function(US), Some(Effect::Error));
        assert_eq!(faults.on_function(EU), None);
        assert_eq!(faults.on_edge(Origin::Operator, US), None);
        assert_eq!(faults.on_service_call(Origin::Operator, US, "dynamodb", "PutItem"), None);
        assert!(faults.heal(id) && !faults.heal(id));
        assert_eq!(faults.on_function(US), None);
    }

    #[test]
    fn a_partition_cuts_regions_and_not_users() {
        let faults = Faults::default();
        faults.inject(Fault::Partition { between: (US, EU) });
        assert!(!faults.can_reach(US, EU) && !faults.can_reach(EU, US));
        assert_eq!(faults.on_service_call(Origin::Region(EU), US, "s3", "PutObject"), Some(Effect::Hang));
        assert_eq!(faults.on_edge(Origin::Operator, US), None);
    }
}
