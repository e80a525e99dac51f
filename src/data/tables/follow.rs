//! Follows writes into one Region: reads the items there until each write is seen, or a later one in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::Instant;

use super::item::{KEY, key_of, write_of};
use crate::data::Followed;
use crate::data::looks::{Due, Looks};
use crate::history::{Event, Recorder};
use crate::region::Region;
use crate::target::said;

/// The most items one `BatchGetItem` reads.
const BATCH: usize = 100;
const STAGE: &str = "table follower";

/// Looks for writes in a Region that others make.
pub struct Follower {
    pub client: aws_sdk_dynamodb::Client,
    pub table: String,
    pub region: Region,
    pub recorder: Recorder,
    pub look_every: Duration,
    /// How long it goes on after it was told to stop while writes are missing.
    pub settle: Duration,
}

struct Wanted {
    key: String,
    deletes: bool,
    missed_us: Option<u64>,
}

/// What a look came to.
enum Seen {
    Arrived,
    Later(Option<u64>),
    NotYet,
}

impl Follower {
    /// Follows until it is told to stop and nothing is missing, or the time for that is up.
    pub async fn follow(self, mut writes: UnboundedReceiver<Followed>, mut stop: watch::Receiver<bool>) {
        let mut looks: Looks<Wanted> = Looks::new(micros(self.look_every));
        // The newest delete of each key: it explains why nothing is there.
        let mut deletes: BTreeMap<String, u64> = BTreeMap::new();
        let mut failing = false;
        let mut last_call: Option<Instant> = None;
        loop {
            let done = writes.is_empty() && looks.is_empty();
            if last_call.is_some_and(|until| done || Instant::now() >= until) {
                return;
            }
            let next = looks.next_us().map(|at| Duration::from_micros(at.saturating_sub(self.recorder.now_us())));
            tokio::select! {
                biased;
                Some(followed) = writes.recv() => {
                    self.begin(followed, &mut looks, &mut deletes);
                    continue;
                }
                _ = stop.wait_for(|stop| *stop), if last_call.is_none() => {
                    last_call = Some(Instant::now() + self.settle);
                }
                () = tokio::time::sleep(next.unwrap_or_default()), if next.is_some() => {}
            }
            self.look(&mut looks, &deletes, &mut failing).await;
        }
    }

    fn begin(&self, followed: Followed, looks: &mut Looks<Wanted>, deletes: &mut BTreeMap<String, u64>) {
        if followed.deletes {
            let newest = deletes.entry(followed.key.clone()).or_default();
            *newest = followed.write.max(*newest);
        }
        if followed.region != Some(self.region) {
            let Followed { write, key, deletes, acknowledged_us, .. } = followed;
            let what = Wanted { key, deletes, missed_us: None };
            looks.again(self.recorder.now_us(), Due { write, since_us: acknowledged_us, what });
        }
    }

    /// Makes the looks that are due.
    async fn look(&self, looks: &mut Looks<Wanted>, deletes: &BTreeMap<String, u64>, failing: &mut bool) {
        loop {
            let due = looks.due(self.recorder.now_us(), BATCH);
            if due.is_empty() {
                return;
            }
            let keys: BTreeSet<&str> = due.iter().map(|due| due.what.key.as_str()).collect();
            let asked_us = self.recorder.now_us();
            let found = self.items(&keys).await;
            match &found {
                Ok(_) => *failing = false,
                Err(what) if !*failing => {
                    *failing = true;
                    let what = format!("{}: {what}", self.region);
                    self.recorder.record(Event::Trouble { stage: STAGE.to_owned(), what });
                }
                Err(_) => {}
            }
            let mut came = false;
            let sweeping = due.iter().any(|due| due.since_us == 0);
            for mut due in due {
                let seen = match &found {
                    Ok(found) => judge(&due, found, deletes),
                    Err(_) => Seen::NotYet,
                };
                let (write, region) = (due.write, self.region);
                match seen {
                    Seen::Arrived => {
                        let missed_us = due.what.missed_us;
                        self.recorder.record(Event::Arrival { write, region, missed_us });
                    }
                    Seen::Later(by) => self.recorder.record(Event::Superseded { write, region, by }),
                    Seen::NotYet => {
                        if found.is_ok() {
                            due.what.missed_us = Some(asked_us);
                        }
                        looks.again(self.recorder.now_us(), due);
                        continue;
                    }
                }
                came = true;
            }
            if sweeping {
                looks.swept(self.recorder.now_us(), came);
            }
        }
    }

    /// Which write each of these keys holds here; no entry where there is no item.
    async fn items(&self, keys: &BTreeSet<&str>) -> Result<BTreeMap<String, Option<u64>>, String> {
        let mut found = BTreeMap::new();
        let mut asking = KeysAndAttributes::builder();
        for key in keys {
            asking = asking.keys([(KEY.to_owned(), AttributeValue::S((*key).to_owned()))].into());
        }
        let mut open = Some(asking.build().map_err(|error| error.to_string())?);
        while let Some(asking) = open.take() {
            let call = self.client.batch_get_item().request_items(&self.table, asking).send().await;
            let mut got = call.map_err(|error| said(&error))?;
            for item in got.responses.iter().flatten().flat_map(|(_, items)| items) {
                if let Some(key) = key_of(item) {
                    found.insert(key.clone(), write_of(&self.recorder, item));
                }
            }
            open = got.unprocessed_keys.as_mut().and_then(|left| left.remove(&self.table));
        }
        Ok(found)
    }
}

fn judge(due: &Due<Wanted>, found: &BTreeMap<String, Option<u64>>, deletes: &BTreeMap<String, u64>) -> Seen {
    match (found.get(&due.what.key), due.what.deletes) {
        (None, true) => Seen::Arrived,
        (None, false) => match deletes.get(&due.what.key) {
            Some(delete) if *delete > due.write => Seen::Later(Some(*delete)),
            _ => Seen::NotYet,
        },
        (Some(Some(write)), false) if *write == due.write => Seen::Arrived,
        (Some(Some(write)), _) if *write > due.write => Seen::Later(Some(*write)),
        (Some(_), _) => Seen::NotYet,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_a_write_from_older_and_later_ones() {
        let due = |write, key: &str, deletes| Due {
            write,
            since_us: 0,
            what: Wanted { key: key.to_owned(), deletes, missed_us: None },
        };
        let found = BTreeMap::from([("a".to_owned(), Some(5)), ("foreign".to_owned(), None)]);
        let deletes = BTreeMap::from([("gone".to_owned(), 7)]);
        let seen = |due: Due<Wanted>| match judge(&due, &found, &deletes) {
            Seen::Arrived => "arrived".to_owned(),
            Seen::Later(by) => format!("later {by:?}"),
            Seen::NotYet => "not yet".to_owned(),
        };
        assert_eq!(seen(due(5, "a", false)), "arrived");
        assert_eq!(seen(due(4, "a", false)), "later Some(5)");
        assert_eq!(seen(due(6, "a", false)), "not yet");
        assert_eq!(seen(due(6, "a", true)), "not yet");
        assert_eq!(seen(due(4, "a", true)), "later Some(5)");
        assert_eq!(seen(due(7, "gone", true)), "arrived");
        assert_eq!(seen(due(6, "gone", false)), "later Some(7)");
        assert_eq!(seen(due(8, "gone", false)), "not yet");
        assert_eq!(seen(due(1, "foreign", false)), "not yet");
    }
}
