//! The resolvers of a population: honest ones, which keep an answer for its TTL, and ones that keep it for minutes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::history::{Event, Recorder};
use crate::region::Region;
use crate::scenario::{Population, STRETCHED};
use crate::seed::Seed;
use crate::target::{Internet, Lookup, Resolver};

/// One resolver, as its clients see it.
pub struct Cache {
    /// Its number among the population's.
    number: u32,
    resolver: Arc<dyn Resolver>,
    /// Where it keeps answers beyond their TTL.
    stretched: Option<Mutex<Stretched>>,
}

struct Stretched {
    kept: BTreeMap<String, (Vec<Ipv4Addr>, Instant)>,
    draw: ChaCha8Rng,
}

impl Cache {
    fn new(number: u32, resolver: Arc<dyn Resolver>, stretched: Option<ChaCha8Rng>) -> Self {
        let stretched = stretched.map(|draw| Mutex::new(Stretched { kept: BTreeMap::new(), draw }));
        Self { number, resolver, stretched }
    }

    /// The addresses of a name. Each time name servers are asked it is written down.
    pub async fn resolve(
        &self,
        name: &str,
        population: &str,
        internet: &dyn Internet,
        recorder: &Recorder,
    ) -> Vec<Ipv4Addr> {
        if let Some(kept) = self.kept(name) {
            return kept;
        }
        let lookup = self.resolver.resolve(name).await;
        if lookup.fresh {
            let mut regions: Vec<Region> = lookup.addresses.iter().filter_map(|a| internet.region_of(*a)).collect();
            regions.sort_unstable();
            regions.dedup();
            let (population, resolver) = (population.to_owned(), self.number);
            let ttl_s = u32::try_from(lookup.ttl.as_secs()).unwrap_or(u32::MAX);
            recorder.record(Event::Resolved { population, resolver, regions, ttl_s });
        }
        self.keep(name, &lookup);
        lookup.addresses
    }

    fn kept(&self, name: &str) -> Option<Vec<Ipv4Addr>> {
        let stretched = lock(self.stretched.as_ref()?);
        let (addresses, until) = stretched.kept.get(name)?;
        (Instant::now() < *until).then(|| addresses.clone())
    }

    /// Keeps an answer that has addresses for as long as is drawn for it, and never for less than its TTL.
    fn keep(&self, name: &str, lookup: &Lookup) {
        let Some(stretched) = &self.stretched else { return };
        if lookup.addresses.is_empty() {
            return;
        }
        let mut stretched = lock(stretched);
        let span = STRETCHED.start().as_millis()..=STRETCHED.end().as_millis();
        let drawn = Duration::from_millis(u64::try_from(stretched.draw.random_range(span)).unwrap_or(u64::MAX));
        let until = Instant::now() + drawn.max(lookup.ttl);
        stretched.kept.insert(name.to_owned(), (lookup.addresses.clone(), until));
    }
}

fn lock(stretched: &Mutex<Stretched>) -> MutexGuard<'_, Stretched> {
    stretched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The resolvers of a population, shared out between the honest kind and the other by how many clients each has; a
/// kind with clients has at least one.
pub struct Resolvers {
    honest: Vec<Arc<Cache>>,
    stretching: Vec<Arc<Cache>>,
}

impl Resolvers {
    /// `stretched`: how many of the population's clients have a resolver that stretches TTLs.
    pub fn new(internet: &dyn Internet, population: &Population, stretched: u32, seed: Seed) -> Self {
        let clients = population.clients.max(1);
        let whole = u64::from(population.resolvers.max(1));
        let share = |of: u32| {
            let share = (whole * u64::from(of) + u64::from(clients) / 2) / u64::from(clients);
            if of == 0 { 0 } else { u32::try_from(share).unwrap_or(u32::MAX).max(1) }
        };
        let stretched = stretched.min(clients);
        let honest = share(clients - stretched);
        let cache = |number: u32| {
            let name = format!("traffic/{}/stretch/{number}", population.name);
            let stretch = (number >= honest).then(|| seed.stream(&name));
            Arc::new(Cache::new(number, internet.resolver(population.from), stretch))
        };
        Self {
            honest: (0..honest).map(cache).collect(),
            stretching: (honest..honest + share(stretched)).map(cache).collect(),
        }
    }

    /// The resolver of a client.
    pub fn of(&self, client: u32, stretches: bool) -> Option<Arc<Cache>> {
        let kind = if stretches { &self.stretching } else { &self.honest };
        kind.get(client as usize % kind.len().max(1)).cloned()
    }
}
