//! Which operation a request names: its host and path give bucket and key, its method, query and headers the rest.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::twin::wire::{AwsError, Request};

/// What a request is about.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// Empty where the request is about all buckets.
    pub bucket: String,
    /// Empty where it is about the bucket.
    pub key: String,
    pub query: BTreeMap<String, String>,
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

impl Target {
    pub fn read(request: &Request) -> Result<Self, AwsError> {
        let uri = request.uri();
        let host = uri.host().or_else(|| request.headers().get("host")?.to_str().ok()).unwrap_or_default();
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let (bucket, key) = match hosted(host) {
            Some(bucket) => (bucket, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| AwsError::bad_request("InvalidURI", "Couldn't parse the specified URI."))
        };
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Ok(Self { bucket: decode(bucket)?, key: decode(key)?, query })
    }

    pub fn has(&self, parameter: &str) -> bool {
        self.query.contains_key(parameter)
    }

    pub fn get(&self, parameter: &str) -> Option<&str> {
        self.query.get(parameter).map(String::as_str)
    }

    /// The operation, as AWS spells it.
    pub fn operation(&self, request: &Request) -> String {
        let method = request.method().as_str();
        if self.bucket.is_empty() {
            return if method == "GET" { "ListBuckets".to_owned() } else { format!("{method} /") };
        }
        let copies = request.headers().contains_key("x-amz-copy-source");
        let plain = if self.key.is_empty() { self.of_bucket(method) } else { self.of_object(method, copies) };
        // No operation of S3's, so what NotImplemented names is the request itself.
        plain.unwrap_or_else(|| format!("{method} {}", self.query.keys().cloned().collect::<Vec<_>>().join("&")))
    }

    fn of_bucket(&self, method: &str) -> Option<String> {
        if let Some((_, noun)) = OF_BUCKETS.iter().find(|(parameter, _)| self.has(parameter)) {
            return match (method, *noun) {
                ("DELETE", "BucketLifecycleConfiguration") => Some("DeleteBucketLifecycle".to_owned()),
                _ => verb(method).map(|verb| format!("{verb}{noun}")),
            };
        }
        let name = match method {
            "GET" if self.has("versions") => "ListObjectVersions",
            "GET" if self.has("uploads") => "ListMultipartUploads",
            "GET" if self.get("list-type") == Some("2") => "ListObjectsV2",
            "GET" => "ListObjects",
            "PUT" => "CreateBucket",
            "DELETE" => "DeleteBucket",
            "HEAD" => "HeadBucket",
            "POST" if self.has("delete") => "DeleteObjects",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn of_object(&self, method: &str, copies: bool) -> Option<String> {
        if let Some((_, noun)) = OF_OBJECTS.iter().find(|(parameter, _)| self.has(parameter)) {
            return verb(method).map(|verb| format!("{verb}{noun}"));
        }
        let upload = self.has("uploadId");
        let name = match method {
            "GET" if upload => "ListParts",
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" if upload && copies => "UploadPartCopy",
            "PUT" if upload => "UploadPart",
            "PUT" if copies => "CopyObject",
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
}

fn verb(method: &str) -> Option<&'static str> {
    match method {
        "GET" => Some("Get"),
        "PUT" => Some("Put"),
        "DELETE" => Some("Delete"),
        _ => None,
    }
}

/// The bucket of a virtual-hosted name: `<bucket>.s3.<region>.amazonaws.com`, `<bucket>.s3.amazonaws.com`.
fn hosted(host: &str) -> Option<&str> {
    let name = host.strip_suffix(".amazonaws.com")?;
    if name == "s3" || name.starts_with("s3.") {
        return None;
    }
    let end = name.rfind(".s3.").or_else(|| name.strip_suffix(".s3").map(str::len))?;
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn read(method: &str, uri: &str) -> (String, String, String) {
        let request = http::Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
        let target = Target::read(&request).unwrap();
        let operation = target.operation(&request);
        (target.bucket, target.key, operation)
    }

    #[test]
    fn buckets_come_from_the_host_or_the_path() {
        let expected = ("b.c".to_owned(), "k/1 2".to_owned(), "GetObject".to_owned());
        assert_eq!(read("GET", "https://b.c.s3.eu-west-1.amazonaws.com/k/1%202?x-id=GetObject"), expected);
        assert_eq!(read("GET", "https://b.c.s3.amazonaws.com/k/1%202"), expected);
        assert_eq!(read("GET", "https://s3.eu-west-1.amazonaws.com/b.c/k/1%202"), expected);
        assert_eq!(read("GET", "https://s3.us-east-1.amazonaws.com/").2, "ListBuckets");
    }

    #[test]
    fn operations_carry_their_aws_names() {
        for (method, query, name) in [
            ("PUT", "b?versioning", "PutBucketVersioning"),
            ("DELETE", "b?lifecycle", "DeleteBucketLifecycle"),
            ("GET", "b?list-type=2", "ListObjectsV2"),
            ("POST", "b?delete", "DeleteObjects"),
            ("PUT", "b/k?partNumber=1&uploadId=u", "UploadPart"),
            ("GET", "b/k?tagging", "GetObjectTagging"),
        ] {
            assert_eq!(read(method, &format!("https://s3.amazonaws.com/{query}")).2, name);
        }
    }
}
