//! On to the upstream and back, over kept connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_rustls::rustls::ClientConfig;

use super::ProxyError;
use super::call::host;
use crate::region::Region;
use crate::scenario::check_url;
use crate::target::causes;

/// The largest body, either way: twice what any API of the stack takes, and no danger to a test machine.
pub(super) const BODY_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Emulators in Python close idle connections after 5 s; one that is left before that is never found closed.
const IDLE: Duration = Duration::from_secs(2);

/// How long an upstream may take to accept a connection; it is on this machine, or near.
const CONNECT: Duration = Duration::from_secs(5);

/// Headers that are between two neighbours (RFC 9110, 7.6.1), and what has been answered here.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// Where a Region's requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
}

impl Upstream {
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Without the port: what its certificate must be for.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }
}

impl std::str::FromStr for Upstream {
    type Err = ProxyError;
    /// Reads `http://host:port` or `https://host:port`; the port may be left out, and nothing may follow it.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let refused = || ProxyError::Upstream(text.to_owned());
        check_url(text).map_err(|_| refused())?;
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or_else(refused)?;
        let port = authority.port_u16().unwrap_or(if *scheme == Scheme::HTTPS { 443 } else { 80 });
        let authority = format!("{}:{port}", authority.host()).parse().map_err(|_| refused())?;
        Ok(Self { scheme: scheme.clone(), authority })
    }
}

impl From<std::net::SocketAddr> for Upstream {
    fn from(address: std::net::SocketAddr) -> Self {
        // An address and a port always make an authority.
        let authority = address.to_string().parse().unwrap_or_else(|_| Authority::from_static("localhost:80"));
        Self { scheme: Scheme::HTTP, authority }
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// What a host name of users means to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The Region it is known in.
    pub region: Region,
    /// As users send it: `api.orders.example`, or the one of `execute-api`; its port does not count.
    pub name: String,
    /// The Host header the upstream is sent instead.
    pub upstream_host: String,
    /// What the upstream wants before the path, such as `/_aws/execute-api/<id>/<stage>`; may be empty.
    pub path_prefix: String,
}

/// The hosts users may ask for, as they were read.
#[derive(Debug, Default)]
pub(super) struct Hosts(BTreeMap<(Region, String), (HeaderValue, String)>);

impl Hosts {
    pub fn read(hosts: Vec<Host>) -> Result<Self, ProxyError> {
        let one = |host: Host| {
            let prefix = host.path_prefix.trim_end_matches('/');
            let is_path = prefix.is_empty() || prefix.parse::<PathAndQuery>().is_ok_and(|path| path.query().is_none());
            let header = HeaderValue::from_str(&host.upstream_host).ok().filter(|_| !host.upstream_host.is_empty());
            match header.filter(|_| is_path && (prefix.is_empty() || prefix.starts_with('/'))) {
                Some(header) => Ok(((host.region, host.name.to_ascii_lowercase()), (header, prefix.to_owned()))),
                None => Err(ProxyError::Host(host.name)),
            }
        };
        hosts.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// A user's request as the upstream wants it; `None` where the host is not known in the Region.
    pub fn rewrite(&self, region: Region, mut request: Request<Bytes>) -> Option<Request<Bytes>> {
        let (header, prefix) = self.0.get(&(region, host(&request)?))?;
        request.headers_mut().insert(header::HOST, header.clone());
        let asked = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        *request.uri_mut() = format!("{prefix}{asked}").parse().ok()?;
        Some(request)
    }
}

pub(super) struct Upstreams {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    by_region: Mutex<BTreeMap<Region, Upstream>>,
    /// Services that are somewhere else than the rest of their Region, by SigV4 name.
    by_service: Mutex<BTreeMap<(Region, String), Upstream>>,
}

impl Upstreams {
    pub fn new(by_region: BTreeMap<Region, Upstream>, tls: ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        // Which of the two it is, the upstream's URL says.
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        Self { client: client.build(connector), by_region: Mutex::new(by_region), by_service: Mutex::default() }
    }

    /// Leads a Region somewhere else from now on.
    pub fn move_to(&self, region: Region, upstream: Upstream) {
        self.by_region.lock().unwrap_or_else(PoisonError::into_inner).insert(region, upstream);
    }

    /// Leads one service of a Region somewhere else.
    pub fn lead(&self, region: Region, service: &str, upstream: Upstream) {
        let mut by_service = self.by_service.lock().unwrap_or_else(PoisonError::into_inner);
        by_service.insert((region, service.to_owned()), upstream);
    }

    fn of(&self, region: Region, service: Option<&str>) -> Option<Upstream> {
        let by_service = self.by_service.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = service.and_then(|service| by_service.get(&(region, service.to_owned()))) {
            return Some(own.clone());
        }
        self.by_region.lock().unwrap_or_else(PoisonError::into_inner).get(&region).cloned()
    }

    /// The upstream's answer, or why there is none. Host, path and query stay as they are: they are signed.
    pub async fn send(
        &self,
        region: Region,
        service: Option<&str>,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, String> {
        let Some(upstream) = self.of(region, service) else { return Err(format!("{region} has no upstream")) };
        let (mut parts, body) = request.into_parts();
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(upstream.scheme.clone());
        uri.authority = Some(upstream.authority.clone());
        uri.path_and_query = Some(parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
        parts.uri = Uri::from_parts(uri).map_err(|error| error.to_string())?;
        parts.version = http::Version::HTTP_11;
        // A length the client gave stays, as it may be signed; of what came in chunks hyper writes the length.
        let in_chunks = parts.headers.contains_key(header::TRANSFER_ENCODING);
        strip(&mut parts.headers, in_chunks);
        let request = Request::from_parts(parts, Full::new(body));
        let failed =
            |error: &(dyn std::error::Error + 'static)| format!("{upstream} gave no answer: {}", causes(error));
        let is_head = request.method() == http::Method::HEAD;
        let response = self.client.request(request).await.map_err(|error| failed(&error))?;
        let (mut parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| failed(&*error))?.to_bytes();
        // The answer to HEAD says how long the body would be.
        strip(&mut parts.headers, !is_head);
        parts.version = http::Version::HTTP_11;
        Ok(Response::from_parts(parts, body))
    }
}

/// Removes what is between two neighbours.
fn strip(headers: &mut HeaderMap, length_too: bool) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().map(HeaderName::as_str).chain(HOP_BY_HOP.iter().copied()) {
        headers.remove(name);
    }
    if length_too {
        headers.remove(header::CONTENT_LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_url_of_a_host_and_nothing_more() {
        for (url, read) in [
            ("http://localhost:4566", "http://localhost:4566"),
            ("http://localhost:4566/", "http://localhost:4566"),
            ("http://localhost", "http://localhost:80"),
            ("HTTPS://lab.example", "https://lab.example:443"),
            ("https://[::1]:4567", "https://[::1]:4567"),
        ] {
            assert_eq!(url.parse::<Upstream>().unwrap().to_string(), read);
        }
        for wrong in [
            "localhost",
            "localhost:4566",
            "ftp://localhost:4566",
            "http://user@localhost:4566",
            "http://",
            "http://:80",
            "http://a b:1",
            "http://localhost:99999",
            "http://localhost:4566/aws",
            "http://localhost:4566?x=1",
            "",
        ] {
            let error = wrong.parse::<Upstream>().unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[test]
    fn what_the_connection_header_names_is_removed_too() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "close, X-Own"), ("x-own", "1"), ("te", "trailers"), ("host", "a"), ("content-length", "3")]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers, false);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["host", "content-length"]);
    }

    #[test]
    fn a_host_that_cannot_be_sent_is_refused() {
        let host = |upstream_host: &str, path_prefix: &str| Host {
            region: Region::US_EAST_1,
            name: "api.example".to_owned(),
            upstream_host: upstream_host.to_owned(),
            path_prefix: path_prefix.to_owned(),
        };
        assert!(Hosts::read(vec![host("a:4566", "/prod/")]).is_ok());
        for (upstream, prefix) in [("", ""), ("a\n", ""), ("a", "prod"), ("a", "/prod?x=1")] {
            assert!(Hosts::read(vec![host(upstream, prefix)]).is_err(), "{upstream:?} {prefix:?}");
        }
    }
}
