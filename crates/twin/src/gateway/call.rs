//! One call to a service: where it arrived, who makes it, and what it may do.

use std::sync::Arc;

use crate::Cloud;
use crate::region::Region;
use crate::wire::AwsError;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// The account itself: what the harness and an administrator use. Everything is allowed.
    Account,
    /// A role, by its ARN, as a function's environment assumes it.
    Role(String),
    /// An AWS service acting for the account, such as `lambda.alarms.cloudwatch.amazonaws.com`.
    Service(String),
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account => f.write_str("the account"),
            Self::Role(arn) => f.write_str(arn),
            Self::Service(name) => f.write_str(name),
        }
    }
}

/// The access key a principal signs with; the twin knows principals by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
}

impl Credentials {
    /// What the harness signs with.
    pub fn account() -> Self {
        Self { access_key: "AKIABLACKSTARTTWIN00".to_owned() }
    }
}

/// One call to a service.
#[derive(Clone)]
pub struct Call {
    pub cloud: Arc<Cloud>,
    pub region: Region,
    pub principal: Principal,
    pub request_id: String,
}

impl Call {
    /// Fails with AccessDenied unless an identity policy of the caller allows `action` on `resource`.
    pub fn authorize(&self, action: &str, resource: &str) -> Result<(), AwsError> {
        if self.cloud.iam.allows(&self.principal, action, resource) {
            return Ok(());
        }
        Err(AwsError::access_denied(&self.principal.to_string(), action, resource))
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.cloud.account)
    }
}
