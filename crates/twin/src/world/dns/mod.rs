//! Names, as the world resolves them: authoritative answers from the deployed record sets, and resolvers with TTLs.
//!
//! ```text
//! services::route53 ─publish→ edge (each name server's view, at its own moment) ─→ crate::dns (one answer)
//!                                                        world::health ────────────↗       ↓
//!                                                                                     Resolver (TTL)
//! ```
//!
//! This is the data plane: it keeps answering when Route 53's control plane is down, and it never asks what the
//! control plane has accepted.

mod edge;
mod resolver;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::faults::Effect;
use super::network::{self, Origin};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::dns::{Answer, Link, Query, RecordType, normal};
use crate::region::{Point, Region};
use crate::seed::Seed;

pub use edge::Update;
pub use resolver::Resolver;

/// How long a resolver asks name servers that say nothing before it gives up: what BIND's `resolver-query-timeout` is
/// unless it is set (10 s, BIND 9 administrator reference manual).
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

pub struct Dns {
    servers: Mutex<Servers>,
    /// Draws for weighted and multivalue answers.
    draws: Mutex<ChaCha8Rng>,
}

struct Servers {
    edges: Vec<edge::Edge>,
    nearest: BTreeMap<Origin, usize>,
    /// Draws for the time changes take to arrive.
    reach: ChaCha8Rng,
    changes: u64,
}

impl Dns {
    pub fn new(seed: Seed) -> Self {
        let servers =
            Servers { edges: edge::all(), nearest: BTreeMap::new(), reach: seed.stream("world/dns/reach"), changes: 0 };
        Self { servers: Mutex::new(servers), draws: Mutex::new(seed.stream("world/dns/draws")) }
    }

    /// The authoritative answer for someone at `origin`, followed to its addresses; no cache is asked.
    pub async fn authoritative(&self, cloud: &Arc<Cloud>, origin: Origin, name: &str) -> Answer {
        let mut answer = Answer::default();
        let mut next = Some(normal(name));
        while let Some(name) = next {
            let link = self.query(cloud, origin, &name).await;
            next = answer.follow(&name, &link, link.ttl);
        }
        answer
    }

    /// The addresses only.
    pub async fn resolve_uncached(&self, cloud: &Arc<Cloud>, origin: Origin, name: &str) -> Vec<Ipv4Addr> {
        self.authoritative(cloud, origin, name).await.addresses
    }

    /// The Regions an authoritative answer leads to, and how long a resolver may keep it.
    pub async fn serving_regions(&self, cloud: &Arc<Cloud>, origin: Origin, name: &str) -> (Vec<Region>, Duration) {
        let answer = self.authoritative(cloud, origin, name).await;
        let mut regions: Vec<Region> =
            answer.addresses.iter().filter_map(|address| network::region_of(cloud, *address)).collect();
        regions.sort_unstable();
        regions.dedup();
        (regions, answer.ttl)
    }

    /// Sends a change of a zone to every name server; the moment the last of them serves it.
    pub fn publish(&self, zone_id: &str, update: Update, now: Timestamp) -> Timestamp {
        let update = Arc::new(update);
        let mut servers = self.lock();
        let Servers { edges, reach, changes, .. } = &mut *servers;
        *changes += 1;
        let arrival = |edge: &mut edge::Edge| edge.enqueue(now + edge::reach(reach), *changes, zone_id, &update);
        edges.iter_mut().map(arrival).max().unwrap_or(now)
    }

    /// What the name server nearest to `origin` answers, without the way there.
    pub fn ask(&self, cloud: &Cloud, origin: Origin, name: &str, kind: RecordType) -> Link {
        let mut servers = self.lock();
        let nearest = servers.nearest_to(cloud, origin);
        let Some(edge) = servers.edges.get_mut(nearest) else { return Link::failed() };
        edge.settle(cloud.clock.now());
        let outside = |name: &str| {
            let region = cloud.apigateway.region_of_host(name)?;
            Some(network::edge_addresses(cloud, region))
        };
        let query = Query {
            zones: &edge.zones,
            is_healthy: &|id| cloud.health.is_healthy(id),
            outside: &outside,
            from: seen_from(cloud, origin),
            kind,
        };
        let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
        query.answer(name, &mut *draws)
    }

    /// One query for addresses, there and back; name servers that say nothing are given up.
    async fn query(&self, cloud: &Arc<Cloud>, origin: Origin, name: &str) -> Link {
        let server = {
            let mut servers = self.lock();
            let edge = servers.nearest_to(cloud, origin);
            servers.edges.get(edge).map(|edge| edge.at)
        };
        if let Some(server) = server {
            cloud.latency.travel(origin.point(), server).await;
        }
        let link = match cloud.faults.on_name_servers() {
            None => self.ask(cloud, origin, name, RecordType::A),
            Some(Effect::Refuse | Effect::Error) => Link::failed(),
            Some(Effect::Hang) => {
                tokio::time::sleep(GIVE_UP_AFTER).await;
                return Link::failed();
            }
        };
        if let Some(server) = server {
            cloud.latency.travel(origin.point(), server).await;
        }
        link
    }

    fn lock(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where Route 53 takes a resolver to be.
fn seen_from(cloud: &Cloud, origin: Origin) -> Point {
    origin.point().unwrap_or_else(|| cloud.home().at())
}

impl Servers {
    /// The name server a resolver at `origin` is routed to.
    fn nearest_to(&mut self, cloud: &Cloud, origin: Origin) -> usize {
        if let Some(edge) = self.nearest.get(&origin) {
            return *edge;
        }
        let from = seen_from(cloud, origin);
        let distance = |edge: &edge::Edge| edge.at.distance_km(from);
        let nearest = self.edges.iter().enumerate().min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)));
        let nearest = nearest.map(|(index, _)| index).unwrap_or_default();
        self.nearest.insert(origin, nearest);
        nearest
    }
}
