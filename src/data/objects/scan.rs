//! The last look: every current object of every Region, the assets that users read among them.
//!
//! First only what listings show is compared, again and again until the Regions are equal or the time is up; then each
//! object is read, once.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;

use super::{Bucket, is_preflight, write_of};
use crate::data::fingerprint::Fingerprint;
use crate::history::{Event, Recorder};
use crate::store::Store;
use crate::target::said;
use crate::wait::{self, Look};

/// How many looks there are at most before the time is up.
const LOOKS: u32 = 48;
const INTERVAL_MIN: Duration = Duration::from_secs(5);
/// Larger objects are not read: ETag and size stand for their bytes.
const READ_MAX: i64 = 1 << 20;

/// What a listing shows, by key: ETag and size.
type Listing = BTreeMap<String, (String, i64)>;

/// Scans the buckets once they list the same objects, or after `settle`, and records what was found.
pub async fn scan(buckets: &[Bucket], settle: Duration, recorder: &Recorder) {
    let look = async || {
        let mut listings = Vec::new();
        for bucket in buckets {
            listings.push(list(bucket).await.ok());
        }
        let equal = listings.iter().all(|listing| listing.is_some() && *listing == listings[0]);
        Ok::<_, std::convert::Infallible>(if equal { Look::Ready(()) } else { Look::NotYet("unequal".to_owned()) })
    };
    // Whether they became equal is for the judge to say; a bucket that cannot be listed is told below.
    let _ = wait::until("equal Regions", settle, (settle / LOOKS).max(INTERVAL_MIN), look).await;
    for bucket in buckets {
        let (store, region, began_us) = (Store::Bucket, bucket.region, recorder.now_us());
        let mut items = 0;
        let read = read_all(bucket, recorder, &mut items).await;
        let complete = read.is_ok();
        if let Err(what) = read {
            recorder.record(Event::Trouble { stage: "scan".to_owned(), what: format!("{region}: {what}") });
        }
        recorder.record(Event::ScanEnded { store, region, items, complete, began_us });
    }
}

async fn read_all(bucket: &Bucket, recorder: &Recorder, items: &mut u64) -> Result<(), String> {
    for (key, (etag, size)) in list(bucket).await? {
        let head = head(bucket, &key).await?;
        let digest = if size > READ_MAX {
            Fingerprint::default().part(etag.as_bytes()).part(size.to_string().as_bytes()).finish()
        } else {
            bytes(bucket, &key).await?
        };
        recorder.record(Event::Scanned {
            store: Store::Bucket,
            region: bucket.region,
            write: write_of(recorder, &head),
            digest,
            about: Some(about(&head, &tags(bucket, &key).await?)),
            status: head.replication_status().map(|status| status.as_str().to_owned()),
            key,
        });
        *items += 1;
    }
    Ok(())
}

async fn list(bucket: &Bucket) -> Result<Listing, String> {
    let mut listing = Listing::new();
    let mut from = None;
    loop {
        let page = bucket.client.list_objects_v2().bucket(&bucket.name).set_continuation_token(from).send().await;
        let page = page.map_err(|error| said(&error))?;
        for object in page.contents() {
            if let Some(key) = object.key().filter(|key| !is_preflight(key)) {
                let etag = object.e_tag().unwrap_or_default().to_owned();
                listing.insert(key.to_owned(), (etag, object.size().unwrap_or_default()));
            }
        }
        from = page.next_continuation_token().map(str::to_owned);
        if from.is_none() {
            return Ok(listing);
        }
    }
}

async fn head(bucket: &Bucket, key: &str) -> Result<HeadObjectOutput, String> {
    let head = bucket.client.head_object().bucket(&bucket.name).key(key).send().await;
    head.map_err(|error| format!("{key}: {}", said(&error)))
}

async fn bytes(bucket: &Bucket, key: &str) -> Result<String, String> {
    let got = bucket.client.get_object().bucket(&bucket.name).key(key).send().await;
    let body = got.map_err(|error| format!("{key}: {}", said(&error)))?.body.collect().await;
    Ok(Fingerprint::of(&body.map_err(|error| format!("{key}: {error}"))?.into_bytes()))
}

async fn tags(bucket: &Bucket, key: &str) -> Result<Vec<(String, String)>, String> {
    let got = bucket.client.get_object_tagging().bucket(&bucket.name).key(key).send().await;
    let got = got.map_err(|error| format!("{key}: {}", said(&error)))?;
    let mut tags: Vec<_> = got.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    tags.sort_unstable();
    Ok(tags)
}

/// What goes with the bytes: metadata, content type, storage class, tags.
fn about(head: &HeadObjectOutput, tags: &[(String, String)]) -> String {
    let metadata: BTreeMap<&String, &String> = head.metadata().into_iter().flatten().collect();
    let mut print = Fingerprint::default()
        .part(head.content_type().unwrap_or_default().as_bytes())
        .part(head.storage_class().map_or("STANDARD", |class| class.as_str()).as_bytes())
        .part(metadata.len().to_string().as_bytes());
    let tags = tags.iter().map(|(key, value)| (key, value));
    for (key, value) in metadata.into_iter().chain(tags) {
        print = print.part(key.as_bytes()).part(value.as_bytes());
    }
    print.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_the_bytes_is_told_apart() {
        let head =
            |value: &str| HeadObjectOutput::builder().metadata("write", value).content_type("text/plain").build();
        let tag = |value: &str| vec![("written-by".to_owned(), value.to_owned())];
        assert_eq!(about(&head("1"), &tag("a")), about(&head("1"), &tag("a")));
        assert_ne!(about(&head("1"), &tag("a")), about(&head("2"), &tag("a")));
        assert_ne!(about(&head("1"), &tag("a")), about(&head("1"), &tag("b")));
        assert_ne!(about(&head("1"), &tag("a")), about(&head("1"), &[]));
    }
}
