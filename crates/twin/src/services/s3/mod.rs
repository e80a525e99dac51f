//! S3: versioned buckets in memory.
//!
//! [`route`] finds the operation, [`body`] unpacks what is uploaded, [`answer`] writes what goes back. [`state`] is
//! what exists; [`bucket`], [`config`], [`object`], [`copy`], [`delete`], [`list`], [`multipart`] and [`tagging`]
//! are the calls on it; [`replication`] carries objects to other buckets. Bucket names are global; a bucket answers
//! in its own Region alone and redirects elsewhere.

mod answer;
mod body;
mod bucket;
mod checksum;
mod config;
mod copy;
mod delete;
mod list;
mod multipart;
mod object;
mod replication;
mod resources;
mod route;
mod spec;
mod state;
mod tagging;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::Cloud;
use crate::gateway::Call;
use crate::seed::Seed;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response};
use route::Target;
use state::State;

pub use replication::lag_quantile;
pub use resources::resources;

/// Starts the publication of replication metrics.
pub fn start(cloud: &Arc<Cloud>) {
    tokio::spawn(replication::publish(Arc::downgrade(cloud)));
}

pub struct S3 {
    state: Mutex<State>,
    queues: replication::Queues,
}

impl S3 {
    pub fn new(seed: Seed) -> Self {
        Self { state: Mutex::default(), queues: replication::Queues::new(seed) }
    }

    /// The newest version of an object, as a service reads it for the account (Lambda's code, a template's body).
    pub fn read(&self, bucket: &str, key: &str) -> Option<bytes::Bytes> {
        self.lock().buckets.get(bucket)?.current(key).map(|(_, object)| object.body.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, understood.
struct Ask<'a> {
    call: &'a Call,
    request: &'a Request,
    target: Target,
}

impl Ask<'_> {
    /// Fails unless the caller may do `action` with the bucket or object of this request.
    fn authorize(&self, action: &str) -> Result<(), AwsError> {
        self.call.authorize(action, &state::arn(&self.target.bucket, &self.target.key))
    }

    fn header(&self, name: &str) -> Option<&str> {
        answer::text_header(self.request, name)
    }
}

type Act = fn(&Ask<'_>) -> Result<Response, AwsError>;

const OPERATIONS: &[(&str, Act)] = &[
    ("GetObject", object::get),
    ("PutObject", object::put),
    ("HeadObject", object::head),
    ("DeleteObject", delete::one),
    ("DeleteObjects", delete::many),
    ("CopyObject", copy::copy),
    ("ListObjectsV2", list::objects),
    ("ListObjectVersions", list::versions),
    ("GetObjectTagging", tagging::get),
    ("PutObjectTagging", tagging::put),
    ("DeleteObjectTagging", tagging::delete),
    ("CreateMultipartUpload", multipart::create),
    ("UploadPart", multipart::upload),
    ("CompleteMultipartUpload", multipart::complete),
    ("AbortMultipartUpload", multipart::abort),
    ("ListParts", multipart::list),
    ("ListBuckets", bucket::list),
    ("CreateBucket", bucket::create),
    ("HeadBucket", bucket::head),
    ("DeleteBucket", bucket::delete),
    ("GetBucketLocation", bucket::location),
    ("GetBucketVersioning", config::get_versioning),
    ("PutBucketVersioning", config::put_versioning),
    ("GetBucketTagging", tagging::get_of_bucket),
    ("PutBucketTagging", tagging::put_of_bucket),
    ("DeleteBucketTagging", tagging::delete_of_bucket),
    ("GetBucketReplication", config::get_replication),
    ("PutBucketReplication", config::put_replication),
    ("DeleteBucketReplication", config::delete_replication),
    ("GetBucketPolicy", config::get_policy),
    ("PutBucketPolicy", config::put_policy),
    ("DeleteBucketPolicy", config::delete_policy),
    ("GetBucketEncryption", config::get_encryption),
    ("PutBucketEncryption", config::put_encryption),
    ("DeleteBucketEncryption", config::delete_encryption),
    ("GetPublicAccessBlock", config::get_public_access),
    ("PutPublicAccessBlock", config::put_public_access),
    ("DeletePublicAccessBlock", config::delete_public_access),
    ("GetBucketLifecycleConfiguration", config::get_lifecycle),
    ("PutBucketLifecycleConfiguration", config::put_lifecycle),
    ("DeleteBucketLifecycle", config::delete_lifecycle),
];

impl Service for S3 {
    fn protocol(&self) -> Protocol {
        Protocol::S3
    }

    fn operation(&self, request: &Request) -> String {
        Target::read(request).map_or_else(|_| request.method().to_string(), |target| target.operation(request))
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move {
            let run = || {
                let target = Target::read(request)?;
                let operation = target.operation(request);
                match OPERATIONS.iter().find(|(name, _)| *name == operation) {
                    Some((_, act)) => act(&Ask { call, request, target }),
                    None => Err(AwsError::not_implemented("s3", &operation)),
                }
            };
            Ok(run().unwrap_or_else(|error| answer::error(call, request, error)))
        })
    }
}
