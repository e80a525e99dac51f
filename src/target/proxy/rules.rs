//! The rules in force, and what they decide about a request.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::{Call, Effect, Fired, Rule, RuleId};
use crate::clock::{Clock, Timestamp};
use crate::region::Region;
use crate::seed::Seed;

pub(super) struct Rules {
    clock: Clock,
    seed: Seed,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    injected: u64,
    all: BTreeMap<RuleId, Armed>,
}

/// A rule with its own draws: what one rule draws never shifts what another does.
struct Armed {
    draws: ChaCha8Rng,
    record: Fired,
    /// Dropped when the rule is healed; whoever hangs on the rule sees it go.
    in_force: Option<watch::Sender<()>>,
}

/// What shall happen to one request.
#[derive(Debug)]
pub(super) struct Decision {
    pub delay: Duration,
    pub failing: Option<Failing>,
}

/// How it shall fail, and by which rule.
#[derive(Debug)]
pub(super) struct Failing {
    pub effect: Effect,
    /// `blackstart-rule-3-17`: the seventeenth time of the third rule, so that a client's log leads back here.
    pub request_id: String,
    over: watch::Receiver<()>,
    until: Option<Timestamp>,
    clock: Clock,
}

impl Failing {
    /// Returns when the rule is healed, or has ended by itself.
    pub async fn over(&mut self) {
        let healed = async { while self.over.changed().await.is_ok() {} };
        match self.until {
            None => healed.await,
            Some(until) => tokio::select! {
                () = healed => {}
                () = self.clock.sleep_until(until) => {}
            },
        }
    }
}

impl Rules {
    pub fn new(clock: Clock, seed: Seed) -> Self {
        Self { clock, seed, state: Mutex::default() }
    }

    pub fn inject(&self, rule: Rule) -> RuleId {
        let mut state = self.lock();
        state.injected += 1;
        let id = RuleId(state.injected);
        let draws = self.seed.stream(&format!("proxy rule {id}"));
        let record = Fired::new(id, rule, self.clock.now());
        state.all.insert(id, Armed { draws, record, in_force: Some(watch::Sender::new(())) });
        id
    }

    /// Ends a rule; false where it had ended already.
    pub fn heal(&self, id: RuleId) -> bool {
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(armed) = state.all.get_mut(&id).filter(|armed| armed.in_force.is_some()) else { return false };
        armed.in_force = None;
        armed.record.healed = Some(now);
        true
    }

    /// The rules that are not healed.
    pub fn in_force(&self) -> Vec<RuleId> {
        let state = self.lock();
        state.all.iter().filter(|(_, armed)| armed.in_force.is_some()).map(|(id, _)| *id).collect()
    }

    pub fn audit(&self) -> Vec<Fired> {
        self.lock().all.values().map(|armed| armed.record.clone()).collect()
    }

    /// Notes that a refusing rule closed a port.
    pub fn closed(&self, id: RuleId, connections_reset: u64) {
        let now = self.clock.now();
        if let Some(armed) = self.lock().all.get_mut(&id) {
            armed.record.fire(now);
            armed.record.connections_reset += connections_reset;
        }
    }

    /// Delays add up; the first rule that fails the request decides how. Every matching rule draws, whatever the
    /// others do, so that its draws depend on its own requests alone.
    pub fn decide(&self, call: &Call<'_>, arrived: Region) -> Decision {
        let now = self.clock.now();
        let mut decision = Decision { delay: Duration::ZERO, failing: None };
        for armed in self.lock().all.values_mut() {
            let Some(in_force) = &armed.in_force else { continue };
            let Fired { rule, injected, .. } = &armed.record;
            if !rule.is_meant(call, now.since(*injected)) {
                continue;
            }
            // Its own port is closed; what was accepted before is on its way to be reset.
            if rule.effect == Effect::Refuse && arrived == call.region {
                continue;
            }
            let until = rule.until.map(|until| *injected + until);
            let effect = rule.effect.clone();
            armed.record.matched += 1;
            let is_drawn = armed.draws.random_bool(armed.record.rule.probability);
            if !is_drawn || armed.record.rule.count.is_some_and(|count| armed.record.fired >= count) {
                continue;
            }
            if let Effect::Latency { delay, jitter } = effect {
                let share: f64 = armed.draws.random();
                decision.delay += delay + jitter.mul_f64(share);
            } else if decision.failing.is_none() {
                let request_id = format!("blackstart-rule-{}-{}", armed.record.id, armed.record.fired + 1);
                let over = in_force.subscribe();
                decision.failing = Some(Failing { effect, request_id, over, until, clock: self.clock });
            } else {
                continue;
            }
            armed.record.fire_on(call, now);
        }
        decision
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
