//! The guard: what an alarm means, and failing over.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::types::ResourceRecordSet;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::SdkConfig;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::config::Config;
use crate::dns::{Change, Dns, DnsError, Plan, Records, comparable, pointed, target};
use crate::error::Error;
use crate::event::{self, Alarm};
use crate::health::{Health, HttpHealth};
use crate::log::{Decision, Entry, Log, invoked};
use crate::route53::Route53;

/// How often a change is planned anew after someone else's came first.
const ROUNDS: u32 = 4;
/// Route 53 takes five requests a second of an account, and one change at a time of a zone: waits of 1, 2, 4, 8 and
/// 16 s let both pass.
const WAITS: u32 = 5;

/// Guards one Region.
pub struct Guard {
    pub(crate) config: Config,
    pub(crate) dns: Arc<dyn Dns>,
    pub(crate) health: Arc<dyn Health>,
    log: Log,
}

impl Guard {
    pub fn new(config: Config, sdk: &SdkConfig, http: SharedHttpConnector, log: Log) -> Self {
        let dns = Arc::new(Route53::new(&config, sdk));
        Self::with(config, dns, Arc::new(HttpHealth::new(http)), log)
    }

    /// The same over other seams.
    pub fn with(config: Config, dns: Arc<dyn Dns>, health: Arc<dyn Health>, log: Log) -> Self {
        Self { config, dns, health, log }
    }

    /// Takes an alarm's event and does what it means; gives the last decision.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let begun = Instant::now();
        let alarms = event::alarms(&event).inspect_err(|error| self.failed(error))?;
        let mut last = json!(null);
        for alarm in alarms {
            (self.log)(&invoked(&self.config.guarded, &alarm).to_string());
            let entry = self.decide(&alarm, begun).await.inspect_err(|error| self.failed(error))?;
            last = entry.show(&self.config.guarded);
            (self.log)(&last.to_string());
        }
        Ok(last)
    }

    async fn decide(&self, alarm: &Alarm, begun: Instant) -> Result<Entry, Error> {
        let is = |arn: &str, state: &str| alarm.arn == arn && alarm.state == state;
        if is(&self.config.failover_alarm_arn, "ALARM") {
            return self.fail_over().await;
        }
        if is(&self.config.recovery_alarm_arn, "OK") {
            return self.fail_back(begun).await;
        }
        // The failover alarm going OK is no sign of health: a Region without traffic has no errors.
        Ok(Entry::new(Decision::Ignored, format!("{} of {} asks for nothing", alarm.state, alarm.arn)))
    }

    async fn fail_over(&self) -> Result<Entry, Error> {
        let Config { guarded, other, other_endpoint, .. } = &self.config;
        let mut lost = None;
        for _ in 0..ROUNDS {
            let records = self.records().await?;
            if self.is_failed_over(&records) {
                return Ok(Entry::new(Decision::Already, format!("{guarded} points to {other} already")));
            }
            let points_to = target(&records.other);
            if points_to != comparable(other_endpoint) {
                let reason = format!("{other} is itself pointed away, to {points_to}: both Regions would be off");
                return Err(Error::Refused(reason));
            }
            if !self.other_is_healthy().await {
                return Err(Error::Refused(format!("{other} is not healthy either")));
            }
            match self.point_guarded(&records, other_endpoint, "fail over").await {
                Ok(change) => {
                    let reason = format!("{guarded} now points to {other}");
                    return Ok(Entry::new(Decision::FailedOver, reason).with(change).moved(&records, other_endpoint));
                }
                Err(DnsError::Conflict(why)) => lost = Some(DnsError::Conflict(why)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(lost.unwrap_or_else(|| DnsError::Conflict("no round was played".to_owned())).into())
    }

    /// Three looks at once; two good ones are enough.
    async fn other_is_healthy(&self) -> bool {
        let url = &self.config.other_health_url;
        let look = || self.health.is_healthy(url);
        let (first, second, third) = tokio::join!(look(), look(), look());
        [first, second, third].into_iter().filter(|healthy| *healthy).count() >= 2
    }

    pub(crate) fn is_failed_over(&self, records: &Records) -> bool {
        target(&records.guarded) == comparable(&self.config.other_endpoint)
    }

    pub(crate) async fn records(&self) -> Result<Records, DnsError> {
        let mut pause = Duration::from_secs(1);
        for _ in 0..WAITS {
            match self.dns.records().await {
                Err(DnsError::Busy(_)) => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.dns.records().await
    }

    /// Points the guarded Region's record somewhere, if both are still what was read.
    pub(crate) async fn point_guarded(&self, read: &Records, to: &str, why: &str) -> Result<Change, DnsError> {
        let guarded: ResourceRecordSet = pointed(&read.guarded, to, self.config.record_ttl);
        let comment = format!("blackstart failover: {why} {} to {to}", self.config.guarded);
        let plan = Plan { expected: read.clone(), guarded, comment };
        let mut pause = Duration::from_secs(1);
        for _ in 0..WAITS {
            match self.dns.change(plan.clone()).await {
                Err(DnsError::Busy(_)) => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.dns.change(plan).await
    }

    pub(crate) fn tell(&self, entry: &Entry) {
        (self.log)(&entry.show(&self.config.guarded).to_string());
    }

    fn failed(&self, error: &Error) {
        let decision = match error {
            Error::Refused(_) => Decision::Refused,
            Error::Event(_) | Error::Dns(_) | Error::Unstable(_) => Decision::Failed,
        };
        self.tell(&Entry::new(decision, error.to_string()));
    }
}
