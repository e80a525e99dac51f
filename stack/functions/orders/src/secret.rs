//! The secret the API needs: fetched, digested, forgotten. Only the digest is kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_types::SdkConfig;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::config::Config;
use crate::reply::Failure;

/// How long a fetched secret is taken for current: a rotation is seen after this at the latest.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// How much of the digest is told: enough to tell two values apart, not enough to search for them.
const DIGEST_HEX: usize = 16;

/// Which value is held. There is no way back from it to the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub digest: String,
    pub version_id: String,
}

pub struct Secret {
    client: aws_sdk_secretsmanager::Client,
    id: String,
    kept: Mutex<Option<(Instant, Held)>>,
}

impl Secret {
    pub fn new(config: &Config, sdk: &SdkConfig) -> Self {
        let client = aws_sdk_secretsmanager::Client::new(sdk);
        Self { client, id: config.secret_id.clone(), kept: Mutex::new(None) }
    }

    /// Which value is current, as of half a minute ago at most.
    pub async fn held(&self) -> Result<Held, Failure> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, held)) = kept
            && at.elapsed() < KEPT_FOR
        {
            return Ok(held);
        }
        let held = self.fetch().await?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), held.clone()));
        Ok(held)
    }

    async fn fetch(&self) -> Result<Held, Failure> {
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await;
        let answer = answer.map_err(|error| Failure::of("reading the secret", &error))?;
        let value = match (answer.secret_string(), answer.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(blob)) => blob.as_ref(),
            (None, None) => &[],
        };
        check(value)?;
        Ok(Held { digest: digest(value), version_id: answer.version_id().unwrap_or_default().to_owned() })
    }
}

/// Whether the API can use a value: it cannot sign with nothing, nor with what no header can carry. What is wrong
/// with it is not told.
fn check(value: &[u8]) -> Result<(), Failure> {
    if value.trim_ascii().is_empty() || value.iter().any(u8::is_ascii_control) {
        return Err(Failure::new(502, "BadSecret", "the secret's value cannot be used"));
    }
    Ok(())
}

fn digest(value: &[u8]) -> String {
    let bytes = Sha256::digest(value);
    bytes.iter().take(DIGEST_HEX / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_be_used_fails_and_is_not_shown() {
        assert_eq!(check(b"s3cret"), Ok(()));
        for value in ["", " ", "s3cret\n", "s3\u{0}cret", "\u{7f}s3cret"] {
            let failure = check(value.as_bytes()).unwrap_err();
            assert_eq!((failure.status, failure.code.as_str()), (502, "BadSecret"), "{value:?}");
            assert!(!failure.message.contains("s3"));
        }
    }

    #[test]
    fn a_digest_is_sixteen_characters_of_sha_256() {
        assert_eq!(digest(b""), "e3b0c44298fc1c14");
        assert_ne!(digest(b"a"), digest(b"b"));
    }
}
