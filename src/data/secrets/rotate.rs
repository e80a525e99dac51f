//! Rotates the secret in its primary Region, as an operator does, and waits for the new version to be current.

use std::convert::Infallible;
use std::time::Duration;

use super::CURRENT;
use crate::data::looking::look;
use crate::history::{Event, OperationAction, Recorder};
use crate::target::said;
use crate::wait::{self, Look};

/// A rotation function that failed is tried again within the hour; nobody on call waits for that.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
const INTERVAL: Duration = Duration::from_secs(1);
const KIND: &str = "rotate-secret";

/// Carries out the operation `id` of the plan and records when it began and how it ended.
pub async fn rotate(client: &aws_sdk_secretsmanager::Client, secret: &str, id: &str, recorder: &Recorder) {
    let record = |action, version, what| {
        let (operation, kind) = (id.to_owned(), KIND.to_owned());
        recorder.record(Event::Operation { operation, kind, action, version, what });
    };
    record(OperationAction::Started, None, format!("rotating the secret {secret}"));
    match carry_out(client, secret, recorder).await {
        Ok(version) => record(OperationAction::Finished, Some(version), format!("{secret} has a new current version")),
        Err(what) => record(OperationAction::Failed, None, what),
    }
}

/// The version that became current.
async fn carry_out(
    client: &aws_sdk_secretsmanager::Client,
    secret: &str,
    recorder: &Recorder,
) -> Result<String, String> {
    let described = client.describe_secret().secret_id(secret).send().await.map_err(|error| said(&error))?;
    if described.rotation_lambda_arn().is_none() && described.rotation_enabled() != Some(true) {
        return Err(format!(
            "the secret {secret} has no rotation: give it an AWS::SecretsManager::RotationSchedule with a function"
        ));
    }
    // The version gets the token's name: 32 characters or more, and the same for the same run and seed.
    let version = format!("rotation-{:0>32}", recorder.tag().to_string());
    let rotation = client.rotate_secret().secret_id(secret).client_request_token(&version);
    rotation.send().await.map_err(|error| said(&error))?;
    let is_current = async || {
        let described =
            look(async { client.describe_secret().secret_id(secret).send().await.map_err(|error| said(&error)) });
        let stages = described.await.map(|described| {
            let stages = described.version_ids_to_stages().and_then(|versions| versions.get(&version));
            stages.cloned().unwrap_or_default()
        });
        Ok::<_, Infallible>(match stages {
            Ok(stages) if stages.iter().any(|stage| stage == CURRENT) => Look::Ready(()),
            Ok(stages) => Look::NotYet(format!("the new version has the stages {stages:?}")),
            Err(what) => Look::NotYet(what),
        })
    };
    let Ok(waited) = wait::until("the new version to be current", DEADLINE, INTERVAL, is_current).await;
    waited.map(|()| version.clone()).map_err(|gave_up| gave_up.to_string())
}
