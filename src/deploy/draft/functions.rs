//! Functions by who may call them: the API's, the guard that alarms call, and the secret's rotation.

use serde_json::Value;

use super::super::adopted::ByRegion;
use super::Look;
use crate::region::Region;
use crate::target::{Clients, said};

/// A function, as its Region shows it.
struct Function {
    name: String,
    environment: Vec<String>,
    /// Who may call it: the service, the source and the alias, where the permission is for one.
    callers: Vec<Caller>,
}

struct Caller {
    service: String,
    source: String,
    alias: Option<String>,
}

pub(super) async fn look(look: &mut Look<'_>) {
    let mut served = Vec::new();
    let mut guards = Vec::new();
    for (region, clients) in look.regions {
        match functions(clients).await {
            Ok(functions) => {
                served.push((*region, of_api(look, *region, &functions)));
                guards.push((*region, guard(look, *region, &functions)));
            }
            Err(why) => look.trouble("functions", *region, &why),
        }
    }
    let why = "the function that the API may call";
    for (role, pick) in [("function", 0), ("alias", 1), ("api-source", 2)] {
        let values: ByRegion =
            served.iter().filter_map(|(region, found)| Some((*region, found.as_ref()?.get(pick)?.clone()?))).collect();
        look.note(role, some(values, why));
    }
    let values: ByRegion = guards
        .iter()
        .filter_map(|(region, found)| Some((*region, format!("/aws/lambda/{}", found.first()?))))
        .collect();
    let mut candidates = some(values, "the log of the function that alarms call through SNS");
    for (region, found) in &guards {
        for name in found.iter().skip(1) {
            let why = format!("SNS may call it in {region} too");
            candidates.push((ByRegion::from([(*region, format!("/aws/lambda/{name}"))]), why));
        }
    }
    look.note("guard-log", candidates);
    rotation(look).await;
}

fn some(values: ByRegion, why: &str) -> Vec<(ByRegion, String)> {
    if values.is_empty() { Vec::new() } else { vec![(values, why.to_owned())] }
}

/// The function, the alias and the source of the permission by which a Region's API calls its function.
fn of_api(look: &Look<'_>, region: Region, functions: &[Function]) -> Option<[Option<String>; 3]> {
    let api = look.value("api-host", region)?.split('.').next()?;
    functions.iter().find_map(|function| {
        let caller = function.callers.iter().find(|caller| {
            let of_api = caller.source.rsplit(':').next().and_then(|rest| rest.split('/').next());
            caller.service == "apigateway.amazonaws.com" && of_api == Some(api)
        })?;
        let end = caller.source.find(api)? + api.len();
        Some([Some(function.name.clone()), caller.alias.clone(), Some(format!("{}/*", &caller.source[..end]))])
    })
}

/// Functions that SNS may call, those first that are told the zone or the public name.
fn guard(look: &Look<'_>, region: Region, functions: &[Function]) -> Vec<String> {
    let known = [look.value("hosted-zone", region), look.value("public-name", region)];
    let told = |function: &&Function| known.iter().flatten().any(|v| function.environment.iter().any(|e| e == v));
    let called = functions.iter().filter(|f| f.callers.iter().any(|caller| caller.service == "sns.amazonaws.com"));
    let (first, rest): (Vec<_>, Vec<_>) = called.partition(told);
    first.into_iter().chain(rest).map(|function| function.name.clone()).collect()
}

async fn functions(clients: &Clients) -> Result<Vec<Function>, String> {
    let mut found = Vec::new();
    let mut pages = clients.lambda.list_functions().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| said(&error))?;
        for function in page.functions() {
            let Some(name) = function.function_name() else { continue };
            let variables = function.environment().and_then(|environment| environment.variables());
            let mut environment: Vec<String> =
                variables.into_iter().flatten().map(|(_, value)| value.clone()).collect();
            environment.sort();
            let mut callers = callers(clients, name, None).await;
            let aliases = clients.lambda.list_aliases().function_name(name).send().await;
            for alias in aliases.iter().flat_map(|aliases| aliases.aliases()) {
                if let (Some(short), Some(arn)) = (alias.name(), alias.alias_arn()) {
                    callers.extend(callers_of(clients, name, short, arn).await);
                }
            }
            found.push(Function { name: name.to_owned(), environment, callers });
        }
    }
    Ok(found)
}

async fn callers_of(clients: &Clients, name: &str, alias: &str, arn: &str) -> Vec<Caller> {
    let found = callers(clients, name, Some(alias)).await;
    found.into_iter().map(|caller| Caller { alias: Some(arn.to_owned()), ..caller }).collect()
}

/// Reads a resource policy; a function without one has no callers.
async fn callers(clients: &Clients, name: &str, alias: Option<&str>) -> Vec<Caller> {
    let call = clients.lambda.get_policy().function_name(name).set_qualifier(alias.map(str::to_owned));
    let Ok(answer) = call.send().await else { return Vec::new() };
    let policy: Value = serde_json::from_str(answer.policy().unwrap_or_default()).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let caller = |statement: &Value| Caller {
        service: text(&statement["Principal"]["Service"]),
        source: text(&statement["Condition"]["ArnLike"]["AWS:SourceArn"]),
        alias: None,
    };
    statements.iter().map(caller).collect()
}

/// The function that rotates the secret, its log, and the table it keeps logins in.
async fn rotation(look: &mut Look<'_>) {
    for (region, clients) in look.regions {
        let Some(secret) = look.value("secret", *region).map(str::to_owned) else { continue };
        let Ok(described) = clients.secretsmanager.describe_secret().secret_id(secret).send().await else { continue };
        let Some(arn) = described.rotation_lambda_arn() else { continue };
        let name = arn.split(":function:").nth(1).unwrap_or(arn).split(':').next().unwrap_or(arn).to_owned();
        let once = |value: String| ByRegion::from([(*region, value)]);
        look.note("rotation-function", some(once(name.clone()), "the function that rotates the secret"));
        look.note("rotation-log", some(once(format!("/aws/lambda/{name}")), "the log of the secret's rotation"));
        let configured = clients.lambda.get_function_configuration().function_name(&name).send().await;
        let Ok(configured) = configured else { return };
        let variables = configured.environment().and_then(|environment| environment.variables());
        let mut values: Vec<&String> = variables.into_iter().flatten().map(|(_, value)| value).collect();
        values.sort();
        for value in values {
            if clients.dynamodb.describe_table().table_name(value).send().await.is_ok() {
                let why = "a table that the rotation's environment names";
                look.note("credentials", some(once(value.clone()), why));
                return;
            }
        }
        return;
    }
}
