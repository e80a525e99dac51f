//! Breaking an emulator from outside: rules of the proxies in front of it, or a Region's process stopped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Process, access};
use crate::region::Region;
use crate::target::proxy::{Effect, Proxy, Rule, RuleId, Traffic};
use crate::target::{Breakage, BreakageId, Injector, Met, Mode, Passing, TargetError};

pub(super) struct ProxyInjector {
    services: Arc<Proxy>,
    edge: Arc<Proxy>,
    processes: Option<Arc<dyn Process>>,
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
    process: Option<(Region, Halt)>,
}

/// What is done at each proxy, and to a Region's process.
#[derive(Default)]
struct Rules {
    services: Vec<Rule>,
    edge: Vec<Rule>,
    process: Option<(Region, Halt)>,
}

/// How a process is kept from its callers.
#[derive(Clone, Copy)]
enum Halt {
    Paused,
    Disconnected,
}

impl ProxyInjector {
    pub fn new(services: Arc<Proxy>, edge: Arc<Proxy>, processes: Option<Arc<dyn Process>>) -> Self {
        Self { services, edge, processes, in_force: Mutex::default() }
    }

    /// What passed the proxies so far.
    pub fn passing(&self) -> Vec<Passing> {
        let sides = [("services", &self.services), ("users", &self.edge)];
        let each = sides.into_iter().flat_map(|(place, proxy)| {
            proxy.audit().regions.into_iter().map(move |(region, passed)| Passing {
                place,
                region,
                requests: passed.requests,
                answered: passed.answered,
                unanswered: passed.upstream_failures,
                unknown_hosts: passed.unknown_hosts,
            })
        });
        each.collect()
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
        let own = self.processes.is_some();
        if mode == Mode::Hang && own {
            return Rules { process: Some((region, Halt::Paused)), ..Rules::default() };
        }
        let everything = |effect| vec![Rule::new(Traffic::Everything, effect).in_region(region)];
        let services = if mode == Mode::Refuse { Effect::Refuse } else { service_effect(mode) };
        // Callers are refused at the proxies, which would else say that their upstream is gone.
        let process = (mode == Mode::Refuse && own).then_some((region, Halt::Disconnected));
        Rules { services: everything(services), edge: everything(edge_effect(mode)), process }
    }

    async fn halt(&self, region: Region, halt: Halt) -> Result<(), TargetError> {
        match (&self.processes, halt) {
            (Some(processes), Halt::Paused) => processes.pause(region).await,
            (Some(processes), Halt::Disconnected) => processes.disconnect(region).await,
            (None, _) => Ok(()),
        }
    }

    async fn undo(&self, mut undo: Undo) -> Result<(), TargetError> {
        let running = match (&self.processes, undo.process) {
            (Some(processes), Some((region, Halt::Paused))) => processes.resume(region).await,
            (Some(processes), Some((region, Halt::Disconnected))) => match processes.reconnect(region).await {
                Ok(url) => self.move_to(region, &url),
                Err(why) => Err(why),
            },
            _ => Ok(()),
        };
        // Whoever comes when the rules are gone finds it there.
        self.lift(&mut undo);
        running
    }

    fn move_to(&self, region: Region, url: &str) -> Result<(), TargetError> {
        let upstream = access::read(url)?;
        for proxy in [&self.services, &self.edge] {
            proxy.move_to(region, upstream.clone());
        }
        Ok(())
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
            let process = rules.process;
            let mut undo = self.put(rules)?;
            if let Some((region, halt)) = process {
                if let Err(why) = self.halt(region, halt).await {
                    self.lift(&mut undo);
                    return Err(why);
                }
                undo.process = process;
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

    fn met(&self, id: BreakageId) -> Vec<Met> {
        let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(undo) = in_force.by_id.get(&id.0) else { return Vec::new() };
        let sides = [("services", &self.services, &undo.services), ("users", &self.edge, &undo.edge)];
        let each = sides.into_iter().flat_map(|(place, proxy, ids)| {
            let fired = proxy.audit().rules.into_iter().filter(|fired| ids.contains(&fired.id));
            fired.map(move |fired| Met {
                place,
                effect: fired.rule.effect.to_string(),
                matched: fired.matched,
                fired: fired.fired,
                resets: fired.connections_reset,
                first: fired.first,
                last: fired.last,
                samples: fired.samples.iter().map(ToString::to_string).collect(),
            })
        });
        each.collect()
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::Clock;
    use crate::seed::Seed;
    use crate::target::{socket, tls};

    const US: Region = Region::US_EAST_1;
    const EU: Region = Region::EU_WEST_1;

    /// What was done to the processes, in order.
    #[derive(Default)]
    struct Noted {
        acts: Mutex<Vec<String>>,
        moved_to: Mutex<Option<SocketAddr>>,
    }

    impl Noted {
        fn note(&self, act: &str, region: Region) {
            self.acts.lock().unwrap().push(format!("{act} {region}"));
        }
    }

    impl Process for Noted {
        fn pause(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
            self.note("pause", region);
            Box::pin(async { Ok(()) })
        }

        fn resume(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
            self.note("resume", region);
            Box::pin(async { Ok(()) })
        }

        fn disconnect(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
            self.note("disconnect", region);
            Box::pin(async { Ok(()) })
        }

        fn reconnect(&self, region: Region) -> BoxFuture<'_, Result<String, TargetError>> {
            self.note("reconnect", region);
            let at = *self.moved_to.lock().unwrap();
            Box::pin(async move { at.map(|at| format!("http://{at}")).ok_or_else(|| TargetError("still off".into())) })
        }
    }

    /// An emulator that answers every user with its own name.
    async fn upstream(name: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper::service::service_fn(move |_| async move {
                    let body = http_body_util::Full::new(Bytes::from_static(name.as_bytes()));
                    Ok::<_, std::convert::Infallible>(http::Response::new(body))
                });
                let stream = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
            }
        });
        address
    }

    async fn proxy(at: SocketAddr) -> Arc<Proxy> {
        let upstreams = vec![(US, at.into()), (EU, at.into())];
        let proxy = Proxy::start(upstreams, tls::untrusting().unwrap(), Clock::system(), Seed(7)).await.unwrap();
        let hosts = [US, EU].map(|region| crate::target::proxy::Host {
            region,
            name: "api.example".to_owned(),
            upstream_host: "a".to_owned(),
            path_prefix: String::new(),
        });
        proxy.set_hosts(hosts.to_vec()).unwrap();
        Arc::new(proxy)
    }

    /// A user of a Region asks.
    async fn ask(edge: &Proxy, region: Region) -> Result<(u16, Bytes), crate::target::SendError> {
        let line = socket::open(edge.address(region).unwrap(), "api.example", None).await?;
        let request = http::Request::get("http://api.example/whoami").body(Bytes::new()).unwrap();
        let answer = line.send(request).await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }

    #[tokio::test]
    async fn what_a_breakage_did_is_counted_until_it_is_healed() {
        let at = upstream("emulator").await;
        let (services, edge) = (proxy(at).await, proxy(at).await);
        let injector = ProxyInjector::new(services, edge.clone(), None);
        let application = Breakage::Application { region: US, mode: Mode::Errors, functions: Vec::new() };
        let id = injector.inject(application).await.unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&edge, US).await.unwrap().0, 500);
        }
        assert_eq!(ask(&edge, EU).await.unwrap().1, "emulator");
        let [met] = &injector.met(id)[..] else { panic!("one rule") };
        assert_eq!((met.place, met.matched, met.fired), ("users", 3, 3));
        assert_eq!(
            (met.effect.as_str(), met.samples[0].as_str()),
            ("500 InternalServerErrorException", "us-east-1 GET /whoami")
        );
        assert!(met.first.is_some() && met.last >= met.first);
        injector.heal(id).await.unwrap();
        assert_eq!(injector.met(id), []);
        assert_eq!(ask(&edge, US).await.unwrap().1, "emulator");
        let of = |region| {
            injector.passing().into_iter().find(|passing| passing.place == "users" && passing.region == region)
        };
        assert_eq!(of(US).map(|passing| (passing.requests, passing.answered, passing.unanswered)), Some((4, 1, 0)));
    }

    #[tokio::test]
    async fn a_region_that_refuses_is_cut_off_and_found_where_it_comes_back() {
        let (before, after) = (upstream("before").await, upstream("after").await);
        let (services, edge) = (proxy(before).await, proxy(before).await);
        let noted = Arc::new(Noted::default());
        let injector = ProxyInjector::new(services, edge.clone(), Some(noted.clone()));
        let id = injector.inject(Breakage::Region { region: US, mode: Mode::Refuse }).await.unwrap();
        assert_eq!(ask(&edge, US).await.unwrap_err(), crate::target::SendError::Refused);
        // Where it cannot be put back, that is said, and nobody is refused any longer.
        assert_eq!(injector.heal(id).await.unwrap_err().0, "still off");
        let again = injector.inject(Breakage::Region { region: US, mode: Mode::Refuse }).await.unwrap();
        *noted.moved_to.lock().unwrap() = Some(after);
        injector.heal(again).await.unwrap();
        assert_eq!(ask(&edge, US).await.unwrap().1, "after");
        assert_eq!(ask(&edge, EU).await.unwrap().1, "before");
        let hangs = injector.inject(Breakage::Region { region: EU, mode: Mode::Hang }).await.unwrap();
        injector.heal(hangs).await.unwrap();
        let acts = noted.acts.lock().unwrap().join(", ");
        assert_eq!(
            acts,
            "disconnect us-east-1, reconnect us-east-1, disconnect us-east-1, reconnect us-east-1, pause eu-west-1, resume \
             eu-west-1"
        );
    }
}
