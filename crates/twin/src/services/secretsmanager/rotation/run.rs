//! One rotation: the function's four steps, one after the other, and the retries of the whole.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;

use super::super::secret::{CURRENT, PENDING};
use super::{Ticket, plan, service, unfinished};
use crate::Cloud;
use crate::services::lambda::Event;
use crate::world::network::Origin;

/// User guide, "Lambda rotation functions": the values of `Step`, in the order they are invoked.
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
/// "If rotation fails, Secrets Manager retries the entire rotation process multiple times" (API reference,
/// DescribeSecret). How often and when is not published: five times in all, with growing pauses, is our guess.
const RETRIES: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(120), Duration::from_secs(240), Duration::from_secs(480)];
/// From one step to the next, up to this. Not published; a guess.
const HANDOVER_MAX: Duration = Duration::from_millis(600);
/// Longer than this no Lambda function runs ("Lambda quotas"): one that has not answered by then never will.
const STEP_LIMIT: Duration = Duration::from_secs(900);
/// How often a rotation whose service is down looks whether it is back.
const PAUSE: Duration = Duration::from_secs(5);

/// How a step, or all of them, ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed,
    /// Cancelled or superseded; or the label is off its version, or the secret is to be deleted.
    Void,
}

/// Rotates, again from the first step where one fails, until it succeeds or the attempts are used up. A version that
/// fails keeps AWSPENDING.
pub(super) async fn rotate(cloud: Weak<Cloud>, ticket: Ticket, token: String) {
    let pauses = [Duration::ZERO].into_iter().chain(RETRIES);
    let mut rotated = false;
    for pause in pauses {
        tokio::time::sleep(pause).await;
        match attempt(&cloud, &ticket, &token).await {
            Outcome::Failed => {}
            Outcome::Void => break,
            Outcome::Done => {
                rotated = true;
                break;
            }
        }
    }
    let Some(cloud) = cloud.upgrade() else { return };
    let mut state = cloud.secretsmanager.lock();
    let number = state.number();
    let Some(secret) = ticket.running(&mut state) else { return };
    if let Some(rotation) = &mut secret.rotation {
        rotation.running = None;
        if rotated {
            rotation.last = Some(cloud.clock.now());
        }
    }
    plan(&cloud, secret, number);
}

/// Tries the configuration without rotating: `testSecret` alone, on a pending version that is removed again whatever
/// it said (API reference, RotateImmediately).
pub(super) async fn prove(cloud: Weak<Cloud>, ticket: Ticket, token: String) {
    let Some(proof) = cloud.upgrade().map(|cloud| cloud.ids.uuid()) else { return };
    step(&cloud, &ticket, &token, "testSecret", &proof).await;
    let Some(cloud) = cloud.upgrade() else { return };
    let mut state = cloud.secretsmanager.lock();
    let Some(secret) = ticket.running(&mut state) else { return };
    secret.versions.shift_remove(&token);
    if let Some(rotation) = &mut secret.rotation {
        rotation.running = None;
    }
}

async fn attempt(cloud: &Weak<Cloud>, ticket: &Ticket, token: &str) -> Outcome {
    let Some(rotation_token) = cloud.upgrade().map(|cloud| cloud.ids.uuid()) else { return Outcome::Void };
    for name in STEPS {
        match step(cloud, ticket, token, name, &rotation_token).await {
            Outcome::Done => {}
            ended => return ended,
        }
    }
    let Some(cloud) = cloud.upgrade() else { return Outcome::Void };
    let mut state = cloud.secretsmanager.lock();
    let Some(secret) = ticket.running(&mut state) else { return Outcome::Void };
    // API reference, RotateSecret: AWSPENDING must end on the current version, or nowhere.
    let current = secret.versions.get(token).is_some_and(|version| version.stages.contains(CURRENT));
    if current && unfinished(secret).is_none() { Outcome::Done } else { Outcome::Failed }
}

/// Invokes the function for one step.
async fn step(cloud: &Weak<Cloud>, ticket: &Ticket, token: &str, name: &str, rotation_token: &str) -> Outcome {
    let Some(cloud) = awake(cloud, ticket).await else { return Outcome::Void };
    let (lambda, arn) = {
        let mut state = cloud.secretsmanager.lock();
        let Some(secret) = ticket.running(&mut state) else { return Outcome::Void };
        let Some(rotation) = &secret.rotation else { return Outcome::Void };
        let staged = secret.versions.get(token).is_some_and(|version| version.stages.contains(PENDING));
        if !staged || secret.deleted.is_some() {
            return Outcome::Void;
        }
        (rotation.lambda.clone(), secret.arn(&cloud))
    };
    let event = json!({"Step": name, "SecretId": arn, "ClientRequestToken": token, "RotationToken": rotation_token});
    let by = service();
    let invocation = cloud.lambda.invoke_for(&cloud, ticket.region, &lambda, &by, Some(&arn), Event::Json(event));
    match tokio::time::timeout(STEP_LIMIT, invocation).await {
        Ok(Ok(Ok(_answer))) => Outcome::Done,
        _ => Outcome::Failed,
    }
}

/// The cloud, after the handover and once the service of the secret's Region works.
async fn awake(cloud: &Weak<Cloud>, ticket: &Ticket) -> Option<Arc<Cloud>> {
    let handover = HANDOVER_MAX.mul_f64(cloud.upgrade()?.secretsmanager.share());
    tokio::time::sleep(handover).await;
    loop {
        let cloud = cloud.upgrade()?;
        let seat = ticket.region;
        let broken = cloud.faults.on_service_call(Origin::Region(seat), seat, "secretsmanager", "RotateSecret");
        if broken.is_none() {
            return Some(cloud);
        }
        drop(cloud);
        tokio::time::sleep(PAUSE).await;
    }
}
