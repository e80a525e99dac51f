//! Execution environments: how one is made, and how it waits for work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::admission::Admitted;
use super::code::{Environment, FunctionError, Instance, LogSink};
use super::timing;
use crate::clock::Timestamp;
use crate::gateway::{TwinHttpClient, sdk_config};
use crate::world::network::Origin;

/// An environment that waits for work.
pub struct Idle {
    pub warm: Warm,
    /// When it is taken down if no work comes.
    pub until: Timestamp,
}

/// A started environment.
pub struct Warm {
    pub instance: Box<dyn Instance>,
    pub log: LogSink,
    /// How long it may wait for work.
    pub patience: Duration,
}

/// Starts an environment for an invocation that found none; gives it with the time its init phase took.
pub async fn cold_start(admitted: &Admitted) -> Result<(Warm, Duration), FunctionError> {
    let cloud = &admitted.cloud;
    let log = log_sink(admitted);
    tokio::time::sleep(timing::placement(&cloud.latency)).await;
    log.print(&format!("INIT_START Runtime Version: {}", admitted.version.settings.runtime));
    let begun = cloud.clock.now();
    let init = timing::init(&cloud.latency);
    let package = &admitted.version.package;
    let code = package.crate_name.as_ref().map_err(Clone::clone).and_then(|name| {
        let linked = &cloud.lambda.code;
        linked.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = linked.keys().map(String::as_str).collect();
            format!("no crate {name:?} is linked into this process; linked are: {}", known.join(", "))
        })
    });
    let code = code.map_err(|message| FunctionError { kind: "Runtime.InvalidEntrypoint".to_owned(), message })?;
    tokio::time::sleep(init).await;
    let instance = code.start(offered(admitted, log.clone())).await?;
    let patience = cloud.lambda.draw(timing::idle);
    Ok((Warm { instance, log, patience }, cloud.clock.now().since(begun)))
}

/// Where an environment of this version prints to: a stream of its own.
pub fn log_sink(admitted: &Admitted) -> LogSink {
    let cloud = &admitted.cloud;
    let day = cloud.clock.now().iso8601()[..10].replace('-', "/");
    let id = cloud.ids.uuid().replace('-', "");
    LogSink {
        cloud: Arc::downgrade(cloud),
        region: admitted.region,
        group: admitted.version.settings.log_group(&admitted.name).into(),
        stream: format!("{day}/[{}]{id}", admitted.version.label()).into(),
    }
}

fn offered(admitted: &Admitted, log: LogSink) -> Environment {
    let (cloud, region, settings) = (&admitted.cloud, admitted.region, &admitted.version.settings);
    let credentials = cloud.iam.credentials_for(&settings.role);
    let origin = Origin::Region(region);
    Environment {
        function_name: admitted.name.to_string(),
        version: admitted.version.label(),
        region,
        variables: variables(admitted, &log),
        sdk: sdk_config(cloud, origin, region, &credentials),
        http: TwinHttpClient::new(cloud, origin),
        clock: cloud.clock,
        log,
    }
}

/// The configured variables and those the service sets ("Defined runtime environment variables", developer guide),
/// but for the credentials: the SDK configuration carries them.
fn variables(admitted: &Admitted, log: &LogSink) -> BTreeMap<String, String> {
    let settings = &admitted.version.settings;
    let mut variables = settings.variables.clone();
    let own = [
        ("_HANDLER", settings.handler.clone()),
        ("AWS_REGION", admitted.region.to_string()),
        ("AWS_DEFAULT_REGION", admitted.region.to_string()),
        ("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", settings.runtime)),
        ("AWS_LAMBDA_FUNCTION_NAME", admitted.name.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", admitted.version.label()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", log.group.to_string()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log.stream.to_string()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
    variables
}
