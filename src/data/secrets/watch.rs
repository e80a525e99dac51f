//! Watchers of the secret: each looks at once, then every so often, and records what is new.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::watch;

use super::{CURRENT, Served, replica};
use crate::data::looking::{Streak, look, stopped};
use crate::history::{Event, Recorder};
use crate::region::Region;
use crate::target::said;

const STAGE: &str = "secret probe";
/// A secret changes rarely, and every look is a call that is paid for.
const LEAST: Duration = Duration::from_secs(1);
/// Where the backend keeps the versions it accepts.
const CREDENTIALS: &str = "orders";
const ACCEPTED: &str = "accepted";

/// Records the version a Region serves as current.
pub async fn watch_served(
    client: aws_sdk_secretsmanager::Client,
    region: Region,
    secret: String,
    every: Duration,
    recorder: Recorder,
    mut stop: watch::Receiver<bool>,
) {
    let streak = Streak::new(STAGE, region);
    let mut seen: Option<Served> = None;
    let mut saw_us = None;
    loop {
        let asked_us = recorder.now_us();
        let call = client.get_secret_value().secret_id(&secret).version_stage(CURRENT);
        let looked = look(async { call.send().await.map_err(|error| said(&error)) }).await;
        if let Some(answer) = streak.note(&recorder, looked) {
            let served = Served::of(&answer);
            if seen.as_ref() != Some(&served) {
                let Served { version, digest } = served.clone();
                recorder.record(Event::SecretServed { region, version, digest, missed_us: saw_us });
                seen = Some(served);
            }
            saw_us = Some(asked_us);
        }
        if stopped(&mut stop, every.max(LEAST)).await {
            return;
        }
    }
}

/// Records what the primary, whose client this is, says of the replicas.
pub async fn watch_replicas(
    client: aws_sdk_secretsmanager::Client,
    primary: Region,
    others: Vec<Region>,
    secret: String,
    every: Duration,
    recorder: Recorder,
    mut stop: watch::Receiver<bool>,
) {
    let streak = Streak::new(STAGE, primary);
    let mut seen = BTreeMap::new();
    loop {
        let call = client.describe_secret().secret_id(&secret);
        let looked = look(async { call.send().await.map_err(|error| said(&error)) }).await;
        if let Some(described) = streak.note(&recorder, looked) {
            for region in &others {
                let absent = || ("absent".to_owned(), Some("the primary names no such replica".to_owned()));
                let told = replica(&described, region.as_str()).unwrap_or_else(absent);
                if seen.insert(*region, told.clone()).as_ref() != Some(&told) {
                    let (status, what) = told;
                    recorder.record(Event::SecretReplica { region: *region, status, what });
                }
            }
        }
        if stopped(&mut stop, every.max(LEAST)).await {
            return;
        }
    }
}

/// Records which versions the backend accepts, as its table in the primary Region has them.
pub async fn watch_backend(
    client: aws_sdk_dynamodb::Client,
    primary: Region,
    table: String,
    every: Duration,
    recorder: Recorder,
    mut stop: watch::Receiver<bool>,
) {
    let streak = Streak::new(STAGE, primary);
    let mut seen: Option<Vec<String>> = None;
    loop {
        let id = AttributeValue::S(CREDENTIALS.to_owned());
        let call = client.get_item().table_name(&table).key("id", id).consistent_read(true);
        let looked = look(async { call.send().await.map_err(|error| said(&error)) }).await;
        if let Some(got) = streak.note(&recorder, looked) {
            let accepts = accepted(got.item().and_then(|item| item.get(ACCEPTED)));
            if seen.as_ref() != Some(&accepts) {
                recorder.record(Event::Backend { accepts: accepts.clone() });
                seen = Some(accepts);
            }
        }
        if stopped(&mut stop, every.max(LEAST)).await {
            return;
        }
    }
}

/// The versions of a list or a set, in no order of theirs.
fn accepted(value: Option<&AttributeValue>) -> Vec<String> {
    let mut versions: Vec<String> = match value {
        Some(AttributeValue::Ss(set)) => set.clone(),
        Some(AttributeValue::L(list)) => list.iter().filter_map(|version| version.as_s().ok().cloned()).collect(),
        _ => Vec::new(),
    };
    versions.sort_unstable();
    versions
}
