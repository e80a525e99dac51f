//! Lambda: code that runs, aliases by weight, throttling.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::Dimension;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use serde_json::{Value, json};

use super::bench::{Bench, TAG, minutes, seconds, until};
use super::metrics::sum;
use super::miss::{Miss, Probed, lie, refused, refused_raw, unbuilt};
use super::package::{HANDLER, package};
use super::{identity, logs};
use crate::capability::Capability;
use crate::region::Region;
use crate::target::said;
use crate::wait::Look;

const IAM: &str = "2010-05-08";
pub const LIVE: &str = "live";
/// How often an alias of two halves is asked: that one of them never answers happens once in 2^39.
const ASKED: usize = 40;
/// A role is everywhere some seconds after it was made.
const ROLE: std::time::Duration = minutes(1);

/// A function that says where it runs.
#[derive(Clone)]
pub struct Function {
    pub name: String,
    pub arn: String,
}

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Function, minutes(5), runs(bench)).await;
    bench.attempt(Capability::FunctionAlias, minutes(5), alias(bench)).await;
    bench.attempt(Capability::FunctionThrottle, minutes(5), throttle(bench)).await;
}

async fn runs(bench: &Bench<'_>) -> Probed {
    let function = function(bench).await?;
    let client = &bench.ours()?.lambda;
    let (region, version) = answer(client, &function.name, None).await?;
    if region != bench.here.as_str() || version != "one" {
        return lie(format!(
            "it answers as version {version:?} in {region:?}, and was deployed as \"one\" in {}",
            bench.here
        ));
    }
    let (there, clients) = bench.theirs()?;
    if clients.lambda.get_function().function_name(&function.name).send().await.is_ok() {
        return lie(format!("a function made in {} is there in {there} too", bench.here));
    }
    Ok(format!("it ran in {region} with its own environment; {there} has no such function"))
}

async fn alias(bench: &Bench<'_>) -> Probed {
    let function = function(bench).await?;
    let client = &bench.ours()?.lambda;
    let first = publish(client, &function.name).await?;
    let variables = environment("two");
    let updated = client.update_function_configuration().function_name(&function.name).environment(variables);
    updated.send().await.map_err(refused("UpdateFunctionConfiguration"))?;
    ready(client, &function.name).await?;
    let second = publish(client, &function.name).await?;
    if first == second {
        return lie(format!("two versions that were published are both number {first}"));
    }
    let routing = AliasRoutingConfiguration::builder().additional_version_weights(&second, 0.5).build();
    let made = client.create_alias().function_name(&function.name).name("halves").function_version(&first);
    made.routing_config(routing).send().await.map_err(refused("CreateAlias"))?;
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..ASKED {
        let (_, version) = answer(client, &function.name, Some("halves")).await?;
        *answers.entry(version).or_default() += 1;
    }
    match (answers.get("one"), answers.get("two")) {
        (Some(one), Some(two)) => Ok(format!("of {ASKED} invocations {one} and {two} were served by two equal halves")),
        _ => lie(format!(
            "an alias with weights 0.5 and 0.5 is accepted; {ASKED} invocations were served by {answers:?}"
        )),
    }
}

async fn throttle(bench: &Bench<'_>) -> Probed {
    let function = function(bench).await?;
    let client = bench.ours()?.lambda.clone();
    live(bench).await?;
    let reserve = client.put_function_concurrency().function_name(&function.name).reserved_concurrent_executions(0);
    reserve.send().await.map_err(refused("PutFunctionConcurrency"))?;
    // As the API's users come: by the alias.
    let throttled = async || match invoke(&client, &function.name, Some(LIVE)).await {
        Err(error) => Ok::<_, Miss>(error.code().map(str::to_owned).or(Some(said(&error)))),
        Ok(_) => Ok(None),
    };
    let refused_with = |code: &str| code == "TooManyRequestsException" || code == "ThrottlingException";
    let look = async || {
        let answer = throttled().await?;
        Ok(match answer {
            Some(code) if refused_with(&code) => Look::Ready(code),
            Some(code) => Look::NotYet(format!("it fails with {code}")),
            None => Look::NotYet("it is still invoked".to_owned()),
        })
    };
    let seen = until(minutes(1), seconds(2), look).await?;
    let lifted = client.delete_function_concurrency().function_name(&function.name).send().await;
    lifted.map_err(refused("DeleteFunctionConcurrency"))?;
    let look = async || {
        Ok(match throttled().await? {
            None => Look::Ready(()),
            Some(code) => Look::NotYet(format!("it fails with {code}")),
        })
    };
    let back = until(minutes(1), seconds(2), look).await?;
    match (seen, back) {
        (Ok(code), Ok(())) => Ok(format!("with 0 reserved every invocation is {code}, without it runs again")),
        (Err(last), _) => lie(format!("reserved concurrency 0 is accepted; {last}")),
        (_, Err(last)) => lie(format!("the reservation is removed; {last}")),
    }
}

/// The function that all probes share.
pub async fn function(bench: &Bench<'_>) -> Probed<Function> {
    bench.function.get_or_init(|| deploy(bench, "function", bench.here)).await.clone()
}

/// The alias that the API leads to, on a version of the function that all probes share.
pub async fn live(bench: &Bench<'_>) -> Probed<String> {
    bench.live.get_or_init(|| release(bench)).await.clone()
}

async fn release(bench: &Bench<'_>) -> Probed<String> {
    let function = function(bench).await?;
    let client = &bench.ours()?.lambda;
    let version = publish(client, &function.name).await?;
    let made = client.create_alias().function_name(&function.name).name(LIVE).function_version(version).send().await;
    Ok(made.map_err(refused("CreateAlias"))?.alias_arn().unwrap_or_default().to_owned())
}

/// Deploys the probes' function under a name of this survey.
pub async fn deploy(bench: &Bench<'_>, part: &str, region: Region) -> Probed<Function> {
    let client = bench.clients(region)?.lambda.clone();
    let name = bench.name(part);
    let zip = package(&bench.target.packaging()).map_err(Miss::Unknown)?;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Resource": "*",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    }] });
    let role = role(bench, part, "lambda.amazonaws.com", &policy).await?;
    logs::promise(bench, "functions", region, &log_group(&name))?;
    let (remover, function) = (client.clone(), name.clone());
    bench.undo("functions", format!("the function {name}"), async move {
        match remover.delete_function().function_name(function).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(()),
            Err(error) => Err(said(&error)),
        }
    });
    let look = async || {
        let made = client
            .create_function()
            .function_name(&name)
            .role(&role)
            .runtime(Runtime::from("provided.al2023"))
            .handler(HANDLER)
            .timeout(10)
            .code(FunctionCode::builder().zip_file(Blob::new(zip.clone())).build())
            .environment(environment("one"))
            .tags(TAG, &bench.run);
        match made.send().await {
            Ok(made) => Ok(Look::Ready(made.function_arn().unwrap_or_default().to_owned())),
            Err(error) if error.message().is_some_and(|message| message.contains("cannot be assumed")) => {
                Ok(Look::NotYet(said(&error)))
            }
            Err(error) => Err(refused("CreateFunction")(error)),
        }
    };
    let arn = until(ROLE, seconds(3), look).await?.map_err(Miss::Absent)?;
    ready(&client, &name).await?;
    Ok(Function { name, arn })
}

/// Makes a role that a service may assume, with this policy; where the target has no IAM, the ARN of one.
pub async fn role(bench: &Bench<'_>, part: &str, service: &str, policy: &Value) -> Probed {
    let name = bench.name(part);
    let account = identity::account(bench).await.ok().filter(|account| account.len() == 12);
    let arn = format!("arn:aws:iam::{}:role/{name}", account.as_deref().unwrap_or("000000000000"));
    let raw = bench.ours()?.raw.clone();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
    }] });
    let trust = trust.to_string();
    let make = [
        ("RoleName", name.as_str()),
        ("AssumeRolePolicyDocument", trust.as_str()),
        ("Tags.member.1.Key", TAG),
        ("Tags.member.1.Value", bench.run.as_str()),
    ];
    match raw.query("iam", IAM, "CreateRole", &make).await.map_err(refused_raw("CreateRole")) {
        Ok(_) => {}
        // Without IAM nobody looks at the role.
        Err(Miss::Absent(_)) => return Ok(arn),
        Err(miss) => return Err(miss),
    }
    let (remover, role) = (raw.clone(), name.clone());
    bench.undo("roles", format!("the role {name}"), async move {
        // Without the policy it never got, the role alone is to be removed.
        let _ = remover.query("iam", IAM, "DeleteRolePolicy", &[("RoleName", &role), ("PolicyName", "probe")]).await;
        let deleted = remover.query("iam", IAM, "DeleteRole", &[("RoleName", &role)]).await;
        deleted.map(|_| ()).map_err(|why| why.to_string())
    });
    let policy = policy.to_string();
    let put = [("RoleName", name.as_str()), ("PolicyName", "probe"), ("PolicyDocument", policy.as_str())];
    raw.query("iam", IAM, "PutRolePolicy", &put).await.map_err(refused_raw("PutRolePolicy"))?;
    Ok(arn)
}

/// Where a function's lines are.
pub fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// Lets a service invoke a function for a source.
pub async fn permit(client: &Client, function: &str, service: &str, source: &str) -> Probed<()> {
    let add = client.add_permission().function_name(function).statement_id("probe").action("lambda:InvokeFunction");
    add.principal(service).source_arn(source).send().await.map(|_| ()).map_err(refused("AddPermission"))
}

/// Whether a function has run at all: by its log, or by its metric where there are no logs.
pub async fn ran(bench: &Bench<'_>, region: Region, function: &str) -> Probed<Look<String>> {
    let clients = bench.clients(region)?;
    let lines = clients.logs.filter_log_events().log_group_name(log_group(function)).send().await;
    let unread = match lines {
        Ok(lines) if !lines.events().is_empty() => return Ok(Look::Ready("its log says so".to_owned())),
        Ok(_) => "its log has nothing".to_owned(),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            "it has no log".to_owned()
        }
        Err(error) => said(&error),
    };
    let of = [Dimension::builder().name("FunctionName").value(function).build()];
    let counted = sum(&clients.cloudwatch, bench.target.clock(), "AWS/Lambda", "Invocations", &of).await;
    match counted {
        Ok(Some(count)) if count > 0.0 => Ok(Look::Ready("its metric Invocations says so".to_owned())),
        Ok(_) | Err(Miss::Absent(_)) => Ok(Look::NotYet(format!("it was not invoked: {unread}, and no Invocations"))),
        Err(miss) => Err(miss),
    }
}

fn environment(version: &str) -> Environment {
    let absent = ["TABLE_NAME", "BUCKET_NAME", "SECRET_ID"].map(|name| (name.to_owned(), "none".to_owned()));
    let version = [("VERSION".to_owned(), version.to_owned())];
    Environment::builder().set_variables(Some(absent.into_iter().chain(version).collect())).build()
}

/// Waits until the function can be invoked and changed.
async fn ready(client: &Client, name: &str) -> Probed<()> {
    let look = async || {
        let told = client.get_function_configuration().function_name(name).send().await;
        let told = told.map_err(refused("GetFunctionConfiguration"))?;
        if matches!(told.state(), Some(State::Failed)) {
            let why = told.state_reason().unwrap_or("no reason given");
            return Err(Miss::Absent(format!("CreateFunction is accepted, and its State is Failed: {why}")));
        }
        let pending = matches!(told.state(), Some(State::Pending));
        let updating = matches!(told.last_update_status(), Some(LastUpdateStatus::InProgress));
        Ok(if pending || updating { Look::NotYet(format!("it is {:?}", told.state())) } else { Look::Ready(()) })
    };
    until(minutes(3), seconds(1), look).await?.map_err(Miss::Absent)
}

async fn publish(client: &Client, name: &str) -> Probed {
    let published = client.publish_version().function_name(name).send().await.map_err(refused("PublishVersion"))?;
    ready(client, name).await?;
    Ok(published.version().unwrap_or_default().to_owned())
}

type Invoked = Result<InvokeOutput, aws_sdk_lambda::error::SdkError<aws_sdk_lambda::operation::invoke::InvokeError>>;

async fn invoke(client: &Client, name: &str, qualifier: Option<&str>) -> Invoked {
    let event = json!({ "httpMethod": "GET", "path": "/health", "headers": {}, "body": null });
    let call = client.invoke().function_name(name).set_qualifier(qualifier.map(str::to_owned));
    call.payload(Blob::new(event.to_string())).send().await
}

/// The Region and the version an invocation says it ran as.
async fn answer(client: &Client, name: &str, qualifier: Option<&str>) -> Probed<(String, String)> {
    let invoked = invoke(client, name, qualifier).await.map_err(refused("Invoke"))?;
    let payload = invoked.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    let said = String::from_utf8_lossy(&payload).chars().take(200).collect::<String>();
    if let Some(error) = invoked.function_error() {
        return Err(Miss::Absent(format!("the function does not run: {error}: {said}")));
    }
    let answer: Value = serde_json::from_slice(&payload).map_err(unbuilt).unwrap_or_default();
    let body: Value = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    match (body["region"].as_str(), body["version"].as_str()) {
        (Some(region), Some(version)) => Ok((region.to_owned(), version.to_owned())),
        _ => lie(format!("CreateFunction took the code, and Invoke answers something else: {said:?}")),
    }
}
