//! Parameter Store through the front door, by raw requests.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::formation::ResourceContext;
use crate::gateway::{self, Credentials};
use crate::region::Region;
use crate::seed::Seed;
use crate::world::network::Origin;
use crate::{Cloud, Config};

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;

fn cloud() -> Arc<Cloud> {
    Cloud::start(Config {
        seed: Seed(7),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![US, EU],
        code: Default::default(),
    })
}

/// The answer of an operation, or the code of its error.
async fn call(cloud: &Arc<Cloud>, region: Region, operation: &str, body: Value) -> Result<Value, String> {
    let key = Credentials::account().access_key;
    let request = http::Request::post("https://ssm.amazonaws.com/")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={key}/20260105/{region}/ssm/aws4_request"))
        .header("x-amz-target", format!("AmazonSSM.{operation}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = gateway::handle(cloud, Origin::Operator, request).await.unwrap();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    if response.status() == 200 { Ok(body) } else { Err(body["__type"].as_str().unwrap().to_owned()) }
}

async fn put(cloud: &Arc<Cloud>, name: &str, value: &str) -> Result<Value, String> {
    call(cloud, US, "PutParameter", json!({"Name": name, "Value": value, "Type": "String"})).await
}

#[tokio::test(start_paused = true)]
async fn versions_count_up_and_stay_readable() {
    let cloud = cloud();
    put(&cloud, "/app/flag", "one").await.unwrap();
    assert_eq!(put(&cloud, "/app/flag", "two").await, Err("ParameterAlreadyExists".to_owned()));
    let again = json!({"Name": "/app/flag", "Value": "two", "Overwrite": true});
    assert_eq!(call(&cloud, US, "PutParameter", again).await.unwrap()["Version"], 2);
    let get = |name: &'static str| call(&cloud, US, "GetParameter", json!({"Name": name}));
    assert_eq!(get("/app/flag").await.unwrap()["Parameter"]["Value"], "two");
    assert_eq!(get("/app/flag:1").await.unwrap()["Parameter"]["Value"], "one");
    assert_eq!(get("arn:aws:ssm:us-east-1:123456789012:parameter/app/flag").await.unwrap()["Parameter"]["Version"], 2);
    assert_eq!(get("/app/flag:3").await, Err("ParameterVersionNotFound".to_owned()));
    let abroad = call(&cloud, EU, "GetParameter", json!({"Name": "/app/flag"})).await;
    assert_eq!(abroad, Err("ParameterNotFound".to_owned()), "parameters are Regional");
    call(&cloud, US, "DeleteParameter", json!({"Name": "/app/flag"})).await.unwrap();
    assert_eq!(get("/app/flag").await, Err("ParameterNotFound".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn paths_list_their_own_level_or_everything_below() {
    let cloud = cloud();
    for name in ["/app/a", "/app/b", "/app/deep/c", "/apples"] {
        put(&cloud, name, "x").await.unwrap();
    }
    let names = |answer: Value| -> Vec<String> {
        let list = answer["Parameters"].as_array().unwrap().clone();
        list.iter().map(|parameter| parameter["Name"].as_str().unwrap().to_owned()).collect()
    };
    let list = |body: Value| call(&cloud, US, "GetParametersByPath", body);
    assert_eq!(names(list(json!({"Path": "/app"})).await.unwrap()), ["/app/a", "/app/b"]);
    assert_eq!(names(list(json!({"Path": "/app/", "Recursive": true})).await.unwrap()).len(), 3);
    let first = list(json!({"Path": "/app", "MaxResults": 1})).await.unwrap();
    let rest = list(json!({"Path": "/app", "MaxResults": 1, "NextToken": first["NextToken"]})).await.unwrap();
    assert_eq!(names(rest), ["/app/b"]);
    let several = call(&cloud, US, "GetParameters", json!({"Names": ["/app/a", "/none"]})).await.unwrap();
    assert_eq!(several["InvalidParameters"], json!(["/none"]));
}

#[tokio::test(start_paused = true)]
async fn a_secure_value_is_opaque_until_decrypted_and_locked_with_its_key() {
    let cloud = cloud();
    let (context, kms) = (context(&cloud), crate::services::kms::resources().remove(0));
    let key = kms.create(&context, &json!({})).await.unwrap().physical_id;
    let secure = json!({"Name": "s", "Value": "hunter2", "Type": "SecureString", "KeyId": key});
    call(&cloud, US, "PutParameter", secure).await.unwrap();
    let get = |decrypt: bool| call(&cloud, US, "GetParameter", json!({"Name": "s", "WithDecryption": decrypt}));
    assert_ne!(get(false).await.unwrap()["Parameter"]["Value"], "hunter2");
    assert_eq!(get(true).await.unwrap()["Parameter"]["Value"], "hunter2");
    kms.update(&context, &key, &json!({}), &json!({"Enabled": false})).await.unwrap();
    assert_eq!(get(true).await, Err("InvalidKeyId".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_says_so() {
    let cloud = cloud();
    assert_eq!(call(&cloud, US, "SendCommand", json!({})).await, Err("NotImplemented".to_owned()));
    let policies = json!({"Name": "a", "Value": "b", "Type": "String", "Policies": "[]"});
    assert_eq!(call(&cloud, US, "PutParameter", policies).await, Err("ValidationException".to_owned()));
    assert_eq!(put(&cloud, "aws-thing", "x").await, Err("ValidationException".to_owned()));
}

fn context(cloud: &Arc<Cloud>) -> ResourceContext {
    ResourceContext {
        cloud: cloud.clone(),
        region: US,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Flag".to_owned(),
        stack_tags: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_makes_changes_and_removes_a_parameter() {
    let cloud = cloud();
    let (context, handler) = (context(&cloud), super::resources().remove(0));
    let made = handler.create(&context, &json!({"Type": "String", "Value": "one"})).await.unwrap();
    assert_eq!(made.attributes["Value"], "one");
    let new = json!({"Type": "String", "Value": "two"});
    handler.update(&context, &made.physical_id, &json!({}), &new).await.unwrap();
    let got = call(&cloud, US, "GetParameter", json!({"Name": made.physical_id})).await.unwrap();
    assert_eq!((&got["Parameter"]["Value"], &got["Parameter"]["Version"]), (&json!("two"), &json!(2)));
    let secure = handler.create(&context, &json!({"Type": "SecureString", "Value": "x"})).await;
    assert!(secure.unwrap_err().0.contains("SecureString"));
    handler.delete(&context, &made.physical_id, &new).await.unwrap();
    assert!(call(&cloud, US, "GetParameter", json!({"Name": made.physical_id})).await.is_err());
}
