//! Stacks: made directly, shown, deleted; and what can be asked of a template alone.

use std::sync::Arc;

use super::change_sets::{check_updatable, new_names, new_stack, work_out};
use super::input::Before;
use super::{Answer, Asked, invalid, show};
use crate::formation::document::{Document, Reading, acknowledge};
use crate::formation::execute::{self, Target, stack_names};
use crate::formation::parameters::Given;
use crate::formation::stack::Stack;
use crate::formation::template::{read_parameters, yaml};
use crate::wire::AwsError;
use crate::wire::query::members;
use crate::wire::xml::Element;

pub fn create(asked: &Asked<'_>) -> Answer {
    let name = asked.params.require("StackName")?;
    let (cloud, region) = (&asked.call.cloud, asked.region());
    if asked.formation.with_stacks(|stacks| stacks.find(region, name).is_some()) {
        return Err(AwsError::bad_request("AlreadyExistsException", format!("Stack [{name}] already exists")));
    }
    let names = new_names(asked, name);
    let document = Arc::new(asked.document(&names, None)?);
    let target = target(asked, document.clone(), asked.tags());
    acknowledge(&document, &target.capabilities, true)?;
    work_out(asked, &document, &names, &target.tags)?;
    let mut stack = new_stack(&names, cloud.clock.now());
    asked.formation.with_stacks(|stacks| {
        execute::start(cloud, region, &mut stack, target);
        stacks.insert(region, stack);
    });
    Ok(vec![Element::new("StackId").text(names.id)])
}

pub fn update(asked: &Asked<'_>) -> Answer {
    let name = asked.params.require("StackName")?;
    let (cloud, region) = (&asked.call.cloud, asked.region());
    let (names, before) = asked.formation.with_stacks(|stacks| {
        let stack = stacks.require(region, name)?;
        check_updatable(stack)?;
        Ok((stack_names(cloud, region, stack), Before::of(stack)))
    })?;
    let document = Arc::new(asked.document(&names, Some(&before))?);
    let target = target(asked, document.clone(), asked.tags_or(Some(&before)));
    acknowledge(&document, &target.capabilities, true)?;
    if work_out(asked, &document, &names, &target.tags)?.is_none() {
        return Err(invalid("No updates are to be performed."));
    }
    asked.formation.with_stacks(|stacks| {
        execute::start(cloud, region, stacks.require_mut(region, &names.id)?, target);
        Ok(vec![Element::new("StackId").text(names.id)])
    })
}

fn target(asked: &Asked<'_>, document: Arc<Document>, tags: Vec<(String, String)>) -> Target {
    Target {
        document,
        tags,
        capabilities: asked.params.strings("Capabilities"),
        notification_arns: asked.params.strings("NotificationARNs"),
        disable_rollback: asked.flag("DisableRollback") || asked.params.get("OnFailure") == Some("DO_NOTHING"),
        change_set: None,
    }
}

pub fn delete(asked: &Asked<'_>) -> Answer {
    let name = asked.params.require("StackName")?;
    let (cloud, region) = (&asked.call.cloud, asked.region());
    let retain = asked.params.strings("RetainResources");
    asked.formation.with_stacks(|stacks| {
        // Deleting what is not there, or is going already, is no error at AWS.
        let Some(stack) = stacks.find_mut(region, name).filter(|stack| stack.lives()) else { return Ok(Vec::new()) };
        if stack.status == "DELETE_IN_PROGRESS" {
            return Ok(Vec::new());
        }
        if stack.is_busy() {
            return Err(invalid(format!("Stack:{} is in {} state and can not be deleted.", stack.id, stack.status)));
        }
        if !retain.is_empty() && stack.status != "DELETE_FAILED" {
            return Err(invalid("RetainResources can only be given for a stack in DELETE_FAILED"));
        }
        execute::delete(cloud, region, stack, retain);
        Ok(Vec::new())
    })
}

pub fn describe(asked: &Asked<'_>) -> Answer {
    let region = asked.region();
    asked.formation.with_stacks(|stacks| {
        let found: Vec<Element> = match asked.params.get("StackName") {
            Some(name) => vec![show::stack(stacks.require(region, name)?)],
            None => stacks.of(region).rev().filter(|stack| stack.lives()).map(show::stack).collect(),
        };
        Ok(vec![members("Stacks", found)])
    })
}

pub fn list(asked: &Asked<'_>) -> Answer {
    let wanted = asked.params.strings("StackStatusFilter");
    asked.formation.with_stacks(|stacks| {
        let found = stacks.of(asked.region()).rev();
        let found = found.filter(|stack| wanted.is_empty() || wanted.iter().any(|status| status == stack.status));
        Ok(vec![members("StackSummaries", found.map(show::stack_summary))])
    })
}

pub fn events(asked: &Asked<'_>) -> Answer {
    /// What one answer holds; the rest is behind `NextToken`.
    const PAGE: usize = 100;
    let skip: usize = asked.params.get("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    with_stack(asked, |stack| {
        let page = stack.events.iter().rev().skip(skip).take(PAGE);
        let mut out = vec![members("StackEvents", page.map(|event| show::event(stack, event)))];
        if stack.events.len() > skip + PAGE {
            out.push(Element::new("NextToken").text((skip + PAGE).to_string()));
        }
        Ok(out)
    })
}

pub fn resource(asked: &Asked<'_>) -> Answer {
    let name = asked.params.require("LogicalResourceId")?;
    with_stack(asked, |stack| {
        let resource = stack.resources.get(name).ok_or_else(|| no_resource(stack, name))?;
        Ok(vec![show::resource(stack, name, resource, "LastUpdatedTimestamp", "StackResourceDetail")])
    })
}

pub fn resources(asked: &Asked<'_>) -> Answer {
    let wanted = asked.params.get("LogicalResourceId");
    with_stack(asked, |stack| {
        if let Some(name) = wanted
            && !stack.resources.contains_key(name)
        {
            return Err(no_resource(stack, name));
        }
        let found = stack.resources.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
        let found = found.map(|(name, resource)| show::resource(stack, name, resource, "Timestamp", "member"));
        Ok(vec![members("StackResources", found)])
    })
}

pub fn list_resources(asked: &Asked<'_>) -> Answer {
    with_stack(asked, |stack| {
        let found = stack.resources.iter();
        let found =
            found.map(|(name, resource)| show::resource(stack, name, resource, "LastUpdatedTimestamp", "member"));
        Ok(vec![members("StackResourceSummaries", found)])
    })
}

pub fn exports(asked: &Asked<'_>) -> Answer {
    let region = asked.region();
    asked.formation.with_stacks(|stacks| {
        let mut found = Vec::new();
        for stack in stacks.of(region).filter(|stack| stack.lives()) {
            for output in &stack.outputs {
                let Some(name) = &output.export else { continue };
                let export = Element::new("member").text_child("ExportingStackId", &stack.id);
                found.push(export.text_child("Name", name).text_child("Value", &output.value));
            }
        }
        Ok(vec![members("Exports", found)])
    })
}

pub fn imports(asked: &Asked<'_>) -> Answer {
    let name = asked.params.require("ExportName")?;
    asked.formation.with_stacks(|stacks| match stacks.importers(asked.region(), name).as_slice() {
        [] => Err(invalid(format!("Export '{name}' is not imported by any stack."))),
        users => Ok(vec![members("Imports", users.iter().map(|user| Element::new("member").text(*user)))]),
    })
}

pub fn template(asked: &Asked<'_>) -> Answer {
    let processed = asked.params.get("TemplateStage") == Some("Processed");
    let change_set = asked.params.get("ChangeSetName");
    with_stack(asked, |stack| {
        let document = match change_set {
            Some(name) => stack.change_set(name).map(|set| &set.document),
            None => stack.document.as_ref(),
        };
        let document = document.ok_or_else(|| invalid(format!("Template of {} is not available", stack.name)))?;
        let body = if processed { document.processed().to_string() } else { document.body.clone() };
        let stages = ["Original".to_owned(), "Processed".to_owned()];
        Ok(vec![Element::new("TemplateBody").text(body), show::texts("StagesAvailable", &stages)])
    })
}

/// Reads a template with stand-ins for the parameters it has no default for.
fn template_alone(asked: &Asked<'_>) -> Result<Document, AwsError> {
    let body = match asked.params.get("StackName") {
        Some(name) => asked.formation.with_stacks(|stacks| {
            let stack = stacks.require(asked.region(), name)?;
            let document = stack.document.as_ref();
            document.map(|document| document.body.clone()).ok_or_else(|| invalid("the stack has no template yet"))
        })?,
        None => asked.body()?,
    };
    let mut given = asked.parameters();
    if let Ok(root) = yaml::parse(&body, yaml::ShortForms::Allowed)
        && let Ok(specs) = read_parameters(&root)
    {
        for (name, spec) in specs.iter().filter(|(_, spec)| spec.default.is_none()) {
            let fitting = spec.allowed_values.first().cloned();
            let number = spec.min_value.unwrap_or(0.0).to_string();
            let length = spec.min_length.unwrap_or(1).max(1);
            let value = fitting.unwrap_or(if spec.kind.contains("Number") { number } else { "x".repeat(length) });
            given.push(Given { key: name.clone(), value: Some(value), use_previous: false });
        }
    }
    let names = crate::formation::intrinsics::StackNames {
        region: asked.region(),
        account: asked.call.cloud.account.clone(),
        name: "template".to_owned(),
        id: String::new(),
        notification_arns: Vec::new(),
    };
    let (cloud, registry) = (&*asked.call.cloud, asked.formation.registry());
    let reading = Reading { cloud, registry, given: &given, previous: None, stack: &names, patterns: false };
    Document::read(body, &reading)
}

pub fn validate(asked: &Asked<'_>) -> Answer {
    let document = template_alone(asked)?;
    let mut out = vec![show::declared(&document.template, false)];
    out.extend(show::declarations(&document));
    Ok(out)
}

pub fn summary(asked: &Asked<'_>) -> Answer {
    let document = template_alone(asked)?;
    let mut out = vec![show::declared(&document.template, true)];
    out.extend(show::declarations(&document));
    let mut kinds: Vec<String> = document.template.resources.values().map(|resource| resource.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    out.push(show::texts("ResourceTypes", &kinds));
    out.push(Element::new("Version").text("2010-09-09"));
    Ok(out)
}

fn with_stack(asked: &Asked<'_>, with: impl FnOnce(&Stack) -> Answer) -> Answer {
    let name = asked.params.require("StackName")?;
    asked.formation.with_stacks(|stacks| with(stacks.require(asked.region(), name)?))
}

fn no_resource(stack: &Stack, name: &str) -> AwsError {
    invalid(format!("Resource {name} does not exist for stack {}", stack.name))
}
