//! Reads of the writers' keys, as any reader of the Region makes them: eventually consistent.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use rand::RngExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::item::{KEY, write_of};
use super::write::{Writer, key};
use crate::arrivals::Arrivals;
use crate::history::Event;
use crate::scenario::TableWorkload;
use crate::seed::Seed;
use crate::store::Store;

/// Reads at the workload's rate until told to stop.
pub async fn read(reader: Arc<Writer>, workload: TableWorkload, seed: Seed, mut stop: watch::Receiver<bool>) {
    let Some(rate) = workload.reads else { return };
    let region = reader.region;
    let mut draw = seed.stream(&format!("data/table/{region}/reads"));
    let arrivals = Arrivals::poisson(rate.get(), seed.stream(&format!("data/table/{region}/read-arrivals")));
    let begun = Instant::now();
    let mut open = JoinSet::new();
    for at in arrivals {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep_until(begun + at) => {}
        }
        let (reader, key) = (reader.clone(), key(draw.random_range(0..workload.keys)));
        while open.try_join_next().is_some() {}
        open.spawn(async move { reader.get(key).await });
    }
    while open.join_next().await.is_some() {}
}

impl Writer {
    async fn get(&self, key: String) {
        let started_us = self.recorder.now_us();
        let call = self.client.get_item().table_name(&self.table).key(KEY, AttributeValue::S(key.clone()));
        // A read that fails shows nothing about the data.
        let Ok(got) = call.send().await else { return };
        self.recorder.record(Event::Read {
            store: Store::Table,
            key,
            region: Some(self.region),
            by: format!("reader in {}", self.region),
            client: Some(0),
            started_us,
            write: got.item().and_then(|item| write_of(&self.recorder, item)),
        });
    }
}
