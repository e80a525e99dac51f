//! Users: populations of clients that resolve, connect and ask, at the rate the plan says.
//!
//! In: a population of the plan, the target's internet. Out: one [`Event::Request`] a request, written when it ended;
//! what it wrote or read as [`Event::Write`] or [`Event::Read`]; one [`Event::Resolved`] each time one of its resolvers
//! asked the name servers. Latency counts from the planned send time.
//!
//! ```text
//! arrivals ─→ users.rs: one request, sent until policy.rs has enough
//!                └→ clients.rs: an open connection, or resolvers.rs (which address) and connect.rs (the first to connect)
//! ```

mod clients;
mod connect;
mod policy;
mod requests;
mod resolvers;
#[cfg(test)]
mod tests;
mod users;

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;
use tokio::sync::watch;
use tokio::time::Instant;

pub use requests::{ASSETS, asset};
use users::Users;

use crate::arrivals::Arrivals;
use crate::clock::Clock;
use crate::history::{Event, Recorder};
use crate::scenario::{Operation, Population};
use crate::seed::Seed;
use crate::target::Internet;

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
    let users = Arc::new(Users::new(population, destination, clock, recorder, seed));
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
