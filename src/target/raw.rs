//! Signed calls to services that have no SDK crate here: each of those would cost a minute of every cold build.
//!
//! The three protocols a probe or a search by tag needs: Query (STS, SNS, IAM), JSON by `X-Amz-Target` (KMS, tagging) and
//! REST with JSON bodies (FIS). Nothing is retried: who calls knows whether it may.

use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::BytesMut;
use serde_json::Value;

use super::{causes, plain};
use crate::clock::Clock;
use crate::region::Region;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Services with one endpoint for all Regions, which is signed for us-east-1 (AWS General Reference, service endpoints).
const GLOBAL: [&str; 1] = ["iam"];

/// What to do where nobody knows whose calls these are.
pub const SIGN_IN: &str =
    "sign in (aws sso login), name a profile in blackstart.yaml (aws.profile), or set AWS_ACCESS_KEY_ID";

/// Calls a Region's services as one caller.
#[derive(Clone)]
pub struct Raw {
    pub connector: SharedHttpConnector,
    pub credentials: SharedCredentialsProvider,
    pub region: Region,
    pub clock: Clock,
    /// Where all services are; AWS's own endpoints where there is none.
    pub endpoint: Option<String>,
}

/// What a service said instead of an answer, or why none came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RawError {
    /// None where no answer came.
    pub status: Option<u16>,
    pub code: String,
    pub message: String,
}

impl RawError {
    fn unsent(code: &str, why: impl std::fmt::Display) -> Self {
        Self { status: None, code: code.to_owned(), message: why.to_string() }
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Raw({}, {})", self.region, self.endpoint.as_deref().unwrap_or("aws"))
    }
}

impl Raw {
    /// A call of the Query protocol; gives the XML of the answer.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, RawError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", version).extend_pairs(parameters);
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        self.call(service, http::Method::POST, "/", &[("content-type", kind)], form.finish()).await
    }

    /// A call of the JSON protocol, named by its `X-Amz-Target`.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value, RawError> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        as_json(&self.call(service, http::Method::POST, "/", &headers, body.to_string()).await?)
    }

    /// A call by method and path, with a body of JSON where it is not null.
    pub async fn rest(&self, service: &str, method: http::Method, path: &str, body: &Value) -> Result<Value, RawError> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        // Without it API Gateway answers in a form of its own (HAL).
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        as_json(&self.call(service, method, path, &headers, body).await?)
    }

    async fn call(
        &self,
        service: &str,
        method: http::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<String, RawError> {
        let scope = if GLOBAL.contains(&service) { Region::US_EAST_1 } else { self.region };
        let host = if GLOBAL.contains(&service) {
            format!("https://{service}.amazonaws.com")
        } else {
            format!("https://{service}.{scope}.amazonaws.com")
        };
        let uri = format!("{}{path}", self.endpoint.as_deref().unwrap_or(&host).trim_end_matches('/'));
        let mut request = http::Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).map_err(|why| RawError::unsent("InvalidRequest", why))?;
        self.sign(service, scope, &mut request).await?;
        let request = HttpRequest::try_from(request.map(SdkBody::from));
        let request = request.map_err(|why| RawError::unsent("InvalidRequest", why))?;
        let sending = async {
            let response =
                self.connector.call(request).await.map_err(|why| RawError::unsent("ConnectorError", causes(&why)))?;
            let response = response.try_into_http1x().map_err(|why| RawError::unsent("InvalidResponse", why))?;
            let status = response.status();
            let kind =
                response.headers().get("x-amzn-errortype").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
            let text = read(response.into_body()).await?;
            if status.is_success() { Ok(text) } else { Err(said(status.as_u16(), kind.as_deref(), &text)) }
        };
        let late = |_| RawError::unsent("TimedOut", format!("{service} gave no answer within {} s", TIMEOUT.as_secs()));
        tokio::time::timeout(TIMEOUT, sending).await.map_err(late)?
    }

    async fn sign(&self, service: &str, scope: Region, request: &mut http::Request<String>) -> Result<(), RawError> {
        let refused = |why: &dyn std::fmt::Display| RawError::unsent("NoCredentials", why);
        let credentials = self.credentials.provide_credentials().await;
        let credentials = credentials.map_err(|why| refused(&format!("{}; {SIGN_IN}", causes(&why))))?;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.as_str())
            .name(service)
            .time(self.clock.now().into())
            .settings(SigningSettings::default())
            .build()
            .map_err(|why| refused(&why))?
            .into();
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let (method, uri) = (request.method().to_string(), request.uri().to_string());
        let body = request.body().clone();
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(&method, uri, pairs, SignableBody::Bytes(body.as_bytes()));
        let signable = signable.map_err(|why| refused(&why))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|why| refused(&why))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

async fn read(body: SdkBody) -> Result<String, RawError> {
    let mut stream = aws_smithy_types::byte_stream::ByteStream::new(body);
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.try_next().await.map_err(|why| RawError::unsent("InvalidResponse", why))? {
        whole.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

fn as_json(text: &str) -> Result<Value, RawError> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|why| RawError::unsent("InvalidResponse", why))
}

/// Code and message of an error, whichever protocol it is written in.
fn said(status: u16, kind: Option<&str>, text: &str) -> RawError {
    let bare = |code: &str| code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code).to_owned();
    let json: Option<Value> = serde_json::from_str(text).ok();
    let field = |names: &[&str]| {
        let json = json.as_ref()?;
        names.iter().find_map(|name| json.get(name)?.as_str().map(str::to_owned))
    };
    let code = kind.map(str::to_owned).or_else(|| field(&["__type", "code"])).or_else(|| element(text, "Code"));
    let message = field(&["message", "Message"]).or_else(|| element(text, "Message"));
    let shown: String = text.chars().take(200).collect();
    RawError {
        status: Some(status),
        code: code.map_or_else(|| format!("HTTP {status}"), |code| bare(&code)),
        message: plain(&message.unwrap_or(shown)),
    }
}

/// The text of the first element of this name.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event().ok()? {
            quick_xml::events::Event::Start(start) if start.local_name().as_ref() == name => {
                let text = reader.read_text(start.name()).ok()?;
                return Some(quick_xml::escape::unescape(&text).ok()?.into_owned());
            }
            quick_xml::events::Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_in_each_protocol() {
        let query = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>\
                     </Error></ErrorResponse>";
        let code = |error: RawError| (error.status.unwrap(), error.code, error.message);
        assert_eq!(code(said(404, None, query)), (404, "NotFound".into(), "Topic does not exist".into()));
        let json = r#"{"__type":"com.amazonaws.kms#NotFoundException","message":"no such key"}"#;
        assert_eq!(code(said(400, None, json)), (400, "NotFoundException".into(), "no such key".into()));
        let rest = said(400, Some("ValidationException:http://internal"), r#"{"message":"bad"}"#);
        assert_eq!(code(rest), (400, "ValidationException".into(), "bad".into()));
        assert_eq!(code(said(502, None, "<html>")), (502, "HTTP 502".into(), "<html>".into()));
    }
}
