//! STS: who am I, and whose credentials may I have.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::gateway::{Call, Principal};
use crate::services::Service;
use crate::wire::query::{self, Params};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Protocol, Request, Response};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// API reference, AssumeRole: a session lasts an hour unless said otherwise, 15 minutes at least.
const DEFAULT_SESSION_S: u64 = 3_600;
const SHORTEST_SESSION_S: u64 = 900;

pub struct Sts;

impl Service for Sts {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move {
            let params = Params::read(request);
            let result = match params.action() {
                "GetCallerIdentity" => caller(call),
                "AssumeRole" => assume_role(call, &params)?,
                other => return Err(AwsError::not_implemented("sts", other)),
            };
            Ok(query::ok(params.action(), NAMESPACE, &call.request_id, result))
        })
    }
}

/// No permission is needed to ask who one is.
fn caller(call: &Call) -> Vec<Element> {
    let account = &call.cloud.account;
    let (arn, id) = match &call.principal {
        Principal::Role(arn) => {
            let id = call.cloud.iam.role_id(arn).unwrap_or_default();
            (session_arn(arn, "blackstart"), format!("{id}:blackstart"))
        }
        Principal::Account | Principal::Service(_) => (format!("arn:aws:iam::{account}:root"), account.clone()),
    };
    vec![Element::new("Arn").text(arn), Element::new("UserId").text(id), Element::new("Account").text(account.as_str())]
}

fn assume_role(call: &Call, params: &Params) -> Result<Vec<Element>, AwsError> {
    let arn = params.require("RoleArn")?;
    let session = params.require("RoleSessionName")?;
    if let Some(unmodelled) = ["Policy", "PolicyArns.member.1.arn", "SerialNumber", "ExternalId"]
        .into_iter()
        .find(|name| params.get(name).is_some())
    {
        let message = format!("the embedded twin does not model {unmodelled} of AssumeRole; see docs/fidelity.md");
        return Err(AwsError::bad_request("ValidationError", message));
    }
    // Within one account the trust policy alone is enough where it names the caller, and the account's own principal
    // may do anything its trust policy does not keep from it.
    let iam = &call.cloud.iam;
    let allowed = iam.trusts(arn, &call.principal) && iam.allows(&call.principal, "sts:AssumeRole", arn);
    let Some(id) = iam.role_id(arn).filter(|_| allowed) else {
        let mut error = AwsError::access_denied(&call.principal.to_string(), "sts:AssumeRole", arn);
        error.code = "AccessDenied".to_owned();
        return Err(error);
    };
    let seconds: u64 = params.get("DurationSeconds").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_SESSION_S);
    if seconds < SHORTEST_SESSION_S {
        let message = format!("DurationSeconds must be at least {SHORTEST_SESSION_S}, not {seconds}");
        return Err(AwsError::bad_request("ValidationError", message));
    }
    let expiration = call.cloud.clock.now() + Duration::from_secs(seconds);
    let credentials = Element::new("Credentials")
        .text_child("AccessKeyId", iam.credentials_for(arn).access_key)
        // The twin knows principals by their access key and checks no signature: nothing here is secret.
        .text_child("SecretAccessKey", "twin")
        .text_child("SessionToken", "twin")
        .text_child("Expiration", expiration.iso8601());
    let user = Element::new("AssumedRoleUser")
        .text_child("AssumedRoleId", format!("{id}:{session}"))
        .text_child("Arn", session_arn(arn, session));
    Ok(vec![credentials, user])
}

/// `arn:aws:sts::<account>:assumed-role/<name>/<session>`.
fn session_arn(role_arn: &str, session: &str) -> String {
    let account = role_arn.split(':').nth(4).unwrap_or_default();
    let name = role_arn.rsplit('/').next().unwrap_or_default();
    format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
}
