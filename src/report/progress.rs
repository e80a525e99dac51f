//! One line about a run that goes on: the virtual clock, the phase, requests and errors by Region.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::figures::{clock, count};
use crate::history::{Event, FaultAction, PhaseName, Record, Watcher};
use crate::region::Region;

/// Where progress is written, shared with whoever else writes there.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Watches a run.
pub struct Progress {
    sink: Sink,
    /// A terminal: one line, written over and over. Elsewhere a line for each simulated minute.
    live: bool,
    phase: Option<PhaseName>,
    sent: u64,
    /// Errors by Region, and of requests that reached none.
    failed: Vec<(Option<Region>, u64)>,
    shown_at_us: u64,
}

/// How often the line changes, in microseconds of virtual time.
const LIVE_EVERY: u64 = 5_000_000;
const LINE_EVERY: u64 = 60_000_000;

impl Progress {
    pub fn new(sink: Sink, live: bool) -> Self {
        Self { sink, live, phase: None, sent: 0, failed: Vec::new(), shown_at_us: 0 }
    }

    /// To be handed to [`crate::history::Journal::watch`].
    pub fn watcher(mut self) -> Watcher {
        Box::new(move |record| self.observe(record))
    }

    pub fn observe(&mut self, record: &Record) {
        let at = record.at_us;
        let every = if self.live { LIVE_EVERY } else { LINE_EVERY };
        if at >= self.shown_at_us + every {
            self.shown_at_us = at - at % every;
            self.show(at);
        }
        match &record.event {
            Event::Request { region, status, error, .. } => {
                self.sent += 1;
                if error.is_some() || status.is_none_or(|status| status >= 500) {
                    match self.failed.iter_mut().find(|(known, _)| known == region) {
                        Some((_, failed)) => *failed += 1,
                        None => self.failed.push((*region, 1)),
                    }
                }
            }
            Event::Phase { phase } => {
                self.phase = Some(*phase);
                self.say(at, &format!("phase {}", name(*phase)));
            }
            Event::Fault { fault, action, .. } => {
                let action = if *action == FaultAction::Injected { "injected" } else { "healed" };
                self.say(at, &format!("{fault} {action}"));
            }
            Event::Trouble { stage, what } => self.say(at, &format!("trouble in {stage}: {what}")),
            _ => {}
        }
        if matches!(record.event, Event::Phase { phase: PhaseName::End }) && self.live {
            self.write("\r\u{1b}[K");
        }
    }

    fn show(&self, at_us: u64) {
        let line = self.line(at_us);
        if self.live { self.write(&format!("\r\u{1b}[K{line}")) } else { self.write(&format!("{line}\n")) }
    }

    fn line(&self, at_us: u64) -> String {
        let phase = self.phase.map_or("starting", name);
        let mut line = format!("{}  {phase:<13}  {} requests", clock(at_us / 1_000), count(self.sent));
        for (region, failed) in &self.failed {
            let place = region.map_or("nowhere", Region::as_str);
            line.push_str(&format!("  {place} {} failed", count(*failed)));
        }
        line
    }

    /// Something worth a line of its own.
    fn say(&self, at_us: u64, what: &str) {
        let start = if self.live { "\r\u{1b}[K" } else { "" };
        self.write(&format!("{start}{}  {what}\n", clock(at_us / 1_000)));
    }

    fn write(&self, text: &str) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // Progress that cannot be shown is no reason to stop a run.
        let _ = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
    }
}

const fn name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Deploy => "deploy",
        PhaseName::SteadyBefore => "steady before",
        PhaseName::Fault => "fault",
        PhaseName::Failback => "failback",
        PhaseName::SteadyAfter => "steady after",
        PhaseName::Reconcile => "reconcile",
        PhaseName::Teardown => "teardown",
        PhaseName::End => "end",
    }
}
