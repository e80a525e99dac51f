//! What a plan's target can do, found out before anything is deployed to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::RunError;
use super::aside::{aside, aside_async};
use crate::capability::{Capability, Finding, Standing, Survey};
use crate::deploy::{self, StackDirectory};
use crate::history::{Event, Recorder};
use crate::scenario::{Plan, Requirements, requirements};
use crate::store::Store;
use crate::survey::{self, How, Kept, Promises};
use crate::target::Target;

/// Is told each finding while the others are still looked for.
pub type Told = Arc<dyn Fn(&Finding) + Send + Sync>;

/// What is asked of a survey.
#[derive(Clone)]
pub struct Ask {
    /// `None` for everything.
    pub only: Option<Vec<Capability>>,
    /// Whether what is known from an earlier time does not count.
    pub fresh: bool,
    /// Where findings are kept.
    pub folder: PathBuf,
    pub told: Option<Told>,
}

/// Finds out what the plan's target can do.
pub fn survey(plan: &Plan, ask: &Ask) -> Result<Survey, RunError> {
    let ask = ask.clone();
    aside(plan, PROBING, async move |_: &Plan, target: &dyn Target, promises: &Promises| {
        Ok(answer(&ask, target, promises).await)
    })
}

/// The same for a caller that is itself asynchronous.
pub async fn survey_async(plan: &Plan, ask: &Ask) -> Result<Survey, RunError> {
    let ask = ask.clone();
    aside_async(plan, PROBING, async move |_: &Plan, target: &dyn Target, promises: &Promises| {
        Ok(answer(&ask, target, promises).await)
    })
    .await
}

async fn answer(ask: &Ask, target: &dyn Target, promises: &Promises) -> Survey {
    let kept = Some(Kept { folder: &ask.folder, fresh: ask.fresh });
    let told = |finding: &Finding| {
        if let Some(told) = &ask.told {
            told(finding);
        }
    };
    survey::known(target, &How { only: ask.only.as_deref(), kept, told: &told, promises }).await
}

/// What Ctrl-C means to a survey.
const PROBING: &str = "what the probes made was taken away again";

/// What a target was not proven to be able to do, of what a plan needs.
#[derive(Clone, Debug, Default)]
pub struct Lacks {
    /// What was looked for and seen; nothing on the twin, of which nobody asks.
    proven: Option<BTreeSet<Capability>>,
    all: BTreeSet<Capability>,
    /// Those that it says itself it does not have.
    absent: BTreeMap<Capability, String>,
}

/// What the types of functions begin with.
const FUNCTIONS: &[&str] = &["AWS::Lambda::", "AWS::Serverless::Function"];

/// The resource types that stand on a service.
const TYPES: &[(Capability, &[&str])] = &[
    (Capability::Table, &["AWS::DynamoDB::"]),
    (Capability::Bucket, &["AWS::S3::"]),
    (Capability::Secret, &["AWS::SecretsManager::"]),
    (Capability::Keys, &["AWS::KMS::"]),
    (Capability::Function, FUNCTIONS),
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
        // Of an adopted stack, what nobody named is nowhere.
        let adopted = plan.target.settings.adopted.clone();
        let unnamed = |role: &str| adopted.as_ref().is_some_and(|adopted| !adopted.roles.contains_key(role));
        if self.any(&[Capability::Table]) || unnamed("table") {
            plan.data.table = None;
            plan.data.script.retain(|write| write.store != Store::Table);
        }
        if self.any(&[Capability::Bucket]) || unnamed("bucket") {
            plan.data.objects = None;
            plan.data.script.retain(|write| write.store != Store::Bucket);
        }
        if self.any(&[Capability::Secret, Capability::SecretRotation]) || unnamed("secret") {
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

    /// The same; and where the functions' packages were not built, what has functions, if no claim that could be shown needs
    /// them. Otherwise that is an error, before anything is deployed.
    pub fn without_functions(&self, plan: &Plan, target: &dyn Target) -> Result<Vec<(&'static str, String)>, RunError> {
        let mut types = self.types();
        let missing = match &plan.target.settings.adopted {
            None => deploy::missing_package(target, &StackDirectory::read(&plan.target.stack)?),
            Some(_) => None,
        };
        let Some(missing) = missing.filter(|_| !types.iter().any(|(prefix, _)| *prefix == FUNCTIONS[0])) else {
            return Ok(types);
        };
        if self.open(plan).any(|(_, needs)| needs.contains(&Capability::Function)) {
            return Err(missing.into());
        }
        types.extend(FUNCTIONS.iter().map(|prefix| (*prefix, missing.to_string())));
        Ok(types)
    }

    /// The claims that could be shown.
    fn open(&self, plan: &Plan) -> impl Iterator<Item = (String, BTreeSet<Capability>)> {
        let requirements = Requirements::of(plan);
        let unnamed = requirements.unnamed(plan);
        let claims = requirements.assertions.into_iter();
        let claims = claims.filter(move |(id, _)| !unnamed.iter().any(|(known, _)| known == id));
        claims.filter(|(_, needs)| !needs.iter().any(|need| self.all.contains(need)))
    }

    /// Whether nothing that the plan claims could be shown.
    pub fn everything(&self, plan: &Plan) -> bool {
        !plan.assertions.is_empty() && self.open(plan).next().is_none()
    }
}

/// Probes what the plan needs of a target that is not our own, and writes it down. The twin is ours: that it does what it
/// says is for its tests.
pub async fn find_out(plan: &Plan, target: &dyn Target, recorder: &Recorder, promises: &Promises) -> Lacks {
    if target.name() == "embedded" {
        return Lacks::default();
    }
    let needs = Requirements::of(plan).all();
    // Beside the runs, which it outlives.
    let run = recorder.undo().path().and_then(|path| Some(path.parent()?.parent()?.to_owned()));
    let folder = run.map(|runs| runs.join("capabilities"));
    let kept = folder.as_deref().map(|folder| Kept { folder, fresh: false });
    let found = survey::known(target, &How { only: Some(&needs), kept, told: &|_| {}, promises }).await;
    survey::record(&found, recorder);
    if let Some(what) = found.unkept.clone() {
        recorder.record(Event::Trouble { stage: "survey".to_owned(), what });
    }
    for left in &found.left_behind {
        recorder.record(Event::Trouble { stage: "survey".to_owned(), what: format!("left behind: {left}") });
    }
    let lacking = found.findings.iter().filter(|finding| finding.standing != Standing::Proven);
    let absent = found.findings.iter().filter(|finding| finding.standing == Standing::Absent);
    let proven = found.findings.iter().filter(|finding| finding.standing == Standing::Proven);
    // What no template makes is not missed.
    let unneeded: &[Capability] = if plan.target.settings.adopted.is_some() { requirements::BY_TEMPLATE } else { &[] };
    Lacks {
        proven: Some(proven.map(|finding| finding.capability).chain(unneeded.iter().copied()).collect()),
        all: lacking.map(|finding| finding.capability).collect(),
        absent: absent.map(|finding| (finding.capability, finding.evidence.clone())).collect(),
    }
}
