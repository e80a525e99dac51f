//! SNS: topics and their deliveries to functions, across Regions too.
//!
//! ```text
//! Publish, alarm actions ─→ topic ─→ one delivery a subscription, in the background ─→ lambda
//! ```
//!
//! Only functions are delivered to. Subscriptions that a person would have to confirm stay pending.

mod api;
mod delivery;
mod resource;
mod topic;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::Cloud;
use crate::formation::ResourceHandler;
use crate::gateway::{Call, Principal};
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, query};
use delivery::Notification;
use topic::State;

#[derive(Default)]
pub struct Sns {
    state: Mutex<State>,
}

impl Sns {
    /// Publishes to a topic; deliveries happen in the background.
    pub fn publish(
        &self,
        cloud: &Arc<Cloud>,
        topic_arn: &str,
        subject: Option<&str>,
        message: &str,
    ) -> Result<String, AwsError> {
        self.publish_as(cloud, &Principal::Account, topic_arn, subject, message)
    }

    /// The same for a service, which the topic's own policy must let in.
    pub fn publish_as(
        &self,
        cloud: &Arc<Cloud>,
        by: &Principal,
        topic_arn: &str,
        subject: Option<&str>,
        message: &str,
    ) -> Result<String, AwsError> {
        self.send(cloud, by, topic_arn, subject, message, BTreeMap::new())
    }

    fn send(
        &self,
        cloud: &Arc<Cloud>,
        by: &Principal,
        topic_arn: &str,
        subject: Option<&str>,
        message: &str,
        attributes: BTreeMap<String, (String, String)>,
    ) -> Result<String, AwsError> {
        let (region, subscriptions) = {
            let state = self.lock();
            let topic = state.topic(topic_arn)?;
            topic.check_publisher(by, &cloud.account)?;
            (topic.region, state.deliverable(topic_arn))
        };
        let notification = Arc::new(Notification {
            message_id: cloud.ids.uuid(),
            topic_arn: topic_arn.to_owned(),
            region,
            subject: subject.map(str::to_owned),
            message: message.to_owned(),
            attributes,
            at: cloud.clock.now(),
        });
        for (subscription_arn, endpoint) in subscriptions {
            tokio::spawn(delivery::deliver(
                Arc::downgrade(cloud),
                Arc::clone(&notification),
                subscription_arn,
                endpoint,
            ));
        }
        Ok(notification.message_id.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Sns {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
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
