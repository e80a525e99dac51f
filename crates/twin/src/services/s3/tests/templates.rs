//! Buckets as templates make them.

use std::sync::Arc;

use serde_json::json;

use super::{DOCUMENTED, EU, US, bucket, client, cloud, context, get, put, role, seconds};
use crate::Cloud;
use crate::gateway::Credentials;
use crate::services::s3::resources;
use crate::world::network::Origin;

#[tokio::test(start_paused = true)]
async fn a_template_makes_a_replicated_bucket() {
    let cloud = cloud();
    role(&cloud, "r", DOCUMENTED).await;
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&eu, "onto", EU, true).await;
    let (context, handler) = (context(&cloud), resources().remove(0));
    let mut properties = json!({
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 30, "Id": "x", "Prefix": ""}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": true},
        "ReplicationConfiguration": {"Role": "arn:aws:iam::123456789012:role/r", "Rules": [{
            "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": "arn:aws:s3:::onto"},
        }]},
    });
    let made = handler.create(&context, &properties).await.unwrap();
    let name = made.physical_id.as_str();
    assert!(name.starts_with("stack-assets-"), "{name}");
    assert_eq!(made.attributes["RegionalDomainName"], json!(format!("{name}.s3.us-east-1.amazonaws.com")));
    put(&us, name, "k", "x").await;
    seconds(3_600).await;
    assert_eq!(get(&eu, "onto", "k").await.as_deref(), Some("x"));
    let lifecycle = us.get_bucket_lifecycle_configuration().bucket(name).send().await.unwrap();
    assert_eq!(lifecycle.rules()[0].expiration().unwrap().days(), Some(30));
    let full = handler.delete(&context, name, &properties).await.unwrap_err();
    assert!(full.0.contains("not empty"), "{full}");
    properties["NotificationConfiguration"] = json!({});
    let refused = handler.update(&context, name, &json!({}), &properties).await.unwrap_err();
    assert!(refused.0.contains("NotificationConfiguration"), "{refused}");
    let policy = resources().remove(1);
    policy.create(&context, &json!({"Bucket": name, "PolicyDocument": {"Statement": []}})).await.unwrap();
    let got = us.get_bucket_policy().bucket(name).send().await.unwrap();
    assert_eq!(got.policy(), Some(r#"{"Statement":[]}"#));
}

#[tokio::test(start_paused = true)]
async fn a_template_may_say_all_that_a_rule_has() {
    let cloud = cloud();
    role(&cloud, "r", DOCUMENTED).await;
    let eu = client(&cloud, EU);
    bucket(&eu, "onto", EU, true).await;
    let properties = json!({
        "VersioningConfiguration": {"Status": "Enabled"},
        "ReplicationConfiguration": {"Role": "arn:aws:iam::123456789012:role/r", "Rules": [{
            "Id": "tagged", "Status": "Enabled", "Priority": 4,
            "Filter": {"And": {"Prefix": "a/", "TagFilters": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}]}},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "SourceSelectionCriteria": {
                "ReplicaModifications": {"Status": "Enabled"}, "SseKmsEncryptedObjects": {"Status": "Enabled"},
            },
            "Destination": {
                "Bucket": "arn:aws:s3:::onto", "Account": "123456789012", "StorageClass": "STANDARD_IA",
                "EncryptionConfiguration": {"ReplicaKmsKeyID": "key"},
                "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
            },
        }]},
    });
    assert_eq!(planned(&cloud, &properties).await.0, 200);
    let (context, handler) = (context(&cloud), resources().remove(0));
    let made = handler.create(&context, &properties).await.unwrap();
    {
        let state = cloud.s3.lock();
        let replication = state.buckets[&made.physical_id].replication.as_ref().unwrap();
        let rule = &replication.rules[0];
        assert_eq!((rule.id.as_str(), rule.priority, rule.prefix.as_str()), ("tagged", 4, "a/"));
        assert_eq!((rule.tags["k"].as_str(), rule.tags["l"].as_str()), ("v", "w"));
        assert_eq!((rule.storage_class.as_deref(), rule.replica_key.as_deref()), (Some("STANDARD_IA"), Some("key")));
        assert!(rule.time_control && rule.metrics && rule.replica_modifications);
    }
    for (place, name) in
        [("", "Rank"), ("/Filter/And", "Tags"), ("/Destination", "Rank"), ("/Destination/Metrics", "Rank")]
    {
        let mut wrong = properties.clone();
        let rule = wrong.pointer_mut(&format!("/ReplicationConfiguration/Rules/0{place}")).unwrap();
        rule[name] = json!("x");
        let (status, said) = planned(&cloud, &wrong).await;
        assert!(status == 400 && said.contains(name), "{place}/{name}: {status} {said}");
    }
}

/// What CloudFormation says to a change set with one bucket of these properties.
async fn planned(cloud: &Arc<Cloud>, properties: &serde_json::Value) -> (u16, String) {
    let template = json!({"Resources": {"Assets": {"Type": "AWS::S3::Bucket", "Properties": properties}}}).to_string();
    let name = format!("c{}", cloud.ids.lower(8));
    let form = [
        ("Action", "CreateChangeSet"),
        ("StackName", name.as_str()),
        ("ChangeSetName", "first"),
        ("ChangeSetType", "CREATE"),
        ("TemplateBody", template.as_str()),
    ];
    let key = Credentials::account().access_key;
    let request = http::Request::post("https://cloudformation.us-east-1.amazonaws.com/")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={key}/20260105/us-east-1/cloudformation/aws4_request"),
        )
        .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into())
        .unwrap();
    let response = crate::gateway::handle(cloud, Origin::Operator, request).await.unwrap();
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}
