//! Objects, items and secrets.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use blackstart::target::Clients;
use std::time::Duration;

use super::{Bench, Held, done, holds, refused};
use blackstart::wait::{self, Look};

async fn bucket<T>(bench: &Bench<'_>, check: impl AsyncFnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    let (s3, name) = (&bench.home.s3, bench.name.as_str());
    done(s3.create_bucket().bucket(name).send().await)?;
    let came = check(name).await;
    let versions = done(s3.list_object_versions().bucket(name).send().await)?;
    let all = versions.versions().iter().map(|v| (v.key(), v.version_id()));
    let all = all.chain(versions.delete_markers().iter().map(|m| (m.key(), m.version_id())));
    for (key, version) in all {
        let call = s3.delete_object().bucket(name).set_key(key.map(str::to_owned));
        done(call.set_version_id(version.map(str::to_owned)).send().await)?;
    }
    done(s3.delete_bucket().bucket(name).send().await)?;
    came
}

pub async fn one_object_writer(bench: &Bench<'_>) -> Held {
    bucket(bench, async |name| {
        let put = || bench.home.s3.put_object().bucket(name).key("k").if_none_match("*").send();
        done(put().await)?;
        refused(put().await, &["PreconditionFailed"])
    })
    .await
}

pub async fn delete_marker(bench: &Bench<'_>) -> Held {
    bucket(bench, async |name| {
        let s3 = &bench.home.s3;
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        done(s3.put_bucket_versioning().bucket(name).versioning_configuration(on).send().await)?;
        let put = done(s3.put_object().bucket(name).key("k").body(b"1".to_vec().into()).send().await)?;
        let version = put.version_id().unwrap_or_default().to_owned();
        let deleted = done(s3.delete_object().bucket(name).key("k").send().await)?;
        holds(deleted.delete_marker() == Some(true), || "no delete marker was made".to_owned())?;
        refused(s3.get_object().bucket(name).key("k").send().await, &["NoSuchKey"])?;
        done(s3.get_object().bucket(name).key("k").version_id(version).send().await).map(|_| ())
    })
    .await
}

pub async fn not_empty(bench: &Bench<'_>) -> Held {
    bucket(bench, async |name| {
        done(bench.home.s3.put_object().bucket(name).key("k").send().await)?;
        refused(bench.home.s3.delete_bucket().bucket(name).send().await, &["BucketNotEmpty"])
    })
    .await
}

async fn table<T>(bench: &Bench<'_>, check: impl AsyncFnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    let (client, name) = (&bench.home.dynamodb, bench.name.as_str());
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build();
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build();
    let (id, key) = (id.map_err(|why| why.to_string())?, key.map_err(|why| why.to_string())?);
    let call = client.create_table().table_name(name).attribute_definitions(id).key_schema(key);
    done(call.billing_mode(BillingMode::PayPerRequest).send().await)?;
    let look = || async {
        let described = done(client.describe_table().table_name(name).send().await)?;
        let status = described.table().and_then(|table| table.table_status()).cloned();
        Ok::<_, String>(match status {
            Some(TableStatus::Active) => Look::Ready(()),
            status => Look::NotYet(format!("{status:?}")),
        })
    };
    let active = wait::until("the table", Duration::from_secs(60), Duration::from_millis(200), look).await?;
    active.map_err(|gave_up| gave_up.to_string())?;
    let came = check(name).await;
    done(client.delete_table().table_name(name).send().await)?;
    came
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub async fn condition(bench: &Bench<'_>) -> Held {
    table(bench, async |name| {
        let put = || {
            let call = bench.home.dynamodb.put_item().table_name(name).item("id", text("a"));
            call.condition_expression("attribute_not_exists(id)").send()
        };
        done(put().await)?;
        refused(put().await, &["ConditionalCheckFailedException"])
    })
    .await
}

pub async fn exact_numbers(bench: &Bench<'_>) -> Held {
    const NUMBER: &str = "12345678901234567890123456789012345678";
    table(bench, async |name| {
        let (client, id) = (&bench.home.dynamodb, text("a"));
        let number = AttributeValue::N(NUMBER.to_owned());
        done(client.put_item().table_name(name).item("id", id.clone()).item("n", number).send().await)?;
        let got = done(client.get_item().table_name(name).key("id", id).consistent_read(true).send().await)?;
        let seen = got.item().and_then(|item| item.get("n")).and_then(|n| n.as_n().ok()).cloned();
        holds(seen.as_deref() == Some(NUMBER), || format!("{NUMBER} came back as {seen:?}"))
    })
    .await
}

pub async fn table_of_one_region(bench: &Bench<'_>) -> Held {
    table(bench, async |name| {
        let there = bench.other.dynamodb.describe_table().table_name(name).send().await;
        refused(there, &["ResourceNotFoundException"])
    })
    .await
}

async fn secret<T>(bench: &Bench<'_>, check: impl AsyncFnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    let (client, name) = (&bench.home.secretsmanager, bench.name.as_str());
    done(client.create_secret().name(name).secret_string("one").send().await)?;
    let came = check(name).await;
    done(client.delete_secret().secret_id(name).force_delete_without_recovery(true).send().await)?;
    came
}

async fn put(clients: &Clients, name: &str, token: &str, value: &str) -> Result<(), String> {
    let call = clients.secretsmanager.put_secret_value().secret_id(name).client_request_token(token);
    done(call.secret_string(value).send().await).map(|_| ())
}

pub async fn one_value_a_token(bench: &Bench<'_>) -> Held {
    let token = "0123456789abcdef0123456789abcdef";
    secret(bench, async |name| {
        put(bench.home, name, token, "two").await?;
        put(bench.home, name, token, "two").await?;
        let call = bench.home.secretsmanager.put_secret_value().secret_id(name).client_request_token(token);
        refused(call.secret_string("three").send().await, &["ResourceExistsException"])
    })
    .await
}

pub async fn previous(bench: &Bench<'_>) -> Held {
    secret(bench, async |name| {
        put(bench.home, name, "0123456789abcdef0123456789abcde1", "two").await?;
        let call = bench.home.secretsmanager.get_secret_value().secret_id(name).version_stage("AWSPREVIOUS");
        let got = done(call.send().await)?;
        holds(got.secret_string() == Some("one"), || "it is another value".to_owned())
    })
    .await
}

pub async fn secret_of_one_region(bench: &Bench<'_>) -> Held {
    secret(bench, async |name| {
        let there = bench.other.secretsmanager.describe_secret().secret_id(name).send().await;
        refused(there, &["ResourceNotFoundException"])
    })
    .await
}
