//! KMS: Regional keys and aliases, enough for what encrypts with them.
//!
//! [`key`] holds what exists, [`keys`] and [`aliases`] the calls that change it, [`crypto`] the calls that use it.
//! The cipher in [`cipher`] is a stand-in: it binds a ciphertext to its key and context and protects nothing.
//! Other services never touch keys: they ask [`Kms::usable`] and [`Kms::authorize`].

mod aliases;
mod cipher;
mod crypto;
mod key;
mod keys;
mod resources;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::Cloud;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, json};
use key::State;

pub use resources::resources;

#[derive(Default)]
pub struct Kms {
    state: Mutex<State>,
}

impl Kms {
    /// The ARN of a key that can encrypt and decrypt now; `key` is an id, an ARN, an alias or an alias ARN.
    /// Fails with `NotFoundException`, `DisabledException` or `KMSInvalidStateException`.
    pub fn usable(&self, cloud: &Cloud, region: Region, key: &str) -> Result<String, AwsError> {
        let mut state = self.lock();
        let key = state.find_mut(cloud, region, key)?;
        key.check_usable(cloud)?;
        Ok(key.arn(cloud))
    }

    /// Whether the caller may do `action` with a key it uses through another service: by an identity policy, or by a
    /// statement of the key's policy that names it. Keys that AWS manages answer to their service alone.
    pub fn authorize(&self, call: &Call, action: &str, key: &str) -> Result<(), AwsError> {
        let (arn, granted) = {
            let mut state = self.lock();
            let key = state.find_mut(&call.cloud, call.region, key)?;
            (key.arn(&call.cloud), key.managed || key.policy_names(&call.principal, action))
        };
        if granted { Ok(()) } else { call.authorize(action, &arn) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, call: &Call, request: &Request) -> Result<Value, AwsError> {
        let operation = json::operation(request);
        match operation {
            "CreateKey"
            | "DescribeKey"
            | "ListKeys"
            | "EnableKey"
            | "DisableKey"
            | "ScheduleKeyDeletion"
            | "CancelKeyDeletion"
            | "ReplicateKey"
            | "UpdatePrimaryRegion"
            | "TagResource"
            | "UntagResource"
            | "ListResourceTags"
            | "GetKeyPolicy"
            | "PutKeyPolicy"
            | "EnableKeyRotation"
            | "DisableKeyRotation"
            | "GetKeyRotationStatus"
            | "UpdateKeyDescription" => keys::run(self, call, operation, request),
            "CreateAlias" | "UpdateAlias" | "DeleteAlias" | "ListAliases" => {
                aliases::run(self, call, operation, request)
            }
            "Encrypt" | "Decrypt" | "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
                crypto::run(self, call, operation, request)
            }
            _ => Err(AwsError::not_implemented("kms", operation)),
        }
    }
}

impl Service for Kms {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { json::ok("1.1", &call.request_id, &self.run(call, request)?) })
    }
}
