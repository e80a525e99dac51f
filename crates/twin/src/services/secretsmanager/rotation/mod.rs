//! Rotation: who rotates a secret, when, and the calls that configure it.
//!
//! ```text
//! RotateSecret, the schedule ─→ begin ─→ AWSPENDING on an empty version ─→ run: four invocations of the function
//! ```
//!
//! [`schedule`] turns rules into windows, [`run`] carries one rotation out, [`resource`] is the template's view.
//! A rotation or a timer that a later call superseded finds another number in the secret, and ends.

mod resource;
mod run;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use serde_json::{Value, json};

pub(super) use resource::RotationScheduleHandler;
use schedule::Rules;

use super::secret::{CURRENT, PENDING, Secret, State, Version};
use super::{invalid_parameter, invalid_request, versions};
use crate::Cloud;
use crate::clock::{Clock, Timestamp};
use crate::gateway::{Call, Principal};
use crate::region::Region;
use crate::wire::{AwsError, Members};

/// What is configured, and what goes on.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    lambda: String,
    rules: Rules,
    enabled: bool,
    last: Option<Timestamp>,
    /// When the next window closes: it may lie in the past where rotation failed.
    next: Option<Timestamp>,
    /// The number of the timer that waits for the next window.
    timer: Option<u64>,
    /// The number of the rotation in progress.
    running: Option<u64>,
}

impl Rotation {
    /// The fields of DescribeSecret and ListSecrets.
    pub fn describe(&self, out: &mut Value) {
        out["RotationEnabled"] = self.enabled.into();
        out["RotationLambdaARN"] = self.lambda.as_str().into();
        if !self.rules.is_empty() {
            out["RotationRules"] = self.rules.describe();
        }
        if let Some(last) = self.last {
            out["LastRotatedDate"] = last.seconds().into();
        }
        if let Some(next) = self.next.filter(|_| self.enabled) {
            out["NextRotationDate"] = next.seconds().into();
        }
    }
}

/// Which secret a timer or a rotation belongs to, and under which number it was started.
#[derive(Clone, Debug)]
struct Ticket {
    region: Region,
    name: String,
    number: u64,
}

impl Ticket {
    /// The secret, while this rotation is the one in progress.
    fn running<'a>(&self, state: &'a mut State) -> Option<&'a mut Secret> {
        let number = Some(self.number);
        self.secret(state).filter(|secret| secret.rotation.as_ref().is_some_and(|r| r.enabled && r.running == number))
    }

    /// The secret, while this timer is the one that counts.
    fn timed<'a>(&self, state: &'a mut State) -> Option<&'a mut Secret> {
        let number = Some(self.number);
        self.secret(state).filter(|secret| secret.rotation.as_ref().is_some_and(|r| r.enabled && r.timer == number))
    }

    fn secret<'a>(&self, state: &'a mut State) -> Option<&'a mut Secret> {
        state.secrets.get_mut(&(self.region, self.name.clone())).filter(|secret| !secret.is_replica())
    }
}

pub(super) fn rotate(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let cloud = &call.cloud;
    let rules = input.get("RotationRules").map(Rules::read).transpose()?;
    let immediately = input.get("RotateImmediately").and_then(Value::as_bool).unwrap_or(true);
    let token = input.text("ClientRequestToken").map_or_else(|| cloud.ids.uuid(), str::to_owned);
    versions::check_token(&token)?;
    let mut state = cloud.secretsmanager.lock();
    let numbers = [state.number(), state.number()];
    let secret = state.find_mut(call, "RotateSecret", input.require("SecretId")?)?;
    secret.check_writable()?;
    let known = secret.rotation.as_ref();
    let lambda = input.text("RotationLambdaARN").or(known.map(|rotation| rotation.lambda.as_str())).map(str::to_owned);
    let Some(lambda) = lambda else {
        return Err(invalid_request("No Lambda rotation function ARN is associated with this secret."));
    };
    let answer = json!({"ARN": secret.arn(cloud), "Name": secret.name, "VersionId": token});
    if let Some(version) = secret.versions.get(&token) {
        // The same call again, by its token, is answered as the first one was.
        if version.stages.contains(PENDING) || version.stages.contains(CURRENT) {
            return Ok(answer);
        }
        return Err(invalid_parameter(format!("ClientRequestToken {token} is the id of a version already.")));
    }
    check_function(call, secret, &lambda)?;
    if let Some(stuck) = unfinished(secret) {
        // A cancelled one waits for its label to be taken off by hand.
        if secret.rotation.as_ref().is_some_and(|rotation| rotation.enabled && rotation.running.is_none()) {
            begin(cloud, secret, numbers[0], stuck);
        }
        return Err(invalid_request("A previous rotation isn't complete. That rotation will be reattempted."));
    }
    let old = secret.rotation.take();
    let rotation = Rotation {
        lambda,
        rules: rules.or_else(|| old.as_ref().map(|old| old.rules.clone())).unwrap_or_default(),
        enabled: true,
        last: old.and_then(|old| old.last),
        next: None,
        timer: None,
        running: None,
    };
    secret.rotation = Some(rotation);
    secret.changed = cloud.clock.now();
    plan(cloud, secret, numbers[1]);
    if immediately {
        begin(cloud, secret, numbers[0], token);
    } else {
        let ticket = stage(cloud, secret, numbers[0], &token);
        tokio::spawn(run::prove(Arc::downgrade(cloud), ticket, token));
    }
    Ok(answer)
}

/// Turns the schedule off and abandons a rotation in progress; its AWSPENDING label stays where it is.
pub(super) fn cancel(call: &Call, input: &Members) -> Result<Value, AwsError> {
    let mut state = call.cloud.secretsmanager.lock();
    let secret = state.find_mut(call, "CancelRotateSecret", input.require("SecretId")?)?;
    secret.check_writable()?;
    let mut answer = json!({"ARN": secret.arn(&call.cloud), "Name": secret.name});
    if let Some(pending) = unfinished(secret) {
        answer["VersionId"] = pending.into();
    }
    if let Some(rotation) = &mut secret.rotation {
        *rotation = Rotation { enabled: false, timer: None, running: None, next: None, ..rotation.clone() };
        secret.changed = call.cloud.clock.now();
    }
    Ok(answer)
}

/// Checks that the caller and the service may invoke the function, and that there is one.
fn check_function(call: &Call, secret: &Secret, lambda: &str) -> Result<(), AwsError> {
    call.authorize("lambda:InvokeFunction", lambda)?;
    let arn = secret.arn(&call.cloud);
    call.cloud.lambda.permits(&call.cloud, call.region, lambda, &service(), Some(&arn)).map_err(|_| {
        AwsError::bad_request(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants \
             access to the principal secretsmanager.amazonaws.com.",
        )
    })
}

/// Who invokes rotation functions (user guide, "Lambda rotation function execution role permissions").
fn service() -> Principal {
    Principal::Service("secretsmanager.amazonaws.com".to_owned())
}

/// The version of a rotation that has begun and not ended: AWSPENDING anywhere but on the current version (API
/// reference, RotateSecret).
fn unfinished(secret: &Secret) -> Option<String> {
    let pending = secret.staged(PENDING)?.0;
    let current = secret.staged(CURRENT).map(|(id, _)| id);
    (Some(pending) != current).then(|| pending.clone())
}

/// Starts the rotation to the version `token`.
fn begin(cloud: &Arc<Cloud>, secret: &mut Secret, number: u64, token: String) {
    let ticket = stage(cloud, secret, number, &token);
    tokio::spawn(run::rotate(Arc::downgrade(cloud), ticket, token));
}

/// Puts AWSPENDING on an empty version, as the function finds it, under the number of what is started now.
fn stage(cloud: &Cloud, secret: &mut Secret, number: u64, token: &str) -> Ticket {
    if !secret.versions.contains_key(token) {
        let empty = Version { value: None, created: cloud.clock.now(), stages: BTreeSet::new() };
        secret.versions.insert(token.to_owned(), empty);
    }
    secret.label(token, PENDING);
    if let Some(rotation) = &mut secret.rotation {
        rotation.running = Some(number);
    }
    Ticket { region: secret.region, name: secret.name.clone(), number }
}

/// Sets the timer for the next window, where the rules give one.
fn plan(cloud: &Arc<Cloud>, secret: &mut Secret, number: u64) {
    let Some(rotation) = &mut secret.rotation else { return };
    let Some(window) = rotation.rules.window_after(cloud.clock.now()) else { return };
    rotation.next = Some(window.closes());
    rotation.timer = Some(number);
    let due = window.pick(cloud.secretsmanager.share());
    let ticket = Ticket { region: secret.region, name: secret.name.clone(), number };
    tokio::spawn(wait(Arc::downgrade(cloud), cloud.clock, ticket, due));
}

/// Starts the rotation of a window when its time has come, unless one is in progress.
async fn wait(cloud: Weak<Cloud>, clock: Clock, ticket: Ticket, due: Timestamp) {
    clock.sleep_until(due).await;
    let Some(cloud) = cloud.upgrade() else { return };
    let mut state = cloud.secretsmanager.lock();
    let number = state.number();
    let Some(secret) = ticket.timed(&mut state) else { return };
    if secret.deleted.is_some() {
        plan(&cloud, secret, number);
    } else if secret.rotation.as_ref().is_some_and(|rotation| rotation.running.is_none()) {
        let token = unfinished(secret).unwrap_or_else(|| cloud.ids.uuid());
        begin(&cloud, secret, number, token);
    }
}
