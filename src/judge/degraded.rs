//! Whether a degradation was seen: the requests it was for, beside those it was not for.
//!
//! A share of bad answers or a delay may stay within what steady state allows, so the rule for a lost Region does not
//! find it. Here each degradation is held against its own requests: some of them failed, or they took longer.

use crate::history::{Event, FaultAction};
use crate::scenario::{Degraded, Fault, Percent, Plan};

use super::data::sketch::Sketch;
use super::evidence::is_good;

/// The share of the mean delay by which the median must have moved: an exponential one moves it by about 0.7.
const SLOWER: f64 = 0.25;

/// The degradations of a plan.
pub struct Degradations(Vec<Seen>);

struct Seen {
    id: String,
    degraded: Degraded,
    /// Whether any user asks for what is degraded.
    asked_for: bool,
    injected: bool,
    healed: bool,
    sent: u64,
    failed: u64,
    /// Latencies of good answers, in microseconds: of those it was for, and of the same requests without it.
    with: Sketch,
    without: Sketch,
}

impl Degradations {
    pub fn new(plan: &Plan) -> Self {
        let seen = plan.timeline.iter().filter_map(|timed| match &timed.fault {
            Fault::Degraded(degraded) => Some(Seen {
                id: timed.id.clone(),
                degraded: degraded.clone(),
                asked_for: plan.asks_for(degraded),
                injected: false,
                healed: false,
                sent: 0,
                failed: 0,
                with: Sketch::default(),
                without: Sketch::default(),
            }),
            _ => None,
        });
        Self(seen.collect())
    }

    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Fault { fault, action, .. } => {
                if let Some(seen) = self.0.iter_mut().find(|seen| seen.id == *fault) {
                    match action {
                        FaultAction::Injected => seen.injected = true,
                        FaultAction::Healed => seen.healed = true,
                    }
                }
            }
            Event::Request { .. } => self.0.iter_mut().for_each(|seen| seen.request(event)),
            _ => {}
        }
    }

    /// Whether this fault is a degradation, which is judged here and nowhere else.
    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|seen| seen.id == id)
    }

    /// The degradations that were injected and left no trace, each with what was looked for.
    pub fn unseen(&self) -> Vec<String> {
        self.0.iter().filter(|seen| seen.injected && seen.asked_for).filter_map(Seen::unseen).collect()
    }
}

impl Seen {
    fn request(&mut self, event: &Event) {
        let Event::Request { operation, region, latency_us, status, error, release, .. } = event else { return };
        let route = operation.split_once(' ').map_or(operation.as_str(), |(_method, route)| route);
        if !self.degraded.is_for(route) || self.degraded.region.is_some_and(|wanted| *region != Some(wanted)) {
            return;
        }
        let good = is_good(*status, error.as_deref());
        // A version that died could not say which one it was.
        let is_version = self.degraded.release.is_none() || self.degraded.release == *release;
        let is_for = is_version || (!good && release.is_none());
        if self.injected && !self.healed && is_for {
            self.sent += 1;
            self.failed += u64::from(!good);
            if good {
                self.with.add(*latency_us);
            }
        } else if good && !self.healed {
            self.without.add(*latency_us);
        }
    }

    fn unseen(&self) -> Option<String> {
        let id = &self.id;
        if self.sent == 0 {
            return Some(format!("nobody saw {id} take effect: no request met what is degraded"));
        }
        let fails = self.degraded.errors > Percent::NONE || self.degraded.crashes > Percent::NONE;
        let medians = self.without.quantile(0.5).zip(self.with.quantile(0.5));
        let delay = self.degraded.delay.as_micros() as f64;
        let slower =
            delay > 0.0 && medians.is_none_or(|(without, with)| with as f64 >= without as f64 + delay * SLOWER);
        // Answers so late that clients gave up are failures.
        if (self.failed > 0 && (fails || delay > 0.0)) || slower {
            return None;
        }
        let sent = self.sent;
        Some(format!("nobody saw {id} take effect: its {sent} requests went well, and no slower than others"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::day::{US, plan};
    use super::*;
    use crate::scenario::TimedFault;

    fn request(release: Option<&str>, status: u16, latency_ms: u64) -> Event {
        Event::Request {
            population: "europe".into(),
            client: 0,
            operation: "GET /whoami".into(),
            planned_us: 0,
            latency_us: latency_ms * 1_000,
            address: None,
            region: Some(US),
            status: Some(status),
            error: None,
            attempts: 1,
            release: release.map(str::to_owned),
        }
    }

    /// What is said of a degradation across which these were the answers.
    fn said(degraded: Degraded, answers: &[Event]) -> Vec<String> {
        let mut plan = plan();
        let fault = Fault::Degraded(degraded);
        let (at, lasts) = (Duration::ZERO, Duration::from_secs(60));
        plan.timeline = vec![TimedFault { id: "bad".into(), at, lasts, fault }];
        let mut degradations = Degradations::new(&plan);
        let event = |action| Event::Fault { fault: "bad".into(), kind: "degraded".into(), action, region: None };
        degradations.observe(&request(Some("1"), 200, 40));
        degradations.observe(&event(FaultAction::Injected));
        answers.iter().for_each(|answer| degradations.observe(answer));
        degradations.observe(&event(FaultAction::Healed));
        degradations.unseen()
    }

    #[test]
    fn a_degradation_is_seen_by_its_own_requests_alone() {
        let errors = Percent::new(10.0).unwrap();
        let region = Degraded { region: Some(US), errors, ..Degraded::NOTHING };
        assert_eq!(said(region.clone(), &[request(Some("1"), 500, 40)]), [""; 0]);
        let unseen = said(region.clone(), &[request(Some("1"), 200, 40)]);
        assert!(unseen[0].contains("its 1 requests went well"), "{unseen:?}");
        assert!(said(region.clone(), &[])[0].contains("no request met"));
        let health = Degraded { only: Some("/health".into()), ..region };
        assert_eq!(said(health, &[request(Some("1"), 200, 40)]), [""; 0], "no user of this plan asks for it");

        let release = Degraded { release: Some("2".into()), crashes: errors, ..Degraded::NOTHING };
        assert!(said(release.clone(), &[request(Some("1"), 500, 40)])[0].contains("no request met"));
        assert!(said(release.clone(), &[request(Some("2"), 200, 40)])[0].contains("went well"));
        assert_eq!(said(release, &[request(None, 502, 40)]), [""; 0], "who died cannot say its name");

        let slow = Degraded { release: Some("2".into()), delay: Duration::from_millis(100), ..Degraded::NOTHING };
        assert_eq!(said(slow.clone(), &[request(Some("2"), 200, 110)]), [""; 0]);
        assert!(said(slow, &[request(Some("2"), 200, 45)])[0].contains("no slower"));
    }
}
