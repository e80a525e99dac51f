//! The network as callers meet it: names become addresses, addresses lead to a Region's edge, and faults bite.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::faults::Effect;
use crate::region::{Place, Point, Region};
use crate::wire::{Request, Response};
use crate::{Cloud, gateway};

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A user out in the world.
    Place(Place),
    /// Something that runs in a Region.
    Region(Region),
    /// The operator's machine, next to nothing: no distance is added to what the harness asks.
    Operator,
}

impl Origin {
    /// Where on the globe, if that matters.
    pub fn point(self) -> Option<Point> {
        match self {
            Self::Place(place) => Some(place.at()),
            Self::Region(region) => Some(region.at()),
            Self::Operator => None,
        }
    }
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    #[error("connection refused")]
    Refused,
    #[error("timed out")]
    TimedOut,
    #[error("name not resolved")]
    NameNotResolved,
    #[error("no route to host")]
    NoRoute,
}

/// How many addresses a Regional edge answers on.
const EDGE_ADDRESSES: u8 = 3;

/// The addresses of a Region's API edge: 198.18.0.0/15, set aside for test networks by RFC 2544.
pub fn edge_addresses(cloud: &Cloud, region: Region) -> Vec<Ipv4Addr> {
    let index = cloud.regions.iter().position(|known| *known == region).unwrap_or(usize::from(u8::MAX));
    let index = u8::try_from(index).unwrap_or(u8::MAX);
    (1..=EDGE_ADDRESSES).map(|host| Ipv4Addr::new(198, 18, index, host)).collect()
}

/// The Region whose edge has this address.
pub fn region_of(cloud: &Cloud, address: Ipv4Addr) -> Option<Region> {
    let [198, 18, index, host] = address.octets() else { return None };
    if !(1..=EDGE_ADDRESSES).contains(&host) {
        return None;
    }
    cloud.regions.get(usize::from(index)).copied()
}

/// Sends a request where its host name leads: signed ones to a service endpoint, others through DNS to an edge.
pub async fn http(cloud: &Arc<Cloud>, origin: Origin, request: Request) -> Result<Response, NetError> {
    if gateway::is_signed(&request) {
        return gateway::handle(cloud, origin, request).await;
    }
    let host = request.uri().host().ok_or(NetError::NameNotResolved)?.to_owned();
    let address = cloud.dns.resolve_uncached(cloud, origin, &host).await.first().copied();
    connect(cloud, origin, address.ok_or(NetError::NameNotResolved)?, request, Connection::New).await
}

/// Whether a request opens its connection or finds one open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    New,
    Kept,
}

/// Opens a connection: TCP and TLS 1.3, two round trips before a request can leave. Nobody answers at a hung edge.
pub async fn open(cloud: &Arc<Cloud>, origin: Origin, address: Ipv4Addr) -> Result<(), NetError> {
    let region = region_of(cloud, address).ok_or(NetError::NoRoute)?;
    cloud.latency.travel(origin.point(), region.at()).await;
    let refused = match cloud.faults.on_edge(origin, region) {
        Some(Effect::Hang) => std::future::pending().await,
        Some(Effect::Refuse) => true,
        Some(Effect::Error) | None => false,
    };
    cloud.latency.travel(origin.point(), region.at()).await;
    if refused {
        return Err(NetError::Refused);
    }
    cloud.latency.travel(origin.point(), region.at()).await;
    cloud.latency.travel(origin.point(), region.at()).await;
    Ok(())
}

/// Sends a request to an address. The caller brings its own timeout: a hung edge never answers.
pub async fn connect(
    cloud: &Arc<Cloud>,
    origin: Origin,
    address: Ipv4Addr,
    request: Request,
    connection: Connection,
) -> Result<Response, NetError> {
    if connection == Connection::New {
        open(cloud, origin, address).await?;
    }
    let region = region_of(cloud, address).ok_or(NetError::NoRoute)?;
    cloud.latency.travel(origin.point(), region.at()).await;
    let answer = match cloud.faults.on_edge(origin, region) {
        Some(Effect::Refuse) => return Err(NetError::Refused),
        Some(Effect::Hang) => std::future::pending().await,
        Some(Effect::Error) => edge_unavailable(),
        None => served(cloud, region, request).await,
    };
    cloud.latency.travel(origin.point(), region.at()).await;
    Ok(answer)
}

/// What has arrived is served to its end, whether or not its sender still waits: only so does a timeout that the edge
/// comes to later than an impatient user still count among the edge's errors.
async fn served(cloud: &Arc<Cloud>, region: Region, request: Request) -> Response {
    let cloud = cloud.clone();
    let serving = tokio::spawn(async move { cloud.apigateway.serve(&cloud, region, request).await });
    serving.await.unwrap_or_else(|_| edge_unavailable())
}

fn edge_unavailable() -> Response {
    crate::wire::respond(503, "application/json", "", r#"{"message":"Service Unavailable"}"#)
}
