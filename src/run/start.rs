//! What a run starts beside its timeline: followers, writers, users and probes, each told to stop by the conductor.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::RunError;
use super::survey::Lacks;
use crate::capability::Capability;
use crate::data::objects::{Bucket, Content};
use crate::data::preflight::Preflight;
use crate::data::{self, secrets};
use crate::deploy::{self, Deployment};
use crate::history::{CheckFound, Recorder};
use crate::probe::{self, Announced, Answers, Checks, Hosts, RecordsOf};
use crate::region::Region;
use crate::scenario::Plan;
use crate::store::Store;
use crate::target::{Clients, Internet, Target, TargetError};
use crate::traffic::{self, Destination};

/// The clients of every Region.
pub fn clients_of(target: &dyn Target) -> Result<Vec<(Region, &Clients)>, TargetError> {
    target.regions().iter().map(|region| Ok((*region, target.clients_in(*region)?))).collect()
}

/// The bucket of every Region that has one.
pub fn buckets(target: &dyn Target, deployment: &Deployment) -> Result<Vec<Bucket>, TargetError> {
    let bucket = |(region, clients): (Region, &Clients)| {
        let name = deployment.role("bucket", region)?.to_owned();
        Some(Bucket { region, name, client: clients.s3.clone() })
    };
    Ok(clients_of(target)?.into_iter().filter_map(bucket).collect())
}

/// Tries what the rest of the run builds on, and puts the assets that users ask for into every bucket.
pub async fn preflight(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    lacks: &Lacks,
    recorder: &Recorder,
) -> Result<bool, RunError> {
    // What the target cannot do is no piece that is missing: it is inconclusive, and not tried.
    let hidden = |role: &str| match role {
        "table" => lacks.any(&super::TABLES),
        "bucket" => lacks.any(&super::BUCKETS),
        "secret" => lacks.any(&[Capability::SecretReplication]),
        _ => false,
    };
    let role = |role: &str, region| deployment.role(role, region).filter(|_| !hidden(role)).map(str::to_owned);
    let asset = |number| (traffic::asset(number), format!("asset {number}\n").into());
    let assets: Vec<_> = (0..traffic::ASSETS).map(asset).collect();
    let scripted = |region: &Region| plan.data.script.iter().any(|w| w.store == Store::Bucket && w.region == *region);
    let writes = |region: &Region| plan.data.objects.is_some() || scripted(region);
    let writers: Vec<Region> = target.regions().iter().copied().filter(writes).collect();
    if hidden("bucket") {
        // Nothing brings them to the other Regions: each gets its own.
        for bucket in buckets(target, deployment)? {
            for (key, body) in &assets {
                let (key, body): (&String, &bytes::Bytes) = (key, body);
                deploy::put(target, &bucket.name, bucket.region, key, body.to_vec()).await?;
            }
        }
    }
    let preflight = Preflight { target, role: &role, recorder, writers: &writers, assets: &assets };
    Ok(preflight.hold().await?)
}

/// One follower of the table's writes in each Region and one of all objects, where the stack has a table and buckets.
pub fn start_followers(
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
pub struct Writers {
    items: Vec<Arc<data::tables::Writer>>,
    objects: Vec<Arc<data::objects::Writer>>,
}

impl Writers {
    pub fn of(
        plan: &Plan,
        target: &dyn Target,
        deployment: &Deployment,
        recorder: &Recorder,
    ) -> Result<Self, RunError> {
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
    pub async fn script(&self, plan: &Plan) {
        let items = data::tables::script(self.items.clone(), plan.data.script.clone());
        let objects = data::objects::script(self.objects.clone(), plan.data.script.clone());
        tokio::join!(items, objects);
    }
}

/// Users, and what the plan wants written and read beside them.
pub fn start_load(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    writers: &Writers,
    recorder: &Recorder,
) -> Result<(watch::Sender<bool>, JoinSet<()>), RunError> {
    let (stop, stopped) = watch::channel(false);
    let mut load = JoinSet::new();
    let base_path: Arc<str> = deployment.role("base-path", target.primary()).unwrap_or("/").into();
    let internet = internet(target, deployment);
    for population in &plan.traffic {
        // Without a name for all, users ask their home Region's API by its own.
        let public = deployment.role("public-name", target.primary()).map(|name| (name, base_path.clone()));
        let own = || {
            let stage = deployment.role("stage", population.home).unwrap_or_default();
            Some((deployment.role("api-host", population.home)?, Arc::from(format!("/{stage}"))))
        };
        let (name, base_path) = match public.or_else(own) {
            Some(found) => found,
            None if target.name() == "embedded" => return Err(RunError::NoRole("public-name")),
            // Where the API was left out there is nothing to ask, and no request to judge.
            None => continue,
        };
        let destination = Destination { internet: internet.clone(), name: name.into(), base_path };
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

/// How users reach what is deployed.
pub fn internet(target: &dyn Target, deployment: &Deployment) -> Arc<dyn Internet> {
    target.internet(&|role, region| deployment.role(role, region).map(str::to_owned))
}

/// The names under which each Region's API is asked: by records, and by checkers.
fn hosts(target: &dyn Target, deployment: &Deployment) -> Hosts {
    let mut hosts = Hosts::default();
    for region in target.regions() {
        let names = ["endpoint", "api-host"].into_iter().filter_map(|role| deployment.role(role, *region));
        names.for_each(|name| hosts.add(name, *region));
    }
    hosts
}

/// What the deployed stacks cost money for; gives their health checks.
pub async fn inventory(
    target: &dyn Target,
    deployment: &Deployment,
    recorder: &Recorder,
) -> Result<Vec<CheckFound>, TargetError> {
    let found = deployment.stacks().map(|(stack, region)| Ok((stack, region, target.clients_in(region)?)));
    let stacks = found.collect::<Result<Vec<_>, TargetError>>()?;
    let route53 = &target.clients_in(target.primary())?.route53;
    Ok(probe::read_inventory(&stacks, route53, &hosts(target, deployment), recorder).await)
}

pub fn start_probes(
    plan: &Plan,
    target: &dyn Target,
    deployment: &Deployment,
    answers: &Answers,
    checks: Vec<CheckFound>,
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
    probes.spawn(probe::watch_changes(route53.clone(), announced, recorder.clone(), stopped.clone()));
    let role = |role| deployment.role(role, target.primary()).map(str::to_owned);
    if let Some((zone, name)) = role("hosted-zone").zip(role("public-name")) {
        let of = RecordsOf { zone, name, hosts: hosts(target, deployment) };
        let checks = Checks::new(checks);
        let (recorder, stop) = (|| recorder.clone(), || stopped.clone());
        probes.spawn(probe::watch_records(route53.clone(), of, checks.clone(), recorder(), stop()));
        probes.spawn(probe::watch_checkers(route53, checks, recorder(), stop()));
    }
    let mut places: Vec<_> = plan.traffic.iter().map(|population| population.from).collect();
    places.sort_unstable();
    places.dedup();
    let internet = internet(target, deployment);
    for (place, name) in places.into_iter().filter_map(|place| Some((place, role("public-name")?))) {
        let (internet, answers) = (internet.clone(), answers.clone());
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
