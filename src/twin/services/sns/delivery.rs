//! One delivery of one notification: travels, arrives, or is tried again as the service documents.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::region::Region;
use crate::twin::Cloud;
use crate::twin::gateway::Principal;
use crate::twin::wire::AwsError;

/// From Publish to the invocation of a function. No figure is documented; published measurements of SNS to Lambda in
/// one Region lie in the tens of milliseconds.
const HANDOVER_MS: f64 = 40.0;
const HANDOVER_SPREAD: f64 = 0.4;

/// Developer guide, "Message delivery retries", AWS managed endpoints: 3 at once, 2 after a second each, 10 from 1 s
/// growing to 20 s, then 100,000 at 20 s.
const IMMEDIATE: u32 = 3;
const PRE_BACKOFF: u32 = 2;
const BACKOFF: u32 = 10;
const POST_BACKOFF: u32 = 100_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct Notification {
    pub message_id: String,
    pub topic_arn: String,
    pub region: Region,
    pub subject: Option<String>,
    pub message: String,
    /// Type and value by name.
    pub attributes: BTreeMap<String, (String, String)>,
    pub at: Timestamp,
}

/// Delivers to a function until it is accepted, refused, or the retries are used up.
pub async fn deliver(
    cloud: Weak<Cloud>,
    notification: Arc<Notification>,
    subscription_arn: String,
    function_arn: String,
) {
    let Some(target) = function_arn.split(':').nth(3).and_then(|name| Region::parse(name).ok()) else { return };
    for attempt in 0..=IMMEDIATE + PRE_BACKOFF + BACKOFF + POST_BACKOFF {
        // Held weakly while it waits: a delivery that is tried for days does not keep the cloud alive.
        tokio::time::sleep(wait_before(attempt)).await;
        let Some(cloud) = cloud.upgrade() else { return };
        tokio::time::sleep(cloud.latency.around(HANDOVER_MS, HANDOVER_SPREAD)).await;
        if target != notification.region {
            cloud.latency.travel(Some(notification.region.at()), target.at()).await;
        }
        // An unreachable Region and a server's error are tried again; a client error never is.
        if cloud.faults.can_reach(notification.region, target) {
            match invoke(&cloud, &notification, &subscription_arn, target, &function_arn) {
                Err(error) if error.status >= 500 && error.status != 501 || error.status == 429 => {}
                Ok(()) | Err(_) => return,
            }
        }
    }
}

/// How long a delivery waits before this attempt; the first does not.
pub fn wait_before(attempt: u32) -> Duration {
    if attempt <= IMMEDIATE {
        Duration::ZERO
    } else if attempt <= IMMEDIATE + PRE_BACKOFF {
        SHORTEST
    } else if attempt <= IMMEDIATE + PRE_BACKOFF + BACKOFF {
        // Exponential between both ends, over the steps of the phase.
        let step = f64::from(attempt - IMMEDIATE - PRE_BACKOFF - 1) / f64::from(BACKOFF - 1);
        SHORTEST.mul_f64((LONGEST.as_secs_f64() / SHORTEST.as_secs_f64()).powf(step))
    } else {
        LONGEST
    }
}

fn invoke(
    cloud: &Arc<Cloud>,
    notification: &Notification,
    subscription_arn: &str,
    region: Region,
    function_arn: &str,
) -> Result<(), AwsError> {
    let by = Principal::Service("sns.amazonaws.com".to_owned());
    cloud.lambda.invoke_async(cloud, region, function_arn, &by, event(notification, subscription_arn))
}

/// Lambda developer guide, "Using Lambda with Amazon SNS".
pub fn event(notification: &Notification, subscription_arn: &str) -> Value {
    let attributes: serde_json::Map<String, Value> = notification
        .attributes
        .iter()
        .map(|(name, (kind, value))| (name.clone(), json!({ "Type": kind, "Value": value })))
        .collect();
    let host = format!("https://sns.{}.amazonaws.com", notification.region);
    json!({ "Records": [{
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": {
            "Type": "Notification",
            "MessageId": notification.message_id,
            "TopicArn": notification.topic_arn,
            "Subject": notification.subject,
            "Message": notification.message,
            "Timestamp": notification.at.iso8601(),
            "SignatureVersion": "1",
            // Nothing signs in the twin, and nothing should pass for a signature.
            "Signature": "UNSIGNED",
            "SigningCertUrl": format!("{host}/SimpleNotificationService.pem"),
            "UnsubscribeUrl": format!("{host}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"),
            "MessageAttributes": attributes,
        },
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_as_documented() {
        let waits: Vec<u64> = (0..=18).map(|attempt| wait_before(attempt).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 5, 7, 10, 14, 20, 20, 20, 20]);
    }
}
