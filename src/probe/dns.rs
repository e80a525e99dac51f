//! What the authoritative name servers answer for the public name, from each population's place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::every;
use crate::history::{Event, Recorder};
use crate::region::{Place, Region};
use crate::target::Internet;

const INTERVAL: Duration = Duration::from_secs(2);

/// The newest answer from each place.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<BTreeMap<Place, Vec<Region>>>>);

impl Answers {
    /// Whether the newest answer to someone at `place` was this Region alone.
    pub fn lead_to(&self, place: Place, region: Region) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).is_some_and(|regions| regions == &[region])
    }
}

/// Records the answer at first sight and at each change.
pub async fn watch_dns(
    internet: Arc<dyn Internet>,
    place: Place,
    name: String,
    answers: Answers,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    every("DNS probe", INTERVAL, &recorder, stop, || async {
        let lookup = internet.authoritative(place, &name).await;
        let mut regions: Vec<Region> = lookup.addresses.iter().filter_map(|a| internet.region_of(*a)).collect();
        regions.sort_unstable();
        regions.dedup();
        let mut answers = answers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.get(&place) != Some(&regions) {
            answers.insert(place, regions.clone());
            let ttl_s = u32::try_from(lookup.ttl.as_secs()).unwrap_or(u32::MAX);
            recorder.record(Event::Dns { name: name.clone(), from: place, regions, ttl_s });
        }
        Ok(())
    })
    .await;
}
