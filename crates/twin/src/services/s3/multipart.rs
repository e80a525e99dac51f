//! Multipart uploads.

use bytes::BytesMut;

use super::answer::{self, header, invalid_argument, not_modelled, root, xml};
use super::body::Upload;
use super::checksum::{Algorithm, Checksum, hex, md5};
use super::object::{self, required_body};
use super::state::{Multipart, Object, Part, State};
use super::{Ask, checksum};
use crate::wire::{AwsError, Response, xml::Element};

/// Parts are numbered 1 to 10,000, and all but the last have 5 MiB at least (S3 user guide, multipart limits).
const PARTS_MAX: u16 = 10_000;
const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

pub(super) fn create(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutObject")?;
    object::refuse_unmodelled(ask)?;
    if let Some(name) = ask.header("x-amz-checksum-algorithm").filter(|name| Algorithm::named(name).is_none()) {
        return Err(not_modelled(&format!("the checksum algorithm {name}")));
    }
    let about = object::about(ask)?;
    let encryption = object::encryption(ask)?;
    let call = ask.call;
    let (bucket, key) = (ask.target.bucket.clone(), ask.target.key.clone());
    let mut state = call.cloud.s3.lock();
    state.bucket(call, &bucket)?;
    let id = call.cloud.ids.mixed(64);
    let result = root("InitiateMultipartUploadResult")
        .text_child("Bucket", &bucket)
        .text_child("Key", &key)
        .text_child("UploadId", &id);
    let mut response = xml(call, &result);
    object::encryption_headers(&mut response, &encryption);
    for name in ["x-amz-checksum-algorithm", "x-amz-checksum-type"] {
        if let Some(value) = ask.header(name) {
            header(&mut response, name, value);
        }
    }
    let started = call.cloud.clock.now();
    state.uploads.insert(id, Multipart { bucket, key, started, about, encryption, parts: Default::default() });
    Ok(response)
}

fn find<'s>(ask: &Ask<'_>, state: &'s mut State) -> Result<&'s mut Multipart, AwsError> {
    state.bucket(ask.call, &ask.target.bucket)?;
    let id = ask.target.get("uploadId").unwrap_or_default();
    let here = |upload: &&mut Multipart| upload.bucket == ask.target.bucket && upload.key == ask.target.key;
    state.uploads.get_mut(id).filter(here).ok_or_else(|| {
        let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                       aborted or completed.";
        AwsError::new(404, "NoSuchUpload", message).with("UploadId", id.into())
    })
}

pub(super) fn upload(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutObject")?;
    let number = ask.target.get("partNumber").and_then(|text| text.parse().ok());
    let number = number.filter(|number| (1..=PARTS_MAX).contains(number)).ok_or_else(|| {
        invalid_argument(format!("Part number must be an integer between 1 and {PARTS_MAX}, inclusive"))
    })?;
    let upload = Upload::read(ask.request)?;
    let etag = upload.etag();
    let mut response = answer::empty(ask.call, 200);
    header(&mut response, "etag", &etag);
    if let Some(checksum) = &upload.checksum {
        header(&mut response, checksum.algorithm.header(), &checksum.value);
    }
    let Upload { body, md5, checksum } = upload;
    let part = Part { body, md5, etag, checksum, at: ask.call.cloud.clock.now() };
    let mut state = ask.call.cloud.s3.lock();
    find(ask, &mut state)?.parts.insert(number, part);
    Ok(response)
}

pub(super) fn complete(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:PutObject")?;
    let named = Element::parse(required_body(ask)?)?;
    let object = {
        let mut state = ask.call.cloud.s3.lock();
        let upload = find(ask, &mut state)?;
        let parts = chosen(&named, upload)?;
        let object = assemble(upload, &parts);
        object::check_write_conditions(ask, state.bucket(ask.call, &ask.target.bucket)?)?;
        state.uploads.remove(ask.target.get("uploadId").unwrap_or_default());
        object
    };
    let (etag, checksum, encryption) = (object.etag.clone(), object.checksum.clone(), object.encryption.clone());
    let (id, _) = object::write(ask, object)?;
    let (bucket, key) = (&ask.target.bucket, &ask.target.key);
    let mut result = root("CompleteMultipartUploadResult")
        .text_child("Location", format!("https://{bucket}.s3.{}.amazonaws.com/{key}", ask.call.region))
        .text_child("Bucket", bucket)
        .text_child("Key", key)
        .text_child("ETag", etag);
    if let Some(checksum) = &checksum {
        result = result
            .text_child(checksum.algorithm.element(), &checksum.value)
            .text_child("ChecksumType", checksum.kind());
    }
    let mut response = xml(ask.call, &result);
    object::encryption_headers(&mut response, &encryption);
    if let Some(id) = id {
        header(&mut response, "x-amz-version-id", &id);
    }
    Ok(response)
}

/// The parts the caller names, checked: ascending, there, unchanged, large enough.
fn chosen(named: &Element, upload: &Multipart) -> Result<Vec<Part>, AwsError> {
    let mut parts = Vec::new();
    let mut before = 0;
    for part in named.all("Part") {
        let number = part.get_text("PartNumber").and_then(|text| text.trim().parse::<u16>().ok()).unwrap_or(0);
        if number <= before {
            let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(AwsError::bad_request("InvalidPartOrder", message));
        }
        before = number;
        let etag = part.get_text("ETag").unwrap_or_default().trim_matches('"');
        let found = upload.parts.get(&number).filter(|part| part.etag.trim_matches('"') == etag);
        let found = found.ok_or_else(|| {
            let message = format!("Part {number} could not be found, or its entity tag does not match.");
            AwsError::bad_request("InvalidPart", message)
        })?;
        parts.push(found.clone());
    }
    let Some((_, all_but_last)) = parts.split_last() else {
        return Err(AwsError::bad_request("MalformedXML", "You must specify at least one part"));
    };
    if all_but_last.iter().any(|part| part.body.len() < PART_BYTES_MIN) {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(AwsError::bad_request("EntityTooSmall", message));
    }
    Ok(parts)
}

fn assemble(upload: &Multipart, parts: &[Part]) -> Object {
    let mut body = BytesMut::with_capacity(parts.iter().map(|part| part.body.len()).sum());
    let mut digests = Vec::new();
    for part in parts {
        body.extend_from_slice(&part.body);
        digests.extend_from_slice(&part.md5);
    }
    let body = body.freeze();
    Object {
        etag: format!("\"{}-{}\"", hex(&md5(&digests)), parts.len()),
        checksum: combined(parts, &body),
        body,
        about: upload.about.clone(),
        encryption: upload.encryption.clone(),
    }
}

/// The checksum of the whole: over the parts' checksums, or over the bytes for CRC64NVME, which has no other form.
fn combined(parts: &[Part], body: &[u8]) -> Option<Checksum> {
    let algorithm = parts.first()?.checksum.as_ref()?.algorithm;
    if parts.iter().any(|part| part.checksum.as_ref().map(|checksum| checksum.algorithm) != Some(algorithm)) {
        return None;
    }
    let value = if algorithm == checksum::Algorithm::Crc64Nvme {
        algorithm.base64_of(body)
    } else {
        let sums: Vec<u8> = parts.iter().flat_map(|part| algorithm.of(&part.body)).collect();
        format!("{}-{}", algorithm.base64_of(&sums), parts.len())
    };
    Some(Checksum { algorithm, value })
}

pub(super) fn abort(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:AbortMultipartUpload")?;
    let mut state = ask.call.cloud.s3.lock();
    find(ask, &mut state)?;
    state.uploads.remove(ask.target.get("uploadId").unwrap_or_default());
    Ok(answer::empty(ask.call, 204))
}

pub(super) fn list(ask: &Ask<'_>) -> Result<Response, AwsError> {
    ask.authorize("s3:ListMultipartUploadParts")?;
    let number = |name: &str| ask.target.get(name).and_then(|text| text.parse::<usize>().ok());
    let after = number("part-number-marker").unwrap_or(0);
    let page = number("max-parts").unwrap_or(1_000).min(1_000);
    let mut state = ask.call.cloud.s3.lock();
    let upload = find(ask, &mut state)?;
    let later: Vec<_> = upload.parts.iter().filter(|(number, _)| usize::from(**number) > after).collect();
    let mut result = root("ListPartsResult")
        .text_child("Bucket", &upload.bucket)
        .text_child("Key", &upload.key)
        .text_child("UploadId", ask.target.get("uploadId").unwrap_or_default())
        .text_child("Initiated", upload.started.iso8601())
        .text_child("PartNumberMarker", after.to_string())
        .text_child("MaxParts", page.to_string())
        .text_child("IsTruncated", (later.len() > page).to_string());
    if let Some((last, _)) = later.get(page.wrapping_sub(1)).filter(|_| later.len() > page) {
        result = result.text_child("NextPartNumberMarker", last.to_string());
    }
    for (number, part) in later.into_iter().take(page) {
        let mut entry = Element::new("Part")
            .text_child("PartNumber", number.to_string())
            .text_child("LastModified", part.at.iso8601())
            .text_child("ETag", &part.etag)
            .text_child("Size", part.body.len().to_string());
        if let Some(checksum) = &part.checksum {
            entry = entry.text_child(checksum.algorithm.element(), &checksum.value);
        }
        result = result.child(entry);
    }
    Ok(xml(ask.call, &result))
}
