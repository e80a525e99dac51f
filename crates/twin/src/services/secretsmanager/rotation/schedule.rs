//! When a secret is rotated: rules as the caller wrote them, and the windows they make.
//!
//! User guide, "Rotation schedules": windows are in UTC; `rate` in days opens at midnight and closes at the end of the
//! day, `rate` in hours opens on the hour and closes after one, unless a Duration says otherwise.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::invalid_parameter;
use crate::clock::Timestamp;
use crate::wire::{AwsError, Members};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// RotationRules; empty where the secret is rotated by hand alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    after_days: Option<i64>,
    expression: Option<String>,
    duration: Option<String>,
    schedule: Option<Schedule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Schedule {
    every: u32,
    /// A day or an hour; windows open on its boundaries.
    unit: Duration,
    open_for: Duration,
}

/// The time in which one rotation is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    opens: Timestamp,
    open_for: Duration,
}

impl Rules {
    pub fn read(rules: &Value) -> Result<Self, AwsError> {
        let input = Members::of(rules.clone(), &["AutomaticallyAfterDays", "Duration", "ScheduleExpression"])?;
        let after_days = input.integer("AutomaticallyAfterDays");
        let (expression, duration) = (input.text("ScheduleExpression"), input.text("Duration"));
        let (every, unit) = match (after_days, expression) {
            (None, None) => return Err(invalid_parameter("RotationRules gives no schedule.")),
            (Some(_), Some(_)) => {
                return Err(invalid_parameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression."));
            }
            // API reference, RotationRulesType: 1 to 1000 days.
            (Some(days @ 1..=1_000), None) => (days as u32, DAY),
            (Some(days), None) => {
                return Err(invalid_parameter(format!("AutomaticallyAfterDays is 1 to 1000: {days}")));
            }
            (None, Some(expression)) => rate(expression)?,
        };
        let longest = if unit == DAY { 24 } else { every.min(24) };
        let open_for = match duration {
            Some(text) => {
                let hours: Option<u32> = text.strip_suffix('h').and_then(|hours| hours.parse().ok());
                let hours = hours.filter(|hours| (1..=longest).contains(hours)).ok_or_else(|| {
                    invalid_parameter(format!(
                        "Duration {text:?} is none of 1h to {longest}h, the time between windows"
                    ))
                })?;
                HOUR * hours
            }
            None => unit,
        };
        Ok(Self {
            after_days,
            expression: expression.map(str::to_owned),
            duration: duration.map(str::to_owned),
            schedule: Some(Schedule { every, unit, open_for }),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.schedule.is_none()
    }

    pub fn describe(&self) -> Value {
        let mut out = json!({});
        if let Some(days) = self.after_days {
            out["AutomaticallyAfterDays"] = days.into();
        }
        for (name, text) in [("ScheduleExpression", &self.expression), ("Duration", &self.duration)] {
            if let Some(text) = text {
                out[name] = text.as_str().into();
            }
        }
        out
    }

    /// The window that follows what was done at `last`.
    pub fn window_after(&self, last: Timestamp) -> Option<Window> {
        let Schedule { every, unit, open_for } = self.schedule?;
        Some(Window { opens: last.floor_to(unit) + unit * every, open_for })
    }
}

impl Window {
    /// The last second of it.
    pub fn closes(self) -> Timestamp {
        self.opens + (self.open_for - Duration::from_secs(1))
    }

    /// The moment at this share of it: Secrets Manager rotates at any time inside a window.
    pub fn pick(self, share: f64) -> Timestamp {
        self.opens + self.open_for.mul_f64(share.clamp(0.0, 1.0))
    }
}

/// `rate(10 days)`, `rate(4 hours)`: 4 hours at least, 999 days at most (user guide, "Rate expressions").
fn rate(expression: &str) -> Result<(u32, Duration), AwsError> {
    if expression.starts_with("cron(") {
        let message = format!("the embedded twin models rate() alone, not the ScheduleExpression {expression}");
        return Err(invalid_parameter(message));
    }
    let inner = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let (number, unit) = inner.and_then(|inner| inner.split_once(' ')).unwrap_or_default();
    match (number.parse::<u32>(), unit) {
        (Ok(days @ 1..=999), "day" | "days") => Ok((days, DAY)),
        (Ok(hours @ 4..=23_976), "hour" | "hours") => Ok((hours, HOUR)),
        _ => Err(invalid_parameter(format!(
            "ScheduleExpression {expression:?} is no rate() of 4 hours to 999 days, such as rate(30 days)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn window(rules: Value) -> (String, String) {
        let rotated = Clock::EMBEDDED_EPOCH + HOUR * 9 + Duration::from_secs(600);
        let window = Rules::read(&rules).unwrap().window_after(rotated).unwrap();
        (window.pick(0.0).iso8601(), window.closes().iso8601())
    }

    #[test]
    fn windows_open_and_close_as_documented() {
        let day = window(json!({"ScheduleExpression": "rate(10 days)"}));
        assert_eq!(day, ("2026-01-15T00:00:00.000Z".to_owned(), "2026-01-15T23:59:59.000Z".to_owned()));
        assert_eq!(window(json!({"AutomaticallyAfterDays": 10})), day);
        let hour = window(json!({"ScheduleExpression": "rate(4 hours)"}));
        assert_eq!(hour, ("2026-01-05T13:00:00.000Z".to_owned(), "2026-01-05T13:59:59.000Z".to_owned()));
        let short = window(json!({"ScheduleExpression": "rate(1 day)", "Duration": "3h"}));
        assert_eq!(short.1, "2026-01-06T02:59:59.000Z");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for rules in [
            json!({}),
            json!({"AutomaticallyAfterDays": 0}),
            json!({"AutomaticallyAfterDays": 3, "ScheduleExpression": "rate(3 days)"}),
            json!({"ScheduleExpression": "rate(3 hours)"}),
            json!({"ScheduleExpression": "rate(3 weeks)"}),
            json!({"ScheduleExpression": "cron(0 8 1 * ? *)"}),
            json!({"ScheduleExpression": "rate(4 hours)", "Duration": "5h"}),
            json!({"ScheduleExpression": "rate(4 days)", "Duration": "3"}),
        ] {
            assert_eq!(Rules::read(&rules).unwrap_err().code, "InvalidParameterException", "{rules}");
        }
    }
}
