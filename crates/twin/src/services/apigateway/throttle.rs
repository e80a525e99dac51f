//! Token buckets: how many requests a second are let in.

use crate::clock::Timestamp;

/// Requests per second of an account in a Region, and the bucket that takes bursts ("Amazon API Gateway quotas").
pub const ACCOUNT: (f64, f64) = (10_000.0, 5_000.0);

/// A token bucket that fills at a steady rate.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    pub fn full(rate: f64, burst: f64, now: Timestamp) -> Self {
        Self { rate, burst, tokens: burst, at: now }
    }

    /// Lets one request in, or does not.
    pub fn take(&mut self, now: Timestamp) -> bool {
        self.tokens = (self.tokens + now.since(self.at).as_secs_f64() * self.rate).min(self.burst);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_takes_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(10.0, 5.0, Timestamp::default());
        let taken = (0..20).filter(|_| bucket.take(Timestamp::default())).count();
        assert_eq!(taken, 5);
        let later = Timestamp::default() + Duration::from_millis(250);
        let taken = (0..20).filter(|_| bucket.take(later)).count();
        assert_eq!(taken, 2, "a quarter of a second at ten a second");
    }
}
