//! One authoritative answer: from a name to what its records say, as the nearest name server has them.

use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::choose::{choose, shuffle};
use super::record::{Alias, Node, RecordSet, RecordType, normal};
use super::{Dns, Origin, seen_from};
use crate::region::Point;
use crate::twin::Cloud;
use crate::twin::world::network::edge_addresses;

/// The TTL of API Gateway's host names, which an alias to one takes (developer guide, "Choosing between alias and
/// non-alias records": the target's TTL; 60 seconds for API Gateway).
const API_GATEWAY_TTL: Duration = Duration::from_secs(60);
/// How long "no such name" may be kept: the smaller of the TTL (900) and the minimum (86,400) of the SOA record
/// Route 53 puts in every zone (RFC 2308; developer guide, "SOA and NS records").
const NEGATIVE_TTL: Duration = Duration::from_secs(900);
/// The same for names outside every zone the twin knows; its resolvers ask again soon.
const UNKNOWN_TTL: Duration = Duration::from_secs(60);
/// Aliases may point at aliases; a loop of them ends here.
const ALIAS_DEPTH_MAX: usize = 8;

/// What one name answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The targets of the aliases that were followed inside the name server.
    pub via: Vec<String>,
    pub ttl: Duration,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    Addresses(Vec<Ipv4Addr>),
    /// Ask for this name instead.
    Cname(String),
    /// Values of a type other than A.
    Values(Vec<String>),
    /// The name exists, and has nothing of the type asked for.
    Empty,
    NoName,
}

/// What a name server has under a name.
enum Found {
    Node(Arc<Node>),
    /// A zone of ours ends the name, and has nothing there.
    NoName,
    NoZone,
}

impl Dns {
    /// What the name server nearest to `origin` answers, without the way there.
    pub fn ask(&self, cloud: &Cloud, origin: Origin, name: &str, kind: RecordType) -> Link {
        let query = Query { dns: self, cloud, origin, from: seen_from(cloud, origin), kind };
        let node = match self.find(cloud, origin, name) {
            Found::Node(node) => node,
            Found::NoName => return Link { via: Vec::new(), ttl: NEGATIVE_TTL, data: Data::NoName },
            Found::NoZone => return query.outside(name),
        };
        query.node(&node, 0)
    }

    fn find(&self, cloud: &Cloud, origin: Origin, name: &str) -> Found {
        let mut servers = self.lock();
        let edge = servers.nearest_to(cloud, origin);
        let Some(edge) = servers.edges.get_mut(edge) else { return Found::NoZone };
        edge.settle(cloud.clock.now());
        match edge.zone_of(name) {
            None => Found::NoZone,
            Some(zone) => zone.node(name).map_or(Found::NoName, |node| Found::Node(node.clone())),
        }
    }

    /// What the target of an alias holds; nothing where its zone is none of ours.
    fn find_target(&self, cloud: &Cloud, origin: Origin, alias: &Alias) -> Option<Arc<Node>> {
        let mut servers = self.lock();
        let edge = servers.nearest_to(cloud, origin);
        let edge = servers.edges.get_mut(edge)?;
        edge.settle(cloud.clock.now());
        let zone = edge.zone_of(&alias.name).filter(|zone| zone.id == alias.zone_id);
        zone.or_else(|| edge.zone(&alias.zone_id))?.node(&alias.name).cloned()
    }
}

/// One query on its way through names, groups and aliases.
#[derive(Clone, Copy)]
struct Query<'a> {
    dns: &'a Dns,
    cloud: &'a Cloud,
    origin: Origin,
    from: Point,
    kind: RecordType,
}

impl Query<'_> {
    fn node(&self, node: &Node, depth: usize) -> Link {
        let empty = Link { via: Vec::new(), ttl: NEGATIVE_TTL, data: Data::Empty };
        let mut sets: Vec<&Arc<RecordSet>> = node.of(self.kind).collect();
        let is_cname = sets.is_empty() && self.kind != RecordType::CNAME;
        if is_cname {
            sets = node.of(RecordType::CNAME).collect();
        }
        let chosen = {
            let mut draws = self.dns.draws.lock().unwrap_or_else(PoisonError::into_inner);
            choose(&sets, self.from, &|set| self.is_healthy(set, depth), &mut *draws)
        };
        let Some(first) = chosen.first() else { return empty };
        if let Some(alias) = &first.alias {
            return self.alias(alias, is_cname, depth + 1);
        }
        let ttl = chosen.iter().filter_map(|set| set.ttl).min().unwrap_or_default();
        let values = || chosen.iter().flat_map(|set| set.values.iter().cloned());
        let data = if is_cname {
            first.values.first().map_or(Data::Empty, |target| Data::Cname(normal(target)))
        } else if self.kind == RecordType::A {
            let mut addresses: Vec<_> = chosen.iter().flat_map(|set| set.addresses.iter().copied()).collect();
            let mut draws = self.dns.draws.lock().unwrap_or_else(PoisonError::into_inner);
            shuffle(&mut addresses, &mut *draws);
            Data::Addresses(addresses)
        } else {
            Data::Values(values().collect())
        };
        Link { via: Vec::new(), ttl: Duration::from_secs(u64::from(ttl)), data }
    }

    /// What the alias points at answers, under the alias's own name and with the target's TTL.
    fn alias(&self, alias: &Alias, is_cname: bool, depth: usize) -> Link {
        if depth > ALIAS_DEPTH_MAX {
            return Link { via: Vec::new(), ttl: UNKNOWN_TTL, data: Data::Empty };
        }
        let kind = if is_cname { RecordType::CNAME } else { self.kind };
        let mut link = match self.dns.find_target(self.cloud, self.origin, alias) {
            Some(node) => Self { kind, ..*self }.node(&node, depth),
            None => self.outside(&alias.name),
        };
        if let (true, Data::Values(values)) = (is_cname, &link.data) {
            link.data = values.first().map_or(Data::Empty, |target| Data::Cname(normal(target)));
        }
        link.via.insert(0, alias.name.clone());
        link
    }

    /// A name in no zone of ours: the host name of a deployed API, or nothing the twin knows.
    fn outside(&self, name: &str) -> Link {
        let Some(region) = self.cloud.apigateway.region_of_host(name) else {
            return Link { via: Vec::new(), ttl: UNKNOWN_TTL, data: Data::NoName };
        };
        let data = match self.kind {
            RecordType::A => Data::Addresses(edge_addresses(self.cloud, region)),
            _ => Data::Empty,
        };
        Link { via: Vec::new(), ttl: API_GATEWAY_TTL, data }
    }

    /// A record is healthy while its health check is, and while its alias's target is if it asks for that.
    fn is_healthy(&self, set: &RecordSet, depth: usize) -> bool {
        let checked = set.health_check_id.as_deref().is_none_or(|id| self.cloud.health.is_healthy(id));
        checked
            && match &set.alias {
                Some(alias) if alias.evaluate_target_health => self.is_target_healthy(alias, depth + 1),
                _ => true,
            }
    }

    /// A target with records is healthy while any of them is. Route 53 has no view into an API Gateway API: an alias
    /// to one is as healthy as its own health check.
    fn is_target_healthy(&self, alias: &Alias, depth: usize) -> bool {
        if depth > ALIAS_DEPTH_MAX {
            return true;
        }
        let Some(node) = self.dns.find_target(self.cloud, self.origin, alias) else { return true };
        let mut sets = node.of(self.kind).peekable();
        sets.peek().is_none() || sets.any(|set| self.is_healthy(set, depth))
    }
}
