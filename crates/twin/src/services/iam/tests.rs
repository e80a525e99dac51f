//! Roles from a template, and what their holders may do.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::formation::{Created, ResourceContext, ResourceError};
use crate::gateway::{Credentials, Principal};
use crate::region::Region;
use crate::seed::Seed;
use crate::wire::Request;
use crate::world::network::Origin;
use crate::{Cloud, Config, gateway, services};

const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/orders";
const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

fn start() -> (Arc<Cloud>, ResourceContext) {
    let cloud = Cloud::start(Config {
        seed: Seed(1),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code: Default::default(),
    });
    let cx = ResourceContext {
        cloud: Arc::clone(&cloud),
        region: Region::US_EAST_1,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Role".to_owned(),
        stack_tags: vec![("Project".to_owned(), "blackstart".to_owned())],
    };
    (cloud, cx)
}

async fn create(cx: &ResourceContext, kind: &str, properties: &Value) -> Result<Created, ResourceError> {
    let resources = services::iam::resources();
    let handler = resources.iter().find(|handler| handler.spec().name == kind).unwrap();
    handler.create(cx, properties).await
}

fn trust(service: &str) -> Value {
    json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": service } } })
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": action, "Resource": resource }] })
}

fn function_role() -> Value {
    json!({
        "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
        "ManagedPolicyArns": [BASIC],
        "Policies": [{ "PolicyName": "table", "PolicyDocument": statement("Allow", "dynamodb:*Item", TABLE) }],
    })
}

async fn query(cloud: &Arc<Cloud>, service: &str, by: &Credentials, body: &str) -> (u16, String) {
    let credential = format!("{}/20260105/us-east-1/{service}/aws4_request", by.access_key);
    let request: Request = http::Request::post("https://endpoint/")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"))
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    let response = gateway::handle(cloud, Origin::Operator, request).await.unwrap();
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_role_may_do_what_its_policies_say_and_no_more() {
    let (cloud, cx) = start();
    let made = create(&cx, "AWS::IAM::Role", &function_role()).await.unwrap();
    let arn = made.attributes["Arn"].as_str().unwrap();
    let role = Principal::Role(arn.to_owned());
    let may = |action: &str, resource: &str| cloud.iam.allows(&role, action, resource);
    assert!(may("dynamodb:PutItem", TABLE));
    assert!(may("logs:PutLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s"));
    assert!(!may("dynamodb:DeleteTable", TABLE));
    assert!(!may("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:123456789012:table/customers"));
    assert!(!may("route53:ChangeResourceRecordSets", "*"));
    assert!(cloud.iam.can_assume(arn, "lambda.amazonaws.com"));
    assert!(!cloud.iam.can_assume(arn, "ecs-tasks.amazonaws.com"));
}

#[tokio::test(start_paused = true)]
async fn a_later_deny_takes_back_what_was_allowed() {
    let (cloud, cx) = start();
    let made = create(&cx, "AWS::IAM::Role", &function_role()).await.unwrap();
    let role = Principal::Role(made.attributes["Arn"].as_str().unwrap().to_owned());
    assert!(cloud.iam.allows(&role, "dynamodb:PutItem", TABLE));
    let deny = json!({
        "PolicyName": "deny", "Roles": [made.physical_id], "PolicyDocument": statement("Deny", "dynamodb:Put*", "*"),
    });
    create(&cx, "AWS::IAM::Policy", &deny).await.unwrap();
    assert!(!cloud.iam.allows(&role, "dynamodb:PutItem", TABLE), "the old answer was remembered past the change");
    assert!(cloud.iam.allows(&role, "dynamodb:GetItem", TABLE));
}

#[tokio::test(start_paused = true)]
async fn a_managed_policy_reaches_the_roles_it_names() {
    let (cloud, cx) = start();
    let made = create(&cx, "AWS::IAM::Role", &function_role()).await.unwrap();
    let role = Principal::Role(made.attributes["Arn"].as_str().unwrap().to_owned());
    let policy = json!({ "PolicyDocument": statement("Allow", "s3:GetObject", "*"), "Roles": [made.physical_id] });
    let policy = create(&cx, "AWS::IAM::ManagedPolicy", &policy).await.unwrap();
    assert!(policy.physical_id.starts_with("arn:aws:iam::123456789012:policy/stack-Role-"));
    assert!(cloud.iam.allows(&role, "s3:GetObject", "arn:aws:s3:::b/k"));
    cloud.iam.detach(&made.physical_id, &policy.physical_id).unwrap();
    assert!(!cloud.iam.allows(&role, "s3:GetObject", "arn:aws:s3:::b/k"));
}

#[tokio::test(start_paused = true)]
async fn a_boundary_narrows_what_policies_allow() {
    let (cloud, cx) = start();
    let mut properties = function_role();
    properties["PermissionsBoundary"] = json!("arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess");
    let made = create(&cx, "AWS::IAM::Role", &properties).await.unwrap();
    let role = Principal::Role(made.attributes["Arn"].as_str().unwrap().to_owned());
    assert!(cloud.iam.allows(&role, "dynamodb:GetItem", TABLE));
    assert!(!cloud.iam.allows(&role, "dynamodb:PutItem", TABLE));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_managed_policy_is_named_and_leaves_no_role() {
    let (cloud, cx) = start();
    let mut properties = function_role();
    properties["RoleName"] = json!("app");
    properties["ManagedPolicyArns"] = json!(["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRol"]);
    let error = create(&cx, "AWS::IAM::Role", &properties).await.unwrap_err();
    assert!(error.0.contains("AWSLambdaBasicExecutionRol;") && error.0.contains(BASIC), "{error}");
    assert!(!cloud.iam.can_assume("arn:aws:iam::123456789012:role/app", "lambda.amazonaws.com"));
}

#[tokio::test(start_paused = true)]
async fn keys_are_good_while_their_role_exists() {
    let (cloud, cx) = start();
    let made = create(&cx, "AWS::IAM::Role", &function_role()).await.unwrap();
    let arn = made.attributes["Arn"].as_str().unwrap();
    let keys = cloud.iam.credentials_for(arn);
    assert!(keys.access_key.starts_with("ASIA") && keys.access_key.len() == 20);
    assert_eq!(cloud.iam.principal(&keys.access_key), Some(Principal::Role(arn.to_owned())));
    let (status, body) = query(&cloud, "sts", &keys, "Action=GetCallerIdentity").await;
    assert_eq!(status, 200);
    assert!(body.contains("<Account>123456789012</Account>"), "{body}");
    assert!(body.contains(&format!("assumed-role/{}/", made.physical_id)), "{body}");
    let (status, body) = query(&cloud, "iam", &keys, "Action=ListRoles").await;
    assert!(status == 403 && body.contains("iam:ListRoles"), "{body}");

    let resources = services::iam::resources();
    let handler = resources.iter().find(|handler| handler.spec().name == "AWS::IAM::Role").unwrap();
    handler.delete(&cx, &made.physical_id, &function_role()).await.unwrap();
    handler.delete(&cx, &made.physical_id, &function_role()).await.unwrap();
    assert_eq!(cloud.iam.principal(&keys.access_key), None);
    assert!(!cloud.iam.allows(&Principal::Role(arn.to_owned()), "dynamodb:PutItem", TABLE));
    let (status, body) = query(&cloud, "sts", &keys, "Action=GetCallerIdentity").await;
    assert!(status == 403 && body.contains("security token"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_by_whom_it_trusts() {
    let (cloud, cx) = start();
    let account = Credentials::account();
    let mut open = function_role();
    open["RoleName"] = json!("open");
    open["AssumeRolePolicyDocument"] = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "123456789012" } } });
    create(&cx, "AWS::IAM::Role", &open).await.unwrap();
    let mut closed = function_role();
    closed["RoleName"] = json!("closed");
    create(&cx, "AWS::IAM::Role", &closed).await.unwrap();
    let assume = |name: &str| {
        format!("Action=AssumeRole&RoleSessionName=rehearsal&RoleArn=arn:aws:iam::123456789012:role/{name}")
    };
    let (status, body) = query(&cloud, "sts", &account, &assume("open")).await;
    assert!(status == 200 && body.contains("assumed-role/open/rehearsal"), "{body}");
    assert!(body.contains("2026-01-05T01:00:0"), "{body}");
    for refused in ["closed", "none"] {
        let (status, body) = query(&cloud, "sts", &account, &assume(refused)).await;
        assert!(status == 403 && body.contains("sts:AssumeRole"), "{body}");
    }
    let (status, body) = query(&cloud, "sts", &account, "Action=GetCallerIdentity").await;
    assert!(status == 200 && body.contains("arn:aws:iam::123456789012:root"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn policies_come_back_as_they_were_put() {
    let (cloud, cx) = start();
    let account = Credentials::account();
    let mut properties = function_role();
    properties["RoleName"] = json!("app");
    create(&cx, "AWS::IAM::Role", &properties).await.unwrap();
    let (_, body) = query(&cloud, "iam", &account, "Action=GetRolePolicy&RoleName=app&PolicyName=table").await;
    assert!(body.contains("dynamodb%3A%2AItem"), "{body}");
    let (_, body) = query(&cloud, "iam", &account, "Action=ListAttachedRolePolicies&RoleName=app").await;
    assert!(body.contains(BASIC), "{body}");
    let (status, body) = query(&cloud, "iam", &account, "Action=DeleteRole&RoleName=app").await;
    assert!(status == 409 && body.contains("DeleteConflict"), "{body}");
    let (status, body) = query(&cloud, "iam", &account, "Action=GetRole&RoleName=nobody").await;
    assert!(status == 404 && body.contains("nobody"), "{body}");
}
