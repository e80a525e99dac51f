//! The seam to the Regions' health endpoints: one GET, and a 2xx in time is healthy.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::Pending;

/// A health endpoint answers at once or is no good: Route 53's own checkers give four seconds to connect and two to
/// answer.
const LIMIT: Duration = Duration::from_secs(5);

pub trait Health: Send + Sync {
    /// Whether a GET of this URL is answered with a 2xx in time.
    fn is_healthy<'a>(&'a self, url: &'a str) -> Pending<'a, bool>;
}

/// Asks over HTTP.
pub struct HttpHealth(SharedHttpConnector);

impl HttpHealth {
    pub fn new(http: SharedHttpConnector) -> Self {
        Self(http)
    }

    async fn get(&self, url: &str) -> Option<u16> {
        let request =
            http::Request::get(url).header("user-agent", "blackstart-failover").body(SdkBody::empty()).ok()?;
        let request = HttpRequest::try_from(request).ok()?;
        let answer = tokio::time::timeout(LIMIT, self.0.call(request)).await.ok()?;
        Some(answer.ok()?.status().as_u16())
    }
}

impl Health for HttpHealth {
    fn is_healthy<'a>(&'a self, url: &'a str) -> Pending<'a, bool> {
        Box::pin(async move { self.get(url).await.is_some_and(|status| (200..300).contains(&status)) })
    }
}
