//! What a resolver remembers.

use std::collections::BTreeMap;

use super::answer::{Data, Link};
use super::chain::Answer;
use super::record::normal;
use crate::clock::Timestamp;

/// Keeps what each name answered for its TTL and not a moment longer. Each link of a chain is kept for its own: a
/// CNAME of 900 seconds pins its users long after the addresses behind it were asked for again. That nobody answered
/// is not kept.
#[derive(Debug, Default)]
pub struct Cache(BTreeMap<String, Kept>);

#[derive(Debug)]
struct Kept {
    link: Link,
    until: Timestamp,
}

impl Cache {
    /// Follows the chain from `name` as far as it is kept; the first name that must be asked for.
    pub fn follow(&self, now: Timestamp, name: &str, answer: &mut Answer) -> Option<String> {
        let mut next = Some(normal(name));
        while let Some(name) = next {
            match self.0.get(&name).filter(|kept| now < kept.until) {
                Some(found) => next = answer.follow(&name, &found.link, found.until.since(now)),
                None => return Some(name),
            }
        }
        None
    }

    pub fn keep(&mut self, now: Timestamp, name: String, link: Link) {
        if link.data != Data::Failed {
            self.0.insert(name, Kept { until: now + link.ttl, link });
        }
    }

    /// Forgets everything, as a restarted resolver has.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
