//! Answers for targets that have no DNS of their own: the harness reads the record sets and health checks that are
//! deployed and evaluates them itself, with the evaluator the twin answers with.
//!
//! ```text
//! Route 53 API ─reading (paced)→ Zones, checks ─→ crate::dns ─→ authoritative, resolvers with TTLs
//! ```
//!
//! Nothing here is served by a name server, and [`Evaluated::source`] says so. What name servers add is not here
//! either: a change counts as soon as it is read, everywhere at once, where name servers learn of it one by one.

mod reading;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_route53::Client;
use futures_util::future::BoxFuture;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::{Lookup, Resolver, Source, TargetError};
use crate::clock::{Clock, Timestamp};
use crate::dns::{Answer, Cache, Link, Query, RecordType, health, normal};
use crate::region::Place;
use crate::seed::Seed;
use reading::Reading;

/// How old a reading may be before the next one is begun; meanwhile it still answers.
const REFRESH: Duration = Duration::from_secs(10);
/// How old it may be and still answer: somebody who asks after a pause waits for a new one.
const OLD: Duration = Duration::from_secs(30);

/// The addresses of an AWS service's host name, such as a deployed API's.
pub type Hosts = Arc<dyn Fn(&str) -> Option<Vec<Ipv4Addr>> + Send + Sync>;

/// The names of one hosted zone, evaluated.
#[derive(Clone)]
pub struct Evaluated(Arc<Inner>);

struct Inner {
    client: Client,
    zone_id: String,
    hosts: Hosts,
    clock: Clock,
    /// Draws for weighted and multivalue answers.
    draws: Mutex<ChaCha8Rng>,
    state: Mutex<State>,
    /// Told of the end of every reading.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    reading: Option<Arc<Reading>>,
    tried_at: Option<Timestamp>,
    is_reading: bool,
    /// What the last try failed with.
    trouble: Option<TargetError>,
}

impl Evaluated {
    /// Begins to read when it is asked; call it inside a tokio runtime.
    pub fn new(client: Client, zone_id: &str, hosts: Hosts, clock: Clock, seed: Seed) -> Self {
        let draws = Mutex::new(seed.stream("target/evaluated/draws"));
        let (zone_id, news) = (zone_id.to_owned(), watch::Sender::new(()));
        Self(Arc::new(Inner { client, zone_id, hosts, clock, draws, state: Mutex::default(), news }))
    }

    /// Answers are the harness's own.
    pub const fn source(&self) -> Source {
        Source::Evaluated
    }

    /// What somebody at `place` would be told; nothing kept by a resolver.
    pub async fn authoritative(&self, place: Place, name: &str) -> Lookup {
        let mut answer = Answer::default();
        let mut next = Some(normal(name));
        while let Some(name) = next {
            let link = self.link(place, &name).await;
            next = answer.follow(&name, &link, link.ttl);
        }
        Lookup { addresses: answer.addresses, ttl: answer.ttl, fresh: true }
    }

    /// A recursive resolver near `place`, with a cache of its own that honours TTLs.
    pub fn resolver(&self, place: Place) -> Arc<dyn Resolver> {
        Arc::new(Recursive { names: self.clone(), place, cache: Mutex::default() })
    }

    /// Why the API could not be read last time. Answers go on from the reading before, as name servers would.
    pub fn trouble(&self) -> Option<TargetError> {
        self.0.lock().trouble.clone()
    }

    async fn link(&self, place: Place, name: &str) -> Link {
        let Some(reading) = self.reading().await else { return Link::failed() };
        let is_healthy = |id: &str| health::is_healthy(id, &|id| reading.checks.get(id).map(reading::Check::view));
        let query = Query {
            zones: &reading.zones,
            is_healthy: &is_healthy,
            outside: &*self.0.hosts,
            from: place.at(),
            kind: RecordType::A,
        };
        query.answer(name, &mut *self.0.draws.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A reading that is recent enough; nothing where the API was never read and cannot be.
    async fn reading(&self) -> Option<Arc<Reading>> {
        let mut news = self.0.news.subscribe();
        loop {
            self.refresh();
            {
                let state = self.0.lock();
                let age = state.tried_at.map(|at| self.0.clock.now().since(at));
                let settled = age.is_some_and(|age| age < OLD);
                if settled && (state.reading.is_some() || !state.is_reading) {
                    return state.reading.clone();
                }
            }
            // The sender lives as long as `self`.
            news.changed().await.ok()?;
        }
    }

    /// Begins a reading where one is due and none is under way.
    fn refresh(&self) {
        let before = {
            let mut state = self.0.lock();
            let due = state.tried_at.is_none_or(|at| self.0.clock.now().since(at) >= REFRESH);
            if state.is_reading || !due {
                return;
            }
            state.is_reading = true;
            state.reading.clone()
        };
        let inner = self.0.clone();
        tokio::spawn(async move {
            let found = reading::read(&inner.client, &inner.zone_id, before.as_deref()).await;
            {
                let mut state = inner.lock();
                (state.is_reading, state.tried_at) = (false, Some(inner.clock.now()));
                match found {
                    Ok(reading) => (state.reading, state.trouble) = (Some(Arc::new(reading)), None),
                    Err(trouble) => state.trouble = Some(trouble),
                }
            }
            inner.news.send_replace(());
        });
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Recursive {
    names: Evaluated,
    place: Place,
    cache: Mutex<Cache>,
}

impl Resolver for Recursive {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move {
            let clock = self.names.0.clock;
            let mut answer = Answer { from_cache: true, ..Answer::default() };
            let mut next = self.lock().follow(clock.now(), name, &mut answer);
            while let Some(name) = next {
                answer.from_cache = false;
                let link = self.names.link(self.place, &name).await;
                next = answer.follow(&name, &link, link.ttl);
                self.lock().keep(clock.now(), name, link);
                if let Some(name) = next {
                    next = self.lock().follow(clock.now(), &name, &mut answer);
                }
            }
            Lookup { addresses: answer.addresses, ttl: answer.ttl, fresh: !answer.from_cache }
        })
    }
}

impl Recursive {
    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
