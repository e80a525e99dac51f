//! The CloudFormation API: one function an action.

mod change_sets;
mod input;
mod show;
mod stacks;

use super::CloudFormation;
use crate::gateway::Call;
use crate::wire::query::{self, Params};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};

const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";

/// One request as its action sees it.
struct Asked<'a> {
    formation: &'a CloudFormation,
    call: &'a Call,
    params: &'a Params,
}

type Answer = Result<Vec<Element>, AwsError>;

pub fn handle(formation: &CloudFormation, call: &Call, params: &Params) -> Result<Response, AwsError> {
    let action = params.action();
    let asked = Asked { formation, call, params };
    let run: fn(&Asked<'_>) -> Answer = match action {
        "CreateChangeSet" => change_sets::create,
        "DeleteChangeSet" => change_sets::delete,
        "DescribeChangeSet" => change_sets::describe,
        "ExecuteChangeSet" => change_sets::execute,
        "ListChangeSets" => change_sets::list,
        "CreateStack" => stacks::create,
        "UpdateStack" => stacks::update,
        "DeleteStack" => stacks::delete,
        "DescribeStacks" => stacks::describe,
        "ListStacks" => stacks::list,
        "DescribeStackEvents" => stacks::events,
        "DescribeStackResource" => stacks::resource,
        "DescribeStackResources" => stacks::resources,
        "ListStackResources" => stacks::list_resources,
        "ListExports" => stacks::exports,
        "ListImports" => stacks::imports,
        "GetTemplate" => stacks::template,
        "GetTemplateSummary" => stacks::summary,
        "ValidateTemplate" => stacks::validate,
        other => return Err(AwsError::not_implemented("cloudformation", other)),
    };
    let resource = match params.get("StackName") {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        name => call.arn("cloudformation", &format!("stack/{}/*", name.unwrap_or("*"))),
    };
    call.authorize(&format!("cloudformation:{action}"), &resource)?;
    refuse_unmodelled(params)?;
    let result = run(&asked)?;
    Ok(query::ok(action, NAMESPACE, &call.request_id, result))
}

/// What requests may ask for and the twin does not do, with the value that asks for nothing.
const NOT_MODELLED: &[(&str, &str)] = &[
    ("DeploymentMode", ""),
    ("EnableTerminationProtection", "false"),
    ("ImportExistingResources", "false"),
    ("IncludeNestedStacks", "false"),
    ("ResourcesToImport.member.1.ResourceType", ""),
    ("RetainExceptOnCreate", "false"),
    ("RoleARN", ""),
    ("RollbackConfiguration.RollbackTriggers.member.1.Arn", ""),
    ("StackPolicyBody", ""),
    ("StackPolicyURL", ""),
    ("TimeoutInMinutes", ""),
];

fn refuse_unmodelled(params: &Params) -> Result<(), AwsError> {
    let asked = NOT_MODELLED.iter().find(|(name, nothing)| params.get(name).is_some_and(|value| value != *nothing));
    if let Some((name, _)) = asked {
        let name = name.split('.').next().unwrap_or(name);
        return Err(AwsError::not_implemented("cloudformation", &format!("{} with {name}", params.action())));
    }
    let deletes = ["OnFailure", "OnStackFailure"].iter().find(|name| params.get(name) == Some("DELETE"));
    match deletes {
        Some(name) => Err(AwsError::not_implemented("cloudformation", &format!("{}=DELETE", name))),
        None => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("ValidationError", message)
}
