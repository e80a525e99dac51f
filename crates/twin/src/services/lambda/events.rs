//! Asynchronous invocations: an event is taken at once, run in the background, and retried where it fails.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use super::Lambda;
use super::code::{Event, FunctionError};
use super::function::EventConfig;
use super::target::Target;
use crate::Cloud;
use crate::gateway::Principal;
use crate::region::Region;
use crate::wire::AwsError;

/// After a function error: one minute before the first retry, two before the second ("Error handling and automatic
/// retries", AWS Lambda developer guide).
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// After throttling or a system error: from one second, growing to five minutes, for as long as the event may live
/// (same page).
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// The largest event ("Lambda quotas": 1 MB asynchronous).
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

impl Lambda {
    /// Queues an asynchronous invocation: retried twice after a function error, one minute and two minutes later.
    pub fn invoke_async(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        function: &str,
        by: &Principal,
        event: Value,
    ) -> Result<(), AwsError> {
        self.invoke_async_for(cloud, region, function, by, None, event)
    }

    /// The same for a service that acts for `source`, the ARN that permissions name in `SourceArn`.
    pub fn invoke_async_for(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        function: &str,
        by: &Principal,
        source: Option<&str>,
        event: Value,
    ) -> Result<(), AwsError> {
        let target = Target::parse(function);
        let region = target.region.unwrap_or(region);
        if cloud.faults.region_is_down(region) {
            return Err(AwsError::new(500, "ServiceException", "The Lambda service encountered an internal error."));
        }
        self.check(cloud, region, target, by, source)?;
        let queued = Queued {
            cloud: Arc::downgrade(cloud),
            region,
            name: target.name.to_owned(),
            qualifier: target.qualifier.map(str::to_owned),
            event,
        };
        tokio::spawn(queued.deliver());
        Ok(())
    }

    fn event_config(&self, region: Region, name: &str, qualifier: Option<&str>) -> (EventConfig, Option<String>) {
        let state = self.state();
        let found = state.regions.get(&region).and_then(|functions| functions.by_name.get(name));
        found.map_or_else(Default::default, |function| {
            (function.event_config(qualifier), function.latest.settings.dead_letter.clone())
        })
    }
}

struct Queued {
    cloud: Weak<Cloud>,
    region: Region,
    name: String,
    qualifier: Option<String>,
    event: Value,
}

impl Queued {
    async fn deliver(self) {
        let mut lived = Duration::ZERO;
        let mut failures = 0;
        let mut backoff = BACKOFF.0;
        loop {
            let Some(cloud) = self.cloud.upgrade() else { return };
            let begun = cloud.clock.now();
            let target = Target { region: None, name: &self.name, qualifier: self.qualifier.as_deref() };
            let answer = cloud.lambda.attempt(&cloud, self.region, target, Event::Json(self.event.clone())).await;
            let (config, _) = cloud.lambda.event_config(self.region, &self.name, self.qualifier.as_deref());
            lived += cloud.clock.now().since(begun);
            let (pause, error) = match answer {
                Ok(Ok(_)) => return,
                Ok(Err(error)) if failures < config.retries => {
                    let pause = RETRIES[failures.min(1) as usize];
                    failures += 1;
                    (pause, error)
                }
                Ok(Err(error)) => return self.give_up(&cloud, "RetriesExhausted", &error),
                Err(error) if error.status == 429 || error.status >= 500 => {
                    let pause = backoff;
                    backoff = (backoff * 2).min(BACKOFF.1);
                    (pause, FunctionError { kind: error.code, message: error.message })
                }
                // The function is gone: nobody is left to run it for.
                Err(_) => return,
            };
            lived += pause;
            if lived > config.age_max {
                return self.give_up(&cloud, "EventAgeExceeded", &error);
            }
            drop(cloud);
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells the function's dead-letter topic and on-failure destination; without either the event is lost, as on AWS.
    fn give_up(&self, cloud: &Arc<Cloud>, condition: &str, error: &FunctionError) {
        let (config, dead_letter) = cloud.lambda.event_config(self.region, &self.name, self.qualifier.as_deref());
        let arn = format!("arn:aws:lambda:{}:{}:function:{}", self.region, cloud.account, self.name);
        let mut deliveries = Vec::new();
        if let Some(topic) = dead_letter {
            deliveries.push((topic, self.event.to_string()));
        }
        if let Some(topic) = config.on_failure {
            let record = json!({
                "version": "1.0",
                "timestamp": cloud.clock.now().iso8601(),
                "requestContext": { "functionArn": arn, "condition": condition },
                "requestPayload": self.event,
                "responsePayload": { "errorType": error.kind, "errorMessage": error.message },
            });
            deliveries.push((topic, record.to_string()));
        }
        for (topic, message) in deliveries {
            if let Err(error) = cloud.sns.publish(cloud, &topic, None, &message) {
                let group = format!("/aws/lambda/{}", self.name);
                let line = format!("the event could not be sent to {topic}: {error}");
                cloud.logs.append(self.region, &group, "twin/dead-letters", cloud.clock.now(), &line);
            }
        }
    }
}
