//! The time of a run: tokio's clock, laid over a wall-clock epoch.
//!
//! On the embedded target the tokio clock is paused and the epoch is fixed, so the same seed sees the same
//! timestamps. Elsewhere the epoch is the moment the process started. Nothing else in the tree may read a clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// A moment, in whole microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since the epoch with a fraction, the form the AWS JSON protocols use.
    pub fn seconds(self) -> f64 {
        self.millis() as f64 / 1_000.0
    }

    /// `2026-01-05T00:00:00.000Z`, the form the AWS XML protocols use.
    pub fn iso8601(self) -> String {
        let at = self.datetime();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    }

    /// `Mon, 05 Jan 2026 00:00:00 GMT`, the form of HTTP headers.
    pub fn http_date(self) -> String {
        let text = self.datetime().format(&Rfc2822).unwrap_or_default();
        text.replace("+0000", "GMT")
    }

    /// Reads an RFC 3339 moment.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000).ok().map(Self)
    }

    /// The start of the period of this length that holds this moment.
    pub fn floor_to(self, period: Duration) -> Self {
        let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1);
        Self(self.0.div_euclid(period) * period)
    }

    /// The time from `earlier` to this moment; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    fn datetime(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Where a run reads the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Timestamp,
    origin: tokio::time::Instant,
}

impl Clock {
    /// Every embedded run begins here: Monday, 5 January 2026, 00:00 UTC.
    pub const EMBEDDED_EPOCH: Timestamp = Timestamp::from_millis(1_767_571_200_000);

    /// A clock that reads `epoch` now and follows tokio's time from here on.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, origin: tokio::time::Instant::now() }
    }

    /// The machine's own clock.
    #[expect(clippy::disallowed_methods, reason = "the one place where real time enters a run")]
    pub fn system() -> Self {
        Self::starting_at(SystemTime::now().into())
    }

    pub fn now(&self) -> Timestamp {
        self.epoch + self.elapsed()
    }

    /// The time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    pub fn epoch(&self) -> Timestamp {
        self.epoch
    }

    /// Returns when the clock reads `at`; at once where it already has.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep_until(self.origin + at.since(self.epoch)).await;
    }
}

impl aws_smithy_async::time::TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self).into()
    }
}

/// A stopwatch of real time, for what a run cost its user; never for anything that happens inside a run.
#[derive(Clone, Copy, Debug)]
pub struct WallClock(std::time::Instant);

impl WallClock {
    #[expect(clippy::disallowed_methods, reason = "measures what the run cost, on no path that a history sees")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_as_aws_prints_them() {
        let at = Clock::EMBEDDED_EPOCH + Duration::from_millis(1_234);
        assert_eq!(at.iso8601(), "2026-01-05T00:00:01.234Z");
        assert_eq!(at.http_date(), "Mon, 05 Jan 2026 00:00:01 GMT");
        assert_eq!(Timestamp::parse_rfc3339("2026-01-05T00:00:01.234Z"), Some(at));
        assert_eq!(at.floor_to(Duration::from_secs(60)), Clock::EMBEDDED_EPOCH);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_paused_time() {
        let clock = Clock::starting_at(Clock::EMBEDDED_EPOCH);
        clock.sleep_until(Clock::EMBEDDED_EPOCH + Duration::from_secs(900)).await;
        assert_eq!(clock.now(), Clock::EMBEDDED_EPOCH + Duration::from_secs(900));
    }
}
