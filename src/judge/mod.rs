//! From a history to a verdict. No IO, no tokio, one pass over the records: judging a stored history again gives
//! the same verdict.
//!
//! ```text
//! records ─→ evidence.rs ─┬→ by_second.rs: requests by population, second and Region
//!                         └→ what services said: alarms, changes, answers, the function's lines
//! records ─→ data/: what became of every write, read, object and secret
//! records ─→ canary/: a new version beside the old one, step by step
//! evidence + Plan ─→ failover.rs, hops.rs, failback.rs, steady.rs, availability.rs, clients.rs, split.rs ─→ assertions.rs ─┐
//!                 ├→ checks.rs, moves.rs (who moved what) ─→ routing.rs (claims on records); cost.rs                      │
//!                 └→ vacuity.rs (what the run cannot prove) ────────────────────────────────────────────────────────────┴→ verdict.rs
//! ```
//!
//! `lacking.rs` makes inconclusive what stands on something the target was not proven to be able to do. Absence of evidence is inconclusive, never a pass. Nothing here reads a file or a clock.

mod assertions;
mod availability;
mod by_second;
pub mod canary;
mod checks;
mod clients;
mod cost;
mod data;
mod degraded;
mod evidence;
mod failback;
mod failover;
mod hops;
mod lacking;
mod moves;
mod routing;
mod split;
mod steady;
mod vacuity;
mod verdict;

use std::time::Duration;

use crate::history::{Event, PhaseName, Record};
use crate::scenario::Plan;
use canary::Trial;
use data::Data;
use degraded::Degradations;
use evidence::{Evidence, ms};
use lacking::Lacking;
pub use verdict::{
    AnswerMoves, Back, ClientsSeen, Convergence, Cost, CostLine, Divergence, Failback, Failover, HopSeen,
    InjectionSeen, Interval, Judgement, Lag, LeftOut, Misordered, MovedBy, ObjectsSeen, OutageSeen, Outcome,
    PopulationSeen, PreflightSeen, ReadsSeen, RejectedSeen, Replication, Requests, RotationSeen, Rpo, SecretSpan,
    SecretsSeen, ShareSeen, Side, SplitSeen, StackLeftOut, Stranded, Trouble, Verdict, WriteSeen,
};

/// Takes in a history as it is made, and judges it when it is whole.
pub struct Judge {
    plan: Plan,
    evidence: Evidence,
    data: Data,
    trial: Option<Trial>,
    degradations: Degradations,
    lacking: Lacking,
    truncated: bool,
}

/// What every judge looks at.
struct Case<'a> {
    plan: &'a Plan,
    evidence: &'a Evidence,
}

/// Judges a whole history.
pub fn judge<'a>(plan: &Plan, records: impl IntoIterator<Item = &'a Record>) -> Verdict {
    let mut judge = Judge::new(plan);
    records.into_iter().for_each(|record| judge.observe(record));
    judge.verdict()
}

impl Judge {
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            evidence: Evidence::new(plan),
            data: Data::new(plan),
            trial: Trial::new(plan),
            degradations: Degradations::new(plan),
            lacking: Lacking::default(),
            truncated: false,
        }
    }

    pub fn observe(&mut self, record: &Record) {
        if let Event::Settings { alarm_period_s, datapoints_to_alarm, record_ttl_s } = &record.event {
            let seconds = |seconds: u32| Duration::from_secs(seconds.into());
            let settings = &mut self.plan.settings;
            settings.metric_period = alarm_period_s.map_or(settings.metric_period, seconds);
            settings.datapoints_to_alarm = datapoints_to_alarm.unwrap_or(settings.datapoints_to_alarm);
            settings.record_ttl = record_ttl_s.map_or(settings.record_ttl, seconds);
        }
        self.evidence.observe(record);
        self.data.observe(record);
        if let Some(trial) = &mut self.trial {
            trial.observe(record);
        }
        self.degradations.observe(&record.event);
        self.lacking.observe(&record.event);
    }

    /// The history was cut off.
    pub fn truncated(&mut self) {
        self.truncated = true;
    }

    /// What the run proved so far.
    pub fn verdict(&self) -> Verdict {
        let case = Case { plan: &self.plan, evidence: &self.evidence };
        let course = failover::course(&case);
        let failover = course.as_ref().map(|course| failover::failover(&case, course));
        let failback = course.as_ref().map(|course| failback::failback(&case, course));
        let requests = availability::requests(&case, course.as_ref());
        let clients = clients::clients(&case, course.as_ref(), failover.as_ref());
        let splits = split::splits(&case);
        let data = self.data.results();
        let canary = self.trial.as_ref().map(|trial| (trial, trial.seen()));
        let facts = assertions::Facts {
            course: course.as_ref(),
            failover: failover.as_ref(),
            splits: &splits,
            data: &data,
            canary: canary.as_ref().map(|(_, seen)| seen),
        };
        let mut judged: Vec<Judgement> =
            self.plan.assertions.iter().map(|assertion| assertions::judge(&case, assertion, &facts)).collect();
        self.lacking.weigh(&self.plan, &mut judged);
        let mut doubts = vacuity::doubts(&case, course.as_ref(), &data, &self.degradations, self.truncated);
        doubts.extend(canary.iter().flat_map(|(trial, seen)| canary::doubts(trial, seen)));
        doubts.extend(self.lacking.doubts(&self.plan));
        let doubts = vacuity::unfound(&self.plan, &judged, doubts);
        let doubt = (!doubts.is_empty()).then_some(Outcome::Inconclusive);
        let preflight = data.preflight();
        // What did not work before anything was broken is no consequence of the fault, and no pass either.
        let unfit = preflight.iter().any(|seen| !seen.ok).then_some(Outcome::Fail);
        let verdict = Outcome::of(judged.iter().map(|judgement| judgement.verdict).chain(doubt).chain(unfit));
        let run = self.evidence.run.as_ref();
        let target = run.map_or(&self.plan.target.name, |run| &run.target).clone();
        Verdict {
            scenario: self.plan.scenario.clone(),
            proves: proves(&target),
            target,
            seed: run.map_or(self.plan.seed, |run| run.seed),
            verdict,
            doubts,
            left_out: self.lacking.left_out(&self.plan),
            stacks_left_out: self.lacking.stacks.clone(),
            injections: self.evidence.injections.clone(),
            troubles: vacuity::troubles(&case),
            assertions: judged,
            failover,
            failback,
            outages: failover::outages(&case),
            answers: moves::counted(&self.evidence),
            cost: cost::cost(&self.evidence),
            requests,
            clients,
            splits,
            rpo: data.rpo(),
            replication: data.replication(),
            convergence: data.convergence(),
            reads: data.reads(),
            objects: data.objects(),
            secrets: data.secrets(),
            preflight,
            canary: canary.map(|(_, seen)| seen),
            simulated_ms: ms(self.evidence.began(PhaseName::End).unwrap_or(self.evidence.end)),
            wall_ms: None,
        }
    }
}

/// What a target cannot prove, said in every report.
fn proves(target: &str) -> String {
    match target {
        "embedded" => "Measured on the embedded twin: it proves how this stack's own templates, alarms, functions, records \
                       and TTLs act together under documented AWS timings. It cannot prove AWS's actual timings on the day, \
                       what real clients and resolvers do, account quotas, or capacity of the surviving Region."
            .to_owned(),
        "localstack" => "Measured on LocalStack, with faults made by the harness's own proxies in front of it and answers to \
                         names evaluated by the harness from the records, as far as they were deployed: it proves that harness and stack work \
                         against services the harness did not write, as far as LocalStack has them. It cannot prove that \
                         AWS behaves so, nor how long anything takes there; what LocalStack's own parts say to each other \
                         no fault reaches."
            .to_owned(),
        "endpoint" => "Measured on an AWS-compatible endpoint, with faults made by the harness's own proxies in front of it \
                       and answers to names evaluated by the harness from the records, as far as they were deployed: it \
                       proves what this \
                       endpoint did, on this day. It proves nothing about AWS, nor about any other target."
            .to_owned(),
        "aws" => "Measured on real accounts: it proves what AWS's services, name servers and this stack did, with their \
                  timings, on this day. Users, resolvers and name-server looks were all where the harness ran, whatever \
                  place a population names: it cannot prove what routing by latency or geography answers elsewhere. The \
                  Region was not lost: its functions were throttled, so everything else in it stayed up. It proves no \
                  capacity beyond the rate that was asked for."
            .to_owned(),
        other => format!("Measured on the target {other}: it proves nothing about any other target."),
    }
}

#[cfg(test)]
mod clients_tests;
#[cfg(test)]
pub mod day;
#[cfg(test)]
mod day_data;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;
