//! The in-process HTTP client that SDK clients are given instead of a socket.

use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use bytes::{Bytes, BytesMut};

use super::Credentials;
use crate::Cloud;
use crate::region::Region;
use crate::wire::{Request, Response};
use crate::world::network::{self, NetError, Origin};

/// An HTTP client whose network is the twin's.
#[derive(Clone)]
pub struct TwinHttpClient {
    cloud: Weak<Cloud>,
    origin: Origin,
}

impl TwinHttpClient {
    pub fn new(cloud: &Arc<Cloud>, origin: Origin) -> Self {
        Self { cloud: Arc::downgrade(cloud), origin }
    }
}

impl std::fmt::Debug for TwinHttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TwinHttpClient({:?})", self.origin)
    }
}

impl HttpClient for TwinHttpClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for TwinHttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (cloud, origin) = (self.cloud.clone(), self.origin);
        HttpConnectorFuture::new(async move {
            let cloud = cloud.upgrade().ok_or_else(|| ConnectorError::other("the twin has ended".into(), None))?;
            let request = read(request).await?;
            let response = network::http(&cloud, origin, request).await.map_err(|error| match error {
                NetError::TimedOut => ConnectorError::timeout(error.into()),
                error => ConnectorError::io(error.into()),
            })?;
            write(response)
        })
    }
}

async fn read(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = match body.bytes() {
        Some(bytes) => Bytes::copy_from_slice(bytes),
        None => stream(body).await?,
    };
    Ok(http::Request::from_parts(parts, body))
}

async fn stream(body: SdkBody) -> Result<Bytes, ConnectorError> {
    let mut stream = aws_smithy_types::byte_stream::ByteStream::new(body);
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.try_next().await.map_err(|error| ConnectorError::user(error.into()))? {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

fn write(response: Response) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The keys of a principal, as SDKs take them; the twin checks no signature.
pub fn provider(credentials: &Credentials) -> SharedCredentialsProvider {
    let keys = aws_credential_types::Credentials::new(&credentials.access_key, "twin", None, None, "blackstart-twin");
    SharedCredentialsProvider::new(keys)
}

/// What every client of the twin is configured with: this network, this clock, retries without random jitter.
pub fn sdk_config(cloud: &Arc<Cloud>, origin: Origin, region: Region, credentials: &Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::from_static(region.as_str()))
        .credentials_provider(provider(credentials))
        .http_client(TwinHttpClient::new(cloud, origin))
        .time_source(cloud.clock)
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_use_static_exponential_base(true))
        .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Compressed bodies are for networks: the twin's would only have to unpack them.
        .disable_request_compression(true)
        .build()
}
