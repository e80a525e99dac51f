//! What is done on a target outside a run: a stack up, down or looked at, and what earlier runs left.

use tokio::sync::oneshot;

use super::{RunError, deploy, ended};
use crate::deploy::{self as deploying, Deployment, StackDirectory, standing};
use crate::region::Region;
use crate::scenario::Plan;
use crate::target::Target;
use crate::target::embedded::{self, Embedded};
use crate::target::live::{self, Live};

/// A stack that was deployed.
#[derive(Clone, Debug)]
pub struct UpStack {
    pub stack: String,
    pub region: Region,
    /// On the target's clock.
    pub took_ms: u64,
    pub outputs: Vec<(String, String)>,
}

/// Something to do about what stands; what it came to is told in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    Down,
    Status,
    /// What earlier runs left: listed, and removed where that is wanted.
    Orphans {
        remove: bool,
    },
}

/// Does one thing on the plan's target, whichever that is, and gives it back.
pub(super) fn aside<T, F>(plan: &Plan, job: F) -> Result<T, RunError>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Plan, &dyn Target) -> Result<T, RunError> + Send + 'static,
{
    begin(plan, job)?.blocking_recv().map_err(|_| RunError::Crashed)?
}

/// The same for a caller that is itself asynchronous.
pub(super) async fn aside_async<T, F>(plan: &Plan, job: F) -> Result<T, RunError>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Plan, &dyn Target) -> Result<T, RunError> + Send + 'static,
{
    begin(plan, job)?.await.map_err(|_| RunError::Crashed)?
}

fn begin<T, F>(plan: &Plan, job: F) -> Result<oneshot::Receiver<Result<T, RunError>>, RunError>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Plan, &dyn Target) -> Result<T, RunError> + Send + 'static,
{
    let plan = plan.clone();
    let running = match plan.target.name.as_str() {
        "embedded" => embedded::in_virtual_time(move || async move {
            let target = Embedded::start(plan.seed, &plan.target.regions);
            job(&plan, &target).await
        })?,
        name if live::NAMES.contains(&name) => live::in_real_time(move || async move {
            let live = Live::start(&plan.target, plan.seed).await?;
            let done = job(&plan, live.target()).await;
            let end = live.end().await.map_err(RunError::from);
            match done {
                Ok(value) => end.map(|()| value),
                Err(first) => Err(ended(Err(first), end).err().unwrap_or(RunError::Crashed)),
            }
        })?,
        other => return Err(RunError::UnknownTarget(other.to_owned())),
    };
    Ok(running)
}

/// Deploys the plan's stack and nothing more.
pub fn up(plan: &Plan) -> Result<Vec<UpStack>, RunError> {
    aside(plan, async |plan: &Plan, target: &dyn Target| {
        let (mut stacks, mut deployment) = (Vec::<UpStack>::new(), Deployment::default());
        deploy(plan, target, Vec::new(), &mut deployment, |progress| {
            let deploying::Progress { stack, region, took_ms, .. } = progress;
            match stacks.iter_mut().find(|known| known.stack == stack && known.region == region) {
                Some(known) => known.took_ms += took_ms,
                None => stacks.push(UpStack { stack, region, took_ms, outputs: Vec::new() }),
            }
        })
        .await?;
        for (stack, region, name, value) in deployment.outputs() {
            if let Some(up) =
                stacks.iter_mut().find(|up| up.stack == deployment.stack_name(stack) && up.region == region)
            {
                up.outputs.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(stacks)
    })
}

/// Does one chore; a line for each thing it came to.
pub fn chore(plan: &Plan, chore: Chore) -> Result<Vec<String>, RunError> {
    aside(plan, async move |plan: &Plan, target: &dyn Target| match chore {
        Chore::Down => down(plan, target).await,
        Chore::Status => status(plan, target).await,
        Chore::Orphans { remove } => orphans(target, remove).await,
    })
}

async fn down(plan: &Plan, target: &dyn Target) -> Result<Vec<String>, RunError> {
    let directory = StackDirectory::read(&plan.target.stack)?;
    let deployment = Deployment::find(target, &directory).await?;
    let mut lines = Vec::new();
    deploying::down(target, &deployment, |progress| lines.push(line(&progress))).await?;
    if lines.is_empty() {
        lines.push(format!("{}: nothing was deployed", target.name()));
    }
    Ok(lines)
}

async fn status(plan: &Plan, target: &dyn Target) -> Result<Vec<String>, RunError> {
    let directory = StackDirectory::read(&plan.target.stack)?;
    let mut lines = Vec::new();
    for stands in standing(target, &directory).await? {
        let run = stands.run.map_or_else(String::new, |run| format!(", run {run}"));
        lines.push(format!("{} in {}: {}{run}", stands.stack, stands.region, stands.status));
        lines.extend(stands.outputs.iter().map(|(name, value)| format!("  {name} = {value}")));
    }
    if lines.is_empty() {
        lines.push(format!("{}: nothing deployed", target.name()));
    }
    Ok(lines)
}

async fn orphans(target: &dyn Target, remove: bool) -> Result<Vec<String>, RunError> {
    let found = deploying::orphans(target).await?;
    let mut lines: Vec<String> = found.unseen.iter().map(|unseen| format!("could not look at {unseen}")).collect();
    if !remove {
        lines.extend(found.found.iter().map(ToString::to_string));
        lines.push(match found.found.len() {
            0 => "nothing is left of earlier runs".to_owned(),
            count => format!("{count} left of earlier runs; --yes removes them"),
        });
        return Ok(lines);
    }
    deploying::remove_orphans(target, &found.found, |progress| lines.push(line(&progress))).await?;
    Ok(lines)
}

fn line(progress: &deploying::Progress) -> String {
    let deploying::Progress { stack, region, status, why, .. } = progress;
    let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    format!("{stack} in {region}: {status}{why}")
}
