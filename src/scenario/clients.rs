//! How clients behave: each kind deviates from the well-behaved client in one way, and is reported apart.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long resolvers that stretch TTLs keep an answer: 5 to 15 minutes past a TTL of 60 s were seen in failovers that
/// were written about.
pub const STRETCHED: RangeInclusive<Duration> = Duration::from_secs(5 * 60)..=Duration::from_secs(15 * 60);

/// What a client does about names, connections and failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Asks its resolver before each request, and the resolver keeps an answer for its TTL; no retries.
    HonoursTtl,
    /// Its resolver keeps answers for minutes, whatever their TTL says.
    StretchesTtl,
    /// Resolves the name once and for all, as a JVM with `networkaddress.cache.ttl=-1` does.
    NeverReResolves,
    /// Stays on an open connection as long as it works, and asks for no name meanwhile.
    KeepAlive,
    /// Tries the next address of the answer where one does not connect in time (RFC 8305).
    HappyEyeballs,
    /// Asks again after a failure where the request is idempotent.
    RetriesIdempotent,
    /// Asks again after any failure.
    RetriesAll,
}

impl Behaviour {
    pub const ALL: [Self; 7] = [
        Self::HonoursTtl,
        Self::StretchesTtl,
        Self::NeverReResolves,
        Self::KeepAlive,
        Self::HappyEyeballs,
        Self::RetriesIdempotent,
        Self::RetriesAll,
    ];

    /// `honours-ttl`: as scenario files and reports spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HonoursTtl => "honours-ttl",
            Self::StretchesTtl => "stretches-ttl",
            Self::NeverReResolves => "never-re-resolves",
            Self::KeepAlive => "keep-alive",
            Self::HappyEyeballs => "happy-eyeballs",
            Self::RetriesIdempotent => "retries-idempotent",
            Self::RetriesAll => "retries-all",
        }
    }
}

/// Which of so many clients behave how: each behaviour has a stretch of the client numbers as long as its share
/// allows, rounded so that all of them together are all clients.
pub fn stretches(clients: u32, shares: &IndexMap<Behaviour, u32>) -> Vec<(Behaviour, Range<u32>)> {
    let whole: u64 = shares.values().map(|share| u64::from(*share)).sum();
    let (mut sum, mut start) = (0, 0);
    let mut stretches = Vec::new();
    for (behaviour, share) in shares {
        sum += u64::from(*share);
        let end = (u64::from(clients) * sum + whole / 2).checked_div(whole).unwrap_or(0);
        let end = u32::try_from(end).unwrap_or(clients).min(clients);
        stretches.push((*behaviour, start..end));
        start = end;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_one_behaviour() {
        let shares = IndexMap::from([
            (Behaviour::HonoursTtl, 60),
            (Behaviour::StretchesTtl, 25),
            (Behaviour::NeverReResolves, 5),
            (Behaviour::KeepAlive, 10),
        ]);
        let lengths = |clients| -> Vec<u32> {
            let stretches = stretches(clients, &shares);
            assert!(stretches.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
            assert_eq!((stretches[0].1.start, stretches[3].1.end), (0, clients));
            stretches.iter().map(|(_, stretch)| stretch.end - stretch.start).collect()
        };
        assert_eq!(lengths(200), [120, 50, 10, 20]);
        assert_eq!(lengths(7).iter().sum::<u32>(), 7);
    }
}
