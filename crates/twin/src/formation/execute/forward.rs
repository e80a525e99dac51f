//! The way forward: every resource of a template made or changed, each as soon as what it needs is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;

use super::times::Step;
use super::{Done, Run, Words, stack_outputs};
use crate::Cloud;
use crate::formation::document::Document;
use crate::formation::graph;
use crate::formation::handler::{Created, ResourceContext, ResourceError};
use crate::formation::intrinsics::{Known, Scope};
use crate::formation::plan::{self, Replacement};
use crate::formation::registry::property;
use crate::formation::stack::{StackOutput, StackResource};

/// What a stack gives out, and what it takes in.
pub struct Outputs {
    pub outputs: Vec<StackOutput>,
    pub imports: BTreeSet<String>,
}

/// What is to be done to one resource.
enum Work {
    Create,
    Update(Box<StackResource>),
    Replace(Box<StackResource>),
}

/// One resource on its way.
struct Task {
    name: String,
    kind: String,
    work: Work,
    properties: Value,
    needs: BTreeSet<String>,
}

type Running<'f> = FuturesUnordered<BoxFuture<'f, (Task, Result<Created, ResourceError>)>>;

impl Run {
    /// Makes every resource what the document says; the error is the reason the stack goes back for.
    pub(super) async fn forward(
        &self,
        document: &Document,
        words: &Words,
        journal: &mut Vec<Done>,
    ) -> Result<Outputs, String> {
        let exports = self.formation().with_stacks(|stacks| stacks.exports(self.region, Some(&self.names.id)));
        let mut scope = Scope::new(&document.template, &document.parameters, self.names.clone(), exports)
            .map_err(|problem| problem.to_string())?;
        let graph = graph::dependencies(&scope);
        let mut waiting = graph::order(&scope).map_err(|problem| problem.to_string())?;
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut failed: Vec<String> = Vec::new();
        let mut running = Running::new();
        loop {
            while failed.is_empty()
                && let Some(next) = waiting.iter().position(|name| graph[name].is_subset(&done))
            {
                let name = waiting.remove(next);
                match self.prepare(&scope, &name, graph[&name].clone()) {
                    Ok(Some(task)) => running.push(self.launch(task)),
                    Ok(None) => {
                        self.know(&mut scope, &name);
                        done.insert(name);
                    }
                    Err(reason) => {
                        self.refuse(&scope, &name, words, reason);
                        failed.push(name);
                    }
                }
            }
            let Some((task, result)) = running.next().await else { break };
            let name = task.name.clone();
            match result {
                Ok(created) if failed.is_empty() => {
                    self.record(&scope, task, created, None, journal);
                    self.know(&mut scope, &name);
                    done.insert(name);
                }
                Ok(created) => {
                    let reason =
                        format!("Resource {} cancelled", if words.verb == "create" { "creation" } else { "update" });
                    self.record(&scope, task, created, Some(reason), journal);
                }
                Err(error) => {
                    let reason = format!("Resource handler returned message: \"{error}\"");
                    self.refuse(&scope, &name, words, reason);
                    self.remember_attempt(task, journal);
                    failed.push(name);
                }
            }
        }
        if !failed.is_empty() {
            let verb = words.verb;
            return Err(format!("The following resource(s) failed to {verb}: [{}]. ", failed.join(", ")));
        }
        self.outputs(document, &scope)
    }

    /// What has to be done to a resource, if anything.
    fn prepare(&self, scope: &Scope<'_>, name: &str, needs: BTreeSet<String>) -> Result<Option<Task>, String> {
        let registry = self.formation().registry();
        let properties = plan::resolved(scope, registry, name).map_err(|problem| problem.to_string())?;
        let kind = scope.template.resources[name].kind.clone();
        let spec = registry.get(&kind).map(|handler| handler.spec());
        let known = spec.map(|spec| spec.properties).unwrap_or_default();
        let old = self.with_stack(|stack, _| stack.resources.get(name).cloned()).flatten();
        let Some(old) = old.map(Box::new) else {
            self.event(name, &kind, "", "CREATE_IN_PROGRESS", None);
            return Ok(Some(Task { name: name.to_owned(), kind, work: Work::Create, properties, needs }));
        };
        let differences = plan::differences(known, &old.properties, &properties);
        let retagged = self.tags != self.former_tags && property(known, "Tags").is_some();
        if differences.is_empty() && !retagged {
            let resource = &scope.template.resources[name];
            self.with_stack(|stack, _| {
                if let Some(record) = stack.resources.get_mut(name) {
                    record.deletion_policy = resource.deletion_policy;
                    record.update_replace_policy = resource.update_replace_policy;
                    record.needs = needs;
                }
            });
            return Ok(None);
        }
        let replaces = plan::replacement(&differences) == Replacement::True;
        let why = replaces.then(|| {
            "Requested update requires the creation of a new physical resource; hence creating one.".to_owned()
        });
        self.event(name, &kind, &old.physical_id, "UPDATE_IN_PROGRESS", why);
        let work = if replaces { Work::Replace(old) } else { Work::Update(old) };
        Ok(Some(Task { name: name.to_owned(), kind, work, properties, needs }))
    }

    fn launch<'f>(&self, task: Task) -> BoxFuture<'f, (Task, Result<Created, ResourceError>)> {
        let (cloud, cx) = (self.cloud.clone(), self.context(&task.name, &self.tags));
        let step = if matches!(task.work, Work::Update(_)) { Step::Update } else { Step::Create };
        let time = self.time(&task.name, &task.kind, step);
        Box::pin(async move {
            let result = work(&cloud, &cx, &task).await;
            if result.is_ok() {
                // The call is made at once; what takes time is that the resource settles.
                tokio::time::sleep(time).await;
            }
            (task, result)
        })
    }

    /// Writes down that a resource is what it was to become, or, with a reason, that it came too late.
    fn record(&self, scope: &Scope<'_>, task: Task, created: Created, late: Option<String>, journal: &mut Vec<Done>) {
        let resource = &scope.template.resources[&task.name];
        let creating = matches!(task.work, Work::Create);
        let status = match (creating, late.is_some()) {
            (true, false) => "CREATE_COMPLETE",
            (true, true) => "CREATE_FAILED",
            (false, false) => "UPDATE_COMPLETE",
            (false, true) => "UPDATE_FAILED",
        };
        let physical_id = created.physical_id.clone();
        let record = StackResource {
            kind: task.kind.clone(),
            physical_id: created.physical_id,
            status,
            reason: late.clone(),
            updated: self.cloud.clock.now(),
            properties: task.properties,
            attributes: created.attributes,
            needs: task.needs,
            deletion_policy: resource.deletion_policy,
            update_replace_policy: resource.update_replace_policy,
        };
        self.with_stack(|stack, _| stack.resources.insert(task.name.clone(), record));
        if creating {
            let initiated = Some("Resource creation Initiated".to_owned());
            self.event(&task.name, &task.kind, &physical_id, "CREATE_IN_PROGRESS", initiated);
        }
        self.event(&task.name, &task.kind, &physical_id, status, late);
        journal.push(match task.work {
            Work::Create => Done::Created(task.name),
            Work::Update(old) => Done::Updated(task.name, old),
            Work::Replace(old) => Done::Replaced(task.name, old),
        });
    }

    fn refuse(&self, scope: &Scope<'_>, name: &str, words: &Words, reason: String) {
        let kind = &scope.template.resources[name].kind;
        let old = self.with_stack(|stack, _| stack.resources.get(name).map(|old| old.physical_id.clone())).flatten();
        let status = if old.is_some() { "UPDATE_FAILED" } else { "CREATE_FAILED" };
        debug_assert!(words.verb == "update" || old.is_none());
        self.event(name, kind, old.as_deref().unwrap_or_default(), status, Some(reason));
    }

    /// An update that failed may have been half done: the way back puts the old properties over the attempted ones.
    fn remember_attempt(&self, task: Task, journal: &mut Vec<Done>) {
        let Work::Update(old) = task.work else { return };
        self.with_stack(|stack, _| {
            if let Some(record) = stack.resources.get_mut(&task.name) {
                record.properties = task.properties;
            }
        });
        journal.push(Done::Updated(task.name, old));
    }

    fn know(&self, scope: &mut Scope<'_>, name: &str) {
        let known = self.with_stack(|stack, _| {
            let record = stack.resources.get(name)?;
            Some(Known { physical_id: record.physical_id.clone(), attributes: record.attributes.clone() })
        });
        if let Some(known) = known.flatten() {
            scope.resources.insert(name.to_owned(), known);
        }
    }

    /// The outputs, once every resource stands; an export that is taken or still in use is a failure.
    fn outputs(&self, document: &Document, scope: &Scope<'_>) -> Result<Outputs, String> {
        let evaluated = plan::outputs(scope).map_err(|problem| problem.to_string())?;
        let outputs = stack_outputs(document, evaluated);
        let (region, own) = (self.region, self.names.id.as_str());
        self.formation().with_stacks(|stacks| {
            let foreign = stacks.exports(region, Some(own));
            let exports = outputs.iter().filter_map(|output| Some((output.export.as_deref()?, &output.value)));
            let exports: std::collections::BTreeMap<&str, &String> = exports.collect();
            if let Some(taken) = exports.keys().find(|name| foreign.contains_key(**name)) {
                let owner = stacks.of(region).find(|stack| {
                    stack.lives() && stack.outputs.iter().any(|output| output.export.as_deref() == Some(*taken))
                });
                let owner = owner.map(|stack| stack.name.clone()).unwrap_or_default();
                return Err(format!("Export with name {taken} is already exported by stack {owner}."));
            }
            for output in stacks.find(region, own).into_iter().flat_map(|stack| &stack.outputs) {
                let Some(name) = output.export.as_deref() else { continue };
                let users = stacks.importers(region, name);
                match exports.get(name) {
                    _ if users.is_empty() => {}
                    Some(value) if **value == output.value => {}
                    Some(_) => {
                        return Err(format!("Cannot update export {name} as it is in use by {}", users.join(", ")));
                    }
                    None => return Err(format!("Cannot delete export {name} as it is in use by {}", users.join(", "))),
                }
            }
            Ok(())
        })?;
        Ok(Outputs { outputs, imports: plan::imports(scope) })
    }
}

async fn work(cloud: &Arc<Cloud>, cx: &ResourceContext, task: &Task) -> Result<Created, ResourceError> {
    let Some(handler) = cloud.cloudformation.registry().get(&task.kind) else {
        return Err(ResourceError(format!("no resource type {}", task.kind)));
    };
    match &task.work {
        Work::Create | Work::Replace(_) => handler.create(cx, &task.properties).await,
        Work::Update(old) => handler.update(cx, &old.physical_id, &old.properties, &task.properties).await,
    }
}
