//! Putting back what a run changed and did not put back itself: from its undo log, newest first, each thing compared with
//! what was there before. What somebody else changed meanwhile stays, and so does the entry of what is not there any more.

use std::time::Duration;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack, StackStatus};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::RunError;
use super::aside::aside;
use crate::fault::Reserved;
use crate::history::{Left, UndoLog};
use crate::region::Region;
use crate::scenario::Plan;
use crate::shift::{Alias, ShiftError, Versions, Weighted, Weights};
use crate::survey::Promises;
use crate::target::{Target, TargetError, said};
use crate::wait::{self, Look};

/// How long an update of a stack may take before it is given up, and how often it is looked at.
const UPDATED_WITHIN: Duration = Duration::from_secs(30 * 60);
const LOOK: Duration = Duration::from_secs(5);
/// Why something is not what it was, where nothing is there to be put back.
const NOT_THERE: &str = "not there: deleted since, or not on this target";

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// `reserved concurrency of orders in us-east-1`.
    pub what: String,
    /// Why it is not what it was.
    pub failed: Option<String>,
}

/// What is restored before the stack is taken down: parameters of a stack go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    All,
    AllButStacks,
}

/// Puts back what a run of this plan left over in its log, on the plan's target.
pub fn put_back(plan: &Plan, log: &UndoLog) -> Result<Vec<PutBack>, RunError> {
    let log = log.clone();
    let stands = "some of it may be put back; blackstart restore goes on from there";
    aside(plan, stands, async move |_: &Plan, target: &dyn Target, _: &Promises| {
        Ok(restore(target, &log, Extent::All).await)
    })
}

/// Puts back what is left over in the log, and writes there what is as it was.
///
/// What is not there is left over still: it may stand on another target, or come again. Only at the end of a run that
/// made it itself is it gone for good, and needs nothing.
pub async fn restore(target: &dyn Target, log: &UndoLog, extent: Extent) -> Vec<PutBack> {
    let mut done = Vec::new();
    for left in log.left_over() {
        let before: Result<Before, _> = serde_json::from_value(left.before.clone());
        let found = match before {
            Ok(Before::Parameters { .. }) if extent == Extent::AllButStacks => continue,
            Ok(before) => before.put_back(target, &left).await,
            Err(why) => Err(format!("its entry in the undo log cannot be read: {why}")),
        };
        let put_back = match found {
            Ok(Found::Missing) if extent == Extent::All => Err(NOT_THERE.to_owned()),
            found => found.map(|_| ()),
        };
        let written = put_back.and_then(|()| log.undone(left.undo).map_err(|why| format!("the undo log: {why}")));
        done.push(PutBack { what: left.what, failed: written.err() });
    }
    done
}

/// All that could not be put back, in one line; nothing where all was.
pub fn failures(done: &[PutBack]) -> Option<String> {
    let failed = done.iter().filter_map(|put| Some(format!("{}: {}", put.what, put.failed.as_ref()?)));
    let failed: Vec<String> = failed.collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}

/// What was there before a change, as whoever made it wrote it down.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Before {
    ReservedConcurrency(Reserved),
    Alias {
        region: Region,
        function: String,
        alias: String,
        #[serde(flatten)]
        versions: Versions,
    },
    Weights {
        region: Region,
        zone: String,
        name: String,
        records: Vec<RecordBefore>,
    },
    Parameters {
        region: Region,
        stacks: Vec<String>,
        parameters: IndexMap<String, String>,
    },
}

#[derive(Debug, Deserialize)]
struct RecordBefore {
    set_identifier: String,
    weight: i64,
}

/// Whether what was changed is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    AsBefore,
    Missing,
}

impl Before {
    async fn put_back(&self, target: &dyn Target, left: &Left) -> Result<Found, String> {
        let clients = |region| target.clients_in(region).map_err(|error: TargetError| error.0);
        match self {
            Self::ReservedConcurrency(reserved) => {
                let found = reserved.read(&clients(reserved.region)?.lambda).await.map_err(|error| error.0)?;
                if found.is_none() {
                    return Ok(Found::Missing);
                }
                reserved.restore(target).await.map(|()| Found::AsBefore).map_err(|error| error.0)
            }
            Self::Alias { region, function, alias, versions } => {
                let alias = Alias::new(&clients(*region)?.lambda, *region, function, alias);
                found(alias.restore(&set(left)?, versions).await)
            }
            Self::Weights { region, zone, name, records } => {
                let weights = Weights::new(&clients(*region)?.route53, zone, name);
                let before: Weighted =
                    records.iter().map(|record| (record.set_identifier.clone(), record.weight)).collect();
                found(put_back_weights(&weights, &set(left)?, &before).await)
            }
            Self::Parameters { region, stacks, parameters } => {
                let client = &clients(*region)?.cloudformation;
                let mut missing = Vec::new();
                for stack in stacks {
                    let put_back = put_back_parameters(client, stack, parameters).await;
                    if put_back.map_err(|why| format!("{stack}: {why}"))? == Found::Missing {
                        missing.push(stack.as_str());
                    }
                }
                if missing.is_empty() || missing.len() == stacks.len() {
                    return Ok(if missing.is_empty() { Found::AsBefore } else { Found::Missing });
                }
                Err(format!("{}: {NOT_THERE}", missing.join(", ")))
            }
        }
    }
}

/// What the run was about to set, each time.
fn set<T: serde::de::DeserializeOwned>(left: &Left) -> Result<Vec<T>, String> {
    let read = |value: &Value| serde_json::from_value(value.clone());
    left.set.iter().map(read).collect::<Result<_, _>>().map_err(|why| format!("the undo log: {why}"))
}

/// Tells what does not exist from what could not be put back.
fn found(restored: Result<(), ShiftError>) -> Result<Found, String> {
    match restored {
        Err(ShiftError::Failed(what))
            if ["ResourceNotFoundException", "NoSuchHostedZone"].iter().any(|code| what.contains(code)) =>
        {
            Ok(Found::Missing)
        }
        restored => restored.map(|()| Found::AsBefore).map_err(|error| error.to_string()),
    }
}

async fn put_back_weights(weights: &Weights, set: &[Weighted], before: &Weighted) -> Result<(), ShiftError> {
    let restored = weights.restore(set, before).await?;
    if let Some(change) = restored.change {
        weights.insync(&change).await?;
    }
    if !restored.left.is_empty() {
        let what = format!("somebody else set the weights of {}, and they were left so", restored.left.join(", "));
        return Err(ShiftError::Conflict(what));
    }
    let now = weights.read().await?.weights();
    let differs = before.iter().find(|(id, weight)| now.get(*id) != Some(weight));
    differs.map_or(Ok(()), |(id, weight)| {
        Err(ShiftError::Conflict(format!("the weight of {id} was set back to {weight} and is {:?}", now.get(id))))
    })
}

/// Updates a stack to parameters it had; one that takes none of them, or has them, stays as it is.
async fn put_back_parameters(
    client: &aws_sdk_cloudformation::Client,
    name: &str,
    before: &IndexMap<String, String>,
) -> Result<Found, String> {
    let Some(stack) = describe(client, name).await? else { return Ok(Found::Missing) };
    let value = |key: &str| before.get(key);
    let has = |parameter: &Parameter| parameter.parameter_key().and_then(value).map(String::as_str);
    let differs = |parameter: &&Parameter| has(parameter).is_some_and(|had| parameter.parameter_value() != Some(had));
    if !stack.parameters().iter().any(|parameter| differs(&parameter)) {
        return Ok(Found::AsBefore);
    }
    let mut call = client
        .update_stack()
        .stack_name(name)
        .use_previous_template(true)
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityNamedIam)
        .capabilities(Capability::CapabilityAutoExpand);
    for parameter in stack.parameters() {
        let mut given = Parameter::builder().set_parameter_key(parameter.parameter_key().map(str::to_owned));
        given = match has(parameter) {
            Some(had) => given.parameter_value(had),
            None => given.use_previous_value(true),
        };
        call = call.parameters(given.build());
    }
    call.send().await.map_err(|error| said(&error))?;
    let look = || async {
        let Some(stack) = describe(client, name).await? else { return Err("it is gone".to_owned()) };
        let status = stack.stack_status().map_or("unknown", |status| status.as_str()).to_owned();
        Ok(if status.ends_with("_IN_PROGRESS") { Look::NotYet(status) } else { Look::Ready(status) })
    };
    match wait::until("the stack", UPDATED_WITHIN, LOOK, look).await? {
        Ok(status) if status == "UPDATE_COMPLETE" => Ok(Found::AsBefore),
        Ok(status) => Err(format!("its update ended {status}")),
        Err(gave_up) => Err(gave_up.to_string()),
    }
}

async fn describe(client: &aws_sdk_cloudformation::Client, name: &str) -> Result<Option<Stack>, String> {
    match client.describe_stacks().stack_name(name).send().await {
        // Some emulators describe a stack that was deleted.
        Ok(described) => Ok(described.stacks().first().filter(|stack| !is_deleted(stack)).cloned()),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}

fn is_deleted(stack: &Stack) -> bool {
    stack.stack_status() == Some(&StackStatus::DeleteComplete)
}
