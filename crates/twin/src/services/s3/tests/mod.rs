//! S3 through its SDK client.

mod measured;
mod paced;
mod permitted;
mod replication;
mod synced;
mod templates;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CompletedMultipartUpload, CompletedPart,
    CreateBucketConfiguration, Delete, ObjectIdentifier, ServerSideEncryption, VersioningConfiguration,
};
use serde_json::json;

use crate::clock::Clock;
use crate::formation::ResourceContext;
use crate::gateway::{Credentials, sdk_config};
use crate::region::Region;
use crate::seed::Seed;
use crate::world::faults::Fault;
use crate::world::network::Origin;
use crate::{Cloud, Config};

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;

fn cloud() -> Arc<Cloud> {
    cloud_of(7)
}

fn cloud_of(seed: u64) -> Arc<Cloud> {
    Cloud::start(Config {
        seed: Seed(seed),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![US, EU],
        code: Default::default(),
    })
}

fn client(cloud: &Arc<Cloud>, region: Region) -> Client {
    let config = sdk_config(cloud, Origin::Operator, region, &Credentials::account());
    Client::from_conf(aws_sdk_s3::config::Builder::from(&config).build())
}

fn code<T, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, E>) -> String {
    result.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
}

async fn bucket(client: &Client, name: &str, region: Region, versioned: bool) {
    let constraint = (region != US).then(|| {
        let constraint = BucketLocationConstraint::from(region.as_str());
        CreateBucketConfiguration::builder().location_constraint(constraint).build()
    });
    client.create_bucket().bucket(name).set_create_bucket_configuration(constraint).send().await.unwrap();
    if versioned {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket(name).versioning_configuration(enabled).send().await.unwrap();
    }
}

async fn put(client: &Client, bucket: &str, key: &str, body: &'static str) -> Option<String> {
    let body = ByteStream::from_static(body.as_bytes());
    let put = client.put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
    put.version_id().map(str::to_owned)
}

async fn get(client: &Client, bucket: &str, key: &str) -> Option<String> {
    let got = client.get_object().bucket(bucket).key(key).send().await.ok()?;
    let bytes = got.body.collect().await.unwrap().into_bytes();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_comes_back_as_it_went() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    let body = ByteStream::from_static(b"hello world");
    let put = us.put_object().bucket("assets").key("a b/ü+").body(body).content_type("text/plain");
    let put = put.metadata("Colour", "blue").tagging("k=v&l=w").send().await.unwrap();
    assert_eq!(put.e_tag(), Some("\"5eb63bbbe01eeed093cb22bb8f5acdc3\""));
    let got = us.get_object().bucket("assets").key("a b/ü+").send().await.unwrap();
    assert_eq!((got.content_type(), got.tag_count()), (Some("text/plain"), Some(2)));
    assert_eq!(got.metadata().unwrap()["colour"], "blue");
    assert_eq!(got.checksum_crc32(), Some("DUoRhQ=="), "the SDK's default checksum is kept");
    assert_eq!(got.version_id(), None);
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello world");
    let range = us.get_object().bucket("assets").key("a b/ü+").range("bytes=6-").send().await.unwrap();
    assert_eq!(range.content_range(), Some("bytes 6-10/11"));
    assert_eq!(range.body.collect().await.unwrap().into_bytes(), "world");
    let beyond = us.get_object().bucket("assets").key("a b/ü+").range("bytes=11-").send().await;
    assert_eq!(code(beyond), "InvalidRange");
    let head = us.head_object().bucket("assets").key("a b/ü+").send().await.unwrap();
    assert_eq!(head.content_length(), Some(11));
    assert_eq!(code(us.get_object().bucket("assets").key("none").send().await), "NoSuchKey");
    assert!(
        us.head_object().bucket("assets").key("none").send().await.unwrap_err().into_service_error().is_not_found()
    );
    assert_eq!(cloud.s3.read("assets", "a b/ü+").unwrap(), "hello world");
}

#[tokio::test(start_paused = true)]
async fn a_framed_body_with_a_trailer_is_unpacked() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    let key = Credentials::account().access_key;
    let request = |crc: &str| {
        http::Request::put("https://assets.s3.us-east-1.amazonaws.com/k")
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={key}/20260105/us-east-1/s3/aws4_request"))
            .header("content-encoding", "aws-chunked")
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .header("x-amz-decoded-content-length", "11")
            .body(format!("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n").into())
            .unwrap()
    };
    let bad = crate::gateway::handle(&cloud, Origin::Operator, request("AAAAAA==")).await.unwrap();
    assert_eq!(bad.status(), 400);
    assert_eq!(get(&us, "assets", "k").await, None);
    crate::gateway::handle(&cloud, Origin::Operator, request("DUoRhQ==")).await.unwrap();
    let got = us.get_object().bucket("assets").key("k").send().await.unwrap();
    assert_eq!(got.content_encoding(), None, "the framing is no property of the object");
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello world");
}

#[tokio::test(start_paused = true)]
async fn conditions_hold() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    put(&us, "assets", "k", "one").await;
    let again = us.put_object().bucket("assets").key("k").if_none_match("*").body(ByteStream::from_static(b"two"));
    assert_eq!(code(again.send().await), "PreconditionFailed");
    let etag = us.head_object().bucket("assets").key("k").send().await.unwrap().e_tag().unwrap().to_owned();
    let other = us.put_object().bucket("assets").key("k").if_match("\"other\"").body(ByteStream::from_static(b"two"));
    assert_eq!(code(other.send().await), "PreconditionFailed");
    let same = us.put_object().bucket("assets").key("k").if_match(&etag).body(ByteStream::from_static(b"two"));
    same.send().await.unwrap();
    let unchanged = us.get_object().bucket("assets").key("k").if_none_match("*").send().await.unwrap_err();
    assert_eq!(unchanged.raw_response().unwrap().status().as_u16(), 304);
    assert_eq!(get(&us, "assets", "k").await.as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_answers_in_its_region_alone() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&eu, "dublin", EU, false).await;
    let astray = us.get_object().bucket("dublin").key("k").send().await;
    let raw = astray.as_ref().unwrap_err().raw_response().unwrap();
    assert_eq!((raw.status().as_u16(), raw.headers().get("x-amz-bucket-region")), (301, Some("eu-west-1")));
    assert_eq!(code(astray), "PermanentRedirect");
    assert_eq!(code(eu.create_bucket().bucket("other").send().await), "IllegalLocationConstraintException");
    let location = us.get_bucket_location().bucket("dublin").send().await.unwrap();
    assert_eq!(location.location_constraint().map(|name| name.as_str()), Some("eu-west-1"));
    assert_eq!(code(us.create_bucket().bucket("dublin").send().await), "BucketAlreadyOwnedByYou");
    assert_eq!(code(us.get_object().bucket("nowhere").key("k").send().await), "NoSuchBucket");
    assert_eq!(us.list_buckets().send().await.unwrap().buckets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn versions_and_delete_markers_stack_up() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, true).await;
    let one = put(&us, "assets", "k", "one").await.unwrap();
    let two = put(&us, "assets", "k", "two").await.unwrap();
    assert_ne!(one, two);
    let gone = us.delete_object().bucket("assets").key("k").send().await.unwrap();
    assert_eq!(gone.delete_marker(), Some(true));
    assert_eq!(get(&us, "assets", "k").await, None);
    let old = us.get_object().bucket("assets").key("k").version_id(&one).send().await.unwrap();
    assert_eq!(old.body.collect().await.unwrap().into_bytes(), "one");
    let listed = us.list_object_versions().bucket("assets").send().await.unwrap();
    assert_eq!((listed.versions().len(), listed.delete_markers().len()), (2, 1));
    let first = us.list_object_versions().bucket("assets").max_keys(2).send().await.unwrap();
    assert_eq!(first.is_truncated(), Some(true));
    let rest = us.list_object_versions().bucket("assets").key_marker(first.next_key_marker().unwrap());
    let rest = rest.version_id_marker(first.next_version_id_marker().unwrap()).send().await.unwrap();
    assert_eq!(rest.versions().iter().filter_map(|version| version.version_id()).collect::<Vec<_>>(), [&one]);
    assert_eq!(code(us.delete_bucket().bucket("assets").send().await), "BucketNotEmpty");
    let marker = gone.version_id().unwrap();
    us.delete_object().bucket("assets").key("k").version_id(marker).send().await.unwrap();
    assert_eq!(get(&us, "assets", "k").await.as_deref(), Some("two"));
    let ids = [&one, &two].map(|id| ObjectIdentifier::builder().key("k").version_id(id).build().unwrap());
    let all = Delete::builder().set_objects(Some(ids.to_vec())).build().unwrap();
    assert_eq!(us.delete_objects().bucket("assets").delete(all).send().await.unwrap().deleted().len(), 2);
    us.delete_bucket().bucket("assets").send().await.unwrap();
    assert!(us.head_bucket().bucket("assets").send().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn listings_roll_up_and_page() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    for key in ["a/1", "a/2", "b/1", "c", "d"] {
        put(&us, "assets", key, "x").await;
    }
    let (mut keys, mut prefixes, mut pages) = (Vec::new(), Vec::new(), 0);
    let mut token = None;
    loop {
        let page = us.list_objects_v2().bucket("assets").delimiter("/").max_keys(1).set_continuation_token(token);
        let page = page.send().await.unwrap();
        keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        prefixes.extend(page.common_prefixes().iter().filter_map(|prefix| prefix.prefix().map(str::to_owned)));
        pages += 1;
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!((keys, prefixes, pages), (vec!["c".into(), "d".into()], vec!["a/".to_owned(), "b/".into()], 4));
    let under = us.list_objects_v2().bucket("assets").prefix("a/").start_after("a/1").send().await.unwrap();
    assert_eq!(under.contents().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn parts_become_one_object() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    let upload = us.create_multipart_upload().bucket("assets").key("k").send().await.unwrap();
    let id = upload.upload_id().unwrap();
    let mut done = CompletedMultipartUpload::builder();
    for (number, size) in [(1, 5 * 1024 * 1024), (2, 10)] {
        let body = ByteStream::from(vec![b'x'; size]);
        let part = us.upload_part().bucket("assets").key("k").upload_id(id).part_number(number).body(body);
        let part = part.send().await.unwrap();
        done = done.parts(
            CompletedPart::builder()
                .part_number(number)
                .e_tag(part.e_tag().unwrap())
                .set_checksum_crc32(part.checksum_crc32().map(str::to_owned))
                .build(),
        );
    }
    let parts = us.list_parts().bucket("assets").key("k").upload_id(id).send().await.unwrap();
    assert_eq!(parts.parts().len(), 2);
    let complete = us.complete_multipart_upload().bucket("assets").key("k").upload_id(id);
    let made = complete.multipart_upload(done.build()).send().await.unwrap();
    assert!(made.e_tag().unwrap().ends_with("-2\""));
    assert_eq!(get(&us, "assets", "k").await.unwrap().len(), 5 * 1024 * 1024 + 10);
    let again = us.abort_multipart_upload().bucket("assets").key("k").upload_id(id).send().await;
    assert_eq!(code(again), "NoSuchUpload");
}

#[tokio::test(start_paused = true)]
async fn a_copy_keeps_or_replaces_what_is_said() {
    let cloud = cloud();
    let (us, eu) = (client(&cloud, US), client(&cloud, EU));
    bucket(&us, "from", US, false).await;
    bucket(&eu, "onto", EU, false).await;
    let body = ByteStream::from_static(b"x");
    us.put_object().bucket("from").key("a b").body(body).metadata("m", "1").send().await.unwrap();
    eu.copy_object().bucket("onto").key("k").copy_source("from/a%20b").send().await.unwrap();
    let head = eu.head_object().bucket("onto").key("k").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["m"], "1");
    let itself = us.copy_object().bucket("from").key("a b").copy_source("from/a%20b").send().await;
    assert_eq!(code(itself), "InvalidRequest");
    cloud.faults.inject(Fault::Partition { between: (US, EU) });
    let cut = eu.copy_object().bucket("onto").key("l").copy_source("from/a%20b").send().await;
    assert_eq!(code(cut), "ServiceUnavailable");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_key_locks_the_object() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    let (context, kms) = (context(&cloud), crate::services::kms::resources().remove(0));
    let key = kms.create(&context, &json!({})).await.unwrap().physical_id;
    let put = us.put_object().bucket("assets").key("k").body(ByteStream::from_static(b"x"));
    put.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(&key).send().await.unwrap();
    assert_eq!(get(&us, "assets", "k").await.as_deref(), Some("x"));
    kms.update(&context, &key, &json!({}), &json!({"Enabled": false})).await.unwrap();
    assert_eq!(code(us.get_object().bucket("assets").key("k").send().await), "KMS.DisabledException");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_says_so() {
    let cloud = cloud();
    let us = client(&cloud, US);
    bucket(&us, "assets", US, false).await;
    assert_eq!(code(us.get_bucket_acl().bucket("assets").send().await), "NotImplemented");
    assert_eq!(code(us.list_objects().bucket("assets").send().await), "NotImplemented");
}

fn context(cloud: &Arc<Cloud>) -> ResourceContext {
    ResourceContext {
        cloud: cloud.clone(),
        region: US,
        stack_name: "Stack".to_owned(),
        stack_id: "id".to_owned(),
        logical_id: "Assets".to_owned(),
        stack_tags: vec![("Project".to_owned(), "blackstart".to_owned())],
    }
}

/// Makes a role that S3 may assume, with these actions on everything; gives its ARN.
async fn role(cloud: &Arc<Cloud>, name: &str, actions: &[&str]) -> String {
    role_trusting(cloud, name, "s3.amazonaws.com", actions).await
}

async fn role_trusting(cloud: &Arc<Cloud>, name: &str, service: &str, actions: &[&str]) -> String {
    let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}});
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    let properties = json!({
        "RoleName": name,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}],
    });
    let handlers = crate::services::iam::resources();
    let handler = handlers.iter().find(|handler| handler.spec().name == "AWS::IAM::Role").unwrap();
    handler.create(&context(cloud), &properties).await.unwrap();
    format!("arn:aws:iam::123456789012:role/{name}")
}

/// What the S3 user guide gives a replication role, "Setting up permissions for live replication".
const DOCUMENTED: &[&str] = &[
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
];
