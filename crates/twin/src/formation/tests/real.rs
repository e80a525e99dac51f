//! A whole serverless stack on the real resource types, from packages and documents in a bucket.

use std::io::Write;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::*;
use crate::services::lambda::{Code, Environment, Event, FunctionError, Instance, Invocation, Reply};

const STACK: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String}
  CodeKey: {Type: String}
  OtherRegion: {Type: String, Default: eu-west-1}
Globals:
  Function:
    Runtime: provided.al2023
    Architectures: [arm64]
    Tags: {Project: blackstart}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {Bucket: !Ref Bucket, Key: !Ref CodeKey}
      Handler: bootstrap
      AutoPublishAlias: live
      Environment: {Variables: {TABLE: !Ref Table}}
      Policies:
        - DynamoDBCrudPolicy: {TableName: !Ref Table}
      Events:
        Get: {Type: Api, Properties: {Path: "/orders/{id}", Method: get, RestApiId: !Ref Api}}
        Alarm: {Type: SNS, Properties: {Topic: !Ref Topic}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      OpenApiVersion: 3.0.1
      EndpointConfiguration: {Type: REGIONAL}
      DefinitionBody:
        Fn::Transform: {Name: AWS::Include, Parameters: {Location: !Sub "s3://${Bucket}/openapi.yaml"}}
      Tags: {Project: blackstart}
  Topic:
    Type: AWS::SNS::Topic
  Table:
    Type: AWS::Serverless::SimpleTable
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy: {Version: 2012-10-17, Statement: []}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/ApiGateway
      MetricName: 5XXError
      Dimensions: [{Name: ApiName, Value: !Ref AWS::StackName}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 2
      Threshold: 5
      ComparisonOperator: GreaterThanThreshold
      AlarmActions: [!Ref Topic]
Outputs:
  ApiUrl: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/${Api.Stage}"}
  FunctionArn: {Value: !GetAtt Orders.Arn}
"#;

const OPENAPI: &str = r#"
openapi: 3.0.1
info: {title: orders, version: "1.0"}
paths:
  /orders/{id}:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        uri:
          Fn::Sub: arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${OrdersAliaslive}/invocations
"#;

/// The orders function as far as this test needs it.
struct Orders;

impl Code for Orders {
    fn start(&self, environment: Environment) -> BoxFuture<'static, Result<Box<dyn Instance>, FunctionError>> {
        Box::pin(async move { Ok(Box::new(Started(environment)) as Box<dyn Instance>) })
    }
}

struct Started(Environment);

impl Instance for Started {
    fn invoke<'a>(&'a self, event: Event, _: Invocation) -> BoxFuture<'a, Result<Reply, FunctionError>> {
        Box::pin(async move {
            let Event::Http(request) = event else { panic!("an HTTP event") };
            let body = format!("{} {} {}", self.0.version, self.0.variables["TABLE"], request.uri().path());
            Ok(Reply::Http(http::Response::new(Bytes::from(body))))
        })
    }
}

/// A package as the twin reads it: the manifest names the crate.
fn package(build: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("Cargo.toml", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(format!("[package]\nname = \"orders\"\n# {build}\n").as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A cloud with the real resource types, and a bucket that holds the stack.
async fn real() -> (World, aws_sdk_s3::Client) {
    let world = World::start(None, [("orders".to_owned(), Arc::new(Orders) as Arc<dyn Code>)].into());
    let config = gateway::sdk_config(&world.cloud, Origin::Operator, Region::US_EAST_1, &Credentials::account());
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    s3.create_bucket().bucket("deploy").send().await.unwrap();
    put(&s3, "openapi.yaml", OPENAPI.as_bytes().to_vec()).await;
    put(&s3, "template.yaml", STACK.as_bytes().to_vec()).await;
    put(&s3, "code/orders.zip", package("one")).await;
    put(&s3, "code/orders-2.zip", package("two")).await;
    (world, s3)
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, body: Vec<u8>) {
    s3.put_object().bucket("deploy").key(key).body(ByteStream::from(body)).send().await.unwrap();
}

/// Deploys the template of the bucket, as the harness does.
async fn deploy(world: &World, kind: ChangeSetType, name: &str, code: &str) -> Stack {
    let parameter = |key: &str, value: &str| Parameter::builder().parameter_key(key).parameter_value(value).build();
    let made = world.client.create_change_set().stack_name("region").change_set_name(name).change_set_type(kind);
    let made = made.parameters(parameter("Bucket", "deploy")).parameters(parameter("CodeKey", code));
    let made = made.template_url("https://deploy.s3.us-east-1.amazonaws.com/template.yaml");
    let made = made.capabilities(Capability::CapabilityIam).send().await;
    made.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let executed = world.client.execute_change_set().stack_name("region").change_set_name(name).send().await;
    executed.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
    let stack = world.rest("region").await;
    if !status(&stack).ends_with("_COMPLETE") || status(&stack).contains("ROLLBACK") {
        let events = world.client.describe_stack_events().stack_name("region").send().await.unwrap();
        let reasons: Vec<_> = events.stack_events().iter().filter_map(|event| event.resource_status_reason()).collect();
        panic!("{} {reasons:#?}", status(&stack));
    }
    stack
}

async fn get(world: &World, stack: &Stack) -> (u16, String) {
    let url = format!("{}/orders/7", output(stack, "ApiUrl"));
    let request = http::Request::get(url).body(Bytes::new()).unwrap();
    let place = Origin::Place(crate::region::Place::parse("europe").unwrap());
    let answer = crate::world::network::http(&world.cloud, place, request).await.unwrap();
    (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
}

#[tokio::test(start_paused = true)]
async fn a_sam_stack_comes_up_from_a_bucket_serves_changes_and_goes_away() {
    let (world, _) = real().await;
    let stack = deploy(&world, ChangeSetType::Create, "one", "code/orders.zip").await;
    let table = |answer: &(u16, String)| answer.1.split(' ').nth(1).unwrap().to_owned();
    let first = get(&world, &stack).await;
    assert_eq!(first.0, 200, "{first:?}");
    assert!(first.1.starts_with("1 region-Table-") && first.1.ends_with(" /orders/7"), "{first:?}");

    // New code is a new version behind the same alias; the table stays the one it was.
    let stack = deploy(&world, ChangeSetType::Update, "two", "code/orders-2.zip").await;
    let second = get(&world, &stack).await;
    assert!(second.1.starts_with("2 "), "{second:?}");
    assert_eq!(table(&first), table(&second));

    world.client.delete_stack().stack_name("region").send().await.unwrap();
    let gone = world.rest(stack.stack_id().unwrap()).await;
    assert_eq!(status(&gone), "DELETE_COMPLETE", "{:?}", gone.stack_status_reason());
}
