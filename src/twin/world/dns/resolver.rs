//! A recursive resolver near its users.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::Link;
use super::record::normal;
use super::{Answer, Origin};
use crate::clock::Timestamp;
use crate::twin::Cloud;

/// Keeps what each name answered for its TTL and not a moment longer. Each link of a chain is kept for its own: a
/// CNAME of 900 seconds pins its users long after the addresses behind it were asked for again.
pub struct Resolver {
    pub origin: Origin,
    kept: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    link: Link,
    until: Timestamp,
}

impl Resolver {
    pub fn new(origin: Origin) -> Self {
        Self { origin, kept: Mutex::new(BTreeMap::new()) }
    }

    pub async fn resolve(&self, cloud: &Arc<Cloud>, name: &str) -> Answer {
        let mut answer = Answer { from_cache: true, ..Answer::default() };
        let mut next = self.kept_chain(cloud.clock.now(), name, &mut answer);
        while let Some(name) = next {
            answer.from_cache = false;
            let link = cloud.dns.query(cloud, self.origin, &name).await;
            next = answer.follow(&name, &link, link.ttl);
            let until = cloud.clock.now() + link.ttl;
            self.lock().insert(name, Kept { link, until });
            if let Some(name) = next {
                next = self.kept_chain(cloud.clock.now(), &name, &mut answer);
            }
        }
        answer
    }

    /// Forgets everything, as a restarted resolver has.
    pub fn flush(&self) {
        self.lock().clear();
    }

    /// Follows the chain from `name` as far as it is kept; the first name that must be asked for.
    fn kept_chain(&self, now: Timestamp, name: &str, answer: &mut Answer) -> Option<String> {
        let kept = self.lock();
        let mut next = Some(normal(name));
        while let Some(name) = next {
            match kept.get(&name).filter(|kept| now < kept.until) {
                Some(found) => next = answer.follow(&name, &found.link, found.until.since(now)),
                None => return Some(name),
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
