//! What is asked: the routes of the order API, filled in.

use bytes::Bytes;

use crate::scenario::Operation;

/// How many orders and assets a population touches.
pub const ITEMS: u32 = 500;
/// How many assets are put into the bucket before the traffic starts.
pub const ASSETS: u32 = 10;

/// The request of an operation: `{id}` becomes one of the population's orders, `{key}` one of the assets.
pub fn build(population: &str, operation: &Operation, host: &str, base_path: &str, item: u32) -> http::Request<Bytes> {
    let path = operation.route.replace("{id}", &format!("{population}-{item}"));
    let path = path.replace("{key}", &asset(item % ASSETS));
    let body = if operation.method == "PUT" {
        Bytes::from(format!(r#"{{"item":{item},"from":"{population}"}}"#))
    } else {
        Bytes::new()
    };
    let mut request = http::Request::new(body);
    *request.method_mut() = operation.method.parse().unwrap_or(http::Method::GET);
    let uri = format!("https://{host}{}{path}", base_path.trim_end_matches('/'));
    *request.uri_mut() = uri.parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(host) = http::HeaderValue::from_str(host) {
        headers.insert(http::header::HOST, host);
    }
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    request
}

/// The key of an asset, as the bucket and the route have it.
pub fn asset(number: u32) -> String {
    format!("asset-{number}")
}
