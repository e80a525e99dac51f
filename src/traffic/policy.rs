//! What each kind of client does, as three choices: whom it asks for addresses and when, how it connects, and what it
//! asks for again.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::scenario::Behaviour;

/// How often a request is sent at most: the AWS SDKs' standard retry mode (SDK reference guide, "Retry behavior").
pub const ATTEMPTS: u32 = 3;
/// The first step of the backoff, and where it ends: the same mode's.
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its resolver keeps answers for minutes, whatever their TTL.
    pub stretches: bool,
    pub resolves: Resolves,
    /// Tries the next address where one does not connect in time.
    pub races: bool,
    pub retries: Retries,
}

/// When a client asks its resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolves {
    /// Before each attempt.
    EachTime,
    /// Until it has an address, and never again.
    Once,
    /// When it has no open connection.
    ToConnect,
}

/// What a client asks for again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    Nothing,
    Idempotent,
    Everything,
}

impl Policy {
    pub const fn of(behaviour: Behaviour) -> Self {
        let well_behaved =
            Self { stretches: false, resolves: Resolves::EachTime, races: false, retries: Retries::Nothing };
        match behaviour {
            Behaviour::HonoursTtl => well_behaved,
            Behaviour::StretchesTtl => Self { stretches: true, ..well_behaved },
            Behaviour::NeverReResolves => Self { resolves: Resolves::Once, ..well_behaved },
            Behaviour::KeepAlive => Self { resolves: Resolves::ToConnect, ..well_behaved },
            Behaviour::HappyEyeballs => Self { races: true, ..well_behaved },
            Behaviour::RetriesIdempotent => Self { retries: Retries::Idempotent, ..well_behaved },
            Behaviour::RetriesAll => Self { retries: Retries::Everything, ..well_behaved },
        }
    }
}

impl Retries {
    /// Whether a request of this method that ended with this status, or without an answer, is sent again.
    pub fn again(self, method: &http::Method, status: Option<u16>, attempts: u32) -> bool {
        let failed = status.is_none_or(|status| status >= 500 || status == 429);
        let allowed = match self {
            Self::Nothing => false,
            Self::Idempotent => method.is_idempotent(),
            Self::Everything => true,
        };
        failed && allowed && attempts < ATTEMPTS
    }
}

/// How long a client waits after so many attempts: exponential with full jitter, as the AWS SDKs do.
pub fn backoff(attempts: u32, draw: &mut impl Rng) -> Duration {
    let step = BACKOFF.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    step.min(BACKOFF_MAX).mul_f64(draw.random_range(0.0..1.0))
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::seed::Seed;

    #[test]
    fn only_failures_are_asked_again_and_only_so_often() {
        let put = |status, attempts| Retries::Idempotent.again(&Method::PUT, status, attempts);
        assert!(put(None, 1) && put(Some(503), 2) && put(Some(429), 1));
        assert!(!put(Some(200), 1) && !put(Some(404), 1) && !put(None, ATTEMPTS));
        assert!(!Retries::Idempotent.again(&Method::POST, None, 1));
        assert!(Retries::Everything.again(&Method::POST, None, 1));
        assert!(!Retries::Nothing.again(&Method::GET, None, 1));
    }

    #[test]
    fn the_backoff_doubles_and_is_drawn_anew() {
        let mut draw = Seed(1).stream("test");
        let mut drawn = |attempts| -> Vec<Duration> { (0..200).map(|_| backoff(attempts, &mut draw)).collect() };
        for (attempts, limit) in [(1, 1_000), (2, 2_000), (9, 20_000)] {
            let (waits, limit) = (drawn(attempts), Duration::from_millis(limit));
            assert!(waits.iter().all(|wait| *wait < limit));
            assert!(waits.iter().any(|wait| *wait > limit * 9 / 10) && waits.iter().any(|wait| *wait < limit / 10));
        }
    }

    #[test]
    fn each_kind_deviates_in_one_way() {
        let well_behaved = Policy::of(Behaviour::HonoursTtl);
        for behaviour in Behaviour::ALL.into_iter().skip(1) {
            let policy = Policy::of(behaviour);
            let deviations = [
                policy.stretches != well_behaved.stretches,
                policy.resolves != well_behaved.resolves,
                policy.races != well_behaved.races,
                policy.retries != well_behaved.retries,
            ];
            assert_eq!(deviations.into_iter().filter(|deviates| *deviates).count(), 1, "{behaviour:?}");
        }
    }
}
