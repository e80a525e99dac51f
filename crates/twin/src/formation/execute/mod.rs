//! Stacks in motion: create, update, roll back, delete, each as one background task on virtual time.
//!
//! Resources move side by side as their dependencies allow. A failure stops what has not begun, lets what has begun
//! end, and goes back over the journal of what was done. No lock is held while a handler works.

mod back;
mod forward;
mod remove;
mod times;

use std::sync::Arc;

use super::CloudFormation;
use super::document::Document;
use super::handler::ResourceContext;
use super::intrinsics::StackNames;
use super::parameters::Parameters;
use super::stack::{Stack, StackEvent, StackOutput, StackResource, Status};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;

/// What a stack is to become.
pub struct Target {
    pub document: Arc<Document>,
    pub tags: Vec<(String, String)>,
    pub capabilities: Vec<String>,
    pub notification_arns: Vec<String>,
    pub disable_rollback: bool,
    /// The change set that is executed; marked when it is done.
    pub change_set: Option<String>,
}

/// What a stack was, for the way back.
struct Former {
    document: Option<Arc<Document>>,
    parameters: Parameters,
    tags: Vec<(String, String)>,
}

/// One thing done to a resource on the way forward.
enum Done {
    Created(String),
    Updated(String, Box<StackResource>),
    Replaced(String, Box<StackResource>),
}

/// One operation on one stack.
struct Run {
    cloud: Arc<Cloud>,
    region: Region,
    names: StackNames,
    tags: Vec<(String, String)>,
    former_tags: Vec<(String, String)>,
}

/// The words of an operation: creating and updating differ in little else.
struct Words {
    done: Status,
    cleaning: Status,
    back: Status,
    back_cleaning: Status,
    back_done: Status,
    back_failed: Status,
    failed: Status,
    verb: &'static str,
}

const CREATING: Words = Words {
    done: "CREATE_COMPLETE",
    cleaning: "CREATE_IN_PROGRESS",
    back: "ROLLBACK_IN_PROGRESS",
    back_cleaning: "ROLLBACK_IN_PROGRESS",
    back_done: "ROLLBACK_COMPLETE",
    back_failed: "ROLLBACK_FAILED",
    failed: "CREATE_FAILED",
    verb: "create",
};
const UPDATING: Words = Words {
    done: "UPDATE_COMPLETE",
    cleaning: "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    back: "UPDATE_ROLLBACK_IN_PROGRESS",
    back_cleaning: "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    back_done: "UPDATE_ROLLBACK_COMPLETE",
    back_failed: "UPDATE_ROLLBACK_FAILED",
    failed: "UPDATE_FAILED",
    verb: "update",
};

/// Starts to make a stack what `target` says; the stack is in progress when this returns.
pub fn start(cloud: &Arc<Cloud>, region: Region, stack: &mut Stack, target: Target) {
    let now = cloud.clock.now();
    let creating = stack.document.is_none();
    let status = if creating { "CREATE_IN_PROGRESS" } else { "UPDATE_IN_PROGRESS" };
    if !creating {
        stack.updated = Some(now);
    }
    stack.enter(status, Some("User Initiated".to_owned()), now, cloud.ids.uuid());
    let parameters = target.document.parameters.clone();
    let former = Former {
        document: stack.document.replace(target.document.clone()),
        parameters: std::mem::replace(&mut stack.parameters, parameters),
        tags: std::mem::replace(&mut stack.tags, target.tags.clone()),
    };
    stack.capabilities.clone_from(&target.capabilities);
    stack.notification_arns.clone_from(&target.notification_arns);
    stack.disable_rollback = target.disable_rollback;
    stack.change_set_id.clone_from(&target.change_set);
    let names = stack_names(cloud, region, stack);
    let weak = Arc::downgrade(cloud);
    tokio::spawn(async move {
        let Some(cloud) = weak.upgrade() else { return };
        let (tags, former_tags) = (target.tags.clone(), former.tags.clone());
        let run = Run { cloud, region, names, tags, former_tags };
        run.apply(&target, former, if creating { &CREATING } else { &UPDATING }).await;
    });
}

/// Starts to delete a stack; it is in progress when this returns.
pub fn delete(cloud: &Arc<Cloud>, region: Region, stack: &mut Stack, retain: Vec<String>) {
    stack.enter("DELETE_IN_PROGRESS", Some("User Initiated".to_owned()), cloud.clock.now(), cloud.ids.uuid());
    let (names, tags) = (stack_names(cloud, region, stack), stack.tags.clone());
    let weak = Arc::downgrade(cloud);
    tokio::spawn(async move {
        let Some(cloud) = weak.upgrade() else { return };
        let former_tags = tags.clone();
        Run { cloud, region, names, tags, former_tags }.delete(&retain).await;
    });
}

/// The names a template of this stack may use.
pub fn stack_names(cloud: &Cloud, region: Region, stack: &Stack) -> StackNames {
    StackNames {
        region,
        account: cloud.account.clone(),
        name: stack.name.clone(),
        id: stack.id.clone(),
        notification_arns: stack.notification_arns.clone(),
    }
}

impl Run {
    async fn apply(&self, target: &Target, former: Former, words: &Words) {
        let mut journal = Vec::new();
        match self.forward(&target.document, words, &mut journal).await {
            Ok(outputs) => {
                self.settle(target, outputs, "EXECUTE_COMPLETE");
                self.clean_up(target, journal, words).await;
            }
            Err(reason) => {
                self.spend(target, "EXECUTE_FAILED");
                if target.disable_rollback {
                    self.enter(words.failed, Some(reason));
                } else {
                    self.back(journal, former, words, reason).await;
                }
            }
        }
    }

    /// Makes the outputs of a stack those of its new template.
    fn settle(&self, target: &Target, outputs: forward::Outputs, execution: Status) {
        self.with_stack(|stack, _| {
            stack.outputs = outputs.outputs;
            stack.imports = outputs.imports;
        });
        self.spend(target, execution);
    }

    /// Marks how the execution of the change set ended.
    fn spend(&self, target: &Target, execution: Status) {
        let Some(executed) = &target.change_set else { return };
        self.with_stack(|stack, _| {
            if let Some(set) = stack.change_sets.values_mut().find(|set| set.id == *executed) {
                set.spend(execution);
            }
        });
    }

    /// Removes what the new template no longer has and what was replaced.
    async fn clean_up(&self, target: &Target, journal: Vec<Done>, words: &Words) {
        let mut leaving: Vec<(String, StackResource, bool)> = Vec::new();
        for done in journal {
            if let Done::Replaced(name, old) = done {
                leaving.push((name, *old, true));
            }
        }
        let template = &target.document.template;
        self.with_stack(|stack, _| {
            let gone: Vec<String> =
                stack.resources.keys().filter(|name| !self.wanted(template, stack, name)).cloned().collect();
            for name in gone {
                if let Some(old) = stack.resources.shift_remove(&name) {
                    leaving.push((name, old, false));
                }
            }
        });
        if words.cleaning != "CREATE_IN_PROGRESS" {
            self.enter(words.cleaning, None);
        }
        let left = self.remove_all(leaving).await;
        let reason = (!left.is_empty())
            .then(|| format!("Update successful. One or more resources could not be deleted: [{}].", left.join(", ")));
        self.enter(words.done, reason);
    }

    /// Whether a resource of the stack is still in the template: touched or left alone by this run, its condition
    /// held.
    fn wanted(&self, template: &super::template::Template, stack: &Stack, name: &str) -> bool {
        let Some(resource) = template.resources.get(name) else { return false };
        let Some((condition, _)) = &resource.condition else { return true };
        let Some(document) = &stack.document else { return true };
        super::intrinsics::Scope::new(template, &document.parameters, self.names.clone(), Default::default())
            .map_or(true, |scope| scope.holds(Some(condition)))
    }

    fn with_stack<R>(&self, change: impl FnOnce(&mut Stack, Timestamp) -> R) -> Option<R> {
        let now = self.cloud.clock.now();
        self.formation().with_stacks(|stacks| stacks.find_mut(self.region, &self.names.id).map(|s| change(s, now)))
    }

    fn enter(&self, status: Status, reason: Option<String>) {
        let id = self.cloud.ids.uuid();
        self.with_stack(|stack, now| stack.enter(status, reason, now, id));
    }

    /// Says what happens to a resource, in its record and in the stack's events.
    fn event(&self, name: &str, kind: &str, physical_id: &str, status: Status, reason: Option<String>) {
        let id = format!("{name}-{status}-{}", self.cloud.ids.uuid());
        self.with_stack(|stack, at| {
            // A replaced resource goes under the name of the one that took its place.
            if let Some(resource) = stack.resources.get_mut(name).filter(|known| known.physical_id == physical_id) {
                resource.status = status;
                resource.reason.clone_from(&reason);
                resource.updated = at;
            }
            let (logical_id, physical_id, kind) = (name.to_owned(), physical_id.to_owned(), kind.to_owned());
            stack.events.push(StackEvent { id, at, logical_id, physical_id, kind, status, reason });
        });
    }

    fn context(&self, name: &str, tags: &[(String, String)]) -> ResourceContext {
        ResourceContext {
            cloud: self.cloud.clone(),
            region: self.region,
            stack_name: self.names.name.clone(),
            stack_id: self.names.id.clone(),
            logical_id: name.to_owned(),
            stack_tags: tags.to_vec(),
        }
    }

    fn formation(&self) -> &CloudFormation {
        &self.cloud.cloudformation
    }
}

/// The outputs and exports of a stack as they become its own.
fn stack_outputs(document: &Document, evaluated: Vec<super::plan::Evaluated>) -> Vec<StackOutput> {
    let described = |key: &str| document.template.outputs.get(key).and_then(|output| output.description.clone());
    evaluated
        .into_iter()
        .map(|output| StackOutput {
            description: described(&output.key),
            value: output.value.as_str().unwrap_or_default().to_owned(),
            key: output.key,
            export: output.export,
        })
        .collect()
}
