//! What became of one population's requests, second by second of their planned time.

use std::ops::Range;

/// Microseconds in a second.
const SECOND: u64 = 1_000_000;

/// Requests of one second that went to one Region, or to none.
#[derive(Clone, Copy, Default)]
struct Cell {
    sent: u32,
    ok: u32,
    /// When the first of them failed, and when the last was planned; 0 where there is none.
    first_failed_us: u64,
    last_planned_us: u64,
    /// The planned times of the first and the last that went well; 0 where there is none.
    first_good_us: u64,
    last_good_us: u64,
}

/// A count of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub ok: u64,
    /// Answered well by the home Region.
    pub home: u64,
}

impl Tally {
    pub fn failed(self) -> u64 {
        self.sent - self.ok
    }

    /// The share that was answered well; `None` without requests.
    pub fn success(self) -> Option<f64> {
        (self.sent > 0).then(|| self.ok as f64 / self.sent as f64)
    }

    /// The share of good answers that came from home; `None` without good answers.
    pub fn home_share(self) -> Option<f64> {
        (self.ok > 0).then(|| self.home as f64 / self.ok as f64)
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.home += other.home;
    }

    fn subtract(&mut self, other: Self) {
        self.sent -= other.sent;
        self.ok -= other.ok;
        self.home -= other.home;
    }
}

/// One population's requests. Slots are the target's Regions in order, and one more for requests that reached none.
pub struct BySecond {
    slots: usize,
    home: usize,
    cells: Vec<Cell>,
}

impl BySecond {
    pub fn new(regions: usize, home: usize) -> Self {
        Self { slots: regions + 1, home, cells: Vec::new() }
    }

    /// Enters one request; a slot past the last Region means it reached none.
    pub fn enter(&mut self, slot: usize, planned_us: u64, ended_us: u64, ok: bool) {
        let slot = slot.min(self.slots - 1);
        let index = usize::try_from(planned_us / SECOND).unwrap_or(usize::MAX / self.slots - 1) * self.slots + slot;
        if self.cells.len() <= index {
            self.cells.resize(index / self.slots * self.slots + self.slots, Cell::default());
        }
        let cell = &mut self.cells[index];
        cell.sent += 1;
        cell.last_planned_us = cell.last_planned_us.max(planned_us);
        if ok {
            cell.ok += 1;
            cell.last_good_us = cell.last_good_us.max(planned_us);
            if cell.first_good_us == 0 || planned_us < cell.first_good_us {
                cell.first_good_us = planned_us;
            }
        } else if cell.first_failed_us == 0 || ended_us < cell.first_failed_us {
            cell.first_failed_us = ended_us;
        }
    }

    /// How many seconds it spans, from the beginning of the run.
    pub fn seconds(&self) -> u64 {
        (self.cells.len() / self.slots) as u64
    }

    /// All requests of these seconds.
    pub fn tally(&self, seconds: Range<u64>) -> Tally {
        let mut sum = Tally::default();
        for second in self.clip(&seconds) {
            sum.add(self.second(second));
        }
        sum
    }

    /// The requests of these seconds that went to one Region; `home` is not counted.
    pub fn tally_of(&self, slot: usize, seconds: Range<u64>) -> Tally {
        let mut sum = Tally::default();
        for second in self.clip(&seconds) {
            let cell = self.cells[second as usize * self.slots + slot];
            sum.add(Tally { sent: cell.sent.into(), ok: cell.ok.into(), home: 0 });
        }
        sum
    }

    /// Every window of `length` seconds within `seconds`, each a second after the other: its start, its count.
    pub fn windows(&self, seconds: Range<u64>, length: u64) -> impl Iterator<Item = (u64, Tally)> + '_ {
        let length = length.max(1);
        let mut sum = self.tally(seconds.start..seconds.start + length - 1);
        (seconds.start..(seconds.end + 1).saturating_sub(length)).map(move |start| {
            sum.add(self.second(start + length - 1));
            let window = sum;
            sum.subtract(self.second(start));
            (start, window)
        })
    }

    /// When the first failure among the requests to `slot` (or to anywhere) planned in these seconds was seen.
    pub fn first_failure(&self, slot: Option<usize>, seconds: Range<u64>, not_before_us: u64) -> Option<u64> {
        let cells = self.clip(&seconds).flat_map(|second| self.of_second(second, slot));
        cells.map(|cell| cell.first_failed_us).filter(|at| *at > 0 && *at >= not_before_us).min()
    }

    /// The planned time of the last request to `slot` in these seconds.
    pub fn last_sent(&self, slot: usize, seconds: Range<u64>) -> Option<u64> {
        let cells = self.clip(&seconds).flat_map(|second| self.of_second(second, Some(slot)));
        cells.filter(|cell| cell.sent > 0).map(|cell| cell.last_planned_us).max()
    }

    /// The planned time of the first good request at or after `from_us` and before the second `end`. Within the
    /// first second only its first and last good request are known.
    pub fn first_good(&self, from_us: u64, end: u64) -> Option<u64> {
        let cells = self.clip(&(from_us / SECOND..end)).flat_map(|second| self.of_second(second, None));
        let good = cells.filter(|cell| cell.ok > 0).flat_map(|cell| [cell.first_good_us, cell.last_good_us]);
        good.filter(|at| *at >= from_us).min()
    }

    fn of_second(&self, second: u64, slot: Option<usize>) -> impl Iterator<Item = &Cell> {
        let cells = &self.cells[second as usize * self.slots..][..self.slots];
        cells.iter().enumerate().filter(move |(index, _)| slot.is_none_or(|slot| slot == *index)).map(|(_, cell)| cell)
    }

    fn second(&self, second: u64) -> Tally {
        if second >= self.seconds() {
            return Tally::default();
        }
        let cells = &self.cells[second as usize * self.slots..][..self.slots];
        let mut sum = Tally { home: cells[self.home].ok.into(), ..Tally::default() };
        for cell in cells {
            sum.sent += u64::from(cell.sent);
            sum.ok += u64::from(cell.ok);
        }
        sum
    }

    fn clip(&self, seconds: &Range<u64>) -> Range<u64> {
        seconds.start.min(self.seconds())..seconds.end.min(self.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_second() -> BySecond {
        let mut traffic = BySecond::new(2, 0);
        for second in 0..10 {
            // Second 4 fails at home, from second 6 on the other Region answers.
            let slot = usize::from(second >= 6);
            for part in 0..10 {
                let planned = second * SECOND + part * 100_000;
                traffic.enter(slot, planned, planned + 30_000, second != 4);
            }
        }
        traffic
    }

    #[test]
    fn seconds_are_counted_where_requests_were_planned() {
        let traffic = by_second();
        assert_eq!(traffic.seconds(), 10);
        assert_eq!(traffic.tally(0..10), Tally { sent: 100, ok: 90, home: 50 });
        assert_eq!(traffic.tally_of(1, 0..99), Tally { sent: 40, ok: 40, home: 0 });
        assert_eq!(traffic.first_failure(Some(0), 0..10, 0), Some(4 * SECOND + 30_000));
        assert_eq!(traffic.first_failure(Some(1), 0..10, 0), None);
        assert_eq!(traffic.last_sent(0, 0..10), Some(5 * SECOND + 900_000));
    }

    #[test]
    fn windows_slide_by_a_second() {
        let traffic = by_second();
        let bad: Vec<u64> =
            traffic.windows(0..10, 3).filter(|(_, tally)| tally.failed() > 0).map(|(start, _)| start).collect();
        assert_eq!(bad, [2, 3, 4]);
        assert_eq!(traffic.windows(0..10, 3).count(), 8);
        assert_eq!(traffic.windows(8..10, 3).count(), 0);
        assert!(traffic.windows(0..10, 3).all(|(start, tally)| tally == traffic.tally(start..start + 3)));
    }

    #[test]
    fn a_request_without_an_address_still_counts() {
        let mut traffic = BySecond::new(2, 0);
        traffic.enter(usize::MAX, 0, 5, false);
        assert_eq!(traffic.tally(0..1), Tally { sent: 1, ok: 0, home: 0 });
        assert_eq!(traffic.tally_of(0, 0..1).sent, 0);
    }
}
