//! Breaking an emulator from outside: rules of the proxies in front of it, or a Region's process stopped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Pause;
use crate::region::Region;
use crate::target::proxy::{Effect, Proxy, Rule, RuleId, Traffic};
use crate::target::{Breakage, BreakageId, Injector, Mode, TargetError};

pub(super) struct ProxyInjector {
    services: Arc<Proxy>,
    edge: Arc<Proxy>,
    pausing: Option<Arc<dyn Pause>>,
    in_force: Mutex<InForce>,
}

#[derive(Default)]
struct InForce {
    last: u64,
    by_id: BTreeMap<u64, Undo>,
}

/// What heals a breakage.
#[derive(Default)]
struct Undo {
    services: Vec<RuleId>,
    edge: Vec<RuleId>,
    resume: Option<Region>,
}

/// What is done at each proxy.
#[derive(Default)]
struct Rules {
    services: Vec<Rule>,
    edge: Vec<Rule>,
    pause: Option<Region>,
}

impl ProxyInjector {
    pub fn new(services: Arc<Proxy>, edge: Arc<Proxy>, pausing: Option<Arc<dyn Pause>>) -> Self {
        Self { services, edge, pausing, in_force: Mutex::default() }
    }

    fn rules(&self, breakage: &Breakage) -> Result<Rules, String> {
        let inside = |what: &str| Err(format!("{what} happens inside the emulator, where the harness cannot reach"));
        match breakage {
            // Users are all that comes to the edge.
            Breakage::Application { region, mode, .. } => {
                let edge = vec![Rule::new(Traffic::Everything, edge_effect(*mode)).in_region(*region)];
                Ok(Rules { edge, ..Rules::default() })
            }
            Breakage::Region { region, mode } => Ok(self.region(*region, *mode)),
            Breakage::Service { region, service, operations, mode } => {
                let (service, operations) = (Some(service.clone()), operations.clone());
                let traffic = Traffic::Service { service, operations, resource: None };
                let services = vec![Rule { region: *region, ..Rule::new(traffic, service_effect(*mode)) }];
                Ok(Rules { services, ..Rules::default() })
            }
            Breakage::Degraded { release: Some(_), .. } => {
                Err("which version answers is the emulator's business: it cannot be degraded alone".to_owned())
            }
            Breakage::Degraded { region, release: None, only, except, errors, crashes, delay } => {
                let edge = degraded(*region, only.as_deref(), except.as_deref(), (*errors, *crashes), *delay);
                Ok(Rules { edge, ..Rules::default() })
            }
            Breakage::NameServers { .. } => {
                Err("the emulator has no name servers: the harness evaluates its records itself".to_owned())
            }
            Breakage::Partition { .. } => inside("what passes between its Regions"),
            Breakage::Replication { .. } | Breakage::Replicator(_) => inside("replication"),
            Breakage::ClockSkew { .. } => inside("its clock"),
        }
    }

    /// Everything in a Region, for users and for the harness.
    fn region(&self, region: Region, mode: Mode) -> Rules {
        if mode == Mode::Hang && self.pausing.is_some() {
            return Rules { pause: Some(region), ..Rules::default() };
        }
        let everything = |effect| vec![Rule::new(Traffic::Everything, effect).in_region(region)];
        let services = if mode == Mode::Refuse { Effect::Refuse } else { service_effect(mode) };
        Rules { services: everything(services), edge: everything(edge_effect(mode)), pause: None }
    }

    async fn undo(&self, mut undo: Undo) -> Result<(), TargetError> {
        self.lift(&mut undo);
        match (undo.resume, &self.pausing) {
            (Some(region), Some(pausing)) => pausing.resume(region).await,
            _ => Ok(()),
        }
    }

    /// Puts all rules in force, or none of them.
    fn put(&self, rules: Rules) -> Result<Undo, TargetError> {
        let mut undo = Undo::default();
        let put = self.put_each(rules, &mut undo);
        if put.is_err() {
            self.lift(&mut undo);
        }
        put.map(|()| undo)
    }

    fn put_each(&self, rules: Rules, undo: &mut Undo) -> Result<(), TargetError> {
        let sides = [(&self.services, rules.services), (&self.edge, rules.edge)];
        for ((proxy, rules), ids) in sides.into_iter().zip([&mut undo.services, &mut undo.edge]) {
            for rule in rules {
                ids.push(proxy.inject(rule).map_err(|why| TargetError(why.to_string()))?);
            }
        }
        Ok(())
    }

    fn lift(&self, undo: &mut Undo) {
        for (proxy, rules) in [(&self.services, &mut undo.services), (&self.edge, &mut undo.edge)] {
            for rule in rules.drain(..) {
                proxy.heal(rule);
            }
        }
    }
}

/// As users see it.
fn edge_effect(mode: Mode) -> Effect {
    match mode {
        Mode::Refuse => Effect::Refuse,
        Mode::Hang => Effect::Hang,
        Mode::Errors => Effect::Error {
            status: 500,
            code: "InternalServerErrorException".to_owned(),
            message: "Internal server error".to_owned(),
        },
    }
}

/// As callers of services see it.
fn service_effect(mode: Mode) -> Effect {
    match mode {
        Mode::Refuse => Effect::Reset,
        Mode::Hang => Effect::Hang,
        Mode::Errors => Effect::Error {
            status: 503,
            code: "ServiceUnavailable".to_owned(),
            message: "The service is unavailable: a fault of the rehearsal".to_owned(),
        },
    }
}

/// A share of the answers is bad, or all of them are late. Where both kinds of bad answers are asked for, the second is
/// drawn among those that the first left.
fn degraded(
    region: Option<Region>,
    only: Option<&str>,
    except: Option<&str>,
    (errors, crashes): (f64, f64),
    delay: Duration,
) -> Vec<Rule> {
    let traffic = || Traffic::Edge { only: only.map(str::to_owned), except: except.map(str::to_owned) };
    let bad = |status: u16, message: &str, probability: f64| Rule {
        region,
        probability,
        ..Rule::new(
            traffic(),
            Effect::Error { status, code: "InternalServerErrorException".to_owned(), message: message.to_owned() },
        )
    };
    let mut rules = Vec::new();
    if errors > 0.0 {
        rules.push(bad(500, "Internal server error", errors));
    }
    if crashes > 0.0 {
        rules.push(bad(502, "Internal server error", (crashes / (1.0 - errors).max(f64::EPSILON)).min(1.0)));
    }
    if !delay.is_zero() {
        // Uniform up to twice the mean: the proxy has no other distribution.
        let effect = Effect::Latency { delay: Duration::ZERO, jitter: delay * 2 };
        rules.push(Rule { region, ..Rule::new(traffic(), effect) });
    }
    rules
}

impl Injector for ProxyInjector {
    fn can(&self, breakage: &Breakage) -> Result<(), String> {
        self.rules(breakage).map(|_| ())
    }

    fn inject(&self, breakage: Breakage) -> BoxFuture<'_, Result<BreakageId, TargetError>> {
        Box::pin(async move {
            let rules = self.rules(&breakage).map_err(TargetError)?;
            let pause = rules.pause;
            let mut undo = self.put(rules)?;
            if let (Some(region), Some(pausing)) = (pause, &self.pausing) {
                if let Err(why) = pausing.pause(region).await {
                    self.lift(&mut undo);
                    return Err(why);
                }
                undo.resume = Some(region);
            }
            let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
            in_force.last += 1;
            let id = in_force.last;
            in_force.by_id.insert(id, undo);
            Ok(BreakageId(id))
        })
    }

    fn heal_all(&self) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let left = std::mem::take(&mut self.in_force.lock().unwrap_or_else(PoisonError::into_inner).by_id);
            for undo in left.into_values() {
                self.undo(undo).await?;
            }
            Ok(())
        })
    }

    fn heal(&self, id: BreakageId) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let undo = self.in_force.lock().unwrap_or_else(PoisonError::into_inner).by_id.remove(&id.0);
            match undo {
                Some(undo) => self.undo(undo).await,
                None => Ok(()),
            }
        })
    }
}
