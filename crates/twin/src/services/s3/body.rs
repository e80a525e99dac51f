//! The body of an upload: unpacked from aws-chunked framing, its checksums verified.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};

use super::answer::{invalid_request, not_modelled, text_header};
use super::checksum::{Algorithm, Checksum, hex, md5};
use crate::wire::{AwsError, Request};

/// What was uploaded.
#[derive(Debug)]
pub(super) struct Upload {
    pub body: Bytes,
    pub md5: Vec<u8>,
    /// The checksum the caller sent, which the body matches.
    pub checksum: Option<Checksum>,
}

impl Upload {
    pub fn read(request: &Request) -> Result<Self, AwsError> {
        if request.headers().contains_key("x-amz-checksum-sha1") {
            return Err(not_modelled("SHA-1 checksums (CRC32, CRC32C, CRC64NVME and SHA256 are)"));
        }
        let (body, trailers) =
            if is_chunked(request) { unchunk(request)? } else { (request.body().clone(), Vec::new()) };
        let md5 = md5(&body);
        if let Some(sent) = text_header(request, "content-md5") {
            let sent = STANDARD.decode(sent).ok().filter(|digest| digest.len() == 16);
            let sent = sent
                .ok_or_else(|| AwsError::bad_request("InvalidDigest", "The Content-MD5 you specified was invalid."))?;
            if sent != md5 {
                let message = format!("The Content-MD5 you specified did not match what we received ({}).", hex(&md5));
                return Err(AwsError::bad_request("BadDigest", message));
            }
        }
        let checksum = checksum(request, &trailers, &body)?;
        Ok(Self { body, md5, checksum })
    }

    pub fn etag(&self) -> String {
        format!("\"{}\"", hex(&self.md5))
    }
}

fn is_chunked(request: &Request) -> bool {
    let encoded = text_header(request, "content-encoding").is_some_and(|value| value.contains("aws-chunked"));
    encoded || text_header(request, "x-amz-content-sha256").is_some_and(|value| value.starts_with("STREAMING-"))
}

fn checksum(request: &Request, trailers: &[(String, String)], body: &[u8]) -> Result<Option<Checksum>, AwsError> {
    for algorithm in Algorithm::ALL {
        let name = algorithm.header();
        let trailer = || trailers.iter().find(|(trailer, _)| trailer == name).map(|(_, value)| value.as_str());
        let Some(sent) = text_header(request, name).or_else(trailer) else { continue };
        let value = algorithm.base64_of(body);
        if sent != value {
            let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
            return Err(AwsError::bad_request("BadDigest", message));
        }
        return Ok(Some(Checksum { algorithm, value }));
    }
    Ok(None)
}

type Trailers = Vec<(String, String)>;

/// `<hex size>[;chunk-signature=…]\r\n<bytes>\r\n` … `0\r\n<trailer>: <value>\r\n\r\n`.
fn unchunk(request: &Request) -> Result<(Bytes, Trailers), AwsError> {
    let malformed = || invalid_request("the aws-chunked body is malformed");
    let mut rest = request.body().clone();
    let mut chunks: Vec<Bytes> = Vec::new();
    loop {
        let line = take_line(&mut rest).ok_or_else(malformed)?;
        let line = std::str::from_utf8(&line).map_err(|_| malformed())?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed())?;
        if size == 0 {
            break;
        }
        if rest.len() < size {
            return Err(AwsError::bad_request("IncompleteBody", "the body ends inside a chunk"));
        }
        chunks.push(rest.split_to(size));
        if take_line(&mut rest).is_none_or(|line| !line.is_empty()) {
            return Err(malformed());
        }
    }
    let mut trailers = Vec::new();
    while let Some(line) = take_line(&mut rest).filter(|line| !line.is_empty()) {
        let line = std::str::from_utf8(&line).map_err(|_| malformed())?;
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let body = match chunks.as_slice() {
        [one] => one.clone(),
        many => {
            let mut whole = BytesMut::with_capacity(many.iter().map(Bytes::len).sum());
            many.iter().for_each(|chunk| whole.extend_from_slice(chunk));
            whole.freeze()
        }
    };
    let declared = text_header(request, "x-amz-decoded-content-length").and_then(|length| length.parse::<usize>().ok());
    match declared {
        Some(length) if length != body.len() => Err(AwsError::bad_request(
            "IncompleteBody",
            format!("x-amz-decoded-content-length says {length} bytes, the body has {}", body.len()),
        )),
        _ => Ok((body, trailers)),
    }
}

fn take_line(rest: &mut Bytes) -> Option<Bytes> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = rest.split_to(end);
    let _newline = rest.split_to(2);
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(body: &'static str, length: &str) -> Result<Upload, AwsError> {
        let request = http::Request::put("https://b.s3.amazonaws.com/k")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", length)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        Upload::read(&request)
    }

    #[test]
    fn chunks_and_trailers_are_unpacked_and_verified() {
        let good = "5\r\nhello\r\n6;chunk-signature=ab\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
        let read = upload(good, "11").unwrap();
        assert_eq!(read.body, "hello world");
        assert_eq!(read.checksum, Some(Checksum { algorithm: Algorithm::Crc32, value: "DUoRhQ==".to_owned() }));
        let wrong = "5\r\nhellO\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
        assert_eq!(upload(wrong, "5").unwrap_err().code, "BadDigest");
        assert_eq!(upload("5\r\nhel", "5").unwrap_err().code, "IncompleteBody");
        assert_eq!(upload("5\r\nhello\r\n0\r\n\r\n", "6").unwrap_err().code, "IncompleteBody");
        assert_eq!(upload("x\r\nhello", "5").unwrap_err().code, "InvalidRequest");
    }
}
