//! Users of real accounts: real name servers, real resolvers, real connections, all from where the harness runs. A
//! population's place says where its users are meant to be; what routing by latency or geography answers there is not
//! asked from here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;

use super::names::Names;
use crate::dns::{Answer, Cache, normal};
use crate::region::{Place, Region};
use crate::target::{Connection, Internet, Lookup, Resolver, Roles, SendError, socket};

/// Where APIs listen.
const PORT: u16 = 443;
/// How often it is found out anew which Region an unknown address belongs to.
const LEARN: Duration = Duration::from_secs(1);

pub(super) struct AwsInternet(Arc<Shared>);

struct Shared {
    names: Names,
    /// The names of each Region's API.
    by_name: BTreeMap<String, Region>,
    tls: Option<Arc<ClientConfig>>,
    port: u16,
    learned: Mutex<Learned>,
}

/// Whose addresses are whose, as far as names told.
#[derive(Default)]
struct Learned {
    regions: BTreeMap<Ipv4Addr, BTreeSet<Region>>,
    at: Option<Instant>,
}

/// The names under which each Region's API is known.
pub(super) fn by_name(regions: &[Region], roles: Roles<'_>) -> BTreeMap<String, Region> {
    let names = regions.iter().flat_map(|region| {
        let names = ["endpoint", "api-host"].into_iter().filter_map(|role| roles(role, *region));
        names.map(|name| (normal(&name), *region))
    });
    names.collect()
}

impl AwsInternet {
    pub fn new(names: Names, by_name: BTreeMap<String, Region>, tls: Option<Arc<ClientConfig>>) -> Self {
        Self(Arc::new(Shared { names, by_name, tls, port: PORT, learned: Mutex::default() }))
    }

    /// With APIs that listen elsewhere.
    #[cfg(test)]
    pub fn listening_at(self, port: u16) -> Self {
        let shared = Arc::into_inner(self.0).expect("nobody else has it yet");
        Self(Arc::new(Shared { port, ..shared }))
    }
}

impl Internet for AwsInternet {
    fn resolver(&self, _: Place) -> Arc<dyn Resolver> {
        let turn = self.0.names.next_turn();
        Arc::new(Recursive { shared: self.0.clone(), turn, cache: Mutex::default() })
    }

    fn authoritative<'a>(&'a self, _: Place, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move {
            let answer = self.0.names.authoritative(name).await;
            self.0.learn(&answer).await;
            Lookup { addresses: answer.addresses, ttl: answer.ttl, fresh: true }
        })
    }

    fn region_of(&self, address: Ipv4Addr) -> Option<Region> {
        self.0.lock().region_of(address)
    }

    fn connect<'a>(
        &'a self,
        _: Place,
        address: Ipv4Addr,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>> {
        let to = SocketAddr::from((address, self.0.port));
        Box::pin(socket::open(to, host, self.0.tls.clone()))
    }
}

impl Learned {
    /// An address that two Regions' names led to is nobody's.
    fn region_of(&self, address: Ipv4Addr) -> Option<Region> {
        let regions = self.regions.get(&address)?;
        if regions.len() == 1 { regions.first().copied() } else { None }
    }

    fn note(&mut self, addresses: &[Ipv4Addr], region: Region) {
        for address in addresses {
            self.regions.entry(*address).or_default().insert(region);
        }
    }
}

impl Shared {
    /// Finds out which Region an answer led to: by the names on its way; and where an alias hid those, by what each
    /// Region's own names lead to.
    async fn learn(&self, answer: &Answer) {
        let on_the_way: BTreeSet<Region> = answer.chain.iter().filter_map(|name| self.region_of_name(name)).collect();
        let now = Instant::now();
        {
            let mut learned = self.lock();
            if let Some(region) = on_the_way.first().filter(|_| on_the_way.len() == 1) {
                learned.note(&answer.addresses, *region);
                return;
            }
            let known = answer.addresses.iter().all(|address| learned.regions.contains_key(address));
            if known || learned.at.is_some_and(|at| now.duration_since(at) < LEARN) {
                return;
            }
            learned.at = Some(now);
        }
        for (name, region) in &self.by_name {
            let found = self.names.authoritative(name).await;
            self.lock().note(&found.addresses, *region);
        }
    }

    /// The Region in the name of one of its APIs: the stack's own, or `<id>.execute-api.<region>.amazonaws.com`.
    fn region_of_name(&self, name: &str) -> Option<Region> {
        let own = self.by_name.get(name).copied();
        own.or_else(|| {
            let (_, rest) = name.split_once(".execute-api.")?;
            Region::parse(rest.strip_suffix(".amazonaws.com")?).ok()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resolver of users: it asks a recursive one for what it does not remember, and remembers it exactly as long as that
/// one said.
struct Recursive {
    shared: Arc<Shared>,
    turn: usize,
    cache: Mutex<Cache>,
}

impl Resolver for Recursive {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move {
            let clock = self.shared.names.clock();
            let mut answer = Answer::default();
            // The resolver behind has a cache of its own: an answer is fresh where the TTL of the first name that had to be
            // asked for, which is where a policy chose, has not begun to run down.
            let mut fresh = None;
            let mut next = self.lock().follow(clock.now(), name, &mut answer);
            while let Some(name) = next.take() {
                for (name, link) in self.shared.names.recursive(self.turn, &name).await {
                    let young = self.shared.names.is_young(&name, &link);
                    fresh.get_or_insert(young);
                    next = answer.follow(&name, &link, link.ttl);
                    self.lock().keep(clock.now(), name, link);
                }
                if let Some(name) = next {
                    next = self.lock().follow(clock.now(), &name, &mut answer);
                }
            }
            self.shared.learn(&answer).await;
            Lookup { addresses: answer.addresses, ttl: answer.ttl, fresh: fresh == Some(true) }
        })
    }
}

impl Recursive {
    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
