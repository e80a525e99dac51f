//! What is broken right now. Faults are injected and healed here; every part of the twin asks before it acts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::network::Origin;
use crate::region::Region;
pub use crate::store::Store;

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
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The Region's application: its functions, or with [`Effect::Refuse`] the API edge in front of them.
    /// The control planes of the Region stay up.
    Application { region: Region, effect: Effect },
    /// Everything in the Region: edge, functions, service endpoints, metrics and alarms.
    Region { region: Region, effect: Effect },
    /// The API of one service, by its SigV4 name; `region` is where its endpoint lives, `None` for everywhere.
    /// `operations` empty means all of them.
    Service { region: Option<Region>, service: String, operations: Vec<String>, effect: Effect },
    /// The name servers: SERVFAIL with [`Effect::Refuse`] and [`Effect::Error`], silence with [`Effect::Hang`]. What
    /// changes records and health checks stays up.
    NameServers { effect: Effect },
    /// Nothing passes between the two Regions; each keeps serving its users.
    Partition { between: (Region, Region) },
    /// What a service replicates moves slower, or not at all. `name` is the table's, bucket's or secret's name, `None`
    /// all of them; `from` and `to` narrow it to a direction.
    Replication { of: Store, name: Option<String>, from: Option<Region>, to: Option<Region>, pace: Pace },
    /// The clock a Region's services stamp writes with is this many microseconds ahead (or behind).
    ClockSkew { region: Region, ahead_us: i64 },
    /// A replicator that is broken on purpose.
    Defect(Defect),
    /// Functions behind API Gateway run, and a share of their answers is bad: a grey failure, or a bad release.
    Degraded {
        /// `None` for everywhere.
        region: Option<Region>,
        /// The versions alone whose own environment says `VERSION` is this.
        release: Option<String>,
        /// Requests whose path begins with these segments, and no others.
        only: Option<String>,
        /// All requests but those whose path begins with these segments.
        except: Option<String>,
        /// The share of answers that become a 500, from 0 to 1.
        errors: f64,
        /// The share of invocations that end as a function error, from 0 to 1.
        crashes: f64,
        /// The mean of what an answer takes longer.
        delay: Duration,
    },
}

/// What one degradation does to an invocation it is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Degradation {
    pub errors: f64,
    pub crashes: f64,
    pub delay: Duration,
}

/// How fast replication moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// What is sent waits; it arrives after the heal.
    Stopped,
    /// The lag is this many times as long; 1 is how it should be.
    Times(u32),
}

/// Ways in which a replicator breaks the promises of the service it belongs to. No service documents them: they are
/// here so that whatever claims to find them can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// One in so many changes of a table's item never arrives.
    DropOneIn(u32),
    /// Of two versions of an item the earlier one wins, everywhere.
    EarlierWins,
    /// Of two versions of an item the one that is there already wins: Regions stay apart.
    LocalWins,
    /// Deletes of items are not replicated.
    ForgetDeletes,
    /// Objects are COMPLETED, and never copied.
    CompleteWithoutCopy,
    /// A secret's replicas serve the version that is still being made.
    PublishPending,
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

    /// What ails an invocation for a request with this path, by a version that calls itself `release`.
    pub fn degradations(&self, at: Region, path: &str, version: Option<&str>) -> Vec<Degradation> {
        let degradation = |fault: &Fault| match fault {
            Fault::Degraded { region, release, only, except, errors, crashes, delay } => {
                let is_meant = region.is_none_or(|region| region == at)
                    && release.as_deref().is_none_or(|release| version == Some(release))
                    && only.as_deref().is_none_or(|only| is_under(path, only))
                    && !except.as_deref().is_some_and(|except| is_under(path, except));
                is_meant.then_some(Degradation { errors: *errors, crashes: *crashes, delay: *delay })
            }
            _ => None,
        };
        self.lock().1.values().filter_map(degradation).collect()
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

    /// What happens to a query for a name.
    pub fn on_name_servers(&self) -> Option<Effect> {
        self.first(|fault| match fault {
            Fault::NameServers { effect } => Some(*effect),
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

    /// How fast a store's changes move in one direction now.
    pub fn pace(&self, of: Store, name: &str, from: Region, to: Region) -> Pace {
        if !self.can_reach(from, to) {
            return Pace::Stopped;
        }
        let mut times = 1_u32;
        for fault in self.lock().1.values() {
            let Fault::Replication { of: store, name: only, from: source, to: destination, pace } = fault else {
                continue;
            };
            let is_meant = *store == of
                && only.as_deref().is_none_or(|only| only == name)
                && source.is_none_or(|source| source == from)
                && destination.is_none_or(|destination| destination == to);
            match pace {
                Pace::Stopped if is_meant => return Pace::Stopped,
                Pace::Times(more) if is_meant => times = times.saturating_mul((*more).max(1)),
                _ => {}
            }
        }
        Pace::Times(times)
    }

    /// How far ahead of the truth the clock of a Region's services is, in microseconds.
    pub fn clock_skew_us(&self, region: Region) -> i64 {
        let skew = |fault: &Fault| match fault {
            Fault::ClockSkew { region: skewed, ahead_us } if *skewed == region => Some(*ahead_us),
            _ => None,
        };
        self.lock().1.values().filter_map(skew).sum()
    }

    /// The first defect in force that `pick` takes.
    pub fn defect<T>(&self, pick: impl Fn(Defect) -> Option<T>) -> Option<T> {
        self.first(|fault| match fault {
            Fault::Defect(defect) => pick(*defect),
            _ => None,
        })
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

/// Whether a path begins with these segments: `/orders/7` is under `/orders`, `/ordersx` is not.
fn is_under(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
    fn replication_is_paused_by_store_name_and_direction() {
        let faults = Faults::default();
        let orders = |from, to| faults.pace(Store::Table, "orders", from, to);
        assert_eq!(orders(US, EU), Pace::Times(1));
        let fault =
            |pace, to| Fault::Replication { of: Store::Table, name: Some("orders".into()), from: None, to, pace };
        faults.inject(fault(Pace::Times(3), None));
        faults.inject(fault(Pace::Times(4), None));
        assert_eq!(orders(US, EU), Pace::Times(12));
        let paused = faults.inject(fault(Pace::Stopped, Some(EU)));
        assert_eq!((orders(US, EU), orders(EU, US)), (Pace::Stopped, Pace::Times(12)));
        assert_eq!(faults.pace(Store::Table, "other", US, EU), Pace::Times(1));
        assert_eq!(faults.pace(Store::Bucket, "orders", US, EU), Pace::Times(1));
        faults.heal(paused);
        faults.inject(Fault::Partition { between: (US, EU) });
        assert_eq!(orders(EU, US), Pace::Stopped);
    }

    #[test]
    fn a_degradation_is_for_its_region_release_and_paths() {
        let faults = Faults::default();
        let degraded = |release: Option<&str>, only: Option<&str>, except: Option<&str>| Fault::Degraded {
            region: Some(US),
            release: release.map(str::to_owned),
            only: only.map(str::to_owned),
            except: except.map(str::to_owned),
            errors: 0.1,
            crashes: 0.0,
            delay: Duration::ZERO,
        };
        let count = |at, path: &str, version| faults.degradations(at, path, version).len();
        let whole = faults.inject(degraded(None, None, Some("/health")));
        assert_eq!((count(US, "/orders/7", None), count(EU, "/orders/7", None)), (1, 0));
        assert_eq!((count(US, "/health", None), count(US, "/healthy", None)), (0, 1));
        faults.inject(degraded(Some("2"), Some("/orders"), None));
        assert_eq!((count(US, "/orders/7", Some("2")), count(US, "/orders", Some("1"))), (2, 1), "they add up");
        faults.heal(whole);
        assert_eq!((count(US, "/ordersx", Some("2")), count(US, "/whoami", Some("2"))), (0, 0));
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
