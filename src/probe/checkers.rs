//! What the checkers of health checks say: of those the records follow, which move traffic where the data plane does, and
//! of all that ask an endpoint, which a guard's alarm may watch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{Backoff, every};
use crate::history::{CheckFound, Event, Recorder};
use crate::target::said;

const INTERVAL: Duration = Duration::from_secs(10);
/// Of the account's five requests a second these looks take one each 500 ms at most: guards need the rest.
const APART: Duration = Duration::from_millis(500);

/// The health checks to look at: the stacks' own that have an endpoint, and those that records follow.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    known: Arc<Vec<CheckFound>>,
    followed: Arc<Mutex<BTreeSet<String>>>,
}

impl Checks {
    pub fn new(known: Vec<CheckFound>) -> Self {
        let asks = known.iter().filter(|check| check.interval_s.is_some()).map(|check| check.id.clone()).collect();
        Self { known: Arc::new(known), followed: Arc::new(Mutex::new(asks)) }
    }

    /// Adds checks, those that a calculated one counts in its place: it has no checkers of its own.
    pub(super) fn follow(&self, ids: impl Iterator<Item = String>) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open: Vec<String> = ids.collect();
        let mut met = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !met.insert(id.clone()) {
                continue;
            }
            match self.known.iter().find(|check| check.id == id && check.kind == "CALCULATED") {
                Some(calculated) => open.extend(calculated.children.iter().cloned()),
                None => _ = followed.insert(id),
            }
        }
    }

    fn all(&self) -> Vec<String> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Records how many checkers of each followed check say healthy, at first sight and at each change.
pub async fn watch_checkers(
    client: aws_sdk_route53::Client,
    checks: Checks,
    recorder: Recorder,
    stop: watch::Receiver<bool>,
) {
    let seen: Mutex<BTreeMap<String, (u32, u32)>> = Mutex::default();
    let backoff = Backoff::default();
    let look = || async {
        for (index, id) in checks.all().into_iter().enumerate() {
            if index > 0 {
                tokio::time::sleep(APART).await;
            }
            let call = client.get_health_check_status().health_check_id(&id);
            let got = call.send().await.map_err(|error| said(&error))?;
            let (mut healthy, mut checkers, mut failure) = (0, 0, None);
            for observation in got.health_check_observations() {
                let status = observation.status_report().and_then(|report| report.status()).unwrap_or_default();
                checkers += 1;
                if status.starts_with("Success") {
                    healthy += 1;
                } else {
                    failure.get_or_insert_with(|| status.to_owned());
                }
            }
            let before = seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), (healthy, checkers));
            if before != Some((healthy, checkers)) {
                recorder.record(Event::Checkers { check: id, healthy, checkers, failure });
            }
        }
        Ok(())
    };
    every("checker probe", INTERVAL, &recorder, stop, || backoff.spare(look())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, kind: &str, children: &[&str]) -> CheckFound {
        CheckFound {
            id: id.to_owned(),
            kind: kind.to_owned(),
            region: None,
            interval_s: (kind == "HTTPS").then_some(30),
            failure_threshold: None,
            string_match: false,
            latency: false,
            inverted: false,
            disabled: false,
            aws: true,
            children: children.iter().map(|id| (*id).to_owned()).collect(),
            healthy_at_least: None,
        }
    }

    #[test]
    fn a_calculated_check_is_looked_at_through_its_children() {
        let inner = check("inner", "CALCULATED", &["c", "outer"]);
        let known = vec![
            check("outer", "CALCULATED", &["a", "b", "inner"]),
            inner,
            check("a", "HTTPS", &[]),
            check("z", "HTTPS", &[]),
        ];
        let checks = Checks::new(known);
        assert_eq!(checks.all(), ["a", "z"], "whatever asks an endpoint");
        checks.follow(["outer".to_owned(), "stranger".to_owned()].into_iter());
        assert_eq!(checks.all(), ["a", "b", "c", "stranger", "z"]);
    }
}
