//! Stacks, resources, events and change sets as answers show them.

use crate::clock::Timestamp;
use crate::formation::document::Document;
use crate::formation::parameters::Parameters;
use crate::formation::plan::{Action, Change, Difference, Replacement};
use crate::formation::stack::{ChangeSet, Outcome, Stack, StackEvent, StackOutput, StackResource};
use crate::wire::query::members;
use crate::wire::xml::Element;

pub fn stack(stack: &Stack) -> Element {
    let document = stack.document.as_deref();
    Element::new("member")
        .text_child("StackId", &stack.id)
        .text_child("StackName", &stack.name)
        .optional_child("ChangeSetId", stack.change_set_id.clone())
        .optional_child("Description", document.and_then(|document| document.template.description.clone()))
        .child(parameters(&stack.parameters))
        .text_child("CreationTime", stack.created.iso8601())
        .optional_child("DeletionTime", stack.deleted.map(Timestamp::iso8601))
        .optional_child("LastUpdatedTime", stack.updated.map(Timestamp::iso8601))
        .text_child("StackStatus", stack.status)
        .optional_child("StackStatusReason", stack.reason.clone())
        .text_child("DisableRollback", stack.disable_rollback.to_string())
        .child(texts("NotificationARNs", &stack.notification_arns))
        .child(texts("Capabilities", &stack.capabilities))
        .child(members("Outputs", stack.outputs.iter().map(output)))
        .child(tags(&stack.tags))
        .text_child("EnableTerminationProtection", "false")
        .child(Element::new("DriftInformation").text_child("StackDriftStatus", "NOT_CHECKED"))
}

pub fn stack_summary(stack: &Stack) -> Element {
    let description = stack.document.as_ref().and_then(|document| document.template.description.clone());
    Element::new("member")
        .text_child("StackId", &stack.id)
        .text_child("StackName", &stack.name)
        .optional_child("TemplateDescription", description)
        .text_child("CreationTime", stack.created.iso8601())
        .optional_child("LastUpdatedTime", stack.updated.map(Timestamp::iso8601))
        .optional_child("DeletionTime", stack.deleted.map(Timestamp::iso8601))
        .text_child("StackStatus", stack.status)
        .optional_child("StackStatusReason", stack.reason.clone())
        .child(Element::new("DriftInformation").text_child("StackDriftStatus", "NOT_CHECKED"))
}

fn output(output: &StackOutput) -> Element {
    Element::new("member")
        .text_child("OutputKey", &output.key)
        .text_child("OutputValue", &output.value)
        .optional_child("Description", output.description.clone())
        .optional_child("ExportName", output.export.clone())
}

pub fn event(stack: &Stack, event: &StackEvent) -> Element {
    Element::new("member")
        .text_child("StackId", &stack.id)
        .text_child("EventId", &event.id)
        .text_child("StackName", &stack.name)
        .text_child("LogicalResourceId", &event.logical_id)
        .text_child("PhysicalResourceId", &event.physical_id)
        .text_child("ResourceType", &event.kind)
        .text_child("Timestamp", event.at.iso8601())
        .text_child("ResourceStatus", event.status)
        .optional_child("ResourceStatusReason", event.reason.clone())
}

/// A resource; `moment` is what the action calls the time of its last change.
pub fn resource(stack: &Stack, name: &str, resource: &StackResource, moment: &str, outer: &str) -> Element {
    Element::new(outer)
        .text_child("StackName", &stack.name)
        .text_child("StackId", &stack.id)
        .text_child("LogicalResourceId", name)
        .text_child("PhysicalResourceId", &resource.physical_id)
        .text_child("ResourceType", &resource.kind)
        .text_child(moment, resource.updated.iso8601())
        .text_child("ResourceStatus", resource.status)
        .optional_child("ResourceStatusReason", resource.reason.clone())
        .child(Element::new("DriftInformation").text_child("StackResourceDriftStatus", "NOT_CHECKED"))
}

pub fn change_set(stack: &Stack, set: &ChangeSet, now: Timestamp) -> Vec<Element> {
    let (status, execution) = set.status(now);
    let changes = if now < set.ready { &[] } else { set.changes() };
    let mut out = vec![
        Element::new("ChangeSetName").text(&set.name),
        Element::new("ChangeSetId").text(&set.id),
        Element::new("StackId").text(&stack.id),
        Element::new("StackName").text(&stack.name),
        parameters(&set.document.parameters),
        Element::new("CreationTime").text(set.created.iso8601()),
        Element::new("ExecutionStatus").text(execution),
        Element::new("Status").text(status),
        texts("NotificationARNs", &set.notification_arns),
        texts("Capabilities", &set.capabilities),
        tags(&set.tags),
        members("Changes", changes.iter().map(change)),
        Element::new("IncludeNestedStacks").text("false"),
    ];
    out.extend(set.description.as_ref().map(|text| Element::new("Description").text(text)));
    out.extend(failure(set, now).map(|reason| Element::new("StatusReason").text(reason)));
    out
}

pub fn change_set_summary(stack: &Stack, set: &ChangeSet, now: Timestamp) -> Element {
    let (status, execution) = set.status(now);
    Element::new("member")
        .text_child("StackId", &stack.id)
        .text_child("StackName", &stack.name)
        .text_child("ChangeSetId", &set.id)
        .text_child("ChangeSetName", &set.name)
        .text_child("ExecutionStatus", execution)
        .text_child("Status", status)
        .optional_child("StatusReason", failure(set, now).map(str::to_owned))
        .text_child("CreationTime", set.created.iso8601())
        .optional_child("Description", set.description.clone())
        .text_child("IncludeNestedStacks", "false")
}

fn failure(set: &ChangeSet, now: Timestamp) -> Option<&str> {
    match &set.outcome {
        Outcome::Failed(reason) if now >= set.ready => Some(reason),
        _ => None,
    }
}

fn change(change: &Change) -> Element {
    let action = match change.action {
        Action::Add => "Add",
        Action::Modify => "Modify",
        Action::Remove => "Remove",
    };
    let replacement = change.replacement.map(|replacement| match replacement {
        Replacement::True => "True",
        Replacement::False => "False",
        Replacement::Conditional => "Conditional",
    });
    let mut scope = Vec::new();
    scope.extend((!change.properties.is_empty()).then(|| Element::new("member").text("Properties")));
    scope.extend(change.tags.then(|| Element::new("member").text("Tags")));
    let resource = Element::new("ResourceChange")
        .text_child("Action", action)
        .text_child("LogicalResourceId", &change.logical_id)
        .optional_child("PhysicalResourceId", change.physical_id.clone())
        .text_child("ResourceType", &change.kind)
        .optional_child("Replacement", replacement)
        .child(members("Scope", scope))
        .child(members("Details", change.properties.iter().map(detail)));
    Element::new("member").text_child("Type", "Resource").child(resource)
}

fn detail(difference: &Difference) -> Element {
    let recreation = match (difference.replaces, difference.known) {
        (false, _) => "Never",
        (true, true) => "Always",
        (true, false) => "Conditionally",
    };
    let target = Element::new("Target")
        .text_child("Attribute", "Properties")
        .text_child("Name", &difference.name)
        .text_child("RequiresRecreation", recreation);
    let (evaluation, source) =
        if difference.known { ("Static", "DirectModification") } else { ("Dynamic", "ResourceReference") };
    Element::new("member").child(target).text_child("Evaluation", evaluation).text_child("ChangeSource", source)
}

fn parameters(parameters: &Parameters) -> Element {
    let entries = parameters.iter().map(|(key, parameter)| {
        let stored = parameter.stored.clone().filter(|_| !parameter.no_echo);
        Element::new("member")
            .text_child("ParameterKey", key)
            .text_child("ParameterValue", parameter.shown())
            .optional_child("ResolvedValue", stored)
    });
    members("Parameters", entries)
}

/// The parameters a template declares, for ValidateTemplate (`member` has `DefaultValue`) and GetTemplateSummary.
pub fn declared(document: &crate::formation::template::Template, typed: bool) -> Element {
    let entries = document.parameters.iter().map(|(key, spec)| {
        let default = spec.default.as_ref().and_then(|default| default.as_text().map(str::to_owned));
        let default = if spec.no_echo { default.map(|_| "****".to_owned()) } else { default };
        let kind = typed.then(|| spec.kind.clone());
        Element::new("member")
            .text_child("ParameterKey", key)
            .optional_child("DefaultValue", default)
            .optional_child("ParameterType", kind)
            .text_child("NoEcho", spec.no_echo.to_string())
            .optional_child("Description", spec.description.clone())
    });
    members("Parameters", entries)
}

/// What a document declares beside its parameters.
pub fn declarations(document: &Document) -> Vec<Element> {
    let (needed, kinds) = document.capabilities();
    let mut out = Vec::new();
    out.extend(document.template.description.as_ref().map(|text| Element::new("Description").text(text)));
    out.push(members("Capabilities", needed.map(|name| Element::new("member").text(name))));
    out.extend(needed.map(|_| {
        let why = format!("The following resource(s) require capabilities: [{}]", kinds.join(", "));
        Element::new("CapabilitiesReason").text(why)
    }));
    out.push(texts("DeclaredTransforms", &document.transforms));
    out
}

fn tags(tags: &[(String, String)]) -> Element {
    let entries =
        tags.iter().map(|(key, value)| Element::new("member").text_child("Key", key).text_child("Value", value));
    members("Tags", entries)
}

pub fn texts(name: &str, texts: &[String]) -> Element {
    members(name, texts.iter().map(|text| Element::new("member").text(text)))
}
