//! From a signed request to the service of its SigV4 scope.

use std::sync::Arc;

use super::{Call, Principal};
use crate::Cloud;
use crate::region::Region;
use crate::services::{self, Service};
use crate::wire::{AwsError, Request, Response};
use crate::world::faults::Effect;
use crate::world::network::{NetError, Origin};

/// The parts of `Credential=<key>/<date>/<region>/<service>/aws4_request`.
struct Scope<'a> {
    access_key: &'a str,
    region: &'a str,
    service: &'a str,
}

/// Whether a request is signed, and so meant for a service endpoint.
pub fn is_signed(request: &Request) -> bool {
    scope(request).is_some()
}

/// Takes a signed request over the network to its service and brings the answer back.
pub async fn handle(cloud: &Arc<Cloud>, origin: Origin, request: Request) -> Result<Response, NetError> {
    let Some(Scope { access_key, region, service }) = scope(&request) else {
        let error = AwsError::new(403, "MissingAuthenticationToken", "the request is not signed with SigV4");
        return Ok(error.into_response(crate::wire::Protocol::RestJson, &cloud.ids.uuid()));
    };
    let request_id = cloud.ids.uuid();
    let protocol_of =
        |service: Option<&dyn Service>| service.map_or(crate::wire::Protocol::RestJson, |service| service.protocol());
    let found = services::find(cloud, service);
    let protocol = protocol_of(found);
    // SDKs sign for a global service in us-east-1, whether or not this twin has that Region.
    let is_global = found.is_some_and(|service| service.is_global());
    let region = match Region::parse(region).ok().filter(|region| cloud.regions.contains(region)) {
        Some(region) => region,
        None if is_global => cloud.home(),
        None => {
            let message = format!("the twin has no Region {region:?}; it was started with {:?}", cloud.regions);
            return Ok(
                AwsError::bad_request("UnrecognizedClientException", message).into_response(protocol, &request_id)
            );
        }
    };
    let Some(service_impl) = found else {
        let message = format!("the embedded twin has no service {service:?}; see docs/fidelity.md");
        return Ok(AwsError::new(501, "NotImplemented", message).into_response(protocol, &request_id));
    };
    let seat = if service_impl.is_global() { cloud.home() } else { region };
    let operation = service_impl.operation(&request);
    cloud.latency.travel(origin.point(), seat.at()).await;
    match cloud.faults.on_service_call(origin, seat, service, &operation) {
        Some(Effect::Refuse) => return Err(NetError::Refused),
        Some(Effect::Hang) => std::future::pending::<()>().await,
        Some(Effect::Error) => {
            let error = AwsError::new(503, "ServiceUnavailable", format!("{service} in {seat} is unavailable"));
            cloud.latency.travel(origin.point(), seat.at()).await;
            return Ok(error.into_response(protocol, &request_id));
        }
        None => {}
    }
    let principal = if access_key == super::Credentials::account().access_key {
        Principal::Account
    } else {
        match cloud.iam.principal(access_key) {
            Some(principal) => principal,
            None => {
                let message = "The security token included in the request is invalid.";
                let error = AwsError::new(403, "UnrecognizedClientException", message);
                return Ok(error.into_response(protocol, &request_id));
            }
        }
    };
    let call = Call { cloud: cloud.clone(), region, principal, request_id: request_id.clone() };
    cloud.latency.service_time(service, &operation).await;
    let answer = service_impl.handle(&call, &request).await;
    cloud.latency.travel(origin.point(), seat.at()).await;
    Ok(answer.unwrap_or_else(|error| error.into_response(protocol, &request_id)))
}

fn scope(request: &Request) -> Option<Scope<'_>> {
    let header = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let credential = header.split("Credential=").nth(1)?.split([',', ' ']).next()?;
    let mut parts = credential.split('/');
    let access_key = parts.next()?;
    let (_date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Scope { access_key, region, service })
}
