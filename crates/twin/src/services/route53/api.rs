//! From a path to an operation.

use std::sync::PoisonError;

use crate::gateway::Call;
use crate::rest::route53::{self, Route};
use crate::wire::{AwsError, Request, Response};

use super::{Route53, checks, records, tags, zones};

/// What a request asks of the API.
pub struct Ask<'a> {
    pub service: &'a Route53,
    pub call: &'a Call,
    pub request: &'a Request,
    pub route: Route<'a>,
}

impl Ask<'_> {
    /// The parameter of this name in the query string.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.request.uri().query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// How many entries of a list are wanted: the `maxitems` of the request, 100 or the most AWS gives.
    pub fn page_size(&self, most: usize) -> usize {
        self.query("maxitems").and_then(|text| text.parse().ok()).unwrap_or(most).clamp(1, most)
    }
}

pub fn route(request: &Request) -> Option<Route<'_>> {
    route53::route(request.method().as_str(), request.uri().path())
}

/// How an operation that is not there is called in errors.
pub fn unknown(request: &Request) -> String {
    format!("{} {}", request.method(), request.uri().path())
}

pub fn handle(service: &Route53, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let Some(route) = route(request) else { return Err(AwsError::not_implemented("route53", &unknown(request))) };
    service.quota.lock().unwrap_or_else(PoisonError::into_inner).take(call.cloud.clock.now())?;
    authorize(call, &route)?;
    let ask = Ask { service, call, request, route };
    match ask.route.operation {
        "CreateHostedZone" => zones::create(&ask),
        "ListHostedZones" => zones::list(&ask),
        "ListHostedZonesByName" => zones::list_by_name(&ask),
        "GetHostedZoneCount" => zones::count(&ask),
        "GetHostedZone" => zones::get(&ask),
        "DeleteHostedZone" => zones::delete(&ask),
        "UpdateHostedZoneComment" => zones::update_comment(&ask),
        "ChangeResourceRecordSets" => records::change(&ask),
        "ListResourceRecordSets" => records::list(&ask),
        "GetChange" => records::get_change(&ask),
        "TestDNSAnswer" => records::test_answer(&ask),
        "CreateHealthCheck" => checks::create(&ask),
        "ListHealthChecks" => checks::list(&ask),
        "GetHealthCheckCount" => checks::count(&ask),
        "GetHealthCheck" => checks::get(&ask),
        "UpdateHealthCheck" => checks::update(&ask),
        "DeleteHealthCheck" => checks::delete(&ask),
        "GetHealthCheckStatus" => checks::status(&ask),
        "GetHealthCheckLastFailureReason" => checks::last_failure(&ask),
        "ChangeTagsForResource" => tags::change(&ask),
        "ListTagsForResource" => tags::list(&ask),
        operation => Err(AwsError::not_implemented("route53", operation)),
    }
}

/// Service Authorization Reference, "Actions defined by Amazon Route 53": what has no resource is asked on `*`.
fn authorize(call: &Call, route: &Route<'_>) -> Result<(), AwsError> {
    let resource = match (route.operation, route.id) {
        (_, "") => "*".to_owned(),
        ("GetChange", id) => format!("arn:aws:route53:::change/{id}"),
        ("ChangeTagsForResource" | "ListTagsForResource", id) => format!("arn:aws:route53:::{}/{id}", route.kind),
        (operation, id) if operation.contains("HealthCheck") => format!("arn:aws:route53:::healthcheck/{id}"),
        (_, id) => format!("arn:aws:route53:::hostedzone/{id}"),
    };
    let action = format!("route53:{}", route.operation);
    // Route 53 spells the code without the word Exception.
    call.authorize(&action, &resource).map_err(|error| AwsError { code: "AccessDenied".to_owned(), ..error })
}
