//! What the role of a replication configuration must be allowed, and what fails without it.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    Destination, EncryptionConfiguration, ReplicationStatus, ServerSideEncryption, SourceSelectionCriteria,
    SseKmsEncryptedObjects, SseKmsEncryptedObjectsStatus,
};
use serde_json::json;

use super::replication::{colour, configure, failure, rule, rule_to, status, tag};
use super::{DOCUMENTED, EU, US, bucket, client, cloud, code, context, get, put, role, role_trusting, seconds};
use crate::Cloud;
use crate::formation::ResourceContext;
use crate::gateway::sdk_config;
use crate::services::s3::replication::Failure;
use crate::world::network::Origin;

const HOURS: u64 = 4 * 3_600;

/// Two buckets, and a rule from one to the other under a role with the documented actions but for these.
async fn one_way(cloud: &Arc<Cloud>, without: &[&str]) -> (Client, Client) {
    let (us, eu) = (client(cloud, US), client(cloud, EU));
    bucket(&us, "from", US, true).await;
    bucket(&eu, "onto", EU, true).await;
    let actions: Vec<&str> = DOCUMENTED.iter().copied().filter(|action| !without.contains(action)).collect();
    let role = role(cloud, "r", &actions).await;
    configure(&us, "from", &role, vec![rule_to("onto").build().unwrap()]).await;
    (us, eu)
}

#[tokio::test(start_paused = true)]
async fn an_object_fails_without_what_it_takes() {
    for (action, expected) in [
        ("s3:GetReplicationConfiguration", Some(Failure::SrcBucketReplicationConfigMissing)),
        ("s3:GetObjectVersionForReplication", Some(Failure::SrcGetObjectNotPermitted)),
        ("s3:GetObjectVersionAcl", Some(Failure::SrcGetAclNotPermitted)),
        ("s3:ReplicateObject", Some(Failure::DstPutObjectNotPermitted)),
        ("s3:ListBucket", None),
        ("s3:ReplicateDelete", None),
        ("s3:ReplicateTags", None),
    ] {
        let cloud = cloud();
        let (us, eu) = one_way(&cloud, &[action]).await;
        put(&us, "from", "a/k", "x").await;
        seconds(HOURS).await;
        assert_eq!(failure(&cloud, "a/k"), expected, "without {action}");
        assert_eq!(get(&eu, "onto", "a/k").await.is_some(), expected.is_none(), "without {action}");
        let shown = if expected.is_some() { ReplicationStatus::Failed } else { ReplicationStatus::Completed };
        assert_eq!(status(&us, "from", "a/k").await, Some(shown), "without {action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_tried_again() {
    let cloud = cloud();
    let (us, eu) = one_way(&cloud, &["s3:ReplicateObject"]).await;
    put(&us, "from", "a/k", "x").await;
    seconds(HOURS).await;
    let better = role(&cloud, "better", DOCUMENTED).await;
    configure(&us, "from", &better, vec![rule_to("onto").build().unwrap()]).await;
    seconds(HOURS).await;
    assert_eq!(status(&us, "from", "a/k").await, Some(ReplicationStatus::Failed));
    assert_eq!(get(&eu, "onto", "a/k").await, None);
    put(&us, "from", "a/k", "again").await;
    seconds(HOURS).await;
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("again"), "an upload is");
}

#[tokio::test(start_paused = true)]
async fn delete_markers_take_listing_and_deleting() {
    for (action, arrives) in [("s3:ListBucket", false), ("s3:ReplicateDelete", false), ("s3:GetObjectVersionAcl", true)]
    {
        let cloud = cloud();
        let (us, _) = one_way(&cloud, &[action]).await;
        us.delete_object().bucket("from").key("a/k").send().await.unwrap();
        seconds(HOURS).await;
        assert_eq!(cloud.s3.lock().buckets["onto"].latest("a/k").is_some(), arrives, "without {action}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_may_not_be_read_stay_behind() {
    let cloud = cloud();
    let (us, eu) = one_way(&cloud, &["s3:GetObjectVersionTagging"]).await;
    let body = ByteStream::from_static(b"x");
    us.put_object().bucket("from").key("a/k").body(body).tagging("colour=red").send().await.unwrap();
    seconds(HOURS).await;
    assert_eq!(get(&eu, "onto", "a/k").await.as_deref(), Some("x"), "the object comes without them");
    assert_eq!(colour(&eu, "onto", "a/k").await, None);
    tag(&us, "from", "a/k", "blue").await;
    seconds(HOURS).await;
    assert_eq!(failure(&cloud, "a/k"), Some(Failure::SrcGetTaggingNotPermitted));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_s3_may_not_assume_replicates_nothing() {
    for exists in [false, true] {
        let cloud = cloud();
        let (us, eu) = one_way(&cloud, &[]).await;
        let mut role = "arn:aws:iam::123456789012:role/nobody".to_owned();
        if exists {
            role = role_trusting(&cloud, "other", "lambda.amazonaws.com", DOCUMENTED).await;
        }
        configure(&us, "from", &role, vec![rule_to("onto").build().unwrap()]).await;
        put(&us, "from", "a/k", "x").await;
        seconds(HOURS).await;
        assert_eq!(failure(&cloud, "a/k"), Some(Failure::AssumeRoleNotPermitted));
        assert_eq!(get(&eu, "onto", "a/k").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn who_sets_rules_must_be_allowed_to_pass_the_role() {
    let cloud = cloud();
    let (us, _) = one_way(&cloud, &[]).await;
    let ask = |client: Client| async move {
        let call = client.put_bucket_replication().bucket("from").replication_configuration(rule("onto"));
        code(call.send().await)
    };
    let caller = |actions: &'static [&'static str], name: &'static str| {
        let cloud = cloud.clone();
        async move {
            let arn = role(&cloud, name, actions).await;
            let config = sdk_config(&cloud, Origin::Operator, US, &cloud.iam.credentials_for(&arn));
            Client::from_conf(aws_sdk_s3::config::Builder::from(&config).build())
        }
    };
    assert_eq!(ask(caller(&["s3:PutReplicationConfiguration"], "puts").await).await, "AccessDenied");
    assert_eq!(ask(caller(&["s3:PutReplicationConfiguration", "iam:PassRole"], "passes").await).await, "");
    assert_eq!(ask(us).await, "", "the account may all");
}

/// A new key of a Region.
async fn key(cloud: &Arc<Cloud>, region: crate::region::Region) -> (ResourceContext, String) {
    let cx = ResourceContext { region, ..context(cloud) };
    let made = crate::services::kms::resources().remove(0).create(&cx, &json!({})).await.unwrap();
    let arn = made.attributes["Arn"].as_str().unwrap().to_owned();
    (cx, arn)
}

#[tokio::test(start_paused = true)]
async fn sealed_objects_take_both_keys() {
    for (what, actions, disabled, expected) in [
        ("all", &["kms:Decrypt", "kms:Encrypt"][..], None, None),
        ("no Decrypt", &["kms:Encrypt"], None, Some(Failure::SrcGetObjectNotPermitted)),
        ("no Encrypt", &["kms:Decrypt"], None, Some(Failure::DstPutObjectNotPermitted)),
        ("source key off", &["kms:Decrypt", "kms:Encrypt"], Some(US), Some(Failure::SrcKmsKeyInvalidState)),
        ("replica key off", &["kms:Decrypt", "kms:Encrypt"], Some(EU), Some(Failure::DstKmsKeyInvalidState)),
    ] {
        let cloud = cloud();
        let (us, eu) = one_way(&cloud, &[]).await;
        let role = role(&cloud, "sealed", &[DOCUMENTED, actions].concat()).await;
        let (here, there) = (key(&cloud, US).await, key(&cloud, EU).await);
        let sealed = SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build().unwrap();
        let criteria = SourceSelectionCriteria::builder().sse_kms_encrypted_objects(sealed).build();
        let encryption = EncryptionConfiguration::builder().replica_kms_key_id(&there.1).build();
        let onto = Destination::builder().bucket("arn:aws:s3:::onto").encryption_configuration(encryption);
        let rule = rule_to("onto").source_selection_criteria(criteria).destination(onto.build().unwrap());
        configure(&us, "from", &role, vec![rule.build().unwrap()]).await;
        let put = us.put_object().bucket("from").key("a/k").body(ByteStream::from_static(b"x"));
        put.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(&here.1).send().await.unwrap();
        if let Some(region) = disabled {
            let (cx, arn) = if region == US { &here } else { &there };
            let handler = crate::services::kms::resources().remove(0);
            handler.update(cx, arn, &json!({}), &json!({"Enabled": false})).await.unwrap();
        }
        seconds(HOURS).await;
        assert_eq!(failure(&cloud, "a/k"), expected, "{what}");
        let replica = eu.head_object().bucket("onto").key("a/k").send().await.ok();
        let sealed_with = replica.as_ref().and_then(|replica| replica.ssekms_key_id());
        assert_eq!(sealed_with, expected.is_none().then_some(there.1.as_str()), "{what}");
    }
}
