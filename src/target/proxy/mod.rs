//! The harness's own reverse proxy in front of an emulator: the place where a Region can be lost though the emulator
//! cannot lose one.
//!
//! ```text
//! SDK clients, users ─→ listen (a port for each Region) ─→ serve ─→ call ─→ rules ─┬→ forward ─→ upstream
//!                                                                                  └→ wire_error, reset, silence
//! ```
//!
//! A request is read whole, told apart ([`Call`]), and decided on by the [`Rule`]s in force; what they did is in the
//! [`Audit`]. Signed requests go on as they came, so that their signatures stay valid; users' requests are sent to the
//! host the target gave for theirs. What the emulator's own parts do among themselves does not pass here, and no rule
//! reaches it. Sockets live on the real clock: never use this where tokio's time is paused.

mod audit;
mod call;
mod forward;
mod listen;
mod resource;
mod rule;
mod rules;
mod serve;
#[cfg(test)]
mod tests;
mod wire_error;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Request;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ClientConfig;

pub use audit::{Audit, Fired, Passed, Sample};
pub use call::{Call, Protocol};
pub use forward::{Host, Upstream};
pub use rule::{Effect, Rule, RuleId, Traffic};

use crate::clock::Clock;
use crate::region::Region;
use crate::seed::Seed;
use forward::{Hosts, Upstreams};
use listen::Gate;
use rules::Rules;

/// Why the proxy cannot do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("the proxy cannot listen for {region}: {source}")]
    Listen { region: Region, source: std::io::Error },
    #[error("the proxy was given {0} twice, or no Region at all; give each Region one upstream")]
    Regions(String),
    #[error("{0:?} is no URL of an endpoint: expected http://host:port or https://host:port, with no path after it")]
    Upstream(String),
    #[error(
        "the host {0:?} cannot be mapped: it needs an upstream host, and a path prefix that is empty or begins with /"
    )]
    Host(String),
    #[error("the rule makes no sense: {0}")]
    Rule(String),
}

/// The proxy of all Regions. Dropped, it ends at once.
pub struct Proxy {
    shared: Arc<Shared>,
    gates: BTreeMap<Region, Arc<Gate>>,
    ports: Vec<JoinHandle<()>>,
    /// What closes and opens ports by schedule.
    schedules: Mutex<BTreeMap<RuleId, JoinHandle<()>>>,
    clock: Clock,
    /// Rules may be injected from anywhere; sockets need their runtime.
    runtime: Handle,
}

/// What every connection needs.
struct Shared {
    rules: Rules,
    upstreams: Upstreams,
    hosts: Mutex<Hosts>,
    passed: Mutex<BTreeMap<Region, Passed>>,
}

impl Shared {
    fn note(&self, region: Region, count: impl FnOnce(&mut Passed)) {
        count(self.passed.lock().unwrap_or_else(PoisonError::into_inner).entry(region).or_default());
    }

    fn rewrite(&self, region: Region, request: Request<Bytes>) -> Option<Request<Bytes>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).rewrite(region, request)
    }
}

impl Proxy {
    /// Listens for each Region on a free port of 127.0.0.1 and forwards to the Region's upstream, over TLS of this kind
    /// where its URL says https. Needs a tokio runtime with IO, on real time.
    pub async fn start(
        upstreams: Vec<(Region, Upstream)>,
        tls: ClientConfig,
        clock: Clock,
        seed: Seed,
    ) -> Result<Self, ProxyError> {
        let given = upstreams.len();
        let upstreams: BTreeMap<Region, Upstream> = upstreams.into_iter().collect();
        if upstreams.is_empty() || upstreams.len() < given {
            return Err(ProxyError::Regions(format!("{:?}", upstreams.keys())));
        }
        let gates: BTreeMap<Region, Arc<Gate>> = upstreams
            .keys()
            .map(|region| match Gate::new(*region) {
                Ok(gate) => Ok((*region, Arc::new(gate))),
                Err(source) => Err(ProxyError::Listen { region: *region, source }),
            })
            .collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared {
            rules: Rules::new(clock, seed),
            upstreams: Upstreams::new(upstreams, tls),
            hosts: Mutex::default(),
            passed: Mutex::default(),
        });
        let ports = gates.values().map(|gate| tokio::spawn(serve::port(gate.clone(), shared.clone()))).collect();
        Ok(Self { shared, gates, ports, schedules: Mutex::default(), clock, runtime: Handle::current() })
    }

    /// What SDK clients and users of the Region connect to.
    pub fn address(&self, region: Region) -> Option<SocketAddr> {
        self.gates.get(&region).map(|gate| gate.address)
    }

    /// Leads a Region to another upstream from now on.
    pub fn move_to(&self, region: Region, upstream: Upstream) {
        self.shared.upstreams.move_to(region, upstream);
    }

    /// Leads one service of a Region, by SigV4 name, to an upstream of its own.
    pub fn lead(&self, region: Region, service: &str, upstream: Upstream) {
        self.shared.upstreams.lead(region, service, upstream);
    }

    /// Puts a rule in force. When this returns, what comes next meets it; a refused port is closed.
    pub fn inject(&self, rule: Rule) -> Result<RuleId, ProxyError> {
        let regions: Vec<Region> = self.gates.keys().copied().collect();
        rule.check(&regions)?;
        let id = self.shared.rules.inject(rule.clone());
        if rule.effect == Effect::Refuse {
            self.refuse(id, &rule);
        }
        Ok(id)
    }

    /// Ends a rule: ports it closed are open again when this returns, and connections it let hang end. False where it
    /// had been healed already.
    pub fn heal(&self, id: RuleId) -> bool {
        let _runtime = self.runtime.enter();
        if let Some(schedule) = self.schedules.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            schedule.abort();
        }
        self.gates.values().for_each(|gate| gate.open(id));
        self.shared.rules.heal(id)
    }

    pub fn heal_all(&self) {
        for id in self.shared.rules.in_force() {
            self.heal(id);
        }
    }

    /// What the rules met and did, and what passed.
    pub fn audit(&self) -> Audit {
        let mut regions = self.shared.passed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (region, gate) in &self.gates {
            let passed = regions.entry(*region).or_default();
            (passed.connections, passed.open, passed.trouble) = gate.audit();
        }
        Audit { rules: self.shared.rules.audit(), regions }
    }

    /// Says which hosts users may ask for, in place of those said before.
    pub fn set_hosts(&self, hosts: Vec<Host>) -> Result<(), ProxyError> {
        let hosts = Hosts::read(hosts)?;
        *self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts;
        Ok(())
    }

    /// Closes the ports, resets what is open, and returns when all of it has ended.
    pub async fn stop(mut self) {
        self.gates.values().for_each(|gate| gate.stop());
        for port in std::mem::take(&mut self.ports) {
            // Only a panic fails it, and that has been printed.
            let _ = port.await;
        }
    }

    /// Closes ports at the rule's time, and opens them at its end; what is due now happens now.
    fn refuse(&self, id: RuleId, rule: &Rule) {
        let _runtime = self.runtime.enter();
        let is_meant = |region: &Region| rule.region.is_none_or(|only| only == *region);
        let gates: Vec<Arc<Gate>> =
            self.gates.iter().filter(|(region, _)| is_meant(region)).map(|(_, gate)| gate.clone()).collect();
        let shared = self.shared.clone();
        let close = move |gates: &[Arc<Gate>]| {
            for reset in gates.iter().filter_map(|gate| gate.close(id)) {
                shared.rules.closed(id, reset);
            }
        };
        let now = self.clock.now();
        let (from, until) = (now + rule.from, rule.until.map(|until| now + until));
        if from <= now {
            close(&gates);
            if until.is_none() {
                return;
            }
        }
        let clock = self.clock;
        let schedule = tokio::spawn(async move {
            if from > now {
                clock.sleep_until(from).await;
                close(&gates);
            }
            if let Some(until) = until {
                clock.sleep_until(until).await;
                gates.iter().for_each(|gate| gate.open(id));
            }
        });
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner).insert(id, schedule);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let schedules = std::mem::take(self.schedules.get_mut().unwrap_or_else(PoisonError::into_inner));
        schedules.into_values().for_each(|schedule| schedule.abort());
        self.gates.values().for_each(|gate| gate.stop());
        self.ports.iter().for_each(JoinHandle::abort);
    }
}
