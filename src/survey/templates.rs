//! CloudFormation: what CREATE_COMPLETE is worth.

use aws_sdk_s3::error::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::bench::{Bench, TAG, minutes, seconds, until};
use super::functions::role;
use super::miss::{Miss, Probed, lie, refused};
use super::stacks::{self, Ended};
use super::{buckets, secrets};
use crate::capability::Capability;
use crate::wait::Look;

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Templates, minutes(20), templates(bench)).await;
    bench.attempt(Capability::TemplateTags, minutes(1), tags(bench)).await;
    bench.attempt(Capability::TemplateChecks, minutes(20), checks(bench)).await;
    bench.attempt(Capability::TemplateRollback, minutes(20), rollback(bench)).await;
}

/// What replicates or routes, which stand on the probes of tables, buckets and records.
pub async fn probe_replicas(bench: &Bench<'_>) {
    let table = bench.attempt(Capability::TemplateTable, minutes(20), table(bench));
    let bucket = bench.attempt(Capability::TemplateBucket, minutes(20), bucket(bench));
    let records = bench.attempt(Capability::TemplateRecords, minutes(20), records(bench));
    futures_util::future::join3(table, bucket, records).await;
}

fn template(resources: &Value) -> Value {
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources })
}

fn bucket_resource(name: &str, run: &str) -> Value {
    json!({ "Type": "AWS::S3::Bucket", "Properties": {
        "BucketName": name,
        "VersioningConfiguration": { "Status": "Enabled" },
        "Tags": [{ "Key": TAG, "Value": run }],
    } })
}

/// A stack with a bucket, which must be there as the template has it.
async fn templates(bench: &Bench<'_>) -> Probed {
    let name = bench.name("templated");
    let good = template(&json!({ "Bucket": bucket_resource(&name, &bench.run) }));
    stacks::create(bench, "templates", "stack", bench.here, &good).await?.expect_complete()?;
    let versioning = bench.ours()?.s3.get_bucket_versioning().bucket(&name).send().await;
    match versioning {
        Ok(told) if told.status().map(|status| status.as_str()) == Some("Enabled") => {
            Ok("the stack is CREATE_COMPLETE, and its bucket is there with its versioning".to_owned())
        }
        Ok(_) => lie("the stack is CREATE_COMPLETE, and its bucket has no versioning"),
        Err(error) if error.code() == Some("NoSuchBucket") => {
            lie("the stack is CREATE_COMPLETE, and its bucket is not there")
        }
        Err(error) => Err(refused("GetBucketVersioning")(error)),
    }
}

/// The same bucket's tags.
async fn tags(bench: &Bench<'_>) -> Probed {
    let tags = bench.ours()?.s3.get_bucket_tagging().bucket(bench.name("templated")).send().await;
    match tags {
        Ok(tags) if tags.tag_set().iter().any(|tag| tag.key() == TAG && tag.value() == bench.run) => {
            Ok("a template's bucket has the tags it gives it".to_owned())
        }
        Err(error) if error.code() != Some("NoSuchTagSet") => Err(refused("GetBucketTagging")(error)),
        _ => lie("the stack is CREATE_COMPLETE, and its bucket does not have the tags of the template"),
    }
}

/// Two stacks that must not come to be.
async fn checks(bench: &Bench<'_>) -> Probed {
    let unknown_type = template(&json!({ "Nothing": { "Type": "AWS::Blackstart::NoSuchType", "Properties": {} } }));
    let mut odd = bucket_resource(&bench.name("odd"), &bench.run);
    odd["Properties"]["NoSuchProperty"] = json!("ignored");
    for (part, template, what) in [
        ("unknown-type", unknown_type, "a resource type that does not exist"),
        ("unknown-property", template(&json!({ "Bucket": odd })), "a property that does not exist"),
    ] {
        if stacks::create(bench, "templates", part, bench.here, &template).await?.complete() {
            return lie(format!("a stack with {what} is CREATE_COMPLETE"));
        }
    }
    Ok("a type and a property that do not exist are refused".to_owned())
}

/// A stack whose second resource fails: its first must be gone.
async fn rollback(bench: &Bench<'_>) -> Probed {
    let clients = bench.ours()?;
    let (taken, bucket) = (bench.name("taken"), bench.name("rolled-back"));
    secrets::promise(bench, &taken)?;
    let made = clients.secretsmanager.create_secret().name(&taken).secret_string("taken").send().await;
    made.map_err(refused("CreateSecret"))?;
    let failing = template(&json!({
        "First": bucket_resource(&bucket, &bench.run),
        "Second": {
            "Type": "AWS::SecretsManager::Secret",
            "DependsOn": "First",
            "Properties": { "Name": taken, "SecretString": "again" },
        },
    }));
    let Ended { status, why, .. } = stacks::create(bench, "templates", "failing", bench.here, &failing).await?;
    match status.as_str() {
        "ROLLBACK_COMPLETE" => {}
        "CREATE_COMPLETE" => return lie("a stack whose secret's name is taken is CREATE_COMPLETE"),
        _ => return Err(Miss::Absent(format!("a stack that cannot be made is {status}: {why}"))),
    }
    match clients.s3.head_bucket().bucket(&bucket).send().await {
        Ok(_) => lie("the stack is ROLLBACK_COMPLETE, and the bucket it made is still there"),
        Err(_) => Ok(format!("ROLLBACK_COMPLETE, and what it had made is gone; {why}")),
    }
}

async fn table(bench: &Bench<'_>) -> Probed {
    let (there, clients) = bench.theirs()?;
    let name = bench.name("templated");
    let tags = json!([{ "Key": TAG, "Value": bench.run }]);
    let template = template(&json!({ "Table": { "Type": "AWS::DynamoDB::GlobalTable", "Properties": {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "StreamSpecification": { "StreamViewType": "NEW_AND_OLD_IMAGES" },
        "Replicas": [{ "Region": bench.here, "Tags": tags }, { "Region": there, "Tags": tags }],
    } } }));
    stacks::create(bench, "templates", "table", bench.here, &template).await?.expect_complete()?;
    match clients.dynamodb.describe_table().table_name(&name).send().await {
        Ok(_) => Ok(format!("a global table of two Regions is CREATE_COMPLETE, and its replica is in {there}")),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            lie(format!("a global table of two Regions is CREATE_COMPLETE, and {there} has no such table"))
        }
        Err(error) => Err(refused("DescribeTable")(error)),
    }
}

async fn bucket(bench: &Bench<'_>) -> Probed {
    let (there, _) = bench.theirs()?;
    let (name, peer) = (bench.name("ruled"), buckets::create(bench, "peer", there).await?);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:*", "Resource": "*",
    }] });
    let role = role(bench, "ruled", "s3.amazonaws.com", &policy).await?;
    let mut resource = bucket_resource(&name, &bench.run);
    resource["Properties"]["ReplicationConfiguration"] = json!({ "Role": role, "Rules": [{
        "Id": "everything",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": { "Prefix": "" },
        "DeleteMarkerReplication": { "Status": "Enabled" },
        "Destination": { "Bucket": format!("arn:aws:s3:::{peer}") },
    }] });
    let template = template(&json!({ "Bucket": resource }));
    stacks::create(bench, "templates", "bucket", bench.here, &template).await?.expect_complete()?;
    let s3 = &bench.ours()?.s3;
    let look = async || {
        let rules = s3.get_bucket_replication().bucket(&name).send().await;
        let rules = rules.ok().and_then(|rules| rules.replication_configuration().map(|all| all.rules().len()));
        Ok(if rules == Some(1) { Look::Ready(()) } else { Look::NotYet(format!("the bucket has {rules:?} rules")) })
    };
    match until(seconds(10), seconds(2), look).await? {
        Ok(()) => Ok("a bucket with a replication rule is CREATE_COMPLETE, and has the rule".to_owned()),
        Err(_) => lie("a bucket with a replication rule is CREATE_COMPLETE, and has no rule"),
    }
}

/// As the stack has it: a zone, a health check, a record that carries it.
async fn records(bench: &Bench<'_>) -> Probed {
    let name = format!("{}.test", bench.name("templated"));
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Zone": { "Type": "AWS::Route53::HostedZone", "Properties": { "Name": name } },
            "Check": { "Type": "AWS::Route53::HealthCheck", "Properties": { "HealthCheckConfig": {
                "Type": "HTTPS", "Port": 443, "ResourcePath": "/", "RequestInterval": 30, "FailureThreshold": 3,
                "FullyQualifiedDomainName": "nobody.blackstart.invalid",
            } } },
            "Record": { "Type": "AWS::Route53::RecordSet", "Properties": {
                "HostedZoneId": { "Ref": "Zone" }, "Name": format!("api.{name}"), "Type": "CNAME", "TTL": "60",
                "ResourceRecords": ["nobody.blackstart.invalid"],
                "SetIdentifier": bench.here, "Region": bench.here, "HealthCheckId": { "Ref": "Check" },
            } },
        },
        "Outputs": { "Zone": { "Value": { "Ref": "Zone" } }, "Check": { "Value": { "Ref": "Check" } } },
    });
    let ended = stacks::create(bench, "templates", "records", bench.here, &template).await?.expect_complete()?;
    let output = |name: &str| ended.outputs.get(name).cloned().unwrap_or_default();
    let (zone, check) = (output("Zone"), output("Check"));
    let listed = bench.ours()?.route53.list_resource_record_sets().hosted_zone_id(&zone).send().await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_hosted_zone()) => {
            return lie(format!("the stack is CREATE_COMPLETE, and its zone {zone:?} is not there"));
        }
        Err(error) => return Err(refused("ListResourceRecordSets")(error)),
    };
    let named = |set: &&aws_sdk_route53::types::ResourceRecordSet| set.set_identifier() == Some(bench.here.as_str());
    match listed.resource_record_sets().iter().find(named) {
        Some(set) if set.health_check_id() == Some(&check) => {
            Ok("a zone, a health check and a record that carries it are CREATE_COMPLETE, and there".to_owned())
        }
        Some(_) => lie("the stack is CREATE_COMPLETE, and its record does not carry its health check"),
        None => lie("the stack is CREATE_COMPLETE, and its record is not there"),
    }
}
