//! The conductor: one plan, one target, phase after phase. Everything seen goes to the recorder; nothing is judged.
//!
//! ```text
//! deploy → preflight → probes, followers, users and writers start → steady state → timeline of faults → failback
//!        → steady state → users and writers stop → followers and scans → probes stop → teardown
//! ```
//!
//! A preflight that does not hold leads to the teardown at once: nothing is broken that did not work before.

mod canary;
mod start;

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::data::{self, secrets};
use crate::deploy::{self, DeployError, Deployment, StackDirectory};
use crate::fault;
use crate::history::{Event, FaultAction, Journal, PhaseName, Recorder};
use crate::probe::{self, Answers};
use crate::region::Region;
use crate::scenario::{Operate, Plan};
use crate::seed::Seed;
use crate::target::embedded::{self, Embedded};
use crate::target::{Target, TargetError};
use crate::wait::{self, Look};
use start::{Writers, buckets, clients_of, inventory, preflight, start_followers, start_load, start_probes};

/// How much longer than the TTL the last client may need to notice that it is home.
const SETTLE: Duration = Duration::from_secs(30);

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("unknown target {0:?}: this version knows \"embedded\"")]
    UnknownTarget(String),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("the stack's outputs name no {0}: its layout.yaml must give this role")]
    NoRole(&'static str),
    #[error("the run crashed; what it panicked with stands above")]
    Crashed,
    #[error("the thread of the run could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl RunError {
    /// Whether it was the scenario or the stack as written, and nothing that happened.
    pub fn is_usage(&self) -> bool {
        // Values of parameters are checked by CloudFormation itself.
        let refused = |what: &str| what.starts_with("ValidationError");
        matches!(self, Self::Deploy(DeployError::Stack { what, .. }) if refused(what))
            || matches!(
                self,
                Self::UnknownTarget(_)
                    | Self::NoRole(_)
                    | Self::Deploy(
                        DeployError::Read { .. }
                            | DeployError::Layout { .. }
                            | DeployError::Template { .. }
                            | DeployError::UnknownParameter { .. }
                    )
            )
    }
}

/// Carries out a plan on the target it names, and writes what it sees to the journal.
pub fn run(plan: &Plan, journal: &Journal) -> Result<(), RunError> {
    launch(plan, journal)?.blocking_recv().map_err(|_| RunError::Crashed)?
}

/// The same for a caller that is itself asynchronous.
pub async fn run_async(plan: &Plan, journal: &Journal) -> Result<(), RunError> {
    launch(plan, journal)?.await.map_err(|_| RunError::Crashed)?
}

fn launch(plan: &Plan, journal: &Journal) -> Result<oneshot::Receiver<Result<(), RunError>>, RunError> {
    if plan.target.name != "embedded" {
        return Err(RunError::UnknownTarget(plan.target.name.clone()));
    }
    let (plan, journal) = (plan.clone(), journal.clone());
    let running = embedded::in_virtual_time(move || async move {
        let target = Embedded::start(plan.seed, &plan.target.regions);
        let recorder = Recorder::new(target.clock(), journal, run_number(plan.seed, target.clock().epoch()));
        recorder.record(Event::Run {
            scenario: plan.scenario.clone(),
            target: plan.target.name.clone(),
            seed: plan.seed,
            epoch: target.clock().epoch().iso8601(),
            regions: plan.target.regions.clone(),
        });
        conduct(&plan, &target, &recorder).await
    })?;
    Ok(running)
}

/// A stack that was deployed.
#[derive(Clone, Debug)]
pub struct UpStack {
    pub stack: String,
    pub region: Region,
    /// On the target's clock.
    pub took_ms: u64,
    pub outputs: Vec<(String, String)>,
}

/// Deploys the plan's stack and nothing more.
pub fn up(plan: &Plan) -> Result<Vec<UpStack>, RunError> {
    let plan = plan.clone();
    let running = embedded::in_virtual_time(move || async move {
        let target = Embedded::start(plan.seed, &plan.target.regions);
        let mut stacks: Vec<UpStack> = Vec::new();
        let (deployment, _) = deploy(&plan, &target, |progress| {
            let deploy::Progress { stack, region, took_ms, .. } = progress;
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
    })?;
    running.blocking_recv().map_err(|_| RunError::Crashed)?
}

/// Tells the writes of a run from those of another one on the same stack: by seed and by when it began.
fn run_number(seed: Seed, began: Timestamp) -> u32 {
    let folded = seed.0 ^ (began.micros() as u64).rotate_left(32);
    (folded ^ (folded >> 32)) as u32
}

async fn deploy(
    plan: &Plan,
    target: &dyn Target,
    progress: impl FnMut(deploy::Progress),
) -> Result<(Deployment, StackDirectory), RunError> {
    let mut directory = StackDirectory::read(&plan.target.stack)?;
    let overrides = plan.target.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    deploy::override_parameters(&mut directory, overrides)?;
    let deployment = deploy::up(target, &directory, progress).await?;
    Ok((deployment, directory))
}

fn record_stack(recorder: &Recorder, progress: deploy::Progress) {
    let deploy::Progress { stack, region, status, took_ms } = progress;
    recorder.record(Event::Stack { stack, region, status: status.to_owned(), took_ms });
}

async fn conduct(plan: &Plan, target: &dyn Target, recorder: &Recorder) -> Result<(), RunError> {
    let phase = |phase| recorder.record(Event::Phase { phase });
    // From the first record on: decisions are judged again from all of them, and must come out the same.
    let trial = canary::attend(plan, recorder);
    phase(PhaseName::Deploy);
    let (deployment, directory) = deploy(plan, target, |progress| record_stack(recorder, progress)).await?;
    if !preflight(plan, target, &deployment, recorder).await? {
        return tear_down(target, &deployment, recorder).await;
    }
    let primary = target.primary();
    let zone = deployment.role("hosted-zone", primary).zip(deployment.role("public-name", primary));
    let (clients, alarm) = (target.clients_in(primary)?, deployment.role("alarm", primary));
    let settings = probe::read_settings(clients, alarm, zone, recorder).await;
    let ttl = match settings {
        Event::Settings { record_ttl_s: Some(ttl), .. } => Duration::from_secs(ttl.into()),
        _ => plan.settings.record_ttl,
    };

    let checks = inventory(target, &deployment, recorder).await?;

    let answers = Answers::default();
    let (stop_probes, probes) = start_probes(plan, target, &deployment, &answers, checks, recorder)?;
    let (stop_followers, followers) = start_followers(plan, target, &deployment, recorder)?;
    let writers = Writers::of(plan, target, &deployment, recorder)?;
    let (stop_load, load) = start_load(plan, target, &deployment, &writers, recorder)?;

    phase(PhaseName::SteadyBefore);
    tokio::time::sleep(plan.steady_state.duration).await;
    phase(PhaseName::Fault);
    let day = async {
        let canary = canary::conduct(plan, target, (&deployment, &directory), recorder, trial);
        let (played, released, ()) =
            tokio::join!(play(plan, target, &deployment, recorder), canary, writers.script(plan));
        played?;
        released?;
        phase(PhaseName::Failback);
        come_home(plan, &answers, ttl).await;
        phase(PhaseName::SteadyAfter);
        tokio::time::sleep(plan.steady_state.duration).await;
        Ok::<_, RunError>(())
    };
    // What an operator began is waited for, and holds nobody else up.
    tokio::try_join!(day, operate(plan, target, &deployment, recorder))?;

    finish(stop_load, load).await;
    phase(PhaseName::Reconcile);
    finish(stop_followers, followers).await;
    if let Some(table) = deployment.role("table", primary) {
        data::tables::scan(&clients_of(target)?, table, plan.data.settle, recorder).await;
    }
    let buckets = buckets(target, &deployment)?;
    if !buckets.is_empty() {
        data::objects::scan(&buckets, plan.data.objects_settle(), recorder).await;
    }
    finish(stop_probes, probes).await;
    tear_down(target, &deployment, recorder).await
}

async fn tear_down(target: &dyn Target, deployment: &Deployment, recorder: &Recorder) -> Result<(), RunError> {
    recorder.record(Event::Phase { phase: PhaseName::Teardown });
    deploy::down(target, deployment, |progress| record_stack(recorder, progress)).await?;
    recorder.record(Event::Phase { phase: PhaseName::End });
    Ok(())
}

/// Injects and heals by the plan's timeline.
async fn play(plan: &Plan, target: &dyn Target, deployment: &Deployment, recorder: &Recorder) -> Result<(), RunError> {
    let begun = Instant::now();
    let role = |role: &str, region| deployment.role(role, region).map(str::to_owned);
    let place = fault::Place { target, role: &role, recorder };
    let mut moments: Vec<(Duration, FaultAction, usize)> = Vec::new();
    for (index, timed) in plan.timeline.iter().enumerate() {
        moments.push((timed.at, FaultAction::Injected, index));
        moments.push((timed.at + timed.lasts, FaultAction::Healed, index));
    }
    moments.sort_by_key(|(at, _, index)| (*at, *index));
    let mut guards: Vec<Option<fault::Guard>> = plan.timeline.iter().map(|_| None).collect();
    for (at, action, index) in moments {
        tokio::time::sleep_until(begun + at).await;
        let timed = &plan.timeline[index];
        match action {
            FaultAction::Injected => guards[index] = Some(fault::inject(&place, &timed.fault).await?),
            FaultAction::Healed => {
                if let Some(guard) = guards[index].take() {
                    guard.heal(&place).await?;
                }
            }
        }
        recorder.record(Event::Fault {
            fault: timed.id.clone(),
            kind: timed.fault.kind().to_owned(),
            action,
            region: timed.fault.region(),
        });
    }
    Ok(())
}

/// Does what operators do, each at its moment from now.
async fn operate(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    recorder: &Recorder,
) -> Result<(), RunError> {
    let (begun, primary) = (Instant::now(), target.primary());
    let client = &target.clients_in(primary)?.secretsmanager;
    let operations = plan.operations.iter().map(async |timed| {
        let Operate::RotateSecret = timed.operation;
        let secret = deployment.role("secret", primary).ok_or(RunError::NoRole("secret"))?;
        tokio::time::sleep_until(begun + timed.at).await;
        secrets::rotate(client, secret, &timed.id, recorder).await;
        Ok::<_, RunError>(())
    });
    futures_util::future::try_join_all(operations).await.map(|_| ())
}

/// Waits until every population is answered with its home Region and the last TTL has passed, or the time is up.
async fn come_home(plan: &Plan, answers: &Answers, ttl: Duration) {
    if plan.traffic.is_empty() {
        return;
    }
    let home = || plan.traffic.iter().all(|population| answers.lead_to(population.from, population.home));
    let look = || async {
        Ok::<_, std::convert::Infallible>(if home() { Look::Ready(()) } else { Look::NotYet("away".to_owned()) })
    };
    if let Ok(Ok(())) = wait::until("failback", plan.failback.within, Duration::from_secs(1), look).await {
        tokio::time::sleep(ttl + SETTLE).await;
    }
}

async fn finish(stop: watch::Sender<bool>, mut tasks: JoinSet<()>) {
    stop.send_replace(true);
    while tasks.join_next().await.is_some() {}
}
