//! Putting back what a run changed and did not put back itself: from its undo log, newest first, each thing compared with
//! what was there before. What somebody else changed meanwhile stays.

use std::time::Duration;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack};
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
use crate::target::{Target, TargetError, said};
use crate::wait::{self, Look};

/// How long an update of a stack may take before it is given up, and how often it is looked at.
const UPDATED_WITHIN: Duration = Duration::from_secs(30 * 60);
const LOOK: Duration = Duration::from_secs(5);

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
    aside(plan, async move |_: &Plan, target: &dyn Target| Ok(restore(target, &log, Extent::All).await))
}

/// Puts back what is left over in the log, and writes there what is as it was.
pub async fn restore(target: &dyn Target, log: &UndoLog, extent: Extent) -> Vec<PutBack> {
    let mut done = Vec::new();
    for left in log.left_over() {
        let before: Result<Before, _> = serde_json::from_value(left.before.clone());
        let put_back = match before {
            Ok(Before::Parameters { .. }) if extent == Extent::AllButStacks => continue,
            Ok(before) => before.put_back(target, &left).await,
            Err(why) => Err(format!("its entry in the undo log cannot be read: {why}")),
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

impl Before {
    async fn put_back(&self, target: &dyn Target, left: &Left) -> Result<(), String> {
        let clients = |region| target.clients_in(region).map_err(|error: TargetError| error.0);
        match self {
            Self::ReservedConcurrency(reserved) => reserved.restore(target).await.map_err(|error| error.0),
            Self::Alias { region, function, alias, versions } => {
                let alias = Alias::new(&clients(*region)?.lambda, *region, function, alias);
                gone_is_fine(alias.restore(&set(left)?, versions).await)
            }
            Self::Weights { region, zone, name, records } => {
                let weights = Weights::new(&clients(*region)?.route53, zone, name);
                let before: Weighted =
                    records.iter().map(|record| (record.set_identifier.clone(), record.weight)).collect();
                gone_is_fine(put_back_weights(&weights, &set(left)?, &before).await)
            }
            Self::Parameters { region, stacks, parameters } => {
                let client = &clients(*region)?.cloudformation;
                for stack in stacks {
                    put_back_parameters(client, stack, parameters).await.map_err(|why| format!("{stack}: {why}"))?;
                }
                Ok(())
            }
        }
    }
}

/// What the run was about to set, each time.
fn set<T: serde::de::DeserializeOwned>(left: &Left) -> Result<Vec<T>, String> {
    let read = |value: &Value| serde_json::from_value(value.clone());
    left.set.iter().map(read).collect::<Result<_, _>>().map_err(|why| format!("the undo log: {why}"))
}

/// With its stack went what was changed.
fn gone_is_fine(restored: Result<(), ShiftError>) -> Result<(), String> {
    match restored {
        Err(ShiftError::Failed(what))
            if ["ResourceNotFoundException", "NoSuchHostedZone"].iter().any(|code| what.contains(code)) =>
        {
            Ok(())
        }
        restored => restored.map_err(|error| error.to_string()),
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

/// Updates a stack to parameters it had; one that is gone, or takes none of them, or has them, stays as it is.
async fn put_back_parameters(
    client: &aws_sdk_cloudformation::Client,
    name: &str,
    before: &IndexMap<String, String>,
) -> Result<(), String> {
    let Some(stack) = describe(client, name).await? else { return Ok(()) };
    let value = |key: &str| before.get(key);
    let has = |parameter: &Parameter| parameter.parameter_key().and_then(value).map(String::as_str);
    let differs = |parameter: &&Parameter| has(parameter).is_some_and(|had| parameter.parameter_value() != Some(had));
    if !stack.parameters().iter().any(|parameter| differs(&parameter)) {
        return Ok(());
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
        Ok(status) if status == "UPDATE_COMPLETE" => Ok(()),
        Ok(status) => Err(format!("its update ended {status}")),
        Err(gave_up) => Err(gave_up.to_string()),
    }
}

async fn describe(client: &aws_sdk_cloudformation::Client, name: &str) -> Result<Option<Stack>, String> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(described) => Ok(described.stacks().first().cloned()),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}
