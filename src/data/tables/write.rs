//! Writes of our own, straight at the table: every way the API has to write an item, each write with its tag.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, PutRequest, TransactWriteItem, WriteRequest};
use rand::RngExt;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::item::{Item, KEY, WRITE};
use crate::arrivals::Arrivals;
use crate::data::outcome::{Ended, ended};
use crate::history::{Event, Recorder, Tag, WriteOutcome};
use crate::region::Region;
use crate::scenario::{ScriptedWrite, TableWorkload};
use crate::seed::Seed;
use crate::store::{Store, WriteKind};

/// After this a write is given up: it may have happened.
const TIMEOUT: Duration = Duration::from_secs(5);
const IN_TRANSACTION: u32 = 2;
const IN_BATCH: u32 = 5;

/// Writes and reads the table in one Region.
pub struct Writer {
    pub client: aws_sdk_dynamodb::Client,
    pub table: String,
    pub region: Region,
    pub recorder: Recorder,
}

/// The keys that our own writers share.
pub fn key(number: u32) -> String {
    format!("blackstart-{number}")
}

/// Writes at the workload's rate until told to stop, then waits for the last answers.
pub async fn write(writer: Arc<Writer>, workload: TableWorkload, seed: Seed, mut stop: watch::Receiver<bool>) {
    let region = writer.region;
    let mut draw = seed.stream(&format!("data/table/{region}/writes"));
    let arrivals = Arrivals::poisson(workload.writes.get(), seed.stream(&format!("data/table/{region}/arrivals")));
    let kinds: Vec<WriteKind> = workload.mix.keys().copied().collect();
    let Ok(mix) = WeightedIndex::new(workload.mix.values()) else { return };
    let begun = Instant::now();
    let mut open = JoinSet::new();
    for at in arrivals {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep_until(begun + at) => {}
        }
        let kind = kinds[mix.sample(&mut draw)];
        let first = draw.random_range(0..workload.keys);
        let count = many(kind).min(workload.keys);
        let keys = (0..count).map(|next| key((first + next) % workload.keys)).collect();
        let writer = writer.clone();
        while open.try_join_next().is_some() {}
        open.spawn(async move { writer.make(kind, keys).await });
    }
    while open.join_next().await.is_some() {}
}

/// Makes the writes of a script to the table, each at its moment from now; `writers` are those of all Regions.
pub async fn script(writers: Vec<Arc<Writer>>, script: Vec<ScriptedWrite>) {
    let begun = Instant::now();
    let mut open = JoinSet::new();
    for scripted in script.into_iter().filter(|scripted| scripted.store == Store::Table) {
        let Some(writer) = writers.iter().find(|writer| writer.region == scripted.region).cloned() else { continue };
        tokio::time::sleep_until(begun + scripted.at).await;
        let keys = (0..many(scripted.kind)).map(|next| match next {
            0 => scripted.key.clone(),
            next => format!("{}-{next}", scripted.key),
        });
        let keys = keys.collect();
        open.spawn(async move { writer.make(scripted.kind, keys).await });
    }
    while open.join_next().await.is_some() {}
}

/// How many items one write of this kind writes.
fn many(kind: WriteKind) -> u32 {
    match kind {
        WriteKind::Transaction => IN_TRANSACTION,
        WriteKind::Batch => IN_BATCH,
        _ => 1,
    }
}

impl Writer {
    /// Makes one write of one or more items, and records what became of each.
    async fn make(&self, kind: WriteKind, keys: Vec<String>) {
        let tagged: Vec<(String, Tag)> = keys.into_iter().map(|key| (key, self.recorder.tag())).collect();
        let started_us = self.recorder.now_us();
        let call = tokio::time::timeout(TIMEOUT, self.send(kind, &tagged)).await;
        let (outcome, what) = call.unwrap_or((WriteOutcome::Unknown, Some("timed out".to_owned())));
        for (key, tag) in tagged {
            self.recorder.record(Event::Write {
                write: tag.write,
                store: Store::Table,
                key,
                kind,
                by: "writer".to_owned(),
                region: Some(self.region),
                started_us,
                outcome,
                bytes: None,
                version: None,
                what: what.clone(),
                release: None,
            });
        }
    }

    async fn send(&self, kind: WriteKind, tagged: &[(String, Tag)]) -> Ended {
        let Some((key, tag)) = tagged.first() else { return (WriteOutcome::Refused, None) };
        let (client, table) = (&self.client, &self.table);
        let id = || AttributeValue::S(key.clone());
        let write = || AttributeValue::S(tag.to_string());
        let put = || client.put_item().table_name(table).set_item(Some(self.item(key, *tag)));
        let update = || {
            let update = client.update_item().table_name(table).key(KEY, id());
            let update = update.update_expression("SET #write = :write, #region = :region");
            let update =
                update.expression_attribute_names("#write", WRITE).expression_attribute_names("#region", "region");
            let region = AttributeValue::S(self.region.to_string());
            update.expression_attribute_values(":write", write()).expression_attribute_values(":region", region)
        };
        match kind {
            WriteKind::Put => ended(put().send().await),
            WriteKind::PutIfAbsent => ended(put().condition_expression("attribute_not_exists(id)").send().await),
            WriteKind::Update => ended(update().send().await),
            WriteKind::UpdateIfPresent => ended(update().condition_expression("attribute_exists(id)").send().await),
            WriteKind::Delete => ended(client.delete_item().table_name(table).key(KEY, id()).send().await),
            WriteKind::Partiql => {
                let statement = format!("UPDATE \"{table}\" SET \"{WRITE}\" = ? WHERE \"{KEY}\" = ?");
                ended(client.execute_statement().statement(statement).parameters(write()).parameters(id()).send().await)
            }
            WriteKind::Transaction => self.transact(tagged).await,
            WriteKind::Batch => self.batch(tagged).await,
        }
    }

    async fn transact(&self, tagged: &[(String, Tag)]) -> Ended {
        let Some((_, first)) = tagged.first() else { return (WriteOutcome::Refused, None) };
        // The SDK would draw a token of its own.
        let mut call = self.client.transact_write_items().client_request_token(first.to_string());
        for (key, tag) in tagged {
            let put = Put::builder().table_name(&self.table).set_item(Some(self.item(key, *tag))).build();
            let Ok(put) = put else { continue };
            call = call.transact_items(TransactWriteItem::builder().put(put).build());
        }
        ended(call.send().await)
    }

    async fn batch(&self, tagged: &[(String, Tag)]) -> Ended {
        let puts = tagged.iter().filter_map(|(key, tag)| {
            let put = PutRequest::builder().set_item(Some(self.item(key, *tag))).build().ok()?;
            Some(WriteRequest::builder().put_request(put).build())
        });
        let sent = self.client.batch_write_item().request_items(&self.table, puts.collect()).send().await;
        match sent {
            // Which of them were not taken is not worth telling apart: none is claimed.
            Ok(done) if done.unprocessed_items().is_some_and(|left| !left.is_empty()) => {
                (WriteOutcome::Unknown, Some("some items were not processed".to_owned()))
            }
            sent => ended(sent),
        }
    }

    fn item(&self, key: &str, tag: Tag) -> Item {
        let text = |text: String| AttributeValue::S(text);
        Item::from([
            (KEY.to_owned(), text(key.to_owned())),
            (WRITE.to_owned(), text(tag.to_string())),
            ("region".to_owned(), text(self.region.to_string())),
        ])
    }
}
