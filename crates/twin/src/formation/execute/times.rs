//! How long a resource takes to come up, change and go.
//!
//! AWS publishes none of this. The figures are orders of magnitude from stack events of small serverless stacks;
//! nothing the harness judges depends on them, for faults begin after a stack stands.

use std::time::Duration;

use rand::RngExt;

use super::Run;

#[derive(Clone, Copy)]
pub enum Step {
    Create,
    Update,
    Delete,
}

/// Seconds to create and to update or delete, by the start of the type's name; the first match wins.
const SECONDS: &[(&str, f64, f64)] = &[
    ("AWS::ApiGateway::DomainName", 30.0, 10.0),
    ("AWS::ApiGateway::", 2.0, 2.0),
    ("AWS::CertificateManager::", 60.0, 5.0),
    ("AWS::DynamoDB::", 30.0, 15.0),
    // A new role is usable only once IAM has spread it; CloudFormation waits for that.
    ("AWS::IAM::Role", 17.0, 3.0),
    ("AWS::IAM::", 15.0, 3.0),
    ("AWS::Lambda::Function", 7.0, 6.0),
    ("AWS::Lambda::", 2.0, 2.0),
    // The change has to be INSYNC, "generally within 60 seconds" (API reference).
    ("AWS::Route53::Record", 35.0, 35.0),
    ("AWS::Route53::", 30.0, 5.0),
    ("AWS::S3::BucketPolicy", 2.0, 2.0),
    ("AWS::S3::", 15.0, 5.0),
    ("AWS::SNS::", 11.0, 5.0),
    ("", 5.0, 4.0),
];

/// Draws spread this far around the figure, each way.
const SPREAD: f64 = 0.2;

impl Run {
    /// The time one step takes: the same seed, stack and resource take the same.
    pub(super) fn time(&self, name: &str, kind: &str, step: Step) -> Duration {
        let (_, create, other) =
            SECONDS.iter().copied().find(|(start, ..)| kind.starts_with(start)).unwrap_or(("", 5.0, 4.0));
        let (median, verb) = match step {
            Step::Create => (create, "create"),
            Step::Update => (other, "update"),
            Step::Delete => (other, "delete"),
        };
        let stream = format!("twin/formation/{}/{}/{name}/{verb}", self.region, self.names.name);
        let draw: f64 = self.cloud.seed.stream(&stream).random_range(-SPREAD..SPREAD);
        Duration::from_secs_f64(median * (1.0 + draw))
    }
}
