//! Users: populations of clients that resolve, connect and ask, at the rate the plan says.
//!
//! In: a population of the plan, the target's internet. Out: one [`Event::Request`] a request, written when it ended;
//! what it wrote or read as [`Event::Write`] or [`Event::Read`]. Latency counts from the planned send time.

mod clients;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;
use tokio::sync::watch;
use tokio::time::Instant;

use clients::Clients;
pub use requests::{ASSETS, asset};

use crate::arrivals::Arrivals;
use crate::clock::Clock;
use crate::history::{Event, Recorder, WriteOutcome};
use crate::region::Region;
use crate::scenario::{Operation, Population};
use crate::seed::Seed;
use crate::store::{Store, WriteKind};
use crate::target::{Internet, SendError};

/// A generator that sends this much later than planned has fallen behind, and says so.
const BEHIND: Duration = Duration::from_millis(100);

/// Where the users of a run go.
#[derive(Clone)]
pub struct Destination {
    pub internet: Arc<dyn Internet>,
    pub name: Arc<str>,
    /// What stands before every path: `/` or `/live`.
    pub base_path: Arc<str>,
}

/// Sends a population's requests from now until `stop` says true, then waits for the last answers.
pub async fn drive(
    population: Population,
    destination: Destination,
    clock: Clock,
    recorder: Recorder,
    seed: Seed,
    mut stop: watch::Receiver<bool>,
) {
    let mut draw = seed.stream(&format!("traffic/{}/requests", population.name));
    let arrivals =
        Arrivals::poisson(population.rate.get(), seed.stream(&format!("traffic/{}/arrivals", population.name)));
    let operations: Vec<Operation> = population.requests.keys().cloned().collect();
    let Ok(mix) = WeightedIndex::new(population.requests.values()) else { return };
    let clients = Clients::new(destination.internet.as_ref(), &population);
    let users = Arc::new(Users { population, destination, clients, clock, recorder });
    let begun = Instant::now();
    let mut open = tokio::task::JoinSet::new();
    for at in arrivals {
        let stopped = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep_until(begun + at) => false,
        };
        if stopped {
            break;
        }
        let late = begun.elapsed().saturating_sub(at);
        if late > BEHIND {
            let what = format!("{} sent {} ms later than planned", users.population.name, late.as_millis());
            users.recorder.record(Event::Trouble { stage: "traffic".to_owned(), what });
        }
        let client = draw.random_range(0..users.clients.count());
        let operation = operations[mix.sample(&mut draw)].clone();
        let item = draw.random_range(0..requests::ITEMS);
        let users = users.clone();
        while open.try_join_next().is_some() {}
        open.spawn(async move { users.send(client, operation, item, begun + at).await });
    }
    while open.join_next().await.is_some() {}
}

/// The header in which the application names its version.
const RELEASE: &str = "x-release";

fn release(answer: &http::Response<Bytes>) -> Option<String> {
    Some(answer.headers().get(RELEASE)?.to_str().ok()?.to_owned())
}

type Answer = Result<http::Response<Bytes>, SendError>;

struct Users {
    population: Population,
    destination: Destination,
    clients: Clients,
    clock: Clock,
    recorder: Recorder,
}

impl Users {
    async fn send(&self, client: u32, operation: Operation, item: u32, planned: Instant) {
        let planned_us = (self.clock.elapsed().saturating_sub(planned.elapsed())).as_micros();
        let name = &self.destination.name;
        let asked = requests::Asked::of(&self.population.name, &operation, item);
        let tag = asked.writes().then(|| self.recorder.tag());
        let request = asked.request(name, &self.destination.base_path, tag);
        let started_us = self.recorder.now_us();
        let mut address = None;
        let attempt = async {
            let (to, reuse) = self.clients.address(client, name).await.ok_or(SendError::NoRoute)?;
            address = Some(to);
            self.destination.internet.send(self.population.from, to, request, reuse).await
        };
        let answer = match tokio::time::timeout_at(planned + self.population.timeout, attempt).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::TimedOut),
        };
        if answer.is_err() {
            self.clients.dropped(client);
        }
        let release = answer.as_ref().ok().and_then(release);
        let region = address.and_then(|address| self.destination.internet.region_of(address));
        if let Some(order) = &asked.order {
            match tag {
                Some(tag) => self.wrote(tag.write, order, region, started_us, &answer, release.clone()),
                None => self.read(client, order, region, started_us, &answer),
            }
        }
        self.recorder.record(Event::Request {
            population: self.population.name.clone(),
            client,
            operation: operation.to_string(),
            planned_us: u64::try_from(planned_us).unwrap_or(u64::MAX),
            latency_us: u64::try_from(planned.elapsed().as_micros()).unwrap_or(u64::MAX),
            address,
            region,
            status: answer.as_ref().ok().map(|response| response.status().as_u16()),
            error: answer.err().map(|error| error.to_string()),
            attempts: 1,
            release,
        });
    }

    fn wrote(
        &self,
        write: u64,
        order: &str,
        region: Option<Region>,
        started_us: u64,
        answer: &Answer,
        release: Option<String>,
    ) {
        let (outcome, what) = match answer {
            Ok(response) if response.status().is_success() => (WriteOutcome::Acknowledged, None),
            Ok(response) if response.status().is_client_error() => {
                (WriteOutcome::Refused, Some(response.status().to_string()))
            }
            // Nobody knows how far it came.
            Ok(response) => (WriteOutcome::Unknown, Some(response.status().to_string())),
            Err(error @ SendError::TimedOut) => (WriteOutcome::Unknown, Some(error.to_string())),
            Err(error) => (WriteOutcome::Refused, Some(error.to_string())),
        };
        self.recorder.record(Event::Write {
            write,
            store: Store::Table,
            key: order.to_owned(),
            kind: WriteKind::Put,
            by: self.population.name.clone(),
            region,
            started_us,
            outcome,
            bytes: None,
            version: None,
            what,
            release,
        });
    }

    fn read(&self, client: u32, order: &str, region: Option<Region>, started_us: u64, answer: &Answer) {
        let Ok(response) = answer else { return };
        let write = match response.status().as_u16() {
            200 => self.recorder.find(&String::from_utf8_lossy(response.body())),
            404 => None,
            _ => return,
        };
        self.recorder.record(Event::Read {
            store: Store::Table,
            key: order.to_owned(),
            region,
            by: self.population.name.clone(),
            client: Some(client),
            started_us,
            write,
        });
    }
}
