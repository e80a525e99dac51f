//! The buckets: versions on both sides, a rule for what is to be written, and objects from each Region that writes to
//! each other. The assets that users read make the way from the primary Region.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{BucketVersioningStatus, ReplicationRule, ReplicationRuleStatus};
use bytes::Bytes;

use super::{Checked, Preflight, Wrong, all, check, waited};
use crate::data::objects::{Bucket, PREFIX, preflight_key};
use crate::history::Recorder;
use crate::target::said;
use crate::wait::{self, Look};

/// Most objects replicate within 15 minutes (S3 user guide); this leaves them as long again.
const ROUND_TRIP: Duration = Duration::from_secs(30 * 60);
const LOOK: Duration = Duration::from_secs(5);
/// The metadata that proves an object to be of this preflight.
const PROOF: &str = "preflight";

/// What is to be written into a bucket, and where it must arrive.
struct Way<'a> {
    here: &'a Bucket,
    others: Vec<&'a Bucket>,
    assets: &'a [(String, Bytes)],
    /// Whether the harness writes objects here later on.
    writes: bool,
}

pub async fn hold(preflight: &Preflight<'_>, buckets: Vec<Bucket>) -> bool {
    let (recorder, primary) = (preflight.recorder, preflight.target.primary());
    let ways = buckets.iter().map(|here| Way {
        here,
        others: buckets.iter().filter(|other| other.region != here.region).collect(),
        assets: if here.region == primary { preflight.assets } else { &[] },
        writes: preflight.writers.contains(&here.region),
    });
    let ways: Vec<Way<'_>> = ways.filter(|way| way.writes || !way.assets.is_empty()).collect();
    let versions = buckets.iter().map(|here| check(recorder, "bucket-versioning", here.region, versioning(here)));
    let rules = ways.iter().map(|way| check(recorder, "bucket-replication", way.here.region, rules(way)));
    let (versions, rules) = tokio::join!(all(versions), all(rules));
    let trips = ways.iter().map(|way| check(recorder, "bucket-round-trip", way.here.region, round_trip(way, recorder)));
    versions && rules && all(trips).await
}

async fn versioning(here: &Bucket) -> Checked {
    let got = here.client.get_bucket_versioning().bucket(&here.name).send().await;
    match got.map_err(|error| Wrong::Blind(said(&error)))?.status() {
        Some(BucketVersioningStatus::Enabled) => Ok(format!("the bucket {} keeps versions", here.name)),
        status => Err(Wrong::Missing(format!(
            "versioning of the bucket {} in {} is {}: set VersioningConfiguration to Enabled in storage.yaml",
            here.name,
            here.region,
            status.map_or("off", |status| status.as_str())
        ))),
    }
}

/// A rule that is on for every key, to every other bucket.
async fn rules(way: &Way<'_>) -> Checked {
    let Bucket { name, region, .. } = way.here;
    let own = way.writes.then_some(PREFIX);
    let keys: Vec<&str> = way.assets.iter().map(|(key, _)| key.as_str()).chain(own).collect();
    let got = match way.here.client.get_bucket_replication().bucket(name).send().await {
        Ok(got) => got,
        Err(error) if error.code() == Some("ReplicationConfigurationNotFoundError") => {
            return Err(Wrong::Missing(format!(
                "the bucket {name} in {region} replicates nothing: add ReplicationConfiguration to storage.yaml"
            )));
        }
        Err(error) => return Err(Wrong::Blind(said(&error))),
    };
    let rules = got.replication_configuration().map_or(&[][..], |replication| replication.rules());
    for other in &way.others {
        let to_it = |rule: &&ReplicationRule| leads_to(rule, &other.name);
        if let Some(key) = keys.iter().find(|key| !rules.iter().filter(to_it).any(|rule| covers(rule, key))) {
            let disabled = rules.iter().filter(to_it).any(|rule| rule.status() == &ReplicationRuleStatus::Disabled);
            let why = if disabled { "its rule is Disabled" } else { "no rule is about it" };
            return Err(Wrong::Missing(format!(
                "the bucket {name} in {region} does not replicate {key} to {} in {}: {why}; correct the Rules of \
                 ReplicationConfiguration in storage.yaml",
                other.name, other.region
            )));
        }
    }
    Ok(format!("the bucket {name} has rules for all that is written in {region}"))
}

fn leads_to(rule: &ReplicationRule, bucket: &str) -> bool {
    let arn = rule.destination().map(|destination| destination.bucket());
    arn.and_then(|arn| arn.rsplit_once(":::")).is_some_and(|(_, name)| name == bucket)
}

/// Whether a rule is on for a key, or for every key that begins so. Rules for tags are for some objects only.
fn covers(rule: &ReplicationRule, key: &str) -> bool {
    let filter = rule.filter();
    let both = filter.and_then(|filter| filter.and());
    let prefix = both.and_then(|both| both.prefix()).or_else(|| filter.and_then(|filter| filter.prefix()));
    #[expect(deprecated, reason = "rules in their first form have their prefix outside of a filter")]
    let prefix = prefix.or_else(|| rule.prefix()).unwrap_or_default();
    let by_tags =
        filter.is_some_and(|filter| filter.tag().is_some()) || both.is_some_and(|both| !both.tags().is_empty());
    rule.status() == &ReplicationRuleStatus::Enabled && !by_tags && key.starts_with(prefix)
}

/// Assets, and an object of its own where objects will be written, put here, appear in every other bucket.
async fn round_trip(way: &Way<'_>, recorder: &Recorder) -> Checked {
    let Way { here, others, assets, writes } = way;
    let proof = recorder.tag().to_string();
    for (key, bytes) in *assets {
        put(here, key, bytes.clone(), &proof).await?;
    }
    let own = preflight_key(here.region);
    let version = if *writes { put(here, &own, Bytes::from(proof.clone()), &proof).await? } else { None };
    let mut keys: Vec<&str> = assets.iter().map(|(key, _)| key.as_str()).collect();
    keys.extend(writes.then_some(own.as_str()));
    let mut there = Ok(());
    for other in others {
        there = there.and(arrived(here, other, &keys, &proof).await);
    }
    if *writes {
        take_away(here, &own, version).await?;
        for other in others {
            take_away(other, &own, None).await?;
        }
    }
    there?;
    let regions: Vec<&str> = others.iter().map(|other| other.region.as_str()).collect();
    Ok(format!("{} objects put in {} are in {}", keys.len(), here.region, regions.join(", ")))
}

/// The version it made.
async fn put(bucket: &Bucket, key: &str, bytes: Bytes, proof: &str) -> Result<Option<String>, Wrong> {
    let put = bucket.client.put_object().bucket(&bucket.name).key(key).metadata(PROOF, proof);
    let put = put.body(ByteStream::new(SdkBody::from(bytes))).send().await;
    Ok(put.map_err(|error| Wrong::Blind(format!("{key}: {}", said(&error))))?.version_id)
}

async fn arrived(here: &Bucket, there: &Bucket, keys: &[&str], proof: &str) -> Result<(), Wrong> {
    let mut missing = keys.to_vec();
    let look = async || {
        let mut last = String::new();
        while let Some(key) = missing.last() {
            match there.client.head_object().bucket(&there.name).key(*key).send().await {
                Ok(head) if head.metadata().and_then(|metadata| metadata.get(PROOF)).is_some_and(|it| it == proof) => {
                    missing.pop();
                    continue;
                }
                Ok(_) => last = format!("{key} is there as it was before"),
                Err(error) => last = format!("{key}: {}", said(&error)),
            }
            break;
        }
        Ok(if missing.is_empty() { Look::Ready(()) } else { Look::NotYet(last) })
    };
    let what = format!("objects put into {} to be in {} in {}", here.name, there.name, there.region);
    let hint = format!("is replication from {} to {} configured?", here.region, there.region);
    waited(wait::until(&what, ROUND_TRIP, LOOK, look).await, &hint)
}

/// Deletes a version, or the current one; deletes of versions do not replicate.
async fn take_away(bucket: &Bucket, key: &str, version: Option<String>) -> Result<(), Wrong> {
    let version = match version {
        Some(version) => Some(version),
        None => match bucket.client.head_object().bucket(&bucket.name).key(key).send().await {
            Ok(head) => head.version_id,
            // It never came, as the check has told.
            Err(_) => return Ok(()),
        },
    };
    let delete = bucket.client.delete_object().bucket(&bucket.name).key(key).set_version_id(version).send().await;
    delete.map(|_| ()).map_err(|error| Wrong::Blind(format!("{key}: {}", said(&error))))
}
