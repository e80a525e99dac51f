//! Health checks by the API: their life, and what their checkers saw.

use crate::Cloud;
use crate::services::cloudwatch::AlarmStream;
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};
use crate::world::health::{Check, Kind, Observation, Opinion};

use super::Route53;
use super::api::Ask;
use super::shape::{answer, integer, missing};

mod config;
pub use config::Config;
use config::Known;

/// Developer guide, "Quotas": health checks an account.
const CHECKS_MAX: usize = 200;
/// ListHealthChecks gives at most this many (API reference).
const PAGE_MAX: usize = 100;

#[derive(Clone, Debug)]
pub struct HealthCheck {
    pub id: String,
    pub caller_reference: String,
    pub version: i64,
    pub config: Config,
    /// What a check of a metric follows: the alarm's settings when the check was made or told the alarm again.
    stream: Option<AlarmStream>,
}

impl Route53 {
    /// Makes a check and starts its checkers; the same reference with the same settings finds the check it made.
    pub fn create_check(
        &self,
        cloud: &std::sync::Arc<Cloud>,
        reference: &str,
        config: Config,
    ) -> Result<HealthCheck, AwsError> {
        let mut state = self.state();
        if let Some(made) = state.checks.values().find(|check| check.caller_reference == reference) {
            if made.config == config {
                return Ok(made.clone());
            }
            let message = format!(
                "A health check has already been created with the caller reference {reference} and other settings."
            );
            return Err(AwsError::new(409, "HealthCheckAlreadyExists", message));
        }
        if state.checks.len() >= CHECKS_MAX {
            let message = format!("This health check can't be created: the account has its quota of {CHECKS_MAX}.");
            return Err(AwsError::bad_request("TooManyHealthChecks", message));
        }
        let stream = |region, name: &str| cloud.cloudwatch.alarm_stream(region, name);
        let check = config.check(&Known { exists: &|id| state.checks.contains_key(id), stream: &stream })?;
        let (id, caller_reference) = (cloud.ids.uuid(), reference.to_owned());
        let made = HealthCheck { id: id.clone(), caller_reference, version: 1, config, stream: followed(&check) };
        state.checks.insert(id.clone(), made.clone());
        drop(state);
        cloud.health.put(cloud, &id, check);
        Ok(made)
    }

    /// Changes a check. What a check of a metric follows is only read again where `reread` says that the request names
    /// the alarm.
    pub fn update_check(
        &self,
        cloud: &std::sync::Arc<Cloud>,
        id: &str,
        version: Option<i64>,
        reread: bool,
        change: impl FnOnce(&mut Config) -> Result<(), AwsError>,
    ) -> Result<HealthCheck, AwsError> {
        let mut state = self.state();
        let mut made = state.checks.get(id).cloned().ok_or_else(|| no_such_check(id))?;
        if version.is_some_and(|version| version != made.version) {
            let message =
                format!("Health check {id} has version {}, not {}", made.version, version.unwrap_or_default());
            return Err(AwsError::new(409, "HealthCheckVersionMismatch", message));
        }
        change(&mut made.config)?;
        made.version += 1;
        let stream = |region, name: &str| match &made.stream {
            Some(held) if !reread => Some(held.clone()),
            _ => cloud.cloudwatch.alarm_stream(region, name),
        };
        let check = made.config.check(&Known { exists: &|id| state.checks.contains_key(id), stream: &stream })?;
        made.stream = followed(&check);
        state.checks.insert(id.to_owned(), made.clone());
        drop(state);
        cloud.health.put(cloud, id, check);
        Ok(made)
    }

    pub fn delete_check(&self, cloud: &Cloud, id: &str) -> Result<(), AwsError> {
        let mut state = self.state();
        state.checks.remove(id).ok_or_else(|| no_such_check(id))?;
        state.tags.remove(&("healthcheck".to_owned(), id.to_owned()));
        drop(state);
        cloud.health.remove(id);
        Ok(())
    }
}

fn followed(check: &Check) -> Option<AlarmStream> {
    match &check.kind {
        Kind::Metric { stream, .. } => Some(stream.clone()),
        _ => None,
    }
}

pub fn no_such_check(id: &str) -> AwsError {
    AwsError::new(404, "NoSuchHealthCheck", format!("No health check exists with the specified ID: {id}"))
}

pub fn create(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(ask.request.body())?;
    let reference = body.get_text("CallerReference").ok_or_else(|| missing("callerReference"))?;
    let config = Config::read(body.get("HealthCheckConfig").ok_or_else(|| missing("healthCheckConfig"))?)?;
    let made = ask.service.create_check(&ask.call.cloud, reference, config)?;
    let mut response = answer(201, &ask.call.request_id, "CreateHealthCheck", vec![health_check(&made)]);
    let location = format!("https://route53.amazonaws.com/2013-04-01/healthcheck/{}", made.id);
    if let Ok(location) = http::HeaderValue::from_str(&location) {
        response.headers_mut().insert(http::header::LOCATION, location);
    }
    Ok(response)
}

pub fn get(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let check = state.checks.get(ask.route.id).ok_or_else(|| no_such_check(ask.route.id))?;
    Ok(answer(200, &ask.call.request_id, "GetHealthCheck", vec![health_check(check)]))
}

pub fn update(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(ask.request.body())?;
    let version = body.get_text("HealthCheckVersion").map(|text| integer("HealthCheckVersion", text)).transpose()?;
    let reread = body.get("AlarmIdentifier").is_some();
    let change = |config: &mut Config| config.apply(&body);
    let made = ask.service.update_check(&ask.call.cloud, ask.route.id, version, reread, change)?;
    Ok(answer(200, &ask.call.request_id, "UpdateHealthCheck", vec![health_check(&made)]))
}

pub fn delete(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.service.delete_check(&ask.call.cloud, ask.route.id)?;
    Ok(answer(200, &ask.call.request_id, "DeleteHealthCheck", Vec::new()))
}

pub fn list(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let size = ask.page_size(PAGE_MAX);
    let from = ask.query("marker").unwrap_or_default();
    let mut rest = state.checks.range(from.clone()..).map(|(_, check)| check);
    let page = rest.by_ref().take(size).map(health_check).fold(Element::new("HealthChecks"), Element::child);
    let next = rest.next().map(|check| check.id.clone());
    let mut members = vec![page, Element::new("Marker").text(from)];
    members.push(Element::new("IsTruncated").text(next.is_some().to_string()));
    members.extend(next.map(|id| Element::new("NextMarker").text(id)));
    members.push(Element::new("MaxItems").text(size.to_string()));
    Ok(answer(200, &ask.call.request_id, "ListHealthChecks", members))
}

pub fn count(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let count = ask.service.state().checks.len();
    let members = vec![Element::new("HealthCheckCount").text(count.to_string())];
    Ok(answer(200, &ask.call.request_id, "GetHealthCheckCount", members))
}

pub fn status(ask: &Ask<'_>) -> Result<Response, AwsError> {
    observations(ask, "GetHealthCheckStatus", |opinion| opinion.last)
}

pub fn last_failure(ask: &Ask<'_>) -> Result<Response, AwsError> {
    observations(ask, "GetHealthCheckLastFailureReason", |opinion| opinion.last_failure)
}

/// One entry for each checker that has something to report.
fn observations(
    ask: &Ask<'_>,
    operation: &str,
    pick: impl Fn(&Opinion) -> Option<Observation>,
) -> Result<Response, AwsError> {
    let id = ask.route.id;
    let kind = ask.service.state().checks.get(id).ok_or_else(|| no_such_check(id))?.config.kind.clone();
    if kind == "CALCULATED" {
        let message = format!("{operation} is not for calculated checks; health check {id} is {kind}");
        return Err(AwsError::bad_request("InvalidInput", message));
    }
    let mut list = Element::new("HealthCheckObservations");
    for opinion in ask.call.cloud.health.opinions(id) {
        let Some(Observation { outcome, at }) = pick(&opinion) else { continue };
        let report = Element::new("StatusReport")
            .text_child("Status", outcome.to_string())
            .text_child("CheckedTime", at.iso8601());
        let entry = Element::new("HealthCheckObservation")
            .text_child("Region", opinion.region.as_str())
            .text_child("IPAddress", opinion.address.to_string())
            .child(report);
        list = list.child(entry);
    }
    Ok(answer(200, &ask.call.request_id, operation, vec![list]))
}

fn health_check(check: &HealthCheck) -> Element {
    let written = Element::new("HealthCheck")
        .text_child("Id", &check.id)
        .text_child("CallerReference", &check.caller_reference)
        .child(check.config.write())
        .text_child("HealthCheckVersion", check.version.to_string());
    check.stream.iter().map(alarm_configuration).fold(written, Element::child)
}

/// The alarm's settings as the check has them (API reference, CloudWatchAlarmConfiguration).
fn alarm_configuration(stream: &AlarmStream) -> Element {
    let alarm = &*stream.definition;
    let dimension =
        |name: &str, value: &str| Element::new("Dimension").text_child("Name", name).text_child("Value", value);
    let dimensions = alarm.dimensions.iter().map(|held| dimension(&held.name, &held.value));
    Element::new("CloudWatchAlarmConfiguration")
        .text_child("EvaluationPeriods", alarm.evaluation_periods.to_string())
        .text_child("Threshold", alarm.threshold.to_string())
        .text_child("ComparisonOperator", alarm.comparison_operator.as_str())
        .optional_child("Period", alarm.period.map(|period| period.to_string()))
        .optional_child("MetricName", alarm.metric_name.as_deref())
        .optional_child("Namespace", alarm.namespace.as_deref())
        .optional_child("Statistic", alarm.statistic.as_deref())
        .child(dimensions.fold(Element::new("Dimensions"), Element::child))
}
