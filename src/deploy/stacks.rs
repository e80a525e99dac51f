//! One stack through a change set: create it, wait, execute it, wait, read the outputs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, Parameter, Stack, StackEvent, StackStatus, Tag,
};

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};

use super::{DeployError, Patience, RUN_TAG, remove};
use crate::region::Region;
use crate::target::{Target, said};
use crate::wait::{self, Look};

/// A stack to be.
pub struct Wanted<'a> {
    pub name: &'a str,
    /// Names the change set; one that was executed keeps its name.
    pub change: String,
    pub region: Region,
    pub body: Body<'a>,
    pub parameters: Vec<(String, String)>,
    pub tags: Vec<(String, String)>,
    pub patience: Patience,
}

/// A template by value, or where it was uploaded because it is too long for a call.
pub enum Body<'a> {
    Inline(&'a str),
    Url(String),
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub logical: String,
    /// Empty until there is one.
    pub physical: String,
    pub kind: String,
    pub status: String,
    pub reason: Option<String>,
}

/// States that nothing leads out of but a deletion (CloudFormation user guide, stack statuses).
const DEAD: [&str; 3] = ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"];

/// Creates or updates a stack, and gives its outputs. A stack that is already as wanted stays as it is; one that
/// cannot be updated any more, because its creation or deletion failed, is removed first.
pub async fn apply(target: &dyn Target, wanted: &Wanted<'_>) -> Result<BTreeMap<String, String>, DeployError> {
    let failed = |what: String| DeployError::Stack { stack: wanted.name.to_owned(), region: wanted.region, what };
    let client = &target.clients_in(wanted.region)?.cloudformation;
    let mut existing = living(client, wanted).await.map_err(failed)?;
    if let Some(stack) = existing.as_ref().filter(|stack| DEAD.contains(&status(stack))) {
        let was = status(stack).to_owned();
        let left = remove::remove(target, wanted.region, wanted.name, &wanted.patience).await;
        if let Some(left) = left.first() {
            return Err(failed(format!("it is {was} from before, and cannot be removed: {left}")));
        }
        existing = None;
    }
    let update = existing.as_ref().is_some_and(|stack| status(stack) != "REVIEW_IN_PROGRESS");
    let kind = if update { ChangeSetType::Update } else { ChangeSetType::Create };
    // A stack keeps the run that made it: another tag would be a change to all its resources.
    let run = existing.as_ref().filter(|_| update).and_then(|stack| tag(stack, RUN_TAG)).map(str::to_owned);
    let set = create(client, wanted, kind, run.as_deref()).await.map_err(failed)?;
    if !ready(client, wanted, &set).await.map_err(failed)? {
        let stack = existing.ok_or_else(|| failed("it would be empty".to_owned()))?;
        client.delete_change_set().change_set_name(&set).send().await.map_err(|error| failed(said(&error)))?;
        return Ok(outputs(&stack));
    }
    client.execute_change_set().change_set_name(&set).send().await.map_err(|error| failed(said(&error)))?;
    let stack = settled(client, wanted.name, &wanted.patience).await.map_err(failed)?;
    match stack.stack_status() {
        Some(StackStatus::CreateComplete | StackStatus::UpdateComplete) => Ok(outputs(&stack)),
        _ => Err(failed(format!("it ended {}{}", status(&stack), why(client, wanted.name).await))),
    }
}

/// The stack as it stands, once nothing of an earlier deployment is in progress.
async fn living(client: &Client, wanted: &Wanted<'_>) -> Result<Option<Stack>, String> {
    let found = describe(client, wanted.name).await?;
    match found {
        Some(stack) if is_busy(status(&stack)) => {
            let id = stack.stack_id().unwrap_or(wanted.name);
            let stack = settled(client, id, &wanted.patience).await?;
            Ok(Some(stack).filter(|stack| status(stack) != "DELETE_COMPLETE"))
        }
        found => Ok(found.filter(|stack| status(stack) != "DELETE_COMPLETE")),
    }
}

async fn create(
    client: &Client,
    wanted: &Wanted<'_>,
    kind: ChangeSetType,
    run: Option<&str>,
) -> Result<String, String> {
    let mut call = client
        .create_change_set()
        .stack_name(wanted.name)
        .change_set_name(&wanted.change)
        .change_set_type(kind)
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityNamedIam)
        .capabilities(Capability::CapabilityAutoExpand);
    call = match &wanted.body {
        Body::Inline(body) => call.template_body(*body),
        Body::Url(url) => call.template_url(url),
    };
    for (name, value) in &wanted.parameters {
        call = call.parameters(Parameter::builder().parameter_key(name).parameter_value(value).build());
    }
    for (name, value) in &wanted.tags {
        let value = run.filter(|_| name == RUN_TAG).unwrap_or(value);
        call = call.tags(Tag::builder().key(name).value(value).build());
    }
    let created = call.send().await.map_err(|error| said(&error))?;
    created.id().map(str::to_owned).ok_or_else(|| "the change set has no id".to_owned())
}

/// Waits for a change set to be computed; false where it holds no change.
async fn ready(client: &Client, wanted: &Wanted<'_>, set: &str) -> Result<bool, String> {
    let look = || async {
        let described = client.describe_change_set().stack_name(wanted.name).change_set_name(set).send().await;
        let described = described.map_err(|error| said(&error))?;
        let reason = described.status_reason().unwrap_or_default().to_owned();
        Ok(match described.status() {
            Some(ChangeSetStatus::CreateComplete) => Look::Ready(true),
            Some(ChangeSetStatus::Failed) if is_empty(&reason) => Look::Ready(false),
            Some(ChangeSetStatus::Failed) => return Err(reason),
            status => Look::NotYet(format!("{status:?}")),
        })
    };
    let Patience { deadline, interval } = wanted.patience;
    wait::until("its change set", deadline, interval, look).await?.map_err(|gave_up| gave_up.to_string())
}

fn is_empty(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// What a wait says of a stack that no longer exists under its id.
pub const GONE: &str = "it is gone";

/// Waits until nothing is in progress.
pub async fn settled(client: &Client, name: &str, patience: &Patience) -> Result<Stack, String> {
    let look = || async {
        let stack = describe(client, name).await?.ok_or_else(|| GONE.to_owned())?;
        let now = status(&stack).to_owned();
        Ok::<_, String>(if is_busy(&now) { Look::NotYet(now) } else { Look::Ready(stack) })
    };
    let waited = wait::until("the stack", patience.deadline, patience.interval, look).await?;
    waited.map_err(|gave_up| gave_up.to_string())
}

/// Whether something is being done to a stack in this status. One under review waits for somebody to execute it.
pub fn is_busy(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS"
}

/// The stack of this name or id, if there is one.
pub async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, String> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(described) => Ok(described.stacks().first().cloned()),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}

pub fn status(stack: &Stack) -> &str {
    stack.stack_status().map_or("unknown", StackStatus::as_str)
}

pub fn tag<'a>(stack: &'a Stack, name: &str) -> Option<&'a str> {
    stack.tags().iter().find(|tag| tag.key() == Some(name)).and_then(Tag::value)
}

pub fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    stack.outputs().iter().filter_map(output).collect()
}

/// The resources a stack has now, those deleted already apart.
pub async fn resources(client: &Client, name: &str) -> Result<Vec<Resource>, String> {
    let mut pages = client.list_stack_resources().stack_name(name).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| said(&error))?;
        found.extend(page.stack_resource_summaries().iter().map(|resource| Resource {
            logical: resource.logical_resource_id().unwrap_or_default().to_owned(),
            physical: resource.physical_resource_id().unwrap_or_default().to_owned(),
            kind: resource.resource_type().unwrap_or_default().to_owned(),
            status: resource.resource_status().map(|status| status.as_str()).unwrap_or_default().to_owned(),
            reason: resource.resource_status_reason().map(str::to_owned),
        }));
    }
    found.retain(|resource| resource.status != "DELETE_COMPLETE" && !resource.physical.is_empty());
    Ok(found)
}

/// The logical names whose DeletionPolicy keeps them; nothing where the target does not give the template back.
pub async fn kept(client: &Client, name: &str) -> Option<BTreeSet<String>> {
    let template = client.get_template().stack_name(name).send().await.ok()?;
    let documents = MarkedYaml::load_from_str(template.template_body()?).ok()?;
    let mut kept = BTreeSet::new();
    let section = documents.first()?.data.as_mapping_get("Resources")?;
    let YamlData::Mapping(resources) = &section.data else { return None };
    for (logical, resource) in resources {
        let policy = resource.data.as_mapping_get("DeletionPolicy").and_then(|policy| policy.data.as_str());
        if policy.is_some_and(|policy| policy.starts_with("Retain") || policy == "Snapshot") {
            kept.insert(logical.data.as_str()?.to_owned());
        }
    }
    Some(kept)
}

/// The first failure of what was done to the stack last: later ones are its consequences.
pub async fn why(client: &Client, name: &str) -> String {
    let Ok(events) = client.describe_stack_events().stack_name(name).send().await else { return String::new() };
    // Newest first; each operation begins with the stack's own event, which says that somebody asked for it.
    let begins = |event: &StackEvent| {
        event.resource_status_reason() == Some("User Initiated") && event.physical_resource_id() == event.stack_id()
    };
    let operation: Vec<_> = events.stack_events().iter().take_while(|event| !begins(event)).collect();
    let failed = operation.into_iter().rev().find(|event| {
        let status = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
        status.ends_with("_FAILED") && !event.resource_status_reason().unwrap_or_default().contains("cancelled")
    });
    failed.map_or_else(String::new, |event| {
        let logical = event.logical_resource_id().unwrap_or_default();
        let kind = event.resource_type().unwrap_or_default();
        format!(": {logical} ({kind}): {}", event.resource_status_reason().unwrap_or("no reason given"))
    })
}
