//! Identifiers: drawn from the seed, in the order they are asked for.

use std::sync::Mutex;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::seed::Seed;

pub struct Ids(Mutex<ChaCha8Rng>);

impl Ids {
    pub fn new(seed: Seed) -> Self {
        Self(Mutex::new(seed.stream("twin/ids")))
    }

    /// `6a1f…-…`, the form of request ids, stack ids and version ids.
    pub fn uuid(&self) -> String {
        let (a, b) = (self.draw(), self.draw());
        let (high, low) = (a >> 32, a & 0xffff_ffff);
        format!(
            "{high:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            low >> 16,
            low & 0xfff,
            0x8000 | (b >> 50),
            b & 0xffff_ffff_ffff
        )
    }

    /// `length` characters of lower-case letters and digits, as in API ids.
    pub fn lower(&self, length: usize) -> String {
        self.of(b"abcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    /// `length` characters of upper-case letters and digits, as in hosted zone and change ids.
    pub fn upper(&self, length: usize) -> String {
        self.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length)
    }

    /// `length` characters of letters and digits, as in object version ids.
    pub fn mixed(&self, length: usize) -> String {
        self.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    fn of(&self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[(self.draw() % alphabet.len() as u64) as usize])).collect()
    }

    fn draw(&self) -> u64 {
        // A poisoned lock holds a generator that is as good as before.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next_u64()
    }
}
