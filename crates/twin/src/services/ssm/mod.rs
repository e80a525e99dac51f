//! SSM Parameter Store: parameters by Region and name, in paths, secure ones under a KMS key.

mod parameter;
mod read;
mod resources;
#[cfg(test)]
mod tests;
mod write;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::gateway::Call;
use crate::region::Region;
use crate::services::Service;
use crate::wire::{AwsError, Members, Protocol, Request, Response, json};
use parameter::State;

pub use resources::resources;

#[derive(Default)]
pub struct Ssm {
    state: Mutex<State>,
}

impl Ssm {
    /// The newest value of a parameter that is not secure, as CloudFormation reads it; a name may end in `:version`.
    pub fn plain(&self, region: Region, asked: &str) -> Option<String> {
        let (name, version) = match asked.rsplit_once(':') {
            Some((name, version)) => (name, Some(version.parse::<i64>().ok()?)),
            None => (asked, None),
        };
        let state = self.lock();
        let parameter = state.parameters.get(&(region, name.to_owned()))?;
        let found = match version {
            Some(version) => parameter.versions.get(&version),
            None => parameter.versions.last_key_value().map(|(_, version)| version),
        };
        found.filter(|_| parameter.kind != parameter::Kind::Secure).map(|version| version.value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Act = fn(&Call, &Members) -> Result<Value, AwsError>;

/// Each operation with the members it models and what it does.
const OPERATIONS: &[(&str, &[&str], Act)] = &[
    ("GetParameter", &["Name", "WithDecryption"], read::one),
    ("GetParameters", &["Names", "WithDecryption"], read::several),
    ("GetParametersByPath", &["Path", "Recursive", "WithDecryption", "MaxResults", "NextToken"], read::by_path),
    (
        "PutParameter",
        &["Name", "Value", "Type", "Overwrite", "Description", "KeyId", "Tags", "Tier", "DataType"],
        write::put,
    ),
    ("DeleteParameter", &["Name"], write::delete),
    ("DeleteParameters", &["Names"], write::delete_several),
];

impl Service for Ssm {
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
                return Err(AwsError::not_implemented("ssm", operation));
            };
            json::ok("1.1", &call.request_id, &act(call, &Members::read(request, members)?)?)
        })
    }
}
