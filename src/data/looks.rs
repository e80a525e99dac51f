//! When to look for a write again: the longer it has been missing, the longer the wait, so that a lag is known to
//! about a tenth of itself and costs few looks. What has been missing for long is swept through in order instead, a
//! window a second, and on at once wherever something has come.

use std::collections::BTreeMap;
use std::ops::Bound;

/// A look waits this fraction of how long the write has been missing.
const FRACTION: u64 = 10;
/// A write that is missing for longer is swept for.
const STUCK_US: u64 = 10_000_000;
/// How often the sweep begins anew.
pub const SWEEP_US: u64 = 1_000_000;

/// What is looked for, by the number of its write.
pub struct Looks<T> {
    /// The least time between two looks: looks are made at multiples of it, so that many can be made at once.
    every_us: u64,
    fresh: BTreeMap<(u64, u64), (u64, T)>,
    stuck: BTreeMap<u64, T>,
    next_sweep_us: u64,
    /// Where the sweep that goes on is.
    cursor: Option<u64>,
}

/// Something due to be looked for.
pub struct Due<T> {
    pub write: u64,
    /// Since when it is looked for.
    pub since_us: u64,
    pub what: T,
}

impl<T> Looks<T> {
    pub fn new(every_us: u64) -> Self {
        Self {
            every_us: every_us.max(1),
            fresh: BTreeMap::new(),
            stuck: BTreeMap::new(),
            next_sweep_us: 0,
            cursor: None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.stuck.is_empty()
    }

    /// Looks for a write from now on, or again after a look in vain.
    pub fn again(&mut self, now_us: u64, due: Due<T>) {
        let age = now_us.saturating_sub(due.since_us);
        if age > STUCK_US {
            if self.stuck.is_empty() {
                self.next_sweep_us = now_us + SWEEP_US;
            }
            self.stuck.insert(due.write, due.what);
            return;
        }
        let wait = (age / FRACTION).max(self.every_us);
        let at = (now_us + wait).next_multiple_of(self.every_us);
        self.fresh.insert((at, due.write), (due.since_us, due.what));
    }

    /// When the next look is due.
    pub fn next_us(&self) -> Option<u64> {
        let fresh = self.fresh.keys().next().map(|(at, _)| *at);
        let sweep = (!self.stuck.is_empty()).then_some(self.next_sweep_us);
        fresh.into_iter().chain(sweep).min()
    }

    /// At most `limit` of what is due now.
    pub fn due(&mut self, now_us: u64, limit: usize) -> Vec<Due<T>> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(entry) = self.fresh.first_entry().filter(|entry| entry.key().0 <= now_us)
        {
            let write = entry.key().1;
            let (since_us, what) = entry.remove();
            due.push(Due { write, since_us, what });
        }
        if due.is_empty() && self.next_sweep_us <= now_us && !self.stuck.is_empty() {
            let from = self.cursor.take().map_or(Bound::Unbounded, Bound::Excluded);
            let window: Vec<u64> =
                self.stuck.range((from, Bound::Unbounded)).take(limit).map(|(write, _)| *write).collect();
            self.cursor = window.last().copied();
            self.next_sweep_us = now_us + SWEEP_US;
            let taken = window.into_iter().filter_map(|write| Some((write, self.stuck.remove(&write)?)));
            due.extend(taken.map(|(write, what)| Due { write, since_us: 0, what }));
        }
        due
    }

    /// Something came that was long missing: more may have, and the sweep goes on at once. Else it begins again at
    /// the oldest in a second.
    pub fn swept(&mut self, now_us: u64, found: bool) {
        if found {
            self.next_sweep_us = now_us;
        } else {
            self.cursor = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(looks: &mut Looks<()>, write: u64, now_us: u64) {
        looks.again(now_us, Due { write, since_us: now_us, what: () });
    }

    #[test]
    fn a_lag_of_a_second_costs_a_few_looks() {
        let mut looks = Looks::new(20_000);
        start(&mut looks, 1, 5_000);
        let mut count = 0;
        let mut last = 5_000;
        while let Some(at) = looks.next_us().filter(|at| *at < 1_005_000) {
            let due = looks.due(at, 100).pop().unwrap();
            assert!(at - last <= (at - 5_000) / 9 + 40_000, "{at} after {last}");
            last = at;
            count += 1;
            looks.again(at, due);
        }
        assert!((15..40).contains(&count), "{count}");
    }

    #[test]
    fn what_is_stuck_is_swept_in_order_and_on_at_once_where_something_came() {
        let mut looks = Looks::new(20_000);
        for write in 1..=250 {
            looks.again(60_000_000, Due { write, since_us: 0, what: () });
        }
        assert_eq!(looks.next_us(), Some(61_000_000));
        assert!(looks.due(60_500_000, 100).is_empty());
        let first: Vec<u64> = looks.due(61_000_000, 100).iter().map(|due| due.write).collect();
        assert_eq!(first, (1..=100).collect::<Vec<_>>());
        looks.swept(61_000_000, true);
        assert_eq!(looks.next_us(), Some(61_000_000));
        assert_eq!(looks.due(61_000_000, 100).first().map(|due| due.write), Some(101));
        looks.swept(61_000_000, false);
        assert_eq!(looks.next_us(), Some(62_000_000));
        assert_eq!(looks.due(62_000_000, 100).first().map(|due| due.write), Some(201));
    }
}
