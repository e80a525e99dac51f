//! What cannot wait for the end of a step: looks at counts while it bakes, each at a strict level of its own.
//!
//! When a look is due follows from the requests alone, so that asking for alarms more often changes nothing.

use super::fisher::{Share, worse};
use super::levels::next_look;
use super::window::{Arm, Asked};
use crate::scenario::Analysis;

/// So many requests make a critical operation's failure more than bad luck.
const HANDFUL: u64 = 5;

/// The counts of one Region.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    all: Tally,
    /// By the number of the critical operation.
    critical: Vec<Tally>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    canary: Share,
    control: Share,
    /// Of all requests those that failed without a version that answered.
    lost: Share,
    next: u64,
}

/// What a look compares with.
pub struct Look<'a> {
    pub analysis: &'a Analysis,
    /// The same Region before the canary, and the last step with a control.
    pub before: &'a Watch,
    pub control: Option<&'a Watch>,
    /// Of the Region's requests, what the canary should get; from 0 to 1.
    pub share: f64,
    pub level: f64,
}

impl Watch {
    /// Counts a request; `critical` is its operation's number, where it is a critical one.
    pub fn count(&mut self, asked: &Asked, critical: Option<usize>) {
        self.all.count(asked);
        if let Some(number) = critical {
            if self.critical.len() <= number {
                self.critical.resize(number + 1, Tally::default());
            }
            self.critical[number].count(asked);
        }
    }

    /// Requests of the Region, those bad that no version answered.
    pub fn lost(&self) -> Share {
        self.all.lost
    }

    /// Looks where a look is due.
    pub fn look(&mut self, look: &Look<'_>, critical: Option<usize>) -> Option<String> {
        let before = look.before;
        let all = |watch: &Watch| watch.all;
        let found =
            if self.all.is_due() { all_errors(&self.all, &all(before), look.control.map(all), look) } else { None };
        let own = critical.filter(|number| self.critical.get_mut(*number).is_some_and(Tally::is_due));
        found.or_else(|| {
            let number = own?;
            let tally = |watch: &Watch| watch.critical.get(number).copied().unwrap_or_default();
            let name = look.analysis.critical.get(number)?.to_string();
            critical_fails(&name, &self.critical[number], &tally(before), look.control.map(tally), look)
        })
    }
}

impl Tally {
    fn count(&mut self, asked: &Asked) {
        match asked.arm {
            Arm::Canary => self.canary.count(asked.item.bad),
            Arm::Control => self.control.count(asked.item.bad),
            Arm::Nobody => {}
        }
        self.lost.count(asked.lost);
    }

    /// Requests that are or may be the canary's.
    fn is_due(&mut self) -> bool {
        let requests = self.canary.of + self.lost.bad;
        let due = requests >= self.next.max(HANDFUL);
        if due {
            self.next = next_look(requests);
        }
        due
    }

    /// Failures that no version answered have become more than they were.
    fn rose(&self, before: &Self, level: f64) -> bool {
        worse(self.lost, before.lost) <= level
    }
}

fn all_errors(now: &Tally, before: &Tally, control: Option<Tally>, look: &Look<'_>) -> Option<String> {
    let matters = look.analysis.errors_worse_by.ratio();
    let beside = control.map_or(now.control, |tally| tally.control);
    let more = now.canary.ratio().zip(beside.ratio()).map(|(canary, control)| canary - control);
    if more.is_some_and(|more| more >= matters) && worse(now.canary, beside) <= look.level {
        return Some(format!("{} canary requests failed, and {} of the control's", told(now.canary), told(beside)));
    }
    let more = now.lost.ratio()? - before.lost.ratio()?;
    (more / look.share >= matters && now.rose(before, look.level)).then(|| {
        let (now, before) = (told(now.lost), told(before.lost));
        format!("{now} requests failed without a version that answered, and {before} before the canary")
    })
}

fn critical_fails(name: &str, now: &Tally, before: &Tally, control: Option<Tally>, look: &Look<'_>) -> Option<String> {
    let mostly = |share: Share| share.of >= HANDFUL && share.bad * 2 > share.of;
    let beside = control.map_or(now.control, |tally| tally.control);
    if mostly(now.canary) && worse(now.canary, beside) <= look.level {
        let (canary, control) = (told(now.canary), told(beside));
        return Some(format!("{name} fails: {canary} canary requests, and {control} of the control's"));
    }
    let suspects = now.canary.plus(Share { bad: now.lost.bad, of: now.lost.bad });
    (control.is_none() && mostly(suspects) && now.rose(before, look.level)).then(|| {
        let (lost, before) = (told(now.lost), told(before.lost));
        format!("{name} fails: {lost} without a version that answered, and {before} before the canary")
    })
}

fn told(share: Share) -> String {
    format!("{} of {}", share.bad, share.of)
}
