//! The way up: every step of the layout in order, and single stacks again with other values.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::types::Stack;
use indexmap::IndexMap;

use super::layout::{Regions, StackDirectory, Step, Value};
use super::stacks::{Body, Wanted};
use super::{BY_HAND, DeployError, Deployment, LeftOut, Patience, Progress, RUN_TAG};
use super::{buckets, layout, package, remove, stacks};
use crate::region::Region;
use crate::target::Target;

/// The longest template a call may carry (CloudFormation quotas: 51,200 bytes).
const LONGEST_INLINE_TEMPLATE: usize = 51_200;

/// What is done about a stack that the target does not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is an error, and nothing more is deployed.
    #[default]
    Stop,
    /// It is removed again and left out, with all that needs its outputs; `within` is how long a stack may take.
    LeaveOut { within: Duration },
}

/// How to deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub on_failure: OnFailure,
    /// What types of resources begin with that the target has no service for, and the reason: a template with one of
    /// them is left out without a try.
    pub without: Vec<(&'static str, String)>,
    /// Whether it is an error where another run deploys the same stacks meanwhile: whose a stack is, its tag says.
    pub sole: bool,
    /// Which run it is for; every new stack is tagged with it.
    pub run: Option<u32>,
}

/// Sets parameters over those of the directory; an unknown name is an error.
pub fn override_parameters<'a>(
    directory: &mut StackDirectory,
    overrides: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), DeployError> {
    for (name, value) in overrides {
        let known: Vec<String> = directory.parameters.names().map(str::to_owned).collect();
        if !known.iter().any(|known| known == name) {
            return Err(DeployError::UnknownParameter { name: name.to_owned(), known });
        }
        directory.parameters.set(name, value);
    }
    Ok(())
}

/// Deploys every step of the layout, in order. What was begun is in `deployment` whatever comes of it, also where the
/// future is dropped half-way, so that [`super::down`] can take it away.
pub async fn up(
    target: &dyn Target,
    directory: &StackDirectory,
    options: &Options,
    deployment: &mut Deployment,
    mut progress: impl FnMut(Progress),
) -> Result<(), DeployError> {
    *deployment = Deployment::none(target, directory);
    deployment.run = options.run.map_or_else(|| BY_HAND.to_owned(), |run| run.to_string());
    let leaves_out = match options.on_failure {
        OnFailure::Stop => false,
        OnFailure::LeaveOut { within } => {
            deployment.patience = Patience::of_an_emulator(within);
            true
        }
    };
    for region in target.regions() {
        let bucket = deployment.artifacts(*region);
        match buckets::create(target, &bucket, *region, &deployment.run).await {
            Err(error) if leaves_out && is_the_targets(&error) => {
                let why = error.to_string();
                deployment.left_out.push(LeftOut { stack: bucket, region: *region, why, stands: false });
            }
            made => made?,
        }
    }
    for step in &directory.layout.steps {
        for region in step.regions.resolve(target.regions(), target.primary()) {
            if !directory.wants(step, region) {
                continue;
            }
            let begun = target.clock().now();
            if let Some(why) = refused(directory, step, &options.without)? {
                let stack = deployment.stack_name(&step.stack);
                progress(Progress::since(begun, target, stack.clone(), region, "LEFT-OUT").because(why.clone()));
                deployment.left_out.push(LeftOut { stack, region, why, stands: false });
                continue;
            }
            deployment.begin(&step.stack, region);
            let status = match deploy_step(target, directory, step, region, deployment).await {
                Ok(outputs) => {
                    if options.sole {
                        ours(target, step, region, deployment).await?;
                    }
                    deployment.outputs.insert((step.stack.clone(), region), outputs);
                    "DEPLOYED"
                }
                Err(error) if leaves_out && is_the_targets(&error) => {
                    leave_out(target, step, region, deployment, error).await?;
                    "LEFT-OUT"
                }
                Err(error) => return Err(error),
            };
            let done = Progress::since(begun, target, deployment.stack_name(&step.stack), region, status);
            progress(match deployment.left_out.last() {
                Some(left) if status == "LEFT-OUT" => done.because(left.why.clone()),
                _ => done,
            });
        }
    }
    Ok(())
}

/// An error where a stack is another run's by its tag. Then it is none of the deployment's, nor are the buckets of packages,
/// which both runs use.
async fn ours(
    target: &dyn Target,
    step: &Step,
    region: Region,
    deployment: &mut Deployment,
) -> Result<(), DeployError> {
    let stack = deployment.stack_name(&step.stack);
    let found = stacks::describe(&target.clients_in(region)?.cloudformation, &stack).await;
    // Where nobody can tell, nobody else is known.
    let Ok(Some(found)) = found else { return Ok(()) };
    let Some(run) = run_of(&found).filter(|run| *run != deployment.run) else { return Ok(()) };
    deployment.stacks.retain(|(known, at)| *known != step.stack || *at != region);
    deployment.regions.clear();
    Err(DeployError::Stands { stack, region, status: stacks::status(&found).to_owned(), run: Some(run) })
}

/// Which run made a stack, where it is tagged.
fn run_of(stack: &Stack) -> Option<String> {
    let tag = stack.tags().iter().find(|tag| tag.key() == Some(RUN_TAG))?;
    tag.value().map(str::to_owned)
}

/// The first package of a function that was not built for this target.
pub fn missing_package(target: &dyn Target, directory: &StackDirectory) -> Option<DeployError> {
    let packaged = |step: &Step| package::package(&directory.root.join(&step.template), "", &target.packaging());
    let failed = directory.layout.steps.iter().filter_map(|step| packaged(step).err());
    failed.into_iter().find(|error| matches!(error, DeployError::NoPackage { .. }))
}

/// An error where a stack of the layout stands, or is being made: it is somebody's, or another run's, and a run changes what it
/// deploys and takes it down at its end.
pub async fn nothing_stands(target: &dyn Target, directory: &StackDirectory) -> Result<(), DeployError> {
    let deployment = Deployment::none(target, directory);
    for step in &directory.layout.steps {
        for region in step.regions.resolve(target.regions(), target.primary()) {
            let stack = deployment.stack_name(&step.stack);
            let client = &target.clients_in(region)?.cloudformation;
            // Who cannot be asked will say so when it is deployed to.
            let Ok(Some(found)) = stacks::describe(client, &stack).await else { continue };
            let status = stacks::status(&found).to_owned();
            // Under review there is nothing yet.
            let moves = status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS";
            if STANDS.contains(&status.as_str()) || moves {
                return Err(DeployError::Stands { stack, region, status, run: run_of(&found) });
            }
        }
    }
    Ok(())
}

/// Why a step's template cannot be tried, where it has a resource of a type that the target has no service for.
fn refused(
    directory: &StackDirectory,
    step: &Step,
    without: &[(&'static str, String)],
) -> Result<Option<String>, DeployError> {
    if without.is_empty() {
        return Ok(None);
    }
    let path = directory.root.join(&step.template);
    let types = package::types(&path, &layout::read(&path)?)?;
    let refused = without.iter().find(|(prefix, _)| types.iter().any(|kind| kind.starts_with(prefix)));
    Ok(refused.map(|(_, why)| why.clone()))
}

/// Deploys again, in one Region, the stacks whose templates take one of these parameters; gives the values they had.
/// Nothing else of the deployment changes, and no other Region.
pub async fn update(
    target: &dyn Target,
    directory: &mut StackDirectory,
    deployment: &mut Deployment,
    region: Region,
    parameters: &IndexMap<String, String>,
    mut progress: impl FnMut(Progress),
) -> Result<IndexMap<String, String>, DeployError> {
    if deployment.is_adopted() {
        let what = "its stack was not deployed from here, and only what was is updated".to_owned();
        return Err(DeployError::Adopted { role: "function".to_owned(), what });
    }
    let mut before = IndexMap::new();
    for (name, value) in parameters {
        let had = directory.parameters.get(region, name).map(str::to_owned);
        let known = || directory.parameters.names().map(str::to_owned).collect();
        let had = had.ok_or_else(|| DeployError::UnknownParameter { name: name.clone(), known: known() })?;
        before.insert(name.clone(), had);
        directory.parameters.set_in(region, name, value);
    }
    // The last step of a stack is the one that gives it all its parameters.
    let last = |step: &&Step| directory.layout.steps.iter().rfind(|other| other.stack == step.stack) == Some(*step);
    for step in directory.layout.steps.iter().filter(last) {
        let here = step.regions.resolve(&deployment.regions, target.primary()).contains(&region);
        // What was left out does not come with an update.
        let stands = deployment.stacks.contains(&(step.stack.clone(), region));
        if !here || !stands || !directory.wants(step, region) {
            continue;
        }
        let path = directory.root.join(&step.template);
        let takes = package::parameters(&path, &layout::read(&path)?)?;
        if !takes.iter().any(|name| parameters.contains_key(name)) {
            continue;
        }
        let begun = target.clock().now();
        let outputs = deploy_step(target, directory, step, region, deployment).await?;
        deployment.outputs.insert((step.stack.clone(), region), outputs);
        progress(Progress::since(begun, target, deployment.stack_name(&step.stack), region, "UPDATED"));
    }
    Ok(before)
}

/// Whether it is the target that does not take something, and not the directory that makes no sense, nor a package that was
/// not built.
const fn is_the_targets(error: &DeployError) -> bool {
    matches!(error, DeployError::Stack { .. } | DeployError::Bucket { .. } | DeployError::NoOutput { .. })
}

/// Removes what there is of a stack, unless an earlier state of it stands, and notes why.
async fn leave_out(
    target: &dyn Target,
    step: &Step,
    region: Region,
    deployment: &mut Deployment,
    error: DeployError,
) -> Result<(), DeployError> {
    let stack = deployment.stack_name(&step.stack);
    let mut why = match error {
        DeployError::Stack { what, .. } => what,
        other => other.to_string(),
    };
    let client = &target.clients_in(region)?.cloudformation;
    let standing = match stacks::describe(client, &stack).await {
        Ok(found) => found.filter(|stack| STANDS.contains(&stacks::status(stack))),
        Err(_) => None,
    };
    if let Some(standing) = standing {
        deployment.outputs.insert((step.stack.clone(), region), stacks::outputs(&standing));
        deployment.left_out.push(LeftOut { stack, region, why, stands: true });
        return Ok(());
    }
    let left = remove::remove(target, region, &stack, &deployment.patience).await;
    if left.is_empty() {
        deployment.stacks.retain(|(known, at)| *known != step.stack || *at != region);
    }
    for left in left {
        why.push_str(&format!("; left behind: {left}"));
    }
    deployment.outputs.remove(&(step.stack.clone(), region));
    deployment.left_out.push(LeftOut { stack, region, why, stands: false });
    Ok(())
}

/// What a stack is in that was good before its update failed.
const STANDS: [&str; 3] = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"];

async fn deploy_step(
    target: &dyn Target,
    directory: &StackDirectory,
    step: &Step,
    region: Region,
    deployment: &Deployment,
) -> Result<BTreeMap<String, String>, DeployError> {
    let bucket = deployment.artifacts(region);
    let path = directory.root.join(&step.template);
    let packaged = package::package(&path, &bucket, &target.packaging())?;
    let mut parameters = Vec::new();
    for name in package::parameters(&path, &packaged.body)? {
        let value = match step.parameters.get(&name) {
            Some(value) => Some(resolve(directory, step, &name, value, region, deployment)?),
            None => directory.parameters.get(region, &name).map(str::to_owned),
        };
        parameters.extend(value.map(|value| (name, value)));
    }
    for upload in packaged.uploads {
        buckets::put(target, &bucket, region, &upload.key, upload.bytes).await?;
    }
    let own = ["Project", "Environment"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), directory.parameters.get(region, name)?.to_owned())));
    let tags: Vec<(String, String)> = own.chain([(RUN_TAG.to_owned(), deployment.run.clone())]).collect();
    let body = if packaged.body.len() > LONGEST_INLINE_TEMPLATE {
        let key = format!("templates/{}", step.template.display());
        buckets::put(target, &bucket, region, &key, packaged.body.into_bytes()).await?;
        Body::Url(format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"))
    } else {
        Body::Inline(&packaged.body)
    };
    let name = deployment.stack_name(&step.stack);
    let change = format!("blackstart-{}", target.clock().now().millis());
    let wanted = Wanted { name: &name, change, region, body, parameters, tags, patience: deployment.patience };
    stacks::apply(target, &wanted).await
}

fn resolve(
    directory: &StackDirectory,
    step: &Step,
    parameter: &str,
    value: &Value,
    region: Region,
    deployment: &Deployment,
) -> Result<String, DeployError> {
    let one = |regions: Regions| regions.resolve(&deployment.regions, region).first().copied().unwrap_or(region);
    match value {
        Value::Literal(text) => Ok(text.clone()),
        Value::RegionName { region } => Ok(one(*region).to_string()),
        Value::Output(source) => {
            let from = one(source.region);
            let found = deployment.output(&source.stack, from, &source.output);
            found.map(str::to_owned).ok_or_else(|| {
                let full = deployment.stack_name(&source.stack);
                let left_out = deployment.left_out.iter().any(|left| left.stack == full && left.region == from);
                let ending = if left_out { "was left out" } else { "gives none" };
                let what = format!(
                    "{} takes its parameter {parameter} from output {} of stack {}, which {ending}",
                    step.template.display(),
                    source.output,
                    source.stack
                );
                DeployError::NoOutput { path: directory.root.join("layout.yaml"), what }
            })
        }
    }
}
