//! Poison: bad data written where good data was, which replicates to the standby like any other write.
//!
//! The antidote is what was there before, read before anything is written.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Place;
use crate::history::{Event, WriteOutcome};
use crate::region::Region;
use crate::scenario::Poisoned;
use crate::store::{Store, WriteKind};
use crate::target::{TargetError, said};

/// JSON that ends too early: nothing can read it.
const BAD_ORDER: &str = "{\"poisoned\": ";
/// A control character, which no password has.
const BAD_SECRET: &str = "\u{1}poisoned";
const CURRENT: &str = "AWSCURRENT";

type Item = BTreeMap<String, AttributeValue>;

/// What undoes a poisoning.
pub enum Antidote {
    Item {
        region: Region,
        key: String,
        before: Option<Item>,
    },
    /// The version that was current, and the poisoned one.
    Secret {
        region: Region,
        good: String,
        bad: String,
    },
}

pub async fn poison(place: &Place<'_>, what: &Poisoned, region: Region) -> Result<Antidote, TargetError> {
    match what {
        Poisoned::Item { key } => item(place, region, key).await,
        Poisoned::Secret => secret(place, region).await,
    }
}

impl Antidote {
    pub async fn give(self, place: &Place<'_>) -> Result<(), TargetError> {
        match self {
            Self::Item { region, key, before } => write(place, region, &key, before).await,
            Self::Secret { region, good, bad } => {
                let client = &place.target.clients_in(region)?.secretsmanager;
                let back = client.update_secret_version_stage().secret_id(role(place, "secret", region)?);
                let back = back.version_stage(CURRENT).move_to_version_id(good).remove_from_version_id(bad);
                back.send().await.map(|_| ()).map_err(|error| TargetError(said(&error)))
            }
        }
    }
}

fn role(place: &Place<'_>, role: &str, region: Region) -> Result<String, TargetError> {
    let missing = || TargetError(format!("the stack names no {role}: layout.yaml must give this role"));
    (place.role)(role, region).ok_or_else(missing)
}

async fn item(place: &Place<'_>, region: Region, key: &str) -> Result<Antidote, TargetError> {
    let client = &place.target.clients_in(region)?.dynamodb;
    let id = AttributeValue::S(key.to_owned());
    let read = client.get_item().table_name(role(place, "table", region)?).key("id", id.clone()).consistent_read(true);
    let before = read.send().await.map_err(|error| TargetError(said(&error)))?.item;
    let before = before.map(|item| item.into_iter().collect());
    let bad = Item::from([("id".to_owned(), id), ("order".to_owned(), AttributeValue::S(BAD_ORDER.to_owned()))]);
    write(place, region, key, Some(bad)).await?;
    Ok(Antidote::Item { region, key: key.to_owned(), before })
}

/// Writes or deletes an item, as a write of the history: it is followed to the other Regions like any other.
async fn write(place: &Place<'_>, region: Region, key: &str, item: Option<Item>) -> Result<(), TargetError> {
    let client = &place.target.clients_in(region)?.dynamodb;
    let table = role(place, "table", region)?;
    let (tag, started_us) = (place.recorder.tag(), place.recorder.now_us());
    let (kind, sent) = match item {
        Some(mut item) => {
            item.insert("write".to_owned(), AttributeValue::S(tag.to_string()));
            let sent = client.put_item().table_name(table).set_item(Some(item.into_iter().collect())).send().await;
            (WriteKind::Put, sent.map(|_| ()).map_err(|error| said(&error)))
        }
        None => {
            let delete = client.delete_item().table_name(table).key("id", AttributeValue::S(key.to_owned()));
            (WriteKind::Delete, delete.send().await.map(|_| ()).map_err(|error| said(&error)))
        }
    };
    place.recorder.record(Event::Write {
        write: tag.write,
        store: Store::Table,
        key: key.to_owned(),
        kind,
        by: "fault".to_owned(),
        region: Some(region),
        started_us,
        outcome: if sent.is_ok() { WriteOutcome::Acknowledged } else { WriteOutcome::Unknown },
        bytes: None,
        version: None,
        what: sent.as_ref().err().cloned(),
        release: None,
    });
    sent.map_err(TargetError)
}

async fn secret(place: &Place<'_>, region: Region) -> Result<Antidote, TargetError> {
    let client = &place.target.clients_in(region)?.secretsmanager;
    let name = role(place, "secret", region)?;
    let described = client.describe_secret().secret_id(&name).send().await;
    let described = described.map_err(|error| TargetError(said(&error)))?;
    let mut versions = described.version_ids_to_stages().into_iter().flatten();
    let current = versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
    let good = current
        .map(|(version, _)| version.clone())
        .ok_or_else(|| TargetError(format!("the secret {name} in {region} has no version that is {CURRENT}")))?;
    // A version's id is the request's token: 32 characters or more, and the same for the same run and seed.
    let tag = place.recorder.tag();
    let bad = format!("poisoned-{:0>32}", tag.to_string());
    let put = client.put_secret_value().secret_id(&name).client_request_token(&bad).secret_string(BAD_SECRET);
    put.send().await.map_err(|error| TargetError(said(&error)))?;
    Ok(Antidote::Secret { region, good, bad })
}
