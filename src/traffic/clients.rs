//! The clients of a population: who behaves how, who resolves through whom, and whose connection is open.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Destination;
use super::connect::{self, Opened};
use super::policy::{Policy, Resolves};
use super::resolvers::{Cache, Resolvers};
use crate::history::Recorder;
use crate::scenario::{Behaviour, Population};
use crate::seed::Seed;
use crate::target::{Connection, SendError};

/// How long an idle connection stays open: API Gateway does not document it; HTTP clients commonly keep 60 to 90 s.
const KEPT_ALIVE: Duration = Duration::from_secs(60);

pub struct Clients {
    place: crate::region::Place,
    population: String,
    destination: Destination,
    recorder: Recorder,
    clients: Vec<Client>,
}

struct Client {
    policy: Policy,
    resolver: Option<Arc<Cache>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last one it chose.
    address: Option<Ipv4Addr>,
    open: Option<Open>,
}

struct Open {
    address: Ipv4Addr,
    connection: Arc<dyn Connection>,
    used: Instant,
}

impl Clients {
    pub fn new(destination: Destination, population: &Population, recorder: Recorder, seed: Seed) -> Self {
        let kinds = population.stretches();
        let kind_of = |client: u32| {
            let kind = kinds.iter().find(|(_, clients)| clients.contains(&client));
            Policy::of(kind.map_or(Behaviour::HonoursTtl, |(behaviour, _)| *behaviour))
        };
        let policies: Vec<Policy> = (0..population.clients.max(1)).map(kind_of).collect();
        let stretched = policies.iter().filter(|policy| policy.stretches).count();
        let stretched = u32::try_from(stretched).unwrap_or(u32::MAX);
        let resolvers = Resolvers::new(destination.internet.as_ref(), population, stretched, seed);
        let client = |(number, policy): (u32, Policy)| Client {
            policy,
            resolver: resolvers.of(number, policy.stretches),
            state: Mutex::default(),
        };
        let clients = (0..).zip(policies).map(client).collect();
        Self { place: population.from, population: population.name.clone(), destination, recorder, clients }
    }

    pub fn count(&self) -> u32 {
        u32::try_from(self.clients.len()).unwrap_or(u32::MAX)
    }

    pub fn policy(&self, client: u32) -> Option<Policy> {
        Some(self.clients.get(client as usize)?.policy)
    }

    /// A connection for a client's next request, open or opened now. Where it leads, or is to lead while it is being
    /// opened, is left in `to`.
    pub async fn connection(&self, client: u32, to: &mut Option<Ipv4Addr>) -> Result<Arc<dyn Connection>, SendError> {
        let number = client as usize;
        let client = self.clients.get(number).ok_or(SendError::NoRoute)?;
        let mut answer = match client.policy.resolves {
            Resolves::EachTime => self.resolve(client).await,
            Resolves::Once => match client.found() {
                Some(address) => vec![address],
                None => self.resolve(client).await,
            },
            Resolves::ToConnect => match client.kept(|_| true) {
                Some((address, connection)) => {
                    *to = Some(address);
                    return Ok(connection);
                }
                None => self.resolve(client).await,
            },
        };
        // A client stays with an address as long as the answer has it.
        if let Some((address, connection)) = client.kept(|address| answer.contains(&address)) {
            *to = Some(address);
            return Ok(connection);
        }
        // Else it takes one of the answer's, not the one everybody takes.
        let first = number % answer.len().max(1);
        answer.rotate_left(first);
        let preferred = *answer.first().ok_or(SendError::NoRoute)?;
        *to = Some(preferred);
        client.lock().address = Some(preferred);
        let (address, connection) = self.open(client.policy, &answer).await?;
        *to = Some(address);
        client.lock().open = Some(Open { address, connection: connection.clone(), used: Instant::now() });
        Ok(connection)
    }

    /// Forgets a connection that broke.
    pub fn broke(&self, client: u32) {
        if let Some(client) = self.clients.get(client as usize) {
            client.lock().open = None;
        }
    }

    async fn resolve(&self, client: &Client) -> Vec<Ipv4Addr> {
        let Some(resolver) = &client.resolver else { return Vec::new() };
        let Destination { internet, name, .. } = &self.destination;
        resolver.resolve(name, &self.population, internet.as_ref(), &self.recorder).await
    }

    async fn open(&self, policy: Policy, answer: &[Ipv4Addr]) -> Opened {
        let Destination { internet, name, .. } = &self.destination;
        if policy.races {
            return connect::race(internet.as_ref(), self.place, name, answer).await;
        }
        let address = *answer.first().ok_or(SendError::NoRoute)?;
        Ok((address, internet.connect(self.place, address, name).await?))
    }
}

impl Client {
    /// The address it has, if it ever had one.
    fn found(&self) -> Option<Ipv4Addr> {
        self.lock().address
    }

    /// Its open connection, used now, if it leads to a fitting address and was not idle for too long.
    fn kept(&self, fits: impl Fn(Ipv4Addr) -> bool) -> Option<(Ipv4Addr, Arc<dyn Connection>)> {
        let mut state = self.lock();
        let fresh = |open: &Open| open.used.elapsed() < KEPT_ALIVE && open.connection.is_open();
        let open = state.open.as_mut().filter(|open| fits(open.address) && fresh(open))?;
        open.used = Instant::now();
        Some((open.address, open.connection.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
