//! IAM: roles and policies, recorded and evaluated.
//!
//! ```text
//! credentials ─→ principal ─→ allows(action, resource) ─→ role: inline, attached and boundary policies ─→ policy
//! ```
//!
//! Identity policies are decided here, with every answer remembered until a role or policy changes. Resource
//! policies belong to their services, which may read and ask them with [`Policy`].

mod api;
mod managed;
mod policy;
mod resource;
mod role;
mod wildcard;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::formation::ResourceHandler;
use crate::gateway::{Call, Credentials, Principal};
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, query};

pub use policy::{Kind, Policy, Query, Verdict};

#[derive(Default)]
pub struct Iam {
    state: Mutex<role::State>,
}

impl Iam {
    /// The credentials of a role, as a function's environment gets them. They are good while the role exists.
    pub fn credentials_for(&self, role_arn: &str) -> Credentials {
        Credentials { access_key: role::access_key(role_arn) }
    }

    /// Who signs with this access key; nobody where its role is gone.
    pub fn principal(&self, access_key: &str) -> Option<Principal> {
        self.lock().by_key(access_key).map(|arn| Principal::Role(arn.to_owned()))
    }

    /// Whether an identity policy of the principal allows the action on the resource. Services act under resource
    /// policies, which those who own the resource ask.
    pub fn allows(&self, principal: &Principal, action: &str, resource: &str) -> bool {
        match principal {
            Principal::Account | Principal::Service(_) => true,
            Principal::Role(arn) => {
                let account = arn.split(':').nth(4).unwrap_or_default();
                self.lock().allows(account, arn, action, resource)
            }
        }
    }

    /// Whether the role exists and its trust policy lets this service assume it.
    pub fn can_assume(&self, role_arn: &str, service: &str) -> bool {
        self.trusts(role_arn, &Principal::Service(service.to_owned()))
    }

    /// Whether the role exists and its trust policy names this principal.
    pub fn trusts(&self, role_arn: &str, principal: &Principal) -> bool {
        let account = role_arn.split(':').nth(4).unwrap_or_default();
        let query = Query { principal, account, action: "sts:AssumeRole", resource: role_arn };
        let state = self.lock();
        state.roles.get(role_arn).is_some_and(|role| role.trust.policy.verdict(query) == Verdict::Allow)
    }

    /// The unique id of a role (`AROA...`), which STS shows.
    pub fn role_id(&self, role_arn: &str) -> Option<String> {
        self.lock().roles.get(role_arn).map(|role| role.id.clone())
    }

    /// Condition keys that policies in use ask for and the twin never fills: their statements are evaluated as if
    /// the request did not have the key.
    pub fn unfilled_condition_keys(&self) -> Vec<String> {
        self.lock().unfilled.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, role::State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Iam {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
    }

    fn is_global(&self) -> bool {
        true
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { self.act(call, &query::Params::read(request)) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    resource::all()
}

#[cfg(test)]
mod tests;
