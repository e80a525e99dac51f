//! DynamoDB: the table engine, and the replication that carries items between Regions.
//!
//! ```text
//! api (one request) ─→ write::plan ─→ Table::commit ─→ Replica (items, indexes, stream)
//!                                          └─→ Link ─ lag ─→ Replica::merge in every other Region
//! ```
//!
//! Everything is in memory behind one lock, ordered, and nothing reads a clock but the cloud's. Items are shared,
//! never copied, between replicas, links and streams. Other Regions see a write when its lag is over ([`lag`], [`link`],
//! [`replication`]); reads are strongly consistent within their Region, and across Regions where the table is
//! ([`strong`]). [`expiry`] deletes what has had its time, [`partiql`] turns statements into expressions ([`expr`]). No
//! write path may go around [`table::Table::commit`].

mod api;
mod expiry;
mod expr;
mod key;
mod lag;
mod link;
mod number;
mod partiql;
mod range;
mod replica;
mod replication;
mod resources;
mod schema;
mod state;
mod stream;
mod strong;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod version;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::Cloud;
use crate::formation::ResourceHandler;
use crate::gateway::Call;
use crate::region::Region;
use crate::seed::Seed;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, json};
use state::{State, Wake};

pub use key::Key;
pub use lag::lag_quantile;
pub use stream::{Author, Record, View};
pub use value::{Item, Value};
pub use version::Version;

pub struct DynamoDb {
    seed: Seed,
    state: Mutex<State>,
}

impl DynamoDb {
    pub fn new(seed: Seed) -> Self {
        Self { seed, state: Mutex::default() }
    }

    /// How many changes of a table wait to reach another Region.
    pub fn backlog(&self, table: &str, from: Region, to: Region) -> usize {
        let state = self.lock();
        let id = state.names.get(&from).and_then(|names| names.get(table));
        let links = id.and_then(|id| state.tables.get(id)).and_then(|table| table.links.get(&from));
        links.and_then(|links| links.get(&to)).map_or(0, link::Link::len)
    }

    /// When and where the item of this key, as a Region sees it, was written.
    pub fn written(&self, region: Region, table: &str, key: &Item) -> Option<Version> {
        let state = self.lock();
        let table = state.tables.get(state.names.get(&region)?.get(table)?)?;
        let key = Key::exactly(&table.keys, key).ok()?;
        Some(table.stored(region, &key)?.1)
    }

    /// What the stream of a Region's replica holds, oldest first.
    pub fn stream_records(&self, region: Region, table: &str) -> Vec<Record> {
        let state = self.lock();
        let id = state.names.get(&region).and_then(|names| names.get(table));
        let replica = id.and_then(|id| state.tables.get(id)).and_then(|table| table.replicas.get(&region));
        let stream = replica.and_then(|replica| replica.stream.as_ref());
        stream.map(|stream| stream.records.iter().cloned().collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and starts what then needs a task.
    fn change<T>(&self, cloud: &Arc<Cloud>, change: impl FnOnce(&mut State) -> T) -> T {
        let (answer, waking) = {
            let mut state = self.lock();
            let answer = change(&mut state);
            (answer, std::mem::take(&mut state.waking))
        };
        start(cloud, waking);
        answer
    }
}

fn start(cloud: &Arc<Cloud>, waking: Vec<Wake>) {
    for wake in waking {
        match wake {
            Wake::Link(link) => replication::start(cloud, link),
            Wake::Expiry { table, region } => expiry::start(cloud, table, region),
        }
    }
}

impl Service for DynamoDb {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.0" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move {
            let answer = api::handle(self, call, request);
            let owed = std::mem::take(&mut self.lock().owed);
            if !owed.is_zero() {
                tokio::time::sleep(owed).await;
            }
            answer
        })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    resources::all()
}
