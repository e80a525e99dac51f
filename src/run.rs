//! The conductor: one plan, one target, phase after phase. Everything seen goes to the recorder; nothing is judged.
//!
//! ```text
//! deploy → preflight → probes, followers, users and writers start → steady state → timeline of faults → failback
//!        → steady state → users and writers stop → followers and scans → probes stop → teardown
//! ```
//!
//! A preflight that does not hold leads to the teardown at once: nothing is broken that did not work before.

mod aside;
mod canary;
mod draft;
mod intent;
mod restore;
mod start;
mod survey;

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::capability::Capability;
use crate::clock::Timestamp;
use crate::data::{self, secrets};
use crate::deploy::{self, DeployError, Deployment, StackDirectory};
use crate::fault;
use crate::history::{Event, FaultAction, Journal, PhaseName, Recorder};
use crate::probe::{self, Answers};
use crate::scenario::{Operate, Plan};
use crate::seed::Seed;
use crate::survey::Promises;
use crate::target::embedded::{self, Embedded};
use crate::target::live::{self, Live};
use crate::target::{Met, Passing, Target, TargetError};
use crate::wait::{self, Look};
pub use aside::{Chore, UpStack, chore, up};
pub use draft::draft;
pub use intent::{Intended, Intent, accounts};
pub use restore::{Extent, PutBack, put_back, restore};
use start::{Writers, buckets, clients_of, inventory, preflight, start_followers, start_load, start_probes};
pub use survey::{Ask, Told, survey, survey_async};

/// What an emulator that was started for a run has written, in the run's folder.
pub const TARGET_LOG: &str = "target.log";

/// How much longer than the TTL the last client may need to notice that it is home.
const SETTLE: Duration = Duration::from_secs(30);

/// What an emulator has not deployed within this it never will.
const STACK_ON_EMULATOR: Duration = Duration::from_secs(180);

/// What equal Regions stand on: without them nothing would ever become equal, and nobody waits for it.
const TABLES: [Capability; 2] = [Capability::TableReplication, Capability::TemplateTable];
const BUCKETS: [Capability; 2] = [Capability::BucketReplication, Capability::TemplateBucket];

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("unknown target {0:?}: expected embedded, localstack, endpoint or aws")]
    UnknownTarget(String),
    #[error(
        "a canary deploys its release from the stack's templates, and an adopted stack has none: leave the canary out"
    )]
    AdoptedCanary,
    /// Real accounts that `blackstart.yaml` does not allow.
    #[error("{0}")]
    Refused(TargetError),
    #[error("not everything was put back: {0}; blackstart restore tries again")]
    NotUndone(String),
    #[error("interrupted: faults were healed, and what was deployed or made to probe was taken away")]
    Interrupted,
    #[error("interrupted: {0}")]
    Stopped(&'static str),
    /// What probes made, by name and reason.
    #[error("left behind: {0}; blackstart down --orphans finds it")]
    NotRemoved(String),
    /// Orphans were looked for, and not everywhere.
    #[error("could not look at {}", .unseen.join("; nor at "))]
    Unseen { lines: Vec<String>, unseen: Vec<String> },
    #[error(
        "nothing was done: blackstart.yaml adopts a stack that stands (adopted), and nothing of it is deployed or taken down; \
         for stacks of the harness's own give --config a file without it"
    )]
    Adopted,
    #[error("{first}; and then not everything could be taken down: {then}")]
    Left { first: Box<RunError>, then: Box<RunError> },
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
                    | Self::Refused(_)
                    | Self::AdoptedCanary
                    | Self::Adopted
                    | Self::NoRole(_)
                    | Self::Deploy(
                        DeployError::Read { .. }
                            | DeployError::Layout { .. }
                            | DeployError::Template { .. }
                            | DeployError::UnknownParameter { .. }
                            | DeployError::NoPackage { .. }
                            | DeployError::Adopted { .. }
                            | DeployError::Stands { .. }
                    )
            )
    }
}

impl RunError {
    /// Whether something that was changed is not what it was before.
    pub fn is_undo(&self) -> bool {
        match self {
            Self::NotUndone(_) | Self::NotRemoved(_) | Self::Deploy(DeployError::LeftBehind(_)) => true,
            Self::Left { first, then } => first.is_undo() || then.is_undo(),
            _ => false,
        }
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

/// Carries out a plan on a target that stands already, such as one of the caller's own. However it ends, faults are healed
/// and what was deployed is taken down.
pub async fn run_on(plan: &Plan, target: &dyn Target, journal: Journal) -> Result<(), RunError> {
    nothing_stands(plan, target).await?;
    let recorder = begin(plan, target, journal);
    safely(plan, target, &recorder, std::future::pending()).await
}

fn launch(plan: &Plan, journal: &Journal) -> Result<oneshot::Receiver<Result<(), RunError>>, RunError> {
    let (plan, journal) = (plan.clone(), journal.clone());
    let running = match plan.target.name.as_str() {
        "embedded" => embedded::in_virtual_time(move || async move {
            let target = Embedded::start(plan.seed, &plan.target.regions);
            let recorder = begin(&plan, &target, journal);
            conduct(&plan, &target, &mut Deployment::default(), &recorder, &Promises::default()).await
        })?,
        name if live::NAMES.contains(&name) => live::in_real_time(move || async move {
            let mut interrupted = pin!(live::interrupted());
            let live = aside::start(&plan, &mut interrupted, "nothing was done").await?;
            journal.promptly();
            if let Err(refused) = nothing_stands(&plan, live.target()).await {
                return ended(Err(refused), live.end().await.map_err(RunError::from));
            }
            let recorder = begin(&plan, live.target(), journal);
            let done = safely(&plan, live.target(), &recorder, interrupted).await;
            keep_log(&live, &recorder).await;
            ended(done, live.end().await.map_err(RunError::from))
        })?,
        other => return Err(RunError::UnknownTarget(other.to_owned())),
    };
    Ok(running)
}

/// Puts what the target's own containers wrote beside the history: before it is judged nobody knows who will need it.
async fn keep_log(live: &Live, recorder: &Recorder) {
    let Some(log) = live.log().await else { return };
    if let Err(why) = recorder.beside(TARGET_LOG, &log) {
        let what = format!("{TARGET_LOG}: {why}");
        recorder.record(Event::Trouble { stage: "target log".to_owned(), what });
    }
}

/// Writes the first line of the history.
fn begin(plan: &Plan, target: &dyn Target, journal: Journal) -> Recorder {
    let recorder = Recorder::new(target.clock(), journal, run_number(plan.seed, target.clock().epoch()));
    recorder.record(Event::Run {
        scenario: plan.scenario.clone(),
        target: plan.target.name.clone(),
        seed: plan.seed,
        epoch: target.clock().epoch().iso8601(),
        regions: plan.target.regions.clone(),
    });
    recorder
}

/// Carries out a plan where what is left behind stays: whatever ends it early, Ctrl-C too, faults are healed and what was
/// deployed is taken down.
async fn safely(
    plan: &Plan,
    target: &dyn Target,
    recorder: &Recorder,
    interrupted: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (mut deployment, promises) = (Deployment::default(), Promises::default());
    let done = tokio::select! {
        done = conduct(plan, target, &mut deployment, recorder, &promises) => done,
        () = interrupted => Err(RunError::Interrupted),
    };
    if done.is_ok() {
        return done;
    }
    if matches!(done, Err(RunError::Interrupted)) {
        let what = "interrupted: healing faults, taking away what was deployed".to_owned();
        recorder.record(Event::Trouble { stage: "run".to_owned(), what });
    }
    let cleared = aside::keep(&promises).await;
    let healed = target.injector().heal_all().await.map_err(RunError::from);
    // Before the stack goes: what somebody else changed must be told, and what stays must be as it was.
    let put_back = restore(target, recorder.undo(), Extent::AllButStacks).await;
    let healed = ended(healed, restore::failures(&put_back).map_or(Ok(()), |what| Err(RunError::NotUndone(what))));
    let down = tear_down(target, &deployment, recorder).await;
    ended(ended(ended(done, cleared), healed), down)
}

/// What came of two things, of which the second is done whatever the first came to.
fn ended(first: Result<(), RunError>, then: Result<(), RunError>) -> Result<(), RunError> {
    match (first, then) {
        (Err(first), Err(then)) => Err(RunError::Left { first: Box::new(first), then: Box::new(then) }),
        (first, then) => first.and(then),
    }
}

/// Tells the writes of a run from those of another one on the same stack: by seed and by when it began.
fn run_number(seed: Seed, began: Timestamp) -> u32 {
    let folded = seed.0 ^ (began.micros() as u64).rotate_left(32);
    (folded ^ (folded >> 32)) as u32
}

/// Refuses to run on what stands already. The twin is new for each run, and nobody else's.
async fn nothing_stands(plan: &Plan, target: &dyn Target) -> Result<(), RunError> {
    if target.name() == "embedded" || plan.target.settings.adopted.is_some() {
        return Ok(());
    }
    Ok(deploy::nothing_stands(target, &directory(plan)?).await?)
}

/// The plan's stack, with the values that it gives to parameters.
fn directory(plan: &Plan) -> Result<StackDirectory, DeployError> {
    let mut directory = StackDirectory::read(&plan.target.stack)?;
    if plan.target.settings.adopted.is_none() {
        let overrides = plan.target.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        deploy::override_parameters(&mut directory, overrides)?;
    }
    Ok(directory)
}

async fn deploy(
    plan: &Plan,
    target: &dyn Target,
    without: Vec<(&'static str, String)>,
    deployment: &mut Deployment,
    progress: impl FnMut(deploy::Progress),
) -> Result<StackDirectory, RunError> {
    let directory = directory(plan)?;
    if let Some(adopted) = &plan.target.settings.adopted {
        if plan.canary.is_some() {
            return Err(RunError::AdoptedCanary);
        }
        *deployment = deploy::adopt(target, adopted).await?;
        return Ok(directory);
    }
    let on_failure = if target.is_emulator() {
        deploy::OnFailure::LeaveOut { within: STACK_ON_EMULATOR }
    } else {
        deploy::OnFailure::Stop
    };
    // The twin is nobody else's.
    let sole = target.name() != "embedded";
    let run = Some(run_number(plan.seed, target.clock().epoch()));
    deploy::up(target, &directory, &deploy::Options { on_failure, without, sole, run }, deployment, progress).await?;
    Ok(directory)
}

/// What is no trouble of the harness: a stack that the target does not take, which the report says, and one of somebody's own.
const INTENDED: [&str; 2] = ["LEFT-OUT", "LEFT-ALONE"];

fn record_stack(recorder: &Recorder, progress: deploy::Progress) {
    let deploy::Progress { stack, region, status, took_ms, why } = progress;
    if let Some(why) = why.as_ref().filter(|_| !INTENDED.contains(&status)) {
        let what = format!("{stack} in {region}: {status}: {why}");
        recorder.record(Event::Trouble { stage: "deployment".to_owned(), what });
    }
    recorder.record(Event::Stack { stack, region, status: status.to_owned(), took_ms, why });
}

async fn conduct(
    plan: &Plan,
    target: &dyn Target,
    deployment: &mut Deployment,
    recorder: &Recorder,
    promises: &Promises,
) -> Result<(), RunError> {
    let phase = |phase| recorder.record(Event::Phase { phase });
    // From the first record on: decisions are judged again from all of them, and must come out the same.
    let trial = canary::attend(plan, recorder);
    let lacks = survey::find_out(plan, target, recorder, promises).await;
    if lacks.everything(plan) {
        // Nothing that is claimed could be shown: nothing is deployed for it.
        phase(PhaseName::End);
        return Ok(());
    }
    // What the probes met is no evidence of the run.
    record_passing(target, recorder);
    let plan = &lacks.without(plan);
    // Probing took its time, and another run may have come meanwhile.
    nothing_stands(plan, target).await?;
    phase(PhaseName::Deploy);
    let told = |progress| record_stack(recorder, progress);
    let directory = deploy(plan, target, lacks.without_functions(plan, target)?, deployment, told).await?;
    let deployment = &*deployment;
    if !preflight(plan, target, deployment, &lacks, recorder).await? {
        return tear_down(target, deployment, recorder).await;
    }
    let primary = target.primary();
    let zone = deployment.role("hosted-zone", primary).zip(deployment.role("public-name", primary));
    let (clients, alarm) = (target.clients_in(primary)?, deployment.role("alarm", primary));
    let settings = probe::read_settings(clients, alarm, zone, recorder).await;
    let ttl = match settings {
        Event::Settings { record_ttl_s: Some(ttl), .. } => Duration::from_secs(ttl.into()),
        _ => plan.settings.record_ttl,
    };

    // What somebody's own stack costs is not known from here.
    let checks = if deployment.is_adopted() { Vec::new() } else { inventory(target, deployment, recorder).await? };

    let answers = Answers::default();
    let (stop_probes, probes) = start_probes(plan, target, deployment, &answers, checks, recorder)?;
    let (stop_followers, followers) = start_followers(plan, target, deployment, recorder)?;
    let writers = Writers::of(plan, target, deployment, recorder)?;
    let (stop_load, load) = start_load(plan, target, deployment, &writers, recorder)?;

    phase(PhaseName::SteadyBefore);
    tokio::time::sleep(plan.steady_state.duration).await;
    phase(PhaseName::Fault);
    let day = async {
        let canary = canary::conduct(plan, target, (deployment, &directory), recorder, trial);
        let (played, released, ()) =
            tokio::join!(play(plan, target, deployment, recorder), canary, writers.script(plan));
        played?;
        released?;
        phase(PhaseName::Failback);
        if deployment.role("public-name", primary).is_some() {
            come_home(plan, &answers, ttl).await;
        }
        phase(PhaseName::SteadyAfter);
        tokio::time::sleep(plan.steady_state.duration).await;
        Ok::<_, RunError>(())
    };
    // What an operator began is waited for, and holds nobody else up.
    tokio::try_join!(day, operate(plan, target, deployment, recorder))?;

    finish(stop_load, load).await;
    phase(PhaseName::Reconcile);
    finish(stop_followers, followers).await;
    if let Some(table) = deployment.role("table", primary).filter(|_| !lacks.any(&TABLES)) {
        data::tables::scan(&clients_of(target)?, table, plan.data.settle, recorder).await;
    }
    let buckets = buckets(target, deployment)?;
    if !buckets.is_empty() && !lacks.any(&BUCKETS) {
        data::objects::scan(&buckets, plan.data.objects_settle(), recorder).await;
    }
    finish(stop_probes, probes).await;
    tear_down(target, deployment, recorder).await
}

async fn tear_down(target: &dyn Target, deployment: &Deployment, recorder: &Recorder) -> Result<(), RunError> {
    recorder.record(Event::Phase { phase: PhaseName::Teardown });
    deploy::down(target, deployment, |progress| record_stack(recorder, progress)).await?;
    record_passing(target, recorder);
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
                    record_met(recorder, &timed.id, guard.met());
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

/// Writes what passed the harness's own proxies so far.
fn record_passing(target: &dyn Target, recorder: &Recorder) {
    for Passing { place, region, requests, answered, unanswered, unknown_hosts } in target.passing() {
        let place = place.to_owned();
        recorder.record(Event::Passed { place, region, requests, answered, unanswered, unknown_hosts });
    }
}

/// Writes what a fault did to whom.
fn record_met(recorder: &Recorder, fault: &str, met: Vec<Met>) {
    for Met { place, effect, matched, fired, resets, first, last, samples } in met {
        let since = |at: Option<Timestamp>| at.map(|at| recorder.since_start_us(at));
        let (first_us, last_us) = (since(first), since(last));
        let (fault, place) = (fault.to_owned(), place.to_owned());
        recorder.record(Event::FaultMet { fault, place, effect, matched, fired, resets, first_us, last_us, samples });
    }
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
