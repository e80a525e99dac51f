//! The stack's functions as code of the twin's Lambda: the crates that are packaged for AWS, called in-process.
//!
//! Each adapter does what the crate's `main.rs` does there: reads the environment, builds the clients, hands over.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::twin::services::lambda::{Code, Environment, Event, FunctionError, Instance, Invocation, Reply, proxy};

/// The functions this process can run, by the name of their crate.
pub fn linked() -> BTreeMap<String, Arc<dyn Code>> {
    let all: [(&str, Arc<dyn Code>); 3] =
        [("failover", Arc::new(FailoverCode)), ("orders", Arc::new(OrdersCode)), ("rotation", Arc::new(RotationCode))];
    all.into_iter().map(|(name, code)| (name.to_owned(), code)).collect()
}

type Started = BoxFuture<'static, Result<Box<dyn Instance>, FunctionError>>;

struct OrdersCode;

impl Code for OrdersCode {
    fn start(&self, environment: Environment) -> Started {
        Box::pin(async move {
            let config = orders::Config::from_variables(&environment.variables).map_err(exited)?;
            let sink = environment.log;
            let log: orders::Log = Arc::new(move |line: &str| sink.print(line));
            let instance = OrdersInstance(orders::Orders::new(config, &environment.sdk, log));
            Ok(Box::new(instance) as Box<dyn Instance>)
        })
    }
}

struct OrdersInstance(orders::Orders);

impl Instance for OrdersInstance {
    fn invoke<'a>(&'a self, event: Event, _: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>> {
        Box::pin(async move {
            match event {
                Event::Http(request) => Ok(Reply::Http(self.0.handle(request).await)),
                Event::Json(event) => {
                    let request = request(&event)?;
                    Ok(Reply::Json(proxy::to_json(&self.0.handle(request).await)))
                }
            }
        })
    }
}

struct FailoverCode;

impl Code for FailoverCode {
    fn start(&self, environment: Environment) -> Started {
        Box::pin(async move {
            let config = failover::Config::from_variables(&environment.variables).map_err(exited)?;
            let http = SharedHttpConnector::new(environment.http);
            let sink = environment.log;
            let log: failover::Log = Arc::new(move |line: &str| sink.print(line));
            let instance = FailoverInstance(failover::Guard::new(config, &environment.sdk, http, log));
            Ok(Box::new(instance) as Box<dyn Instance>)
        })
    }
}

struct FailoverInstance(failover::Guard);

impl Instance for FailoverInstance {
    fn invoke<'a>(&'a self, event: Event, _: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>> {
        Box::pin(async move {
            let Event::Json(event) = event else {
                return Err(bad_event("the failover function takes an alarm's event, not an HTTP request"));
            };
            let answer = self.0.handle(event).await;
            answer
                .map(Reply::Json)
                .map_err(|error| FunctionError { kind: error.kind().to_owned(), message: error.to_string() })
        })
    }
}

struct RotationCode;

impl Code for RotationCode {
    fn start(&self, environment: Environment) -> Started {
        Box::pin(async move {
            let config = rotation::Config::from_variables(&environment.variables).map_err(exited)?;
            let sink = environment.log;
            let log: rotation::Log = Arc::new(move |line: &str| sink.print(line));
            let instance = RotationInstance(rotation::Rotation::new(config, &environment.sdk, log));
            Ok(Box::new(instance) as Box<dyn Instance>)
        })
    }
}

struct RotationInstance(rotation::Rotation);

impl Instance for RotationInstance {
    fn invoke<'a>(&'a self, event: Event, _: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>> {
        Box::pin(async move {
            let Event::Json(event) = event else {
                return Err(bad_event("the rotation function takes a rotation's event, not an HTTP request"));
            };
            let answer = self.0.handle(event).await;
            answer
                .map(Reply::Json)
                .map_err(|error| FunctionError { kind: error.kind().to_owned(), message: error.to_string() })
        })
    }
}

/// A process that ends in its init phase, as one does that finds its configuration wanting.
fn exited(error: impl std::fmt::Display) -> FunctionError {
    FunctionError { kind: "Runtime.ExitError".to_owned(), message: error.to_string() }
}

fn bad_event(message: &str) -> FunctionError {
    FunctionError { kind: "BadEvent".to_owned(), message: message.to_owned() }
}

/// The request of an API Gateway proxy event, for a direct invocation.
fn request(event: &Value) -> Result<http::Request<Bytes>, FunctionError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let (Some(method), Some(path)) = (text("httpMethod"), text("path")) else {
        return Err(bad_event(
            "the orders function takes a proxy event of API Gateway: httpMethod and path are missing",
        ));
    };
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in event.get("headers").and_then(Value::as_object).into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let body = text("body").unwrap_or_default();
    request
        .body(Bytes::from(body.to_owned()))
        .map_err(|error| bad_event(&format!("the proxy event is malformed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::region::Region;
    use crate::seed::Seed;
    use crate::twin::gateway::{self, Principal};
    use crate::twin::world::network::Origin;
    use crate::twin::{Cloud, Config};
    use base64::Engine;
    use serde_json::json;
    use std::io::Write;

    fn cloud() -> Arc<Cloud> {
        Cloud::start(Config {
            seed: Seed(1),
            clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
            account: "123456789012".to_owned(),
            regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
            code: linked(),
        })
    }

    /// Creates a function by the API, its package naming `crate_name`.
    async fn deploy(cloud: &Arc<Cloud>, crate_name: &str, variables: Value) {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("Cargo.toml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(format!("[package]\nname = \"{crate_name}\"\n").as_bytes()).unwrap();
        let zip = base64::prelude::BASE64_STANDARD.encode(zip.finish().unwrap().into_inner());
        let body = json!({
            "FunctionName": crate_name, "Role": "arn:aws:iam::123456789012:role/f", "Runtime": "provided.al2023",
            "Handler": "bootstrap", "Timeout": 10, "Code": {"ZipFile": zip}, "Environment": {"Variables": variables},
        });
        let scope = "AWS4-HMAC-SHA256 Credential=AKIABLACKSTARTTWIN00/20260105/us-east-1/lambda/aws4_request, x";
        let request = http::Request::post("https://lambda.us-east-1.amazonaws.com/2015-03-31/functions")
            .header("authorization", scope)
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = gateway::handle(cloud, Origin::Operator, request).await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{:?}", answer.body());
    }

    async fn invoke(cloud: &Arc<Cloud>, function: &str, event: Event) -> Result<Reply, FunctionError> {
        cloud.lambda.invoke(cloud, Region::US_EAST_1, function, &Principal::Account, event).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn orders_without_a_table_is_unhealthy_and_says_so() {
        let cloud = cloud();
        let variables = json!({"TABLE_NAME": "none", "BUCKET_NAME": "none", "SECRET_ID": "none", "VERSION": "v7"});
        deploy(&cloud, "orders", variables).await;
        let request = |path: &str| Event::Http(http::Request::get(path.to_owned()).body(Bytes::new()).unwrap());
        let Ok(Reply::Http(answer)) = invoke(&cloud, "orders", request("/health")).await else { panic!() };
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            (answer.status().as_u16(), &body["region"], &body["version"]),
            (503, &json!("us-east-1"), &json!("v7"))
        );
        assert_ne!(body["parts"]["table"], "ok");
        let Ok(Reply::Http(answer)) = invoke(&cloud, "orders", request("/whoami")).await else { panic!() };
        assert_eq!(answer.status().as_u16(), 502);
        let Ok(Reply::Http(answer)) = invoke(&cloud, "orders", request("/nowhere")).await else { panic!() };
        assert_eq!(answer.status().as_u16(), 404);
        let proxied = json!({"httpMethod": "GET", "path": "/nowhere"});
        let Ok(Reply::Json(answer)) = invoke(&cloud, "orders", Event::Json(proxied)).await else { panic!() };
        assert_eq!(answer["statusCode"], 404);
        assert_eq!(invoke(&cloud, "orders", Event::Json(json!({}))).await.unwrap_err().kind, "BadEvent");
    }

    #[tokio::test(start_paused = true)]
    async fn failover_answers_alarms_and_names_what_it_lacks() {
        let cloud = cloud();
        let mut variables = json!({
            "GUARDED_REGION": "us-east-1", "OTHER_REGION": "eu-west-1", "FAILOVER_ALARM_ARN": "arn:f",
            "RECOVERY_ALARM_ARN": "arn:r", "HOSTED_ZONE_ID": "Z", "RECORD_NAME": "api.example.com",
            "GUARDED_ENDPOINT": "us.example.net", "OTHER_ENDPOINT": "eu.example.net",
            "GUARDED_HEALTH_URL": "https://us.example.net/health",
        });
        deploy(&cloud, "failover", variables.clone()).await;
        let ignored = json!({"alarmArn": "arn:f", "alarmData": {"state": {"value": "OK"}}});
        let error = invoke(&cloud, "failover", Event::Json(ignored.clone())).await.unwrap_err();
        assert!(error.kind == "Runtime.ExitError" && error.message.contains("OTHER_HEALTH_URL"), "{error}");
        variables["OTHER_HEALTH_URL"] = json!("https://eu.example.net/health");
        assert!(cloud.lambda.remove(Region::US_EAST_1, "failover", None).unwrap());
        deploy(&cloud, "failover", variables).await;
        let Ok(Reply::Json(answer)) = invoke(&cloud, "failover", Event::Json(ignored)).await else { panic!() };
        assert_eq!((&answer["decision"], &answer["guarded"]), (&json!("ignored"), &json!("us-east-1")));
        assert_eq!(invoke(&cloud, "failover", Event::Json(json!({}))).await.unwrap_err().kind, "BadEvent");
    }
}
