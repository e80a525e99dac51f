//! The quota of the API: five requests a second an account.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::wire::AwsError;

/// Developer guide, "Quotas": five requests per second per AWS account.
const REQUESTS: usize = 5;
const WINDOW: Duration = Duration::from_secs(1);

/// The moments of the requests within the last second.
#[derive(Debug, Default)]
pub struct Quota(VecDeque<Timestamp>);

impl Quota {
    pub fn take(&mut self, now: Timestamp) -> Result<(), AwsError> {
        while self.0.front().is_some_and(|at| now.since(*at) >= WINDOW) {
            self.0.pop_front();
        }
        if self.0.len() >= REQUESTS {
            return Err(AwsError::bad_request("Throttling", "Rate exceeded"));
        }
        self.0.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_request_within_a_second_is_throttled() {
        let mut quota = Quota::default();
        let at = |millis| Timestamp::from_millis(millis);
        assert!((0..5).all(|i| quota.take(at(i * 100)).is_ok()));
        assert_eq!(quota.take(at(999)).unwrap_err().code, "Throttling");
        assert!(quota.take(at(1_000)).is_ok() && quota.take(at(1_050)).is_err());
    }
}
