//! Route 53's health checkers: several places, an interval, a threshold, a quorum.
//!
//! ```text
//! services::route53 ─put→ HealthCheckers ─one task a checker→ checker (dns, network) ─→ opinion ─quorum→ is_healthy
//!                                        └─ one a metric ──→ metric (cloudwatch) ────────↗
//!                                                                                         └─ once a minute → metrics
//! ```
//!
//! A check knows nothing of the API that made it, and the records that use it ask only [`HealthCheckers::is_healthy`].

mod check;
mod checker;
mod metric;
mod opinion;
mod publish;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::task::AbortHandle;

use crate::Cloud;
use crate::dns::health::{self as rules, Standing, View};
use crate::region::Region;
use crate::seed::Seed;

pub use check::{Check, Endpoint, Insufficient, Kind};
pub use checker::{is_place, place_names, places};
pub use opinion::{Observation, Opinion, Outcome};

pub struct HealthCheckers(Mutex<State>);

struct State {
    checks: BTreeMap<String, Entry>,
    /// Draws for the moment each checker begins: they do not coordinate with each other.
    phases: ChaCha8Rng,
}

struct Entry {
    check: Arc<Check>,
    opinions: Vec<Opinion>,
    /// What the quorum of checkers says, before inversion.
    passing: bool,
    tasks: Vec<AbortHandle>,
}

impl HealthCheckers {
    pub fn new(seed: Seed) -> Self {
        Self(Mutex::new(State { checks: BTreeMap::new(), phases: seed.stream("world/health/phases") }))
    }

    /// Whether DNS takes the endpoint of this health check for healthy right now.
    pub fn is_healthy(&self, health_check_id: &str) -> bool {
        self.lock().is_healthy(health_check_id)
    }

    /// Starts a check, or changes one and keeps what its checkers think.
    pub fn put(&self, cloud: &Arc<Cloud>, id: &str, check: Check) {
        let check = Arc::new(check);
        let mut state = self.lock();
        let known = state.checks.remove(id);
        let (mut opinions, passing) = match known {
            Some(entry) => {
                entry.tasks.iter().for_each(AbortHandle::abort);
                (entry.opinions, entry.passing)
            }
            None => (Vec::new(), true),
        };
        let places = match &check.kind {
            Kind::Metric { stream, .. } => vec![(stream.region, metric::ADDRESS)],
            Kind::Calculated { .. } => Vec::new(),
            _ => places(&check.regions),
        };
        let same = opinions.len() == places.len()
            && opinions.iter().zip(&places).all(|(opinion, (region, _))| opinion.region == *region);
        if !same {
            opinions = places.iter().map(|(region, address)| Opinion::new(*region, *address)).collect();
        }
        let mut tasks = Vec::new();
        if !check.disabled {
            for (index, (region, _)) in places.iter().enumerate() {
                let phase = state.phases.random_range(0.0..1.0);
                let (cloud, id) = (Arc::downgrade(cloud), id.to_owned());
                let task = match &check.kind {
                    Kind::Metric { stream, insufficient } => {
                        let phase = metric::EVERY.mul_f64(phase);
                        tokio::spawn(metric::run(cloud, id, stream.clone(), *insufficient, phase))
                    }
                    _ => {
                        let phase = check.interval.mul_f64(phase);
                        tokio::spawn(checker::run(cloud, id, check.clone(), index, *region, phase))
                    }
                };
                tasks.push(task.abort_handle());
            }
        }
        state.checks.insert(id.to_owned(), Entry { check, opinions, passing, tasks });
    }

    /// Ends a check and its checkers.
    pub fn remove(&self, id: &str) {
        if let Some(entry) = self.lock().checks.remove(id) {
            entry.tasks.iter().for_each(AbortHandle::abort);
        }
    }

    /// What each checker of an endpoint thinks, and saw.
    pub fn opinions(&self, id: &str) -> Vec<Opinion> {
        self.lock().checks.get(id).map(|entry| entry.opinions.clone()).unwrap_or_default()
    }

    /// One checker's result; the quorum is counted again over the checkers that are there to report.
    fn report(&self, cloud: &Cloud, id: &str, checker: usize, observation: Observation) {
        let mut state = self.lock();
        let Some(entry) = state.checks.get_mut(id) else { return };
        let threshold = if entry.check.kind.has_endpoint() { entry.check.threshold } else { 1 };
        let Some(opinion) = entry.opinions.get_mut(checker) else { return };
        if !opinion.take(observation, threshold) {
            return;
        }
        // Checkers in a lost Region are not counted; what reads a metric there says what it is without its data.
        let is_lost = |region: Region| entry.check.kind.has_endpoint() && cloud.faults.region_is_down(region);
        let reporting = entry.opinions.iter().filter(|opinion| !is_lost(opinion.region));
        let (count, healthy) =
            reporting.fold((0, 0), |(n, ok), opinion| (n + 1, ok + usize::from(opinion.vote.is_healthy)));
        if count > 0 {
            entry.passing = rules::is_quorum(healthy, count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_healthy(&self, id: &str) -> bool {
        rules::is_healthy(id, &|id| self.checks.get(id).map(Entry::view))
    }
}

impl Entry {
    fn view(&self) -> View<'_> {
        let Check { kind, inverted, disabled, .. } = &*self.check;
        let standing = match kind {
            Kind::Calculated { children, healthy_min } => Standing::Calculated { children, healthy_min: *healthy_min },
            _ => Standing::Passing(self.passing),
        };
        View { standing, inverted: *inverted, disabled: *disabled }
    }
}

/// Starts what publishes the checks' metrics; the checkers start with their checks.
pub fn start(cloud: &Arc<Cloud>) {
    let cloud: Weak<Cloud> = Arc::downgrade(cloud);
    tokio::spawn(publish::run(cloud));
}
