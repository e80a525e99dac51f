//! One checker: a place, a rhythm, and one request each time.

use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout};

use super::check::{Check, Endpoint, Kind};
use super::opinion::{Observation, Outcome};
use crate::Cloud;
use crate::region::Region;
use crate::wire::{Request, Response};
use crate::world::faults::Effect;
use crate::world::network::{self, Connection, NetError, Origin};

/// The Regions Route 53 checks from (API reference, HealthCheckConfig Regions), and how many checkers the twin has
/// in each: eleven ask 66 times a minute at 10 s, where AWS's News Blog speaks of 60 to 70.
const PLACES: &[(&str, u8)] = &[
    ("us-east-1", 2),
    ("us-west-1", 1),
    ("us-west-2", 2),
    ("eu-west-1", 2),
    ("ap-southeast-1", 1),
    ("ap-southeast-2", 1),
    ("ap-northeast-1", 1),
    ("sa-east-1", 1),
];
/// The TCP connection must stand within four seconds, and an answer begin within two more (developer guide, "How
/// Route 53 determines the status of health checks that monitor an endpoint").
const CONNECT_WITHIN: Duration = Duration::from_secs(4);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// String matching looks at this much of a body (same page).
const SEARCHED_BYTES: usize = 5_120;

/// The checkers of a check that names these Regions (none for all): their Regions and addresses, from 192.0.2.0/24,
/// set aside for documentation by RFC 5737.
pub fn places(regions: &[Region]) -> Vec<(Region, Ipv4Addr)> {
    let mut places = Vec::new();
    let mut host = 0;
    for (name, checkers) in PLACES {
        for _ in 0..*checkers {
            host += 1;
            let region = Region::parse(name).ok().filter(|at| regions.is_empty() || regions.contains(at));
            places.extend(region.map(|region| (region, Ipv4Addr::new(192, 0, 2, host))));
        }
    }
    places
}

/// Whether Route 53 has checkers there.
pub fn is_place(region: &str) -> bool {
    PLACES.iter().any(|(name, _)| *name == region)
}

pub fn place_names() -> Vec<&'static str> {
    PLACES.iter().map(|(name, _)| *name).collect()
}

/// Checks on the interval until the check changes, ends or its world does.
pub async fn run(cloud: Weak<Cloud>, id: String, check: Arc<Check>, index: usize, region: Region, phase: Duration) {
    let Some(endpoint) = check.kind.endpoint() else { return };
    let mut next = Instant::now() + phase;
    loop {
        sleep_until(next).await;
        next += check.interval;
        let Some(cloud) = cloud.upgrade() else { return };
        if cloud.faults.region_is_down(region) {
            // A checker in a lost Region reports nothing at all.
            continue;
        }
        let outcome = probe(&cloud, &id, &check.kind, endpoint, region).await;
        cloud.health.report(&cloud, &id, index, Observation { outcome, at: cloud.clock.now() });
    }
}

async fn probe(cloud: &Arc<Cloud>, id: &str, kind: &Kind, endpoint: &Endpoint, region: Region) -> Outcome {
    let origin = Origin::Region(region);
    let address = match (endpoint.address, &endpoint.name) {
        (Some(address), _) => address,
        (None, Some(name)) => match cloud.dns.resolve_uncached(cloud, origin, name).await.first() {
            Some(address) => *address,
            None => return Outcome::NameNotResolved,
        },
        (None, None) => return Outcome::NameNotResolved,
    };
    match timeout(CONNECT_WITHIN, handshake(cloud, origin, address)).await {
        Err(_) | Ok(Err(NetError::TimedOut)) => return Outcome::ConnectTimedOut { address },
        Ok(Err(_)) => return Outcome::NoConnection,
        Ok(Ok(())) => {}
    }
    let is_https = match kind {
        Kind::Tcp(_) => return Outcome::Connected,
        Kind::Https(_) => true,
        _ => false,
    };
    let Some(request) = request(id, endpoint, address, is_https) else { return Outcome::NameNotResolved };
    let answer = async {
        if is_https {
            round_trip(cloud, origin, address).await;
        }
        network::connect(cloud, origin, address, request, Connection::Kept).await
    };
    match timeout(ANSWER_WITHIN, answer).await {
        Err(_) | Ok(Err(NetError::TimedOut)) => Outcome::AnswerTimedOut { address },
        Ok(Err(_)) => Outcome::NoConnection,
        Ok(Ok(response)) => judge(&response, endpoint, address),
    }
}

fn judge(response: &Response, endpoint: &Endpoint, address: Ipv4Addr) -> Outcome {
    let outcome = Outcome::Status { code: response.status().as_u16(), address };
    let Some(search) = endpoint.search.as_deref().filter(|_| outcome.is_success()) else { return outcome };
    let body = response.body();
    let searched = body.get(..SEARCHED_BYTES).unwrap_or(body);
    let found = searched.windows(search.len().max(1)).any(|window| window == search.as_bytes());
    if found { outcome } else { Outcome::NotFound }
}

/// TCP alone: what `network::connect` counts for a new connection is both TCP and TLS.
async fn handshake(cloud: &Cloud, origin: Origin, address: Ipv4Addr) -> Result<(), NetError> {
    let region = network::region_of(cloud, address).ok_or(NetError::NoRoute)?;
    round_trip(cloud, origin, address).await;
    match cloud.faults.on_edge(origin, region) {
        Some(Effect::Refuse) => Err(NetError::Refused),
        Some(Effect::Hang) => std::future::pending().await,
        Some(Effect::Error) | None => Ok(()),
    }
}

async fn round_trip(cloud: &Cloud, origin: Origin, address: Ipv4Addr) {
    if let Some(region) = network::region_of(cloud, address) {
        cloud.latency.travel(origin.point(), region.at()).await;
        cloud.latency.travel(origin.point(), region.at()).await;
    }
}

/// The request checkers send, with the user agent the developer guide documents.
fn request(id: &str, endpoint: &Endpoint, address: Ipv4Addr, is_https: bool) -> Option<Request> {
    let host = endpoint.name.clone().unwrap_or_else(|| address.to_string());
    let (scheme, usual) = if is_https { ("https", 443) } else { ("http", 80) };
    let host = if endpoint.port == usual { host } else { format!("{host}:{}", endpoint.port) };
    http::Request::get(format!("{scheme}://{host}{}", endpoint.path))
        .header(http::header::HOST, host)
        .header(http::header::USER_AGENT, format!("Amazon-Route53-Health-Check-Service (ref {id})"))
        .body(Bytes::new())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::respond;

    #[test]
    fn a_string_is_searched_for_in_the_first_5120_bytes_of_a_success() {
        let endpoint = Endpoint { search: Some("ready".to_owned()), ..Endpoint::default() };
        let judge =
            |status, body: String| judge(&respond(status, "text/plain", "", body), &endpoint, Ipv4Addr::LOCALHOST);
        let padded = |before: usize| format!("{}ready", " ".repeat(before));
        assert!(judge(200, padded(SEARCHED_BYTES - 5)).is_success());
        assert_eq!(judge(200, padded(SEARCHED_BYTES - 4)), Outcome::NotFound);
        assert_eq!(judge(200, "rea".to_owned()), Outcome::NotFound);
        assert!(!judge(503, padded(0)).is_success());
    }

    #[test]
    fn eleven_checkers_ask_60_to_70_times_a_minute() {
        let a_minute = places(&[]).len() * 60 / 10;
        assert!((60..=70).contains(&a_minute), "{a_minute}");
    }

    #[test]
    fn the_request_names_the_host_and_the_port_where_it_is_unusual() {
        let endpoint =
            Endpoint { name: Some("a.b".to_owned()), port: 8443, path: "/live".to_owned(), ..Endpoint::default() };
        let sent = request("id", &endpoint, Ipv4Addr::LOCALHOST, true).unwrap();
        assert_eq!(
            (sent.uri().to_string(), &sent.headers()["host"]),
            ("https://a.b:8443/live".to_owned(), &"a.b:8443".parse().unwrap())
        );
    }
}
