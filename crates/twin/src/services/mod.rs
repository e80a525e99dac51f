//! The services, one folder each: what an API call does, and what a template's resource becomes.
//!
//! A service keeps its state behind one lock that is never held across an await. It authorizes each operation
//! itself (`call.authorize("dynamodb:PutItem", &arn)`), and an operation it does not know is an AWS-shaped
//! `NotImplemented`. Services reach each other through [`Cloud`]'s fields, never through the wire.

pub mod acm;
pub mod apigateway;
pub mod cloudwatch;
pub mod dynamodb;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
pub mod sns;
pub mod ssm;
pub mod sts;

use futures_util::future::BoxFuture;

use super::Cloud;
use super::formation::ResourceHandler;
use super::gateway::Call;
use super::wire::{AwsError, Protocol, Request, Response};

/// A service as the gateway sees it.
pub trait Service: Send + Sync {
    fn protocol(&self) -> Protocol;

    /// The operation a request names, as AWS spells it; what faults and modelled times go by.
    fn operation(&self, request: &Request) -> String;

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>>;

    /// Whether one endpoint serves all Regions (Route 53, IAM).
    fn is_global(&self) -> bool {
        false
    }
}

/// The service with this SigV4 name.
pub fn find<'a>(cloud: &'a Cloud, signing_name: &str) -> Option<&'a dyn Service> {
    Some(match signing_name {
        "acm" => &cloud.acm,
        "apigateway" => &cloud.apigateway,
        "cloudformation" => &cloud.cloudformation,
        "monitoring" => &cloud.cloudwatch,
        "dynamodb" => &cloud.dynamodb,
        "iam" => &cloud.iam,
        "kms" => &cloud.kms,
        "lambda" => &cloud.lambda,
        "logs" => &cloud.logs,
        "route53" => &cloud.route53,
        "s3" => &cloud.s3,
        "secretsmanager" => &cloud.secretsmanager,
        "sns" => &cloud.sns,
        "ssm" => &cloud.ssm,
        "sts" => &cloud.sts,
        _ => return None,
    })
}

/// Every resource type a template may use.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    let mut all = Vec::new();
    all.extend(acm::resources());
    all.extend(apigateway::resources());
    all.extend(cloudwatch::resources());
    all.extend(dynamodb::resources());
    all.extend(iam::resources());
    all.extend(kms::resources());
    all.extend(lambda::resources());
    all.extend(logs::resources());
    all.extend(route53::resources());
    all.extend(s3::resources());
    all.extend(secretsmanager::resources());
    all.extend(sns::resources());
    all.extend(ssm::resources());
    all
}
