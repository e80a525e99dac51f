//! Change sets: made, shown, executed, deleted.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::input::Before;
use super::{Answer, Asked, invalid, show};
use crate::formation::document::{Document, acknowledge};
use crate::formation::execute::{self, Target, stack_names};
use crate::formation::intrinsics::StackNames;
use crate::formation::plan::{self, Change};
use crate::formation::stack::{ChangeSet, Outcome, Stack, Stacks};
use crate::formation::template::to_error;
use crate::wire::AwsError;
use crate::wire::query::members;
use crate::wire::xml::Element;

/// How long CloudFormation works a change set out; a few seconds is common for small stacks.
const WORKING_OUT: Duration = Duration::from_secs(3);
/// What an update without effect is refused with.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

pub fn create(asked: &Asked<'_>) -> Answer {
    let (stack_name, name) = (asked.params.require("StackName")?, asked.params.require("ChangeSetName")?);
    let (region, cloud) = (asked.region(), &asked.call.cloud);
    let creating = match asked.params.get("ChangeSetType") {
        Some("CREATE") => true,
        None | Some("UPDATE") => false,
        Some(other) => return Err(invalid(format!("the twin does not model the change set type {other}"))),
    };
    check_name(name, "changeSetName")?;
    let standing = asked.formation.with_stacks(|stacks| standing(stacks, asked, stack_name, name, creating))?;
    let names = match &standing {
        Some((names, _)) => names.clone(),
        None => {
            check_name(stack_name, "stackName")?;
            new_names(asked, stack_name)
        }
    };
    let before = standing.as_ref().map(|(_, before)| before);
    let document = Arc::new(asked.document(&names, before)?);
    let capabilities = asked.params.strings("Capabilities");
    acknowledge(&document, &capabilities, false)?;
    let tags = asked.tags_or(before);
    let outcome = match work_out(asked, &document, &names, &tags)? {
        Some(changes) => Outcome::Changes(changes),
        None => Outcome::Failed(NO_CHANGES.to_owned()),
    };
    let now = cloud.clock.now();
    let id = asked.call.arn("cloudformation", &format!("changeSet/{name}/{}", cloud.ids.uuid()));
    let change_set = ChangeSet {
        id: id.clone(),
        name: name.to_owned(),
        description: asked.params.get("Description").map(str::to_owned),
        created: now,
        ready: now + WORKING_OUT,
        outcome,
        document,
        tags,
        capabilities,
        notification_arns: asked.params.strings("NotificationARNs"),
        disable_rollback: asked.params.get("OnStackFailure") == Some("DO_NOTHING"),
    };
    let stack_id = names.id.clone();
    asked.formation.with_stacks(|stacks| {
        if stacks.find(region, &stack_id).is_none() {
            let mut stack = new_stack(&names, now);
            stack.enter("REVIEW_IN_PROGRESS", Some("User Initiated".to_owned()), now, cloud.ids.uuid());
            stacks.insert(region, stack);
        }
        if let Some(stack) = stacks.find_mut(region, &stack_id) {
            stack.change_sets.insert(name.to_owned(), change_set);
        }
    });
    Ok(vec![Element::new("Id").text(id), Element::new("StackId").text(stack_id)])
}

/// The stack a change set is for, if it stands; the refusal where the change set may not be made.
fn standing(
    stacks: &Stacks,
    asked: &Asked<'_>,
    stack_name: &str,
    name: &str,
    creating: bool,
) -> Result<Option<(StackNames, Before)>, AwsError> {
    let region = asked.region();
    let Some(stack) = stacks.find(region, stack_name) else {
        return if creating { Ok(None) } else { Err(invalid(format!("Stack [{stack_name}] does not exist"))) };
    };
    if creating && stack.status != "REVIEW_IN_PROGRESS" {
        let why =
            format!("Stack [{stack_name}] already exists and cannot be created again with the changeSet [{name}].");
        return Err(invalid(why));
    }
    if !creating {
        check_updatable(stack)?;
    }
    // The name of a set that was executed is free again.
    if stack.change_set(name).is_some_and(|set| !matches!(set.outcome, Outcome::Spent(..))) {
        return Err(AwsError::bad_request("AlreadyExistsException", format!("ChangeSet {name} already exists.")));
    }
    Ok(Some((stack_names(&asked.call.cloud, region, stack), Before::of(stack))))
}

/// Fails unless an update of the stack may begin.
pub fn check_updatable(stack: &Stack) -> Result<(), AwsError> {
    let ready = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED"];
    if ready.contains(&stack.status) {
        return Ok(());
    }
    Err(invalid(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status)))
}

/// The changes a document means for the stack of these names; nothing where it means none.
pub fn work_out(
    asked: &Asked<'_>,
    document: &Document,
    names: &StackNames,
    tags: &[(String, String)],
) -> Result<Option<Vec<Change>>, AwsError> {
    let region = asked.region();
    asked.formation.with_stacks(|stacks| {
        let none = IndexMap::new();
        let stack = stacks.find(region, &names.id);
        let resources = stack.map_or(&none, |stack| &stack.resources);
        let before = plan::Before { resources, tags: stack.map_or(&[], |stack| &stack.tags) };
        let exports = stacks.exports(region, Some(&names.id));
        let changes = plan::changes(document, asked.formation.registry(), names.clone(), exports, &before, tags)
            .map_err(|problems| to_error(&problems))?;
        // Outputs may change alone, and so may the tags of a stack none of whose resources takes any.
        let same = stack.is_some_and(|stack| {
            let outputs = |document: &Document| document.root.get("Outputs").map(|outputs| outputs.to_json());
            stack.document.as_ref().is_some_and(|former| outputs(former) == outputs(document))
                && stack.tags == tags
                && stack.parameters == document.parameters
        });
        Ok((!changes.is_empty() || !same).then_some(changes))
    })
}

pub fn describe(asked: &Asked<'_>) -> Answer {
    let now = asked.call.cloud.clock.now();
    with_change_set(asked, |stack, index| Ok(show::change_set(stack, &stack.change_sets[index], now)))
}

pub fn list(asked: &Asked<'_>) -> Answer {
    let now = asked.call.cloud.clock.now();
    let name = asked.params.require("StackName")?;
    asked.formation.with_stacks(|stacks| {
        let stack = stacks.require(asked.region(), name)?;
        let sets = stack.change_sets.values().map(|set| show::change_set_summary(stack, set, now));
        Ok(vec![members("Summaries", sets)])
    })
}

pub fn delete(asked: &Asked<'_>) -> Answer {
    let now = asked.call.cloud.clock.now();
    with_change_set(asked, |stack, index| {
        let set = &stack.change_sets[index];
        if set.status(now).1 == "EXECUTE_IN_PROGRESS" {
            let why = format!("ChangeSet [{}] is being executed and cannot be deleted", set.id);
            return Err(AwsError::bad_request("InvalidChangeSetStatus", why));
        }
        stack.change_sets.shift_remove_index(index);
        Ok(Vec::new())
    })
}

pub fn execute(asked: &Asked<'_>) -> Answer {
    let (cloud, region) = (&asked.call.cloud, asked.region());
    let now = cloud.clock.now();
    with_change_set(asked, |stack, index| {
        let set = &stack.change_sets[index];
        let (status, execution) = set.status(now);
        if execution != "AVAILABLE" {
            let why = format!(
                "ChangeSet [{}] cannot be executed in its current status of [{status}] and execution status [{execution}]",
                set.id
            );
            return Err(AwsError::bad_request("InvalidChangeSetStatus", why));
        }
        if stack.status != "REVIEW_IN_PROGRESS" {
            check_updatable(stack)?;
        }
        // The others no longer fit the stack, and CloudFormation deletes them (ExecuteChangeSet reference).
        let executed = set.id.clone();
        stack.change_sets.retain(|_, set| set.id == executed);
        let set = &mut stack.change_sets[0];
        set.spend("EXECUTE_IN_PROGRESS");
        let target = Target {
            document: set.document.clone(),
            tags: set.tags.clone(),
            capabilities: set.capabilities.clone(),
            notification_arns: set.notification_arns.clone(),
            disable_rollback: set.disable_rollback || asked.flag("DisableRollback"),
            change_set: Some(set.id.clone()),
        };
        execute::start(cloud, region, stack, target);
        Ok(Vec::new())
    })
}

/// Runs `with` on the change set a request names, by its name and its stack's or by its own ARN.
fn with_change_set(asked: &Asked<'_>, with: impl FnOnce(&mut Stack, usize) -> Answer) -> Answer {
    let name = asked.params.require("ChangeSetName")?;
    let region = asked.region();
    asked.formation.with_stacks(|stacks| {
        let stack_id = match asked.params.get("StackName") {
            Some(stack) => Some(stacks.require(region, stack)?.id.clone()),
            None => stacks.of(region).find(|stack| stack.change_set(name).is_some()).map(|stack| stack.id.clone()),
        };
        let missing = || AwsError::new(404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"));
        let stack = stack_id.and_then(|id| stacks.find_mut(region, &id)).ok_or_else(missing)?;
        let found =
            stack.change_sets.values().position(|set| set.name == name || set.id == name).ok_or_else(missing)?;
        with(stack, found)
    })
}

/// A change set that is about to be made needs a name as AWS takes them.
fn check_name(name: &str, member: &str) -> Result<(), AwsError> {
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    if starts && name.len() <= 128 && chars.all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// The names of a stack that does not exist yet.
pub fn new_names(asked: &Asked<'_>, name: &str) -> StackNames {
    let id = asked.call.arn("cloudformation", &format!("stack/{name}/{}", asked.call.cloud.ids.uuid()));
    StackNames {
        region: asked.region(),
        account: asked.call.cloud.account.clone(),
        name: name.to_owned(),
        id,
        notification_arns: asked.params.strings("NotificationARNs"),
    }
}

pub fn new_stack(names: &StackNames, now: crate::clock::Timestamp) -> Stack {
    Stack {
        id: names.id.clone(),
        name: names.name.clone(),
        status: "REVIEW_IN_PROGRESS",
        reason: None,
        created: now,
        updated: None,
        deleted: None,
        change_set_id: None,
        parameters: Default::default(),
        tags: Vec::new(),
        capabilities: Vec::new(),
        notification_arns: names.notification_arns.clone(),
        document: None,
        resources: IndexMap::new(),
        outputs: Vec::new(),
        imports: Default::default(),
        events: Vec::new(),
        change_sets: IndexMap::new(),
        disable_rollback: false,
    }
}
