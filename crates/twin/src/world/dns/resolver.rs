//! A recursive resolver near its users.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Origin;
use crate::Cloud;
use crate::dns::{Answer, Cache};

/// Asks the name servers for what it does not remember.
pub struct Resolver {
    pub origin: Origin,
    cache: Mutex<Cache>,
}

impl Resolver {
    pub fn new(origin: Origin) -> Self {
        Self { origin, cache: Mutex::default() }
    }

    pub async fn resolve(&self, cloud: &Arc<Cloud>, name: &str) -> Answer {
        let mut answer = Answer { from_cache: true, ..Answer::default() };
        let mut next = self.lock().follow(cloud.clock.now(), name, &mut answer);
        while let Some(name) = next {
            answer.from_cache = false;
            let link = cloud.dns.query(cloud, self.origin, &name).await;
            next = answer.follow(&name, &link, link.ttl);
            self.lock().keep(cloud.clock.now(), name, link);
            if let Some(name) = next {
                next = self.lock().follow(cloud.clock.now(), &name, &mut answer);
            }
        }
        answer
    }

    /// Forgets everything, as a restarted resolver has.
    pub fn flush(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
