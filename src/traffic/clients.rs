//! The clients of a population: who resolves through whom, and whose connection is open.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::target::{Internet, Resolver};

/// How long an idle connection stays open: API Gateway does not document it; HTTP clients commonly keep 60 to 90 s.
const KEPT_ALIVE: Duration = Duration::from_secs(60);

/// Clients that honour the TTL of what their resolver tells them.
pub struct Clients {
    resolvers: Vec<Arc<dyn Resolver>>,
    connections: Mutex<Vec<Option<(Ipv4Addr, Instant)>>>,
}

impl Clients {
    pub fn new(internet: &dyn Internet, population: &crate::scenario::Population) -> Self {
        let resolvers = (0..population.resolvers.max(1)).map(|_| internet.resolver(population.from)).collect();
        Self { resolvers, connections: Mutex::new(vec![None; population.clients.max(1) as usize]) }
    }

    pub fn count(&self) -> u32 {
        u32::try_from(self.lock().len()).unwrap_or(u32::MAX)
    }

    /// The address a client uses for `name` now, and whether it has a connection to it.
    pub async fn address(&self, client: u32, name: &str) -> Option<(Ipv4Addr, bool)> {
        let resolver = self.resolvers.get(client as usize % self.resolvers.len())?;
        let addresses = resolver.resolve(name).await.addresses;
        let mut connections = self.lock();
        let open = connections.get_mut(client as usize)?;
        // A client stays with an address as long as the answer has it, and else takes one of the answer's.
        let kept = open.filter(|(address, used)| addresses.contains(address) && used.elapsed() < KEPT_ALIVE);
        let address = match kept {
            Some((address, _)) => address,
            None => *addresses.get(client as usize % addresses.len().max(1))?,
        };
        *open = Some((address, Instant::now()));
        Some((address, kept.is_some()))
    }

    /// Forgets a connection that failed.
    pub fn dropped(&self, client: u32) {
        if let Some(open) = self.lock().get_mut(client as usize) {
            *open = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Option<(Ipv4Addr, Instant)>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
