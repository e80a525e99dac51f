//! One request of a user, from its planned time to its last answer.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use super::Destination;
use super::clients::Clients;
use super::policy::{Policy, backoff};
use super::requests::Asked;
use crate::clock::Clock;
use crate::history::{Event, Recorder, WriteOutcome};
use crate::region::Region;
use crate::scenario::{Behaviour, Operation, Population};
use crate::seed::Seed;
use crate::store::{Store, WriteKind};
use crate::target::SendError;

/// The header in which the application names its version.
const RELEASE: &str = "x-release";

pub struct Users {
    pub population: Population,
    pub clients: Clients,
    pub recorder: Recorder,
    destination: Destination,
    clock: Clock,
    backoff: Mutex<ChaCha8Rng>,
}

type Answer = Result<http::Response<Bytes>, SendError>;

/// A request sent once, and what came of it.
struct Attempt {
    started_us: u64,
    address: Option<Ipv4Addr>,
    region: Option<Region>,
    answer: Answer,
}

/// What all attempts of a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fate {
    outcome: WriteOutcome,
    region: Option<Region>,
}

impl Users {
    pub fn new(population: Population, destination: Destination, clock: Clock, recorder: Recorder, seed: Seed) -> Self {
        let clients = Clients::new(destination.clone(), &population, recorder.clone(), seed);
        let backoff = Mutex::new(seed.stream(&format!("traffic/{}/backoff", population.name)));
        Self { population, clients, recorder, destination, clock, backoff }
    }

    /// Sends a request until its client is content or gives up, and writes down what became of it.
    pub async fn send(&self, client: u32, operation: Operation, item: u32, planned: Instant) {
        let planned_us = (self.clock.elapsed().saturating_sub(planned.elapsed())).as_micros();
        let asked = Asked::of(&self.population.name, &operation, item);
        let tag = asked.writes().then(|| self.recorder.tag());
        let request = asked.request(&self.destination.name, &self.destination.base_path, tag);
        let policy = self.clients.policy(client).unwrap_or(Policy::of(Behaviour::HonoursTtl));
        let started_us = self.recorder.now_us();
        let mut last = self.attempt(client, request.clone(), planned).await;
        let mut attempts = 1;
        let mut fate = last.fate();
        while policy.retries.again(request.method(), last.status(), attempts) {
            let wait = backoff(attempts, &mut *self.backoff.lock().unwrap_or_else(PoisonError::into_inner));
            tokio::time::sleep(wait).await;
            last = self.attempt(client, request.clone(), Instant::now()).await;
            attempts += 1;
            fate = fate.and(last.fate());
        }
        if let Some(order) = &asked.order {
            match tag {
                Some(tag) => self.wrote(tag.write, order, started_us, fate, &last),
                None => self.read(client, order, &last),
            }
        }
        self.recorder.record(Event::Request {
            population: self.population.name.clone(),
            client,
            operation: operation.to_string(),
            planned_us: u64::try_from(planned_us).unwrap_or(u64::MAX),
            latency_us: u64::try_from(planned.elapsed().as_micros()).unwrap_or(u64::MAX),
            address: last.address,
            region: last.region,
            status: last.status(),
            error: last.answer.as_ref().err().map(ToString::to_string),
            attempts,
            release: last.release(),
        });
    }

    /// Sends a request once. Each attempt has the whole timeout, as with the attempt timeouts of the AWS SDKs, which set
    /// no limit to the whole operation by default.
    async fn attempt(&self, client: u32, request: http::Request<Bytes>, from: Instant) -> Attempt {
        let started_us = self.recorder.now_us();
        let mut address = None;
        let sending = async { self.clients.connection(client, &mut address).await?.send(request).await };
        let answer = match tokio::time::timeout_at(from + self.population.timeout, sending).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::TimedOut),
        };
        if answer.is_err() {
            self.clients.broke(client);
        }
        let region = address.and_then(|address| self.destination.internet.region_of(address));
        Attempt { started_us, address, region, answer }
    }

    fn wrote(&self, write: u64, order: &str, started_us: u64, fate: Fate, last: &Attempt) {
        let what = match &last.answer {
            _ if fate.outcome == WriteOutcome::Acknowledged => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        self.recorder.record(Event::Write {
            write,
            store: Store::Table,
            key: order.to_owned(),
            kind: WriteKind::Put,
            by: self.population.name.clone(),
            region: fate.region,
            started_us,
            outcome: fate.outcome,
            bytes: None,
            version: None,
            what,
            release: last.release(),
        });
    }

    fn read(&self, client: u32, order: &str, last: &Attempt) {
        let Ok(response) = &last.answer else { return };
        let write = match response.status().as_u16() {
            200 => self.recorder.find(&String::from_utf8_lossy(response.body())),
            404 => None,
            _ => return,
        };
        self.recorder.record(Event::Read {
            store: Store::Table,
            key: order.to_owned(),
            region: last.region,
            by: self.population.name.clone(),
            client: Some(client),
            started_us: last.started_us,
            write,
        });
    }
}

impl Attempt {
    fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|response| response.status().as_u16())
    }

    fn release(&self) -> Option<String> {
        Some(self.answer.as_ref().ok()?.headers().get(RELEASE)?.to_str().ok()?.to_owned())
    }

    fn fate(&self) -> Fate {
        let outcome = match &self.answer {
            Ok(response) if response.status().is_success() => WriteOutcome::Acknowledged,
            Ok(response) if response.status().is_client_error() => WriteOutcome::Refused,
            // Nobody knows how far it came.
            Ok(_) | Err(SendError::TimedOut | SendError::Reset) => WriteOutcome::Unknown,
            Err(SendError::Refused | SendError::NoRoute) => WriteOutcome::Refused,
        };
        Fate { outcome, region: self.region }
    }
}

impl Fate {
    /// With one attempt more: acknowledged where that was, unknown where any may have happened.
    fn and(self, next: Self) -> Self {
        match (self.outcome, next.outcome) {
            (WriteOutcome::Unknown, WriteOutcome::Refused) => self,
            _ => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_unknown_while_any_attempt_may_have_happened() {
        use WriteOutcome::{Acknowledged, Refused, Unknown};
        let (us, eu) = (Some(Region::US_EAST_1), Some(Region::EU_WEST_1));
        let both = |first, second| {
            let (first, second) = (Fate { outcome: first, region: us }, Fate { outcome: second, region: eu });
            first.and(second)
        };
        assert_eq!(both(Unknown, Refused), Fate { outcome: Unknown, region: us });
        assert_eq!(both(Unknown, Acknowledged), Fate { outcome: Acknowledged, region: eu });
        assert_eq!(both(Unknown, Unknown), Fate { outcome: Unknown, region: eu });
        assert_eq!(both(Refused, Refused), Fate { outcome: Refused, region: eu });
    }
}
