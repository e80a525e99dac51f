//! What earlier runs left: found by the harness's own tag and by the prefix of its probes, in every Region of a target.
//! Nothing without one of the two is ever listed, so nothing without them is ever removed.
//!
//! Here is what SDK clients find; `orphans/signed.rs` has the services that are called without one.

mod signed;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::Stack;

use super::deployment::ARTIFACTS;
use super::remove::delete_log_group;
use super::{
    DeployError, LeftBehind, Patience, Progress, RUN_TAG, buckets, down, remove, secrets, stacks, tables, zones,
};
use crate::region::Region;
use crate::target::{Clients, Target, said};

/// What the names of all that probes make begin with.
pub const PROBE_PREFIX: &str = "blackstart-probe-";

/// What can be left, in the order it is removed in: what uses something before what it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrphanKind {
    Stack,
    /// Of an experiment of the Fault Injection Service.
    Template,
    Api,
    Function,
    Alarm,
    Topic,
    Table,
    Secret,
    Bucket,
    LogGroup,
    Zone,
    /// After the records that follow it.
    HealthCheck,
    Key,
    /// Last: functions and buckets assume it.
    Role,
}

/// Something an earlier run left, or one that is still under way elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub kind: OrphanKind,
    pub name: String,
    /// What it is deleted by, where that is not its name.
    pub id: String,
    pub region: Region,
    /// The run that made it, where it is tagged; otherwise it has the probes' prefix.
    pub run: Option<String>,
}

/// What was found, and which services could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// In the order they can be removed in.
    pub found: Vec<Orphan>,
    pub unseen: Vec<String>,
}

impl OrphanKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Template => "experiment template",
            Self::Api => "REST API",
            Self::Function => "function",
            Self::Alarm => "alarm",
            Self::Topic => "topic",
            Self::Table => "table",
            Self::Secret => "secret",
            Self::Bucket => "bucket",
            Self::LogGroup => "log group",
            Self::Zone => "hosted zone",
            Self::HealthCheck => "health check",
            Self::Key => "key",
            Self::Role => "role",
        }
    }
}

impl std::fmt::Display for Orphan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} in {}", self.kind.as_str(), self.name, self.region)?;
        match &self.run {
            Some(run) => write!(f, " (run {run})"),
            None => write!(f, " (a probe's)"),
        }
    }
}

/// Looks for all that carries the harness's tag or its probes' prefix. Nothing is changed.
pub async fn orphans(target: &dyn Target) -> Result<Orphans, DeployError> {
    let mut search = Search::default();
    for region in target.regions() {
        search.stacks(target.clients_in(*region)?, *region).await;
    }
    // The last made goes first: it may need what was made before it.
    search.stacks.sort_by_key(|(made, _)| std::cmp::Reverse(*made));
    search.found = search.stacks.drain(..).map(|(_, orphan)| orphan).collect();
    for region in target.regions() {
        let clients = target.clients_in(*region)?;
        search.functions(clients, *region).await;
        search.alarms(clients, *region).await;
        search.tables(clients, *region).await;
        search.secrets(clients, *region).await;
        search.log_groups(clients, *region).await;
        search.templates(clients, *region).await;
        search.apis(clients, *region).await;
        search.topics(clients, *region).await;
        search.keys(clients, *region).await;
    }
    search.buckets(target).await?;
    let primary = target.primary();
    let clients = target.clients_in(primary)?;
    search.zones(clients, primary).await;
    search.health_checks(clients, primary).await;
    search.roles(clients, primary).await;
    let Search { mut found, unseen, .. } = search;
    found.sort_by_key(|orphan| orphan.kind);
    Ok(Orphans { found, unseen })
}

/// Removes what was found, and goes on past what will not go.
pub async fn remove_orphans(
    target: &dyn Target,
    found: &[Orphan],
    mut progress: impl FnMut(Progress),
) -> Result<(), DeployError> {
    let mut left: Vec<LeftBehind> = Vec::new();
    for orphan in found {
        let begun = target.clock().now();
        let stays = remove_one(target, orphan).await;
        let status = if stays.is_empty() { "DELETED" } else { "LEFT-BEHIND" };
        let done = Progress::since(begun, target, orphan.name.clone(), orphan.region, status);
        progress(match stays.first() {
            Some(first) => done.because(first.to_string()),
            None if orphan.kind == OrphanKind::Key => {
                done.because(format!("its deletion is due in {} days, as soon as KMS allows", signed::KEY_DAYS))
            }
            None => done,
        });
        left.extend(stays);
    }
    if left.is_empty() { Ok(()) } else { Err(DeployError::LeftBehind(left)) }
}

/// A stack that was tagged, with when it was made, in nanoseconds.
type Tagged = (i128, Orphan);

#[derive(Default)]
struct Search {
    stacks: Vec<Tagged>,
    found: Vec<Orphan>,
    /// What the stacks found will take with them.
    held: BTreeSet<String>,
    unseen: Vec<String>,
}

impl Search {
    fn note(&mut self, kind: OrphanKind, name: &str, id: &str, region: Region, run: Option<String>) {
        let held = self.held.contains(name) || self.held.contains(id);
        if !held && (run.is_some() || name.starts_with(PROBE_PREFIX)) {
            self.found.push(Orphan { kind, name: name.to_owned(), id: id.to_owned(), region, run });
        }
    }

    fn unseen(&mut self, what: &str, region: Region, why: &str) {
        self.unseen.push(format!("{what} in {region}: {why}"));
    }

    async fn stacks(&mut self, clients: &Clients, region: Region) {
        let client = &clients.cloudformation;
        let mut pages = client.describe_stacks().into_paginator().send();
        let mut ours: Vec<Stack> = Vec::new();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => ours.extend(page.stacks().iter().filter(|stack| is_ours(stack)).cloned()),
                Err(error) => return self.unseen("stacks", region, &said(&error)),
            }
        }
        for stack in ours {
            let name = stack.stack_name().unwrap_or_default().to_owned();
            let id = stack.stack_id().unwrap_or(&name).to_owned();
            match stacks::resources(client, &id).await {
                Ok(resources) => self.held.extend(resources.into_iter().map(|resource| resource.physical)),
                Err(why) => self.unseen(&format!("resources of stack {name}"), region, &why),
            }
            let run = stacks::tag(&stack, RUN_TAG).map(str::to_owned);
            let orphan = Orphan { kind: OrphanKind::Stack, name, id, region, run };
            let made = stack.creation_time().map_or(0, |at| at.as_nanos());
            self.stacks.push((made, orphan));
        }
    }

    async fn functions(&mut self, clients: &Clients, region: Region) {
        let mut pages = clients.lambda.list_functions().into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    for name in page.functions().iter().filter_map(|function| function.function_name()) {
                        self.note(OrphanKind::Function, name, name, region, None);
                    }
                }
                Err(error) => return self.unseen("functions", region, &said(&error)),
            }
        }
    }

    async fn alarms(&mut self, clients: &Clients, region: Region) {
        let call = clients.cloudwatch.describe_alarms().alarm_name_prefix(PROBE_PREFIX);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    for name in page.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name()) {
                        self.note(OrphanKind::Alarm, name, name, region, None);
                    }
                }
                Err(error) => return self.unseen("alarms", region, &said(&error)),
            }
        }
    }

    async fn tables(&mut self, clients: &Clients, region: Region) {
        let mut pages = clients.dynamodb.list_tables().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => return self.unseen("tables", region, &said(&error)),
            };
            for name in page.table_names() {
                if self.held.contains(name) {
                    continue;
                }
                let run = if name.starts_with(PROBE_PREFIX) { None } else { tables::run_of(clients, name).await };
                self.note(OrphanKind::Table, name, name, region, run);
            }
        }
    }

    async fn secrets(&mut self, clients: &Clients, region: Region) {
        let mut pages = clients.secretsmanager.list_secrets().include_planned_deletion(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => return self.unseen("secrets", region, &said(&error)),
            };
            for secret in page.secret_list() {
                let name = secret.name().unwrap_or_default();
                // A replica goes with its primary, and not before.
                if secret.primary_region().is_some_and(|primary| primary != region.as_str()) {
                    continue;
                }
                let tag = secret.tags().iter().find(|tag| tag.key() == Some(RUN_TAG));
                let run = tag.and_then(|tag| tag.value()).map(str::to_owned);
                self.note(OrphanKind::Secret, name, secret.arn().unwrap_or(name), region, run);
            }
        }
    }

    async fn log_groups(&mut self, clients: &Clients, region: Region) {
        for prefix in [PROBE_PREFIX.to_owned(), format!("/aws/lambda/{PROBE_PREFIX}")] {
            let mut pages = clients.logs.describe_log_groups().log_group_name_prefix(prefix).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = match page {
                    Ok(page) => page,
                    Err(error) => return self.unseen("log groups", region, &said(&error)),
                };
                for name in page.log_groups().iter().filter_map(|group| group.log_group_name()) {
                    let (kind, run) = (OrphanKind::LogGroup, None);
                    self.found.push(Orphan { kind, name: name.to_owned(), id: name.to_owned(), region, run });
                }
            }
        }
    }

    /// Buckets are listed for the whole account; each is asked where it is and who tagged it.
    async fn buckets(&mut self, target: &dyn Target) -> Result<(), DeployError> {
        let primary = target.primary();
        let clients = target.clients_in(primary)?;
        let listed = match clients.s3.list_buckets().send().await {
            Ok(listed) => listed,
            Err(error) => {
                self.unseen("buckets", primary, &said(&error));
                return Ok(());
            }
        };
        for name in listed.buckets().iter().filter_map(|bucket| bucket.name()) {
            if self.held.contains(name) {
                continue;
            }
            let named = target.regions().iter().find(|region| name.ends_with(&format!("{ARTIFACTS}{region}")));
            let region = match named {
                Some(region) => Some(*region),
                None => buckets::located(clients, name).await,
            };
            let Some(region) = region.filter(|region| target.regions().contains(region)) else { continue };
            let probe = name.starts_with(PROBE_PREFIX);
            let run = if probe { None } else { buckets::run_of(target.clients_in(region)?, name).await };
            self.note(OrphanKind::Bucket, name, name, region, run);
        }
        Ok(())
    }

    async fn zones(&mut self, clients: &Clients, region: Region) {
        let mut pages = clients.route53.list_hosted_zones().into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    for zone in page.hosted_zones() {
                        let id = zone.id().trim_start_matches("/hostedzone/");
                        self.note(OrphanKind::Zone, zone.name(), id, region, None);
                    }
                }
                Err(error) => return self.unseen("hosted zones", region, &said(&error)),
            }
        }
    }

    /// A health check has no name: a probe's is told by the reference it was made with.
    async fn health_checks(&mut self, clients: &Clients, region: Region) {
        let mut pages = clients.route53.list_health_checks().into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    for check in page.health_checks() {
                        self.note(OrphanKind::HealthCheck, check.caller_reference(), check.id(), region, None);
                    }
                }
                Err(error) => return self.unseen("health checks", region, &said(&error)),
            }
        }
    }
}

/// Whether a stack is tagged by the harness or made by one of its probes, and is still there.
fn is_ours(stack: &Stack) -> bool {
    let probe = stack.stack_name().is_some_and(|name| name.starts_with(PROBE_PREFIX));
    // Some emulators list deleted stacks too.
    stacks::status(stack) != "DELETE_COMPLETE" && (probe || stacks::tag(stack, RUN_TAG).is_some())
}

async fn remove_one(target: &dyn Target, orphan: &Orphan) -> Vec<LeftBehind> {
    let Orphan { kind, id, region, .. } = orphan;
    let left = |why: String| {
        let way_out = format!("run `blackstart down --orphans` again, or {}", remove::by_hand(target));
        LeftBehind { what: format!("{} {}", kind.as_str(), orphan.name), region: *region, why, way_out }
    };
    let clients = match target.clients_in(*region) {
        Ok(clients) => clients,
        Err(error) => return vec![left(error.to_string())],
    };
    let done: Result<(), String> = match kind {
        OrphanKind::Stack => {
            let mut stays = Vec::new();
            // Records that a guard moved, or a certificate left, are in no stack.
            for resource in stacks::resources(&clients.cloudformation, id).await.unwrap_or_default() {
                if resource.kind == remove::ZONE
                    && let Err(error) = zones::empty(target, &resource.physical, *region).await
                {
                    stays.push(left(error.to_string()));
                }
            }
            stays.extend(remove::remove(target, *region, id, &Patience::default()).await);
            return stays;
        }
        OrphanKind::Secret => return secrets::delete(target, id, *region).await.into_iter().collect(),
        OrphanKind::LogGroup => return delete_log_group(target, id, *region).await.into_iter().collect(),
        OrphanKind::Bucket => match buckets::remove(target, id, *region).await {
            Ok(()) => Ok(()),
            Err(error) => return vec![down::of_bucket(target, id, *region, &error)],
        },
        OrphanKind::Function => {
            clients.lambda.delete_function().function_name(id).send().await.map(|_| ()).map_err(|e| said(&e))
        }
        OrphanKind::Alarm => {
            clients.cloudwatch.delete_alarms().alarm_names(id).send().await.map(|_| ()).map_err(|e| said(&e))
        }
        OrphanKind::Table => tables::delete(target, id, *region, &Patience::default()).await,
        OrphanKind::Zone => match zones::empty(target, id, *region).await {
            Ok(_) => clients.route53.delete_hosted_zone().id(id).send().await.map(|_| ()).map_err(|e| said(&e)),
            Err(error) => Err(error.to_string()),
        },
        OrphanKind::HealthCheck => {
            let deleted = clients.route53.delete_health_check().health_check_id(id).send().await;
            match deleted {
                Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_health_check()) => Ok(()),
                deleted => deleted.map(|_| ()).map_err(|e| said(&e)),
            }
        }
        OrphanKind::Template => signed::delete_template(&clients.raw, id).await,
        OrphanKind::Api => signed::delete_api(&clients.raw, id).await,
        OrphanKind::Topic => signed::delete_topic(&clients.raw, id).await,
        OrphanKind::Key => signed::delete_key(&clients.raw, id).await,
        OrphanKind::Role => signed::delete_role(&clients.raw, id).await,
    };
    done.err().map(left).into_iter().collect()
}
