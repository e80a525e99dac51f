//! Numbers as people read them.

use crate::judge::Judgement;

/// `90ms`, `12.4s`, `4m20s`, `1h05m00s`; rounded up, so that no duration looks shorter than it was.
pub fn span(ms: u64) -> String {
    let (tenths, seconds) = (ms.div_ceil(100), ms.div_ceil(1_000));
    match ms {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ms}ms"),
        1_000..59_901 if tenths % 10 == 0 => format!("{}s", tenths / 10),
        1_000..59_901 => format!("{}.{}s", tenths / 10, tenths % 10),
        59_901..3_599_001 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m{:02}s", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}

/// The virtual clock: `00:06:00`.
pub fn clock(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60)
}

/// `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A measured value or a bound with its unit.
fn value(value: f64, unit: &str) -> String {
    match unit {
        "s" | "s at least" => span((value * 1_000.0).round().max(0.0) as u64),
        "%" | "% of requests" => percent(Some(value)),
        "requests" | "writes" | "items" | "objects" | "reads" | "decisions" | "looks" | "moves" | "updates"
        | "populations" => count(value.max(0.0) as u64),
        unit => format!("{value} {unit}"),
    }
}

/// What was measured of a claim; of one about a decision, the decision.
pub fn measured(judged: &Judgement) -> String {
    match (&judged.wanted, judged.measured) {
        (Some(_), _) => judged.decided.clone().unwrap_or_else(|| "-".to_owned()),
        (None, measured) => measured.map_or("-".to_owned(), |measured| value(measured, &judged.unit)),
    }
}

/// What a claim allows, without its sign; of one about a decision, the decision.
pub fn allowed(judged: &Judgement) -> String {
    judged.wanted.clone().unwrap_or_else(|| value(judged.bound, &judged.unit))
}

/// `99.5%`, never rounded up to 100: a single failure must show.
pub fn percent(percent: Option<f64>) -> String {
    match percent {
        None => "-".to_owned(),
        Some(whole) if whole.fract() == 0.0 => format!("{whole}%"),
        Some(percent) => {
            let text = format!("{:.2}", (percent * 100.0).floor() / 100.0);
            format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// Breaks a text into lines of at most `width` characters, between words.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut();
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_never_flatter() {
        assert_eq!(
            [0, 90, 12_340, 30_000, 59_950, 259_910, 3_900_000].map(span),
            ["0s", "90ms", "12.4s", "30s", "1m00s", "4m20s", "1h05m00s"]
        );
        assert_eq!([7, 1_234, 1_234_567].map(count), ["7", "1,234", "1,234,567"]);
        assert_eq!(percent(Some(99.999)), "99.99%");
        assert_eq!(percent(Some(99.5)), "99.5%");
        assert_eq!(percent(Some(100.0)), "100%");
        assert_eq!(clock(3_723_000), "01:02:03");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}
