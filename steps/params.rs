//! The nouns steps take, each parsed once.

use std::str::FromStr;
use std::time::Duration;

use cucumber::Parameter;

use crate::region;
use crate::scenario::{self, Percent};

/// `us-east-1`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "region", regex = "[a-z]{2}-[a-z]+-[0-9]")]
pub struct Region(pub region::Region);

/// `5 minutes`, `90 seconds`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "duration", regex = "[0-9]+ (?:second|minute|hour)s?")]
pub struct Span(pub Duration);

/// `99.5 %`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "share", regex = r"[0-9.]+ ?%")]
pub struct Share(pub Percent);

/// How a lost application shows itself: `answers 5xx`, `hangs`, `refuses connections`.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(name = "failing", regex = "answers 5xx|hangs|refuses connections")]
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
        let seconds = match unit.trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            _ => 3_600,
        };
        let number: u64 = number.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok(Self(Duration::from_secs(number * seconds)))
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
            "hangs" => scenario::Mode::Hang,
            "refuses connections" => scenario::Mode::Refuse,
            _ => scenario::Mode::Status5xx,
        }))
    }
}
