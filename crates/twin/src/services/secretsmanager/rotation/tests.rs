//! Rotation through the SDK, with a function linked in that notes what it is asked.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, RotationRulesType};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::super::tests::{EU, ONE, TWO, US, code, context, seconds, value};
use crate::clock::Clock;
use crate::gateway::{Credentials, sdk_config};
use crate::region::Region;
use crate::seed::Seed;
use crate::services::lambda::{self, Code, Environment, Event, FunctionError, Instance, Invocation, Reply};
use crate::world::faults::{Effect, Fault};
use crate::world::network::Origin;
use crate::{Cloud, Config};

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:rotator";

/// Rotates a secret the plain way, and fails at a step while it is told to.
#[derive(Default)]
struct Rotator {
    client: OnceLock<Client>,
    events: Mutex<Vec<Value>>,
    fails_at: Mutex<Option<&'static str>>,
}

impl Rotator {
    async fn step(&self, event: &Value) -> Result<(), aws_sdk_secretsmanager::Error> {
        let client = self.client.get().unwrap();
        let text = |name: &str| event[name].as_str().unwrap();
        let (id, token) = (text("SecretId"), text("ClientRequestToken"));
        match text("Step") {
            "createSecret" => {
                let put = client.put_secret_value().secret_id(id).client_request_token(token);
                put.secret_string(format!("value of {token}")).version_stages("AWSPENDING").send().await?;
            }
            "finishSecret" => {
                let current = client.get_secret_value().secret_id(id).send().await?;
                let moved = client.update_secret_version_stage().secret_id(id).version_stage("AWSCURRENT");
                let from = current.version_id().unwrap();
                moved.move_to_version_id(token).remove_from_version_id(from).send().await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn steps(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| event["Step"].as_str().unwrap().to_owned()).collect()
    }
}

struct Linked(Arc<Rotator>);

impl Code for Linked {
    fn start(&self, _: Environment) -> BoxFuture<'static, Result<Box<dyn Instance>, FunctionError>> {
        let rotator = Linked(self.0.clone());
        Box::pin(async move { Ok(Box::new(rotator) as Box<dyn Instance>) })
    }
}

impl Instance for Linked {
    fn invoke<'a>(&'a self, event: Event, _: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>> {
        Box::pin(async move {
            let Event::Json(event) = event else { unreachable!("rotation sends JSON") };
            self.0.events.lock().unwrap().push(event.clone());
            let fails = *self.0.fails_at.lock().unwrap() == event["Step"].as_str();
            let failed = |message: String| FunctionError { kind: "Told".to_owned(), message };
            if fails {
                return Err(failed("to fail".to_owned()));
            }
            self.0.step(&event).await.map_err(|error| failed(error.to_string()))?;
            Ok(Reply::Json(Value::Null))
        })
    }
}

/// A cloud with the rotator deployed and allowed, and clients of both Regions.
async fn world() -> (Arc<Cloud>, Arc<Rotator>, Client, Client) {
    let rotator = Arc::new(Rotator::default());
    let linked: Arc<dyn Code> = Arc::new(Linked(rotator.clone()));
    let cloud = Cloud::start(Config {
        seed: Seed(7),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![US, EU],
        code: [("rotator".to_owned(), linked)].into(),
    });
    let client = |region: Region| Client::new(&sdk_config(&cloud, Origin::Operator, region, &Credentials::account()));
    let (us, eu) = (client(US), client(EU));
    assert!(rotator.client.set(us.clone()).is_ok());
    lambda::testing::function(&cloud, "rotator", "rotator", json!({}));
    let replica = ReplicaRegionType::builder().region("eu-west-1").build();
    let made = us.create_secret().name("s").secret_string("one").client_request_token(ONE);
    made.add_replica_regions(replica).send().await.unwrap();
    seconds(60).await;
    (cloud, rotator, us, eu)
}

async fn allow(cloud: &Arc<Cloud>) {
    let resources = lambda::resources();
    let permission = resources.iter().find(|resource| resource.spec().name == "AWS::Lambda::Permission").unwrap();
    let properties = json!({
        "Action": "lambda:InvokeFunction", "FunctionName": "rotator", "Principal": "secretsmanager.amazonaws.com",
    });
    permission.create(&context(cloud), &properties).await.unwrap();
}

fn rate(expression: &str) -> RotationRulesType {
    RotationRulesType::builder().schedule_expression(expression).build()
}

async fn described(client: &Client) -> DescribeSecretOutput {
    client.describe_secret().secret_id("s").send().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn four_steps_make_the_pending_version_the_current_one() {
    let (cloud, rotator, us, eu) = world().await;
    allow(&cloud).await;
    let rotate = || us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO);
    let answer = rotate().rotation_rules(rate("rate(30 days)")).send().await.unwrap();
    assert_eq!(answer.version_id(), Some(TWO));
    let pending = us.get_secret_value().secret_id("s").version_stage("AWSPENDING").send().await;
    assert_eq!(code(pending), "ResourceNotFoundException", "the pending version has no value yet");
    seconds(60).await;
    assert_eq!(rotator.steps(), ["createSecret", "setSecret", "testSecret", "finishSecret"]);
    let event = rotator.events.lock().unwrap()[0].clone();
    assert_eq!((event["SecretId"].as_str(), event["ClientRequestToken"].as_str()), (answer.arn(), Some(TWO)));
    assert!(event["RotationToken"].as_str().is_some_and(|token| token.len() >= 36));
    let told = described(&us).await;
    let stages = told.version_ids_to_stages().unwrap();
    assert_eq!((stages[TWO].len(), stages[ONE].as_slice()), (2, ["AWSPREVIOUS".to_owned()].as_slice()));
    assert_eq!((told.rotation_enabled(), told.rotation_lambda_arn()), (Some(true), Some(ARN)));
    assert_eq!(told.rotation_rules().unwrap().schedule_expression(), Some("rate(30 days)"));
    assert!(told.last_rotated_date().is_some());
    let month = Clock::EMBEDDED_EPOCH + Duration::from_secs(31 * 86_400 - 1);
    assert_eq!(told.next_rotation_date().unwrap().secs(), month.millis() / 1_000);
    // Values and labels reach the replica; the configuration stays at home.
    assert_eq!(value(&eu, "s").await, Some(format!("value of {TWO}")));
    let replica = described(&eu).await;
    assert_eq!(replica.version_ids_to_stages().unwrap()[ONE], ["AWSPREVIOUS"]);
    assert_eq!((replica.rotation_enabled(), replica.rotation_lambda_arn()), (Some(false), None));
    let refused = eu.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(ONE).send().await;
    assert_eq!(code(refused), "InvalidParameterException", "a replica is not rotated");
    // The same call again is no second rotation.
    rotate().send().await.unwrap();
    seconds(60).await;
    assert_eq!(rotator.steps().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_may_not_be_invoked_is_refused() {
    let (cloud, rotator, us, _) = world().await;
    let rotate = || us.rotate_secret().secret_id("s").client_request_token(TWO);
    assert_eq!(code(rotate().send().await), "InvalidRequestException", "no function is known");
    let refused = rotate().rotation_lambda_arn(ARN).send().await;
    assert!(format!("{refused:?}").contains("principal secretsmanager.amazonaws.com"));
    assert_eq!(code(refused), "AccessDeniedException");
    allow(&cloud).await;
    let nobody = ARN.replace("rotator", "nobody");
    assert_eq!(code(rotate().rotation_lambda_arn(nobody).send().await), "AccessDeniedException");
    assert_eq!(described(&us).await.rotation_enabled(), Some(false));
    assert!(rotator.steps().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_leaves_pending_and_the_whole_rotation_is_retried() {
    let (cloud, rotator, us, eu) = world().await;
    allow(&cloud).await;
    *rotator.fails_at.lock().unwrap() = Some("testSecret");
    us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO).send().await.unwrap();
    seconds(30).await;
    assert_eq!(rotator.steps(), ["createSecret", "setSecret", "testSecret"]);
    assert_eq!(value(&us, "s").await.as_deref(), Some("one"));
    assert_eq!(described(&us).await.version_ids_to_stages().unwrap()[TWO], ["AWSPENDING"]);
    let three = TWO.replace('2', "3");
    let again = us.rotate_secret().secret_id("s").client_request_token(&three).send().await;
    assert!(format!("{again:?}").contains("A previous rotation isn't complete"));
    assert_eq!(code(again), "InvalidRequestException");
    *rotator.fails_at.lock().unwrap() = None;
    seconds(60).await;
    assert_eq!(rotator.steps()[3..], ["createSecret", "setSecret", "testSecret", "finishSecret"]);
    seconds(60).await;
    assert_eq!(value(&eu, "s").await, Some(format!("value of {TWO}")));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_gave_up_is_taken_up_again_when_asked() {
    let (cloud, rotator, us, _) = world().await;
    allow(&cloud).await;
    *rotator.fails_at.lock().unwrap() = Some("setSecret");
    us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO).send().await.unwrap();
    seconds(86_400).await;
    assert_eq!(rotator.steps().len(), 10, "five attempts of two steps");
    *rotator.fails_at.lock().unwrap() = None;
    let three = TWO.replace('2', "3");
    let again = us.rotate_secret().secret_id("s").client_request_token(&three).send().await;
    assert_eq!(code(again), "InvalidRequestException");
    seconds(60).await;
    assert_eq!(value(&us, "s").await, Some(format!("value of {TWO}")));
}

#[tokio::test(start_paused = true)]
async fn a_lost_application_holds_a_rotation_up() {
    let (cloud, _, us, _) = world().await;
    allow(&cloud).await;
    let fault = cloud.faults.inject(Fault::Application { region: US, effect: Effect::Error });
    us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO).send().await.unwrap();
    seconds(240).await;
    assert_eq!(value(&us, "s").await.as_deref(), Some("one"));
    cloud.faults.heal(fault);
    seconds(300).await;
    assert_eq!(value(&us, "s").await, Some(format!("value of {TWO}")));
}

#[tokio::test(start_paused = true)]
async fn a_lost_region_rotates_nothing_until_it_is_back() {
    let (cloud, rotator, us, _) = world().await;
    allow(&cloud).await;
    us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO).send().await.unwrap();
    let fault = cloud.faults.inject(Fault::Region { region: US, effect: Effect::Hang });
    seconds(3_600).await;
    assert!(rotator.steps().is_empty());
    cloud.faults.heal(fault);
    seconds(10).await;
    assert_eq!(value(&us, "s").await, Some(format!("value of {TWO}")));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_rotates_inside_each_window() {
    let (cloud, rotator, us, _) = world().await;
    allow(&cloud).await;
    let rotate = us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO);
    rotate.rotation_rules(rate("rate(4 hours)")).rotate_immediately(false).send().await.unwrap();
    seconds(60).await;
    assert_eq!(rotator.steps(), ["testSecret"], "the configuration is tried, the secret stays");
    let told = described(&us).await;
    assert!(told.last_rotated_date().is_none() && !told.version_ids_to_stages().unwrap().contains_key(TWO));
    for round in 1..=3_usize {
        let closes = described(&us).await.next_rotation_date().unwrap().secs();
        let until = closes - cloud.clock.now().millis() / 1_000;
        seconds(u64::try_from(until).unwrap() - 3_600).await;
        assert_eq!(rotator.steps().len(), 4 * round - 3, "nothing before the window opens");
        seconds(3_660).await;
        assert_eq!(rotator.steps().len(), 4 * round + 1, "one rotation when it has closed");
    }
    let last = described(&us).await.last_rotated_date().unwrap().secs();
    us.cancel_rotate_secret().secret_id("s").send().await.unwrap();
    seconds(2 * 86_400).await;
    let told = described(&us).await;
    assert_eq!((told.rotation_enabled(), told.next_rotation_date()), (Some(false), None));
    assert_eq!(told.last_rotated_date().unwrap().secs(), last);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_rotation_stops_and_leaves_its_label() {
    let (cloud, rotator, us, _) = world().await;
    allow(&cloud).await;
    *rotator.fails_at.lock().unwrap() = Some("setSecret");
    us.rotate_secret().secret_id("s").rotation_lambda_arn(ARN).client_request_token(TWO).send().await.unwrap();
    seconds(30).await;
    let cancelled = us.cancel_rotate_secret().secret_id("s").send().await.unwrap();
    assert_eq!(cancelled.version_id(), Some(TWO));
    seconds(86_400).await;
    assert_eq!(rotator.steps().len(), 2);
    assert_eq!(described(&us).await.version_ids_to_stages().unwrap()[TWO], ["AWSPENDING"]);
    // It stands in the way until somebody takes its label off.
    *rotator.fails_at.lock().unwrap() = None;
    let three = TWO.replace('2', "3");
    let rotate = || us.rotate_secret().secret_id("s").client_request_token(&three);
    assert_eq!(code(rotate().send().await), "InvalidRequestException");
    seconds(60).await;
    assert_eq!(rotator.steps().len(), 2);
    let label = us.update_secret_version_stage().secret_id("s").version_stage("AWSPENDING");
    label.remove_from_version_id(TWO).send().await.unwrap();
    rotate().send().await.unwrap();
    seconds(60).await;
    assert_eq!(value(&us, "s").await, Some(format!("value of {three}")));
}

#[tokio::test(start_paused = true)]
async fn a_template_configures_rotation_and_turns_it_off() {
    let (cloud, rotator, us, _) = world().await;
    allow(&cloud).await;
    let (context, handler) = (context(&cloud), super::RotationScheduleHandler);
    let hosted = json!({"SecretId": "s", "HostedRotationLambda": {"RotationType": "PostgreSQLSingleUser"}});
    let handler: &dyn crate::formation::ResourceHandler = &handler;
    let refused = handler.create(&context, &hosted).await.unwrap_err();
    assert!(refused.0.contains("RotationLambdaARN"), "{refused:?}");
    let mut properties = json!({
        "SecretId": "s", "RotationLambdaARN": ARN, "RotationRules": {"ScheduleExpression": "rate(30 days)"},
    });
    let made = handler.create(&context, &properties).await.unwrap();
    seconds(60).await;
    assert_eq!(rotator.steps().len(), 4, "it rotates immediately unless told otherwise");
    let old = properties.clone();
    properties["RotateImmediatelyOnUpdate"] = json!(false);
    properties["RotationRules"] = json!({"AutomaticallyAfterDays": 7});
    handler.update(&context, &made.physical_id, &old, &properties).await.unwrap();
    seconds(60).await;
    assert_eq!(rotator.steps().len(), 5);
    assert_eq!(described(&us).await.rotation_rules().unwrap().automatically_after_days(), Some(7));
    handler.delete(&context, &made.physical_id, &properties).await.unwrap();
    assert_eq!(described(&us).await.rotation_enabled(), Some(false));
}
