//! Deployment packages: what a zip says about the code to run.
//!
//! The twin runs functions linked into this process. A package names its own by the `Cargo.toml` it carries: the
//! `[package] name` selects the crate. The bytes still matter: their digest is what the API and templates see.

use std::io::{Cursor, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::settings::invalid;
use crate::Cloud;
use crate::wire::AwsError;

/// The largest manifest that is read out of a package.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024;

/// A deployment package, as far as the twin needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The crate it holds, or why that cannot be told.
    pub crate_name: Result<String, String>,
    /// `CodeSha256`: base64 of the digest of the bytes.
    pub sha256: String,
    pub bytes: usize,
}

impl Package {
    /// A package from its bytes.
    pub fn read(bytes: &[u8]) -> Self {
        Self {
            crate_name: crate_name(bytes),
            sha256: BASE64_STANDARD.encode(Sha256::digest(bytes)),
            bytes: bytes.len(),
        }
    }

    /// The `Code` of a request: a zip in base64, or an object.
    pub fn of_request(cloud: &Cloud, code: &Value) -> Result<Self, AwsError> {
        if let Some(zip) = code.get("ZipFile").and_then(Value::as_str) {
            let bytes = BASE64_STANDARD
                .decode(zip)
                .map_err(|error| invalid(format!("Could not decode ZipFile: it is not base64: {error}")))?;
            return Ok(Self::read(&bytes));
        }
        Self::of_object(cloud, code)
    }

    /// The `Code` property of a template: `ZipFile` is source text there.
    pub fn of_template(cloud: &Cloud, code: &Value) -> Result<Self, AwsError> {
        match code.get("ZipFile").and_then(Value::as_str) {
            Some(source) => {
                let why = "the function's code is source text (ZipFile): the embedded twin runs only Rust functions \
                           that are linked into it; give a package with the crate's Cargo.toml";
                Ok(Self { crate_name: Err(why.to_owned()), ..Self::read(source.as_bytes()) })
            }
            None => Self::of_object(cloud, code),
        }
    }

    fn of_object(cloud: &Cloud, code: &Value) -> Result<Self, AwsError> {
        if code.get("ImageUri").is_some() {
            return Err(invalid(
                "the embedded twin runs functions linked into it, not images: give S3Bucket and S3Key",
            ));
        }
        let member = |name: &str| code.get(name).and_then(Value::as_str);
        let (Some(bucket), Some(key)) = (member("S3Bucket"), member("S3Key")) else {
            return Err(invalid("Please provide a source for function code: S3Bucket and S3Key, or ZipFile."));
        };
        let bytes: Bytes = cloud.s3.read(bucket, key).ok_or_else(|| {
            invalid(format!(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: there is no object \
                 s3://{bucket}/{key}; upload the package before the stack is deployed"
            ))
        })?;
        Ok(Self::read(&bytes))
    }
}

fn crate_name(bytes: &[u8]) -> Result<String, String> {
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("the package is no zip: {error}"))?;
    let file = archive
        .by_name("Cargo.toml")
        .map_err(|_| "the package holds no Cargo.toml at its root, by which the twin knows its crate".to_owned())?;
    let mut manifest = String::new();
    file.take(MANIFEST_BYTES_MAX)
        .read_to_string(&mut manifest)
        .map_err(|error| format!("the package's Cargo.toml cannot be read: {error}"))?;
    package_name(&manifest).ok_or_else(|| "the package's Cargo.toml has no [package] name".to_owned())
}

/// The `name` of the `[package]` table: the one key wanted of a manifest, so no TOML parser is linked for it.
fn package_name(manifest: &str) -> Option<String> {
    let lines = manifest.lines().map(str::trim);
    let table = lines.skip_while(|line| *line != "[package]").skip(1).take_while(|line| !line.starts_with('['));
    for line in table {
        let Some((key, value)) = line.split_once('=') else { continue };
        if key.trim() == "name" {
            let value = value.trim();
            let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            return value[1..].split(quote).next().map(str::to_owned);
        }
    }
    None
}

/// A zip that holds the manifest of this crate, as tests deploy it.
#[cfg(test)]
pub fn zip_of(crate_name: &str) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("Cargo.toml", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(format!("[package]\nname = \"{crate_name}\"\n").as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_names_its_crate() {
        assert_eq!(Package::read(&zip_of("orders")).crate_name.as_deref(), Ok("orders"));
        assert!(Package::read(b"def handler(): pass").crate_name.unwrap_err().contains("no zip"));
    }

    #[test]
    fn only_the_package_table_names_the_crate() {
        let manifest =
            "[workspace]\nname = \"no\"\n[package]\nversion = \"1\"\nname = 'yes' # here\n[lib]\nname = \"no\"";
        assert_eq!(package_name(manifest).as_deref(), Some("yes"));
        assert_eq!(package_name("[lib]\nname = \"no\""), None);
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        // The SHA-256 of the empty string, in base64.
        assert_eq!(Package::read(b"").sha256, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
