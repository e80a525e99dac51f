//! Taking resources away, dependents first, and whole stacks with them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::Run;
use super::times::Step;
use crate::formation::handler::ResourceError;
use crate::formation::stack::StackResource;
use crate::formation::template::Policy;

type Removing<'f> = FuturesUnordered<BoxFuture<'f, (String, StackResource, Result<(), ResourceError>)>>;

impl Run {
    /// Removes resources, each after those that need it; the names of those that could not be removed come back.
    ///
    /// Each comes with whether it was replaced, which is what its policy goes by.
    pub(super) async fn remove_all(&self, mut leaving: Vec<(String, StackResource, bool)>) -> Vec<String> {
        let mut running = Removing::new();
        // What the resources now going still need.
        let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // What the resources that could not go still need: it has to stay as well.
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let mut failed = Vec::new();
        loop {
            while let Some(next) = leaving.iter().position(|(name, ..)| {
                let waits = leaving.iter().any(|(_, other, _)| other.needs.contains(name));
                !waits && !kept.contains(name) && !held.values().any(|needs| needs.contains(name))
            }) {
                let (name, resource, replaced) = leaving.remove(next);
                let policy = if replaced { resource.update_replace_policy } else { resource.deletion_policy };
                if policy != Policy::Delete {
                    self.event(&name, &resource.kind, &resource.physical_id, "DELETE_SKIPPED", None);
                    continue;
                }
                self.event(&name, &resource.kind, &resource.physical_id, "DELETE_IN_PROGRESS", None);
                held.insert(name.clone(), resource.needs.clone());
                running.push(self.removal(name, resource));
            }
            let Some((name, resource, result)) = running.next().await else { break };
            held.remove(&name);
            match result {
                Ok(()) => self.event(&name, &resource.kind, &resource.physical_id, "DELETE_COMPLETE", None),
                Err(error) => {
                    let reason = format!("Resource handler returned message: \"{error}\"");
                    self.event(&name, &resource.kind, &resource.physical_id, "DELETE_FAILED", Some(reason));
                    kept.extend(resource.needs);
                    failed.push(name);
                }
            }
        }
        failed.extend(leaving.into_iter().map(|(name, ..)| name));
        failed
    }

    fn removal<'f>(
        &self,
        name: String,
        resource: StackResource,
    ) -> BoxFuture<'f, (String, StackResource, Result<(), ResourceError>)> {
        let (cloud, cx) = (self.cloud.clone(), self.context(&name, &self.tags));
        let time = self.time(&name, &resource.kind, Step::Delete);
        Box::pin(async move {
            let result = match cloud.cloudformation.registry().get(&resource.kind) {
                Some(handler) => handler.delete(&cx, &resource.physical_id, &resource.properties).await,
                None => Err(ResourceError(format!("no resource type {}", resource.kind))),
            };
            if result.is_ok() {
                tokio::time::sleep(time).await;
            }
            (name, resource, result)
        })
    }

    /// Deletes the stack, but for the resources to retain.
    pub(super) async fn delete(&self, retain: &[String]) {
        let held = self.formation().with_stacks(|stacks| {
            let own = stacks.find(self.region, &self.names.id)?;
            own.outputs.iter().filter_map(|output| output.export.as_deref()).find_map(|export| {
                let users = stacks.importers(self.region, export);
                (!users.is_empty()).then(|| (export.to_owned(), users.join(", ")))
            })
        });
        if let Some((export, users)) = held {
            let reason = format!("Delete canceled. Cannot delete export {export} as it is in use by {users}.");
            return self.enter("DELETE_FAILED", Some(reason));
        }
        let resources = self.with_stack(|stack, _| stack.resources.clone()).unwrap_or_default();
        let mut leaving: Vec<(String, StackResource, bool)> = Vec::new();
        for (name, mut resource) in resources.into_iter().rev() {
            if retain.contains(&name) {
                resource.deletion_policy = Policy::Retain;
            }
            if resource.deletion_policy == Policy::RetainExceptOnCreate {
                resource.deletion_policy = Policy::Retain;
            }
            if resource.status != "DELETE_COMPLETE" {
                leaving.push((name, resource, false));
            }
        }
        let failed = self.remove_all(leaving).await;
        if !failed.is_empty() {
            let reason = format!("The following resource(s) failed to delete: [{}]. ", failed.join(", "));
            return self.enter("DELETE_FAILED", Some(reason));
        }
        self.with_stack(|stack, now| {
            stack.deleted = Some(now);
            stack.outputs.clear();
            stack.imports.clear();
        });
        self.enter("DELETE_COMPLETE", None);
    }
}
