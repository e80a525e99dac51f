//! What is wrong with a template, where, and what was probably meant.

use std::fmt;

use super::node::Mark;
use crate::wire::AwsError;

/// One mistake in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: Mark,
    /// `Resources/OrdersTable/Properties/BillingMode`; empty where the document itself is at fault.
    pub path: String,
    pub message: String,
}

impl Problem {
    pub fn new(at: Mark, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at, path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("template")?;
        if self.at.line > 0 {
            write!(f, " line {}:{}", self.at.line, self.at.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// How many mistakes one answer names; the rest are counted.
const NAMED: usize = 10;

/// All mistakes of a template as the one error CloudFormation answers with.
pub fn to_error(problems: &[Problem]) -> AwsError {
    let mut lines: Vec<String> = problems.iter().take(NAMED).map(Problem::to_string).collect();
    if problems.len() > NAMED {
        lines.push(format!("and {} more", problems.len() - NAMED));
    }
    AwsError::bad_request("ValidationError", lines.join("\n"))
}

/// `, did you mean "X"?` for the known name nearest to `name`, or nothing where none is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    /// Jaro-Winkler similarity below which a suggestion would only confuse.
    const NEAR: f64 = 0.75;
    // What all resource types begin with says nothing of how near two of them are.
    let bare = |name: &str| name.strip_prefix("AWS::").unwrap_or(name).to_lowercase();
    let score = |known: &str| strsim::jaro_winkler(&bare(known), &bare(name));
    let best = known.into_iter().map(|known| (score(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, known)) if score >= NEAR => format!(", did you mean {known:?}?"),
        _ => String::new(),
    }
}
