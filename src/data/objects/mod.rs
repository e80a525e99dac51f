//! Objects: writers of our own, the follower of every write, the last scan.
//!
//! Every object carries its write's tag as metadata, so that whoever asks for its head knows which write it is.

mod follow;
mod scan;
#[cfg(test)]
mod tests;
mod write;

pub use follow::Follower;
pub use scan::scan;
pub use write::{Content, Writer, script, write};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;

use crate::history::Recorder;
use crate::region::Region;

/// What the keys of our own writers begin with.
pub const PREFIX: &str = "blackstart/";
/// The metadata that holds the tag: `x-amz-meta-write`.
const WRITE: &str = "write";

/// What preflight puts into a bucket and takes away again.
pub fn preflight_key(region: Region) -> String {
    format!("{PREFIX}preflight-{region}")
}

/// Scans leave it out, in case it could not be taken away.
fn is_preflight(key: &str) -> bool {
    key.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with("preflight-"))
}

/// The bucket of a Region.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub region: Region,
    pub name: String,
    pub client: aws_sdk_s3::Client,
}

/// The write an object is of.
fn write_of(recorder: &Recorder, head: &HeadObjectOutput) -> Option<u64> {
    recorder.find(head.metadata()?.get(WRITE)?)
}
