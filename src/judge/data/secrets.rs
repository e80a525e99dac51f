//! Which version of the secret each Region served when, and whether the backend took it. Never needs a value.

use super::lags::{Directions, Sighting};
use crate::history::OperationAction;
use crate::judge::verdict::{Lag, RejectedSeen, RotationSeen, SecretSpan, SecretsSeen};
use crate::region::Region;

/// A Region began to serve a version: after `missed`, when it still served the one before, and at `seen` at the latest.
#[derive(Clone, Debug)]
struct Serving {
    version: String,
    missed: Option<u64>,
    seen: u64,
}

impl Serving {
    /// When it may have begun at the earliest.
    fn earliest(&self) -> u64 {
        self.missed.unwrap_or(self.seen)
    }
}

#[derive(Clone, Debug)]
struct Rotation {
    operation: String,
    version: Option<String>,
    finished: Option<u64>,
    failed: Option<String>,
}

pub struct Secrets {
    regions: Vec<Region>,
    served: Vec<Vec<Serving>>,
    /// What the backend accepts from each of these moments on.
    accepted: Vec<(u64, Vec<String>)>,
    rotations: Vec<Rotation>,
}

impl Secrets {
    pub fn new(regions: &[Region]) -> Self {
        Self {
            regions: regions.to_vec(),
            served: vec![Vec::new(); regions.len()],
            accepted: Vec::new(),
            rotations: Vec::new(),
        }
    }

    /// Whether it is another version than before.
    pub fn served(&mut self, at: u64, slot: usize, version: &str, missed: Option<u64>) -> bool {
        let served = &mut self.served[slot];
        if served.last().is_some_and(|last| last.version == version) {
            return false;
        }
        let news = !served.is_empty();
        served.push(Serving { version: version.to_owned(), missed, seen: at });
        news
    }

    pub fn accepts(&mut self, at: u64, versions: &[String]) {
        self.accepted.push((at, versions.to_vec()));
    }

    pub fn operation(&mut self, at: u64, id: &str, action: OperationAction, version: Option<&String>, what: &str) {
        if action == OperationAction::Started {
            let operation = id.to_owned();
            self.rotations.push(Rotation { operation, version: version.cloned(), finished: None, failed: None });
            return;
        }
        let Some(rotation) = self.rotations.iter_mut().rev().find(|rotation| rotation.operation == id) else { return };
        rotation.version = version.cloned().or(rotation.version.take());
        match action {
            OperationAction::Failed => rotation.failed = Some(what.to_owned()),
            _ => rotation.finished = Some(at),
        }
    }

    /// Regions whose secret nobody saw.
    pub fn unseen(&self) -> impl Iterator<Item = Region> {
        self.regions.iter().zip(&self.served).filter(|(_, served)| served.is_empty()).map(|(region, _)| *region)
    }

    pub fn has_backend(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// `end` is the end of the history.
    pub fn shown(&self, end: u64) -> Option<SecretsSeen> {
        let any = self.served.iter().any(|served| !served.is_empty()) || !self.rotations.is_empty();
        any.then(|| SecretsSeen {
            served: self.spans(),
            rotations: self.rotations.iter().map(|rotation| self.rotation(rotation)).collect(),
            rejected: self.rejected(end),
        })
    }

    /// From the primary, the first Region, to each of the others: one sample for each version after the first.
    pub fn lags(&self) -> Vec<Lag> {
        let mut directions = Directions::new(&self.regions);
        let mut missing = vec![0; self.regions.len()];
        for (index, version) in self.served.first().into_iter().flatten().enumerate().skip(1) {
            for (slot, missing) in missing.iter_mut().enumerate().skip(1) {
                let acked = version.earliest();
                let seen = self.served[slot].iter().find(|seen| seen.version == version.version && seen.seen >= acked);
                match (seen, directions.of(0, slot, 0)) {
                    (Some(seen), Some(direction)) => {
                        direction.add(&Sighting { acked, missed: seen.missed, seen: seen.seen })
                    }
                    // A later version may have come before anybody looked.
                    _ => *missing += u64::from(index + 1 == self.served[0].len()),
                }
            }
        }
        directions.shown(false, |from, to, size| if (from, size) == (0, 0) { missing[to] } else { 0 })
    }

    /// The versions a Region served while the primary, the first Region, was certainly serving others.
    pub fn early(&self) -> Vec<(Region, String, u64)> {
        let Some((primary, others)) = self.served.split_first() else { return Vec::new() };
        let published = |version: &str, at: u64| {
            // Between two looks of the primary, or before its first, any version may have been current.
            let next = primary.iter().position(|known| known.seen > at);
            let unsure = next.is_some_and(|next| primary[next].missed.is_none_or(|missed| missed < at));
            unsure || primary[..next.unwrap_or(primary.len())].iter().any(|known| known.version == version)
        };
        let regions = self.regions.iter().skip(1).zip(others);
        let all = regions.flat_map(|(region, served)| served.iter().map(|serving| (*region, serving)));
        let early = all.filter(|(_, serving)| !published(&serving.version, serving.seen));
        early.map(|(region, serving)| (region, serving.version.clone(), serving.seen)).collect()
    }

    fn spans(&self) -> Vec<SecretSpan> {
        let mut spans = Vec::new();
        for (region, served) in self.regions.iter().zip(&self.served) {
            for (index, serving) in served.iter().enumerate() {
                spans.push(SecretSpan {
                    region: *region,
                    version: serving.version.clone(),
                    from_ms: serving.seen / 1_000,
                    until_ms: served.get(index + 1).map(|next| next.seen / 1_000),
                });
            }
        }
        spans
    }

    fn rotation(&self, rotation: &Rotation) -> RotationSeen {
        let unknown = |evidence: String| RotationSeen {
            operation: rotation.operation.clone(),
            version: rotation.version.clone(),
            at_ms: None,
            agreed_ms: None,
            evidence,
        };
        if let Some(why) = &rotation.failed {
            return unknown(format!("the rotation failed: {why}"));
        }
        let Some(version) = &rotation.version else { return unknown("the rotation did not finish".to_owned()) };
        // A Region that went on to a later version has caught up as well.
        let primary = self.served.first().map(Vec::as_slice).unwrap_or_default();
        let order = |version: &str| primary.iter().rposition(|known| known.version == version);
        let due = order(version);
        let caught_up = |seen: &&Serving| seen.version == *version || due.is_some() && order(&seen.version) > due;
        let first = |served: &Vec<Serving>| served.iter().find(caught_up).map(|seen| seen.seen);
        let firsts: Vec<Option<u64>> = self.served.iter().map(first).collect();
        let began = firsts.iter().flatten().copied().chain(rotation.finished).min();
        let Some(began) = began else { return unknown("nobody saw its version served".to_owned()) };
        let late = firsts.iter().zip(&self.regions).max_by_key(|(first, _)| first.unwrap_or(u64::MAX));
        let (agreed, evidence) = match late {
            Some((Some(last), region)) => (Some(last - began), format!("{region} was the last to serve it")),
            Some((None, region)) => (None, format!("{region} never served it")),
            None => (None, "nobody looked".to_owned()),
        };
        RotationSeen { at_ms: Some(began / 1_000), agreed_ms: agreed.map(|us| us.div_ceil(1_000)), ..unknown(evidence) }
    }

    /// The longest each of these windows can have been, looks being what they are.
    fn rejected(&self, end: u64) -> Vec<RejectedSeen> {
        let mut windows = Vec::new();
        for (region, served) in self.regions.iter().zip(&self.served) {
            for (index, serving) in served.iter().enumerate() {
                let until = served.get(index + 1).map_or(end, |next| next.seen);
                let mut open: Option<(u64, u64)> = None;
                for (step, (from, accepted)) in self.accepted.iter().enumerate() {
                    let to = self.accepted.get(step + 1).map_or(end, |(next, _)| *next).min(until);
                    let from = (*from).max(serving.earliest());
                    let taken = accepted.contains(&serving.version);
                    match &mut open {
                        Some((_, last)) if !taken && from < to => *last = to,
                        None if !taken && from < to => open = Some((from, to)),
                        Some((from, to)) if taken => windows.push(window(*region, serving, *from, *to)),
                        _ => {}
                    }
                    open = open.filter(|_| !taken);
                }
                windows.extend(open.map(|(from, to)| window(*region, serving, from, to)));
            }
        }
        windows
    }
}

fn window(region: Region, serving: &Serving, from: u64, to: u64) -> RejectedSeen {
    let version = serving.version.clone();
    RejectedSeen { region, version, from_ms: from / 1_000, lasted_ms: (to - from).div_ceil(1_000) }
}
