//! A plan of scripted writes and faults as a Gherkin scenario: what a property test found, for anybody to run again.
//!
//! `steps/script.rs` reads what is written here.

use std::fmt::Write;
use std::time::Duration;

use crate::scenario::{Check, Defect, Fault, Mode, Operate, Plan, Poisoned, Scope};
use crate::store::WriteKind;

/// What has no sentence yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no step says: {0}")]
pub struct NoStep(String);

/// The scenario that repeats a plan of [`Plan::stores`] and makes its claims.
pub fn scenario(name: &str, plan: &Plan) -> Result<String, NoStep> {
    let [primary, other] = plan.target.regions.as_slice() else {
        return Err(NoStep("more than two Regions".to_owned()));
    };
    let mut text = format!("  Scenario: {name}\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "    Given the stores of the shipped stack in {primary} and {other}");
    let _ = writeln!(text, "    And the seed {}", plan.seed.0);
    let mut whens: Vec<String> = Vec::new();
    for timed in &plan.timeline {
        let stretch = format!("from {} ms to {} ms", ms(timed.at), ms(timed.at + timed.lasts));
        whens.push(format!("{} {stretch}", fault(&timed.fault)?));
    }
    for timed in &plan.operations {
        let Operate::RotateSecret = timed.operation;
        whens.push(format!("the secret is rotated at {} ms", ms(timed.at)));
    }
    for write in &plan.data.script {
        let (deed, store) = (deed(write.kind), write.store.as_str());
        whens.push(format!("{} {deed} the {store}'s {} at {} ms", write.region, write.key, ms(write.at)));
    }
    for (index, when) in whens.iter().enumerate() {
        let _ = writeln!(text, "    {} {when}", if index == 0 { "When" } else { "And" });
    }
    for (index, assertion) in plan.assertions.iter().enumerate() {
        let _ = writeln!(text, "    {} {}", if index == 0 { "Then" } else { "And" }, claim(&assertion.check)?);
    }
    Ok(text)
}

fn ms(moment: Duration) -> u128 {
    moment.as_millis()
}

fn fault(fault: &Fault) -> Result<String, NoStep> {
    Ok(match fault {
        Fault::Partition { between: (a, b) } => format!("{a} and {b} cannot reach each other"),
        Fault::RegionOutage { region, scope: Scope::Region, mode: Mode::Status5xx } => {
            format!("all of {region} is lost")
        }
        Fault::ServiceOutage { service, region: None, operations, mode: Mode::Status5xx } => {
            match operations.as_slice() {
                [] => format!("the API of {service} is down"),
                [operation] => format!("{operation} of {service} is down"),
                several => return Err(NoStep(format!("{several:?} of {service} are down"))),
            }
        }
        Fault::ReplicationPause { of, from: None, to: None } => {
            format!("replication of the {} stands still", of.as_str())
        }
        Fault::ReplicationPause { of, from: Some(from), to: Some(to) } => {
            format!("replication of the {} from {from} to {to} stands still", of.as_str())
        }
        Fault::ReplicationSlow { of, from: None, to: None, times } => {
            format!("replication of the {} takes {times} times as long", of.as_str())
        }
        Fault::ClockSkew { region, ahead_ms } if *ahead_ms >= 0 => {
            format!("the clock of {region} is {ahead_ms} ms ahead")
        }
        Fault::BrokenReplicator { defect } => format!("the replicator {}", flaw(*defect)),
        Fault::Poison { what: Poisoned::Item { key }, region } => format!("the item {key} is poisoned in {region}"),
        Fault::Poison { what: Poisoned::Secret, region } => format!("the secret is poisoned in {region}"),
        other => return Err(NoStep(format!("{other:?}"))),
    })
}

fn claim(check: &Check) -> Result<&'static str, NoStep> {
    Ok(match check {
        Check::LostWritesAtMost { at_most: 0 } => "no acknowledged write is lost",
        Check::DivergentItemsAtMost { at_most: 0 } => "the tables are equal in the end",
        Check::LastWriterWins => "the last writer wins",
        Check::CompletedObjectsReadable => "whatever is COMPLETED can be read",
        Check::DivergentObjectsAtMost { at_most: 0 } => "the buckets are equal in the end",
        Check::PublishedSecretsOnly => "no Region serves a version that is not published yet",
        other => return Err(NoStep(format!("{other:?}"))),
    })
}

/// How a script says that a write of this kind is made.
pub const fn deed(kind: WriteKind) -> &'static str {
    match kind {
        WriteKind::Put => "puts",
        WriteKind::Update => "updates",
        WriteKind::Delete => "deletes",
        WriteKind::PutIfAbsent => "puts if absent",
        WriteKind::UpdateIfPresent => "updates if present",
        WriteKind::Transaction => "puts in a transaction",
        WriteKind::Batch => "puts in a batch",
        WriteKind::Partiql => "updates by statement",
    }
}

/// What a script says of a broken replicator.
pub fn flaw(defect: Defect) -> String {
    match defect {
        Defect::DropsOneIn { count } => return format!("drops one change in {count}"),
        Defect::EarlierWins => "lets the earlier write win",
        Defect::LocalWins => "lets the local write win",
        Defect::ForgetsDeletes => "forgets deletes",
        Defect::CompletesWithoutCopy => "completes objects without a copy",
        Defect::PublishesPending => "publishes pending secrets",
    }
    .to_owned()
}
