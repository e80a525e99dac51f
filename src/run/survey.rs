//! What a plan's target can do, found out before anything is deployed to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::RunError;
use super::aside::{aside, aside_async};
use crate::capability::{Capability, Standing, Survey};
use crate::history::{Event, Recorder};
use crate::scenario::{Plan, Requirements, requirements};
use crate::store::Store;
use crate::survey::{self, Kept};
use crate::target::Target;

/// What is asked of a survey.
#[derive(Clone, Debug)]
pub struct Ask {
    /// `None` for everything.
    pub only: Option<Vec<Capability>>,
    /// Whether what is known from an earlier time does not count.
    pub fresh: bool,
    /// Where findings are kept.
    pub folder: PathBuf,
}

/// Finds out what the plan's target can do.
pub fn survey(plan: &Plan, ask: &Ask) -> Result<Survey, RunError> {
    let ask = ask.clone();
    aside(plan, async move |_: &Plan, target: &dyn Target| answer(&ask, target).await)
}

/// The same for a caller that is itself asynchronous.
pub async fn survey_async(plan: &Plan, ask: &Ask) -> Result<Survey, RunError> {
    let ask = ask.clone();
    aside_async(plan, async move |_: &Plan, target: &dyn Target| answer(&ask, target).await).await
}

async fn answer(ask: &Ask, target: &dyn Target) -> Result<Survey, RunError> {
    let kept = Kept { folder: &ask.folder, fresh: ask.fresh };
    Ok(survey::known(target, ask.only.as_deref(), Some(kept)).await?)
}

/// What a target was not proven to be able to do, of what a plan needs.
#[derive(Clone, Debug, Default)]
pub struct Lacks {
    /// What was looked for and seen; nothing on the twin, of which nobody asks.
    proven: Option<BTreeSet<Capability>>,
    all: BTreeSet<Capability>,
    /// Those that it says itself it does not have.
    absent: BTreeMap<Capability, String>,
}

/// The resource types that stand on a service.
const TYPES: &[(Capability, &[&str])] = &[
    (Capability::Table, &["AWS::DynamoDB::"]),
    (Capability::Bucket, &["AWS::S3::"]),
    (Capability::Secret, &["AWS::SecretsManager::"]),
    (Capability::Keys, &["AWS::KMS::"]),
    (Capability::Function, &["AWS::Lambda::", "AWS::Serverless::Function"]),
    (Capability::Api, &["AWS::ApiGateway::", "AWS::Serverless::Api"]),
    (Capability::Topics, &["AWS::SNS::"]),
    (Capability::Records, &["AWS::Route53::RecordSet", "AWS::Route53::HostedZone"]),
];

impl Lacks {
    /// Whether one of these is not proven: lacking, or not looked for because nothing that is claimed needs it.
    pub fn any(&self, of: &[Capability]) -> bool {
        self.proven.as_ref().is_some_and(|proven| of.iter().any(|capability| !proven.contains(capability)))
    }

    /// The plan without what the target cannot do: faults nobody can inject, and what is written where nothing is kept.
    /// It is judged as it was meant; what is left out is inconclusive there.
    pub fn without(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        let lacks = |needs: &BTreeSet<Capability>| needs.iter().any(|need| self.all.contains(need));
        plan.timeline.retain(|timed| !lacks(&requirements::of_fault(&timed.fault)));
        if self.any(&[Capability::Table]) {
            plan.data.table = None;
            plan.data.script.retain(|write| write.store != Store::Table);
        }
        if self.any(&[Capability::Bucket]) {
            plan.data.objects = None;
            plan.data.script.retain(|write| write.store != Store::Bucket);
        }
        if self.any(&[Capability::Secret, Capability::SecretRotation]) {
            plan.operations.clear();
        }
        if self.any(&[Capability::Function, Capability::FunctionAlias, Capability::Records]) {
            plan.canary = None;
        }
        plan
    }

    /// Resource types that the target has no service for, with the reason.
    pub fn types(&self) -> Vec<(&'static str, String)> {
        let absent = TYPES.iter().filter_map(|(capability, prefixes)| {
            let evidence = self.absent.get(capability)?;
            Some((format!("needs {capability}, which this target lacks: {evidence}"), prefixes))
        });
        absent.flat_map(|(why, prefixes)| prefixes.iter().map(move |prefix| (*prefix, why.clone()))).collect()
    }

    /// Whether nothing that the plan claims could be shown.
    pub fn everything(&self, plan: &Plan) -> bool {
        let claims = Requirements::of(plan).assertions;
        !claims.is_empty() && claims.iter().all(|(_, needs)| needs.iter().any(|need| self.all.contains(need)))
    }
}

/// Probes what the plan needs of a target that is not our own, and writes it down. The twin is ours: that it does what it
/// says is for its tests.
pub async fn find_out(plan: &Plan, target: &dyn Target, recorder: &Recorder) -> Result<Lacks, RunError> {
    if target.name() == "embedded" {
        return Ok(Lacks::default());
    }
    let needs = Requirements::of(plan).all();
    // Beside the runs, which it outlives.
    let run = recorder.undo().path().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
    let folder = run.map(|runs| runs.join("capabilities"));
    let kept = folder.as_deref().map(|folder| Kept { folder, fresh: false });
    let found = survey::known(target, Some(&needs), kept).await?;
    survey::record(&found, recorder);
    for left in &found.left_behind {
        recorder.record(Event::Trouble { stage: "survey".to_owned(), what: format!("left behind: {left}") });
    }
    let lacking = found.findings.iter().filter(|finding| finding.standing != Standing::Proven);
    let absent = found.findings.iter().filter(|finding| finding.standing == Standing::Absent);
    let proven = found.findings.iter().filter(|finding| finding.standing == Standing::Proven);
    Ok(Lacks {
        proven: Some(proven.map(|finding| finding.capability).collect()),
        all: lacking.map(|finding| finding.capability).collect(),
        absent: absent.map(|finding| (finding.capability, finding.evidence.clone())).collect(),
    })
}
