//! How an emulator is reached: its URLs, and SDK clients that go there.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use bytes::Bytes;

use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::{Endpoint, Timeouts};
use crate::target::proxy::Upstream;
use crate::target::{Clients, Raw, SendError, TargetError, socket};

/// What emulators take for an account of twelve zeros: they check no signature.
const KEYS: (&str, &str) = ("test", "test");

/// How long an emulator may take to say what it is.
const ASKED: Duration = Duration::from_secs(5);

/// Where each Region is, as `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    by_region: Vec<(Region, String)>,
    /// Of services that are somewhere else than the rest of their Region.
    by_service: Vec<(Region, String, String)>,
}

impl Endpoints {
    /// One URL for every Region.
    pub fn one(url: &str, regions: &[Region]) -> Self {
        Self::of(regions.iter().map(|region| (*region, url.to_owned())).collect())
    }

    pub fn of(by_region: Vec<(Region, String)>) -> Self {
        Self { by_region, by_service: Vec::new() }
    }

    /// A Region's own URL, or else the one for all.
    pub fn from_settings(endpoint: &Endpoint, regions: &[Region]) -> Result<Self, TargetError> {
        let url = |region: &Region| {
            let own = endpoint.regions.get(region).and_then(|own| own.url.clone());
            let url = own.or_else(|| endpoint.url.clone()).ok_or_else(|| {
                TargetError(format!(
                    "no URL for {region}: give --endpoint-url, AWS_ENDPOINT_URL, or endpoint.url in blackstart.yaml"
                ))
            })?;
            Ok((*region, url))
        };
        let by_region = regions.iter().map(url).collect::<Result<_, TargetError>>()?;
        let of = |region: &Region| {
            let own = endpoint.regions.get(region).into_iter().flat_map(|own| own.services.iter());
            own.map(|(service, url)| (*region, service.clone(), url.clone())).collect::<Vec<_>>()
        };
        Ok(Self { by_region, by_service: regions.iter().flat_map(of).collect() })
    }

    /// The services with an upstream of their own.
    pub(super) fn services(&self) -> Result<Vec<(Region, &str, Upstream)>, TargetError> {
        let each = self.by_service.iter();
        each.map(|(region, service, url)| Ok((*region, service.as_str(), upstream(url)?))).collect()
    }

    pub(super) fn upstreams(&self, regions: &[Region]) -> Result<Vec<(Region, Upstream)>, TargetError> {
        regions.iter().map(|region| Ok((*region, upstream(self.url(*region)?)?))).collect()
    }

    /// The primary Region's.
    pub(super) fn first(&self, regions: &[Region]) -> Result<String, TargetError> {
        let primary = regions.first().copied().unwrap_or(Region::US_EAST_1);
        self.url(primary).map(str::to_owned)
    }

    fn url(&self, region: Region) -> Result<&str, TargetError> {
        let found = self.by_region.iter().find(|(known, _)| *known == region);
        found.map(|(_, url)| url.as_str()).ok_or_else(|| TargetError(format!("no URL for {region}")))
    }
}

fn upstream(url: &str) -> Result<Upstream, TargetError> {
    let refused = |why: String| TargetError(format!("{url:?}: {why}"));
    let authority = url.trim_end_matches('/').strip_prefix("http://").ok_or_else(|| {
        refused("expected http://host:port; the harness's proxy speaks plain HTTP to emulators".to_owned())
    })?;
    let authority = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    authority.parse::<Upstream>().map_err(|why| refused(why.to_string()))
}

/// The SDK clients of a Region at this URL.
pub(super) fn clients(url: &str, region: Region, clock: Clock, timeouts: &Timeouts) -> Clients {
    let keys = Credentials::new(KEYS.0, KEYS.1, None, None, "blackstart-emulator");
    let credentials = SharedCredentialsProvider::new(keys);
    let limits =
        TimeoutConfig::builder().connect_timeout(timeouts.connect).operation_attempt_timeout(timeouts.attempt).build();
    let config = SdkConfig::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_types::region::Region::from_static(region.as_str()))
        .credentials_provider(credentials.clone())
        .endpoint_url(url)
        .http_client(Builder::new().build_http())
        .time_source(clock)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(limits)
        .disable_request_compression(true)
        .build();
    let connector = SharedHttpConnector::new(Connector::builder().build_http());
    Clients::new(&config, Raw { connector, credentials, region, clock, endpoint: Some(url.to_owned()) })
}

/// Whether an emulator says that it is up.
pub async fn is_healthy(url: &str) -> Result<(), String> {
    get(url, "/_localstack/health").await.map(|_| ()).map_err(|why| why.to_string())
}

/// Asks for a page of the emulator's own.
pub(super) async fn get(url: &str, path: &str) -> Result<String, SendError> {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let asking = async {
        let mut found = tokio::net::lookup_host(authority).await.map_err(|_| SendError::NoRoute)?;
        let address = found.next().ok_or(SendError::NoRoute)?;
        let line = socket::open(address, authority, None).await?;
        let request = http::Request::get(format!("http://{authority}{path}")).body(Bytes::new());
        let answer = line.send(request.map_err(|_| SendError::NoRoute)?).await?;
        if !answer.status().is_success() {
            return Err(SendError::NoRoute);
        }
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    };
    tokio::time::timeout(ASKED, asking).await.map_err(|_| SendError::TimedOut)?
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Region; 2] = [Region::US_EAST_1, Region::EU_WEST_1];

    #[test]
    fn a_regions_own_url_comes_first() {
        let mut endpoint = Endpoint::default();
        let of = |endpoint: &Endpoint| Endpoints::from_settings(endpoint, &BOTH).unwrap().by_region;
        endpoint.url = Some("http://all:4566".to_owned());
        let own = crate::scenario::RegionEndpoint { url: Some("http://eu:4567".to_owned()), ..Default::default() };
        endpoint.regions.insert(Region::EU_WEST_1, own);
        assert_eq!(of(&endpoint), [(BOTH[0], "http://all:4566".into()), (BOTH[1], "http://eu:4567".into())]);
        let none = Endpoints::from_settings(&Endpoint::default(), &BOTH).unwrap_err();
        assert!(none.0.contains("--endpoint-url"), "{none}");
    }

    #[test]
    fn a_service_can_be_somewhere_else() {
        let services = [("dynamodb".to_owned(), "http://localhost:8000".to_owned())].into();
        let own = crate::scenario::RegionEndpoint { url: None, services };
        let mut endpoint = Endpoint { url: Some("http://localhost:4566".to_owned()), ..Endpoint::default() };
        endpoint.regions.insert(Region::EU_WEST_1, own);
        let endpoints = Endpoints::from_settings(&endpoint, &BOTH).unwrap();
        let services: Vec<String> =
            endpoints.services().unwrap().iter().map(|(region, name, at)| format!("{region} {name} {at}")).collect();
        assert_eq!(services, ["eu-west-1 dynamodb localhost:8000"]);
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for url in ["https://localhost:4566", "localhost:4566", "http://a b:1"] {
            assert!(Endpoints::one(url, &BOTH).upstreams(&BOTH).is_err(), "{url}");
        }
        assert!(Endpoints::one("http://localhost", &BOTH).upstreams(&BOTH).is_ok());
    }
}
