//! Users of an emulator: they ask the edge proxy of the Region that the answer to the name leads to.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Edge;
use crate::clock::Clock;
use crate::region::{Place, Region};
use crate::scenario::Endpoint;
use crate::seed::Seed;
use crate::target::evaluated::Evaluated;
use crate::target::proxy::Host;
use crate::target::{Connection, Internet, Lookup, Resolver, Roles, SendError, Source, socket};

/// What stands in for a TTL where no record gives one.
const OWN_TTL: Duration = Duration::from_secs(60);

pub(super) struct EmulatorInternet {
    pub edges: Vec<Edge>,
    pub names: Names,
}

/// Who answers names.
#[derive(Clone)]
pub(super) enum Names {
    /// The deployed records, evaluated by the harness; the emulator's own names beside them.
    Evaluated(Evaluated, ByName),
    /// There are no records: only the APIs' own names lead anywhere, each to its Region.
    Own(ByName),
    /// Nobody.
    None,
}

/// The addresses of the APIs' own names.
pub(super) type ByName = Arc<BTreeMap<String, Ipv4Addr>>;

impl Names {
    pub fn evaluated(client: aws_sdk_route53::Client, zone: &str, by_name: ByName, clock: Clock, seed: Seed) -> Self {
        let own = by_name.clone();
        let hosts = Arc::new(move |name: &str| own.get(plain(name).as_str()).map(|address| vec![*address]));
        Self::Evaluated(Evaluated::new(client, zone, hosts, clock, seed), by_name)
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The names under which each Region's API is known, with the Region's edge.
pub(super) fn by_name(edges: &[Edge], roles: Roles<'_>) -> ByName {
    let names = edges.iter().flat_map(|edge| {
        let names = ["endpoint", "api-host"].into_iter().filter_map(|role| roles(role, edge.region));
        names.map(|name| (plain(&name), edge.address))
    });
    Arc::new(names.collect())
}

/// What users' Host headers mean to the emulator. It knows an API by its id and stage; custom domains are the edge's.
pub(super) fn hosts(regions: &[Region], endpoint: &Endpoint, roles: Roles<'_>) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for region in regions {
        let Some(own) = roles("api-host", *region) else { continue };
        let api = own.split('.').next().unwrap_or_default();
        let stage = roles("stage", *region).unwrap_or_default();
        let fill =
            |form: &str| form.replace("{api}", api).replace("{stage}", &stage).replace("{region}", region.as_str());
        let upstream_host = endpoint.api_host.as_deref().map_or_else(|| own.clone(), fill);
        // The emulator wants the stage in the path; users of a custom domain know of none.
        let staged = endpoint.api_path.as_deref().map_or_else(|| format!("/{stage}"), fill);
        let mut host = |name: &str, path_prefix: &str| {
            let name = plain(name);
            if !hosts.iter().any(|known| known.region == *region && known.name == name) {
                let (upstream_host, path_prefix) = (upstream_host.clone(), path_prefix.to_owned());
                hosts.push(Host { region: *region, name, upstream_host, path_prefix });
            }
        };
        // Whoever asks by its own name says the stage too, as on AWS.
        host(&own, staged.strip_suffix(&format!("/{stage}")).unwrap_or(&staged));
        let mapped = roles("base-path", *region).as_deref() == Some("/");
        for role in ["public-name", "endpoint"] {
            if let Some(name) = roles(role, *region) {
                host(&name, if mapped { &staged } else { "" });
            }
        }
    }
    hosts
}

impl Internet for EmulatorInternet {
    fn source(&self) -> Source {
        Source::Evaluated
    }

    fn resolver(&self, place: Place) -> Arc<dyn Resolver> {
        match &self.names {
            Names::Evaluated(evaluated, _) => {
                let (recursive, names) = (evaluated.resolver(place), self.names.clone());
                Arc::new(Through { recursive: Some(recursive), names })
            }
            _ => Arc::new(Through { recursive: None, names: self.names.clone() }),
        }
    }

    fn authoritative<'a>(&'a self, place: Place, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move {
            match (self.names.own(name), &self.names) {
                (Some(lookup), _) => lookup,
                (None, Names::Evaluated(evaluated, _)) => evaluated.authoritative(place, name).await,
                _ => Lookup::default(),
            }
        })
    }

    fn region_of(&self, address: Ipv4Addr) -> Option<Region> {
        self.edges.iter().find(|edge| edge.address == address).map(|edge| edge.region)
    }

    fn connect<'a>(
        &'a self,
        _: Place,
        address: Ipv4Addr,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>> {
        Box::pin(async move {
            let edge = self.edges.iter().find(|edge| edge.address == address).ok_or(SendError::NoRoute)?;
            socket::open(edge.listens, host, None).await
        })
    }
}

impl Names {
    /// The answer to a name of the emulator's own.
    fn own(&self, name: &str) -> Option<Lookup> {
        let (Self::Evaluated(_, by_name) | Self::Own(by_name)) = self else { return None };
        let address = by_name.get(plain(name).as_str())?;
        Some(Lookup { addresses: vec![*address], ttl: OWN_TTL, fresh: true })
    }
}

struct Through {
    recursive: Option<Arc<dyn Resolver>>,
    names: Names,
}

impl Resolver for Through {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move {
            match (self.names.own(name), &self.recursive) {
                (Some(lookup), _) => lookup,
                (None, Some(recursive)) => recursive.resolve(name).await,
                (None, None) => Lookup::default(),
            }
        })
    }
}
