//! The writes of one key that still matter: those on their way, and those nothing later has replaced for certain.

/// Where a write was made when that is not known.
pub const NOWHERE: u8 = u8::MAX;

/// What became of an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not everywhere yet.
    Open,
    Stable,
    Late,
    Overwritten,
    Lost,
    Unproven,
}

impl Class {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Stable => "stable",
            Self::Late => "late",
            Self::Overwritten => "overwritten",
            Self::Lost => "lost",
            Self::Unproven => "unproven",
        }
    }
}

/// An acknowledged write. Times are microseconds since the run began; sets of Regions are bits, one for each slot.
#[derive(Clone, Debug)]
pub struct Version {
    pub write: u64,
    pub started: u64,
    pub acked: u64,
    /// When the last Region that showed it was seen to; 0 before the first.
    pub arrived: u64,
    /// The write that took its place; 0: none is known.
    pub replaced_by: u64,
    /// Regions that have shown neither it nor what replaced it.
    pub waiting: u32,
    /// Waiting Regions where nothing is in its place, and no delete is known that explains it.
    pub gone: u32,
    pub by: u16,
    pub region: u8,
    pub size: u8,
    pub class: Class,
    pub delete: bool,
    /// A fault's own write: nobody lost it.
    pub uncounted: bool,
    pub stranded: bool,
}

impl Version {
    /// Whether it was over before the other began: no clock and no network can reverse the two.
    pub fn is_before(&self, other: &Self) -> bool {
        self.acked < other.started
    }

    /// From its acknowledgement until the last Region that showed it was seen to.
    pub fn lag(&self) -> u64 {
        self.arrived.saturating_sub(self.acked)
    }
}

/// How many of a key's versions stay for reads that come late.
const KEPT: usize = 4;

/// A key's versions, in the order they were sent.
#[derive(Debug, Default)]
pub struct Versions {
    list: Vec<Version>,
    /// The highest number that is not held any more, and when the last of those was acknowledged.
    pruned: u64,
    pruned_acked: u64,
    /// When the last acknowledged write began.
    latest_started: u64,
    /// Some version has `gone` Regions.
    pub any_gone: bool,
    /// A delete that was never acknowledged and may have happened at any time; 0: there is none.
    pub unknown_delete: u64,
    /// By Region: no version with a lower number waits for it.
    swept: Vec<u64>,
}

impl Versions {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.list.iter()
    }

    pub fn get(&self, write: u64) -> Option<&Version> {
        self.position(write).map(|at| &self.list[at])
    }

    pub fn get_mut(&mut self, write: u64) -> Option<&mut Version> {
        self.position(write).map(|at| &mut self.list[at])
    }

    pub fn latest_started(&self) -> u64 {
        self.latest_started
    }

    pub fn pruned_acked(&self) -> u64 {
        self.pruned_acked
    }

    /// Not held any more: everywhere once, and replaced by one that is definitely later.
    pub fn is_pruned(&self, write: u64) -> bool {
        write <= self.pruned && self.get(write).is_none()
    }

    pub fn insert(&mut self, version: Version) {
        self.latest_started = self.latest_started.max(version.started);
        for swept in &mut self.swept {
            *swept = (*swept).min(version.write);
        }
        let at = self.list.partition_point(|held| held.write < version.write);
        if self.list.capacity() == 0 {
            self.list.reserve_exact(1);
        }
        self.list.insert(at, version);
    }

    /// Whether no acknowledged write is definitely later.
    pub fn is_newest(&self, version: &Version) -> bool {
        version.acked >= self.latest_started
    }

    /// Whether what is seen, `seen`, was over before `than` began; a write nobody has heard of yet was not.
    pub fn is_before(&self, seen: u64, than: &Version) -> bool {
        match self.get(seen) {
            Some(seen) => seen.is_before(than),
            None => self.is_pruned(seen),
        }
    }

    /// A delete that may stand behind finding nothing in a version's place: acknowledged, and not definitely earlier.
    pub fn delete_over(&self, version: &Version) -> Option<&Version> {
        self.list.iter().rev().find(|other| other.delete && other.write != version.write && !other.is_before(version))
    }

    /// The versions that wait for a Region and are definitely earlier than `seen`, which was seen there.
    pub fn swept_by(&mut self, seen: u64, slot: usize) -> Vec<u64> {
        let Some(at) = self.position(seen) else { return Vec::new() };
        if self.swept.len() <= slot {
            self.swept.resize(slot + 1, 0);
        }
        let from = self.list.partition_point(|held| held.write < self.swept[slot]);
        let mut left = seen;
        let mut found = Vec::new();
        for held in self.list.get(from..at).unwrap_or_default() {
            if held.waiting & (1 << slot) == 0 {
                continue;
            }
            if held.is_before(&self.list[at]) {
                found.push(held.write);
            } else {
                left = left.min(held.write);
            }
        }
        self.swept[slot] = self.swept[slot].max(left);
        found
    }

    /// Open versions of about the same time as `seen`, sent after it and made where it has now taken their place:
    /// it won over them, so they will not be seen where it was made. `missed` is when it was not there yet.
    pub fn beaten_by(&self, seen: u64, slot: usize, missed: u64) -> Vec<u64> {
        let Some(at) = self.position(seen) else { return Vec::new() };
        let winner = &self.list[at];
        let near = self.list[at + 1..].iter().take_while(|held| held.started <= winner.acked);
        let beaten =
            near.filter(|held| held.class == Class::Open && usize::from(held.region) == slot && held.acked <= missed);
        beaten.map(|held| held.write).collect()
    }

    /// Lets go of what is over and replaced for certain, even where clocks differ by `tolerance`; says what went.
    pub fn prune(&mut self, tolerance: u64) -> Vec<u64> {
        if self.list.len() <= 2 * KEPT {
            return Vec::new();
        }
        let over =
            |held: &&Version| held.class != Class::Open && held.acked.saturating_add(tolerance) < self.latest_started;
        let count = self.list[..self.list.len() - KEPT].iter().take_while(over).count();
        if count < KEPT {
            return Vec::new();
        }
        let gone: Vec<Version> = self.list.drain(..count).collect();
        self.pruned = gone.iter().map(|version| version.write).max().unwrap_or(0).max(self.pruned);
        self.pruned_acked = gone.iter().map(|version| version.acked).max().unwrap_or(0).max(self.pruned_acked);
        gone.into_iter().map(|version| version.write).collect()
    }

    fn position(&self, write: u64) -> Option<usize> {
        self.list.binary_search_by_key(&write, |held| held.write).ok()
    }
}
