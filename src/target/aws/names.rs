//! Whom to ask for a name: the name servers of its zone, found once; or a recursive resolver.
//!
//! What is remembered is who serves a zone, and how long its answers may be kept at most. No answer is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_route53::Client;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::system_conf;

use super::asking::{self, ask};
use crate::clock::Clock;
use crate::dns::{Answer, Data, Link, normal};
use crate::target::TargetError;

/// Where name servers listen.
const PORT: u16 = 53;
/// How often each resolver is asked before it is given up ("attempts" of resolv.conf(5): 2): a datagram may be lost.
const ROUNDS: usize = 2;
/// How long it is remembered who serves a zone: a delegation changes seldom, and a deployment may be younger than the run.
const DELEGATED: Duration = Duration::from_secs(10 * 60);

/// Who answers names.
pub struct Names {
    resolvers: Vec<SocketAddr>,
    /// The stack's own zone, by id: its name servers are known to Route 53, whether the zone is delegated to or not.
    hosted: Option<(Client, String)>,
    clock: Clock,
    state: Mutex<State>,
    turn: AtomicUsize,
    port: u16,
}

#[derive(Default)]
struct State {
    /// By zone.
    servers: BTreeMap<String, (Arc<[SocketAddr]>, Duration)>,
    hosted: Option<Hosted>,
    /// The longest TTL that any answer to a name had: a shorter one comes from somebody's cache.
    longest: BTreeMap<String, Duration>,
}

#[derive(Clone)]
struct Hosted {
    zone: String,
    servers: Arc<[SocketAddr]>,
}

/// The recursive resolvers to use: those that are named, or the machine's own.
pub fn resolvers(named: &[Ipv4Addr]) -> Result<Vec<SocketAddr>, TargetError> {
    if !named.is_empty() {
        return Ok(named.iter().map(|address| SocketAddr::from((*address, PORT))).collect());
    }
    let none = |why: &str| {
        TargetError(format!(
            "aws: no recursive resolver is known: {why}; name some in blackstart.yaml (aws: {{ resolvers: [1.1.1.1] }})"
        ))
    };
    let (config, _) = system_conf::read_system_conf().map_err(|why| none(&why.to_string()))?;
    let mut found: Vec<IpAddr> = config.name_servers().iter().map(|server| server.ip).collect();
    found.dedup();
    if found.is_empty() {
        return Err(none("resolv.conf names none"));
    }
    Ok(found.into_iter().map(|address| SocketAddr::from((address, PORT))).collect())
}

impl Names {
    pub fn new(resolvers: Vec<SocketAddr>, hosted: Option<(Client, String)>, clock: Clock) -> Self {
        let (state, turn) = (Mutex::default(), AtomicUsize::new(0));
        Self { resolvers, hosted, clock, state, turn, port: PORT }
    }

    /// With name servers that listen elsewhere.
    #[cfg(test)]
    pub fn listening_at(self, port: u16) -> Self {
        Self { port, ..self }
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A number for a resolver, so that the recursive ones are used in turn.
    pub fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// What the name servers of each zone on the way say; nobody's cache is asked for addresses.
    pub async fn authoritative(&self, name: &str) -> Answer {
        let mut answer = Answer::default();
        let mut next = Some(normal(name));
        while let Some(name) = next.take() {
            for (name, link) in self.ask_its_servers(&name).await {
                self.remember(&name, &link);
                next = answer.follow(&name, &link, link.ttl);
            }
        }
        answer
    }

    /// What a recursive resolver says, the one whose turn it is first.
    pub async fn recursive(&self, turn: usize, name: &str) -> Vec<(String, Link)> {
        match self.ask_resolvers(turn, name, RecordType::A).await {
            Some(answer) => asking::links(&answer, name),
            None => vec![(normal(name), Link::failed())],
        }
    }

    /// Whether an answer is as young as can be, as far as is known: no TTL of this name was ever longer. That nobody
    /// answers is news always.
    pub fn is_young(&self, name: &str, link: &Link) -> bool {
        link.data == Data::Failed || self.remember(name, link) <= link.ttl
    }

    fn remember(&self, name: &str, link: &Link) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = state.longest.entry(name.to_owned()).or_default();
        *longest = link.ttl.max(*longest);
        *longest
    }

    async fn ask_its_servers(&self, name: &str) -> Vec<(String, Link)> {
        let servers = self.servers_of(name).await;
        let turn = self.next_turn();
        for offset in 0..servers.len() {
            let server = servers[(turn + offset) % servers.len()];
            let Ok(answer) = ask(server, name, RecordType::A, false).await else { continue };
            // A server that is not the zone's own, or no longer, knows nothing of its own.
            let links = asking::links(&answer, name);
            if answer.metadata.authoritative && links.iter().all(|(_, link)| link.data != Data::Failed) {
                return links;
            }
        }
        vec![(name.to_owned(), Link::failed())]
    }

    async fn ask_resolvers(
        &self,
        turn: usize,
        name: &str,
        kind: RecordType,
    ) -> Option<hickory_resolver::proto::op::Message> {
        let count = self.resolvers.len();
        for offset in 0..count * ROUNDS {
            if let Ok(answer) = ask(self.resolvers[(turn + offset) % count], name, kind, true).await {
                return Some(answer);
            }
        }
        None
    }

    /// The name servers of the zone that a name is in; none where nobody says.
    async fn servers_of(&self, name: &str) -> Arc<[SocketAddr]> {
        if let Some(hosted) = self.hosted().await.filter(|hosted| is_in(name, &hosted.zone)) {
            return hosted.servers;
        }
        if let Some(servers) = self.known(name) {
            return servers;
        }
        let turn = self.next_turn();
        let soa = self.ask_resolvers(turn, name, RecordType::SOA).await;
        let Some(zone) = soa.as_ref().and_then(asking::zone) else { return Arc::default() };
        let listed = self.ask_resolvers(turn, &zone, RecordType::NS).await;
        let names = listed.as_ref().map(asking::name_servers).unwrap_or_default();
        let servers = self.addresses(&names).await;
        if !servers.is_empty() {
            let until = self.clock.elapsed() + DELEGATED;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.servers.insert(zone, (servers.clone(), until));
        }
        servers
    }

    fn known(&self, name: &str) -> Option<Arc<[SocketAddr]>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.elapsed();
        let zones = state.servers.iter().filter(|(zone, (_, until))| is_in(name, zone) && now < *until);
        zones.max_by_key(|(zone, _)| zone.len()).map(|(_, (servers, _))| servers.clone())
    }

    /// The stack's own zone, asked of Route 53 once.
    async fn hosted(&self) -> Option<Hosted> {
        let (client, id) = self.hosted.as_ref()?;
        if let Some(hosted) = &self.state.lock().unwrap_or_else(PoisonError::into_inner).hosted {
            return Some(hosted.clone());
        }
        let got = client.get_hosted_zone().id(id).send().await.ok()?;
        let names: Vec<String> = got.delegation_set()?.name_servers().iter().map(|server| normal(server)).collect();
        let hosted = Hosted { zone: normal(got.hosted_zone()?.name()), servers: self.addresses(&names).await };
        if hosted.servers.is_empty() {
            return None;
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner).hosted = Some(hosted.clone());
        Some(hosted)
    }

    async fn addresses(&self, names: &[String]) -> Arc<[SocketAddr]> {
        let mut servers = Vec::new();
        for name in names {
            let turn = self.next_turn();
            for (_, link) in self.recursive(turn, name).await {
                if let Data::Addresses(addresses) = link.data {
                    servers.extend(addresses.into_iter().map(|address| SocketAddr::from((address, self.port))));
                }
            }
        }
        servers.into()
    }
}

fn is_in(name: &str, zone: &str) -> bool {
    let rest = name.strip_suffix(zone);
    zone.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
