//! Which operation a request names: its host and path give bucket and key, its method, query and headers the rest.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::rest::s3;
use crate::wire::{AwsError, Request};

/// What a request is about.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// Empty where the request is about all buckets.
    pub bucket: String,
    /// Empty where it is about the bucket.
    pub key: String,
    pub query: BTreeMap<String, String>,
}

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
        let shape = s3::Shape {
            method: request.method().as_str(),
            bucket: &self.bucket,
            key: &self.key,
            query: &self.query,
            copies: request.headers().contains_key("x-amz-copy-source"),
        };
        // No operation of S3's, so what NotImplemented names is the request itself.
        s3::operation(&shape).unwrap_or_else(|| match self.bucket.as_str() {
            "" => format!("{} /", shape.method),
            _ => format!("{} {}", shape.method, self.query.keys().cloned().collect::<Vec<_>>().join("&")),
        })
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
