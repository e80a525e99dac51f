//! The checksums SDKs send with what they upload.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha2::Sha256;

/// A checksum algorithm S3 knows. SHA-1 is missing: no SDK chooses it by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha256,
}

/// A verified checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    pub algorithm: Algorithm,
    /// Base64, with `-<parts>` behind it where it is one over the checksums of parts.
    pub value: String,
}

impl Algorithm {
    pub const ALL: [Self; 4] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha256];

    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The name in headers such as `x-amz-checksum-algorithm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha256 => "SHA256",
        }
    }

    /// The element in XML answers.
    pub const fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub fn of(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Crc32 => crc32fast::hash(body).to_be_bytes().to_vec(),
            Self::Crc32c => {
                let crc = body
                    .iter()
                    .fold(u32::MAX, |crc, byte| CRC32C[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8));
                (!crc).to_be_bytes().to_vec()
            }
            Self::Crc64Nvme => {
                let crc = body
                    .iter()
                    .fold(u64::MAX, |crc, byte| CRC64NVME[((crc ^ u64::from(*byte)) & 0xff) as usize] ^ (crc >> 8));
                (!crc).to_be_bytes().to_vec()
            }
            Self::Sha256 => Sha256::digest(body).to_vec(),
        }
    }

    pub fn base64_of(self, body: &[u8]) -> String {
        STANDARD.encode(self.of(body))
    }
}

impl Checksum {
    pub fn kind(&self) -> &'static str {
        if self.value.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

/// Castagnoli's polynomial, reflected (RFC 3720, appendix B.4).
const CRC32C: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// The 64-bit polynomial of the NVM Express specification, reflected.
const CRC64NVME: [u64; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x9a6c_9329_ac4b_c9b5 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

pub(super) fn md5(body: &[u8]) -> Vec<u8> {
    Md5::digest(body).to_vec()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_the_catalogue_hold() {
        let of = |algorithm: Algorithm| hex(&algorithm.of(b"123456789"));
        assert_eq!(of(Algorithm::Crc32), "cbf43926");
        assert_eq!(of(Algorithm::Crc32c), "e3069283");
        assert_eq!(of(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
