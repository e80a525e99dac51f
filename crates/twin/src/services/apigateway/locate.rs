//! From a request to the stage it is for: by host name, base path mapping and stage name.

use std::sync::Arc;

use super::ApiGateway;
use super::refusal::Refusal;
use super::rest_api::Live;
use crate::Cloud;
use crate::region::Region;
use crate::wire::Request;

/// The stage of a request, and what of its path the stage routes.
#[derive(Debug)]
pub struct Located {
    pub live: Arc<Live>,
    pub path: String,
    /// Whether the canary's share falls on this request.
    pub canary: bool,
    pub throttled: bool,
}

impl ApiGateway {
    /// Finds the stage, and takes the request out of the throttles' buckets.
    pub(super) fn locate(&self, cloud: &Cloud, region: Region, request: &Request) -> Result<Located, Refusal> {
        let host = host_of(request).ok_or(Refusal::Forbidden)?;
        let (path, now) = (request.uri().path(), cloud.clock.now());
        let mut state = self.state();
        let state = &mut *state;
        let (api_id, stage, path) = match execute_api(host) {
            Some((api_id, of)) if of == region.as_str() => {
                let (stage, path) = split_stage(path);
                (api_id, stage, path)
            }
            Some(_) => return Err(Refusal::Forbidden),
            None => {
                let edge = state.edges.get(&region);
                let domain = edge.and_then(|edge| edge.domains.get(host)).ok_or(Refusal::Forbidden)?;
                let (mapping, rest) = domain.mapping(path).ok_or(Refusal::Forbidden)?;
                match &mapping.stage {
                    Some(stage) => (mapping.api_id.as_str(), stage.as_str(), rest),
                    None => {
                        let (stage, rest) = split_stage(rest);
                        (mapping.api_id.as_str(), stage, rest)
                    }
                }
            }
        };
        let by_domain = execute_api(host).is_none();
        let api = state.apis.get_mut(api_id).filter(|api| api.region == region).ok_or(Refusal::Forbidden)?;
        if api.settings.execute_api_disabled && !by_domain {
            return Err(Refusal::Forbidden);
        }
        let stage = api.stages.get_mut(stage).ok_or(Refusal::Forbidden)?;
        let account = state.accounts.entry(region).or_insert_with(|| super::account_bucket(now));
        let admitted = account.take(now) && stage.throttle.as_mut().is_none_or(|bucket| bucket.take(now));
        let live = stage.live.clone();
        let canary = live.canary.as_ref().is_some_and(|(share, _)| {
            let rng = state.rng.get_or_insert_with(|| cloud.seed.stream("twin/apigateway"));
            rand::RngExt::random::<f64>(rng) < *share
        });
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        Ok(Located { live, path, canary, throttled: !admitted })
    }
}

/// The API id and Region of `<id>.execute-api.<region>.amazonaws.com`.
pub fn execute_api(host: &str) -> Option<(&str, &str)> {
    let (id, rest) = host.strip_suffix(".amazonaws.com")?.split_once(".execute-api.")?;
    Some((id, rest))
}

fn split_stage(path: &str) -> (&str, &str) {
    let below = path.strip_prefix('/').unwrap_or(path);
    match below.find('/') {
        Some(end) => (&below[..end], &below[end..]),
        None => (below, ""),
    }
}

/// The Host header, or the host of the URI; without a port.
fn host_of(request: &Request) -> Option<&str> {
    let header = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| request.uri().host())?;
    Some(host.split_once(':').map_or(host, |(host, _port)| host))
}
