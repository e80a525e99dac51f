//! The quantities of a scenario, as people write them: `5m`, `99.5%`, `50/s`, `GET /orders/{id}`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A share, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(f64);

/// Arrivals a second, more than none.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// A method and a route: `GET /orders/{id}`. Traffic fills what is in braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    pub method: String,
    pub route: String,
}

/// The HTTP methods a request mix may use.
const METHODS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// Units of time, longest first, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Percent {
    pub const ALL: Self = Self(100.0);
    pub const NONE: Self = Self(0.0);

    /// `None` outside 0 to 100.
    pub fn new(percent: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then_some(Self(percent))
    }

    pub fn get(self) -> f64 {
        self.0
    }

    /// From 0 to 1.
    pub fn ratio(self) -> f64 {
        self.0 / 100.0
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok());
        number.and_then(Self::new).ok_or_else(|| format!("bad share {text:?}: expected 0% to 100%, like 99.5%"))
    }
}

impl Rate {
    /// `None` where it is not a finite number above zero.
    pub fn per_second(rate: f64) -> Option<Self> {
        (rate.is_finite() && rate > 0.0).then_some(Self(rate))
    }

    pub fn get(self) -> f64 {
        self.0
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, per) = text.split_once('/').unwrap_or((text, ""));
        let seconds = match per.trim() {
            "s" => Some(1.0),
            "m" | "min" => Some(60.0),
            _ => None,
        };
        let number: Option<f64> = number.trim().parse().ok();
        let rate = number.zip(seconds).and_then(|(number, seconds)| Self::per_second(number / seconds));
        rate.ok_or_else(|| format!("bad rate {text:?}: expected requests a second or minute, like 50/s or 30/min"))
    }
}

impl Operation {
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("bad request {text:?}: expected a method and a route, like GET /orders/{{id}}");
        let (method, route) = text.split_once(' ').ok_or_else(expected)?;
        let route = route.trim();
        if !METHODS.contains(&method) || !route.starts_with('/') || route.contains(char::is_whitespace) {
            return Err(expected());
        }
        Ok(Self { method: method.to_owned(), route: route.to_owned() })
    }
}

/// Reads `512B`, `4KB`, `1MB`: powers of 1,024, as S3 counts.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let expected = || format!("bad size {text:?}: expected a number and a unit, like 512B, 4KB or 1MB");
    let digits = text.trim().find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.trim().split_at(digits);
    let shift = match unit.trim() {
        "B" => 0,
        "KB" => 10,
        "MB" => 20,
        "GB" => 30,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(1 << shift).ok_or_else(expected)
}

/// Reads `90s`, `5m`, `1h30m`, `250ms`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("bad duration {text:?}: expected a number and a unit, like 90s, 5m, 1h30m or 250ms");
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    if rest.is_empty() {
        return Err(expected());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, ms)| *ms).ok_or_else(expected)?;
        let number: u64 = number.parse().map_err(|_| expected())?;
        total_ms = number.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(expected)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration as [`parse_duration`] reads it, to the millisecond.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        if rest >= unit_ms {
            text.push_str(&format!("{}{unit}", rest / unit_ms));
            rest %= unit_ms;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Durations in plan.json, as people write them.
pub mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, de, format_duration, parse_duration};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", self.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", self.0))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.method, self.route))
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(Percent, Rate, Operation);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_back() {
        for (text, seconds) in [("90s", 90.0), ("5m", 300.0), ("1h30m", 5_400.0), ("250ms", 0.25), ("0s", 0.0)] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
        }
        assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
        for bad in ["", "5", "5 minutes", "m", "-5s", "1.5m", "99999999999999999999h"] {
            assert!(parse_duration(bad).unwrap_err().contains("expected a number and a unit"), "{bad}");
        }
    }

    #[test]
    fn shares_rates_and_requests_refuse_what_they_are_not() {
        assert_eq!(Percent::parse("99.5%").unwrap().ratio(), 0.995);
        assert_eq!(Rate::parse("30/min").unwrap().get(), 0.5);
        assert_eq!(Operation::parse("GET /orders/{id}").unwrap().to_string(), "GET /orders/{id}");
        for bad in ["99.5", "101%", "-1%", "x%"] {
            assert!(Percent::parse(bad).is_err(), "{bad}");
        }
        for bad in ["50", "0/s", "-1/s", "inf/s", "50/h"] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
        for bad in ["/orders", "FETCH /orders", "GET orders", "GET /a b"] {
            assert!(Operation::parse(bad).is_err(), "{bad}");
        }
    }
}
