//! One stack through a change set: create it, wait, execute it, wait, read the outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, ChangeSetType, Parameter, Stack, StackStatus, Tag};

use super::DeployError;
use crate::region::Region;
use crate::target::said;
use crate::wait::{self, Look};

/// How often a stack is looked at, and how long it may take.
const INTERVAL: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// A stack to be.
pub struct Wanted<'a> {
    pub name: &'a str,
    /// Names the change set; one that was executed keeps its name.
    pub change: String,
    pub region: Region,
    pub body: Body<'a>,
    pub parameters: Vec<(String, String)>,
    pub tags: &'a [(String, String)],
}

/// A template by value, or where it was uploaded because it is too long for a call.
pub enum Body<'a> {
    Inline(&'a str),
    Url(String),
}

/// Creates or updates a stack, and gives its outputs. A stack that is already as wanted stays as it is.
pub async fn apply(client: &Client, wanted: &Wanted<'_>) -> Result<BTreeMap<String, String>, DeployError> {
    let failed = |what: String| DeployError::Stack { stack: wanted.name.to_owned(), region: wanted.region, what };
    let existing = describe(client, wanted.name).await.map_err(failed)?;
    let update =
        existing.as_ref().and_then(Stack::stack_status) != Some(&StackStatus::ReviewInProgress) && existing.is_some();
    let kind = if update { ChangeSetType::Update } else { ChangeSetType::Create };
    let set = create(client, wanted, kind).await.map_err(failed)?;
    if !ready(client, wanted.name, &set).await.map_err(failed)? {
        let stack = existing.ok_or_else(|| failed("it would be empty".to_owned()))?;
        client.delete_change_set().change_set_name(&set).send().await.map_err(|error| failed(said(&error)))?;
        return Ok(outputs(&stack));
    }
    client.execute_change_set().change_set_name(&set).send().await.map_err(|error| failed(said(&error)))?;
    let stack = settled(client, wanted.name).await.map_err(failed)?;
    match stack.stack_status() {
        Some(StackStatus::CreateComplete | StackStatus::UpdateComplete) => Ok(outputs(&stack)),
        status => {
            let status = status.map_or("gone", StackStatus::as_str);
            Err(failed(format!("it ended {status}{}", why(client, wanted.name).await)))
        }
    }
}

/// Deletes a stack and waits until it is gone. One that does not exist is no error.
pub async fn delete(client: &Client, region: Region, name: &str) -> Result<(), DeployError> {
    let failed = |what: String| DeployError::Stack { stack: name.to_owned(), region, what };
    let Some(stack) = describe(client, name).await.map_err(failed)? else { return Ok(()) };
    // By its id: the name alone finds nothing once it is gone.
    let id = stack.stack_id().unwrap_or(name).to_owned();
    client.delete_stack().stack_name(&id).send().await.map_err(|error| failed(said(&error)))?;
    match settled(client, &id).await {
        Ok(stack) if stack.stack_status() == Some(&StackStatus::DeleteComplete) => Ok(()),
        Ok(stack) => {
            let status = stack.stack_status().map_or("unknown", StackStatus::as_str).to_owned();
            Err(failed(format!("it ended {status}{}", why(client, &id).await)))
        }
        Err(what) => Err(failed(what)),
    }
}

async fn create(client: &Client, wanted: &Wanted<'_>, kind: ChangeSetType) -> Result<String, String> {
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
    for (name, value) in wanted.tags {
        call = call.tags(Tag::builder().key(name).value(value).build());
    }
    let created = call.send().await.map_err(|error| said(&error))?;
    created.id().map(str::to_owned).ok_or_else(|| "the change set has no id".to_owned())
}

/// Waits for a change set to be computed; false where it holds no change.
async fn ready(client: &Client, stack: &str, set: &str) -> Result<bool, String> {
    let look = || async {
        let described =
            client.describe_change_set().stack_name(stack).change_set_name(set).send().await.map_err(|e| said(&e))?;
        let reason = described.status_reason().unwrap_or_default().to_owned();
        Ok(match described.status() {
            Some(ChangeSetStatus::CreateComplete) => Look::Ready(true),
            Some(ChangeSetStatus::Failed) if is_empty(&reason) => Look::Ready(false),
            Some(ChangeSetStatus::Failed) => return Err(reason),
            status => Look::NotYet(format!("{status:?}")),
        })
    };
    wait::until("its change set", DEADLINE, INTERVAL, look).await?.map_err(|gave_up| gave_up.to_string())
}

fn is_empty(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// Waits until nothing is in progress.
async fn settled(client: &Client, name: &str) -> Result<Stack, String> {
    let look = || async {
        let stack = describe(client, name).await?.ok_or_else(|| "it is gone".to_owned())?;
        let status = stack.stack_status().map_or("unknown", StackStatus::as_str).to_owned();
        Ok::<_, String>(if status.ends_with("_IN_PROGRESS") { Look::NotYet(status) } else { Look::Ready(stack) })
    };
    wait::until("the stack", DEADLINE, INTERVAL, look).await?.map_err(|gave_up| gave_up.to_string())
}

/// The stack of this name or id, if there is one.
pub async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, String> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(described) => Ok(described.stacks().first().cloned()),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}

fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    stack.outputs().iter().filter_map(output).collect()
}

/// The first failure among the stack's events, oldest first: later ones are its consequences.
async fn why(client: &Client, name: &str) -> String {
    let Ok(events) = client.describe_stack_events().stack_name(name).send().await else { return String::new() };
    let failed = events.stack_events().iter().rev().find(|event| {
        let status = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
        status.ends_with("_FAILED") && !event.resource_status_reason().unwrap_or_default().contains("cancelled")
    });
    failed.map_or_else(String::new, |event| {
        let logical = event.logical_resource_id().unwrap_or_default();
        let kind = event.resource_type().unwrap_or_default();
        format!(": {logical} ({kind}): {}", event.resource_status_reason().unwrap_or("no reason given"))
    })
}
