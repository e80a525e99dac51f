//! Stacks of the probes' own, through change sets as the harness's own deployments.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, ChangeSetType, Stack, Tag};
use serde_json::Value;

use super::bench::{Bench, TAG, minutes, patience, seconds, until};
use super::miss::{Miss, Probed, refused};
use crate::region::Region;
use crate::target::said;
use crate::wait::{self, Look};

const LONGEST: Duration = minutes(15);

/// How a stack ended.
pub struct Ended {
    /// `CREATE_COMPLETE`, `ROLLBACK_COMPLETE`; what the change set came to where there was no stack yet.
    pub status: String,
    pub why: String,
    pub outputs: BTreeMap<String, String>,
}

/// Creates a stack and waits until it has ended, well or not.
pub async fn create(
    bench: &Bench<'_>,
    chain: &'static str,
    part: &str,
    region: Region,
    template: &Value,
) -> Probed<Ended> {
    let client = bench.clients(region)?.cloudformation.clone();
    let name = bench.name(part);
    let (remover, stack) = (client.clone(), name.clone());
    bench.undo(chain, format!("the stack {name}"), async move { remove(&remover, &stack).await });
    let set = client
        .create_change_set()
        .stack_name(&name)
        .change_set_name(format!("{name}-new"))
        .change_set_type(ChangeSetType::Create)
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityNamedIam)
        .tags(Tag::builder().key(TAG).value(&bench.run).build())
        .template_body(template.to_string());
    let set = match set.send().await {
        Ok(set) => set.id().unwrap_or_default().to_owned(),
        // A template that is refused as it stands has ended too.
        Err(error) if error.code() == Some("ValidationError") => {
            return Ok(Ended { status: "refused".to_owned(), why: said(&error), outputs: BTreeMap::new() });
        }
        Err(error) => return Err(refused("CreateChangeSet")(error)),
    };
    let look = async || {
        let told = client.describe_change_set().stack_name(&name).change_set_name(&set).send().await;
        let told = told.map_err(refused("DescribeChangeSet"))?;
        let reason = told.status_reason().unwrap_or_default().to_owned();
        Ok(match told.status() {
            Some(ChangeSetStatus::CreateComplete) => Look::Ready(Ok(())),
            Some(ChangeSetStatus::Failed) => Look::Ready(Err(reason)),
            status => Look::NotYet(format!("the change set is {status:?}")),
        })
    };
    if let Err(why) = until(minutes(5), seconds(2), look).await?.map_err(Miss::Absent)? {
        return Ok(Ended { status: "refused".to_owned(), why, outputs: BTreeMap::new() });
    }
    let executed = client.execute_change_set().stack_name(&name).change_set_name(&set).send().await;
    executed.map_err(refused("ExecuteChangeSet"))?;
    let look = async || {
        let stack = describe(&client, &name).await.map_err(Miss::Absent)?;
        let status = stack.as_ref().and_then(|stack| stack.stack_status()).map_or("gone", |status| status.as_str());
        let open = status.ends_with("_IN_PROGRESS");
        Ok(if open { Look::NotYet(format!("the stack is {status}")) } else { Look::Ready((status.to_owned(), stack)) })
    };
    let (status, stack) = until(LONGEST, seconds(3), look).await?.map_err(Miss::Absent)?;
    let outputs = stack
        .iter()
        .flat_map(|stack| stack.outputs())
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
    let why = if status == "CREATE_COMPLETE" { String::new() } else { why(&client, &name).await };
    Ok(Ended { status, why, outputs: outputs.collect() })
}

impl Ended {
    pub fn complete(&self) -> bool {
        self.status == "CREATE_COMPLETE"
    }

    /// What it came to, where it had to complete.
    pub fn expect_complete(self) -> Probed<Self> {
        if self.complete() {
            return Ok(self);
        }
        Err(Miss::Absent(format!("the stack is {}: {}", self.status, self.why)))
    }
}

async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, String> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(described) => Ok(described.stacks().first().cloned()),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}

/// The first failure among the stack's events: later ones are its consequences.
async fn why(client: &Client, name: &str) -> String {
    let Ok(events) = client.describe_stack_events().stack_name(name).send().await else {
        return "it gives no events".to_owned();
    };
    let failed = events
        .stack_events()
        .iter()
        .rev()
        .find(|event| event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED")));
    failed.map_or_else(
        || "none of its events says why".to_owned(),
        |event| {
            let (what, why) = (event.logical_resource_id(), event.resource_status_reason());
            format!("{}: {}", what.unwrap_or_default(), why.unwrap_or("no reason given"))
        },
    )
}

async fn remove(client: &Client, name: &str) -> Result<(), String> {
    let Some(stack) = describe(client, name).await? else { return Ok(()) };
    // By its id: the name alone finds nothing once it is gone.
    let id = stack.stack_id().unwrap_or(name).to_owned();
    client.delete_stack().stack_name(&id).send().await.map_err(|error| said(&error))?;
    let look = async || {
        let stack = describe(client, &id).await?;
        let status = stack.as_ref().and_then(|stack| stack.stack_status()).map(|status| status.as_str().to_owned());
        match status.as_deref() {
            None | Some("DELETE_COMPLETE") => Ok(Look::Ready(())),
            Some("DELETE_FAILED") => Err(format!("it is DELETE_FAILED: {}", why(client, &id).await)),
            Some(status) => Ok(Look::NotYet(status.to_owned())),
        }
    };
    wait::until("its removal", patience(LONGEST), seconds(3), look).await?.map_err(|gave_up| gave_up.to_string())
}
