//! Filter patterns: terms over text, selectors over JSON.
//!
//! Source: CloudWatch Logs user guide, "Filter pattern syntax". Regular expressions and space-delimited patterns are
//! refused.

use serde_json::Value;

use super::group::invalid;
use crate::wire::AwsError;

/// A pattern, read once.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Everything,
    Terms {
        /// Each must be there.
        all: Vec<String>,
        /// `?term`: one of these must be there, if any is given.
        any: Vec<String>,
        /// `-term`: none may be there.
        none: Vec<String>,
    },
    Json(Selector),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    Compare(Vec<String>, Comparison, Operand),
    IsNull(Vec<String>),
    NotExists(Vec<String>),
    IsTrue(Vec<String>, bool),
    And(Box<Selector>, Box<Selector>),
    Or(Box<Selector>, Box<Selector>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Number(f64),
    /// May hold `*`.
    Text(String),
}

const COMPARISONS: &[(&str, Comparison)] = &[
    ("!=", Comparison::NotEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    ("=", Comparison::Equal),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
];

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, AwsError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Everything);
        }
        if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let mut parser = Parser { rest: inner.trim_start() };
            let selector = parser.or()?;
            return if parser.rest.is_empty() { Ok(Self::Json(selector)) } else { Err(unreadable(parser.rest)) };
        }
        if text.starts_with('[') || text.contains('%') {
            let message = "the embedded twin models no space-delimited and no regular-expression filter patterns";
            return Err(invalid(message.to_owned()));
        }
        terms(text)
    }

    pub fn matches(&self, message: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Terms { all, any, none } => {
                let has = |term: &String| contains_word(message, term);
                all.iter().all(has) && (any.is_empty() || any.iter().any(has)) && !none.iter().any(has)
            }
            // Most lines are no JSON: look at the first character before parsing.
            Self::Json(selector) => {
                message.trim_start().starts_with('{')
                    && serde_json::from_str::<Value>(message).is_ok_and(|line| selector.matches(&line))
            }
        }
    }
}

impl Selector {
    fn matches(&self, line: &Value) -> bool {
        match self {
            Self::Compare(path, comparison, operand) => {
                at(line, path).is_some_and(|found| comparison.holds(found, operand))
            }
            Self::IsNull(path) => at(line, path).is_some_and(Value::is_null),
            Self::NotExists(path) => at(line, path).is_none(),
            Self::IsTrue(path, wanted) => at(line, path).and_then(Value::as_bool) == Some(*wanted),
            Self::And(left, right) => left.matches(line) && right.matches(line),
            Self::Or(left, right) => left.matches(line) || right.matches(line),
        }
    }
}

impl Comparison {
    fn holds(self, found: &Value, operand: &Operand) -> bool {
        match operand {
            Operand::Number(number) => {
                let Some(found) = found.as_f64() else { return false };
                match self {
                    Self::Equal => found == *number,
                    Self::NotEqual => found != *number,
                    Self::Less => found < *number,
                    Self::LessOrEqual => found <= *number,
                    Self::Greater => found > *number,
                    Self::GreaterOrEqual => found >= *number,
                }
            }
            Operand::Text(text) => {
                let Some(found) = found.as_str() else { return false };
                like(text, found) == (self == Self::Equal)
            }
        }
    }
}

fn at<'a>(line: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(line, |value, step| match value {
        Value::Array(entries) => entries.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// Whether a pattern with `*` matches the whole text.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(index) => rest = &rest[index + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Terms are matched as whole words, as the guide's examples are.
fn contains_word(message: &str, term: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let edge =
        |inside: Option<char>, outside: Option<char>| !(inside.is_some_and(in_word) && outside.is_some_and(in_word));
    message.match_indices(term).any(|(start, found)| {
        let (before, after) = (&message[..start], &message[start + found.len()..]);
        edge(found.chars().next(), before.chars().next_back()) && edge(found.chars().next_back(), after.chars().next())
    })
}

fn terms(text: &str) -> Result<Pattern, AwsError> {
    let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let into = match rest.as_bytes().first() {
            Some(b'?') => &mut any,
            Some(b'-') => &mut none,
            _ => &mut all,
        };
        let bare = rest.strip_prefix(['?', '-']).unwrap_or(rest);
        let (term, after) = match bare.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once('"').ok_or_else(|| invalid(format!("the filter pattern lacks a quote: {text}")))?
            }
            None => bare.split_once(' ').unwrap_or((bare, "")),
        };
        // The guide: terms with other than letters, digits and underscores must be quoted.
        let plain = !bare.starts_with('"') && !term.chars().all(|c| c.is_alphanumeric() || c == '_');
        if term.is_empty() || plain {
            return Err(invalid(format!("the filter pattern term {term:?} must be in double quotes")));
        }
        into.push(term.to_owned());
        rest = after.trim_start();
    }
    Ok(Pattern::Terms { all, any, none })
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Selector, AwsError> {
        let mut left = self.and()?;
        while self.take("||") {
            left = Selector::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Selector, AwsError> {
        let mut left = self.one()?;
        while self.take("&&") {
            left = Selector::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Selector, AwsError> {
        if self.take("(") {
            let inner = self.or()?;
            return if self.take(")") { Ok(inner) } else { Err(unreadable(self.rest)) };
        }
        let path = self.path()?;
        if let Some((_, comparison)) = COMPARISONS.iter().find(|(spelling, _)| self.take(spelling)) {
            return Ok(Selector::Compare(path, *comparison, self.operand(*comparison)?));
        }
        if self.take("IS NULL") {
            Ok(Selector::IsNull(path))
        } else if self.take("NOT EXISTS") {
            Ok(Selector::NotExists(path))
        } else if self.take("IS TRUE") {
            Ok(Selector::IsTrue(path, true))
        } else if self.take("IS FALSE") {
            Ok(Selector::IsTrue(path, false))
        } else {
            Err(unreadable(self.rest))
        }
    }

    /// `$.a.b`, `$.list[0].c`.
    fn path(&mut self) -> Result<Vec<String>, AwsError> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "$._-[]".contains(c))).unwrap_or(self.rest.len());
        let (path, rest) = self.rest.split_at(end);
        let steps = path.strip_prefix("$.").ok_or_else(|| unreadable(self.rest))?;
        self.rest = rest.trim_start();
        Ok(steps.split(['.', '[']).map(|step| step.trim_end_matches(']').to_owned()).collect())
    }

    fn operand(&mut self, comparison: Comparison) -> Result<Operand, AwsError> {
        let text_allowed = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if let Some((text, rest)) = self.rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
            self.rest = rest.trim_start();
            return if text_allowed { Ok(Operand::Text(text.to_owned())) } else { Err(unreadable(rest)) };
        }
        let end = self.rest.find(|c: char| c.is_whitespace() || ")&|".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match word.parse() {
            Ok(number) => Ok(Operand::Number(number)),
            Err(_) if text_allowed && !word.is_empty() => Ok(Operand::Text(word.to_owned())),
            Err(_) => Err(unreadable(word)),
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest.trim_start();
        true
    }
}

fn unreadable(rest: &str) -> AwsError {
    invalid(format!(
        "the embedded twin cannot read the filter pattern from {rest:?} on; it knows {{ $.field = \"value\" }}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn terms_are_words_and_all_must_be_there() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR", "[ERROR 400] BAD REQUEST"));
        assert!(!matches("ERROR", "ERRORCODE 400"));
        assert!(matches("ERROR REQUEST", "[ERROR 400] BAD REQUEST"));
        assert!(!matches("ERROR GOOD", "[ERROR 400] BAD REQUEST"));
        assert!(matches("?GOOD ?BAD", "[ERROR 400] BAD REQUEST"));
        assert!(!matches("ERROR -BAD", "[ERROR 400] BAD REQUEST"));
        assert!(matches("\"BAD REQUEST\"", "[ERROR 400] BAD REQUEST"));
        assert!(!matches("\"REQUEST BAD\"", "[ERROR 400] BAD REQUEST"));
        assert!(Pattern::parse("not-quoted").is_err());
    }

    #[test]
    fn selectors_look_into_json() {
        let line = r#"{"decision":"fail-over","took":{"ms":12.5},"tags":["a","b"],"ok":true}"#;
        assert!(matches(r#"{ $.decision = "fail-over" }"#, line));
        assert!(matches(r#"{ $.decision = "fail*" }"#, line));
        assert!(!matches(r#"{ $.decision = "fail-back" }"#, line));
        assert!(matches(r#"{ $.decision != "fail-back" && $.took.ms > 10 }"#, line));
        assert!(!matches(r#"{ $.took.ms > 12.5 }"#, line));
        assert!(matches(r#"{ ($.took.ms < 1) || ($.tags[1] = "b") }"#, line));
        assert!(matches("{ $.ok IS TRUE }", line));
        assert!(matches("{ $.nothing NOT EXISTS }", line));
        assert!(!matches(r#"{ $.decision = "x" }"#, "START RequestId: 1"));
        assert!(Pattern::parse("{ decision = 1 }").is_err());
    }
}
