//! The data plane: one invocation, from the caller to the function and back.
//!
//! An invocation survives its caller: where API Gateway gives up after 29 s, the function runs on.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::admission::Admitted;
use super::code::{Event, FunctionError, Invocation, LogSink, Reply};
use super::environment::{self, Warm};
use super::metrics::{self, Ran};
use super::target::Target;
use super::{Lambda, degraded, timing};
use crate::Cloud;
use crate::gateway::Principal;
use crate::region::Region;
use crate::wire::AwsError;
use crate::world::faults::Effect;
use crate::world::network::Origin;

impl Lambda {
    /// Invokes a function and waits for its answer. `function` is a name or an ARN, with or without a qualifier;
    /// `by` must be allowed by the function's resource policy (services) or an identity policy (roles).
    pub async fn invoke(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        function: &str,
        by: &Principal,
        event: Event,
    ) -> Result<Result<Reply, FunctionError>, AwsError> {
        self.invoke_for(cloud, region, function, by, None, event).await
    }

    /// The same for a service that acts for `source`, the ARN that permissions name in `SourceArn`.
    pub async fn invoke_for(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        function: &str,
        by: &Principal,
        source: Option<&str>,
        event: Event,
    ) -> Result<Result<Reply, FunctionError>, AwsError> {
        let target = Target::parse(function);
        let region = target.region.unwrap_or(region);
        bitten(cloud, region).await?;
        let admitted = self.admit(cloud, region, target, by, source)?;
        let outcome = Detached(Some(Box::pin(run(admitted, event)))).await;
        // A fault that came while the function ran keeps its answer back.
        bitten(cloud, region).await?;
        Ok(outcome)
    }

    /// The same, where a lost application is an error instead of a wait without end: for the event queue.
    pub(super) async fn attempt(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        target: Target<'_>,
        event: Event,
    ) -> Result<Result<Reply, FunctionError>, AwsError> {
        if broken(cloud, region).is_some() {
            return Err(unavailable());
        }
        let admitted = self.admit(cloud, region, target, &Principal::Account, None)?;
        let outcome = Detached(Some(Box::pin(run(admitted, event)))).await;
        if broken(cloud, region).is_some() {
            return Err(unavailable());
        }
        Ok(outcome)
    }
}

/// What ails invocations in the Region: its functions, or the API of Lambda that event sources call too.
fn broken(cloud: &Cloud, region: Region) -> Option<Effect> {
    let api = || cloud.faults.on_service_call(Origin::Region(region), region, "lambda", "Invoke");
    cloud.faults.on_function(region).or_else(api)
}

async fn bitten(cloud: &Cloud, region: Region) -> Result<(), AwsError> {
    match broken(cloud, region) {
        Some(Effect::Hang) => std::future::pending().await,
        Some(Effect::Refuse | Effect::Error) => Err(unavailable()),
        None => Ok(()),
    }
}

fn unavailable() -> AwsError {
    AwsError::new(500, "ServiceException", "The Lambda service encountered an internal error.")
}

/// Work that goes on by itself when nobody waits for it any more.
struct Detached<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Future for Detached<T> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = self.0.as_mut() else { return Poll::Pending };
        let answer = std::task::ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

/// Runs an admitted invocation in its environment, and puts the environment back if it is still good.
async fn run(mut admitted: Admitted, event: Event) -> Result<Reply, FunctionError> {
    let cloud = admitted.cloud.clone();
    let request_id = cloud.ids.uuid();
    // Lines for every request of users would cost more than the requests: they get theirs where something happened.
    let told = matches!(event, Event::Json(_)) || admitted.warm.is_none();
    let at = cloud.clock.now();
    let (warm, init) = match admitted.warm.take() {
        Some(warm) => {
            tokio::time::sleep(timing::warm(&cloud.latency)).await;
            (warm, None)
        }
        None => match environment::cold_start(&admitted).await {
            Ok((warm, init)) => (warm, Some(init)),
            Err(error) => {
                let report = Report { request_id: &request_id, admitted: &admitted, took: Duration::ZERO, init: None };
                report.write(&environment::log_sink(&admitted), Some(&error), true);
                metrics::ran(&cloud, admitted.region, &report.counted(at, true));
                return Err(error);
            }
        },
    };
    if told {
        warm.log.print(&format!("START RequestId: {request_id} Version: {}", admitted.version.label()));
    }
    let begun = cloud.clock.now();
    let (outcome, alive) = handle(&admitted, &warm, event, &request_id).await;
    let took = cloud.clock.now().since(begun);
    let report = Report { request_id: &request_id, admitted: &admitted, took, init };
    report.write(&warm.log, outcome.as_ref().err(), told);
    metrics::ran(&cloud, admitted.region, &report.counted(at, outcome.is_err()));
    if alive {
        admitted.give_back(warm);
    }
    outcome
}

/// Calls the handler; false beside the outcome where the environment did not survive.
async fn handle(
    admitted: &Admitted,
    warm: &Warm,
    event: Event,
    request_id: &str,
) -> (Result<Reply, FunctionError>, bool) {
    let limit = admitted.version.settings.timeout;
    let invocation = Invocation { request_id: request_id.to_owned(), deadline: admitted.cloud.clock.now() + limit };
    let hit = degraded::hit(admitted, &event);
    let call = async { hit.end(warm.instance.invoke(event, invocation).await, request_id).await };
    match tokio::time::timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_panic)) => {
            let message = format!("RequestId: {request_id} Error: Runtime exited with error: exit status 101");
            (Err(FunctionError { kind: "Runtime.ExitError".to_owned(), message }), false)
        }
        Err(_elapsed) => {
            let seconds = limit.as_secs_f64();
            let message = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
            (Err(FunctionError { kind: "Sandbox.Timedout".to_owned(), message }), false)
        }
    }
}

/// What is known of an invocation when it has ended.
struct Report<'a> {
    request_id: &'a str,
    admitted: &'a Admitted,
    took: Duration,
    init: Option<Duration>,
}

impl Report<'_> {
    fn counted(&self, at: crate::clock::Timestamp, failed: bool) -> Ran<'_> {
        let (invoked, concurrency) = (self.admitted.invoked(), self.admitted.concurrency);
        Ran { invoked, at, took: self.took, failed, concurrency }
    }

    fn write(&self, log: &LogSink, error: Option<&FunctionError>, told: bool) {
        if let Some(error) = error {
            let told = serde_json::json!({ "errorType": error.kind, "errorMessage": error.message });
            log.print(&format!("{} ERROR {told}", self.request_id));
        }
        if !told && error.is_none() {
            return;
        }
        let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
        let took = milliseconds(self.took);
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {took:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB",
            self.request_id,
            (took + self.init.map_or(0.0, milliseconds)).ceil(),
            self.admitted.version.settings.memory_mb
        );
        if let Some(init) = self.init {
            line.push_str(&format!("\tInit Duration: {:.2} ms", milliseconds(init)));
        }
        log.print(&format!("END RequestId: {}", self.request_id));
        log.print(&line);
    }
}
