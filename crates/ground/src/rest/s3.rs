//! S3: method, path and query name the operation.

use std::collections::BTreeMap;

/// What the path and the query of a request say.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    pub method: &'a str,
    /// Empty where the request is about all buckets.
    pub bucket: &'a str,
    /// Empty where it is about the bucket.
    pub key: &'a str,
    pub query: &'a BTreeMap<String, String>,
    /// The request has an `x-amz-copy-source`.
    pub copies: bool,
}

/// Sub-resources of a bucket by their query parameter.
const OF_BUCKETS: &[(&str, &str)] = &[
    ("versioning", "BucketVersioning"),
    ("tagging", "BucketTagging"),
    ("replication", "BucketReplication"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("acl", "BucketAcl"),
    ("cors", "BucketCors"),
    ("website", "BucketWebsite"),
    ("logging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("accelerate", "BucketAccelerateConfiguration"),
    ("requestPayment", "BucketRequestPayment"),
    ("object-lock", "ObjectLockConfiguration"),
    ("policyStatus", "BucketPolicyStatus"),
    ("inventory", "BucketInventoryConfiguration"),
    ("analytics", "BucketAnalyticsConfiguration"),
    ("metrics", "BucketMetricsConfiguration"),
    ("intelligent-tiering", "BucketIntelligentTieringConfiguration"),
];

/// Sub-resources of an object that are no version, part or upload.
const OF_OBJECTS: &[(&str, &str)] = &[
    ("tagging", "ObjectTagging"),
    ("acl", "ObjectAcl"),
    ("retention", "ObjectRetention"),
    ("legal-hold", "ObjectLegalHold"),
    ("attributes", "ObjectAttributes"),
    ("torrent", "ObjectTorrent"),
];

/// The operation, as AWS spells it; none where a request is none of S3's.
pub fn operation(shape: &Shape<'_>) -> Option<String> {
    match (shape.bucket, shape.key, shape.method) {
        ("", _, "GET") => Some("ListBuckets".to_owned()),
        ("", ..) => None,
        (_, "", _) => shape.of_bucket(),
        _ => shape.of_object(),
    }
}

impl Shape<'_> {
    fn of_bucket(&self) -> Option<String> {
        if let Some((_, noun)) = OF_BUCKETS.iter().find(|(parameter, _)| self.has(parameter)) {
            return match (self.method, *noun) {
                ("DELETE", "BucketLifecycleConfiguration") => Some("DeleteBucketLifecycle".to_owned()),
                _ => verb(self.method).map(|verb| format!("{verb}{noun}")),
            };
        }
        let name = match self.method {
            "GET" if self.has("versions") => "ListObjectVersions",
            "GET" if self.has("uploads") => "ListMultipartUploads",
            "GET" if self.query.get("list-type").is_some_and(|kind| kind == "2") => "ListObjectsV2",
            "GET" => "ListObjects",
            "PUT" => "CreateBucket",
            "DELETE" => "DeleteBucket",
            "HEAD" => "HeadBucket",
            "POST" if self.has("delete") => "DeleteObjects",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn of_object(&self) -> Option<String> {
        if let Some((_, noun)) = OF_OBJECTS.iter().find(|(parameter, _)| self.has(parameter)) {
            return verb(self.method).map(|verb| format!("{verb}{noun}"));
        }
        let upload = self.has("uploadId");
        let name = match self.method {
            "GET" if upload => "ListParts",
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" if upload && self.copies => "UploadPartCopy",
            "PUT" if upload => "UploadPart",
            "PUT" if self.copies => "CopyObject",
            "PUT" => "PutObject",
            "POST" if self.has("uploads") => "CreateMultipartUpload",
            "POST" if upload => "CompleteMultipartUpload",
            "POST" if self.has("restore") => "RestoreObject",
            "POST" if self.has("select") => "SelectObjectContent",
            "DELETE" if upload => "AbortMultipartUpload",
            "DELETE" => "DeleteObject",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn has(&self, parameter: &str) -> bool {
        self.query.contains_key(parameter)
    }
}

fn verb(method: &str) -> Option<&'static str> {
    match method {
        "GET" => Some("Get"),
        "PUT" => Some("Put"),
        "DELETE" => Some("Delete"),
        _ => None,
    }
}
