//! The way back: what was done is undone from the journal, last first.

use super::times::Step;
use super::{Done, Former, Run, Words};
use crate::formation::stack::StackResource;
use crate::formation::template::Policy;

impl Run {
    pub(super) async fn back(&self, journal: Vec<Done>, former: Former, words: &Words, reason: String) {
        let creating = former.document.is_none();
        let reason = if creating { format!("{reason}Rollback requested by user.") } else { reason };
        self.enter(words.back, Some(reason));
        let mut leaving: Vec<(String, StackResource, bool)> = Vec::new();
        let mut failed: Vec<String> = Vec::new();
        for done in journal.into_iter().rev() {
            match done {
                Done::Created(name) => {
                    let record = self.with_stack(|stack, _| match creating {
                        // A stack that was never made keeps the record of what it had.
                        true => stack.resources.get(&name).cloned(),
                        false => stack.resources.shift_remove(&name),
                    });
                    leaving.extend(record.flatten().map(|record| (name, rolled_back(record), false)));
                }
                Done::Updated(name, old) => {
                    if !self.restore(&name, *old).await {
                        failed.push(name);
                    }
                }
                Done::Replaced(name, old) => {
                    let new = self.with_stack(|stack, _| stack.resources.insert(name.clone(), (*old).clone()));
                    self.event(&name, &old.kind, &old.physical_id, "UPDATE_COMPLETE", None);
                    leaving.extend(new.flatten().map(|new| (name, rolled_back(new), false)));
                }
            }
        }
        self.with_stack(|stack, _| {
            if !creating {
                stack.document = former.document;
                stack.parameters = former.parameters;
                stack.tags = former.tags;
            }
        });
        if !failed.is_empty() {
            let reason = format!("The following resource(s) failed to update: [{}]. ", failed.join(", "));
            return self.enter(words.back_failed, Some(reason));
        }
        if words.back_cleaning != words.back {
            self.enter(words.back_cleaning, None);
        }
        let left = self.remove_all(leaving).await;
        match left.is_empty() {
            true => self.enter(words.back_done, None),
            false if creating => {
                let reason = format!("The following resource(s) failed to delete: [{}]. ", left.join(", "));
                self.enter(words.back_failed, Some(reason));
            }
            // As in AWS, an update that is rolled back is done even if what it had made stays behind.
            false => self.enter(words.back_done, Some(format!("could not be deleted: [{}]", left.join(", ")))),
        }
    }

    /// Gives an updated resource its old properties back.
    async fn restore(&self, name: &str, old: StackResource) -> bool {
        let current = self.with_stack(|stack, _| stack.resources.get(name).cloned()).flatten();
        let Some(current) = current else { return true };
        self.event(name, &old.kind, &current.physical_id, "UPDATE_IN_PROGRESS", None);
        let cx = self.context(name, &self.former_tags);
        let result = match self.formation().registry().get(&old.kind) {
            Some(handler) => handler.update(&cx, &current.physical_id, &current.properties, &old.properties).await,
            None => return false,
        };
        match result {
            Ok(_) => {
                tokio::time::sleep(self.time(name, &old.kind, Step::Update)).await;
                let (kind, physical_id) = (old.kind.clone(), old.physical_id.clone());
                self.with_stack(|stack, _| stack.resources.insert(name.to_owned(), old));
                self.event(name, &kind, &physical_id, "UPDATE_COMPLETE", None);
                true
            }
            Err(error) => {
                let reason = format!("Resource handler returned message: \"{error}\"");
                self.event(name, &old.kind, &current.physical_id, "UPDATE_FAILED", Some(reason));
                false
            }
        }
    }
}

/// A record under the policy that a rollback goes by: what was made by the operation that failed.
fn rolled_back(mut record: StackResource) -> StackResource {
    if record.deletion_policy == Policy::RetainExceptOnCreate {
        record.deletion_policy = Policy::Delete;
    }
    record
}
