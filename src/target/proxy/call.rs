//! What a request is: whose service, which Region, which operation, and in which protocol its caller listens.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;

use super::resource;
use crate::region::Region;
use crate::rest;

/// Services whose API is one for all Regions, by SigV4 name; SDKs sign for them in us-east-1, from wherever they call.
const GLOBAL: &[&str] = &["cloudfront", "globalaccelerator", "iam", "organizations", "route53", "route53domains"];

/// How a caller reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `X-Amz-Target` and a JSON body, version 1.0 or 1.1: DynamoDB, Secrets Manager, KMS, Logs.
    Json {
        version: &'static str,
    },
    /// Form-encoded actions: CloudFormation, SNS, STS, IAM.
    Query,
    /// The same, with EC2's own errors.
    Ec2,
    /// Route 53, CloudFront.
    RestXml,
    S3,
    /// Lambda, API Gateway, and whatever cannot be told.
    RestJson,
    /// Smithy RPC v2: CloudWatch.
    RpcV2Cbor,
    /// Users of an API of API Gateway.
    Edge,
}

/// One request, as far as it says what it is.
#[derive(Debug)]
pub struct Call<'a> {
    /// The Region whose service is asked: that of the signature, wherever it arrived. Users' requests and calls of
    /// global services belong to the Region they arrived in.
    pub region: Region,
    /// The SigV4 name; `None` for users' requests.
    pub service: Option<String>,
    /// As AWS spells it, where it can be told.
    pub operation: Option<String>,
    pub protocol: Protocol,
    request: &'a Request<Bytes>,
}

/// What a signature is good for.
struct Scope<'a> {
    /// SigV4A signs for a set of Regions, and its scope names none.
    region: Option<&'a str>,
    service: &'a str,
}

impl<'a> Call<'a> {
    /// Reads a request that arrived at this Region's port.
    pub fn read(arrived: Region, request: &'a Request<Bytes>) -> Self {
        let credential = credential(request);
        let scope = credential.as_deref().and_then(scope).filter(|scope| scope.service != "execute-api");
        let Some(Scope { region, service }) = scope else {
            return Self { region: arrived, service: None, operation: None, protocol: Protocol::Edge, request };
        };
        let region = region.filter(|_| !GLOBAL.contains(&service)).and_then(|name| Region::parse(name).ok());
        let protocol = protocol(service, request);
        Self {
            region: region.unwrap_or(arrived),
            service: Some(service.to_owned()),
            operation: operation(service, protocol, request),
            protocol,
            request,
        }
    }

    /// Whether this is a user's request to a deployed API.
    pub fn is_edge(&self) -> bool {
        self.protocol == Protocol::Edge
    }

    /// Whether the request names this resource; `resource.rs` says where names are looked for.
    pub fn is_about(&self, name: &str) -> bool {
        resource::is_named(self.protocol, self.request, name)
    }

    pub fn method(&self) -> &str {
        self.request.method().as_str()
    }

    /// The path as it came, without the query.
    pub fn path(&self) -> &str {
        self.request.uri().path()
    }
}

/// `<key>/<date>/<region>/<service>/aws4_request`, of the header or of a presigned query.
fn credential(request: &Request<Bytes>) -> Option<Cow<'_, str>> {
    let header = text(request.headers(), "authorization").and_then(|header| header.split("Credential=").nth(1));
    if let Some(credential) = header.and_then(|rest| rest.split([',', ' ']).next()) {
        return Some(credential.into());
    }
    let query = request.uri().query()?.as_bytes();
    form_urlencoded::parse(query).find(|(key, _)| key == "X-Amz-Credential").map(|(_, value)| value)
}

fn scope(credential: &str) -> Option<Scope<'_>> {
    let parts: Vec<&str> = credential.split('/').collect();
    match parts.as_slice() {
        [_key, _date, region, service, "aws4_request"] => Some(Scope { region: Some(region), service }),
        [_key, _date, service, "aws4_request"] => Some(Scope { region: None, service }),
        _ => None,
    }
}

fn protocol(service: &str, request: &Request<Bytes>) -> Protocol {
    let headers = request.headers();
    let content_type = text(headers, "content-type").unwrap_or_default();
    if text(headers, "smithy-protocol") == Some("rpc-v2-cbor") {
        return Protocol::RpcV2Cbor;
    }
    if headers.contains_key("x-amz-target") {
        return Protocol::Json { version: if content_type.ends_with("1.0") { "1.0" } else { "1.1" } };
    }
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    match service {
        "s3" | "s3express" | "s3-object-lambda" | "s3-outposts" => Protocol::S3,
        "cloudfront" | "route53" => Protocol::RestXml,
        "ec2" => Protocol::Ec2,
        _ if is_form || action(request).is_some() => Protocol::Query,
        _ => Protocol::RestJson,
    }
}

fn operation(service: &str, protocol: Protocol, request: &Request<Bytes>) -> Option<String> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    match (protocol, service) {
        (Protocol::Json { .. }, _) => {
            let target = text(request.headers(), "x-amz-target")?;
            Some(target.rsplit('.').next().unwrap_or(target).to_owned())
        }
        (Protocol::RpcV2Cbor, _) => Some(path.rsplit_once("/operation/")?.1.to_owned()),
        (Protocol::Query | Protocol::Ec2, _) => action(request),
        (Protocol::S3, _) => s3(request),
        (_, "route53") => Some(rest::route53::route(method, path)?.operation.to_owned()),
        (_, "lambda") => {
            let mut parts = path.split('/').filter(|part| !part.is_empty()).skip(1);
            let mut part = || parts.next().unwrap_or_default();
            let (root, function, collection, item) = (part(), part(), part(), part());
            let operation = (root == "functions").then(|| rest::lambda::operation(method, function, collection, item));
            operation.filter(|name| !name.is_empty()).map(str::to_owned)
        }
        _ => None,
    }
}

/// The `Action` of the Query protocol, in the body of a POST or the query of a GET.
fn action(request: &Request<Bytes>) -> Option<String> {
    let of = |form: &[u8]| form_urlencoded::parse(form).find(|(key, _)| key == "Action").map(|(_, value)| value.into());
    let is_form = text(request.headers(), "content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
    is_form.then(|| of(request.body())).flatten().or_else(|| of(request.uri().query()?.as_bytes()))
}

fn s3(request: &Request<Bytes>) -> Option<String> {
    let (bucket, key) = bucket_and_key(request);
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    rest::s3::operation(&rest::s3::Shape {
        method: request.method().as_str(),
        bucket: &bucket,
        key: &key,
        query: &query,
        copies: request.headers().contains_key("x-amz-copy-source"),
    })
}

/// Bucket and key of a request, the bucket from the path or from a virtual-hosted name: `<bucket>.s3.<anything>`, or
/// `<bucket>.localhost` as some emulators have it.
pub(super) fn bucket_and_key(request: &Request<Bytes>) -> (String, String) {
    let host = host(request).unwrap_or_default();
    let hosted = host.split_once(".s3.").map(|(bucket, _)| bucket).or_else(|| host.strip_suffix(".localhost"));
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let (bucket, key) = match hosted.filter(|bucket| *bucket != "s3") {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    (decoded(bucket), decoded(key))
}

/// The host a request is for, in lower case, without its port.
pub(super) fn host(request: &Request<Bytes>) -> Option<String> {
    let host = request.uri().host().or_else(|| {
        let header = text(request.headers(), "host")?;
        Some(header.rsplit_once(':').map_or(header, |(host, _)| host))
    })?;
    Some(host.trim_end_matches('.').to_ascii_lowercase())
}

pub(super) fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "AKIDEXAMPLE/20260105";

    fn request(method: &str, uri: &str, service: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential={DAY}/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=abc"
        );
        let request = Request::builder().method(method).uri(uri).header("host", "127.0.0.1:4566");
        let request = request.header("authorization", signature);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_call_is_told_by_its_signature_and_its_protocol() {
        const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let json = |version, target| [("content-type", version), ("x-amz-target", target)];
        let cases = [
            (
                request(
                    "POST",
                    "/",
                    "dynamodb",
                    &json("application/x-amz-json-1.0", "DynamoDB_20120810.PutItem"),
                    "{}",
                ),
                (Protocol::Json { version: "1.0" }, Some("PutItem")),
            ),
            (
                request("POST", "/", "logs", &json("application/x-amz-json-1.1", "Logs_20140328.PutLogEvents"), "{}"),
                (Protocol::Json { version: "1.1" }, Some("PutLogEvents")),
            ),
            (
                request("POST", "/", "sns", &[FORM], "Version=2010-03-31&Action=Publish&Message=a%26Action%3Db"),
                (Protocol::Query, Some("Publish")),
            ),
            (
                request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts", &[], ""),
                (Protocol::Query, Some("GetCallerIdentity")),
            ),
            (request("POST", "/", "ec2", &[FORM], "Action=RunInstances"), (Protocol::Ec2, Some("RunInstances"))),
            (
                request(
                    "POST",
                    "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                    "monitoring",
                    &[("smithy-protocol", "rpc-v2-cbor")],
                    "",
                ),
                (Protocol::RpcV2Cbor, Some("PutMetricData")),
            ),
            (
                request("POST", "/2013-04-01/hostedzone/Z1/rrset", "route53", &[], ""),
                (Protocol::RestXml, Some("ChangeResourceRecordSets")),
            ),
            (request("PUT", "/bucket/a%2Fb?x-id=PutObject", "s3", &[], ""), (Protocol::S3, Some("PutObject"))),
            (request("GET", "/bucket?list-type=2", "s3", &[], ""), (Protocol::S3, Some("ListObjectsV2"))),
            (
                request("POST", "/2015-03-31/functions/orders/invocations", "lambda", &[], "{}"),
                (Protocol::RestJson, Some("Invoke")),
            ),
            (
                request("PUT", "/2017-10-31/functions/orders/concurrency", "lambda", &[], "{}"),
                (Protocol::RestJson, Some("PutFunctionConcurrency")),
            ),
            (request("GET", "/restapis", "apigateway", &[], ""), (Protocol::RestJson, None)),
            (request("GET", "/orders/7", "execute-api", &[], ""), (Protocol::Edge, None)),
        ];
        for (request, (protocol, operation)) in cases {
            let call = Call::read(Region::US_EAST_1, &request);
            assert_eq!((call.protocol, call.operation.as_deref()), (protocol, operation), "{}", request.uri());
            assert_eq!(call.is_edge(), call.service.is_none());
        }
    }

    #[test]
    fn the_region_is_the_signatures_unless_the_service_is_global() {
        let signed = |service| Call::read(Region::US_EAST_1, &request("GET", "/", service, &[], "")).region;
        assert_eq!((signed("s3"), signed("route53")), (Region::EU_WEST_1, Region::US_EAST_1));
        assert_eq!(signed("execute-api"), Region::US_EAST_1);
    }

    #[test]
    fn presigned_requests_and_set_of_regions_signatures_are_services() {
        let uri = format!("/b/k?X-Amz-Credential={DAY}%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature=abc");
        let presigned = Request::builder().uri(uri).body(Bytes::new()).unwrap();
        let call = Call::read(Region::US_EAST_1, &presigned);
        assert_eq!((call.region, call.service.as_deref()), (Region::EU_WEST_1, Some("s3")));
        assert_eq!((call.operation.as_deref(), call.path()), (Some("GetObject"), "/b/k"));

        let header =
            format!("AWS4-ECDSA-P256-SHA256 Credential={DAY}/s3/aws4_request, SignedHeaders=host, Signature=a");
        let sigv4a = Request::builder().header("authorization", header).body(Bytes::new()).unwrap();
        let call = Call::read(Region::US_EAST_1, &sigv4a);
        assert_eq!((call.region, call.service.as_deref()), (Region::US_EAST_1, Some("s3")));

        let bearer = Request::builder().header("authorization", "Bearer abc").body(Bytes::new()).unwrap();
        assert!(Call::read(Region::US_EAST_1, &bearer).is_edge());
    }

    #[test]
    fn buckets_come_from_the_path_or_the_host() {
        let read = |host: &str, path: &str| {
            bucket_and_key(&Request::builder().uri(path).header("host", host).body(Bytes::new()).unwrap())
        };
        let expected = ("b.c".to_owned(), "k/1 2".to_owned());
        assert_eq!(read("127.0.0.1:4566", "/b.c/k/1%202"), expected);
        assert_eq!(read("s3.localhost.localstack.cloud:4566", "/b.c/k/1%202"), expected);
        assert_eq!(read("b.c.s3.eu-west-1.amazonaws.com", "/k/1%202"), expected);
        assert_eq!(read("B.c.localhost:4566", "/k/1%202"), expected);
    }
}
