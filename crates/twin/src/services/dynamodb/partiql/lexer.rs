//! Characters of a PartiQL statement to tokens.

use super::syntax;
use crate::wire::AwsError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A keyword, a function or a plain attribute name.
    Word(String),
    /// `"name"`: never a keyword.
    Name(String),
    /// `'text'`.
    Text(String),
    Number(String),
    /// `?`.
    Parameter,
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: &[&str] = &[
    "<<", ">>", "<=", ">=", "<>", "!=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "=", "<", ">", "+", "-", "*", ";",
];

/// The tokens of a statement; the last is [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<Token>, AwsError> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => {
                let (inner, length) = quoted(rest, first)?;
                (if first == '"' { Token::Name(inner) } else { Token::Text(inner) }, length)
            }
            '?' => (Token::Parameter, 1),
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = span(rest, |c| c.is_ascii_alphanumeric() || c == '_');
                (Token::Word(rest[..length].to_owned()), length)
            }
            '0'..='9' => {
                let length = number(rest);
                (Token::Number(rest[..length].to_owned()), length)
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| syntax(&format!("unexpected character {first:?}")))?;
                (Token::Symbol(symbol), symbol.len())
            }
        };
        all.push(token);
        rest = rest[length..].trim_start();
    }
    all.push(Token::End);
    Ok(all)
}

/// What stands between quotes, a doubled quote being one, and how long it is with them.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), AwsError> {
    let mut inner = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            inner.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            inner.push(quote);
        } else {
            return Ok((inner, at + 1));
        }
    }
    Err(syntax(&format!("a {quote} is never closed")))
}

/// Digits, a fraction, an exponent.
fn number(rest: &str) -> usize {
    let digits = |from: usize| from + span(&rest[from..], |c| c.is_ascii_digit());
    let mut end = digits(0);
    if rest[end..].starts_with('.') && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}
