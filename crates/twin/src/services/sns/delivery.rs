//! One delivery of one notification: travels, arrives, or is tried again as the service documents.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Principal;
use crate::region::Region;
use crate::wire::AwsError;

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
    let by = Principal::Service("sns.amazonaws.com".to_owned());
    until_accepted(cloud, &notification, target, |cloud| {
        let event = event(&notification, &subscription_arn);
        let source = Some(notification.topic_arn.as_str());
        cloud.lambda.invoke_async_for(cloud, target, &function_arn, &by, source, event)
    })
    .await;
}

/// Makes attempts, as far apart as documented, until one is answered for good.
async fn until_accepted(
    cloud: Weak<Cloud>,
    notification: &Notification,
    target: Region,
    attempt: impl Fn(&Arc<Cloud>) -> Result<(), AwsError>,
) {
    for number in 0..=IMMEDIATE + PRE_BACKOFF + BACKOFF + POST_BACKOFF {
        // Held weakly while it waits: a delivery that is tried for days does not keep the cloud alive.
        tokio::time::sleep(wait_before(number)).await;
        let Some(cloud) = cloud.upgrade() else { return };
        tokio::time::sleep(cloud.latency.around(HANDOVER_MS, HANDOVER_SPREAD)).await;
        if target != notification.region {
            cloud.latency.travel(Some(notification.region.at()), target.at()).await;
        }
        // An unreachable Region and a server's error are tried again; a client error never is, nor is what the twin
        // does not implement.
        if cloud.faults.can_reach(notification.region, target) {
            match attempt(&cloud) {
                Err(error) if (error.status >= 500 && error.status != 501) || error.status == 429 => {}
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
    use std::sync::Mutex;

    use super::*;
    use crate::Config;
    use crate::clock::Clock;
    use crate::seed::Seed;
    use crate::world::faults::Fault;

    const US: Region = Region::US_EAST_1;
    const EU: Region = Region::EU_WEST_1;

    fn cloud() -> Arc<Cloud> {
        Cloud::start(Config {
            seed: Seed(1),
            clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
            account: "123456789012".to_owned(),
            regions: vec![US, EU],
            code: Default::default(),
        })
    }

    fn notification(at: Timestamp) -> Notification {
        Notification {
            message_id: "m".to_owned(),
            topic_arn: "arn:aws:sns:us-east-1:123456789012:alarms".to_owned(),
            region: US,
            subject: None,
            message: "hello".to_owned(),
            attributes: BTreeMap::new(),
            at,
        }
    }

    /// Delivers to a function in `target` that answers with these, then with success; gives when each attempt came.
    async fn attempts(cloud: &Arc<Cloud>, target: Region, answers: Vec<AwsError>) -> Vec<Duration> {
        let (begun, seen) = (cloud.clock.elapsed(), Mutex::new(Vec::new()));
        let notification = notification(cloud.clock.now());
        until_accepted(Arc::downgrade(cloud), &notification, target, |cloud| {
            let mut seen = seen.lock().unwrap();
            seen.push(cloud.clock.elapsed() - begun);
            answers.get(seen.len() - 1).cloned().map_or(Ok(()), Err)
        })
        .await;
        seen.into_inner().unwrap()
    }

    #[test]
    fn retries_wait_as_documented() {
        let waits: Vec<u64> = (0..=18).map(|attempt| wait_before(attempt).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 5, 7, 10, 14, 20, 20, 20, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_region_is_a_trip_away() {
        let cloud = cloud();
        let here = attempts(&cloud, US, Vec::new()).await;
        let there = attempts(&cloud, EU, Vec::new()).await;
        assert_eq!((here.len(), there.len()), (1, 1));
        assert!(here[0] >= Duration::from_millis(5), "{here:?}");
        assert!(there[0] >= Duration::from_millis(35) && there[0] < Duration::from_secs(1), "{there:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_delays_and_does_not_lose() {
        let cloud = cloud();
        let id = cloud.faults.inject(Fault::Partition { between: (US, EU) });
        let healer = Arc::clone(&cloud);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(300)).await;
            healer.faults.heal(id)
        });
        let seen = attempts(&cloud, EU, Vec::new()).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0] >= Duration::from_secs(300), "delivered through the partition, after {:?}", seen[0]);
        assert!(seen[0] <= Duration::from_secs(321), "{seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_servers_error_is_tried_again_and_a_clients_is_not() {
        let cloud = cloud();
        let broken = AwsError::new(500, "ServiceException", "broken");
        let seen = attempts(&cloud, US, vec![broken; 5]).await;
        assert_eq!(seen.len(), 6);
        assert!(seen[5] >= Duration::from_secs(2), "{seen:?}");
        let gone = AwsError::new(404, "ResourceNotFoundException", "gone");
        assert_eq!(attempts(&cloud, US, vec![gone]).await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_event_is_the_documented_one() {
        let event = event(&notification(Clock::EMBEDDED_EPOCH), "arn:sub");
        let sns = &event["Records"][0]["Sns"];
        assert_eq!(event["Records"][0]["EventSource"], "aws:sns");
        assert_eq!(event["Records"][0]["EventSubscriptionArn"], "arn:sub");
        assert_eq!((&sns["Message"], &sns["Subject"]), (&json!("hello"), &Value::Null));
        assert_eq!(sns["Timestamp"], "2026-01-05T00:00:00.000Z");
    }
}
