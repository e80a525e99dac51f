//! Answers and errors in S3's own form.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::gateway::Call;
use crate::wire::{AwsError, Protocol, Request, Response, respond, xml::Element};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The root element of an answer.
pub(super) fn root(name: &str) -> Element {
    Element::new(name).attribute("xmlns", NAMESPACE)
}

pub(super) fn xml(call: &Call, body: &Element) -> Response {
    named(call, respond(200, "application/xml", &call.request_id, body.document()))
}

/// An answer without a body.
pub(super) fn empty(call: &Call, status: u16) -> Response {
    let mut response = named(call, respond(status, "application/xml", &call.request_id, Bytes::new()));
    response.headers_mut().remove("content-type");
    response
}

/// Adds a header; a value HTTP cannot carry is left out.
pub(super) fn header(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        response.headers_mut().insert(name, value);
    }
}

/// The error as S3 writes it. Members whose names begin with `x-amz-` become headers; an answer to HEAD and one of
/// status 304 has no body.
pub(super) fn error(call: &Call, request: &Request, mut error: AwsError) -> Response {
    if error.code == "AccessDeniedException" {
        error.code = "AccessDenied".to_owned();
    }
    let headers: Vec<(String, String)> = error
        .members
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-") || *name == "etag")
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let status = error.status;
    let mut response = named(call, error.into_response(Protocol::S3, &call.request_id));
    for (name, value) in headers {
        header(&mut response, &name, &value);
    }
    if request.method() == http::Method::HEAD || status == 304 {
        *response.body_mut() = Bytes::new();
    }
    response
}

fn named(call: &Call, mut response: Response) -> Response {
    header(&mut response, "x-amz-request-id", &call.request_id);
    response
}

pub(super) fn text_header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

pub(super) fn invalid_argument(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidArgument", message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidRequest", message)
}

/// A header or parameter that would change the outcome and that the twin has no model of.
pub(super) fn not_modelled(what: &str) -> AwsError {
    let message = format!("the embedded twin does not model {what}; leave it out, or see docs/fidelity.md");
    AwsError::new(501, "NotImplemented", message)
}
