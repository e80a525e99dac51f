//! A whole serverless stack on the real resource types, from packages and documents in a bucket.

use super::*;
use aws_sdk_s3::primitives::ByteStream;

const STACK: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Bucket: {Type: String}
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
      CodeUri: {Bucket: !Ref Bucket, Key: code/orders.zip}
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
          Fn::Sub: arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Orders.Arn}/invocations
"#;

/// A cloud with the real resource types.
fn real() -> (World, aws_sdk_s3::Client) {
    let world = World::start(None);
    let config = gateway::sdk_config(&world.cloud, Origin::Operator, Region::US_EAST_1, &Credentials::account());
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    (world, s3)
}

#[tokio::test(start_paused = true)]
async fn a_sam_stack_comes_up_from_a_bucket_and_goes_away() {
    let (world, s3) = real();
    s3.create_bucket().bucket("deploy").send().await.unwrap();
    for (key, body) in [("openapi.yaml", OPENAPI), ("template.yaml", STACK), ("code/orders.zip", "not a zip")] {
        s3.put_object()
            .bucket("deploy")
            .key(key)
            .body(ByteStream::from(body.as_bytes().to_vec()))
            .send()
            .await
            .unwrap();
    }
    let bucket = Parameter::builder().parameter_key("Bucket").parameter_value("deploy").build();
    let made = world.client.create_change_set().stack_name("region").change_set_name("change").parameters(bucket);
    let made = made.template_url("https://deploy.s3.us-east-1.amazonaws.com/template.yaml");
    let made = made.change_set_type(ChangeSetType::Create).capabilities(Capability::CapabilityIam).send().await;
    made.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
}
