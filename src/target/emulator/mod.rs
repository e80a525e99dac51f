//! Emulators: whatever speaks AWS's protocols behind a URL, on the real clock. LocalStack in a container is one of them.
//!
//! ```text
//! SDK clients ─→ services proxy ─┐
//! users       ─→ edge proxy ─────┴→ the emulator        answers to names: target/evaluated, over its Route 53 API
//! ```
//!
//! Two proxies of the harness stand in front of it, one for service APIs and one for users, with a port for each Region:
//! there Regions are lost. What the emulator's own parts say to each other does not pass there, and no fault reaches it.

mod access;
mod injector;
mod internet;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::proxy::{Proxy, Upstream};
use super::{Clients, Injector, Internet, Packaging, Roles, Target, TargetError};
use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::Settings;
use crate::seed::Seed;
pub use access::{Endpoints, is_healthy};
use injector::ProxyInjector;
use internet::{EmulatorInternet, Names};

/// Edges get addresses from the block for benchmarks (RFC 2544), which nobody routes: each stands for the port on which
/// the edge proxy waits for users of that Region.
const EDGES: [u8; 3] = [198, 18, 0];

/// An emulator as a target.
pub struct Emulator {
    name: &'static str,
    clock: Clock,
    seed: Seed,
    regions: Vec<Region>,
    clients: Vec<(Region, Clients)>,
    edge: Arc<Proxy>,
    edges: Vec<Edge>,
    settings: Settings,
    /// Where it says what it is.
    health: String,
    injector: Arc<ProxyInjector>,
}

/// Where users meet a Region.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub region: Region,
    pub address: Ipv4Addr,
    pub listens: SocketAddr,
}

/// Stops a whole Region of an emulator from answering, where each Region is a process of its own.
pub trait Pause: Send + Sync {
    fn pause(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>>;
    fn resume(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>>;
}

impl Emulator {
    /// Puts the proxies in front of an emulator. Call it inside a runtime with IO, on real time.
    pub async fn start(
        name: &'static str,
        endpoints: &Endpoints,
        regions: &[Region],
        settings: &Settings,
        seed: Seed,
        pausing: Option<Arc<dyn Pause>>,
    ) -> Result<Self, TargetError> {
        let clock = Clock::system();
        let failed = |why: &dyn std::fmt::Display| TargetError(format!("{name}: {why}"));
        let upstreams: Vec<(Region, Upstream)> = endpoints.upstreams(regions)?;
        let services = Proxy::start(upstreams.clone(), clock, seed).await.map_err(|why| failed(&why))?;
        for (region, service, upstream) in endpoints.services()? {
            services.lead(region, service, upstream);
        }
        // Draws of its own: a rule of one proxy says nothing about the other's.
        let edge = Proxy::start(upstreams, clock, Seed(!seed.0)).await.map_err(|why| failed(&why))?;
        let mut clients = Vec::new();
        let mut edges = Vec::new();
        for (number, region) in (1..).zip(regions) {
            let address = |proxy: &Proxy| proxy.address(*region).ok_or_else(|| failed(&"a Region without a port"));
            let url = format!("http://{}", address(&services)?);
            clients.push((*region, access::clients(&url, *region, clock, &settings.timeouts)));
            let [a, b, c] = EDGES;
            edges.push(Edge { region: *region, address: Ipv4Addr::new(a, b, c, number), listens: address(&edge)? });
        }
        let health = endpoints.first(regions)?;
        let edge = Arc::new(edge);
        let injector = Arc::new(ProxyInjector::new(Arc::new(services), edge.clone(), pausing));
        Ok(Self {
            name,
            clock,
            seed,
            regions: regions.to_vec(),
            clients,
            edge,
            edges,
            settings: settings.clone(),
            health,
            injector,
        })
    }

    /// Says to the edge what users' host names mean to the emulator, and who answers names.
    fn names(&self, roles: Roles<'_>) -> Names {
        let hosts = internet::hosts(&self.regions, &self.settings.endpoint, roles);
        // A host it does not know it answers with 403, as API Gateway does.
        if self.edge.set_hosts(hosts).is_err() {
            return Names::None;
        }
        let Some(primary) = self.regions.first().copied() else { return Names::None };
        let clients = self.clients(primary).zip(roles("hosted-zone", primary)).zip(roles("public-name", primary));
        let by_name = internet::by_name(&self.edges, roles);
        match clients {
            Some(((clients, zone), _)) => {
                Names::evaluated(clients.route53.clone(), &zone, by_name, self.clock, self.seed)
            }
            None => Names::Own(by_name),
        }
    }
}

impl Target for Emulator {
    fn name(&self) -> &'static str {
        self.name
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn regions(&self) -> &[Region] {
        &self.regions
    }

    fn clients(&self, region: Region) -> Option<&Clients> {
        self.clients.iter().find(|(known, _)| *known == region).map(|(_, clients)| clients)
    }

    fn packaging(&self) -> Packaging {
        Packaging::Bootstrap { folder: self.settings.functions() }
    }

    fn version(&self) -> BoxFuture<'_, String> {
        Box::pin(async move {
            for path in ["/_localstack/health", "/_ministack/health", "/health"] {
                let Ok(text) = access::get(&self.health, path).await else { continue };
                let Ok(health) = serde_json::from_str::<Value>(&text) else { continue };
                let field = |name: &str| health.get(name).and_then(Value::as_str);
                if let Some(version) = field("version") {
                    let what = field("edition").or(field("server")).unwrap_or(self.name);
                    return format!("{what} {version}");
                }
            }
            format!("{} of unknown version", self.name)
        })
    }

    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet> {
        Arc::new(EmulatorInternet { edges: self.edges.clone(), names: self.names(roles) })
    }

    fn injector(&self) -> Arc<dyn Injector> {
        self.injector.clone()
    }
}
