//! Failing back: only after a stretch of unbroken health, so that a flapping Region does not get its users back.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::guard::Guard;
use crate::log::{Decision, Entry};

/// What is left of the function's time for the change itself.
const MARGIN: Duration = Duration::from_secs(30);

impl Guard {
    pub(crate) async fn fail_back(&self, begun: Instant) -> Result<Entry, Error> {
        let guarded = &self.config.guarded;
        if !self.is_failed_over(&self.records().await?) {
            return Ok(Entry::new(Decision::Ignored, format!("{guarded} is not failed over")));
        }
        self.wait_for_stability(begun).await?;
        // Minutes have passed: what was read then may no longer be so.
        let records = self.records().await?;
        if !self.is_failed_over(&records) {
            return Ok(Entry::new(Decision::Ignored, format!("{guarded} was failed back by someone else meanwhile")));
        }
        // A lost race is an error like any other: nothing is lost by looking again in a minute, as users are served by
        // the other Region.
        let change = self.point_guarded(&records, &self.config.guarded_endpoint, "fail back").await?;
        let reason = format!("{guarded} was healthy for {} s", self.config.stable.as_secs());
        Ok(Entry::new(Decision::FailedBack, reason).with(change).moved(&records, &self.config.guarded_endpoint))
    }

    /// Returns when the guarded Region has been healthy for long enough, each look included.
    async fn wait_for_stability(&self, begun: Instant) -> Result<(), Error> {
        let deadline = begun + self.config.timeout.saturating_sub(MARGIN);
        let mut healthy_since = None;
        loop {
            let looked = Instant::now();
            if self.health.is_healthy(&self.config.guarded_health_url).await {
                let since = *healthy_since.get_or_insert(looked);
                if looked - since >= self.config.stable {
                    return Ok(());
                }
            } else if let Some(since) = healthy_since.take() {
                let lasted = (looked - since).as_secs();
                let reason = format!("{} was healthy for {lasted} s only: the count begins anew", self.config.guarded);
                self.tell(&Entry::new(Decision::Unstable, reason));
            }
            let next = looked + self.config.probe;
            if next >= deadline {
                let reason = format!(
                    "{} was not healthy for {} s on end in the time there was; the next retry looks again",
                    self.config.guarded,
                    self.config.stable.as_secs()
                );
                return Err(Error::Unstable(reason));
            }
            tokio::time::sleep_until(next).await;
        }
    }
}
