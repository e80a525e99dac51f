//! What two Regions are compared by: sixteen hexadecimal digits of SHA-256.

use sha2::{Digest, Sha256};

/// A digest that is being made of parts. Each part's length goes in with it, so that no two sequences of parts read
/// the same.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of one thing.
    pub fn of(bytes: &[u8]) -> String {
        Self::default().part(bytes).finish()
    }

    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub fn finish(self) -> String {
        self.0.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let two = |one: &[u8], other: &[u8]| Fingerprint::default().part(one).part(other).finish();
        assert_eq!(two(b"a", b"bc"), two(b"a", b"bc"));
        assert_ne!(two(b"a", b"bc"), two(b"ab", b"c"));
        assert_eq!(Fingerprint::of(b"a").len(), 16);
    }
}
