//! Secrets Manager through its SDK client.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, Tag};
use serde_json::json;

use crate::clock::Clock;
use crate::formation::ResourceContext;
use crate::gateway::{Credentials, sdk_config};
use crate::region::Region;
use crate::seed::Seed;
use crate::world::network::Origin;
use crate::{Cloud, Config};

pub(super) const US: Region = Region::US_EAST_1;
pub(super) const EU: Region = Region::EU_WEST_1;
/// Tokens as a caller gives them; the SDK draws its own from the machine's randomness.
pub(super) const ONE: &str = "00000000-0000-4000-8000-000000000001";
pub(super) const TWO: &str = "00000000-0000-4000-8000-000000000002";

pub(super) fn cloud() -> Arc<Cloud> {
    Cloud::start(Config {
        seed: Seed(7),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![US, EU],
        code: Default::default(),
    })
}

pub(super) fn client(cloud: &Arc<Cloud>, region: Region) -> Client {
    Client::new(&sdk_config(cloud, Origin::Operator, region, &Credentials::account()))
}

pub(super) fn code<T, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, E>) -> String {
    result.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
}

pub(super) async fn create(client: &Client, name: &str, replica: Option<&str>) -> String {
    let regions = replica.map(|region| vec![ReplicaRegionType::builder().region(region).build()]);
    let request = client.create_secret().name(name).secret_string("one").client_request_token(ONE);
    request.set_add_replica_regions(regions).send().await.unwrap().arn().unwrap().to_owned()
}

pub(super) async fn value(client: &Client, id: &str) -> Option<String> {
    client.get_secret_value().secret_id(id).send().await.ok()?.secret_string().map(str::to_owned)
}

pub(super) async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_found_by_name_and_by_both_forms_of_its_arn() {
    let cloud = cloud();
    let us = client(&cloud, US);
    let arn = create(&us, "app/db-key", None).await;
    let partial = &arn[..arn.len() - 7];
    for id in ["app/db-key", &arn, partial] {
        assert_eq!(value(&us, id).await.as_deref(), Some("one"), "{id}");
    }
    assert_eq!(code(us.get_secret_value().secret_id("app/db").send().await), "ResourceNotFoundException");
    assert_eq!(code(client(&cloud, EU).get_secret_value().secret_id(&arn).send().await), "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_new_value_moves_current_and_leaves_previous() {
    let cloud = cloud();
    let us = client(&cloud, US);
    create(&us, "s", None).await;
    let put = || us.put_secret_value().secret_id("s").client_request_token(TWO);
    put().secret_string("two").send().await.unwrap();
    assert_eq!(value(&us, "s").await.as_deref(), Some("two"));
    let previous = us.get_secret_value().secret_id("s").version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!((previous.secret_string(), previous.version_id()), (Some("one"), Some(ONE)));
    // The same call again is no new version; the same token for another value is refused.
    put().secret_string("two").send().await.unwrap();
    assert_eq!(code(put().secret_string("three").send().await), "ResourceExistsException");
    // A pending version is not what readers get until its label moves.
    let three = "00000000-0000-4000-8000-000000000003";
    let pending = us.put_secret_value().secret_id("s").client_request_token(three).secret_string("three");
    pending.version_stages("AWSPENDING").send().await.unwrap();
    assert_eq!(value(&us, "s").await.as_deref(), Some("two"));
    let moved = || us.update_secret_version_stage().secret_id("s").version_stage("AWSCURRENT");
    assert_eq!(code(moved().move_to_version_id(three).send().await), "InvalidParameterException");
    moved().move_to_version_id(three).remove_from_version_id(TWO).send().await.unwrap();
    assert_eq!(value(&us, "s").await.as_deref(), Some("three"));
    let described = us.describe_secret().secret_id("s").send().await.unwrap();
    let stages = described.version_ids_to_stages().unwrap();
    assert_eq!(stages[TWO], ["AWSPREVIOUS"]);
    assert!(!stages.contains_key(ONE), "a version without labels is deprecated");
    let all = us.list_secret_version_ids().secret_id("s").include_deprecated(true).send().await.unwrap();
    assert_eq!(all.versions().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_key_locks_the_secret() {
    let cloud = cloud();
    let us = client(&cloud, US);
    // A managed key stands in for a customer's: what counts is the state of the key.
    let missing = us.create_secret().name("a").kms_key_id("alias/none").secret_string("x").send().await;
    assert_eq!(code(missing), "EncryptionFailure");
    let key = crate::services::kms::resources().remove(0);
    let context = context(&cloud);
    let made = key.create(&context, &json!({"KeyPolicy": {}})).await.unwrap();
    us.create_secret().name("s").kms_key_id(&made.physical_id).secret_string("x").send().await.unwrap();
    assert_eq!(value(&us, "s").await.as_deref(), Some("x"));
    key.update(&context, &made.physical_id, &json!({}), &json!({"Enabled": false})).await.unwrap();
    let refused = us.get_secret_value().secret_id("s").send().await;
    assert!(format!("{refused:?}").contains("DisabledException"), "the message says why");
    assert_eq!(code(refused), "DecryptionFailure");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_secret_can_be_restored_until_its_window_ends() {
    let cloud = cloud();
    let us = client(&cloud, US);
    create(&us, "s", None).await;
    assert_eq!(
        code(us.delete_secret().secret_id("s").recovery_window_in_days(6).send().await),
        "InvalidParameterException"
    );
    us.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    assert_eq!(code(us.get_secret_value().secret_id("s").send().await), "InvalidRequestException");
    assert_eq!(code(us.create_secret().name("s").send().await), "InvalidRequestException");
    us.restore_secret().secret_id("s").send().await.unwrap();
    assert_eq!(value(&us, "s").await.as_deref(), Some("one"));
    us.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    seconds(8 * 86_400).await;
    assert_eq!(code(us.restore_secret().secret_id("s").send().await), "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn lists_page_and_filter_by_name() {
    let cloud = cloud();
    let us = client(&cloud, US);
    for name in ["a/1", "a/2", "a/3", "b/1"] {
        create(&us, name, None).await;
    }
    us.tag_resource().secret_id("a/1").tags(Tag::builder().key("k").value("v").build()).send().await.unwrap();
    let filter = aws_sdk_secretsmanager::types::Filter::builder().key("name".into()).values("a/").build();
    let first = us.list_secrets().filters(filter.clone()).max_results(2).send().await.unwrap();
    assert_eq!(first.secret_list().len(), 2);
    assert_eq!(first.secret_list()[0].tags()[0].value(), Some("v"));
    let next = us.list_secrets().filters(filter).max_results(2).next_token(first.next_token().unwrap());
    let second = next.send().await.unwrap();
    assert_eq!((second.secret_list().len(), second.next_token()), (1, None));
}

#[tokio::test(start_paused = true)]
async fn passwords_hold_what_is_asked_for_and_repeat_with_the_seed() {
    let draw = || async {
        let cloud = cloud();
        let us = client(&cloud, US);
        let request = us.get_random_password().password_length(12).exclude_punctuation(true).exclude_characters("0O1l");
        request.send().await.unwrap().random_password().unwrap().to_owned()
    };
    let password = draw().await;
    assert_eq!(password.len(), 12);
    assert!(password.chars().all(|c| c.is_ascii_alphanumeric() && !"0O1l".contains(c)));
    assert!(password.contains(|c: char| c.is_ascii_digit()) && password.contains(|c: char| c.is_ascii_uppercase()));
    assert_eq!(password, draw().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_says_so() {
    let cloud = cloud();
    let us = client(&cloud, US);
    create(&us, "s", None).await;
    assert_eq!(code(us.get_resource_policy().secret_id("s").send().await), "NotImplemented");
}

pub(super) fn context(cloud: &Arc<Cloud>) -> ResourceContext {
    ResourceContext {
        cloud: cloud.clone(),
        region: US,
        stack_name: "stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Secret".to_owned(),
        stack_tags: vec![("Project".to_owned(), "blackstart".to_owned())],
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_makes_changes_and_removes_a_replicated_secret() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    let (context, handler) = (context(&cloud), super::resources().remove(0));
    let template = json!({"SecretStringTemplate": "{\"user\":\"app\"}", "GenerateStringKey": "password"});
    let old = json!({"Name": "s", "GenerateSecretString": template, "ReplicaRegions": [{"Region": "eu-west-1"}]});
    let made = handler.create(&context, &old).await.unwrap();
    assert_eq!(made.attributes["Id"], json!(made.physical_id));
    seconds(60).await;
    let text = value(&eu, "s").await.unwrap();
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((object["user"].as_str(), object["password"].as_str().map(str::len)), (Some("app"), Some(32)));
    let new = json!({"Name": "s", "GenerateSecretString": template, "Description": "d"});
    handler.update(&context, &made.physical_id, &old, &new).await.unwrap();
    seconds(60).await;
    assert_eq!(value(&us, "s").await, Some(text), "the value stays");
    assert_eq!(value(&eu, "s").await, None, "the replica goes");
    let described = us.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!((described.description(), described.tags()[0].key()), (Some("d"), Some("Project")));
    handler.delete(&context, &made.physical_id, &new).await.unwrap();
    handler.delete(&context, &made.physical_id, &new).await.unwrap();
    assert_eq!(value(&us, "s").await, None);
}
