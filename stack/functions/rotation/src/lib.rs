//! Rotates the stack's secret: Secrets Manager invokes it for each of four steps, one after the other.
//!
//! ```text
//! createSecret ─→ setSecret ─────────────→ testSecret ──────→ finishSecret
//! AWSPENDING      backend accepts it too   backend accepts?   AWSCURRENT moves
//! ```
//!
//! The backend is the one database that both Regions log in to, here an item of a table: which versions it accepts.
//! What it accepts while a rotation is on its way is the [`Strategy`]. Each step can be invoked again with the same
//! token and changes nothing then, for Secrets Manager retries the whole rotation when one fails.
//!
//! A value leaves this function only to Secrets Manager: the backend holds digests, and the log version ids.
//! `main.rs` runs it on AWS, the embedded twin calls it in-process.

mod backend;
mod config;
mod error;
mod event;
mod secret;

use std::sync::Arc;

use aws_types::SdkConfig;
use serde_json::{Value, json};

pub use backend::Strategy;
use backend::{Backend, Login};
pub use config::{Config, ConfigError};
pub use error::Error;
use event::{Event, Step};
use secret::Secret;

/// Where lines go.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// The rotation function.
pub struct Rotation {
    backend: Backend,
    strategy: Strategy,
    secrets: aws_sdk_secretsmanager::Client,
    log: Log,
}

impl Rotation {
    pub fn new(config: Config, sdk: &SdkConfig, log: Log) -> Self {
        Self {
            backend: Backend::new(&config.credentials_table, sdk),
            strategy: config.strategy,
            secrets: aws_sdk_secretsmanager::Client::new(sdk),
            log,
        }
    }

    /// Takes one step. The answer is the line it logs.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let event = Event::read(&event)?;
        let secret = Secret { client: &self.secrets, id: &event.secret_id };
        let current = secret.current_id(&event.token).await?;
        let accepts = match event.step {
            Step::Create => self.create(&secret, &event.token).await?,
            // Finished before, and asked again: nothing is left to do.
            _ if current == event.token => self.accepted().await?,
            Step::Set => self.set(&secret, &event.token).await?,
            Step::Test => self.test(&secret, &event.token).await?,
            Step::Finish => {
                secret.make_current(&event.token, &current).await?;
                self.accepted().await?
            }
        };
        let accepts: Vec<&str> = accepts.iter().map(|login| login.version_id.as_str()).collect();
        let line = json!({
            "blackstart": "rotation",
            "step": event.step.as_str(),
            "version_id": event.token,
            "accepts": accepts,
        });
        (self.log)(&line.to_string());
        Ok(line)
    }

    /// Gives the pending version a value. Before the first rotation the backend knows nobody: it learns the login
    /// that is in use.
    async fn create(&self, secret: &Secret<'_>, token: &str) -> Result<Vec<Login>, Error> {
        let accepts = match self.backend.read().await? {
            Some(accepts) => accepts,
            None => {
                let first = vec![secret.current().await?];
                self.backend.write(&first, None).await?;
                first
            }
        };
        if secret.version(token).await?.is_none() {
            secret.draw(token).await?;
        }
        Ok(accepts)
    }

    /// Makes the backend accept the pending version.
    async fn set(&self, secret: &Secret<'_>, token: &str) -> Result<Vec<Login>, Error> {
        let pending = secret.version(token).await?.ok_or_else(|| Error::Empty(token.to_owned()))?;
        let wanted = self.strategy.accepts(pending, secret.current().await?);
        let before = self.backend.read().await?;
        if before.as_ref() != Some(&wanted) {
            self.backend.write(&wanted, before.as_deref()).await?;
        }
        Ok(wanted)
    }

    /// Logs in with the pending version.
    async fn test(&self, secret: &Secret<'_>, token: &str) -> Result<Vec<Login>, Error> {
        let pending = secret.version(token).await?.ok_or_else(|| Error::Empty(token.to_owned()))?;
        let accepts = self.accepted().await?;
        if accepts.contains(&pending) { Ok(accepts) } else { Err(Error::Rejected(token.to_owned())) }
    }

    async fn accepted(&self) -> Result<Vec<Login>, Error> {
        Ok(self.backend.read().await?.unwrap_or_default())
    }
}
