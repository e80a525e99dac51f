//! How accounts are reached: credentials by the SDK's default chain (environment, profile, SSO, container, instance), a
//! role assumed for each Region that names one, and HTTPS. Nothing in here calls anybody: credentials are asked for by the
//! first call, which is the guard's.

use std::fmt;
use std::time::Duration;

use aws_config::ConfigLoader;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use tokio::sync::Mutex;

use super::guard::{Access, Unchecked};
use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::{Settings, Timeouts};
use crate::target::{Raw, TargetError, tls};

/// How a role's sessions name themselves, so that CloudTrail shows who it was.
const SESSION: &str = "blackstart";
/// The first try and two more, with the backoff of the SDK, which repeats what failed in passing and nothing else.
const ATTEMPTS: u32 = 3;
/// Credentials that expire this soon are asked for anew.
const SOON: Duration = Duration::from_secs(5 * 60);
/// Variables that would send some calls elsewhere than the guard's.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// What carries calls.
#[derive(Clone)]
pub struct Http {
    pub client: SharedHttpClient,
    pub connector: SharedHttpConnector,
}

impl Http {
    /// HTTPS with the machine's certificates, and the bundle of the settings.
    pub fn tls(settings: &Settings) -> Result<Self, TargetError> {
        let provider = || Provider::Rustls(CryptoMode::Ring);
        let trusted = tls::context(settings.ca_bundle.as_deref())?;
        let limits = HttpConnectorSettings::builder().connect_timeout(settings.timeouts.connect).build();
        let connector = Connector::builder().tls_provider(provider()).tls_context(trusted.clone());
        Ok(Self {
            client: Builder::new().tls_provider(provider()).tls_context(trusted).build_https(),
            connector: SharedHttpConnector::new(connector.connector_settings(limits).build()),
        })
    }
}

/// Whether everything would go where the guard asks; somebody else's endpoint is another target.
pub fn endpoints_are_awss<'a>(variables: impl Iterator<Item = &'a str>) -> Result<(), TargetError> {
    let mut set = variables.filter(|name| name.starts_with(ENDPOINT));
    set.next().map_or(Ok(()), |name| {
        Err(TargetError(format!(
            "aws: nothing was done: {name} sends calls elsewhere; unset it, or run --target endpoint"
        )))
    })
}

/// Access to every Region, of which the guard has seen nothing yet. `load` begins a configuration: the default chain's
/// outside tests.
pub async fn unchecked(
    settings: &Settings,
    regions: &[Region],
    clock: Clock,
    http: &Http,
    load: impl Fn() -> ConfigLoader,
) -> Unchecked {
    let mut access = Vec::new();
    for region in regions {
        let config = configure(settings, *region, clock, http, load()).await;
        let credentials = credentials(settings, *region, clock, &config).await;
        let config = config.into_builder().credentials_provider(credentials.clone()).build();
        let raw = Raw { connector: http.connector.clone(), credentials, region: *region, clock, endpoint: None };
        access.push(Access { region: *region, config, raw });
    }
    Unchecked::new(access)
}

async fn configure(
    settings: &Settings,
    region: Region,
    clock: Clock,
    http: &Http,
    mut load: ConfigLoader,
) -> SdkConfig {
    let Timeouts { connect, attempt } = settings.timeouts;
    let timeouts = TimeoutConfig::builder().connect_timeout(connect).operation_attempt_timeout(attempt).build();
    if let Some(profile) = &settings.aws.profile {
        load = load.profile_name(profile);
    }
    let loaded = load
        .region(aws_types::region::Region::from_static(region.as_str()))
        .http_client(http.client.clone())
        .time_source(clock)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .load()
        .await;
    // What a profile says of endpoints would part the clients from the guard, which asks AWS's own STS.
    let mut builder = loaded.into_builder();
    builder.set_endpoint_url(None);
    builder.service_config(NoProfile).build()
}

/// The caller's own, or those of the Region's role.
async fn credentials(
    settings: &Settings,
    region: Region,
    clock: Clock,
    config: &SdkConfig,
) -> SharedCredentialsProvider {
    let own = config.credentials_provider();
    let provider = match (settings.aws.roles.get(&region), own) {
        (Some(role), _) => {
            let assumed = AssumeRoleProvider::builder(role).session_name(SESSION).configure(config).build().await;
            SharedCredentialsProvider::new(assumed)
        }
        (None, Some(own)) => own,
        (None, None) => SharedCredentialsProvider::new(Nobody),
    };
    SharedCredentialsProvider::new(Kept { provider, clock, kept: Mutex::default() })
}

/// Credentials kept until shortly before they expire: calls that are signed by hand have no other cache.
struct Kept {
    provider: SharedCredentialsProvider,
    clock: Clock,
    kept: Mutex<Option<Credentials>>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let mut kept = self.kept.lock().await;
            let soon = std::time::SystemTime::from(self.clock.now() + SOON);
            if let Some(credentials) = kept.as_ref().filter(|kept| kept.expiry().is_none_or(|at| at > soon)) {
                return Ok(credentials.clone());
            }
            let credentials = self.provider.provide_credentials().await?;
            *kept = Some(credentials.clone());
            Ok(credentials)
        })
    }
}

/// A profile that says nothing of any service.
#[derive(Debug)]
struct NoProfile;

impl LoadServiceConfig for NoProfile {
    fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
        None
    }
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let none = "there are no credentials";
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(none)))
    }
}
