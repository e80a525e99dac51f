//! Objects of the Region's bucket.

use aws_sdk_s3::error::SdkError;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::{HeaderValue, Response};

use crate::config::Config;
use crate::reply::{self, Failure};

pub struct Assets {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Assets {
    pub fn new(config: &Config, sdk: &SdkConfig) -> Self {
        // At another endpoint than AWS's, a bucket's own host name resolves nowhere.
        let by_path = sdk.endpoint_url().is_some();
        let built = aws_sdk_s3::config::Builder::from(sdk).force_path_style(by_path).build();
        Self { client: aws_sdk_s3::Client::from_conf(built), bucket: config.bucket.clone() }
    }

    pub async fn get(&self, key: &str) -> Result<Response<Bytes>, Failure> {
        let key = decoded(key).ok_or_else(|| Failure::new(400, "BadKey", "the key is not percent-encoded UTF-8"))?;
        let object = match self.client.get_object().bucket(&self.bucket).key(&key).send().await {
            Ok(object) => object,
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => {
                return Err(Failure::new(404, "NoSuchAsset", format!("there is no asset {key}")));
            }
            Err(error) => return Err(Failure::of("reading the asset", &error)),
        };
        let content_type = object.content_type().and_then(|kind| HeaderValue::from_str(kind).ok());
        let etag = object.e_tag().and_then(|etag| HeaderValue::from_str(etag).ok());
        let version = object.version_id().and_then(|id| HeaderValue::from_str(id).ok());
        let body = object.body.collect().await;
        let body = body.map_err(|_| Failure::new(502, "ResponseError", "reading the asset broke off"))?;
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let mut response = reply::bytes(200, content_type, body.into_bytes());
        if let Some(etag) = etag {
            response.headers_mut().insert(http::header::ETAG, etag);
        }
        if let Some(version) = version {
            response.headers_mut().insert("x-asset-version", version);
        }
        Ok(response)
    }
}

/// A percent-encoded path part as text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let hex = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_percent_decoded() {
        assert_eq!(decoded("a/b%20c.png").as_deref(), Some("a/b c.png"));
        assert_eq!(decoded("%e2%82%ac").as_deref(), Some("€"));
        assert_eq!(decoded("%ff"), None);
        assert_eq!(decoded("%f"), None);
    }
}
