//! The secret: which version each Region serves, what the primary says of its replicas, what the backend accepts; and
//! its rotation. Of a value nothing but a digest ever leaves this folder.

mod rotate;
#[cfg(test)]
mod tests;
mod watch;

pub use rotate::rotate;
pub use watch::{watch_backend, watch_replicas, watch_served};

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;

use crate::data::fingerprint::Fingerprint;

const CURRENT: &str = "AWSCURRENT";

/// A version as a Region serves it, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub version: String,
    pub digest: String,
}

impl Served {
    pub fn of(answer: &GetSecretValueOutput) -> Self {
        let text = answer.secret_string().map(str::as_bytes);
        let value = text.or_else(|| answer.secret_binary().map(AsRef::as_ref)).unwrap_or_default();
        Self { version: answer.version_id().unwrap_or_default().to_owned(), digest: Fingerprint::of(value) }
    }
}

/// What the primary says of a replica: its status, and why.
pub fn replica(described: &DescribeSecretOutput, region: &str) -> Option<(String, Option<String>)> {
    let replica = described.replication_status().iter().find(|replica| replica.region() == Some(region))?;
    let status = replica.status().map_or("unknown", |status| status.as_str()).to_owned();
    Some((status, replica.status_message().map(str::to_owned)))
}
