//! Stacks as they stand: resources, outputs, events and change sets. State only; what moves it is
//! [`super::execute`], what shows it is [`super::api`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::document::Document;
use super::parameters::Parameters;
use super::plan::Change;
use super::template::Policy;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;

/// A status as CloudFormation spells it: `UPDATE_ROLLBACK_COMPLETE`.
pub type Status = &'static str;

/// All stacks of all Regions, deleted ones included.
#[derive(Default)]
pub struct Stacks(BTreeMap<Region, IndexMap<String, Stack>>);

/// One stack. No `Debug`: parameters and properties may hold secrets.
pub struct Stack {
    pub id: String,
    pub name: String,
    pub status: Status,
    pub reason: Option<String>,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub change_set_id: Option<String>,
    pub parameters: Parameters,
    pub tags: Vec<(String, String)>,
    pub capabilities: Vec<String>,
    pub notification_arns: Vec<String>,
    /// What the resources were made from; nothing while the stack is only under review.
    pub document: Option<Arc<Document>>,
    pub resources: IndexMap<String, StackResource>,
    pub outputs: Vec<StackOutput>,
    /// The exports of other stacks this one uses.
    pub imports: BTreeSet<String>,
    pub events: Vec<StackEvent>,
    pub change_sets: IndexMap<String, ChangeSet>,
    pub disable_rollback: bool,
}

/// A resource of a stack.
#[derive(Clone)]
pub struct StackResource {
    pub kind: String,
    pub physical_id: String,
    pub status: Status,
    pub reason: Option<String>,
    pub updated: Timestamp,
    /// As the handler was given them.
    pub properties: Value,
    pub attributes: BTreeMap<String, Value>,
    pub needs: BTreeSet<String>,
    pub deletion_policy: Policy,
    pub update_replace_policy: Policy,
}

pub struct StackOutput {
    pub key: String,
    pub value: String,
    pub description: Option<String>,
    pub export: Option<String>,
}

pub struct StackEvent {
    pub id: String,
    pub at: Timestamp,
    pub logical_id: String,
    pub physical_id: String,
    pub kind: String,
    pub status: Status,
    pub reason: Option<String>,
}

pub struct ChangeSet {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub created: Timestamp,
    /// When CloudFormation is done working it out.
    pub ready: Timestamp,
    pub outcome: Outcome,
    pub document: Arc<Document>,
    pub tags: Vec<(String, String)>,
    pub capabilities: Vec<String>,
    pub notification_arns: Vec<String>,
    pub disable_rollback: bool,
}

/// What a change set came to.
pub enum Outcome {
    Changes(Vec<Change>),
    /// The reason of its `FAILED`.
    Failed(String),
    /// Its execution is under way, done, or has failed.
    Spent(Vec<Change>, Status),
}

impl Stacks {
    /// The stack of this name (a living one) or id.
    pub fn find(&self, region: Region, name_or_id: &str) -> Option<&Stack> {
        let stacks = self.0.get(&region)?;
        match stacks.get(name_or_id) {
            Some(stack) => Some(stack),
            None => stacks.values().find(|stack| stack.name == name_or_id && stack.lives()),
        }
    }

    pub fn find_mut(&mut self, region: Region, name_or_id: &str) -> Option<&mut Stack> {
        let id = self.find(region, name_or_id)?.id.clone();
        self.0.get_mut(&region)?.get_mut(&id)
    }

    pub fn require(&self, region: Region, name_or_id: &str) -> Result<&Stack, AwsError> {
        self.find(region, name_or_id).ok_or_else(|| missing(name_or_id))
    }

    pub fn require_mut(&mut self, region: Region, name_or_id: &str) -> Result<&mut Stack, AwsError> {
        self.find_mut(region, name_or_id).ok_or_else(|| missing(name_or_id))
    }

    pub fn insert(&mut self, region: Region, stack: Stack) {
        self.0.entry(region).or_default().insert(stack.id.clone(), stack);
    }

    /// The stacks of a Region, in the order they were made.
    pub fn of(&self, region: Region) -> impl DoubleEndedIterator<Item = &Stack> {
        self.0.get(&region).into_iter().flat_map(IndexMap::values)
    }

    /// The exports of a Region's stacks, except those of one stack.
    pub fn exports(&self, region: Region, except: Option<&str>) -> BTreeMap<String, String> {
        let stacks = self.of(region).filter(|stack| stack.lives() && Some(stack.id.as_str()) != except);
        let outputs = stacks.flat_map(|stack| &stack.outputs);
        outputs.filter_map(|output| Some((output.export.clone()?, output.value.clone()))).collect()
    }

    /// The names of the stacks that import this export.
    pub fn importers(&self, region: Region, export: &str) -> Vec<&str> {
        let stacks = self.of(region).filter(|stack| stack.lives() && stack.imports.contains(export));
        stacks.map(|stack| stack.name.as_str()).collect()
    }
}

impl Stack {
    pub fn lives(&self) -> bool {
        self.status != "DELETE_COMPLETE"
    }

    /// Whether something is being done to it.
    pub fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    /// Sets the status of the stack itself, with the event that says so.
    pub fn enter(&mut self, status: Status, reason: Option<String>, at: Timestamp, event_id: String) {
        self.status = status;
        self.reason.clone_from(&reason);
        self.events.push(StackEvent {
            id: event_id,
            at,
            logical_id: self.name.clone(),
            physical_id: self.id.clone(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            status,
            reason,
        });
    }

    pub fn change_set(&self, name_or_id: &str) -> Option<&ChangeSet> {
        self.change_sets.values().find(|set| set.name == name_or_id || set.id == name_or_id)
    }
}

impl ChangeSet {
    /// `Status` and `ExecutionStatus`.
    pub fn status(&self, now: Timestamp) -> (Status, Status) {
        match &self.outcome {
            _ if now < self.ready => ("CREATE_IN_PROGRESS", "UNAVAILABLE"),
            Outcome::Changes(_) => ("CREATE_COMPLETE", "AVAILABLE"),
            Outcome::Failed(_) => ("FAILED", "UNAVAILABLE"),
            Outcome::Spent(_, execution) => ("CREATE_COMPLETE", execution),
        }
    }

    pub fn changes(&self) -> &[Change] {
        match &self.outcome {
            Outcome::Changes(changes) | Outcome::Spent(changes, _) => changes,
            Outcome::Failed(_) => &[],
        }
    }

    /// Marks how far the execution of the set is.
    pub fn spend(&mut self, execution: Status) {
        let changes = match std::mem::replace(&mut self.outcome, Outcome::Failed(String::new())) {
            Outcome::Changes(changes) | Outcome::Spent(changes, _) => changes,
            failed @ Outcome::Failed(_) => {
                self.outcome = failed;
                return;
            }
        };
        self.outcome = Outcome::Spent(changes, execution);
    }
}

fn missing(name_or_id: &str) -> AwsError {
    AwsError::bad_request("ValidationError", format!("Stack with id {name_or_id} does not exist"))
}
