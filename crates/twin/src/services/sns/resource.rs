//! `AWS::SNS::Topic`, `AWS::SNS::Subscription` and `AWS::SNS::TopicPolicy`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::api::put_tag;
use super::topic::Topic;
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::wire::AwsError;

pub fn all() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(TopicHandler), Box::new(SubscriptionHandler), Box::new(TopicPolicyHandler)]
}

const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);
const INLINE_SUBSCRIPTION: Kind =
    Kind::Object(&[Property::new("Endpoint", Kind::Text).required(), Property::new("Protocol", Kind::Text).required()]);
const LOGGING: Kind = Kind::Object(&[
    Property::new("FailureFeedbackRoleArn", Kind::Text),
    Property::new("Protocol", Kind::Text).required(),
    Property::new("SuccessFeedbackRoleArn", Kind::Text),
    Property::new("SuccessFeedbackSampleRate", Kind::Text),
]);

static TOPIC: Spec = Spec {
    name: "AWS::SNS::Topic",
    properties: &[
        Property::new("ArchivePolicy", Kind::Any),
        Property::new("ContentBasedDeduplication", Kind::Boolean),
        Property::new("DataProtectionPolicy", Kind::Any),
        Property::new("DeliveryStatusLogging", Kind::List(&LOGGING)),
        Property::new("DisplayName", Kind::Text),
        Property::new("FifoThroughputScope", Kind::Text),
        Property::new("FifoTopic", Kind::Boolean).replaces(),
        Property::new("KmsMasterKeyId", Kind::Text),
        Property::new("SignatureVersion", Kind::Text),
        Property::new("Subscription", Kind::List(&INLINE_SUBSCRIPTION)),
        Property::new("Tags", Kind::List(&TAG)),
        Property::new("TopicName", Kind::Text).replaces(),
        Property::new("TracingConfig", Kind::Text),
    ],
    attributes: &["TopicArn", "TopicName"],
};

static SUBSCRIPTION: Spec = Spec {
    name: "AWS::SNS::Subscription",
    properties: &[
        Property::new("DeliveryPolicy", Kind::Any),
        Property::new("Endpoint", Kind::Text).replaces(),
        Property::new("FilterPolicy", Kind::Any),
        Property::new("FilterPolicyScope", Kind::Text),
        Property::new("Protocol", Kind::Text).required().replaces(),
        Property::new("RawMessageDelivery", Kind::Boolean),
        Property::new("RedrivePolicy", Kind::Any),
        Property::new("Region", Kind::Text),
        Property::new("ReplayPolicy", Kind::Any),
        Property::new("SubscriptionRoleArn", Kind::Text),
        Property::new("TopicArn", Kind::Text).required().replaces(),
    ],
    attributes: &["Arn"],
};

static TOPIC_POLICY: Spec = Spec {
    name: "AWS::SNS::TopicPolicy",
    properties: &[
        Property::new("PolicyDocument", Kind::Any).required(),
        Property::new("Topics", Kind::List(&Kind::Text)).required(),
    ],
    attributes: &["Id"],
};

/// Ref gives the ARN.
struct TopicHandler;
/// Ref gives the ARN.
struct SubscriptionHandler;
struct TopicPolicyHandler;

type Done<'a, T> = BoxFuture<'a, Result<T, ResourceError>>;

impl ResourceHandler for TopicHandler {
    fn spec(&self) -> &'static Spec {
        &TOPIC
    }

    fn create<'a>(&'a self, cx: &'a ResourceContext, properties: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            refuse(
                properties,
                &[
                    "ArchivePolicy",
                    "ContentBasedDeduplication",
                    "DataProtectionPolicy",
                    "FifoThroughputScope",
                    "FifoTopic",
                ],
            )?;
            let name = optional_text(properties, "TopicName").map_or_else(|| cx.generated_name(), str::to_owned);
            let arn = cx.arn("sns", &name);
            let mut state = cx.cloud.sns.lock();
            if state.topics.contains_key(&arn) {
                return Err(ResourceError(format!("{name} already exists in {}", cx.region)));
            }
            set(cx, state.create_topic(&cx.cloud, cx.region, &name)?, properties)?;
            for (protocol, endpoint) in inline(properties) {
                if let Err(error) = state.subscribe(&cx.cloud, &arn, protocol, endpoint) {
                    state.delete_topic(&arn);
                    return Err(error.into());
                }
            }
            Ok(created(&arn))
        })
    }

    fn update<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, old: &'a Value, new: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            let mut state = cx.cloud.sns.lock();
            set(cx, state.topic_mut(id)?, new)?;
            let kept: Vec<(&str, &str)> = inline(new).collect();
            for (protocol, endpoint) in inline(old).filter(|pair| !kept.contains(pair)) {
                state
                    .subscriptions
                    .retain(|_, s| !(s.topic_arn == id && s.protocol == protocol && s.endpoint == endpoint));
            }
            for (protocol, endpoint) in kept {
                state.subscribe(&cx.cloud, id, protocol, endpoint)?;
            }
            Ok(created(id))
        })
    }

    fn delete<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, _properties: &'a Value) -> Done<'a, ()> {
        Box::pin(async move {
            cx.cloud.sns.lock().delete_topic(id);
            Ok(())
        })
    }
}

impl ResourceHandler for SubscriptionHandler {
    fn spec(&self) -> &'static Spec {
        &SUBSCRIPTION
    }

    fn create<'a>(&'a self, cx: &'a ResourceContext, properties: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            check_subscription(cx, properties)?;
            let topic = text(properties, "TopicArn");
            let endpoint = optional_text(properties, "Endpoint").unwrap_or_default();
            let mut state = cx.cloud.sns.lock();
            let subscription = state.subscribe(&cx.cloud, topic, text(properties, "Protocol"), endpoint)?;
            Ok(Created::new(&subscription.arn).with("Arn", subscription.arn.as_str()))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> Done<'a, Created> {
        Box::pin(async move {
            check_subscription(cx, new)?;
            Ok(Created::new(id).with("Arn", id))
        })
    }

    fn delete<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, _properties: &'a Value) -> Done<'a, ()> {
        Box::pin(async move {
            cx.cloud.sns.lock().subscriptions.remove(id);
            Ok(())
        })
    }
}

impl ResourceHandler for TopicPolicyHandler {
    fn spec(&self) -> &'static Spec {
        &TOPIC_POLICY
    }

    fn create<'a>(&'a self, cx: &'a ResourceContext, properties: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            set_policy(cx, properties)?;
            let id = cx.generated_name();
            Ok(Created::new(id.as_str()).with("Id", id))
        })
    }

    fn update<'a>(&'a self, cx: &'a ResourceContext, id: &'a str, old: &'a Value, new: &'a Value) -> Done<'a, Created> {
        Box::pin(async move {
            clear_policy(cx, old);
            set_policy(cx, new)?;
            Ok(Created::new(id).with("Id", id))
        })
    }

    fn delete<'a>(&'a self, cx: &'a ResourceContext, _id: &'a str, properties: &'a Value) -> Done<'a, ()> {
        Box::pin(async move {
            clear_policy(cx, properties);
            Ok(())
        })
    }
}

fn set(cx: &ResourceContext, topic: &mut Topic, properties: &Value) -> Result<(), AwsError> {
    for name in ["DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"] {
        if let Some(value) = optional_text(properties, name) {
            topic.set_attribute(name, value)?;
        }
    }
    for (key, value) in &cx.stack_tags {
        put_tag(&mut topic.tags, key, value);
    }
    for tag in properties.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        put_tag(&mut topic.tags, text(tag, "Key"), text(tag, "Value"));
    }
    Ok(())
}

fn created(arn: &str) -> Created {
    let name = arn.rsplit(':').next().unwrap_or_default();
    Created::new(arn).with("TopicArn", arn).with("TopicName", name)
}

fn inline(properties: &Value) -> impl Iterator<Item = (&str, &str)> {
    let subscriptions = properties.get("Subscription").and_then(Value::as_array).into_iter().flatten();
    subscriptions.map(|subscription| (text(subscription, "Protocol"), text(subscription, "Endpoint")))
}

/// `Region` names the Region of the topic where that is not the stack's own.
fn check_subscription(cx: &ResourceContext, properties: &Value) -> Result<(), ResourceError> {
    refuse(
        properties,
        &["DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "ReplayPolicy"],
    )?;
    let region = optional_text(properties, "Region").unwrap_or(cx.region.as_str());
    let topic = text(properties, "TopicArn");
    if topic.split(':').nth(3) == Some(region) {
        return Ok(());
    }
    Err(ResourceError(format!("Invalid parameter: TopicArn {topic} is not in {region}: set Region to the topic's")))
}

/// Refuses what would change deliveries and is not modelled; `false` asks for nothing.
fn refuse(properties: &Value, unmodelled: &[&str]) -> Result<(), ResourceError> {
    let asks =
        |name: &&&str| properties.get(**name).is_some_and(|value| !value.is_null() && *value != Value::Bool(false));
    match unmodelled.iter().find(asks) {
        Some(name) => Err(ResourceError(format!("the embedded twin does not model {name}; see docs/fidelity.md"))),
        None => Ok(()),
    }
}

fn topics(properties: &Value) -> impl Iterator<Item = &str> {
    properties.get("Topics").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn set_policy(cx: &ResourceContext, properties: &Value) -> Result<(), ResourceError> {
    let document = &properties["PolicyDocument"];
    let document = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
    let mut state = cx.cloud.sns.lock();
    for arn in topics(properties) {
        state.topic_mut(arn)?.set_attribute("Policy", &document)?;
    }
    Ok(())
}

fn clear_policy(cx: &ResourceContext, properties: &Value) {
    let mut state = cx.cloud.sns.lock();
    for arn in topics(properties) {
        if let Ok(topic) = state.topic_mut(arn) {
            topic.clear_policy();
        }
    }
}
