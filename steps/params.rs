//! The nouns steps take, each parsed once.

use std::str::FromStr;
use std::time::Duration;

use cucumber::Parameter;

use crate::region;
use crate::report::gherkin;
use crate::scenario::{self, Defect, GuardDecision, Percent, Percentile};
use crate::store::{Store, WriteKind};

/// `us-east-1`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "region", regex = "[a-z]{2}-[a-z]+-[0-9]")]
pub struct Region(pub region::Region);

/// `5 minutes`, `90 seconds`, `300 ms`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "duration", regex = "[0-9]+ (?:ms|(?:second|minute|hour)s?)")]
pub struct Span(pub Duration);

/// `99.5 %`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "share", regex = r"[0-9.]+ ?%")]
pub struct Share(pub Percent);

/// How what is lost shows itself: an application `answers 5xx`, `hangs`, `refuses connections`; name servers `hang`, `refuse`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "failing", regex = "answers 5xx|hangs?|refuses connections|refuse")]
pub struct Failing(pub scenario::Mode);

impl FromStr for Region {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        region::Region::parse(text).map(Self).map_err(|error| error.to_string())
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once(' ').ok_or("a number and a unit")?;
        let milliseconds = match unit.trim_end_matches('s') {
            "m" => 1,
            "second" => 1_000,
            "minute" => 60_000,
            _ => 3_600_000,
        };
        let number: u64 = number.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok(Self(Duration::from_millis(number * milliseconds)))
    }
}

impl FromStr for Share {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Percent::parse(text).map(Self)
    }
}

impl FromStr for Failing {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "hangs" | "hang" => scenario::Mode::Hang,
            "refuses connections" | "refuse" => scenario::Mode::Refuse,
            _ => scenario::Mode::Status5xx,
        }))
    }
}

/// What a guard does: `fails over`, `had failed over already`, `refuses`, `fails back`, `sees no stability`, `ignores it`, `fails`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(
    name = "decided",
    regex = "fails over|had failed over already|refuses|fails back|sees no stability|ignores it|fails"
)]
pub struct Decided(pub GuardDecision);

impl FromStr for Decided {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "fails over" => GuardDecision::FailedOver,
            "had failed over already" => GuardDecision::Already,
            "refuses" => GuardDecision::Refused,
            "fails back" => GuardDecision::FailedBack,
            "sees no stability" => GuardDecision::Unstable,
            "ignores it" => GuardDecision::Ignored,
            _ => GuardDecision::Failed,
        }))
    }
}

/// `table`, `bucket`, `secret`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "store", regex = "table|bucket|secret")]
pub struct Of(pub Store);

/// `p99`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "which", regex = "p50|p90|p99|max")]
pub struct Which(pub Percentile);

/// `puts into`, as a script says it.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "deed", regex = "[a-z ]+?")]
pub struct Deed(pub WriteKind);

/// `drops one change in 1000`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "flaw", regex = "[a-zA-Z -]+?(?: [0-9]+)?")]
pub struct Flaw(pub Defect);

/// `from 500 ms to 2000 ms`, `for 5 minutes`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "stretch", regex = "from [0-9]+ ms to [0-9]+ ms|for [0-9]+ (?:second|minute|hour)s?")]
pub struct Stretch {
    pub from: Duration,
    pub lasts: Duration,
}

impl FromStr for Of {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Store::ALL.into_iter().find(|store| store.as_str() == text).map(Self).ok_or_else(|| format!("no store {text}"))
    }
}

impl FromStr for Which {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Percentile::ALL.into_iter().find(|percentile| percentile.as_str() == text);
        known.map(Self).ok_or_else(|| format!("no percentile {text}"))
    }
}

impl FromStr for Deed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = WriteKind::ALL.into_iter().find(|kind| gherkin::deed(*kind) == text);
        known.map(Self).ok_or_else(|| format!("nobody {text} anything"))
    }
}

impl FromStr for Flaw {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let count = text.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let defects = [
            Defect::DropsOneIn { count },
            Defect::EarlierWins,
            Defect::LocalWins,
            Defect::ForgetsDeletes,
            Defect::CompletesWithoutCopy,
            Defect::PublishesPending,
        ];
        let known = defects.into_iter().find(|defect| gherkin::flaw(*defect) == text);
        known.map(Self).ok_or_else(|| format!("no replicator {text}"))
    }
}

impl FromStr for Stretch {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(span) = text.strip_prefix("for ") {
            return Ok(Self { from: Duration::ZERO, lasts: span.parse::<Span>()?.0 });
        }
        let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
        let (from, to) = numbers.next().zip(numbers.next()).ok_or("two moments")?;
        let (from, to): (Duration, Duration) = (Duration::from_millis(from), Duration::from_millis(to));
        let lasts =
            to.checked_sub(from).filter(|lasts| !lasts.is_zero()).ok_or("a stretch that ends after it begins")?;
        Ok(Self { from, lasts })
    }
}
