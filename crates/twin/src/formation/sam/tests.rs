use serde_json::{Value, json};

use super::*;
use crate::formation::parameters;
use crate::formation::template::{read_parameters, yaml};
use crate::region::Region;

const STACK: &str = r#"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: provided.al2023
    Environment: {Variables: {SHARED: a, BOTH: a}}
    Tags: {Project: p}
Parameters:
  CodeKey: {Type: String, Default: orders.zip}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {Bucket: code, Key: !Ref CodeKey}
      Handler: bootstrap
      MemorySize: 512
      AutoPublishAlias: live
      Environment: {Variables: {BOTH: b}}
      Policies:
        - AWSLambdaExecute
        - DynamoDBCrudPolicy: {TableName: !Ref Table}
        - Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]
      Events:
        Get: {Type: Api, Properties: {Path: "/orders/{id}", Method: get, RestApiId: !Ref Api}}
        Alarm: {Type: SNS, Properties: {Topic: !Ref Topic, Region: us-east-1}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      EndpointConfiguration: REGIONAL
      DefinitionBody: {openapi: 3.0.1, paths: {}}
      Domain:
        DomainName: api.example.com
        CertificateArn: arn:cert
        BasePath: [/, /v1]
        Route53: {HostedZoneId: Z1, SetIdentifier: a, Region: us-east-1}
  Table:
    Type: AWS::Serverless::SimpleTable
Outputs:
  Stage: {Value: !Ref Api.Stage}
  Url: {Value: !Sub "https://${Api}.execute-api/${Api.Stage}"}
  Alias: {Value: !Ref Orders.Alias}
"#;

fn run(body: &str) -> Result<Value, Vec<Problem>> {
    let root = yaml::parse(body, yaml::ShortForms::Allowed).unwrap();
    let parameters = parameters::resolve(&read_parameters(&root).unwrap(), &[], None, &|_| None).unwrap();
    let stack = StackNames {
        region: Region::US_EAST_1,
        account: "123456789012".to_owned(),
        name: "s".to_owned(),
        id: "arn:s".to_owned(),
        notification_arns: Vec::new(),
    };
    expand(root, &Registry::new(Vec::new()), &parameters, &stack).map(|root| root.to_json())
}

fn id<'t>(template: &'t Value, kind: &str) -> Vec<&'t str> {
    let resources = template["Resources"].as_object().unwrap();
    resources.iter().filter(|(_, resource)| resource["Type"] == kind).map(|(id, _)| id.as_str()).collect()
}

#[test]
fn a_function_becomes_what_sam_makes_of_it() {
    let template = run(STACK).unwrap();
    let resources = &template["Resources"];
    let function = &resources["Orders"]["Properties"];
    assert_eq!(function["Code"], json!({"S3Bucket": "code", "S3Key": {"Ref": "CodeKey"}}));
    assert_eq!(function["Environment"], json!({"Variables": {"SHARED": "a", "BOTH": "b"}}));
    assert_eq!(function["Role"], json!({"Fn::GetAtt": ["OrdersRole", "Arn"]}));
    assert_eq!(function["Tags"][1], json!({"Key": "Project", "Value": "p"}));
    assert_eq!(function["MemorySize"], 512);
    let role = &resources["OrdersRole"]["Properties"];
    let managed = role["ManagedPolicyArns"].as_array().unwrap();
    assert_eq!(managed[0], BASIC);
    assert_eq!(managed[1], "arn:aws:iam::aws:policy/AWSLambdaExecute");
    assert_eq!(role["Policies"][0]["PolicyName"], "OrdersRolePolicy1");
    let resource = &role["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"][0]["Fn::Sub"];
    assert_eq!(resource[1], json!({"TableName": {"Ref": "Table"}}));
    assert_eq!(role["Policies"][1]["PolicyDocument"]["Version"], "2012-10-17");
    let [version] = id(&template, "AWS::Lambda::Version")[..] else { panic!("one version") };
    assert!(version.starts_with("OrdersVersion") && version.len() == "OrdersVersion".len() + 10);
    assert_eq!(resources[version]["DeletionPolicy"], "Retain");
    let alias = &resources["OrdersAliaslive"]["Properties"];
    assert_eq!(alias["FunctionVersion"], json!({"Fn::GetAtt": [version, "Version"]}));
    let permission = &resources["OrdersGetPermissionprod"]["Properties"];
    assert_eq!(permission["FunctionName"], json!({"Ref": "OrdersAliaslive"}));
    let arn = permission["SourceArn"]["Fn::Sub"][0].as_str().unwrap();
    assert!(arn.ends_with(":${__ApiId__}/${__Stage__}/GET/orders/*"), "{arn}");
    assert_eq!(resources["OrdersAlarm"]["Properties"]["Region"], "us-east-1");
    assert_eq!(resources["OrdersAlarmPermission"]["Properties"]["Principal"], "sns.amazonaws.com");
}

const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

#[test]
fn an_api_becomes_deployment_stage_domain_and_records() {
    let template = run(STACK).unwrap();
    let resources = &template["Resources"];
    assert_eq!(resources["Api"]["Properties"]["EndpointConfiguration"], json!({"Types": ["REGIONAL"]}));
    let [deployment] = id(&template, "AWS::ApiGateway::Deployment")[..] else { panic!("one deployment") };
    assert_eq!(resources["ApiprodStage"]["Properties"]["DeploymentId"], json!({"Ref": deployment}));
    let [domain] = id(&template, "AWS::ApiGateway::DomainName")[..] else { panic!("one domain") };
    assert_eq!(resources[domain]["Properties"]["RegionalCertificateArn"], "arn:cert");
    assert_eq!(resources["Apiv1BasePathMapping"]["Properties"]["BasePath"], "v1");
    assert_eq!(resources["ApiBasePathMapping"]["Properties"]["Stage"], json!({"Ref": "ApiprodStage"}));
    let [group] = id(&template, "AWS::Route53::RecordSetGroup")[..] else { panic!("one group") };
    let record = &resources[group]["Properties"]["RecordSets"][0];
    assert_eq!(record["AliasTarget"]["DNSName"], json!({"Fn::GetAtt": [domain, "RegionalDomainName"]}));
    assert_eq!(resources["Table"]["Properties"]["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(template["Outputs"]["Stage"]["Value"], json!({"Ref": "ApiprodStage"}));
    assert_eq!(template["Outputs"]["Url"]["Value"]["Fn::Sub"], "https://${Api}.execute-api/${ApiprodStage}");
    assert_eq!(template["Outputs"]["Alias"]["Value"], json!({"Ref": "OrdersAliaslive"}));
}

#[test]
fn new_code_makes_a_new_version_and_a_new_body_a_new_deployment() {
    let before = run(STACK).unwrap();
    let code = run(&STACK.replace("Default: orders.zip", "Default: orders-2.zip")).unwrap();
    let body = run(&STACK.replace("paths: {}", "paths: {/x: {}}")).unwrap();
    let (version, deployment) = ("AWS::Lambda::Version", "AWS::ApiGateway::Deployment");
    assert_ne!(id(&before, version), id(&code, version));
    assert_eq!(id(&before, deployment), id(&code, deployment));
    assert_ne!(id(&before, deployment), id(&body, deployment));
    assert_eq!(id(&before, version), id(&body, version));
}

#[test]
fn events_without_an_api_make_one() {
    let body = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Condition: On
    Properties:
      CodeUri: s3://code/f.zip
      Handler: h
      Runtime: r
      Events: {Any: {Type: Api, Properties: {Path: /x, Method: ANY}}}
Conditions: {On: !Equals [a, a]}
"#;
    let template = run(body).unwrap();
    let paths = &template["Resources"]["ServerlessRestApi"]["Properties"]["Body"]["paths"];
    let uri = &paths["/x"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"];
    assert!(uri.as_str().unwrap().ends_with("functions/${F.Arn}/invocations"));
    assert!(template["Resources"]["FAnyPermissionProd"].is_object());
    assert_eq!(template["Resources"]["FRole"]["Condition"], "On");
    assert!(template["Resources"]["ServerlessRestApiProdStage"].is_object());
}

#[test]
fn cors_adds_an_options_method_to_every_path() {
    let body = r#"
Transform: AWS::Serverless-2016-10-31
Globals: {Api: {Cors: {AllowOrigin: "'https://a.example'", AllowHeaders: "'x'", AllowCredentials: true}}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: s3://code/f.zip
      Handler: h
      Runtime: r
      Events:
        Get: {Type: Api, Properties: {Path: /x, Method: get}}
        Put: {Type: Api, Properties: {Path: /x, Method: PUT}}
        Any: {Type: Api, Properties: {Path: /y, Method: any}}
        Own: {Type: Api, Properties: {Path: /z, Method: options}}
"#;
    let template = run(body).unwrap();
    let paths = &template["Resources"]["ServerlessRestApi"]["Properties"]["Body"]["paths"];
    let integration = &paths["/x"]["options"]["x-amazon-apigateway-integration"];
    assert_eq!(integration["type"], "mock");
    let expected = serde_json::json!({
        "method.response.header.Access-Control-Allow-Credentials": "'true'",
        "method.response.header.Access-Control-Allow-Headers": "'x'",
        "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS,PUT'",
        "method.response.header.Access-Control-Allow-Origin": "'https://a.example'",
    });
    assert_eq!(integration["responses"]["default"]["responseParameters"], expected);
    let any = &paths["/y"]["options"]["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"];
    let methods = any["method.response.header.Access-Control-Allow-Methods"].as_str().unwrap();
    assert!(methods.contains("DELETE") && methods.contains("PATCH"), "{methods}");
    assert_eq!(paths["/z"]["options"]["x-amazon-apigateway-integration"]["type"], "aws_proxy");
}

#[test]
fn what_sam_does_not_know_is_refused_with_its_place() {
    let refusal = |from: &str, to: &str| {
        assert!(STACK.contains(from), "{from}");
        let problems = run(&STACK.replace(from, to)).unwrap_err();
        problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    };
    let cases = [
        (
            "MemorySize: 512",
            "MemroySize: 512",
            r#"template line 16:7: Resources/Orders/Properties/MemroySize: unknown property of AWS::Serverless::Function, did you mean "MemorySize"?"#,
        ),
        ("MemorySize: 512", "MemorySize: much", "expected an integer"),
        (
            "Runtime: provided",
            "Rutime: provided",
            r#"Globals/Function/Rutime: unknown property of AWS::Serverless::Function, did you mean "Runtime"?"#,
        ),
        ("DynamoDBCrudPolicy", "DynamoDbCrudPolicyy", r#"did you mean "DynamoDBCrudPolicy"?"#),
        ("TableName: !Ref Table", "Table: !Ref Table", "missing parameter TableName of DynamoDBCrudPolicy"),
        ("Type: SNS", "Type: Schedule", "models events of type Api and SNS, not Schedule"),
        (
            "AWS::Serverless::SimpleTable",
            "AWS::Serverless::SimpelTable",
            r#"did you mean "AWS::Serverless::SimpleTable"?"#,
        ),
        ("{Bucket: code, Key: !Ref CodeKey}", "./functions/orders", "package the template first"),
        ("StageName: prod", "Auth: {}\n      StageName: prod", "the twin's SAM does not model Auth"),
        (
            "StageName: prod",
            "Cors: {AllowOrigins: x}\n      StageName: prod",
            r#"Cors/AllowOrigins: unknown property of Cors, did you mean "AllowOrigin"?"#,
        ),
        ("MemorySize: 512", "DurableConfig: {}", "the twin's SAM does not model DurableConfig"),
        ("StageName: prod\n", "Name: x\n", "missing required property StageName of AWS::Serverless::Api"),
    ];
    for (from, to, expected) in cases {
        let refusal = refusal(from, to);
        assert!(refusal.contains(expected), "{refusal}\n≠ {expected}");
    }
}
