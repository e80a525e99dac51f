//! What is looked at in an item: which write it is, and a digest of all of it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use crate::history::Recorder;

/// The attribute of the partition key. A table of the stack has no sort key.
pub const KEY: &str = "id";
/// The attribute that our own writers put the tag into.
pub const WRITE: &str = "write";

#[expect(clippy::disallowed_types, reason = "the SDK's own type for an item; everything here reads it sorted")]
pub type Item = std::collections::HashMap<String, AttributeValue>;

/// The write an item is of: the tag stands in an attribute of its own, or inside what a user sent.
pub fn write_of(recorder: &Recorder, item: &Item) -> Option<u64> {
    let own = item.get(WRITE).and_then(|value| value.as_s().ok()).and_then(|text| recorder.find(text));
    own.or_else(|| {
        let sorted: BTreeMap<&String, &AttributeValue> = item.iter().collect();
        sorted.values().find_map(|value| value.as_s().ok().and_then(|text| recorder.find(text)))
    })
}

pub fn key_of(item: &Item) -> Option<&String> {
    item.get(KEY)?.as_s().ok()
}

/// Sixteen hexadecimal digits of SHA-256 over every attribute, in the order of their names.
pub fn digest(item: &Item) -> String {
    let mut digest = Sha256::new();
    map(&mut digest, item);
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn map(digest: &mut Sha256, map: &Item) {
    let sorted: BTreeMap<&String, &AttributeValue> = map.iter().collect();
    for (name, attribute) in sorted {
        part(digest, b'k', name.as_bytes());
        value(digest, attribute);
    }
}

fn value(digest: &mut Sha256, attribute: &AttributeValue) {
    match attribute {
        AttributeValue::S(text) => part(digest, b'S', text.as_bytes()),
        AttributeValue::N(number) => part(digest, b'N', number.as_bytes()),
        AttributeValue::B(blob) => part(digest, b'B', blob.as_ref()),
        AttributeValue::Bool(truth) => part(digest, b'b', &[u8::from(*truth)]),
        AttributeValue::Null(_) => part(digest, b'0', &[]),
        AttributeValue::Ss(set) => sorted(digest, b's', set.iter().map(String::as_bytes)),
        AttributeValue::Ns(set) => sorted(digest, b'n', set.iter().map(String::as_bytes)),
        AttributeValue::Bs(set) => sorted(digest, b'x', set.iter().map(AsRef::as_ref)),
        AttributeValue::L(list) => {
            part(digest, b'L', &(list.len() as u64).to_be_bytes());
            list.iter().for_each(|inner| value(digest, inner));
        }
        AttributeValue::M(inner) => {
            part(digest, b'M', &(inner.len() as u64).to_be_bytes());
            map(digest, inner);
        }
        other => part(digest, b'?', format!("{other:?}").as_bytes()),
    }
}

fn sorted<'a>(digest: &mut Sha256, kind: u8, members: impl Iterator<Item = &'a [u8]>) {
    let mut members: Vec<&[u8]> = members.collect();
    members.sort_unstable();
    part(digest, kind, &(members.len() as u64).to_be_bytes());
    members.into_iter().for_each(|member| part(digest, b'-', member));
}

/// The length stands in front, so that no two sequences of parts read the same.
fn part(digest: &mut Sha256, kind: u8, bytes: &[u8]) {
    digest.update([kind]);
    digest.update((bytes.len() as u64).to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, AttributeValue)]) -> Item {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_digest_tells_items_apart_and_minds_no_order() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let set = |members: &[&str]| AttributeValue::Ss(members.iter().map(|m| (*m).to_owned()).collect());
        let one = item(&[("id", text("a")), ("tags", set(&["x", "y"]))]);
        assert_eq!(digest(&one), digest(&item(&[("tags", set(&["y", "x"])), ("id", text("a"))])));
        assert_ne!(digest(&one), digest(&item(&[("id", text("a")), ("tags", set(&["xy"]))])));
        assert_ne!(digest(&item(&[("id", text("1"))])), digest(&item(&[("id", AttributeValue::N("1".into()))])));
    }
}
