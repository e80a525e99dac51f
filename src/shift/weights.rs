//! The weighted records of one name. A change deletes each record as it was read and creates it with its new weight, in
//! one atomic batch: where any of them is no longer what was read, all of it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::error::ProvideErrorMetadata;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecordSet};
use serde_json::{Value, json};

use super::{PAUSE, ShiftError, is_passing, patiently};
use crate::region::Region;
use crate::target::said;
use crate::wait::{self, Look};

/// "Changes generally propagate to all Route 53 name servers within 60 seconds" (GetChange, API reference): one that
/// takes this long has failed.
const INSYNC_WITHIN: Duration = Duration::from_secs(10 * 60);
/// How often a restore is planned anew after somebody else's change came first.
const ROUNDS: u32 = 4;

/// Weights by set identifier.
pub type Weighted = BTreeMap<String, i64>;

/// The weighted records of a name.
#[derive(Clone, Debug)]
pub struct Weights {
    client: Client,
    zone: String,
    name: String,
}

/// The records as they were read, or as they are after a change of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Sets(Vec<ResourceRecordSet>);

/// What a restore came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// The change to wait for; none where all was as wanted.
    pub change: Option<String>,
    /// The set identifiers whose weights somebody else had set, and which were left as they are.
    pub left: Vec<String>,
}

impl Weights {
    pub fn new(client: &Client, zone: &str, name: &str) -> Self {
        Self { client: client.clone(), zone: zone.to_owned(), name: comparable(name) }
    }

    /// Reads the records; an error where the name has none with a weight.
    pub async fn read(&self) -> Result<Sets, ShiftError> {
        let what = format!("the records of {}", self.name);
        patiently(&what, async || self.list().await).await
    }

    async fn list(&self) -> Result<Sets, ShiftError> {
        let call = self.client.list_resource_record_sets().hosted_zone_id(&self.zone).start_record_name(&self.name);
        // A name has a hundred weighted records at most: one page holds them.
        let page = call.max_items(100).send().await.map_err(|error| failure(&error))?;
        let mine = |record: &&ResourceRecordSet| comparable(record.name()) == self.name && record.weight().is_some();
        let mut sets: Vec<ResourceRecordSet> = page.resource_record_sets().iter().filter(mine).cloned().collect();
        sets.sort_by(|a, b| a.set_identifier().cmp(&b.set_identifier()));
        if sets.is_empty() {
            let what = format!(
                "{} has no weighted records: a canary by route53 needs them (for the shipped stack, set the parameter \
                 Routing: weighted)",
                self.name
            );
            return Err(ShiftError::Failed(what));
        }
        Ok(Sets(sets))
    }

    /// Sets weights where the records still are what was read; the change, and the records as they are now.
    pub async fn set(&self, read: &Sets, weights: &Weighted, why: &str) -> Result<(String, Sets), ShiftError> {
        let after = read.with(weights);
        let mut batch = ChangeBatch::builder().comment(format!("blackstart: {why}"));
        for (action, sets) in [(ChangeAction::Delete, read), (ChangeAction::Create, &after)] {
            for record in &sets.0 {
                let change = Change::builder().action(action.clone()).resource_record_set(record.clone()).build();
                batch = batch.changes(change.map_err(|error| ShiftError::Failed(error.to_string()))?);
            }
        }
        let batch = batch.build().map_err(|error| ShiftError::Failed(error.to_string()))?;
        let what = format!("a change of {}", self.name);
        let change = patiently(&what, async || {
            let call = self.client.change_resource_record_sets().hosted_zone_id(&self.zone);
            let done = call.change_batch(batch.clone()).send().await.map_err(|error| failure(&error))?;
            Ok(done.change_info().map(|info| info.id().to_owned()).unwrap_or_default())
        });
        Ok((change.await?, after))
    }

    /// For the undo log: all that finds the records again, and the records.
    pub fn described(&self, region: Region, before: &Sets) -> Value {
        json!({
            "kind": "weights",
            "region": region,
            "zone": self.zone,
            "name": self.name,
            "records": before.described(),
        })
    }

    /// Gives the records the weights they had, where they still have one that was `set` by us; all else that changed about
    /// them meanwhile stays.
    pub async fn restore(&self, set: &[Weighted], before: &Weighted) -> Result<Restored, ShiftError> {
        let mut lost = String::new();
        for _ in 0..ROUNDS {
            let now = self.read().await?;
            let current = now.weights();
            let ours = |id: &String| {
                let is = current.get(id);
                is == before.get(id) || set.iter().any(|set| is == set.get(id))
            };
            let left = before.keys().filter(|id| !ours(id)).cloned().collect();
            let wanted: Weighted = before.iter().filter(|(id, _)| ours(id)).map(|(id, w)| (id.clone(), *w)).collect();
            if now.with(&wanted) == now {
                return Ok(Restored { change: None, left });
            }
            match self.set(&now, &wanted, "back to the weights of before").await {
                Ok((change, _)) => return Ok(Restored { change: Some(change), left }),
                Err(ShiftError::Conflict(why)) => lost = why,
                Err(error) => return Err(error),
            }
        }
        Err(ShiftError::Conflict(lost))
    }

    /// Waits until every name server has a change.
    pub async fn insync(&self, change: &str) -> Result<(), ShiftError> {
        let look = || async {
            match self.client.get_change().id(change).send().await {
                Ok(got) => {
                    let status = got.change_info().map(|info| info.status().clone());
                    Ok(match status {
                        Some(ChangeStatus::Insync) => Look::Ready(()),
                        status => Look::NotYet(format!("{status:?}")),
                    })
                }
                Err(error) if is_passing(&error) => Ok(Look::NotYet(said(&error))),
                Err(error) => Err(ShiftError::Failed(said(&error))),
            }
        };
        let waited = wait::until(&format!("{change} to be INSYNC"), INSYNC_WITHIN, PAUSE, look).await?;
        waited.map_err(|gave_up| ShiftError::Failed(gave_up.to_string()))
    }
}

impl Sets {
    pub fn weights(&self) -> Weighted {
        let weight = |record: &ResourceRecordSet| Some((record.set_identifier()?.to_owned(), record.weight()?));
        self.0.iter().filter_map(weight).collect()
    }

    /// The longest time a resolver may keep one of them.
    pub fn ttl(&self) -> Duration {
        let ttl = self.0.iter().filter_map(ResourceRecordSet::ttl).max().unwrap_or_default();
        Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
    }

    fn described(&self) -> Value {
        let record = |record: &ResourceRecordSet| {
            json!({
                "name": record.name(),
                "type": record.r#type().as_str(),
                "set_identifier": record.set_identifier(),
                "weight": record.weight(),
                "ttl": record.ttl(),
                "values": record.resource_records().iter().map(|value| value.value()).collect::<Vec<_>>(),
                "health_check": record.health_check_id(),
            })
        };
        self.0.iter().map(record).collect()
    }

    /// What is different about the other, in words.
    pub fn difference(&self, other: &Self) -> String {
        let of = |sets: &Self, id: Option<&str>| sets.0.iter().find(|record| record.set_identifier() == id).cloned();
        let ids = self.0.iter().chain(&other.0).filter_map(ResourceRecordSet::set_identifier);
        let ids: std::collections::BTreeSet<&str> = ids.collect();
        let differ = |id: &&&str| of(self, Some(id)) != of(other, Some(id));
        let show = |record: Option<ResourceRecordSet>| {
            record.map_or_else(
                || "nothing".to_owned(),
                |record| {
                    let values: Vec<&str> = record.resource_records().iter().map(|value| value.value()).collect();
                    format!("weight {} to {}", record.weight().unwrap_or_default(), values.join(", "))
                },
            )
        };
        let line = |id: &&str| format!("{id} was {} and is {}", show(of(self, Some(id))), show(of(other, Some(id))));
        ids.iter().filter(differ).map(line).collect::<Vec<_>>().join("; ")
    }

    fn with(&self, weights: &Weighted) -> Self {
        let mut sets = self.0.clone();
        for record in &mut sets {
            let weight = record.set_identifier().and_then(|id| weights.get(id)).copied();
            record.weight = weight.or(record.weight);
        }
        Self(sets)
    }
}

fn comparable(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn failure<E, R>(error: &aws_sdk_route53::error::SdkError<E, R>) -> ShiftError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let what = error.code().map_or_else(
        || "Route 53 could not be reached".to_owned(),
        |code| format!("{code}: {}", error.message().unwrap_or_default()),
    );
    match error.code() {
        Some("InvalidChangeBatch") => ShiftError::Conflict(what),
        _ if is_passing(error) => ShiftError::Busy(what),
        _ => ShiftError::Failed(what),
    }
}
