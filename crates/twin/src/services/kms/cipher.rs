//! A stand-in for the real cipher: SHA-256 in counter mode with a digest over key, context and text. It binds a
//! ciphertext to its key and context, fails on any change, and is not meant to protect anything.

use sha2::{Digest, Sha256};

const FORMAT: u8 = 1;
const NONCE: usize = 16;
const TAG: usize = 16;

/// A ciphertext taken apart.
pub(super) struct Sealed<'a> {
    pub key_id: &'a str,
    nonce: &'a [u8],
    tag: &'a [u8],
    body: &'a [u8],
}

pub(super) fn seal(material: &[u8; 32], key_id: &str, context: &str, nonce: &[u8; NONCE], plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + key_id.len() + NONCE + TAG + plain.len());
    out.push(FORMAT);
    out.push(u8::try_from(key_id.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(key_id.as_bytes());
    out.extend_from_slice(nonce);
    out.extend_from_slice(&tag(material, context, nonce, plain));
    out.extend(mask(material, nonce, plain));
    out
}

/// The parts of what [`seal`] made, none where it made no such thing.
pub(super) fn take_apart(sealed: &[u8]) -> Option<Sealed<'_>> {
    let (&[FORMAT, length], rest) = sealed.split_first_chunk::<2>()? else { return None };
    let (key_id, rest) = rest.split_at_checked(usize::from(length))?;
    let (nonce, rest) = rest.split_at_checked(NONCE)?;
    let (tag, body) = rest.split_at_checked(TAG)?;
    Some(Sealed { key_id: std::str::from_utf8(key_id).ok()?, nonce, tag, body })
}

/// The plain text, none where the key or the context is another one.
pub(super) fn open(material: &[u8; 32], context: &str, sealed: &Sealed<'_>) -> Option<Vec<u8>> {
    let plain = mask(material, sealed.nonce, sealed.body);
    (tag(material, context, sealed.nonce, &plain) == sealed.tag).then_some(plain)
}

fn tag(material: &[u8; 32], context: &str, nonce: &[u8], plain: &[u8]) -> [u8; TAG] {
    let digest =
        Sha256::new().chain_update(material).chain_update(nonce).chain_update(context).chain_update(plain).finalize();
    let mut tag = [0; TAG];
    tag.copy_from_slice(&digest[..TAG]);
    tag
}

fn mask(material: &[u8; 32], nonce: &[u8], text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    for (counter, block) in out.chunks_mut(32).enumerate() {
        let pad = Sha256::new()
            .chain_update(material)
            .chain_update(nonce)
            .chain_update((counter as u64).to_be_bytes())
            .finalize();
        block.iter_mut().zip(pad.iter()).for_each(|(byte, pad)| *byte ^= pad);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_context_open_it() {
        let sealed = seal(&[1; 32], "key", "a=b", &[7; NONCE], b"a text longer than one block of thirty-two");
        let parts = take_apart(&sealed).unwrap();
        assert_eq!(parts.key_id, "key");
        assert_eq!(open(&[1; 32], "a=b", &parts).unwrap(), b"a text longer than one block of thirty-two");
        assert_eq!(open(&[2; 32], "a=b", &parts), None);
        assert_eq!(open(&[1; 32], "a=c", &parts), None);
        assert!(take_apart(&sealed[..10]).is_none());
        assert!(!sealed.windows(4).any(|window| window == b"text"));
    }
}
