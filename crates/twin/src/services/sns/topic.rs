//! Topics and subscriptions as they are.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Cloud;
use crate::gateway::Principal;
use crate::region::Region;
use crate::services::iam::{Kind, Policy, Query, Verdict};
use crate::wire::AwsError;

/// Attributes SetTopicAttributes takes and the twin records. Those that would change what is delivered are refused.
const RECORDED: &[&str] = &[
    "DisplayName",
    "KmsMasterKeyId",
    "TracingConfig",
    "SignatureVersion",
    "LambdaSuccessFeedbackRoleArn",
    "LambdaSuccessFeedbackSampleRate",
    "LambdaFailureFeedbackRoleArn",
];

pub struct Topic {
    pub arn: String,
    pub region: Region,
    pub attributes: BTreeMap<String, String>,
    pub tags: Vec<(String, String)>,
    /// Nothing where the default policy holds: the account's own principals and services.
    policy: Option<Policy>,
}

pub struct Subscription {
    pub arn: String,
    pub topic_arn: String,
    pub protocol: String,
    pub endpoint: String,
    /// A person would have to confirm it, and nobody does.
    pub pending: bool,
}

#[derive(Default)]
pub struct State {
    pub topics: BTreeMap<String, Topic>,
    /// By ARN; deliveries start in this order.
    pub subscriptions: BTreeMap<String, Subscription>,
}

impl State {
    /// The topic of this name, made where there is none: CreateTopic is idempotent.
    pub fn create_topic(&mut self, cloud: &Cloud, region: Region, name: &str) -> Result<&mut Topic, AwsError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.ends_with(".fifo") {
            return Err(invalid(format!("the embedded twin does not model FIFO topics, such as {name:?}")));
        }
        if name.is_empty() || name.len() > 256 || !name.chars().all(sound) {
            return Err(invalid(format!("Invalid parameter: Topic Name {name:?}")));
        }
        let arn = format!("arn:aws:sns:{region}:{}:{name}", cloud.account);
        Ok(self.topics.entry(arn.clone()).or_insert_with(|| Topic {
            arn,
            region,
            attributes: BTreeMap::new(),
            tags: Vec::new(),
            policy: None,
        }))
    }

    /// Removes a topic and its subscriptions.
    pub fn delete_topic(&mut self, arn: &str) {
        self.topics.remove(arn);
        self.subscriptions.retain(|_, subscription| subscription.topic_arn != arn);
    }

    pub fn topic(&self, arn: &str) -> Result<&Topic, AwsError> {
        self.topics.get(arn).ok_or_else(|| no_topic(arn))
    }

    pub fn topic_mut(&mut self, arn: &str) -> Result<&mut Topic, AwsError> {
        self.topics.get_mut(arn).ok_or_else(|| no_topic(arn))
    }

    /// Subscribes an endpoint; the same one twice is the same subscription.
    pub fn subscribe(
        &mut self,
        cloud: &Cloud,
        topic_arn: &str,
        protocol: &str,
        endpoint: &str,
    ) -> Result<&Subscription, AwsError> {
        self.topic(topic_arn)?;
        let pending = match protocol {
            "lambda" => {
                let mut parts = endpoint.split(':');
                let is_function =
                    (parts.next(), parts.nth(1), parts.nth(2)) == (Some("arn"), Some("lambda"), Some("function"));
                let region = endpoint.split(':').nth(3).and_then(|name| Region::parse(name).ok());
                if !is_function || region.is_none_or(|region| !cloud.regions.contains(&region)) {
                    return Err(invalid(format!(
                        "Invalid parameter: Endpoint {endpoint:?} is no function ARN in a Region of the twin ({:?})",
                        cloud.regions
                    )));
                }
                false
            }
            "email" | "email-json" | "http" | "https" => true,
            other => {
                let message = format!(
                    "the embedded twin does not model subscriptions by {other:?}: lambda is delivered to, email and \
                     http(s) stay pending"
                );
                return Err(invalid(message));
            }
        };
        let same = |s: &Subscription| s.topic_arn == topic_arn && s.protocol == protocol && s.endpoint == endpoint;
        let existing = self.subscriptions.values().find(|s| same(s)).map(|s| s.arn.clone());
        let arn = existing.unwrap_or_else(|| format!("{topic_arn}:{}", cloud.ids.uuid()));
        Ok(self.subscriptions.entry(arn.clone()).or_insert_with(|| Subscription {
            arn,
            topic_arn: topic_arn.to_owned(),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            pending,
        }))
    }

    /// Subscription and function ARN of everything a notification goes to.
    pub fn deliverable(&self, topic_arn: &str) -> Vec<(String, String)> {
        let of_topic = self.subscriptions.values().filter(|s| s.topic_arn == topic_arn && !s.pending);
        of_topic.map(|s| (s.arn.clone(), s.endpoint.clone())).collect()
    }
}

impl Topic {
    pub fn set_attribute(&mut self, name: &str, value: &str) -> Result<(), AwsError> {
        if name == "Policy" {
            self.policy = Some(Policy::read(&Value::String(value.to_owned()), Kind::Resource)?);
        } else if !RECORDED.contains(&name) {
            return Err(invalid(format!("the embedded twin does not model the topic attribute {name:?}")));
        }
        self.attributes.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Back to the default policy.
    pub fn clear_policy(&mut self) {
        self.policy = None;
        self.attributes.remove("Policy");
    }

    /// Identity policies speak for roles; a service must be let in by the topic's policy, and the default one does.
    pub fn check_publisher(&self, by: &Principal, account: &str) -> Result<(), AwsError> {
        let query = Query { principal: by, account, action: "sns:Publish", resource: &self.arn };
        let verdict = self.policy.as_ref().map(|policy| policy.verdict(query));
        let kept_out =
            matches!((by, verdict), (_, Some(Verdict::Deny)) | (Principal::Service(_), Some(Verdict::Silent)));
        if !kept_out {
            return Ok(());
        }
        let message = format!(
            "{by} is not authorized to perform: SNS:Publish on resource: {}: its policy does not let it",
            self.arn
        );
        Err(AwsError::new(403, "AuthorizationError", message))
    }
}

pub fn invalid(message: String) -> AwsError {
    AwsError::bad_request("InvalidParameter", message)
}

fn no_topic(arn: &str) -> AwsError {
    AwsError::new(404, "NotFound", format!("Topic does not exist: {arn}"))
}
