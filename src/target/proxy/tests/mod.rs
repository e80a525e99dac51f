//! The proxy over real sockets, on real time: unmodified SDK clients on one side, a tiny upstream on the other.

mod clients;
mod edge;
mod faults;
mod hostile;
mod overhead;
mod ports;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::*;

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;

/// What the upstream was sent.
type Seen = Arc<Mutex<Vec<Request<Bytes>>>>;

/// Answers everything with `answer`, and keeps what it was asked.
async fn upstream(answer: fn(&Request<Bytes>) -> Response<Bytes>) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let seen = kept.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let seen = seen.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let request = Request::from_parts(parts, body.collect().await.unwrap().to_bytes());
                    let response = answer(&request).map(Full::new);
                    seen.lock().unwrap().push(request);
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

/// What a service answers to calls whose outputs the tests do not read.
fn canned(request: &Request<Bytes>) -> Response<Bytes> {
    let is_json = request.headers().contains_key("x-amz-target");
    let body = if is_json { Bytes::from_static(b"{}") } else { Bytes::from_static(b"hello") };
    Response::builder().header("content-type", "application/x-amz-json-1.0").body(body).unwrap()
}

/// A proxy for two Regions in front of one upstream.
async fn proxy() -> (Proxy, Seen) {
    let (address, seen) = upstream(canned).await;
    (proxy_before(address).await, seen)
}

/// Trusting nobody: for upstreams that speak plain HTTP.
fn plain() -> ClientConfig {
    crate::target::tls::untrusting().unwrap()
}

async fn proxy_before(address: SocketAddr) -> Proxy {
    let upstreams = vec![(US, address.into()), (EU, address.into())];
    Proxy::start(upstreams, plain(), Clock::system(), Seed(7)).await.unwrap()
}

/// What an unmodified client is configured with, but for retries, which would hide faults from the tests.
fn sdk(proxy: &Proxy, region: Region) -> SdkConfig {
    config(proxy.address(region).unwrap(), region)
}

fn config(address: SocketAddr, region: Region) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::from_static(region.as_str()))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKIDEXAMPLE",
            "key",
            None,
            None,
            "test",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .time_source(Clock::system())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

fn dynamodb(proxy: &Proxy, region: Region) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&sdk(proxy, region))
}

/// One call, and the code of its error.
async fn get_item(client: &aws_sdk_dynamodb::Client) -> Result<(), String> {
    let key = aws_sdk_dynamodb::types::AttributeValue::S("1".to_owned());
    let answer = client.get_item().table_name("orders").key("id", key).send().await;
    answer.map(drop).map_err(|error| said(&error))
}

/// The code of an error, or the whole of it with all that caused it.
fn said<E>(error: &E) -> String
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.code() {
        Some(code) => code.to_owned(),
        None => aws_sdk_s3::error::DisplayErrorContext(error).to_string(),
    }
}

/// A plain HTTP client, as users have.
fn user() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A user's request for a host: status, error type and body.
async fn ask(proxy: &Proxy, region: Region, host: &str, path: &str) -> (u16, String, String) {
    let uri = format!("http://{}{path}", proxy.address(region).unwrap());
    let request = Request::builder().uri(uri).header("host", host).body(Full::default()).unwrap();
    let response = user().request(request).await.unwrap();
    let kind = response.headers().get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
}

fn error(status: u16, code: &str) -> Effect {
    Effect::Error { status, code: code.to_owned(), message: format!("<{code}> & said so") }
}

fn only(audit: &Audit) -> &Fired {
    assert_eq!(audit.rules.len(), 1);
    &audit.rules[0]
}
