//! The order API of the stack under test: a table, a bucket and a secret behind five routes.
//!
//! It knows HTTP and the SDK, and nothing of Lambda: `main.rs` runs it on AWS, the embedded twin calls it in-process.
//!
//! | route | answers |
//! |---|---|
//! | `GET /health` | whether this Region can do its job: 200 or 503, with its parts |
//! | `GET /whoami` | Region, version, and which secret it holds: a digest, never the value |
//! | `PUT /orders/{id}` | stores a JSON body; with an `Idempotency-Key`, once |
//! | `GET /orders/{id}` | the order and who wrote it |
//! | `GET /assets/{key}` | an object of the bucket |
//!
//! The item `config` of the table sets limits while it runs ([`settings`]).

mod assets;
mod config;
mod health;
mod reply;
mod secret;
mod settings;
mod table;

use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use serde_json::json;

pub use config::{Config, MissingVariable};
use reply::Failure;

/// No call to AWS may take longer than this: the caller hears of a failure while it still listens.
const CALL_LIMIT: Duration = Duration::from_secs(3);

/// Names the version that answered, in good answers and bad ones: a canary is judged by it.
const RELEASE: &str = "x-release";

/// Where lines go.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// The order API of one Region.
pub struct Orders {
    config: Config,
    table: table::Table,
    assets: assets::Assets,
    secret: secret::Secret,
    settings: settings::Source,
}

impl Orders {
    pub fn new(config: Config, sdk: &SdkConfig, log: Log) -> Self {
        Self {
            table: table::Table::new(&config, sdk),
            assets: assets::Assets::new(&config, sdk),
            secret: secret::Secret::new(&config, sdk),
            settings: settings::Source::new(config.config_fallback, log),
            config,
        }
    }

    /// Answers one request; failures are answers too.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let answer = match tokio::time::timeout(CALL_LIMIT, self.route(&request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Failure::timeout("the request")),
        };
        let mut answer = answer.unwrap_or_else(|failure| failure.response(&self.config.region));
        if let Ok(release) = HeaderValue::from_str(&self.config.version) {
            answer.headers_mut().insert(RELEASE, release);
        }
        answer
    }

    async fn route(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let path = request.uri().path();
        let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        match (request.method(), first, rest) {
            (&Method::GET, "health", "") => Ok(health::check(self).await),
            (&Method::GET, "whoami", "") => self.whoami().await,
            (&Method::PUT, "orders", id) if !id.is_empty() => self.put(id, request).await,
            (&Method::GET, "orders", id) if !id.is_empty() => self.table.get(id).await,
            (&Method::GET, "assets", key) if !key.is_empty() => self.assets.get(key).await,
            _ => Err(Failure::new(404, "NoSuchRoute", format!("there is no {} {path}", request.method()))),
        }
    }

    async fn put(&self, id: &str, request: &Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let settings = self.settings.current(&self.table).await?;
        self.table.put(id, request, settings.max_order_bytes).await
    }

    async fn whoami(&self) -> Result<Response<Bytes>, Failure> {
        let held = self.secret.held().await?;
        Ok(reply::json(
            200,
            &json!({
                "region": self.config.region,
                "version": self.config.version,
                "secret": { "digest": held.digest, "version_id": held.version_id },
            }),
        ))
    }
}
