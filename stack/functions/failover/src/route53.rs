//! The records in Route 53.

use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::config::timeout::TimeoutConfig;
use aws_sdk_route53::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_route53::types::{Change as RecordChange, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use aws_smithy_types::date_time::Format;
use aws_types::SdkConfig;

use crate::Pending;
use crate::config::Config;
use crate::dns::{Change, Dns, DnsError, Plan, Records, comparable};

/// The SDK's own default.
const CONNECT: Duration = Duration::from_millis(3_100);
/// Route 53 answers within a second; the SDK makes three attempts.
const ATTEMPT: Duration = Duration::from_secs(10);

pub struct Route53 {
    client: Client,
    zone: String,
    name: String,
    guarded: String,
    other: String,
}

impl Route53 {
    pub fn new(config: &Config, sdk: &SdkConfig) -> Self {
        let client = aws_sdk_route53::config::Builder::from(sdk).timeout_config(timeouts()).build();
        Self {
            client: Client::from_conf(client),
            zone: config.hosted_zone_id.clone(),
            name: config.record_name.clone(),
            guarded: config.guarded.clone(),
            other: config.other.clone(),
        }
    }

    async fn list(&self) -> Result<Records, DnsError> {
        // One page holds them all: a name has a hundred latency records at most.
        let request = self
            .client
            .list_resource_record_sets()
            .hosted_zone_id(&self.zone)
            .start_record_name(&self.name)
            .start_record_type(RrType::Cname)
            .max_items(100);
        let page = request.send().await.map_err(|error| failed(&error))?;
        let wanted = comparable(&self.name);
        let of = |region: &str| {
            let mut all = page.resource_record_sets().iter();
            let found = all.find(|record| {
                comparable(record.name()) == wanted
                    && *record.r#type() == RrType::Cname
                    && record.set_identifier() == Some(region)
            });
            found.cloned().ok_or_else(|| DnsError::Missing(format!("CNAME {wanted} with the set identifier {region}")))
        };
        Ok(Records { guarded: of(&self.guarded)?, other: of(&self.other)? })
    }

    async fn submit(&self, plan: Plan) -> Result<Change, DnsError> {
        // Deleting a record needs its values, and creating one needs it gone: of the other record together they change
        // nothing, and either fails the whole batch where a record is no longer what was read.
        let batch = ChangeBatch::builder()
            .comment(plan.comment)
            .changes(change(ChangeAction::Delete, &plan.expected.other)?)
            .changes(change(ChangeAction::Create, &plan.expected.other)?)
            .changes(change(ChangeAction::Delete, &plan.expected.guarded)?)
            .changes(change(ChangeAction::Create, &plan.guarded)?)
            .build()
            .map_err(incomplete)?;
        let request = self.client.change_resource_record_sets().hosted_zone_id(&self.zone).change_batch(batch);
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let info = answer.change_info().ok_or_else(|| DnsError::Missing("answer to the change".to_owned()))?;
        let id =
            if info.id().starts_with("/change/") { info.id().to_owned() } else { format!("/change/{}", info.id()) };
        let submitted_at = info.submitted_at().fmt(Format::DateTime).unwrap_or_default();
        Ok(Change { id, submitted_at })
    }
}

impl Dns for Route53 {
    fn records(&self) -> Pending<'_, Result<Records, DnsError>> {
        Box::pin(self.list())
    }

    fn change(&self, plan: Plan) -> Pending<'_, Result<Change, DnsError>> {
        Box::pin(self.submit(plan))
    }
}

/// An endpoint that hangs must cost seconds and not the function's fifteen minutes: the retry needs its turn.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build()
}

fn change(action: ChangeAction, record: &ResourceRecordSet) -> Result<RecordChange, DnsError> {
    RecordChange::builder().action(action).resource_record_set(record.clone()).build().map_err(incomplete)
}

fn incomplete(error: impl std::fmt::Display) -> DnsError {
    DnsError::Failed { code: "IncompleteChange".to_owned(), message: error.to_string() }
}

fn failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> DnsError {
    let SdkError::ServiceError(service) = error else {
        let what = match error {
            SdkError::TimeoutError(_) => "timed out",
            SdkError::DispatchFailure(_) => "could not be reached",
            _ => "gave an answer that cannot be read",
        };
        return DnsError::Failed { code: "NoAnswer".to_owned(), message: format!("the endpoint {what}") };
    };
    let code = service.err().code().unwrap_or("Unknown").to_owned();
    let message = service.err().message().unwrap_or_default().to_owned();
    match code.as_str() {
        "InvalidChangeBatch" => DnsError::Conflict(message),
        "Throttling" | "ThrottlingException" | "PriorRequestNotComplete" => DnsError::Busy(code),
        _ => DnsError::Failed { code, message },
    }
}
