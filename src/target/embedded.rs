//! The embedded target: the twin, on a paused clock, in a thread of its own.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{
    Breakage, BreakageId, Clients, Connection, Injector, Internet, Lookup, Packaging, Raw, Resolver, Roles, SendError,
    Target, functions,
};
use crate::clock::Clock;
use crate::dns::Answer;
use crate::region::{Place, Region};
use crate::seed::Seed;
use crate::twin::gateway::{self, Credentials, TwinHttpClient};
use crate::twin::world::dns;
use crate::twin::world::faults::{Defect, Effect, Fault, Pace};
use crate::twin::world::network::{self, NetError, Origin};
use crate::twin::{Cloud, Config};

/// An account number of the form AWS gives, and that it gives to nobody.
const ACCOUNT: &str = "000000000000";

/// How long the harness waits for one answer of a service.
const ATTEMPT: Duration = Duration::from_secs(20);

/// The twin as a target.
pub struct Embedded {
    cloud: Arc<Cloud>,
    clients: Vec<(Region, Clients)>,
}

impl Embedded {
    /// Starts a twin of these Regions; the first is the primary one. Call it inside a paused runtime.
    pub fn start(seed: Seed, regions: &[Region]) -> Self {
        let cloud = Cloud::start(Config {
            seed,
            clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
            account: ACCOUNT.to_owned(),
            regions: regions.to_vec(),
            code: functions::linked(),
        });
        let clients_of = |region| {
            let sdk = gateway::sdk_config(&cloud, Origin::Operator, region, &Credentials::account());
            let sdk = sdk.into_builder().timeout_config(timeouts()).build();
            let raw = Raw {
                connector: SharedHttpConnector::new(TwinHttpClient::new(&cloud, Origin::Operator)),
                credentials: gateway::provider(&Credentials::account()),
                region,
                clock: cloud.clock,
                endpoint: None,
            };
            Clients::new(&sdk, raw)
        };
        let clients = regions.iter().map(|region| (*region, clients_of(*region))).collect();
        Self { cloud, clients }
    }

    /// An SDK configuration for clients this target has none of.
    pub fn sdk_config(&self, region: Region) -> SdkConfig {
        gateway::sdk_config(&self.cloud, Origin::Operator, region, &Credentials::account())
    }
}

/// What hangs in a lost Region must not hang the harness: a call that never returned would keep the run from ending.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_attempt_timeout(ATTEMPT).build()
}

/// Runs `main` to its end on a paused clock, in a thread of its own with a runtime of its own: the clock jumps to the
/// next timer whenever nothing can run, and shares nothing with any other run. What `main` gave arrives at the
/// receiver; an error there means that it panicked.
#[expect(
    clippy::disallowed_methods,
    reason = "one thread for one embedded run; nothing outside it can reach its clock"
)]
pub fn in_virtual_time<T, F>(main: impl FnOnce() -> F + Send + 'static) -> std::io::Result<oneshot::Receiver<T>>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let (done, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("virtual-time".to_owned()).stack_size(16 << 20);
    thread.spawn(move || {
        let value = runtime.block_on(async { main().await });
        // Whoever asked may have gone.
        let _ = done.send(value);
    })?;
    Ok(ended)
}

impl Target for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn clock(&self) -> Clock {
        self.cloud.clock
    }

    fn regions(&self) -> &[Region] {
        &self.cloud.regions
    }

    fn clients(&self, region: Region) -> Option<&Clients> {
        self.clients.iter().find(|(known, _)| *known == region).map(|(_, clients)| clients)
    }

    fn packaging(&self) -> Packaging {
        Packaging::Linked
    }

    fn version(&self) -> BoxFuture<'_, String> {
        Box::pin(async { format!("blackstart {}", env!("CARGO_PKG_VERSION")) })
    }

    fn internet(&self, _: Roles<'_>) -> Arc<dyn Internet> {
        Arc::new(TwinInternet { cloud: self.cloud.clone() })
    }

    fn injector(&self) -> Arc<dyn Injector> {
        Arc::new(TwinInjector { cloud: self.cloud.clone() })
    }
}

struct TwinInternet {
    cloud: Arc<Cloud>,
}

struct TwinResolver {
    cloud: Arc<Cloud>,
    resolver: dns::Resolver,
}

impl Internet for TwinInternet {
    fn resolver(&self, place: Place) -> Arc<dyn Resolver> {
        Arc::new(TwinResolver { cloud: self.cloud.clone(), resolver: dns::Resolver::new(Origin::Place(place)) })
    }

    fn authoritative<'a>(&'a self, place: Place, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move { lookup(self.cloud.dns.authoritative(&self.cloud, Origin::Place(place), name).await) })
    }

    fn region_of(&self, address: Ipv4Addr) -> Option<Region> {
        network::region_of(&self.cloud, address)
    }

    fn connect<'a>(
        &'a self,
        place: Place,
        address: Ipv4Addr,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>> {
        let origin = Origin::Place(place);
        Box::pin(async move {
            network::open(&self.cloud, origin, address).await.map_err(unsent)?;
            Ok(Arc::new(TwinConnection { cloud: self.cloud.clone(), origin, address }) as Arc<dyn Connection>)
        })
    }
}

struct TwinConnection {
    cloud: Arc<Cloud>,
    origin: Origin,
    address: Ipv4Addr,
}

impl Connection for TwinConnection {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        let open = network::Connection::Kept;
        Box::pin(async move {
            network::connect(&self.cloud, self.origin, self.address, request, open).await.map_err(unsent)
        })
    }
}

fn unsent(error: NetError) -> SendError {
    match error {
        NetError::Refused => SendError::Refused,
        NetError::TimedOut => SendError::TimedOut,
        NetError::NameNotResolved | NetError::NoRoute => SendError::NoRoute,
    }
}

impl Resolver for TwinResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move { lookup(self.resolver.resolve(&self.cloud, name).await) })
    }
}

fn lookup(answer: Answer) -> Lookup {
    Lookup { addresses: answer.addresses, ttl: answer.ttl, fresh: !answer.from_cache }
}

struct TwinInjector {
    cloud: Arc<Cloud>,
}

impl Injector for TwinInjector {
    fn can(&self, _: &Breakage) -> Result<(), String> {
        Ok(())
    }

    fn inject(&self, breakage: Breakage) -> BoxFuture<'_, Result<BreakageId, super::TargetError>> {
        let effect = |mode| match mode {
            super::Mode::Refuse => Effect::Refuse,
            super::Mode::Hang => Effect::Hang,
            super::Mode::Errors => Effect::Error,
        };
        let fault = match breakage {
            Breakage::Application { region, mode, .. } => Fault::Application { region, effect: effect(mode) },
            Breakage::Region { region, mode } => Fault::Region { region, effect: effect(mode) },
            Breakage::Service { region, service, operations, mode } => {
                Fault::Service { region, service, operations, effect: effect(mode) }
            }
            Breakage::NameServers { mode } => Fault::NameServers { effect: effect(mode) },
            Breakage::Partition { between } => Fault::Partition { between },
            Breakage::Replication { of, name, from, to, times } => {
                let pace = times.map_or(Pace::Stopped, Pace::Times);
                Fault::Replication { of, name: Some(name), from, to, pace }
            }
            Breakage::Replicator(defect) => Fault::Defect(match defect {
                super::Defect::DropsOneIn(count) => Defect::DropOneIn(count),
                super::Defect::EarlierWins => Defect::EarlierWins,
                super::Defect::LocalWins => Defect::LocalWins,
                super::Defect::ForgetsDeletes => Defect::ForgetDeletes,
                super::Defect::CompletesWithoutCopy => Defect::CompleteWithoutCopy,
                super::Defect::PublishesPending => Defect::PublishPending,
            }),
            Breakage::Degraded { region, release, only, except, errors, crashes, delay } => {
                Fault::Degraded { region, release, only, except, errors, crashes, delay }
            }
            Breakage::ClockSkew { region, ahead_ms } => Fault::ClockSkew { region, ahead_us: ahead_ms * 1_000 },
        };
        Box::pin(async move { Ok(BreakageId(self.cloud.faults.inject(fault).number())) })
    }

    fn heal_all(&self) -> BoxFuture<'_, Result<(), super::TargetError>> {
        // The world ends with its run.
        Box::pin(async { Ok(()) })
    }

    fn heal(&self, id: BreakageId) -> BoxFuture<'_, Result<(), super::TargetError>> {
        Box::pin(async move {
            self.cloud.faults.heal(crate::twin::world::faults::FaultId::from_number(id.0));
            Ok(())
        })
    }
}
