//! The conductor: one plan, one target, phase after phase. Everything seen goes to the recorder; nothing is judged.
//!
//! ```text
//! deploy → preflight → probes, followers, users and writers start → steady state → timeline of faults → failback
//!        → steady state → users and writers stop → followers and scans → probes stop → teardown
//! ```
//!
//! A preflight that does not hold leads to the teardown at once: nothing is broken that did not work before.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::data::objects::{Bucket, Content};
use crate::data::preflight::Preflight;
use crate::data::{self, secrets};
use crate::deploy::{self, DeployError, Deployment, StackDirectory};
use crate::fault;
use crate::history::{Event, FaultAction, Journal, PhaseName, Recorder};
use crate::probe::{self, Announced, Answers};
use crate::region::Region;
use crate::scenario::{Operate, Plan};
use crate::seed::Seed;
use crate::store::Store;
use crate::target::embedded::{self, Embedded};
use crate::target::{Clients, Target, TargetError};
use crate::traffic::{self, Destination};
use crate::wait::{self, Look};

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
        let deployment = deploy(&plan, &target, |progress| {
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
) -> Result<Deployment, RunError> {
    let mut directory = StackDirectory::read(&plan.target.stack)?;
    let overrides = plan.target.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    deploy::override_parameters(&mut directory, overrides)?;
    Ok(deploy::up(target, &directory, progress).await?)
}

fn record_stack(recorder: &Recorder, progress: deploy::Progress) {
    let deploy::Progress { stack, region, status, took_ms } = progress;
    recorder.record(Event::Stack { stack, region, status: status.to_owned(), took_ms });
}

async fn conduct(plan: &Plan, target: &dyn Target, recorder: &Recorder) -> Result<(), RunError> {
    let phase = |phase| recorder.record(Event::Phase { phase });
    phase(PhaseName::Deploy);
    let deployment = deploy(plan, target, |progress| record_stack(recorder, progress)).await?;
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

    let answers = Answers::default();
    let (stop_probes, probes) = start_probes(plan, target, &deployment, &answers, recorder)?;
    let (stop_followers, followers) = start_followers(plan, target, &deployment, recorder)?;
    let writers = Writers::of(plan, target, &deployment, recorder)?;
    let (stop_load, load) = start_load(plan, target, &deployment, &writers, recorder)?;

    phase(PhaseName::SteadyBefore);
    tokio::time::sleep(plan.steady_state.duration).await;
    phase(PhaseName::Fault);
    let day = async {
        let (played, ()) = tokio::join!(play(plan, target, &deployment, recorder), writers.script(plan));
        played?;
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

/// The clients of every Region.
fn clients_of(target: &dyn Target) -> Result<Vec<(Region, &Clients)>, TargetError> {
    target.regions().iter().map(|region| Ok((*region, target.clients_in(*region)?))).collect()
}

/// The bucket of every Region that has one.
fn buckets(target: &dyn Target, deployment: &Deployment) -> Result<Vec<Bucket>, TargetError> {
    let bucket = |(region, clients): (Region, &Clients)| {
        let name = deployment.role("bucket", region)?.to_owned();
        Some(Bucket { region, name, client: clients.s3.clone() })
    };
    Ok(clients_of(target)?.into_iter().filter_map(bucket).collect())
}

/// Tries what the rest of the run builds on, and puts the assets that users ask for into every bucket.
async fn preflight(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    recorder: &Recorder,
) -> Result<bool, RunError> {
    let role = |role: &str, region| deployment.role(role, region).map(str::to_owned);
    let asset = |number| (traffic::asset(number), format!("asset {number}\n").into());
    let assets: Vec<_> = (0..traffic::ASSETS).map(asset).collect();
    let scripted = |region: &Region| plan.data.script.iter().any(|w| w.store == Store::Bucket && w.region == *region);
    let writes = |region: &Region| plan.data.objects.is_some() || scripted(region);
    let writers: Vec<Region> = target.regions().iter().copied().filter(writes).collect();
    let preflight = Preflight { target, role: &role, recorder, writers: &writers, assets: &assets };
    Ok(preflight.hold().await?)
}

/// One follower of the table's writes in each Region and one of all objects, where the stack has a table and buckets.
fn start_followers(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    recorder: &Recorder,
) -> Result<(watch::Sender<bool>, JoinSet<()>), RunError> {
    let (stop, stopped) = watch::channel(false);
    let mut followers = JoinSet::new();
    for (region, clients) in clients_of(target)? {
        let Some(table) = deployment.role("table", region) else { continue };
        let follower = data::tables::Follower {
            client: clients.dynamodb.clone(),
            table: table.to_owned(),
            region,
            recorder: recorder.clone(),
            look_every: plan.data.look_every,
            settle: plan.data.settle,
        };
        followers.spawn(follower.follow(data::followed(recorder, Store::Table), stopped.clone()));
    }
    let buckets = buckets(target, deployment)?;
    if !buckets.is_empty() {
        let settle = plan.data.objects_settle();
        let follower = data::objects::Follower::new(buckets, recorder.clone(), plan.data.look_every, settle);
        followers.spawn(follower.follow(data::followed(recorder, Store::Bucket), stopped.clone()));
    }
    Ok((stop, followers))
}

/// Whoever writes straight to the stores, one of each kind in each Region.
struct Writers {
    items: Vec<Arc<data::tables::Writer>>,
    objects: Vec<Arc<data::objects::Writer>>,
}

impl Writers {
    fn of(plan: &Plan, target: &dyn Target, deployment: &Deployment, recorder: &Recorder) -> Result<Self, RunError> {
        let item = |(region, clients): (Region, &Clients)| {
            let (client, recorder) = (clients.dynamodb.clone(), recorder.clone());
            let table = deployment.role("table", region)?.to_owned();
            Some(Arc::new(data::tables::Writer { client, table, region, recorder }))
        };
        let sizes = plan.data.objects.iter().flat_map(|objects| objects.sizes.keys());
        let content = Content::new(plan.seed, sizes.copied().max().unwrap_or_default());
        let object = |bucket| {
            let (content, recorder) = (content.clone(), recorder.clone());
            Arc::new(data::objects::Writer { bucket, content, recorder })
        };
        let writers = Self {
            items: clients_of(target)?.into_iter().filter_map(item).collect(),
            objects: buckets(target, deployment)?.into_iter().map(object).collect(),
        };
        if plan.data.table.is_some() && writers.items.is_empty() {
            return Err(RunError::NoRole("table"));
        }
        if plan.data.objects.is_some() && writers.objects.is_empty() {
            return Err(RunError::NoRole("bucket"));
        }
        Ok(writers)
    }

    /// Makes the writes of the plan's script, from now.
    async fn script(&self, plan: &Plan) {
        let items = data::tables::script(self.items.clone(), plan.data.script.clone());
        let objects = data::objects::script(self.objects.clone(), plan.data.script.clone());
        tokio::join!(items, objects);
    }
}

/// Users, and what the plan wants written and read beside them.
fn start_load(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    writers: &Writers,
    recorder: &Recorder,
) -> Result<(watch::Sender<bool>, JoinSet<()>), RunError> {
    let (stop, stopped) = watch::channel(false);
    let mut load = JoinSet::new();
    let base_path: Arc<str> = deployment.role("base-path", target.primary()).unwrap_or("/").into();
    for population in &plan.traffic {
        let name = deployment.role("public-name", target.primary()).ok_or(RunError::NoRole("public-name"))?;
        let (internet, name, base_path) = (target.internet(), name.into(), base_path.clone());
        let destination = Destination { internet, name, base_path };
        let (clock, recorder, stopped) = (target.clock(), recorder.clone(), stopped.clone());
        load.spawn(traffic::drive(population.clone(), destination, clock, recorder, plan.seed, stopped));
    }
    if let Some(workload) = &plan.data.table {
        for writer in &writers.items {
            load.spawn(data::tables::write(writer.clone(), workload.clone(), plan.seed, stopped.clone()));
            load.spawn(data::tables::read(writer.clone(), workload.clone(), plan.seed, stopped.clone()));
        }
    }
    if let Some(workload) = &plan.data.objects {
        for writer in &writers.objects {
            load.spawn(data::objects::write(writer.clone(), workload.clone(), plan.seed, stopped.clone()));
        }
    }
    Ok((stop, load))
}

fn start_probes(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    answers: &Answers,
    recorder: &Recorder,
) -> Result<(watch::Sender<bool>, JoinSet<()>), RunError> {
    let (stop, stopped) = watch::channel(false);
    let announced = Announced::default();
    let mut probes = JoinSet::new();
    for region in target.regions().iter().copied() {
        let clients = target.clients_in(region)?;
        if let Some(alarm) = deployment.role("alarm", region) {
            let (client, alarm) = (clients.cloudwatch.clone(), alarm.to_owned());
            probes.spawn(probe::watch_alarm(client, region, alarm, recorder.clone(), stopped.clone()));
        }
        if let Some(api) = deployment.role("api", region) {
            let (client, clock, api) = (clients.cloudwatch.clone(), target.clock(), api.to_owned());
            probes.spawn(probe::watch_errors(client, clock, region, api, recorder.clone(), stopped.clone()));
        }
        if let Some(group) = deployment.role("guard-log", region) {
            let (client, group, announced) = (clients.logs.clone(), group.to_owned(), announced.clone());
            probes.spawn(probe::watch_guard(client, region, group, announced, recorder.clone(), stopped.clone()));
        }
    }
    watch_secret(plan, target, deployment, &mut probes, recorder, &stopped)?;
    let route53 = target.clients_in(target.primary())?.route53.clone();
    probes.spawn(probe::watch_changes(route53, announced, recorder.clone(), stopped.clone()));
    let mut places: Vec<_> = plan.traffic.iter().map(|population| population.from).collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        let name = deployment.role("public-name", target.primary()).ok_or(RunError::NoRole("public-name"))?;
        let (internet, name, answers) = (target.internet(), name.to_owned(), answers.clone());
        probes.spawn(probe::watch_dns(internet, place, name, answers, recorder.clone(), stopped.clone()));
    }
    Ok((stop, probes))
}

/// The secret in every Region, its replicas as the primary sees them, and what the backend accepts.
fn watch_secret(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    probes: &mut JoinSet<()>,
    recorder: &Recorder,
    stopped: &watch::Receiver<bool>,
) -> Result<(), RunError> {
    let (primary, every) = (target.primary(), plan.data.look_every);
    let home = target.clients_in(primary)?;
    let role = |role| deployment.role(role, primary).map(str::to_owned);
    if let Some(secret) = role("secret") {
        for (region, clients) in clients_of(target)? {
            let (client, secret) = (clients.secretsmanager.clone(), secret.clone());
            probes.spawn(secrets::watch_served(client, region, secret, every, recorder.clone(), stopped.clone()));
        }
        let others = target.regions().iter().copied().filter(|region| *region != primary).collect();
        let (client, recorder, stopped) = (home.secretsmanager.clone(), recorder.clone(), stopped.clone());
        probes.spawn(secrets::watch_replicas(client, primary, others, secret, every, recorder, stopped));
    }
    if let Some(table) = role("credentials") {
        let (client, recorder) = (home.dynamodb.clone(), recorder.clone());
        probes.spawn(secrets::watch_backend(client, primary, table, every, recorder, stopped.clone()));
    }
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
