//! KMS through the front door, by raw requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

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
        clock: crate::clock::Clock::starting_at(crate::clock::Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![US, EU],
        code: Default::default(),
    })
}

/// The answer of an operation, or the code of its error.
async fn call(cloud: &Arc<Cloud>, region: Region, operation: &str, body: Value) -> Result<Value, String> {
    let key = Credentials::account().access_key;
    let request = http::Request::post("https://kms.amazonaws.com/")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={key}/20260105/{region}/kms/aws4_request"))
        .header("x-amz-target", format!("TrentService.{operation}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = gateway::handle(cloud, Origin::Operator, request).await.unwrap();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    if response.status() == 200 { Ok(body) } else { Err(body["__type"].as_str().unwrap().to_owned()) }
}

async fn create(cloud: &Arc<Cloud>, region: Region, body: Value) -> String {
    let answer = call(cloud, region, "CreateKey", body).await.unwrap();
    answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_ciphertext_belongs_to_its_key_and_region() {
    let cloud = cloud();
    let key = create(&cloud, US, json!({"Description": "one"})).await;
    let other = create(&cloud, US, json!({})).await;
    let sealed = call(&cloud, US, "Encrypt", json!({"KeyId": key, "Plaintext": "c2VjcmV0"})).await.unwrap();
    let blob = sealed["CiphertextBlob"].clone();
    let opened = call(&cloud, US, "Decrypt", json!({"CiphertextBlob": blob})).await.unwrap();
    assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&json!("c2VjcmV0"), &json!(key)));
    let wrong_key = call(&cloud, US, "Decrypt", json!({"CiphertextBlob": blob, "KeyId": other})).await;
    assert_eq!(wrong_key, Err("IncorrectKeyException".to_owned()));
    let wrong_region = call(&cloud, EU, "Decrypt", json!({"CiphertextBlob": blob})).await;
    assert_eq!(wrong_region, Err("InvalidCiphertextException".to_owned()));
    let context = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}});
    assert_eq!(call(&cloud, US, "Decrypt", context).await, Err("InvalidCiphertextException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_disabled_key_refuses_and_an_enabled_one_serves_again() {
    let cloud = cloud();
    let key = create(&cloud, US, json!({})).await;
    call(&cloud, US, "DisableKey", json!({"KeyId": key})).await.unwrap();
    let body = json!({"KeyId": key, "KeySpec": "AES_256"});
    assert_eq!(call(&cloud, US, "GenerateDataKey", body.clone()).await, Err("DisabledException".to_owned()));
    call(&cloud, US, "EnableKey", json!({"KeyId": key})).await.unwrap();
    let data = call(&cloud, US, "GenerateDataKey", body).await.unwrap();
    let opened = call(&cloud, US, "Decrypt", json!({"CiphertextBlob": data["CiphertextBlob"]})).await.unwrap();
    assert_eq!(opened["Plaintext"], data["Plaintext"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_gone_after_its_window_and_not_before() {
    let cloud = cloud();
    let key = create(&cloud, US, json!({})).await;
    let window = |days: i64| json!({"KeyId": key, "PendingWindowInDays": days});
    assert_eq!(call(&cloud, US, "ScheduleKeyDeletion", window(6)).await, Err("ValidationException".to_owned()));
    call(&cloud, US, "ScheduleKeyDeletion", window(7)).await.unwrap();
    let encrypt = json!({"KeyId": key, "Plaintext": "YQ=="});
    assert_eq!(call(&cloud, US, "Encrypt", encrypt.clone()).await, Err("KMSInvalidStateException".to_owned()));
    tokio::time::sleep(Duration::from_secs(6 * 86_400)).await;
    let described = call(&cloud, US, "DescribeKey", json!({"KeyId": key})).await.unwrap();
    assert_eq!(described["KeyMetadata"]["KeyState"], "PendingDeletion");
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(call(&cloud, US, "Encrypt", encrypt).await, Err("NotFoundException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_key_saved_from_deletion_is_disabled() {
    let cloud = cloud();
    let key = create(&cloud, US, json!({})).await;
    let named = json!({"KeyId": key});
    assert_eq!(call(&cloud, US, "CancelKeyDeletion", named.clone()).await, Err("KMSInvalidStateException".to_owned()));
    call(&cloud, US, "ScheduleKeyDeletion", named.clone()).await.unwrap();
    call(&cloud, US, "CancelKeyDeletion", named.clone()).await.unwrap();
    let described = call(&cloud, US, "DescribeKey", named).await.unwrap();
    assert_eq!(described["KeyMetadata"]["KeyState"], "Disabled");
}

#[tokio::test(start_paused = true)]
async fn a_replica_of_a_multi_region_key_opens_what_the_primary_sealed() {
    let cloud = cloud();
    let single = create(&cloud, US, json!({})).await;
    let refused = call(&cloud, US, "ReplicateKey", json!({"KeyId": single, "ReplicaRegion": "eu-west-1"})).await;
    assert_eq!(refused, Err("UnsupportedOperationException".to_owned()));
    let key = create(&cloud, US, json!({"MultiRegion": true})).await;
    let sealed = call(&cloud, US, "Encrypt", json!({"KeyId": key, "Plaintext": "YQ=="})).await.unwrap();
    let replica = call(&cloud, US, "ReplicateKey", json!({"KeyId": key, "ReplicaRegion": "eu-west-1"})).await.unwrap();
    assert!(replica["ReplicaKeyMetadata"]["Arn"].as_str().unwrap().starts_with("arn:aws:kms:eu-west-1:"));
    let opened = call(&cloud, EU, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.unwrap();
    assert_eq!(opened["Plaintext"], "YQ==");
    let regional = |region: &str| json!({"KeyId": key, "PrimaryRegion": region});
    assert_eq!(
        call(&cloud, US, "UpdatePrimaryRegion", regional("us-west-2")).await,
        Err("NotFoundException".to_owned())
    );
    call(&cloud, US, "UpdatePrimaryRegion", regional("eu-west-1")).await.unwrap();
    let described = call(&cloud, US, "DescribeKey", json!({"KeyId": key})).await.unwrap();
    assert_eq!(described["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"], "REPLICA");
    // Each replica has a state of its own.
    call(&cloud, US, "DisableKey", json!({"KeyId": key})).await.unwrap();
    call(&cloud, EU, "Decrypt", json!({"CiphertextBlob": sealed["CiphertextBlob"]})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn aliases_name_keys_of_their_region() {
    let cloud = cloud();
    let key = create(&cloud, US, json!({})).await;
    let alias = json!({"AliasName": "alias/app", "TargetKeyId": key});
    call(&cloud, US, "CreateAlias", alias.clone()).await.unwrap();
    assert_eq!(call(&cloud, US, "CreateAlias", alias.clone()).await, Err("AlreadyExistsException".to_owned()));
    assert_eq!(call(&cloud, EU, "CreateAlias", alias).await, Err("NotFoundException".to_owned()));
    let described = call(&cloud, US, "DescribeKey", json!({"KeyId": "alias/app"})).await.unwrap();
    assert_eq!(described["KeyMetadata"]["Arn"], json!(key));
    let listed = call(&cloud, US, "ListAliases", json!({"KeyId": key})).await.unwrap();
    assert_eq!(listed["Aliases"].as_array().unwrap().len(), 1);
    call(&cloud, US, "DeleteAlias", json!({"AliasName": "alias/app"})).await.unwrap();
    assert_eq!(
        call(&cloud, US, "DescribeKey", json!({"KeyId": "alias/app"})).await,
        Err("NotFoundException".to_owned())
    );
    // What AWS manages is there without being made.
    call(&cloud, US, "DescribeKey", json!({"KeyId": "alias/aws/secretsmanager"})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_says_so() {
    let cloud = cloud();
    assert_eq!(call(&cloud, US, "Sign", json!({})).await, Err("NotImplemented".to_owned()));
    assert_eq!(
        call(&cloud, US, "CreateKey", json!({"KeySpec": "RSA_2048"})).await,
        Err("UnsupportedOperationException".to_owned())
    );
    assert_eq!(call(&cloud, US, "CreateKey", json!({"XksKeyId": "x"})).await, Err("ValidationException".to_owned()));
}
