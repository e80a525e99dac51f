//! What shall happen to which traffic, how often and when.

use std::time::Duration;

use super::{Call, ProxyError};
use crate::region::Region;

/// Names an injected rule until it is healed, and in the audit for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct RuleId(pub(super) u64);

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which traffic a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Signed calls of services' APIs, and presigned ones.
    Service {
        /// The SigV4 name; `None` for every service.
        service: Option<String>,
        /// As AWS spells them; empty for all. A call whose operation cannot be told matches no named one.
        operations: Vec<String>,
        /// A table, bucket, secret, function, zone and the like, by name, id or ARN; see [`Call::is_about`].
        resource: Option<String>,
    },
    /// Users' traffic to deployed APIs: what is not signed, or is signed for `execute-api`.
    Edge {
        /// Requests whose path begins with these segments, and no others.
        only: Option<String>,
        /// All requests but those whose path begins with these segments.
        except: Option<String>,
    },
    Everything,
}

impl Traffic {
    /// All calls of one service.
    pub fn service(name: &str) -> Self {
        Self::Service { service: Some(name.to_owned()), operations: Vec::new(), resource: None }
    }

    /// All requests of users.
    pub const fn edge() -> Self {
        Self::Edge { only: None, except: None }
    }

    fn is_meant(&self, call: &Call<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Edge { only, except } => {
                call.is_edge()
                    && only.as_deref().is_none_or(|only| is_under(call.path(), only))
                    && !except.as_deref().is_some_and(|except| is_under(call.path(), except))
            }
            Self::Service { service, operations, resource } => {
                let named = |name: &str| operations.iter().any(|operation| operation == name);
                !call.is_edge()
                    && service.as_deref().is_none_or(|service| call.service.as_deref() == Some(service))
                    && (operations.is_empty() || call.operation.as_deref().is_some_and(named))
                    && resource.as_deref().is_none_or(|resource| call.is_about(resource))
            }
        }
    }
}

/// What happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An answer in the protocol of the caller; users get API Gateway's own words for the status.
    Error { status: u16, code: String, message: String },
    /// What the service says when it throttles.
    Throttle,
    /// Answers come so much later, and by up to `jitter` more (uniform).
    Latency { delay: Duration, jitter: Duration },
    /// Nothing answers, until the rule ends; then the connection does.
    Hang,
    /// The request is read, and the connection reset.
    Reset,
    /// The upstream has answered, and the connection is reset instead of handing the answer on: the caller cannot
    /// know what became of its request.
    AnswerLost,
    /// The Region's port is closed and its connections are reset. For everything in a Region alone, and always: what
    /// is asked for is not known before a connection is accepted.
    Refuse,
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error { status, code, .. } => write!(f, "{status} {code}"),
            Self::Throttle => f.write_str("throttling"),
            Self::Latency { delay, jitter } => {
                write!(f, "{} to {} ms later", delay.as_millis(), (*delay + *jitter).as_millis())
            }
            Self::Hang => f.write_str("silence"),
            Self::Reset => f.write_str("reset"),
            Self::AnswerLost => f.write_str("answer lost"),
            Self::Refuse => f.write_str("refusal"),
        }
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `None` for every Region; see [`Call::region`].
    pub region: Option<Region>,
    pub traffic: Traffic,
    pub effect: Effect,
    /// The share of matching requests it is done to, from 0 to 1; drawn from the seed.
    pub probability: f64,
    /// At most so many times.
    pub count: Option<u64>,
    /// When it begins, after the injection.
    pub from: Duration,
    /// When it ends by itself, after the injection.
    pub until: Option<Duration>,
}

impl Rule {
    /// A rule for every Region that always applies, from now until it is healed.
    pub const fn new(traffic: Traffic, effect: Effect) -> Self {
        Self { region: None, traffic, effect, probability: 1.0, count: None, from: Duration::ZERO, until: None }
    }

    #[must_use]
    pub const fn in_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    #[must_use]
    pub const fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    #[must_use]
    pub const fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    #[must_use]
    pub const fn between(mut self, from: Duration, until: Duration) -> Self {
        self.from = from;
        self.until = Some(until);
        self
    }

    /// Whether the rule is for a call, this long after its injection.
    pub(super) fn is_meant(&self, call: &Call<'_>, age: Duration) -> bool {
        self.is_due(age) && self.region.is_none_or(|region| region == call.region) && self.traffic.is_meant(call)
    }

    fn is_due(&self, age: Duration) -> bool {
        age >= self.from && self.until.is_none_or(|until| age < until)
    }

    /// Says what is wrong with a rule, given the Regions there are.
    pub(super) fn check(&self, regions: &[Region]) -> Result<(), ProxyError> {
        let wrong = |why: String| Err(ProxyError::Rule(why));
        if let Some(region) = self.region.filter(|region| !regions.contains(region)) {
            return wrong(format!("there is no Region {region}; the proxy listens for {regions:?}"));
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return wrong(format!("the probability {} is not between 0 and 1", self.probability));
        }
        if let Some(until) = self.until.filter(|until| *until <= self.from) {
            return wrong(format!("it ends {until:?} after the injection, and begins at {:?}", self.from));
        }
        match &self.effect {
            Effect::Error { status, code, .. } => {
                if !(400..=599).contains(status) {
                    return wrong(format!("the status {status} is no error; give one from 400 to 599"));
                }
                let is_code = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if code.is_empty() || !code.chars().all(is_code) {
                    return wrong(format!("{code:?} is no error code; give one like ServiceUnavailable"));
                }
                Ok(())
            }
            Effect::Refuse if self.traffic != Traffic::Everything || self.probability < 1.0 || self.count.is_some() => {
                wrong("only everything in a Region can be refused, always; for a part of it use Reset".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a path begins with these segments: `/orders/7` is under `/orders`, `/ordersx` is not.
fn is_under(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
