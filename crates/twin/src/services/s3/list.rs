//! ListObjectsV2 and ListObjectVersions.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Ask;
use super::answer::{invalid_argument, root, xml};
use super::state::{Bucket, Version, arn};
use crate::wire::{AwsError, Response, xml::Element};

/// A page has at most 1,000 entries (API reference).
const PAGE_MAX: usize = 1_000;
/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'*');

/// What a listing is asked for.
struct Query<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    page: usize,
    url: bool,
}

impl<'a> Query<'a> {
    fn read(ask: &'a Ask<'_>) -> Result<Self, AwsError> {
        let page = match ask.target.get("max-keys") {
            None => PAGE_MAX,
            Some(text) => {
                let wanted = text.parse::<usize>().map_err(|_| invalid_argument("Provided max-keys not an integer"))?;
                wanted.min(PAGE_MAX)
            }
        };
        Ok(Self {
            prefix: ask.target.get("prefix").unwrap_or_default(),
            delimiter: ask.target.get("delimiter").unwrap_or_default(),
            page,
            url: ask.target.get("encoding-type") == Some("url"),
        })
    }

    fn encode(&self, key: &str) -> String {
        if self.url { utf8_percent_encode(key, PLAIN).to_string() } else { key.to_owned() }
    }

    /// The common prefix a key is rolled into.
    fn rolled<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(self.prefix)?;
        let end = rest.find(self.delimiter)? + self.delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }

    /// Keys with the prefix, after this one.
    fn keys<'b>(&'b self, bucket: &'b Bucket, after: &'b str) -> impl Iterator<Item = (&'b String, &'b Vec<Version>)> {
        let start = if after >= self.prefix && !after.is_empty() {
            Bound::Excluded(after)
        } else {
            Bound::Included(self.prefix)
        };
        bucket.objects.range::<str, _>((start, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(self.prefix))
    }
}

pub(super) fn objects(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.call.authorize("s3:ListBucket", &arn(&ask.target.bucket, ""))?;
    let query = Query::read(ask)?;
    let token = ask.target.get("continuation-token");
    let from = match token {
        Some(token) => decode(token)?,
        None => ask.target.get("start-after").unwrap_or_default().to_owned(),
    };
    let state = ask.call.cloud.s3.lock();
    let bucket = state.bucket(ask.call, &ask.target.bucket)?;
    let mut contents = Vec::new();
    let mut prefixes: Vec<&str> = Vec::new();
    let mut last = from.as_str();
    let mut truncated = false;
    for (key, versions) in query.keys(bucket, &from) {
        let Some(version) = versions.last() else { continue };
        let Some(object) = &version.object else { continue };
        let rolled = query.rolled(key);
        if let Some(rolled) = rolled
            && (prefixes.last() == Some(&rolled) || (token.is_some() && from == rolled))
        {
            continue;
        }
        if contents.len() + prefixes.len() >= query.page {
            truncated = query.page > 0;
            break;
        }
        match rolled {
            Some(rolled) => {
                prefixes.push(rolled);
                last = rolled;
            }
            None => {
                contents.push(entry("Contents", &query, key, version, object));
                last = key;
            }
        }
    }
    let mut result = root("ListBucketResult")
        .text_child("Name", &bucket.name)
        .text_child("Prefix", query.encode(query.prefix))
        .text_child("KeyCount", (contents.len() + prefixes.len()).to_string())
        .text_child("MaxKeys", query.page.to_string())
        .text_child("IsTruncated", truncated.to_string())
        .optional_child("ContinuationToken", token)
        .optional_child("StartAfter", ask.target.get("start-after"));
    if truncated {
        result = result.text_child("NextContinuationToken", URL_SAFE_NO_PAD.encode(last));
    }
    Ok(xml(ask.call, &finish(&query, result, contents, &prefixes)))
}

fn entry(name: &str, query: &Query<'_>, key: &str, version: &Version, object: &super::state::Object) -> Element {
    let class = object.about.storage_class.as_str();
    Element::new(name)
        .text_child("Key", query.encode(key))
        .text_child("LastModified", version.at.iso8601())
        .text_child("ETag", &object.etag)
        .optional_child("ChecksumAlgorithm", object.checksum.as_ref().map(|checksum| checksum.algorithm.name()))
        .text_child("Size", object.body.len().to_string())
        .text_child("StorageClass", if class.is_empty() { "STANDARD" } else { class })
}

fn finish(query: &Query<'_>, result: Element, entries: Vec<Element>, prefixes: &[&str]) -> Element {
    let mut result = entries.into_iter().fold(result, Element::child);
    if !query.delimiter.is_empty() {
        result = result.text_child("Delimiter", query.encode(query.delimiter));
    }
    if query.url {
        result = result.text_child("EncodingType", "url");
    }
    prefixes.iter().fold(result, |result, prefix| {
        result.child(Element::new("CommonPrefixes").text_child("Prefix", query.encode(prefix)))
    })
}

fn decode(token: &str) -> Result<String, AwsError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| invalid_argument("The continuation token provided is incorrect"))
}

pub(super) fn versions(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.call.authorize("s3:ListBucketVersions", &arn(&ask.target.bucket, ""))?;
    let query = Query::read(ask)?;
    let key_marker = ask.target.get("key-marker").unwrap_or_default();
    let id_marker = ask.target.get("version-id-marker");
    let state = ask.call.cloud.s3.lock();
    let bucket = state.bucket(ask.call, &ask.target.bucket)?;
    let mut entries = Vec::new();
    let mut prefixes: Vec<&str> = Vec::new();
    let mut next: Option<(String, Option<String>)> = None;
    // With a version marker, the rest of the marker's key comes first.
    let marked: BTreeMap<&String, &Vec<Version>> =
        id_marker.and_then(|_| bucket.objects.get_key_value(key_marker)).into_iter().collect();
    let mut last = (String::new(), None);
    'keys: for (key, all) in marked.into_iter().chain(query.keys(bucket, key_marker)) {
        if let Some(rolled) = query.rolled(key) {
            if prefixes.last() == Some(&rolled) || key_marker == rolled {
                continue;
            }
            if entries.len() + prefixes.len() >= query.page {
                next = Some(last);
                break;
            }
            prefixes.push(rolled);
            last = (rolled.to_owned(), None);
            continue;
        }
        let newest_first = all.iter().rev().enumerate();
        let resumes = id_marker.filter(|_| key == key_marker);
        let skip = resumes.and_then(|id| all.iter().rev().position(|version| version.id == id)).map_or(0, |at| at + 1);
        for (position, version) in newest_first.skip(skip) {
            if entries.len() + prefixes.len() >= query.page {
                next = Some(last);
                break 'keys;
            }
            entries.push(version_entry(&query, key, version, position == 0));
            last = (key.clone(), Some(version.id.clone()));
        }
    }
    let mut result = root("ListVersionsResult")
        .text_child("Name", &bucket.name)
        .text_child("Prefix", query.encode(query.prefix))
        .text_child("KeyMarker", query.encode(key_marker))
        .text_child("MaxKeys", query.page.to_string())
        .text_child("IsTruncated", next.is_some().to_string());
    if let Some((key, id)) = next {
        result = result.text_child("NextKeyMarker", query.encode(&key)).optional_child("NextVersionIdMarker", id);
    }
    Ok(xml(ask.call, &finish(&query, result, entries, &prefixes)))
}

fn version_entry(query: &Query<'_>, key: &str, version: &Version, latest: bool) -> Element {
    let entry = match &version.object {
        Some(object) => entry("Version", query, key, version, object),
        None => Element::new("DeleteMarker")
            .text_child("Key", query.encode(key))
            .text_child("LastModified", version.at.iso8601()),
    };
    entry.text_child("VersionId", &version.id).text_child("IsLatest", latest.to_string())
}
