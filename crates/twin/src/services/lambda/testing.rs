//! A cloud with one linked function, `probe`, that does what its event tells it to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::code::{Code, Environment, Event, FunctionError, Instance, Invocation, Reply};
use super::control::NewFunction;
use super::package::{Package, zip_of};
use super::settings::Settings;
use crate::clock::Clock;
use crate::region::Region;
use crate::seed::Seed;
use crate::{Cloud, Config};

/// Counts what it was asked to do.
#[derive(Default)]
pub struct Probe {
    pub starts: AtomicU32,
    pub calls: Arc<AtomicU32>,
}

struct Running {
    environment: Environment,
    number: u32,
    calls: Arc<AtomicU32>,
}

impl Code for Probe {
    fn start(&self, environment: Environment) -> BoxFuture<'static, Result<Box<dyn Instance>, FunctionError>> {
        let number = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let calls = self.calls.clone();
        Box::pin(async move { Ok(Box::new(Running { environment, number, calls }) as Box<dyn Instance>) })
    }
}

impl Instance for Running {
    /// JSON: `sleep` seconds, then `fail`, `panic` or an answer. HTTP: what reached it, as JSON.
    fn invoke<'a>(&'a self, event: Event, _: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::Relaxed);
            match event {
                Event::Json(event) => self.told(&event).await,
                Event::Http(request) => {
                    let seconds = request.headers().get("x-sleep").and_then(|text| text.to_str().ok()?.parse().ok());
                    tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(0))).await;
                    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
                    let seen = json!({
                        "method": request.method().as_str(),
                        "path": request.uri().path(),
                        "query": request.uri().query(),
                        "host": header("host"),
                        "environment": self.number,
                        "version": self.environment.version,
                    });
                    match header("x-answer") {
                        Some("malformed") => Ok(Reply::Json(json!({ "no": "statusCode" }))),
                        Some("error") => Err(FunctionError { kind: "Told".to_owned(), message: "to fail".to_owned() }),
                        _ => Ok(Reply::Http(self.answer(&seen))),
                    }
                }
            }
        })
    }
}

impl Running {
    /// What it saw, from the version it calls itself.
    fn answer(&self, seen: &Value) -> http::Response<Bytes> {
        let release = self.environment.variables.get("VERSION").unwrap_or(&self.environment.version);
        let mut answer = http::Response::new(Bytes::from(seen.to_string()));
        answer.headers_mut().insert("x-release", release.parse().unwrap_or(http::HeaderValue::from_static("?")));
        answer
    }

    async fn told(&self, event: &Value) -> Result<Reply, FunctionError> {
        let seconds = event.get("sleep").and_then(Value::as_f64).unwrap_or(0.0);
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        if event.get("panic").is_some() {
            panic!("as told");
        }
        match event.get("fail") {
            Some(why) => Err(FunctionError { kind: "Told".to_owned(), message: why.to_string() }),
            None => Ok(Reply::Json(json!({
                "environment": self.number,
                "version": self.environment.version,
                "variables": self.environment.variables,
            }))),
        }
    }
}

pub const ACCOUNT: &str = "123456789012";

/// A cloud of two Regions with the probe linked in.
pub fn cloud() -> (Arc<Cloud>, Arc<Probe>) {
    let probe = Arc::new(Probe::default());
    let code: BTreeMap<String, Arc<dyn Code>> = [("probe".to_owned(), probe.clone() as Arc<dyn Code>)].into();
    let cloud = Cloud::start(Config {
        seed: Seed(7),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: ACCOUNT.to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code,
    });
    (cloud, probe)
}

/// A function `name` in us-east-1 whose package holds the crate `crate_name`.
pub fn function(cloud: &Cloud, name: &str, crate_name: &str, given: Value) {
    let mut members = json!({
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "Runtime": "provided.al2023", "Handler": "bootstrap",
    });
    if let (Some(members), Value::Object(given)) = (members.as_object_mut(), given) {
        members.extend(given);
    }
    let new = NewFunction {
        name: name.to_owned(),
        settings: Settings::create(&members).unwrap(),
        package: Package::read(&zip_of(crate_name)),
        tags: BTreeMap::new(),
    };
    cloud.lambda.create(cloud, Region::US_EAST_1, new).unwrap();
}
