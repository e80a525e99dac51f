//! The operations of SNS.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Sns;
use super::topic::{Subscription, invalid};
use crate::gateway::Call;
use crate::wire::query::{self, Params, members};
use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};

const NAMESPACE: &str = "https://sns.amazonaws.com/doc/2010-03-31/";
/// API reference, Publish: 256 KiB.
const LONGEST_MESSAGE: usize = 262_144;

impl Sns {
    pub(super) fn act(&self, call: &Call, params: &Params) -> Result<Response, AwsError> {
        let action = params.action();
        let resource = match action {
            "CreateTopic" => call.arn("sns", params.get("Name").unwrap_or_default()),
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                params.get("ResourceArn").unwrap_or_default().to_owned()
            }
            "ListTopics" | "ListSubscriptions" => "*".to_owned(),
            _ => {
                let topic = params.get("TopicArn").or_else(|| params.get("TargetArn"));
                // A subscription is its topic's ARN and one more part.
                let of_subscription = || params.get("SubscriptionArn")?.rsplit_once(':').map(|(topic, _)| topic);
                topic.or_else(of_subscription).unwrap_or_default().to_owned()
            }
        };
        call.authorize(&format!("sns:{action}"), &resource)?;
        let result = match action {
            "CreateTopic" => self.create_topic(call, params),
            "DeleteTopic" => {
                self.lock().delete_topic(params.require("TopicArn")?);
                Ok(Vec::new())
            }
            "ListTopics" => Ok(self.list_topics(call)),
            "GetTopicAttributes" => self.get_topic_attributes(call, params.require("TopicArn")?),
            "SetTopicAttributes" => {
                let (name, value) =
                    (params.require("AttributeName")?, params.get("AttributeValue").unwrap_or_default());
                self.lock().topic_mut(params.require("TopicArn")?)?.set_attribute(name, value).map(|()| Vec::new())
            }
            "Subscribe" => self.subscribe(call, params),
            "Unsubscribe" => {
                self.lock().subscriptions.remove(params.require("SubscriptionArn")?);
                Ok(Vec::new())
            }
            "ListSubscriptions" => {
                Ok(self.list_subscriptions(call, |s| s.topic_arn.split(':').nth(3) == Some(call.region.as_str())))
            }
            "ListSubscriptionsByTopic" => {
                let topic = params.require("TopicArn")?;
                self.lock().topic(topic)?;
                Ok(self.list_subscriptions(call, |subscription| subscription.topic_arn == topic))
            }
            "Publish" => self.publish_call(call, params),
            "TagResource" => self.tag(params),
            "UntagResource" => {
                let keys = params.strings("TagKeys");
                let mut state = self.lock();
                state.topic_mut(params.require("ResourceArn")?)?.tags.retain(|(key, _)| !keys.contains(key));
                Ok(Vec::new())
            }
            "ListTagsForResource" => {
                let state = self.lock();
                let tags = &state.topic(params.require("ResourceArn")?)?.tags;
                let tags = tags.iter().map(|(k, v)| Element::new("member").text_child("Key", k).text_child("Value", v));
                Ok(vec![members("Tags", tags)])
            }
            other => Err(AwsError::not_implemented("sns", other)),
        }?;
        Ok(query::ok(action, NAMESPACE, &call.request_id, result))
    }

    fn create_topic(&self, call: &Call, params: &Params) -> Result<Vec<Element>, AwsError> {
        let mut state = self.lock();
        let topic = state.create_topic(&call.cloud, call.region, params.require("Name")?)?;
        for (name, value) in entries(params, "Attributes") {
            topic.set_attribute(&name, &value)?;
        }
        for tag in params.list("Tags") {
            put_tag(&mut topic.tags, tag.get("Key").unwrap_or_default(), tag.get("Value").unwrap_or_default());
        }
        Ok(vec![Element::new("TopicArn").text(&topic.arn)])
    }

    fn list_topics(&self, call: &Call) -> Vec<Element> {
        let state = self.lock();
        let here = state.topics.values().filter(|topic| topic.region == call.region);
        vec![members("Topics", here.map(|topic| Element::new("member").text_child("TopicArn", &topic.arn)))]
    }

    fn get_topic_attributes(&self, call: &Call, arn: &str) -> Result<Vec<Element>, AwsError> {
        let state = self.lock();
        let topic = state.topic(arn)?;
        let of_topic = || state.subscriptions.values().filter(|subscription| subscription.topic_arn == arn);
        let pending = of_topic().filter(|subscription| subscription.pending).count();
        let mut attributes = BTreeMap::from([
            ("TopicArn".to_owned(), arn.to_owned()),
            ("Owner".to_owned(), call.cloud.account.clone()),
            ("DisplayName".to_owned(), String::new()),
            ("SubscriptionsPending".to_owned(), pending.to_string()),
            ("SubscriptionsConfirmed".to_owned(), (of_topic().count() - pending).to_string()),
            ("SubscriptionsDeleted".to_owned(), "0".to_owned()),
        ]);
        attributes.extend(topic.attributes.clone());
        let entries = attributes
            .iter()
            .map(|(name, value)| Element::new("entry").text_child("key", name).text_child("value", value));
        Ok(vec![members("Attributes", entries)])
    }

    fn subscribe(&self, call: &Call, params: &Params) -> Result<Vec<Element>, AwsError> {
        if let Some((name, _)) = entries(params, "Attributes").into_iter().next() {
            return Err(invalid(format!("the embedded twin does not model the subscription attribute {name:?}")));
        }
        let topic = params.require("TopicArn")?;
        if topic.split(':').nth(3) != Some(call.region.as_str()) {
            return Err(invalid(format!(
                "Invalid parameter: TopicArn {topic} is not in {}, subscribe there",
                call.region
            )));
        }
        let mut state = self.lock();
        let subscription = state.subscribe(
            &call.cloud,
            topic,
            params.require("Protocol")?,
            params.get("Endpoint").unwrap_or_default(),
        )?;
        Ok(vec![Element::new("SubscriptionArn").text(shown_arn(subscription, "pending confirmation"))])
    }

    fn list_subscriptions(&self, call: &Call, wanted: impl Fn(&Subscription) -> bool) -> Vec<Element> {
        let state = self.lock();
        let listed = state.subscriptions.values().filter(|subscription| wanted(subscription)).map(|subscription| {
            Element::new("member")
                .text_child("SubscriptionArn", shown_arn(subscription, "PendingConfirmation"))
                .text_child("Owner", &call.cloud.account)
                .text_child("Protocol", &subscription.protocol)
                .text_child("Endpoint", &subscription.endpoint)
                .text_child("TopicArn", &subscription.topic_arn)
        });
        vec![members("Subscriptions", listed)]
    }

    fn publish_call(&self, call: &Call, params: &Params) -> Result<Vec<Element>, AwsError> {
        let arn = params.get("TopicArn").or_else(|| params.get("TargetArn"));
        let arn =
            arn.ok_or_else(|| invalid("the embedded twin publishes to a TopicArn or TargetArn only".to_owned()))?;
        let message = params.require("Message")?;
        if message.is_empty() || message.len() > LONGEST_MESSAGE {
            return Err(invalid(format!("Invalid parameter: Message must have 1 to {LONGEST_MESSAGE} bytes")));
        }
        let message = match params.get("MessageStructure") {
            Some("json") => for_lambda(message)?,
            _ => message.to_owned(),
        };
        let attributes = entries_of(params, "MessageAttributes", "Name", "Value.StringValue");
        let kinds: BTreeMap<String, String> =
            entries_of(params, "MessageAttributes", "Name", "Value.DataType").into_iter().collect();
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.clone(), (kinds.get(&name).cloned().unwrap_or_default(), value)))
            .collect();
        let id = self.send(&call.cloud, &call.principal, arn, params.get("Subject"), &message, attributes)?;
        Ok(vec![Element::new("MessageId").text(id)])
    }

    fn tag(&self, params: &Params) -> Result<Vec<Element>, AwsError> {
        let mut state = self.lock();
        let topic = state.topic_mut(params.require("ResourceArn")?)?;
        for tag in params.list("Tags") {
            put_tag(&mut topic.tags, tag.get("Key").unwrap_or_default(), tag.get("Value").unwrap_or_default());
        }
        Ok(Vec::new())
    }
}

pub fn put_tag(tags: &mut Vec<(String, String)>, key: &str, value: &str) {
    tags.retain(|(have, _)| have != key);
    tags.push((key.to_owned(), value.to_owned()));
}

/// The part of a `MessageStructure=json` message that a function gets.
fn for_lambda(message: &str) -> Result<String, AwsError> {
    let parts: Value = serde_json::from_str(message).map_err(|error| {
        invalid(format!("Invalid parameter: Message Structure - JSON message body failed to parse: {error}"))
    })?;
    let part = parts.get("lambda").or_else(|| parts.get("default")).and_then(Value::as_str);
    part.map(str::to_owned).ok_or_else(|| {
        invalid("Invalid parameter: Message Structure - No default entry in JSON message body".to_owned())
    })
}

fn shown_arn<'a>(subscription: &'a Subscription, pending: &'a str) -> &'a str {
    if subscription.pending { pending } else { &subscription.arn }
}

/// A map in the Query protocol: `Attributes.entry.1.key`, `Attributes.entry.1.value`.
fn entries(params: &Params, name: &str) -> Vec<(String, String)> {
    entries_of(params, name, "key", "value")
}

fn entries_of(params: &Params, name: &str, key: &str, value: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for index in 1_u32.. {
        let prefix = format!("{name}.entry.{index}");
        let Some(key) = params.get(&format!("{prefix}.{key}")) else { break };
        let value = params.get(&format!("{prefix}.{value}")).unwrap_or_default();
        entries.push((key.to_owned(), value.to_owned()));
    }
    entries
}
