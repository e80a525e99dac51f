//! Names, as the world resolves them: authoritative answers from the deployed record sets, and resolvers with TTLs.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::network::Origin;
use crate::seed::Seed;
use crate::twin::Cloud;

/// What a name resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The names followed, from the one asked for to the one that has addresses.
    pub chain: Vec<String>,
    pub addresses: Vec<Ipv4Addr>,
    /// How long it may be kept: the smallest TTL on the way. What is left of it, where it came from a cache.
    pub ttl: Duration,
    pub from_cache: bool,
}

pub struct Dns;

impl Dns {
    pub fn new(_seed: Seed) -> Self {
        Self
    }

    /// The authoritative answer for someone at `origin`, followed to its addresses; no cache is asked.
    pub async fn authoritative(&self, _cloud: &Arc<Cloud>, _origin: Origin, _name: &str) -> Answer {
        Answer::default()
    }

    /// The addresses only.
    pub async fn resolve_uncached(&self, cloud: &Arc<Cloud>, origin: Origin, name: &str) -> Vec<Ipv4Addr> {
        self.authoritative(cloud, origin, name).await.addresses
    }
}

/// A recursive resolver near its users: keeps answers for their TTL and not a moment longer.
pub struct Resolver {
    pub origin: Origin,
}

impl Resolver {
    pub fn new(origin: Origin) -> Self {
        Self { origin }
    }

    pub async fn resolve(&self, cloud: &Arc<Cloud>, name: &str) -> Answer {
        cloud.dns.authoritative(cloud, self.origin, name).await
    }
}
