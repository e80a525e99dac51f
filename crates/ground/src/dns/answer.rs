//! One authoritative answer: from a name to what its records say.

use std::net::Ipv4Addr;
use std::time::Duration;

use rand::Rng;

use super::choose::{choose, shuffle};
use super::record::{Alias, Node, RecordSet, RecordType, normal};
use super::zones::Zones;
use crate::region::Point;

/// The TTL of API Gateway's host names, which an alias to one takes (developer guide, "Choosing between alias and
/// non-alias records": the target's TTL; 60 seconds for API Gateway).
const API_GATEWAY_TTL: Duration = Duration::from_secs(60);
/// How long "no such name" may be kept: the smaller of the TTL (900) and the minimum (86,400) of the SOA record
/// Route 53 puts in every zone (RFC 2308; developer guide, "SOA and NS records").
const NEGATIVE_TTL: Duration = Duration::from_secs(900);
/// The same for names outside every zone; resolvers ask again soon.
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
    /// No name server answered, or with SERVFAIL.
    Failed,
}

impl Link {
    const fn of(ttl: Duration, data: Data) -> Self {
        Self { via: Vec::new(), ttl, data }
    }

    /// That nobody answered.
    pub const fn failed() -> Self {
        Self::of(Duration::ZERO, Data::Failed)
    }
}

/// One query, and all that decides its answer but chance.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    pub zones: &'a Zones,
    /// Whether a health check passes, by its id.
    pub is_healthy: &'a dyn Fn(&str) -> bool,
    /// The addresses of a name in no zone of ours: the host name of a deployed API.
    pub outside: &'a dyn Fn(&str) -> Option<Vec<Ipv4Addr>>,
    /// Where the asker is.
    pub from: Point,
    pub kind: RecordType,
}

impl Query<'_> {
    /// What the name (lower case, no trailing dot) answers; chance draws among weights and orders addresses.
    pub fn answer(&self, name: &str, rng: &mut dyn Rng) -> Link {
        let Some(zone) = self.zones.zone_of(name) else { return self.host(name) };
        match zone.node(name) {
            Some(node) => self.node(node, 0, rng),
            None => Link::of(NEGATIVE_TTL, Data::NoName),
        }
    }

    fn node(&self, node: &Node, depth: usize, rng: &mut dyn Rng) -> Link {
        let group = node.of(self.kind);
        if group.is_empty() && self.kind != RecordType::CNAME {
            return Self { kind: RecordType::CNAME, ..*self }.cname(node, depth, rng);
        }
        let chosen = choose(group, self.from, &|set| self.is_fit(set, depth), rng);
        let Some(first) = chosen.sets().first() else { return Link::of(NEGATIVE_TTL, Data::Empty) };
        if let Some(alias) = &first.alias {
            return self.alias(alias, depth + 1, rng);
        }
        let ttl = chosen.sets().iter().filter_map(|set| set.ttl).min().unwrap_or_default();
        let data = if self.kind == RecordType::A {
            let mut addresses: Vec<_> = chosen.sets().iter().flat_map(|set| set.addresses.iter().copied()).collect();
            shuffle(&mut addresses, rng);
            Data::Addresses(addresses)
        } else {
            Data::Values(chosen.sets().iter().flat_map(|set| set.values.iter().cloned()).collect())
        };
        Link::of(Duration::from_secs(u64::from(ttl)), data)
    }

    /// The name that a node without records of the type asked for stands for, if it has a CNAME.
    fn cname(&self, node: &Node, depth: usize, rng: &mut dyn Rng) -> Link {
        let mut link = self.node(node, depth, rng);
        if let Data::Values(values) = &link.data {
            link.data = values.first().map_or(Data::Empty, |target| Data::Cname(normal(target)));
        }
        link
    }

    /// What the alias points at answers, under the alias's own name and with the target's TTL.
    fn alias(&self, alias: &Alias, depth: usize, rng: &mut dyn Rng) -> Link {
        if depth > ALIAS_DEPTH_MAX {
            return Link::of(UNKNOWN_TTL, Data::Empty);
        }
        let mut link = match self.zones.target(alias) {
            Some(node) => self.node(node, depth, rng),
            None => self.host(&alias.name),
        };
        link.via.insert(0, alias.name.clone());
        link
    }

    fn host(&self, name: &str) -> Link {
        match (self.outside)(name) {
            None => Link::of(UNKNOWN_TTL, Data::NoName),
            Some(addresses) if self.kind == RecordType::A => Link::of(API_GATEWAY_TTL, Data::Addresses(addresses)),
            Some(_) => Link::of(API_GATEWAY_TTL, Data::Empty),
        }
    }

    /// A record is healthy while its health check is, and while its alias's target is if it asks for that.
    fn is_fit(&self, set: &RecordSet, depth: usize) -> bool {
        set.health_check_id.as_deref().is_none_or(self.is_healthy)
            && match &set.alias {
                Some(alias) if alias.evaluate_target_health => self.is_target_fit(alias, depth + 1),
                _ => true,
            }
    }

    /// A target with records is healthy while any of them is. Route 53 has no view into an API Gateway API: an alias
    /// to one is as healthy as its own health check.
    fn is_target_fit(&self, alias: &Alias, depth: usize) -> bool {
        if depth > ALIAS_DEPTH_MAX {
            return true;
        }
        let Some(node) = self.zones.target(alias) else { return true };
        let group = node.of(self.kind);
        group.is_empty() || group.iter().any(|set| self.is_fit(set, depth))
    }
}
