//! The rules by which an alarm's datapoints become its state; pure.
//!
//! Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data",
//! with its two tables as tests.

use serde::{Deserialize, Serialize};

/// How many periods are fetched beyond the evaluation periods, so that late and missing datapoints can be
/// made up for: the guide's examples have a range of 5 for 3 evaluation periods.
pub const EXTRA_PERIODS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Ok,
    Alarm,
    InsufficientData,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissing {
    #[default]
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::enum_variant_names, reason = "as the API spells them")]
pub enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
}

impl Comparison {
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::GreaterThanThreshold => value > threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }

    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
        }
    }

    /// As state reasons put it.
    pub fn words(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "greater than or equal to",
            Self::GreaterThanThreshold => "greater than",
            Self::LessThanThreshold => "less than",
            Self::LessThanOrEqualToThreshold => "less than or equal to",
        }
    }
}

/// M out of N, and what a hole counts as.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub evaluation_periods: usize,
    pub datapoints_to_alarm: usize,
    pub treat_missing: TreatMissing,
}

/// What an evaluation decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Nothing where the alarm stays in the state it has.
    pub state: Option<State>,
    /// The indices of the real datapoints that were weighed.
    pub evaluated: Vec<usize>,
    /// How many holes were filled.
    pub filled: usize,
}

/// Decides on the datapoints of the evaluation range, newest first: whether each breaches, nothing for a hole.
pub fn decide(rule: Rule, breaching: &[Option<bool>]) -> Decision {
    let real: Vec<(usize, bool)> = breaching.iter().enumerate().filter_map(|(at, b)| b.map(|b| (at, b))).collect();
    let evaluated: Vec<(usize, bool)> = real.iter().copied().take(rule.evaluation_periods).collect();
    let filled = rule.evaluation_periods - evaluated.len();
    let bad = evaluated.iter().filter(|(_, breaches)| *breaches).count();
    let by_threshold = |bad: usize| if bad >= rule.datapoints_to_alarm { State::Alarm } else { State::Ok };
    let state = if filled == 0 || bad >= rule.datapoints_to_alarm {
        Some(by_threshold(bad))
    } else {
        match rule.treat_missing {
            TreatMissing::Breaching => Some(by_threshold(bad + filled)),
            TreatMissing::NotBreaching => Some(State::Ok),
            TreatMissing::Missing if evaluated.is_empty() => Some(State::InsufficientData),
            TreatMissing::Missing if is_old_and_bad(rule, &evaluated) => Some(State::Alarm),
            TreatMissing::Ignore if bad == evaluated.len() => None,
            TreatMissing::Missing | TreatMissing::Ignore => Some(State::Ok),
        }
    };
    Decision { state, evaluated: evaluated.into_iter().map(|(at, _)| at).collect(), filled }
}

/// "Avoiding premature transitions to alarm state": too few datapoints still alarm where all that came breach and
/// the oldest is at least as old as Datapoints to Alarm.
fn is_old_and_bad(rule: Rule, real: &[(usize, bool)]) -> bool {
    real.iter().all(|(_, breaches)| *breaches) && real.last().is_some_and(|(at, _)| at + 1 >= rule.datapoints_to_alarm)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETAIN: Option<State> = None;
    const OK: Option<State> = Some(State::Ok);
    const ALARM: Option<State> = Some(State::Alarm);
    const INSUFFICIENT: Option<State> = Some(State::InsufficientData);

    /// One row of the guide: datapoints oldest first, then the state for missing, ignore, breaching, notBreaching.
    fn row(m: usize, points: &str, expected: [Option<State>; 4]) {
        let points: Vec<Option<bool>> = points
            .split(' ')
            .rev()
            .map(|point| match point {
                "X" => Some(true),
                "0" => Some(false),
                _ => None,
            })
            .collect();
        assert_eq!(points.len(), 3 + EXTRA_PERIODS);
        let treatments =
            [TreatMissing::Missing, TreatMissing::Ignore, TreatMissing::Breaching, TreatMissing::NotBreaching];
        for (treat_missing, expected) in treatments.into_iter().zip(expected) {
            let rule = Rule { evaluation_periods: 3, datapoints_to_alarm: m, treat_missing };
            assert_eq!(decide(rule, &points).state, expected, "{m} of 3, {points:?}, {treat_missing:?}");
        }
    }

    #[test]
    fn three_of_three_as_the_guide_tabulates_it() {
        row(3, "0 - X - X", [OK, OK, OK, OK]);
        row(3, "- - - - 0", [OK, OK, OK, OK]);
        row(3, "- - - - -", [INSUFFICIENT, RETAIN, ALARM, OK]);
        row(3, "0 X X - X", [ALARM, ALARM, ALARM, ALARM]);
        row(3, "- - X - -", [ALARM, RETAIN, ALARM, OK]);
    }

    #[test]
    fn two_of_three_as_the_guide_tabulates_it() {
        row(2, "0 - X - X", [ALARM, ALARM, ALARM, ALARM]);
        row(2, "0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]);
        row(2, "0 - X - -", [OK, OK, ALARM, OK]);
        row(2, "- - - - 0", [OK, OK, ALARM, OK]);
        row(2, "- - - X -", [ALARM, RETAIN, ALARM, OK]);
    }

    #[test]
    fn a_fresh_breach_among_holes_is_not_yet_an_alarm() {
        row(3, "- - - - X", [OK, RETAIN, ALARM, OK]);
        row(3, "- - - X -", [OK, RETAIN, ALARM, OK]);
        row(3, "- - - X 0", [OK, OK, OK, OK]);
    }

    #[test]
    fn each_comparison_decides_its_own_threshold() {
        use Comparison::*;
        let at = [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold]
            .map(|comparison| [1.0, 2.0, 3.0].map(|value| comparison.breaches(value, 2.0)));
        assert_eq!(at, [[false, true, true], [false, false, true], [true, false, false], [true, true, false]]);
    }
}
