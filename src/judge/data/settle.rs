//! The end of a ledger: what looks left open is settled by the final scans, which are compared key by key.

use std::collections::BTreeMap;

use super::ledger::{EXAMPLES, Key, Ledger};
use super::scans::Found;
use super::versions::{Class, Version};
use crate::judge::verdict::{Divergence, Misordered, Rpo, Side, Stranded, WriteSeen};

/// How many diverging keys and misordered items are named.
const NAMED: usize = 10;

/// What a ledger comes to.
#[derive(Debug, Default)]
pub struct Settled {
    pub rpo: Rpo,
    /// Writes that were neither seen to arrive nor replaced, by where from, where to and size class.
    missing: BTreeMap<(usize, usize, usize), u64>,
    pub catching: Caught,
    /// Keys found by complete scans of all Regions.
    pub compared: u64,
    pub divergent: u64,
    pub divergences: Vec<Divergence>,
    /// Keys whose final version was over before another acknowledged write of theirs began.
    pub misordered: u64,
    pub zombies: u64,
    pub misorders: Vec<Misordered>,
    /// Later writes that an earlier one, by the world's clock, was found in the place of.
    pub beaten: u64,
    /// Users' writes, without deletes and without those that were replaced; and those of them that were everywhere
    /// within each bound.
    pub due: u64,
    pub within: Vec<(u64, u64)>,
}

/// When everything that was acknowledged before a moment was everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caught {
    /// Counted from here; `None`: nothing was waited for.
    pub since: Option<u64>,
    pub until: u64,
    /// Seen by the final scan alone, so it may have been earlier.
    pub by_scan: bool,
    /// Writes of before that were not proven to be everywhere or replaced.
    pub open: u64,
}

/// What a Region's final scan says of a write.
#[derive(PartialEq, Eq)]
enum Fate {
    /// Seen at this time.
    Present(u64),
    /// By this write.
    Replaced(u64),
    Lost,
    Unseen,
}

impl Settled {
    pub fn missing(&self, from: usize, to: usize, size: usize) -> u64 {
        self.missing.get(&(from, to, size)).copied().unwrap_or(0)
    }
}

/// `lost_at` is when what is lost was lost.
pub fn settle(ledger: &Ledger, lost_at: Option<u64>) -> Settled {
    let counts = ledger.counts;
    let mut settled = Settled {
        rpo: Rpo {
            acked: counts.acked,
            stable: counts.stable,
            late: counts.late,
            overwritten: counts.overwritten,
            overwritten_late: counts.overwritten_late,
            unknown: counts.unknown,
            happened: counts.happened,
            stranded: ledger.stranding.as_ref().map(|stranding| Stranded {
                region: ledger.regions[stranding.slot],
                at_ms: stranding.at / 1_000,
                writes: stranding.writes,
                seconds: seconds(stranding.at.saturating_sub(stranding.oldest)),
                arrived: stranding.arrived,
                overwritten: stranding.overwritten,
                lost: 0,
                last_arrived_ms: stranding.last_arrived.map(|at| at.div_ceil(1_000)),
                first: stranding.first.values().cloned().collect(),
            }),
            ..Rpo::default()
        },
        catching: ledger.catching.map_or(Caught::default(), |catching| Caught {
            since: Some(catching.since),
            until: catching.until,
            ..Caught::default()
        }),
        due: ledger.puts - ledger.puts_replaced,
        within: ledger.within.clone(),
        ..Settled::default()
    };
    // What was acknowledged after that moment was lost by the end.
    let end = ledger.scans.began().unwrap_or(0);
    let moment = |acked: u64| lost_at.filter(|lost_at| *lost_at > acked).unwrap_or(end);
    let mut lost: Vec<(WriteSeen, u64)> = Vec::new();
    for (name, key) in &ledger.keys {
        for version in key.versions.iter() {
            let (class, end) = judged(ledger, key, version, &mut settled);
            if class == version.class {
                continue;
            }
            waited(version, class, &end, &mut settled);
            if version.uncounted {
                continue;
            }
            recount(version.class, class, &mut settled.rpo);
            owed(version, class, &end, &mut settled);
            let end = Version { class, ..end };
            let seen = ledger.told(name, &end);
            if version.stranded {
                strand(&mut settled.rpo, version.class, &end, &seen);
            }
            if class == Class::Lost {
                lost.push((seen, moment(version.acked).saturating_sub(version.acked)));
            }
        }
        compare(ledger, name, key, &mut settled);
        order(ledger, name, key, &mut settled);
    }
    settled.rpo.seconds = seconds(lost.iter().map(|(_, age)| *age).max().unwrap_or(0));
    lost.sort_by_key(|(seen, _)| seen.write);
    settled.rpo.lost_writes = lost.into_iter().take(EXAMPLES).map(|(seen, _)| seen).collect();
    settled
}

/// The class of a version in the end, and the version as it is then.
fn judged(ledger: &Ledger, key: &Key, version: &Version, settled: &mut Settled) -> (Class, Version) {
    let mut end = version.clone();
    let newest = key.versions.is_newest(version);
    let (mut lost, mut unseen) = (false, false);
    for slot in 0..ledger.regions.len() {
        let waits = version.waiting & (1 << slot) != 0;
        if !waits && !newest {
            continue;
        }
        let fate = fate(ledger, key, version, slot);
        if waits && matches!(fate, Fate::Lost | Fate::Unseen) {
            *settled.missing.entry((version.region.into(), slot, version.size.into())).or_default() += 1;
        }
        match fate {
            Fate::Lost => lost = true,
            Fate::Unseen => unseen |= waits,
            Fate::Present(at) if waits => end.arrived = end.arrived.max(at),
            Fate::Replaced(by) if waits => end.replaced_by = by,
            Fate::Present(_) | Fate::Replaced(_) => {}
        }
    }
    let class = match version.class {
        _ if lost => Class::Lost,
        Class::Open if unseen => Class::Unproven,
        Class::Open if end.replaced_by != 0 => Class::Overwritten,
        // A delete that the scan found to hold was seen; when it came nobody can say.
        Class::Open if version.delete || end.lag() <= ledger.stable_within => Class::Stable,
        Class::Open => Class::Late,
        class => class,
    };
    (class, end)
}

fn fate(ledger: &Ledger, key: &Key, version: &Version, slot: usize) -> Fate {
    let complete = ledger.scans.complete(slot);
    let before = |write: u64| !ledger.is_unknown(write) && key.versions.is_before(write, version);
    match (found(ledger, key, slot), complete) {
        (Some(found), _) if found.write == Some(version.write) => Fate::Present(found.at),
        (Some(Found { write: Some(write), .. }), _) if !before(*write) => Fate::Replaced(*write),
        (_, Some(scan)) if version.acked > scan.began => Fate::Unseen,
        // Something older stands in its place, or something that was there before the run.
        (Some(_), Some(_)) => Fate::Lost,
        (None, Some(scan)) if version.delete => Fate::Present(scan.ended),
        (None, Some(_)) => key.versions.delete_over(version).map_or(Fate::Lost, Fate::Replaced),
        (_, None) => Fate::Unseen,
    }
}

/// Whether the final scan of a Region shows that a version which nothing replaced is not there.
pub fn is_absent(ledger: &Ledger, key: &Key, version: &Version, slot: usize) -> bool {
    fate(ledger, key, version, slot) == Fate::Lost
}

/// What the last scan of a Region found of a key.
pub fn found<'a>(ledger: &Ledger, key: &'a Key, slot: usize) -> Option<&'a Found> {
    key.found.get(slot)?.as_ref().filter(|found| ledger.scans.is_last(slot, found))
}

fn recount(from: Class, to: Class, rpo: &mut Rpo) {
    match from {
        Class::Stable => rpo.stable -= 1,
        Class::Late => rpo.late -= 1,
        Class::Overwritten => rpo.overwritten -= 1,
        _ => {}
    }
    match to {
        Class::Stable => rpo.stable += 1,
        Class::Late => rpo.late += 1,
        Class::Overwritten => rpo.overwritten += 1,
        Class::Lost => rpo.lost += 1,
        _ => rpo.unproven += 1,
    }
}

/// Keeps `due` and `within` in step with a class that has changed.
fn owed(version: &Version, class: Class, end: &Version, settled: &mut Settled) {
    if version.delete {
        return;
    }
    let arrived = |class| matches!(class, Class::Stable | Class::Late);
    settled.due += u64::from(version.class == Class::Overwritten);
    settled.due -= u64::from(class == Class::Overwritten);
    for (bound, count) in &mut settled.within {
        *count += u64::from(arrived(class) && end.lag() <= *bound);
        *count -= u64::from(arrived(version.class) && version.lag() <= *bound);
    }
}

/// Whether what had to be everywhere after the heal was.
fn waited(version: &Version, class: Class, end: &Version, settled: &mut Settled) {
    let caught = &mut settled.catching;
    if version.class != Class::Open || caught.since.is_none_or(|since| version.acked > since) {
        return;
    }
    match class {
        Class::Lost | Class::Unproven => caught.open += 1,
        _ => {
            caught.by_scan = true;
            caught.until = caught.until.max(end.arrived);
        }
    }
}

fn strand(rpo: &mut Rpo, was: Class, end: &Version, seen: &WriteSeen) {
    let Some(stranded) = rpo.stranded.as_mut() else { return };
    match was {
        Class::Stable | Class::Late => stranded.arrived -= 1,
        Class::Overwritten => stranded.overwritten -= 1,
        _ => {}
    }
    match end.class {
        Class::Stable | Class::Late => {
            stranded.arrived += 1;
            stranded.last_arrived_ms = stranded.last_arrived_ms.max(Some(end.arrived.div_ceil(1_000)));
        }
        Class::Overwritten => stranded.overwritten += 1,
        Class::Lost => stranded.lost += 1,
        _ => {}
    }
    if let Some(known) = stranded.first.iter_mut().find(|known| known.write == seen.write) {
        *known = seen.clone();
    }
}

/// Compares what the final scans of all Regions found of a key.
fn compare(ledger: &Ledger, name: &str, key: &Key, settled: &mut Settled) {
    if !ledger.scans.all_complete() || written_since(ledger, key) {
        return;
    }
    let sides: Vec<Option<&Found>> = (0..ledger.regions.len()).map(|slot| found(ledger, key, slot)).collect();
    let Some(first) = sides.iter().flatten().next() else { return };
    settled.compared += 1;
    let what = if sides.iter().any(Option::is_none) {
        "missing"
    } else if sides.iter().flatten().any(|side| side.digest != first.digest || side.write != first.write) {
        "content"
    } else if sides.iter().flatten().any(|side| side.about != first.about) {
        "metadata or tags"
    } else {
        return;
    };
    settled.divergent += 1;
    if settled.divergences.len() < NAMED {
        let sides = (0..sides.len()).map(|slot| side(ledger, key, slot)).collect();
        settled.divergences.push(Divergence { key: name.to_owned(), what: what.to_owned(), sides });
    }
}

/// Something was written after the scans began: they are no measure of it.
fn written_since(ledger: &Ledger, key: &Key) -> bool {
    let began = ledger.scans.began().unwrap_or(0);
    key.versions.iter().next_back().is_some_and(|version| version.acked > began)
}

/// Whether the final version of a key was over before another acknowledged write of it began.
fn order(ledger: &Ledger, name: &str, key: &Key, settled: &mut Settled) {
    let Some(newest) = key.versions.iter().max_by_key(|version| version.started) else { return };
    if written_since(ledger, key) {
        return;
    }
    let tolerance = ledger.tolerance;
    for slot in 0..ledger.regions.len() {
        if ledger.scans.complete(slot).is_none() {
            continue;
        }
        let found = found(ledger, key, slot);
        let last = match found.map(|found| found.write) {
            Some(Some(write)) if ledger.is_unknown(write) => continue,
            Some(Some(write)) => match key.versions.get(write) {
                Some(version) => version.acked,
                None if key.versions.is_pruned(write) => key.versions.pruned_acked(),
                None => continue,
            },
            // Not one of ours: it was there before the run.
            Some(None) => 0,
            None if key.versions.unknown_delete != 0 => continue,
            None => match key.versions.deleted() {
                // Nothing ever deleted it: it is lost, and the ledger says so.
                0 => continue,
                deleted => deleted,
            },
        };
        settled.beaten += u64::from(last < newest.started);
        if last.saturating_add(tolerance) >= newest.started {
            continue;
        }
        let zombie = newest.delete && found.is_some();
        settled.misordered += 1;
        settled.zombies += u64::from(zombie);
        if settled.misorders.len() < NAMED {
            settled.misorders.push(Misordered {
                key: name.to_owned(),
                found: side(ledger, key, slot),
                newer: ledger.told(name, newest),
                zombie,
            });
        }
        return;
    }
}

fn side(ledger: &Ledger, key: &Key, slot: usize) -> Side {
    let found = found(ledger, key, slot);
    let write = found.and_then(|found| found.write);
    let told = write.and_then(|write| key.versions.get(write)).map(|version| ledger.told("", version));
    Side {
        region: ledger.regions[slot],
        write,
        digest: found.map(|found| found.digest.to_string()),
        about: found.and_then(|found| found.about.as_ref()).map(|about| about.to_string()),
        written_in: told.as_ref().and_then(|told| told.region),
        by: told.as_ref().map(|told| told.by.clone()),
        acked_at_ms: told.map(|told| told.acked_at_ms),
    }
}

pub fn seconds(us: u64) -> f64 {
    (us as f64 / 1e3).round() / 1e3
}
