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
use tokio_rustls::rustls::ClientConfig;

use super::proxy::{Proxy, Upstream};
use super::{Clients, Injector, Internet, Packaging, Passing, Roles, SendError, Target, TargetError};
use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::{Endpoint, Settings};
use crate::seed::Seed;
pub use access::{Endpoints, is_healthy};
use injector::ProxyInjector;
use internet::{EmulatorInternet, Names};

/// Edges get addresses from the block for benchmarks (RFC 2544), which nobody routes: each stands for the port on which
/// the edge proxy waits for users of that Region.
const EDGES: [u8; 3] = [198, 18, 0];

/// The Host header by which ministack knows an API (its README, "API Gateway").
const MINISTACK_HOST: &str = "{api}.execute-api.localhost";

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
    /// What it says it is.
    version: String,
    injector: Arc<ProxyInjector>,
}

/// Where users meet a Region.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub region: Region,
    pub address: Ipv4Addr,
    pub listens: SocketAddr,
}

/// What can be done to a whole Region of an emulator, where each Region is a process of its own.
pub trait Process: Send + Sync {
    /// It stands still: whoever asks it waits.
    fn pause(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>>;
    fn resume(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>>;
    /// It runs on, and reaches nobody.
    fn disconnect(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>>;
    /// Gives the URL it has now.
    fn reconnect(&self, region: Region) -> BoxFuture<'_, Result<String, TargetError>>;
}

impl Emulator {
    /// Puts the proxies in front of an emulator. Call it inside a runtime with IO, on real time.
    pub async fn start(
        name: &'static str,
        endpoints: &Endpoints,
        regions: &[Region],
        settings: &Settings,
        seed: Seed,
        processes: Option<Arc<dyn Process>>,
    ) -> Result<Self, TargetError> {
        let clock = Clock::system();
        let failed = |why: &dyn std::fmt::Display| TargetError(format!("{name}: {why}"));
        let upstreams: Vec<(Region, Upstream)> = endpoints.upstreams(regions)?;
        let tls = endpoints.tls(settings.ca_bundle.as_deref())?;
        let shared = Arc::new(tls.clone());
        for (region, upstream) in &upstreams {
            let reached = access::reach(upstream, &shared).await;
            reached.map_err(|why| failed(&format!("{upstream} ({region}) does not answer: {why}")))?;
        }
        let version = match upstreams.first() {
            Some((_, upstream)) => version(name, upstream, &shared)
                .await
                .map_err(|why| failed(&format!("{upstream} takes connections and does not answer: {why}")))?,
            None => return Err(failed(&"no Region")),
        };
        let services = Proxy::start(upstreams.clone(), tls.clone(), clock, seed).await.map_err(|why| failed(&why))?;
        for (region, service, upstream) in endpoints.services()? {
            services.lead(region, service, upstream);
        }
        // Draws of its own: a rule of one proxy says nothing about the other's.
        let edge = Proxy::start(upstreams, tls, clock, Seed(!seed.0)).await.map_err(|why| failed(&why))?;
        let mut clients = Vec::new();
        let mut edges = Vec::new();
        for (number, region) in (1..).zip(regions) {
            let address = |proxy: &Proxy| proxy.address(*region).ok_or_else(|| failed(&"a Region without a port"));
            let url = format!("http://{}", address(&services)?);
            clients.push((*region, access::clients(&url, *region, clock, &settings.timeouts)));
            let [a, b, c] = EDGES;
            edges.push(Edge { region: *region, address: Ipv4Addr::new(a, b, c, number), listens: address(&edge)? });
        }
        let edge = Arc::new(edge);
        let injector = Arc::new(ProxyInjector::new(Arc::new(services), edge.clone(), processes));
        Ok(Self {
            name,
            clock,
            seed,
            regions: regions.to_vec(),
            clients,
            edge,
            edges,
            settings: settings.clone(),
            version,
            injector,
        })
    }

    /// How a deployed API is asked for: as the settings say, or as this emulator is known to want it.
    fn asked_for(&self) -> Endpoint {
        let mut endpoint = self.settings.endpoint.clone();
        if self.version.starts_with("ministack") {
            endpoint.api_host.get_or_insert_with(|| MINISTACK_HOST.to_owned());
        }
        endpoint
    }

    /// Says to the edge what users' host names mean to the emulator, and who answers names.
    fn names(&self, roles: Roles<'_>) -> Names {
        let hosts = internet::hosts(&self.regions, &self.asked_for(), roles);
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

/// What an emulator says it is.
async fn version(name: &str, upstream: &Upstream, tls: &Arc<ClientConfig>) -> Result<String, SendError> {
    // One that answers for another says its own name first.
    for (path, known) in [("/_ministack/health", Some("ministack")), ("/_localstack/health", None), ("/health", None)] {
        let text = match access::get(upstream, Some(tls.clone()), path).await {
            Ok(text) => text,
            // Whoever has no such page says so; whoever says nothing has hung.
            Err(SendError::TimedOut) => return Err(SendError::TimedOut),
            Err(_) => continue,
        };
        let Ok(health) = serde_json::from_str::<Value>(&text) else { continue };
        let field = |name: &str| health.get(name).and_then(Value::as_str);
        if let Some(version) = field("version") {
            let what = known.or(field("edition")).or(field("server")).unwrap_or(name);
            return Ok(format!("{what} {version}"));
        }
    }
    Ok(format!("{name} of unknown version"))
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

    fn settings(&self) -> String {
        let Settings { endpoint, localstack, .. } = &self.settings;
        // The environment by itself: as a part of the rest its values are masked.
        let told = (endpoint, localstack, &localstack.environment, self.settings.functions());
        serde_json::to_string(&told).unwrap_or_default()
    }

    fn passing(&self) -> Vec<Passing> {
        self.injector.passing()
    }

    fn is_emulator(&self) -> bool {
        true
    }

    fn packaging(&self) -> Packaging {
        Packaging::Bootstrap { folder: self.settings.functions() }
    }

    fn version(&self) -> BoxFuture<'_, String> {
        let version = self.version.clone();
        Box::pin(async move { version })
    }

    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet> {
        Arc::new(EmulatorInternet { edges: self.edges.clone(), names: self.names(roles) })
    }

    fn injector(&self) -> Arc<dyn Injector> {
        self.injector.clone()
    }
}
