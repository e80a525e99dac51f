//! What is done on a target outside a run: a stack up, down or looked at, and what earlier runs left.

use std::pin::pin;

use tokio::sync::oneshot;

use super::{RunError, deploy, ended};
use crate::deploy::{self as deploying, Deployment, StackDirectory, standing};
use crate::region::Region;
use crate::scenario::Plan;
use crate::survey::Promises;
use crate::target::embedded::{self, Embedded};
use crate::target::live::{self, Live};
use crate::target::{Target, TargetError};

/// A stack that was deployed, or left out because the target does not take it.
#[derive(Clone, Debug)]
pub struct UpStack {
    pub stack: String,
    pub region: Region,
    /// On the target's clock.
    pub took_ms: u64,
    /// Why it is not there, or not as it should be.
    pub left_out: Option<String>,
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

/// Does one thing on the plan's target, whichever that is, and gives it back. Where it is interrupted, what it promised to take
/// away is taken away, and `stands` says how things stand then.
pub(super) fn aside<T, F>(plan: &Plan, stands: &'static str, job: F) -> Result<T, RunError>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Plan, &dyn Target, &Promises) -> Result<T, RunError> + Send + 'static,
{
    begin(plan, stands, job)?.blocking_recv().map_err(|_| RunError::Crashed)?
}

/// The same for a caller that is itself asynchronous.
pub(super) async fn aside_async<T, F>(plan: &Plan, stands: &'static str, job: F) -> Result<T, RunError>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Plan, &dyn Target, &Promises) -> Result<T, RunError> + Send + 'static,
{
    begin(plan, stands, job)?.await.map_err(|_| RunError::Crashed)?
}

type Running<T> = oneshot::Receiver<Result<T, RunError>>;

fn begin<T, F>(plan: &Plan, stands: &'static str, job: F) -> Result<Running<T>, RunError>
where
    T: Send + 'static,
    F: AsyncFnOnce(&Plan, &dyn Target, &Promises) -> Result<T, RunError> + Send + 'static,
{
    let plan = plan.clone();
    let running = match plan.target.name.as_str() {
        "embedded" => embedded::in_virtual_time(move || async move {
            let target = Embedded::start(plan.seed, &plan.target.regions);
            job(&plan, &target, &Promises::default()).await
        })?,
        name if live::NAMES.contains(&name) => live::in_real_time(move || async move {
            let mut stop = pin!(live::interrupted());
            let live = start(&plan, &mut stop, stands).await?;
            let promises = Promises::default();
            let (done, cleared) = tokio::select! {
                done = job(&plan, live.target(), &promises) => (done, Ok(())),
                () = &mut stop => (Err(RunError::Stopped(stands)), keep(&promises).await),
            };
            let end = ended(cleared, live.end().await.map_err(RunError::from));
            match done {
                Ok(value) => end.map(|()| value),
                Err(first) => Err(ended(Err(first), end).err().unwrap_or(RunError::Crashed)),
            }
        })?,
        other => return Err(RunError::UnknownTarget(other.to_owned())),
    };
    Ok(running)
}

/// Starts the plan's target. Where that is interrupted, it is started first and ended then: a container that is half made has
/// nobody to remove it.
pub(super) async fn start(
    plan: &Plan,
    stop: &mut (impl Future<Output = ()> + Unpin),
    stands: &'static str,
) -> Result<Live, RunError> {
    let refused = |why: TargetError| match plan.target.name.as_str() {
        // Whose accounts these are, or that nobody knows: nothing was done.
        "aws" => RunError::Refused(why),
        _ => RunError::Target(why),
    };
    let mut starting = pin!(Live::start(&plan.target, plan.seed));
    tokio::select! {
        live = &mut starting => live.map_err(refused),
        () = stop => {
            let ended_again = starting.await.map_err(refused)?.end().await.map_err(RunError::from);
            Err(ended(Err(RunError::Stopped(stands)), ended_again).err().unwrap_or(RunError::Crashed))
        }
    }
}

/// Does what was promised.
pub(super) async fn keep(promises: &Promises) -> Result<(), RunError> {
    let left = promises.clear().await;
    if left.is_empty() { Ok(()) } else { Err(RunError::NotRemoved(left.join("; "))) }
}

/// Deploys the plan's stack and nothing more.
pub fn up(plan: &Plan) -> Result<Vec<UpStack>, RunError> {
    let stands = match plan.target.name.as_str() {
        "localstack" => "LocalStack is gone, with all that was deployed to it",
        _ => "what was deployed so far stands; blackstart status shows it, blackstart down removes it",
    };
    aside(plan, stands, async |plan: &Plan, target: &dyn Target, _: &Promises| {
        if let Some(missing) = deploying::missing_package(target, &StackDirectory::read(&plan.target.stack)?) {
            return Err(missing.into());
        }
        let (mut stacks, mut deployment) = (Vec::<UpStack>::new(), Deployment::default());
        deploy(plan, target, Vec::new(), &mut deployment, |progress| {
            let deploying::Progress { stack, region, took_ms, why, .. } = progress;
            match stacks.iter_mut().find(|known| known.stack == stack && known.region == region) {
                Some(known) => {
                    known.took_ms += took_ms;
                    known.left_out = known.left_out.take().or(why);
                }
                None => stacks.push(UpStack { stack, region, took_ms, left_out: why, outputs: Vec::new() }),
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
    let stands = match chore {
        Chore::Down => "the rest stands; blackstart down goes on from there",
        Chore::Status => "nothing was changed",
        Chore::Orphans { remove: false } => "nothing was changed",
        Chore::Orphans { remove: true } => "the rest is left; blackstart down --orphans goes on from there",
    };
    aside(plan, stands, async move |plan: &Plan, target: &dyn Target, _: &Promises| match chore {
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
    let mut lines: Vec<String> = Vec::new();
    if remove {
        deploying::remove_orphans(target, &found.found, |progress| lines.push(line(&progress))).await?;
    } else {
        lines.extend(found.found.iter().map(ToString::to_string));
    }
    let there = if found.unseen.is_empty() { "" } else { ", where it could be looked" };
    lines.push(match (found.found.len(), remove) {
        (0, _) => format!("nothing is left of earlier runs{there}"),
        (count, true) => format!("{count} removed{there}"),
        (count, false) => format!("{count} left of earlier runs{there}; --yes removes them"),
    });
    if found.unseen.is_empty() { Ok(lines) } else { Err(RunError::Unseen { lines, unseen: found.unseen }) }
}

fn line(progress: &deploying::Progress) -> String {
    let deploying::Progress { stack, region, status, why, .. } = progress;
    let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    format!("{stack} in {region}: {status}{why}")
}
