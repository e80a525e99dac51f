//! The final scans: what each Region held of each key when everything was over.

/// A key as a scan found it.
#[derive(Clone, Debug)]
pub struct Found {
    pub at: u64,
    /// The scan it belongs to.
    pub scan: u32,
    pub write: Option<u64>,
    pub digest: Box<str>,
    pub about: Option<Box<str>>,
    pub status: Option<Box<str>>,
}

/// The last scan of one Region.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Counts scans; only what the last one found counts.
    pub number: u32,
    pub over: bool,
    pub complete: bool,
    pub began: u64,
    pub ended: u64,
}

#[derive(Debug)]
pub struct Scans(Vec<Scan>);

impl Scans {
    pub fn new(regions: usize) -> Self {
        Self(vec![Scan::default(); regions])
    }

    /// The number of the scan that is going on in a Region; a scan after a finished one is a new one.
    pub fn current(&mut self, slot: usize) -> u32 {
        let scan = &mut self.0[slot];
        if scan.over {
            *scan = Scan { number: scan.number + 1, ..Scan::default() };
        }
        scan.number
    }

    pub fn ended(&mut self, slot: usize, at: u64, began: u64, complete: bool) {
        let number = self.current(slot);
        self.0[slot] = Scan { number, over: true, complete, began, ended: at };
    }

    /// The scan of a Region, where it saw everything.
    pub fn complete(&self, slot: usize) -> Option<&Scan> {
        self.0.get(slot).filter(|scan| scan.complete)
    }

    /// Whether every Region was seen whole.
    pub fn all_complete(&self) -> bool {
        self.0.iter().all(|scan| scan.complete)
    }

    pub fn is_last(&self, slot: usize, found: &Found) -> bool {
        self.0.get(slot).is_some_and(|scan| scan.number == found.scan)
    }

    /// When the first of the scans began.
    pub fn began(&self) -> Option<u64> {
        self.0.iter().filter(|scan| scan.over).map(|scan| scan.began).min()
    }

    /// The Regions that were not seen whole.
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, scan)| !scan.complete).map(|(slot, _)| slot)
    }
}
