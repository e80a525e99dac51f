//! What readers saw: how old it was, and whether anybody went back in time.
//!
//! Only what is certain counts: a write is missed where it was acknowledged before the read began, and what was read
//! instead was over before that write began.

use std::collections::{BTreeMap, VecDeque};

use indexmap::IndexMap;

use super::ledger::Ledger;
use super::sketch::Sketch;
use crate::judge::verdict::ReadsSeen;
use crate::region::Region;

/// How many pairs of a client and a key are remembered; the ones heard of first are forgotten first.
const REMEMBERED: usize = 1 << 18;
/// A read that saw nothing may have met a delete whose answer is still on its way, for this long.
const GRACE_US: u64 = 120_000_000;
const EXAMPLES: usize = 10;

/// A read, when it ended.
pub struct Look<'a> {
    pub key: &'a str,
    pub slot: Option<usize>,
    pub by: &'a str,
    pub client: Option<u32>,
    pub started: u64,
    pub ended: u64,
    pub write: Option<u64>,
}

/// Reads of one Region.
#[derive(Clone, Debug, Default)]
struct Seen {
    reads: u64,
    stale: u64,
    ages: Sketch,
    worst: Option<(u64, String)>,
    backwards: u64,
    examples: Vec<String>,
}

/// A read that saw nothing where something should have been.
#[derive(Clone, Debug)]
struct Suspect {
    ended: u64,
    slot: usize,
    age: u64,
    stale: String,
    backwards: Option<String>,
}

/// The latest version a client saw of a key.
#[derive(Clone, Copy, Debug)]
struct Latest {
    write: u64,
    /// When it was sent, once that is known.
    started: Option<u64>,
}

#[derive(Default)]
pub struct Reads {
    seen: Vec<Seen>,
    by: IndexMap<Box<str>, ()>,
    latest: BTreeMap<(u32, u32, u32), Latest>,
    order: VecDeque<(u32, u32, u32)>,
    suspects: BTreeMap<u32, Vec<Suspect>>,
    waiting: VecDeque<(u64, u32)>,
    /// Pairs of a client and a key that were forgotten.
    pub forgotten: u64,
}

impl Reads {
    pub fn new(regions: usize) -> Self {
        Self { seen: vec![Seen::default(); regions], ..Self::default() }
    }

    /// A delete of a key was acknowledged, or may have happened: it explains reads that it may have met.
    pub fn deleted(&mut self, key: u32, started: u64) {
        if let Some(suspects) = self.suspects.get_mut(&key) {
            for suspect in suspects.iter_mut().filter(|suspect| started <= suspect.ended) {
                (suspect.age, suspect.backwards) = (0, None);
            }
        }
    }

    pub fn observe(&mut self, look: &Look<'_>, ledger: &Ledger) {
        self.convict(look.ended.saturating_sub(GRACE_US));
        let slot = look.slot.filter(|slot| *slot < self.seen.len());
        if let Some(slot) = slot {
            self.seen[slot].reads += 1;
        }
        let Some(key) = ledger.index_of(look.key) else {
            if let Some(slot) = slot {
                self.seen[slot].ages.add(0);
            }
            return;
        };
        let (age, missed) = staleness(look, key, ledger);
        let stale = match missed {
            Some(missed) => format!(
                "a read of {} by {} at {} saw {} and missed write {missed}",
                look.key,
                who(look),
                when(look.started),
                what(look.write)
            ),
            None => String::new(),
        };
        let backwards = self.backwards(look, key, ledger);
        let slot = slot.unwrap_or(usize::MAX);
        let suspect = Suspect { ended: look.ended, slot, age, stale, backwards };
        if look.write.is_none() && (age > 0 || suspect.backwards.is_some()) {
            self.suspects.entry(key).or_default().push(suspect);
            self.waiting.push_back((look.ended, key));
        } else {
            count(&mut self.seen, &suspect);
        }
    }

    /// The reads of each Region that had any.
    pub fn shown(&self, regions: &[Region]) -> Vec<ReadsSeen> {
        let mut seen = self.seen.clone();
        self.suspects.values().flatten().for_each(|suspect| count(&mut seen, suspect));
        let shown = regions.iter().zip(seen).filter(|(_, seen)| seen.reads > 0).map(|(region, seen)| {
            let ms = |us: Option<u64>| us.map(|us| us.div_ceil(1_000));
            ReadsSeen {
                region: *region,
                reads: seen.reads,
                stale: seen.stale,
                p99_ms: ms(seen.ages.quantile(0.99)),
                worst_ms: ms(seen.ages.max()),
                backwards: seen.backwards,
                examples: seen.worst.into_iter().map(|(_, worst)| worst).chain(seen.examples).collect(),
            }
        });
        shown.collect()
    }

    /// Counts the suspects that no delete explained until `before`.
    fn convict(&mut self, before: u64) {
        while let Some((ended, key)) = self.waiting.front().copied().filter(|(ended, _)| *ended < before) {
            self.waiting.pop_front();
            let Some(suspects) = self.suspects.get_mut(&key) else { continue };
            let (over, rest) = std::mem::take(suspects).into_iter().partition(|suspect| suspect.ended <= ended);
            *suspects = rest;
            if suspects.is_empty() {
                self.suspects.remove(&key);
            }
            let over: Vec<Suspect> = over;
            over.iter().for_each(|suspect| count(&mut self.seen, suspect));
        }
    }

    /// Whether this client saw something definitely later of this key before, and which; remembers what it saw.
    fn backwards(&mut self, look: &Look<'_>, key: u32, ledger: &Ledger) -> Option<String> {
        let versions = &ledger.keys[key as usize].versions;
        let by = self.by.get_index_of(look.by).unwrap_or_else(|| self.by.insert_full(look.by.into(), ()).0) as u32;
        let place = (by, look.client.map_or(0, |client| client + 1), key);
        let started = |write: u64| versions.get(write).map(|version| version.started);
        let known = self.latest.get(&place).copied();
        let after = known.and_then(|known| Some((known.write, known.started.or(started(known.write))?)));
        if let Some((write, sent)) = after.filter(|(write, _)| look.write != Some(*write)) {
            let back = match look.write {
                Some(seen) if ledger.is_unknown(seen) => false,
                Some(seen) => match versions.get(seen) {
                    Some(seen) => seen.acked < sent,
                    None => versions.is_pruned(seen) && versions.pruned_acked() < sent,
                },
                None if versions.unknown_delete != 0 => false,
                None => !versions.iter().any(|version| version.delete && version.acked >= sent),
            };
            if back {
                let (who, key, at) = (who(look), look.key, when(look.started));
                return Some(format!("{who} saw write {write} of {key}, and at {at} {}", what(look.write)));
            }
        }
        let seen = look.write?;
        let latest = Latest { write: seen, started: started(seen) };
        let later = match (latest.started, after) {
            (Some(sent), Some((_, known))) => sent >= known,
            _ => true,
        };
        if later && self.latest.insert(place, latest).is_none() {
            self.order.push_back(place);
            if self.order.len() > REMEMBERED
                && let Some(first) = self.order.pop_front()
            {
                self.latest.remove(&first);
                self.forgotten += 1;
            }
        }
        None
    }
}

/// The age of the oldest acknowledged write that a read missed, and which it was.
fn staleness(look: &Look<'_>, key: u32, ledger: &Ledger) -> (u64, Option<u64>) {
    let versions = &ledger.keys[key as usize].versions;
    let since = match look.write {
        Some(seen) if ledger.is_unknown(seen) => return (0, None),
        Some(seen) => match versions.get(seen) {
            Some(seen) => seen.acked,
            None if versions.is_pruned(seen) => versions.pruned_acked(),
            // Still on its way back to whoever sent it: nothing acknowledged is later.
            None => return (0, None),
        },
        None if versions.unknown_delete != 0 => return (0, None),
        None => {
            let deleted = versions.iter().filter(|version| version.delete).map(|version| version.acked).max();
            deleted.unwrap_or(versions.pruned_acked())
        }
    };
    if versions.latest_started() <= since {
        return (0, None);
    }
    let missed = versions.iter().filter(|version| version.started > since && version.acked <= look.started);
    match missed.min_by_key(|version| version.acked) {
        Some(missed) => (look.started - missed.acked, Some(missed.write)),
        None => (0, None),
    }
}

fn count(seen: &mut [Seen], read: &Suspect) {
    let Some(seen) = seen.get_mut(read.slot) else { return };
    seen.ages.add(read.age);
    if read.age > 0 {
        seen.stale += 1;
        if seen.worst.as_ref().is_none_or(|(worst, _)| read.age > *worst) {
            seen.worst = Some((read.age, read.stale.clone()));
        }
    }
    if let Some(backwards) = &read.backwards {
        seen.backwards += 1;
        if seen.examples.len() < EXAMPLES {
            seen.examples.push(backwards.clone());
        }
    }
}

fn who(look: &Look<'_>) -> String {
    match look.client {
        Some(client) => format!("{} {client}", look.by),
        None => look.by.to_owned(),
    }
}

fn what(write: Option<u64>) -> String {
    write.map_or("nothing".to_owned(), |write| format!("write {write}"))
}

/// A moment of the run, to the millisecond.
fn when(us: u64) -> String {
    let ms = us / 1_000;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}
