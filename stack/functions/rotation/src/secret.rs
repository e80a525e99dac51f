//! The secret that is rotated. Values are drawn by Secrets Manager, digested here, and kept nowhere.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use sha2::{Digest, Sha256};

use crate::backend::Login;
use crate::error::Error;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
/// As the template draws the first value.
const PASSWORD_LENGTH: i64 = 40;
/// How much of a digest is told: enough to tell two values apart, not enough to search for them.
const DIGEST_HEX: usize = 16;

pub struct Secret<'a> {
    pub client: &'a Client,
    pub id: &'a str,
}

impl Secret<'_> {
    /// The id of the current version, once it is sure that the token's version is being rotated in, or has been.
    pub async fn current_id(&self, token: &str) -> Result<String, Error> {
        let described = self.client.describe_secret().secret_id(self.id).send().await;
        let described = described.map_err(|error| Error::of("describing the secret", &error))?;
        let carries = |stages: &[String], label: &str| stages.iter().any(|stage| stage == label);
        let versions = described.version_ids_to_stages().into_iter().flatten();
        let mut current = None;
        let mut staged = false;
        for (id, stages) in versions {
            staged |= id == token && (carries(stages, PENDING) || carries(stages, CURRENT));
            if carries(stages, CURRENT) {
                current = Some(id.clone());
            }
        }
        current.filter(|_| staged).ok_or_else(|| Error::NotStaged(token.to_owned()))
    }

    /// The login that is in use.
    pub async fn current(&self) -> Result<Login, Error> {
        let answer = self.client.get_secret_value().secret_id(self.id).version_stage(CURRENT).send().await;
        login(&answer.map_err(|error| Error::of("reading the current version", &error))?)
    }

    /// The login of a version; none while it has no value.
    pub async fn version(&self, token: &str) -> Result<Option<Login>, Error> {
        match self.client.get_secret_value().secret_id(self.id).version_id(token).send().await {
            Ok(answer) => login(&answer).map(Some),
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => Ok(None),
            Err(error) => Err(Error::of("reading the pending version", &error)),
        }
    }

    /// Gives the pending version a value.
    pub async fn draw(&self, token: &str) -> Result<(), Error> {
        let drawn = self.client.get_random_password().password_length(PASSWORD_LENGTH).exclude_punctuation(true);
        let drawn = drawn.send().await.map_err(|error| Error::of("drawing a value", &error))?;
        let put = self.client.put_secret_value().secret_id(self.id).client_request_token(token);
        let put = put.set_secret_string(drawn.random_password).version_stages(PENDING);
        put.send().await.map(|_| ()).map_err(|error| Error::of("storing the pending version", &error))
    }

    /// Moves AWSCURRENT; Secrets Manager leaves AWSPREVIOUS where it was.
    pub async fn make_current(&self, token: &str, current: &str) -> Result<(), Error> {
        let moved = self.client.update_secret_version_stage().secret_id(self.id).version_stage(CURRENT);
        let moved = moved.move_to_version_id(token).remove_from_version_id(current);
        moved.send().await.map(|_| ()).map_err(|error| Error::of("moving the current label", &error))
    }
}

fn login(answer: &GetSecretValueOutput) -> Result<Login, Error> {
    let version_id = answer.version_id().unwrap_or_default().to_owned();
    let value = match (answer.secret_string(), answer.secret_binary()) {
        (Some(text), _) => text.as_bytes(),
        (None, Some(blob)) => blob.as_ref(),
        (None, None) => return Err(Error::Empty(version_id)),
    };
    let bytes = Sha256::digest(value);
    let digest = bytes.iter().take(DIGEST_HEX / 2).map(|byte| format!("{byte:02x}")).collect();
    Ok(Login { version_id, digest })
}
