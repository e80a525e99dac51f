//! The REST API of Lambda: which path means which operation, and the shapes that go in and out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Lambda;
use super::code::{Event, Reply};
use super::control::{AliasChange, NewFunction, event_config, expect_revision};
use super::events::EVENT_BYTES_MAX;
use super::function::not_found;
use super::package::Package;
use super::policy::Statement;
use super::settings::{Settings, invalid};
use super::target::Target;
use crate::gateway::Call;
use crate::rest::lambda;
use crate::wire::{AwsError, Request, Response, json as body, respond};

/// The largest request or answer of a synchronous invocation ("Lambda quotas": 6 MB each).
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What a path says, percent-decoded.
pub struct Path {
    pub operation: &'static str,
    function: String,
    /// The alias or statement named after the collection.
    item: String,
    query: BTreeMap<String, String>,
}

impl Path {
    /// Reads `/<date>/functions/<name>/<collection>/<item>`; the operation is "" where there is none of that shape.
    pub fn read(request: &Request) -> Self {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let parts: Vec<String> = request.uri().path().split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let part = |index: usize| parts.get(index).map_or("", String::as_str);
        let operation = match part(1) {
            "functions" => lambda::operation(request.method().as_str(), part(2), part(3), part(4)),
            _ => "",
        };
        let query = request.uri().query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { operation, function: part(2).to_owned(), item: part(4).to_owned(), query }
    }

    fn target(&self) -> Target<'_> {
        Target::parse(&self.function).qualified(self.query.get("Qualifier").map(String::as_str))
    }
}

pub async fn handle(lambda: &Lambda, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let path = Path::read(request);
    if path.operation.is_empty() {
        let shape = format!("{} {}", request.method(), request.uri().path());
        return Err(AwsError::not_implemented("lambda", &shape));
    }
    if path.operation == "Invoke" {
        return invoke(lambda, call, &path, request).await;
    }
    let target = path.target();
    if path.operation == "ListFunctions" {
        call.authorize("lambda:ListFunctions", "*")?;
    } else {
        let name = if path.operation == "CreateFunction" { "*" } else { target.name };
        call.authorize(&format!("lambda:{}", path.operation), &call.arn("lambda", &format!("function:{name}")))?;
    }
    let given = body::body(request)?;
    let (status, answer) = match path.operation {
        "CreateFunction"
        | "ListFunctions"
        | "GetFunction"
        | "GetFunctionConfiguration"
        | "DeleteFunction"
        | "UpdateFunctionConfiguration"
        | "UpdateFunctionCode" => functions(lambda, call, &path, target, &given)?,
        "PublishVersion" | "ListVersionsByFunction" => versions(lambda, call, &path, target, &given)?,
        "CreateAlias" | "ListAliases" | "GetAlias" | "UpdateAlias" | "DeleteAlias" => {
            aliases(lambda, call, &path, target, &given)?
        }
        "AddPermission" | "GetPolicy" | "RemovePermission" => policy(lambda, call, &path, target, &given)?,
        _ => limits(lambda, call, &path, target, &given)?,
    };
    let bytes = if answer.is_null() { Bytes::new() } else { Bytes::from(answer.to_string()) };
    Ok(respond(status, "application/json", &call.request_id, bytes))
}

fn functions(
    lambda: &Lambda,
    call: &Call,
    path: &Path,
    target: Target<'_>,
    given: &Value,
) -> Result<(u16, Value), AwsError> {
    let (cloud, region) = (&*call.cloud, call.region);
    match path.operation {
        "CreateFunction" => {
            let name = given.get("FunctionName").and_then(Value::as_str).unwrap_or_default();
            let name = Target::parse(name).name.to_owned();
            let code = given.get("Code").ok_or_else(|| invalid("Code is mandatory"))?;
            let tags = given.get("Tags").and_then(|tags| serde_json::from_value(tags.clone()).ok()).unwrap_or_default();
            let (settings, package) = (Settings::create(given)?, Package::of_request(cloud, code)?);
            let shown = lambda.create(cloud, region, NewFunction { name: name.clone(), settings, package, tags })?;
            published(lambda, call, &name, given, shown).map(|shown| (201, shown))
        }
        "ListFunctions" => {
            let state = lambda.state();
            let all = state.regions.get(&region).into_iter().flat_map(|functions| functions.by_name.values());
            let shown: Vec<Value> = all.map(|function| function.describe(&function.latest, None)).collect();
            Ok((200, json!({ "Functions": shown })))
        }
        "GetFunction" => lambda.with(cloud, region, target.name, |function| {
            let version = function.version(target.qualifier, || 1.0)?;
            let mut shown = json!({
                "Configuration": function.describe(version, target.qualifier),
                "Code": { "RepositoryType": "S3" },
                "Tags": function.tags,
            });
            if let Some(share) = function.reserved {
                shown["Concurrency"] = json!({ "ReservedConcurrentExecutions": share });
            }
            Ok((200, shown))
        }),
        "GetFunctionConfiguration" => lambda.with(cloud, region, target.name, |function| {
            let version = function.version(target.qualifier, || 1.0)?;
            Ok((200, function.describe(version, target.qualifier)))
        }),
        "DeleteFunction" => match lambda.remove(region, target.name, target.qualifier)? {
            true => Ok((204, Value::Null)),
            false => Err(not_found(&call.arn("lambda", &format!("function:{}", target.name)))),
        },
        "UpdateFunctionConfiguration" => {
            let change = |now: &super::function::Version| {
                expect_revision(revision(given), &now.revision_id)?;
                Ok((now.settings.clone().merge(given)?, now.package.clone()))
            };
            lambda.change(cloud, region, target.name, change).map(|shown| (200, shown))
        }
        _ => {
            let package = Package::of_request(cloud, given)?;
            let change = |now: &super::function::Version| {
                expect_revision(revision(given), &now.revision_id)?;
                Ok((now.settings.clone(), package))
            };
            let shown = lambda.change(cloud, region, target.name, change)?;
            published(lambda, call, target.name, given, shown).map(|shown| (200, shown))
        }
    }
}

/// What a request takes the thing it changes to be.
fn revision(given: &Value) -> Option<&str> {
    given.get("RevisionId").and_then(Value::as_str)
}

/// Publishes a version where the request says so.
fn published(lambda: &Lambda, call: &Call, name: &str, given: &Value, shown: Value) -> Result<Value, AwsError> {
    if given.get("Publish") != Some(&Value::Bool(true)) {
        return Ok(shown);
    }
    lambda.publish(&call.cloud, call.region, name, None, None)
}

fn versions(
    lambda: &Lambda,
    call: &Call,
    path: &Path,
    target: Target<'_>,
    given: &Value,
) -> Result<(u16, Value), AwsError> {
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    if path.operation == "PublishVersion" {
        let (description, sha256) = (text("Description"), text("CodeSha256"));
        lambda.with(&call.cloud, call.region, target.name, |function| {
            expect_revision(revision(given), &function.latest.revision_id)
        })?;
        return lambda.publish(&call.cloud, call.region, target.name, description, sha256).map(|shown| (201, shown));
    }
    lambda.with(&call.cloud, call.region, target.name, |function| {
        let all = std::iter::once(&function.latest).chain(function.versions.values());
        let shown: Vec<Value> = all.map(|version| function.describe(version, Some(&version.label()))).collect();
        Ok((200, json!({ "Versions": shown })))
    })
}

fn aliases(
    lambda: &Lambda,
    call: &Call,
    path: &Path,
    target: Target<'_>,
    given: &Value,
) -> Result<(u16, Value), AwsError> {
    let (cloud, region) = (&*call.cloud, call.region);
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let routing: Option<Vec<(String, f64)>> =
        given.pointer("/RoutingConfig/AdditionalVersionWeights").and_then(Value::as_object).map(|weights| {
            weights.iter().map(|(version, weight)| (version.clone(), weight.as_f64().unwrap_or(-1.0))).collect()
        });
    let routing = routing.or_else(|| given.get("RoutingConfig").map(|_| Vec::new()));
    let change = AliasChange {
        version: text("FunctionVersion"),
        description: text("Description"),
        routing: routing.as_deref(),
        revision: text("RevisionId"),
    };
    match path.operation {
        "CreateAlias" => {
            let name = text("Name").unwrap_or_default();
            lambda.put_alias(cloud, region, target.name, name, &change, true).map(|shown| (201, shown))
        }
        "UpdateAlias" => {
            lambda.put_alias(cloud, region, target.name, &path.item, &change, false).map(|shown| (200, shown))
        }
        "ListAliases" => lambda.with(cloud, region, target.name, |function| {
            let shown: Vec<Value> =
                function.aliases.iter().map(|(name, alias)| function.describe_alias(name, alias)).collect();
            Ok((200, json!({ "Aliases": shown })))
        }),
        "GetAlias" => lambda.with(cloud, region, target.name, |function| {
            let alias = function.aliases.get(&path.item);
            let alias = alias.ok_or_else(|| not_found(&format!("{}:{}", function.arn, path.item)))?;
            Ok((200, function.describe_alias(&path.item, alias)))
        }),
        _ => lambda.with(cloud, region, target.name, |function| {
            function.aliases.remove(&path.item);
            Ok((204, Value::Null))
        }),
    }
}

fn policy(
    lambda: &Lambda,
    call: &Call,
    path: &Path,
    target: Target<'_>,
    given: &Value,
) -> Result<(u16, Value), AwsError> {
    let (cloud, region) = (&*call.cloud, call.region);
    match path.operation {
        "AddPermission" => {
            let sid = given.get("StatementId").and_then(Value::as_str).unwrap_or_default();
            if revision(given).is_some() {
                return Err(invalid("the embedded twin does not model RevisionId of a permission"));
            }
            let statement = statement(given, sid, target.qualifier)?;
            lambda.add_permission(cloud, region, target.name, statement).map(|shown| (201, shown))
        }
        "RemovePermission" => {
            lambda.remove_permission(cloud, region, target.name, &path.item).map(|()| (204, Value::Null))
        }
        _ => lambda.with(cloud, region, target.name, |function| {
            let statements: Vec<Value> = function
                .policy
                .iter()
                .filter(|statement| statement.qualifier.as_deref() == target.qualifier)
                .map(|statement| statement.describe(&function.arn))
                .collect();
            if statements.is_empty() {
                return Err(not_found(&function.arn));
            }
            let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
            Ok((200, json!({ "Policy": policy.to_string(), "RevisionId": function.latest.revision_id })))
        }),
    }
}

/// A statement from AddPermission's members, which are those of AWS::Lambda::Permission too.
pub fn statement(given: &Value, sid: &str, qualifier: Option<&str>) -> Result<Statement, AwsError> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    for name in ["EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "PrincipalOrgID"] {
        if given.get(name).is_some_and(|value| !value.is_null()) {
            return Err(invalid(format!("the embedded twin does not model {name} of a permission")));
        }
    }
    let (Some(principal), Some(action)) = (text("Principal"), text("Action")) else {
        return Err(invalid("Principal and Action are mandatory"));
    };
    if !action.starts_with("lambda:") && action != "*" {
        return Err(invalid(format!(
            "the action {action:?} is none of Lambda's: lambda:InvokeFunction is the usual one"
        )));
    }
    Ok(Statement {
        sid: sid.to_owned(),
        principal,
        action,
        source_arn: text("SourceArn"),
        source_account: text("SourceAccount"),
        qualifier: qualifier.filter(|qualifier| *qualifier != "$LATEST").map(str::to_owned),
    })
}

fn limits(
    lambda: &Lambda,
    call: &Call,
    path: &Path,
    target: Target<'_>,
    given: &Value,
) -> Result<(u16, Value), AwsError> {
    let (cloud, region) = (&*call.cloud, call.region);
    let qualifier = target.qualifier.unwrap_or("$LATEST");
    match path.operation {
        "PutFunctionConcurrency" => {
            let share = given.get("ReservedConcurrentExecutions").and_then(Value::as_u64);
            let share = share.and_then(|share| u32::try_from(share).ok());
            let share = share.ok_or_else(|| invalid("ReservedConcurrentExecutions must be a number from 0"))?;
            lambda.reserve(cloud, region, target.name, Some(share))?;
            Ok((200, json!({ "ReservedConcurrentExecutions": share })))
        }
        "GetFunctionConcurrency" => lambda.with(cloud, region, target.name, |function| {
            Ok((200, function.reserved.map_or(json!({}), |share| json!({ "ReservedConcurrentExecutions": share }))))
        }),
        "DeleteFunctionConcurrency" => lambda.reserve(cloud, region, target.name, None).map(|()| (204, Value::Null)),
        "PutFunctionEventInvokeConfig" | "UpdateFunctionEventInvokeConfig" => {
            let old =
                lambda.with(cloud, region, target.name, |function| Ok(function.event_config(target.qualifier)))?;
            let start = if path.operation.starts_with("Put") { Default::default() } else { old };
            let config = event_config(given, start)?;
            lambda.put_event_config(cloud, region, target.name, target.qualifier, config).map(|shown| (200, shown))
        }
        "GetFunctionEventInvokeConfig" => lambda.with(cloud, region, target.name, |function| {
            let arn = format!("{}:{qualifier}", function.arn);
            let config = function.event_configs.get(qualifier).ok_or_else(|| not_found(&arn))?;
            Ok((200, config.describe(&arn)))
        }),
        _ => lambda.with(cloud, region, target.name, |function| {
            function.event_configs.remove(qualifier);
            Ok((204, Value::Null))
        }),
    }
}

async fn invoke(lambda: &Lambda, call: &Call, path: &Path, request: &Request) -> Result<Response, AwsError> {
    let target = path.target();
    let kind = request.headers().get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok());
    let limit = if kind == Some("Event") { EVENT_BYTES_MAX } else { PAYLOAD_BYTES_MAX };
    let bytes = request.body().len();
    if bytes > limit {
        let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation: {bytes}");
        return Err(AwsError::new(413, "RequestTooLargeException", message));
    }
    let event = if request.body().is_empty() {
        json!({})
    } else {
        serde_json::from_slice(request.body()).map_err(|error| {
            AwsError::bad_request(
                "InvalidRequestContentException",
                format!("Could not parse request body into json: {error}"),
            )
        })?
    };
    let name = match target.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", target.name),
        None => target.name.to_owned(),
    };
    let (cloud, region, by) = (&call.cloud, target.region.unwrap_or(call.region), &call.principal);
    match kind.unwrap_or("RequestResponse") {
        "Event" => {
            lambda.invoke_async(cloud, region, &name, by, event)?;
            Ok(respond(202, "application/json", &call.request_id, Bytes::new()))
        }
        "DryRun" => {
            lambda.check(cloud, region, Target::parse(&name), by, None)?;
            Ok(respond(204, "application/json", &call.request_id, Bytes::new()))
        }
        "RequestResponse" => {
            let answer = lambda.invoke(cloud, region, &name, by, Event::Json(event)).await?;
            Ok(invoked(call, answer))
        }
        other => Err(invalid(format!("the invocation type {other:?} is none of RequestResponse, Event, DryRun"))),
    }
}

fn invoked(call: &Call, answer: Result<Reply, super::code::FunctionError>) -> Response {
    let (payload, failed) = match answer {
        Ok(Reply::Json(value)) => (value, false),
        Ok(Reply::Http(response)) => (super::proxy::to_json(&response), false),
        Err(error) => (json!({ "errorType": error.kind, "errorMessage": error.message }), true),
    };
    let mut response = respond(200, "application/json", &call.request_id, payload.to_string());
    if failed {
        response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    response
}
