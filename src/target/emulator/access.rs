//! How an emulator is reached: its URLs, and SDK clients that go there.

use std::path::Path;
use std::sync::Arc;
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
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::{Endpoint, Timeouts};
use crate::target::proxy::Upstream;
use crate::target::{Clients, Raw, SendError, TargetError, socket, tls};

/// What emulators take for an account of twelve zeros: they check no signature.
const KEYS: (&str, &str) = ("test", "test");

/// How long an emulator may take to say what it is.
const ASKED: Duration = Duration::from_secs(10);

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
        each.map(|(region, service, url)| Ok((*region, service.as_str(), read(url)?))).collect()
    }

    /// Where each of these Regions is; an error says which URL is none, and what was expected.
    pub fn upstreams(&self, regions: &[Region]) -> Result<Vec<(Region, Upstream)>, TargetError> {
        regions.iter().map(|region| Ok((*region, read(self.url(*region)?)?))).collect()
    }

    /// How TLS is spoken to those of them that are https.
    pub(super) fn tls(&self, bundle: Option<&Path>) -> Result<ClientConfig, TargetError> {
        let urls = self.by_region.iter().map(|(_, url)| url).chain(self.by_service.iter().map(|(_, _, url)| url));
        let mut upstreams = urls.filter_map(|url| url.parse::<Upstream>().ok());
        if upstreams.any(|upstream| upstream.is_https()) { tls::trusting(bundle) } else { tls::untrusting() }
    }

    fn url(&self, region: Region) -> Result<&str, TargetError> {
        let found = self.by_region.iter().find(|(known, _)| *known == region);
        found.map(|(_, url)| url.as_str()).ok_or_else(|| TargetError(format!("no URL for {region}")))
    }
}

pub(super) fn read(url: &str) -> Result<Upstream, TargetError> {
    url.parse::<Upstream>().map_err(|why| TargetError(why.to_string()))
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
    let upstream = read(url).map_err(|why| why.to_string())?;
    get(&upstream, None, "/_localstack/health").await.map(|_| ()).map_err(|why| why.to_string())
}

/// Whether anybody listens there, and is who its certificate says.
pub(super) async fn reach(upstream: &Upstream, tls: &Arc<ClientConfig>) -> Result<(), String> {
    let reaching = async {
        let stream = TcpStream::connect(upstream.authority()).await.map_err(|why| why.to_string())?;
        if upstream.is_https() {
            let name = ServerName::try_from(upstream.host().to_owned()).map_err(|why| why.to_string())?;
            let greeted = TlsConnector::from(tls.clone()).connect(name, stream).await;
            greeted.map_err(|why| distrusted(upstream.host(), &why.to_string()))?;
        }
        Ok(())
    };
    let silent = || format!("it did not within {} s", ASKED.as_secs());
    tokio::time::timeout(ASKED, reaching).await.unwrap_or_else(|_| Err(silent()))
}

/// Why TLS did not come about, and what to do where something can be done.
fn distrusted(host: &str, why: &str) -> String {
    let way_out = if why.contains("UnknownIssuer") {
        "; ca_bundle in blackstart.yaml, or AWS_CA_BUNDLE, names certificates to trust".to_owned()
    } else if why.contains("CaUsedAsEndEntity") {
        return "its certificate is one of a CA (CA:TRUE), which no server may show: make it with basicConstraints=CA:FALSE, or \
                sign another one with it"
            .to_owned();
    } else if why.contains("not valid for name") {
        return format!("its certificate is not for {host}: {why}");
    } else if why.contains("InvalidContentType") {
        return "it does not speak TLS: http:// in place of https://?".to_owned();
    } else {
        String::new()
    };
    format!("{why}{way_out}")
}

/// Asks for a page of the emulator's own.
pub(super) async fn get(upstream: &Upstream, tls: Option<Arc<ClientConfig>>, path: &str) -> Result<String, SendError> {
    let authority = upstream.authority();
    let asking = async {
        let mut found = tokio::net::lookup_host(authority).await.map_err(|_| SendError::NoRoute)?;
        let address = found.next().ok_or(SendError::NoRoute)?;
        let line = socket::open(address, upstream.host(), tls.filter(|_| upstream.is_https())).await?;
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
    use crate::scenario::Settings;
    use crate::seed::Seed;
    use crate::target::Target;
    use crate::target::emulator::Emulator;

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
        assert_eq!(services, ["eu-west-1 dynamodb http://localhost:8000"]);
    }

    #[test]
    fn what_is_no_url_is_refused_with_what_was_expected() {
        for url in ["localhost:4566", "http://localhost:4566/aws"] {
            let why = Endpoints::one(url, &BOTH).upstreams(&BOTH).unwrap_err();
            assert!(why.0.contains(url) && why.0.contains("expected http://host:port"), "{why}");
        }
    }

    #[tokio::test]
    async fn an_https_endpoint_is_asked_over_tls_through_the_proxy() {
        let folder = tempfile::tempdir().unwrap();
        let (address, bundle) = tls::tests::server("localhost", folder.path()).await;
        let endpoints = Endpoints::one(&format!("https://localhost:{}", address.port()), &BOTH[..1]);
        let start = async |endpoints: &Endpoints, bundle: Option<&Path>| {
            let settings = Settings { ca_bundle: bundle.map(Path::to_owned), ..Settings::default() };
            Emulator::start("endpoint", endpoints, &BOTH[..1], &settings, Seed(7), None).await
        };
        let emulator = start(&endpoints, Some(&bundle)).await.unwrap();
        let Clients { raw, .. } = emulator.clients(BOTH[0]).unwrap();
        assert_eq!(raw.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap(), "/");
        let refused = start(&endpoints, None).await.err().unwrap();
        assert!(refused.0.contains("certificate") && refused.0.contains("ca_bundle"), "{refused}");
    }

    #[test]
    fn why_a_certificate_is_not_trusted_is_said_with_what_helps() {
        let said = |why: &str| distrusted("lab.example", why);
        assert!(said("invalid peer certificate: UnknownIssuer").contains("ca_bundle"));
        for why in ["Other(OtherError(CaUsedAsEndEntity))", "certificate not valid for name \"lab.example\"", "eof"] {
            assert!(!said(why).contains("ca_bundle"), "{}", said(why));
        }
        assert!(said("Other(OtherError(CaUsedAsEndEntity))").contains("basicConstraints=CA:FALSE"));
        assert!(said("received corrupt message of type InvalidContentType").contains("http://"));
    }

    #[tokio::test]
    async fn an_endpoint_where_nobody_listens_is_said_at_once() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoints = Endpoints::one(&format!("http://{closed}"), &BOTH);
        let nobody = Emulator::start("endpoint", &endpoints, &BOTH, &Settings::default(), Seed(7), None).await.err();
        let nobody = nobody.unwrap().0;
        assert!(nobody.starts_with(&format!("endpoint: http://{closed} (us-east-1) does not answer: ")), "{nobody}");
    }
}
