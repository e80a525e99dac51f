//! What is asked: the routes of the order API, filled in.

use bytes::Bytes;

use crate::history::Tag;
use crate::scenario::Operation;

/// How many orders and assets a population touches.
pub const ITEMS: u32 = 500;
/// How many assets are put into the bucket before the traffic starts.
pub const ASSETS: u32 = 10;

/// One request of a user.
pub struct Asked<'a> {
    population: &'a str,
    operation: &'a Operation,
    item: u32,
    /// The order it is about, where it is about one.
    pub order: Option<String>,
}

impl<'a> Asked<'a> {
    /// `{id}` becomes one of the population's orders.
    pub fn of(population: &'a str, operation: &'a Operation, item: u32) -> Self {
        let order = operation.route.contains("{id}").then(|| format!("{population}-{item}"));
        Self { population, operation, item, order }
    }

    /// Whether it writes an order.
    pub fn writes(&self) -> bool {
        self.order.is_some() && self.operation.method == "PUT"
    }

    /// As it goes out; `{key}` becomes one of the assets. What it writes carries the tag.
    pub fn request(&self, host: &str, base_path: &str, tag: Option<Tag>) -> http::Request<Bytes> {
        let path = self.operation.route.replace("{id}", self.order.as_deref().unwrap_or_default());
        let path = path.replace("{key}", &asset(self.item % ASSETS));
        let (item, population) = (self.item, self.population);
        let body = match tag {
            Some(tag) => Bytes::from(format!(r#"{{"item":{item},"from":"{population}","write":"{tag}"}}"#)),
            None if self.operation.method == "PUT" => {
                Bytes::from(format!(r#"{{"item":{item},"from":"{population}"}}"#))
            }
            None => Bytes::new(),
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = self.operation.method.parse().unwrap_or(http::Method::GET);
        let uri = format!("https://{host}{}{path}", base_path.trim_end_matches('/'));
        *request.uri_mut() = uri.parse().unwrap_or_default();
        let headers = request.headers_mut();
        if let Ok(host) = http::HeaderValue::from_str(host) {
            headers.insert(http::header::HOST, host);
        }
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        request
    }
}

/// The key of an asset, as the bucket and the route have it.
pub fn asset(number: u32) -> String {
    format!("asset-{number}")
}
