//! Secrets Manager: versions, stages and replicas. Values are held, never logged.
//!
//! [`secret`] is what exists; [`lifecycle`], [`versions`] and [`describe`] are the calls on it; [`replication`]
//! carries every change of a primary to its replicas, as late as [`lag`] says and only where the network lets it. [`value`] is the only
//! type that holds a value, and [`password`] the only place that makes one.

mod describe;
mod lag;
mod lifecycle;
mod password;
mod replication;
mod resources;
mod rotation;
mod secret;
#[cfg(test)]
mod tests;
mod value;
mod versions;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::gateway::Call;
use crate::seed::Seed;
use crate::services::Service;
use crate::wire::{AwsError, Members, Protocol, Request, Response, json};
use secret::State;

pub use lag::lag_quantile;
pub use resources::resources;

pub struct SecretsManager {
    state: Mutex<State>,
    /// Draws passwords.
    passwords: Mutex<ChaCha8Rng>,
    /// Draws the time a change takes to a replica.
    lags: Mutex<ChaCha8Rng>,
    /// Draws when inside its window a secret is rotated, and how long a rotation's steps lie apart.
    rotations: Mutex<ChaCha8Rng>,
}

impl SecretsManager {
    pub fn new(seed: Seed) -> Self {
        Self {
            state: Mutex::default(),
            passwords: Mutex::new(seed.stream("twin/secretsmanager/passwords")),
            lags: Mutex::new(seed.stream("twin/secretsmanager/lags")),
            rotations: Mutex::new(seed.stream("twin/secretsmanager/rotations")),
        }
    }

    /// A draw from 0 to 1 for rotations.
    fn share(&self) -> f64 {
        rand::RngExt::random(&mut *self.rotations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Act = fn(&Call, &Members) -> Result<Value, AwsError>;

/// Each operation with the members it models and what it does.
const OPERATIONS: &[(&str, &[&str], Act)] = &[
    ("GetSecretValue", &["SecretId", "VersionId", "VersionStage"], versions::get),
    (
        "PutSecretValue",
        &["SecretId", "ClientRequestToken", "SecretString", "SecretBinary", "VersionStages", "RotationToken"],
        versions::put,
    ),
    ("ListSecretVersionIds", &["SecretId", "MaxResults", "NextToken", "IncludeDeprecated"], versions::list),
    (
        "UpdateSecretVersionStage",
        &["SecretId", "VersionStage", "RemoveFromVersionId", "MoveToVersionId"],
        versions::move_stage,
    ),
    (
        "CreateSecret",
        &[
            "Name",
            "ClientRequestToken",
            "Description",
            "KmsKeyId",
            "SecretString",
            "SecretBinary",
            "Tags",
            "AddReplicaRegions",
            "ForceOverwriteReplicaSecret",
        ],
        lifecycle::create,
    ),
    (
        "UpdateSecret",
        &["SecretId", "ClientRequestToken", "Description", "KmsKeyId", "SecretString", "SecretBinary"],
        lifecycle::update,
    ),
    ("DeleteSecret", &["SecretId", "RecoveryWindowInDays", "ForceDeleteWithoutRecovery"], lifecycle::delete),
    ("RestoreSecret", &["SecretId"], lifecycle::restore),
    ("TagResource", &["SecretId", "Tags"], lifecycle::tag),
    ("UntagResource", &["SecretId", "TagKeys"], lifecycle::untag),
    ("DescribeSecret", &["SecretId"], describe::describe),
    ("ListSecrets", &["MaxResults", "NextToken", "Filters", "IncludePlannedDeletion", "SortOrder"], describe::list),
    ("ReplicateSecretToRegions", &["SecretId", "AddReplicaRegions", "ForceOverwriteReplicaSecret"], replication::add),
    ("RemoveRegionsFromReplication", &["SecretId", "RemoveReplicaRegions"], replication::remove),
    ("StopReplicationToReplica", &["SecretId"], replication::promote),
    (
        "RotateSecret",
        &["SecretId", "ClientRequestToken", "RotationLambdaARN", "RotationRules", "RotateImmediately"],
        rotation::rotate,
    ),
    ("CancelRotateSecret", &["SecretId"], rotation::cancel),
    (
        "GetRandomPassword",
        &[
            "PasswordLength",
            "ExcludeCharacters",
            "ExcludeNumbers",
            "ExcludePunctuation",
            "ExcludeUppercase",
            "ExcludeLowercase",
            "IncludeSpace",
            "RequireEachIncludedType",
        ],
        password::random,
    ),
];

impl Service for SecretsManager {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move {
            let operation = json::operation(request);
            let Some((_, members, act)) = OPERATIONS.iter().find(|(name, ..)| *name == operation) else {
                return Err(AwsError::not_implemented("secretsmanager", operation));
            };
            json::ok("1.1", &call.request_id, &act(call, &Members::read(request, members)?)?)
        })
    }
}

fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidRequestException", message)
}

fn invalid_parameter(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterException", message)
}

fn not_found(what: &str) -> AwsError {
    AwsError::bad_request("ResourceNotFoundException", format!("Secrets Manager can't find the specified {what}."))
}
