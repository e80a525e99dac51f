//! What exists: buckets, the versions of their objects, uploads under way.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::checksum::Checksum;
use super::replication::{Replication, Standing};
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::{AwsError, xml::Element};

/// The version id of what was written while versioning was not enabled.
pub(super) const NULL: &str = "null";

#[derive(Default)]
pub(super) struct State {
    pub buckets: BTreeMap<String, Bucket>,
    pub uploads: BTreeMap<String, Multipart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

pub(super) struct Bucket {
    pub name: String,
    pub region: Region,
    pub created: Timestamp,
    pub versioning: Versioning,
    pub tags: BTreeMap<String, String>,
    pub replication: Option<Replication>,
    pub policy: Option<String>,
    pub encryption: Encryption,
    /// Configurations that are kept to be given back, by query parameter.
    pub stored: BTreeMap<&'static str, Element>,
    /// Oldest first.
    pub objects: BTreeMap<String, Vec<Version>>,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub id: String,
    pub at: Timestamp,
    /// None for a delete marker.
    pub object: Option<Object>,
    /// None where no rule matched it.
    pub replication: Option<Standing>,
    /// When its tags changed last.
    pub tagged: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub body: Bytes,
    /// In its quotes.
    pub etag: String,
    pub about: About,
    pub checksum: Option<Checksum>,
    pub encryption: Encryption,
}

/// What the writer says about an object.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// `content-type`, `cache-control` and their like.
    pub headers: Vec<(&'static str, String)>,
    /// Without the `x-amz-meta-` prefix.
    pub metadata: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Empty for STANDARD.
    pub storage_class: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// `AES256`, with keys of S3's own.
    S3,
    /// `aws:kms`, with the key of this ARN (or name, in a bucket's default).
    Kms(String),
}

/// A multipart upload under way.
pub(super) struct Multipart {
    pub bucket: String,
    pub key: String,
    pub started: Timestamp,
    pub about: About,
    pub encryption: Encryption,
    pub parts: BTreeMap<u16, Part>,
}

#[derive(Clone)]
pub(super) struct Part {
    pub body: Bytes,
    pub md5: Vec<u8>,
    pub etag: String,
    pub checksum: Option<Checksum>,
    pub at: Timestamp,
}

impl Version {
    /// A version written now: a delete marker where there is no object.
    pub fn new(id: String, at: Timestamp, object: Option<Object>) -> Self {
        Self { id, at, object, replication: None, tagged: at }
    }
}

impl State {
    /// The bucket, where it exists in the Region of the call.
    pub fn bucket(&self, call: &Call, name: &str) -> Result<&Bucket, AwsError> {
        let bucket = self.buckets.get(name).ok_or_else(|| no_such_bucket(name))?;
        bucket.check_region(call)?;
        Ok(bucket)
    }

    pub fn bucket_mut(&mut self, call: &Call, name: &str) -> Result<&mut Bucket, AwsError> {
        let bucket = self.buckets.get_mut(name).ok_or_else(|| no_such_bucket(name))?;
        bucket.check_region(call)?;
        Ok(bucket)
    }
}

pub(super) fn no_such_bucket(name: &str) -> AwsError {
    AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name.into())
}

impl Bucket {
    pub fn new(name: &str, region: Region, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            region,
            created,
            versioning: Versioning::Never,
            tags: BTreeMap::new(),
            replication: None,
            policy: None,
            encryption: Encryption::S3,
            stored: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    fn check_region(&self, call: &Call) -> Result<(), AwsError> {
        if self.region == call.region {
            return Ok(());
        }
        let message = format!(
            "The bucket you are attempting to access must be addressed using the specified endpoint: {} is in {}.",
            self.name, self.region
        );
        Err(AwsError::new(301, "PermanentRedirect", message).with("x-amz-bucket-region", self.region.as_str().into()))
    }

    /// The id for what is written now.
    pub fn next_id(&self, call: &Call) -> String {
        if self.versioning == Versioning::Enabled { call.cloud.ids.mixed(32) } else { NULL.to_owned() }
    }

    pub fn latest(&self, key: &str) -> Option<&Version> {
        self.objects.get(key)?.last()
    }

    /// The newest object, none where there is none or a delete marker hides it.
    pub fn current(&self, key: &str) -> Option<(&Version, &Object)> {
        let version = self.latest(key)?;
        Some((version, version.object.as_ref()?))
    }

    pub fn version(&self, key: &str, id: &str) -> Option<&Version> {
        self.objects.get(key)?.iter().find(|version| version.id == id)
    }

    pub fn version_mut(&mut self, key: &str, id: &str) -> Option<&mut Version> {
        self.objects.get_mut(key)?.iter_mut().find(|version| version.id == id)
    }

    /// Adds a version in the order of time; one without an id of its own replaces the one before it. Of two written at
    /// one moment the greater id is the later one, so that buckets that replicate to each other agree.
    pub fn insert(&mut self, key: &str, version: Version) {
        if !self.objects.contains_key(key) {
            self.objects.insert(key.to_owned(), vec![version]);
            return;
        }
        let Some(versions) = self.objects.get_mut(key) else { return };
        versions.retain(|other| other.id != version.id);
        let later = |other: &Version| (other.at, &other.id) > (version.at, &version.id);
        let place = versions.iter().rposition(|other| !later(other)).map_or(0, |before| before + 1);
        versions.insert(place, version);
    }

    /// Removes a version for good.
    pub fn remove(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.objects.get_mut(key)?;
        let at = versions.iter().position(|version| version.id == id)?;
        let removed = versions.remove(at);
        if versions.is_empty() {
            self.objects.remove(key);
        }
        Some(removed)
    }
}

/// `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/key`.
pub(super) fn arn(bucket: &str, key: &str) -> String {
    if key.is_empty() { format!("arn:aws:s3:::{bucket}") } else { format!("arn:aws:s3:::{bucket}/{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str, second: i64) -> Version {
        Version::new(id.to_owned(), Timestamp::from_millis(second * 1_000), None)
    }

    #[test]
    fn a_late_arrival_does_not_hide_what_was_written_after_it() {
        let mut bucket = Bucket::new("b", Region::US_EAST_1, Timestamp::default());
        for (id, second) in [("first", 1), ("third", 3), ("second", 2), ("also-third", 3), (NULL, 0)] {
            bucket.insert("k", version(id, second));
        }
        let ids: Vec<_> = bucket.objects["k"].iter().map(|version| version.id.as_str()).collect();
        assert_eq!(ids, [NULL, "first", "second", "also-third", "third"]);
        bucket.insert("k", version(NULL, 4));
        assert_eq!((bucket.latest("k").unwrap().id.as_str(), bucket.objects["k"].len()), (NULL, 5));
    }
}
