//! Taking one stack away, whatever state it is in, and what it leaves lying about: logs, secrets in their window.
//!
//! What cannot be deleted today is retained, so that the rest can go: it comes back as a [`LeftBehind`] with its reason.

use std::time::Duration;

use aws_sdk_cloudformation::Client;

use super::stacks::{self, Resource};
use super::{LeftBehind, Patience, buckets, secrets, tables, zones};
use crate::region::Region;
use crate::target::{Target, said};

/// How often what stopped a deletion is mended. More than once: a replica may arrive in an emptied bucket.
const MENDS: u32 = 3;

const STACK: &str = "AWS::CloudFormation::Stack";
pub(super) const BUCKET: &str = "AWS::S3::Bucket";
pub(super) const SECRET: &str = "AWS::SecretsManager::Secret";
pub(super) const ZONE: &str = "AWS::Route53::HostedZone";
const FUNCTION: &str = "AWS::Lambda::Function";
const TABLES: [&str; 2] = ["AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table"];

/// Removes a stack and gives what had to stay. One that does not exist is no error.
pub(super) async fn remove(target: &dyn Target, region: Region, name: &str, patience: &Patience) -> Vec<LeftBehind> {
    let left = |why: String| vec![of_stack(target, name, region, why)];
    let client = match target.clients_in(region) {
        Ok(clients) => &clients.cloudformation,
        Err(error) => return left(error.to_string()),
    };
    let stack = match stacks::describe(client, name).await {
        Ok(Some(stack)) if stacks::status(&stack) != "DELETE_COMPLETE" => stack,
        Ok(_) => return Vec::new(),
        Err(why) => return left(why),
    };
    // By its id: the name alone finds nothing once it is gone.
    let id = stack.stack_id().unwrap_or(name).to_owned();
    // Where a target lists none, the stack is deleted all the same.
    let resources = stacks::resources(client, &id).await.unwrap_or_default();
    let removal = Removal { target, client, region, name, id: &id, patience };
    // A bucket that the template keeps is none of ours to empty; where that cannot be told, its deletion comes first.
    if let Some(kept) = stacks::kept(client, &id).await {
        for bucket in resources.iter().filter(|bucket| bucket.kind == BUCKET && !kept.contains(&bucket.logical)) {
            // What keeps it from being emptied keeps the stack from going, and is told then.
            let _ = buckets::empty(target, &bucket.physical, region).await;
        }
    }
    match removal.delete().await {
        Ok(mut left) => {
            left.extend(removal.sweep(&resources).await);
            left
        }
        Err(why) => vec![of_stack(target, name, region, why)],
    }
}

pub(super) fn of_stack(target: &dyn Target, name: &str, region: Region, why: String) -> LeftBehind {
    let way_out = format!("run `blackstart down` again, or {}", by_hand(target));
    LeftBehind { what: format!("stack {name}"), region, why, way_out }
}

/// What else somebody can do about what will not go. An emulator has no console.
pub(super) fn by_hand(target: &dyn Target) -> &'static str {
    if target.is_emulator() {
        "restart the emulator, or delete it by the emulator's own API"
    } else {
        "delete it in the console"
    }
}

/// The command line that reaches a target: without its endpoint it would act on whatever account the shell has.
pub(super) fn aws(target: &dyn Target) -> &'static str {
    if target.is_emulator() { "aws --endpoint-url <the emulator's URL>" } else { "aws" }
}

struct Removal<'a> {
    target: &'a dyn Target,
    client: &'a Client,
    region: Region,
    name: &'a str,
    id: &'a str,
    patience: &'a Patience,
}

impl Removal<'_> {
    /// Deletes, mends what kept the deletion back, and at last retains what cannot go, and gives that.
    async fn delete(&self) -> Result<Vec<LeftBehind>, String> {
        let mut failed = Vec::new();
        for attempt in 0..=MENDS {
            failed = self.attempt(&[]).await?;
            let mut mended = false;
            for resource in failed.iter().filter(|_| attempt < MENDS) {
                mended |= self.mend(resource).await;
            }
            if !mended {
                break;
            }
        }
        if failed.is_empty() {
            return Ok(Vec::new());
        }
        let retained: Vec<String> = failed.iter().map(|resource| resource.logical.clone()).collect();
        self.attempt(&retained).await?;
        Ok(failed.into_iter().map(|resource| self.retained(resource)).collect())
    }

    /// One deletion, waited for; gives the resources that failed to go, none where the stack is gone.
    async fn attempt(&self, retain: &[String]) -> Result<Vec<Resource>, String> {
        let delete = || async {
            let call = self.client.delete_stack().stack_name(self.id);
            let call = call.set_retain_resources((!retain.is_empty()).then(|| retain.to_vec()));
            call.send().await.map(|_| ()).map_err(|error| said(&error))
        };
        if let Err(refused) = delete().await {
            let stack = stacks::describe(self.client, self.id).await?;
            if !stack.is_some_and(|stack| stacks::is_busy(stacks::status(&stack))) {
                return Err(refused);
            }
            // Some of what is in progress cannot be interrupted.
            stacks::settled(self.client, self.id, self.patience).await?;
            delete().await?;
        }
        let stack = match stacks::settled(self.client, self.id, self.patience).await {
            Ok(stack) => stack,
            // Not every emulator still shows a deleted stack by its id.
            Err(why) if why == stacks::GONE => return Ok(Vec::new()),
            Err(why) => return Err(why),
        };
        match stacks::status(&stack) {
            "DELETE_COMPLETE" => Ok(Vec::new()),
            "DELETE_FAILED" => {
                let mut resources = stacks::resources(self.client, self.id).await?;
                resources.retain(|resource| resource.status == "DELETE_FAILED");
                let reason = stack.stack_status_reason().unwrap_or("no reason given");
                if resources.is_empty() || !retain.is_empty() {
                    return Err(format!("it ended DELETE_FAILED: {reason}"));
                }
                Ok(resources)
            }
            status => Err(format!("it ended {status}{}", stacks::why(self.client, self.id).await)),
        }
    }

    /// Does what can be done about a resource that would not go; false where nothing can.
    async fn mend(&self, resource: &Resource) -> bool {
        let (target, region, id) = (self.target, self.region, resource.physical.as_str());
        match resource.kind.as_str() {
            BUCKET => buckets::empty(target, id, region).await.is_ok(),
            SECRET => secrets::remove_replicas(target, id, region).await.unwrap_or(false),
            ZONE => zones::empty(target, id, region).await.unwrap_or(false),
            kind if TABLES.contains(&kind) => {
                tables::remove_replicas(target, id, region, self.patience).await.unwrap_or(false)
            }
            _ => false,
        }
    }

    fn retained(&self, resource: Resource) -> LeftBehind {
        let Resource { physical, kind, reason, .. } = resource;
        let why = reason.unwrap_or_else(|| "no reason given".to_owned());
        let way_out = if why.contains("in the last 24 hours") {
            let at = self.target.clock().now() + tables::SOURCE_HOLD;
            let aws = aws(self.target);
            format!("it can be deleted from {} at the latest: `{aws} dynamodb delete-table`", at.iso8601())
        } else if kind == STACK {
            format!("it is a nested stack: {}", by_hand(self.target))
        } else {
            "clear that and delete it; `blackstart down --orphans` lists what carries the harness's tag".to_owned()
        };
        LeftBehind { what: format!("{kind} {physical} of stack {}", self.name), region: self.region, why, way_out }
    }

    /// What outlives a stack that wanted it gone: log groups that Lambda made, or made again with a late line, and
    /// secrets that wait out a recovery window.
    async fn sweep(&self, resources: &[Resource]) -> Vec<LeftBehind> {
        let still = stacks::resources(self.client, self.id).await.unwrap_or_default();
        // Kept by the template's DeletionPolicy, or named as left behind already.
        let went = |resource: &&Resource| !still.iter().any(|other| other.physical == resource.physical);
        let mut left = Vec::new();
        for resource in resources.iter().filter(went) {
            let id = &resource.physical;
            match resource.kind.as_str() {
                FUNCTION => {
                    let group = format!("/aws/lambda/{id}");
                    if !still.iter().any(|other| other.physical == group) {
                        left.extend(delete_log_group(self.target, &group, self.region).await);
                    }
                }
                SECRET => left.extend(secrets::end_window(self.target, id, self.region).await),
                _ => {}
            }
        }
        left
    }
}

/// Deletes a log group; one that does not exist is no error.
pub(super) async fn delete_log_group(target: &dyn Target, name: &str, region: Region) -> Option<LeftBehind> {
    let why = match target.clients_in(region) {
        Ok(clients) => match clients.logs.delete_log_group().log_group_name(name).send().await {
            Ok(_) => return None,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => return None,
            Err(error) => said(&error),
        },
        Err(error) => error.to_string(),
    };
    let delete = format!("{} logs delete-log-group", aws(target));
    let way_out = format!("delete it by hand: {delete} --region {region} --log-group-name {name}");
    Some(LeftBehind { what: format!("log group {name}"), region, why, way_out })
}

/// How long a replica that is asked to go may take.
pub(super) const REPLICA_DEADLINE: Duration = Duration::from_secs(15 * 60);
