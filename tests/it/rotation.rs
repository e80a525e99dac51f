//! The shipped stack's secret and settings: rotated as its backend demands, and poisoned.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use blackstart::deploy::{self, Deployment, StackDirectory};
use blackstart::region::{Place, Region};
use blackstart::seed::Seed;
use blackstart::target::embedded::{Embedded, in_virtual_time};
use blackstart::target::{Clients, Target};
use bytes::Bytes;
use serde_json::{Value, json};

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;
/// Tokens as a caller gives them.
const TOKEN: &str = "00000000-0000-4000-8000-00000000000a";
const POISON: &str = "00000000-0000-4000-8000-00000000000b";

/// The shipped stack, up, on a twin of its own.
struct World {
    target: Embedded,
    deployment: Deployment,
}

/// Deploys the shipped stack with these parameters and runs `main` on it.
fn with_stack<F>(overrides: &'static [(&str, &str)], main: impl FnOnce(World) -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    let ended = in_virtual_time(move || async move {
        let mut directory = StackDirectory::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stack")).unwrap();
        deploy::override_parameters(&mut directory, overrides.iter().copied()).unwrap();
        let target = Embedded::start(Seed(7), &[US, EU]);
        let mut deployment = Deployment::default();
        deploy::up(&target, &directory, &deploy::Options::default(), &mut deployment, |_| {}).await.unwrap();
        main(World { target, deployment }).await;
    });
    ended.unwrap().blocking_recv().unwrap();
}

impl World {
    fn clients(&self, region: Region) -> &Clients {
        self.target.clients(region).unwrap()
    }

    fn role(&self, name: &str) -> String {
        self.deployment.role(name, US).unwrap().to_owned()
    }

    /// The version ids and digests that the backend accepts.
    async fn accepted(&self) -> (Vec<String>, Vec<String>) {
        let get = self.clients(US).dynamodb.get_item().table_name(self.role("credentials"));
        let item = get.key("id", AttributeValue::S("orders".to_owned())).send().await.unwrap().item.unwrap();
        let texts = |name: &str| item[name].as_l().unwrap().iter().map(|text| text.as_s().unwrap().clone()).collect();
        (texts("accepted"), texts("digests"))
    }

    async fn current(&self, region: Region) -> (String, String) {
        let secret = &self.clients(region).secretsmanager;
        let answer = secret.get_secret_value().secret_id(self.role("secret")).send().await.unwrap();
        (answer.version_id.unwrap(), answer.secret_string.unwrap())
    }

    async fn rotate(&self) {
        let rotate = self.clients(US).secretsmanager.rotate_secret().secret_id(self.role("secret"));
        rotate.client_request_token(TOKEN).send().await.unwrap();
    }

    /// The JSON lines a group's streams hold.
    async fn lines(&self, region: Region, group: &str) -> Vec<Value> {
        let logs = &self.clients(region).logs;
        let found = logs.filter_log_events().log_group_name(group).send().await.unwrap();
        found.events().iter().filter_map(|event| serde_json::from_str(event.message()?).ok()).collect()
    }

    /// Asks the API of a Region.
    async fn ask(&self, region: Region, method: &str, path: &str, body: &str) -> (u16, Value) {
        let internet = self.target.internet(&|_, _| None);
        let host = self.deployment.output("region", region, "ApiHost").unwrap();
        let place = Place::parse("europe").unwrap();
        let address = internet.resolver(place).resolve(host).await.addresses[0];
        let request = http::Request::builder().method(method).uri(format!("https://{host}/live{path}"));
        let request = request.header("host", host).body(Bytes::from(body.to_owned())).unwrap();
        let line = internet.connect(place, address, host).await.unwrap();
        let answer = line.send(request).await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    /// Puts a config item as an operator would, past the API.
    async fn configure(&self, order: &str) {
        let put = self.clients(US).dynamodb.put_item().table_name(self.role("table"));
        let put = put.item("id", AttributeValue::S("config".to_owned()));
        put.item("order", AttributeValue::S(order.to_owned())).send().await.unwrap();
        seconds(60).await;
    }
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[test]
fn the_backend_of_alternating_users_accepts_old_and_new_and_never_locks_out() {
    with_stack(&[], |world| async move {
        // Deployment rotates once: the backend knows the first version and the second.
        let (first, digests) = world.accepted().await;
        let (current, value) = world.current(US).await;
        assert_eq!((first.len(), digests.len(), &first[0]), (2, 2, &current));
        assert_eq!(world.current(EU).await, (current.clone(), value.clone()));
        let (status, whoami) = world.ask(EU, "GET", "/whoami", "").await;
        assert_eq!((status, &whoami["secret"]["digest"]), (200, &json!(digests[0])));
        world.rotate().await;
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let (accepted, _) = world.accepted().await;
            for region in [US, EU] {
                assert!(accepted.contains(&world.current(region).await.0), "{region} is locked out");
            }
        }
        let (accepted, _) = world.accepted().await;
        assert_eq!(accepted, [TOKEN.to_owned(), current]);
        let (id, new) = world.current(EU).await;
        assert!(id == TOKEN && new != value && new.len() == 40);
        let lines = world.lines(US, &world.role("rotation-log")).await;
        let steps: Vec<&str> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
        let four = ["createSecret", "setSecret", "testSecret", "finishSecret"];
        assert_eq!(steps, [four, four].concat());
        let last = json!({
            "blackstart": "rotation", "step": "finishSecret", "version_id": TOKEN, "accepts": accepted,
        });
        assert_eq!(lines[7], last);
        assert!(!lines.iter().any(|line| line.to_string().contains(&value) || line.to_string().contains(&new)));
        deploy::down(&world.target, &world.deployment, |_| {}).await.unwrap();
    });
}

#[test]
fn the_backend_of_a_single_user_locks_out_until_the_new_version_is_current() {
    with_stack(&[("RotationStrategy", "single-user")], |world| async move {
        world.rotate().await;
        let mut locked_out = [false; 2];
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let (accepted, _) = world.accepted().await;
            for (locked_out, region) in locked_out.iter_mut().zip([US, EU]) {
                *locked_out |= !accepted.contains(&world.current(region).await.0);
            }
        }
        assert_eq!(locked_out, [true, true], "the trap shows in both Regions");
        assert_eq!(world.accepted().await.0, [TOKEN.to_owned()]);
        assert_eq!((world.current(US).await.0, world.current(EU).await.0), (TOKEN.to_owned(), TOKEN.to_owned()));
    });
}

#[test]
fn a_poisoned_secret_is_told_by_its_code_alone() {
    with_stack(&[], |world| async move {
        let put = world.clients(US).secretsmanager.put_secret_value().secret_id(world.role("secret"));
        put.client_request_token(POISON).secret_string("poi\u{7}son").send().await.unwrap();
        seconds(60).await;
        for region in [US, EU] {
            let (status, body) = world.ask(region, "GET", "/whoami", "").await;
            assert_eq!((status, &body["error"]), (502, &json!("BadSecret")), "{region}");
            let (health, parts) = world.ask(region, "GET", "/health", "").await;
            assert_eq!((health, &parts["parts"]["secret"]), (503, &json!("BadSecret")));
            assert!(!format!("{body} {parts}").contains("son\""), "the value shows");
        }
    });
}

#[test]
fn a_poisoned_config_is_survived_with_a_fallback() {
    with_stack(&[], |world| async move {
        world.configure(r#"{"max_order_bytes": 20}"#).await;
        let put = |id: &'static str, body: &'static str| world.ask(EU, "PUT", id, body);
        assert_eq!(put("/orders/1", r#"{"sku": "a"}"#).await.0, 200);
        assert_eq!(put("/orders/2", r#"{"sku": "much too long"}"#).await.0, 413);
        world.configure("poison").await;
        assert_eq!(put("/orders/3", r#"{"sku": "a"}"#).await.0, 200);
        assert_eq!(put("/orders/4", r#"{"sku": "much too long"}"#).await.0, 413, "the last good settings hold");
        assert_eq!(world.ask(EU, "GET", "/health", "").await.0, 200);
        let (_, order) = world.ask(EU, "GET", "/orders/3", "").await;
        assert_eq!(order["order"], json!({"sku": "a"}));
        let group = format!("/aws/lambda/{}", world.deployment.output("region", EU, "FunctionName").unwrap());
        let line = json!({"blackstart": "orders", "problem": "bad-config"});
        assert!(world.lines(EU, &group).await.contains(&line));
    });
}

#[test]
fn a_poisoned_config_stops_writes_without_a_fallback() {
    with_stack(&[("ConfigFallback", "false")], |world| async move {
        world.configure("poison").await;
        for region in [US, EU] {
            let (status, body) = world.ask(region, "PUT", "/orders/1", "{}").await;
            assert_eq!((status, &body["error"]), (500, &json!("BadConfig")));
            let (health, parts) = world.ask(region, "GET", "/health", "").await;
            assert_eq!((health, &parts["parts"]["config"]), (503, &json!("BadConfig")));
            assert_eq!(world.ask(region, "GET", "/whoami", "").await.0, 200);
        }
        world.configure(r#"{"max_order_bytes": 100}"#).await;
        assert_eq!(world.ask(EU, "PUT", "/orders/1", "{}").await.0, 200);
    });
}
