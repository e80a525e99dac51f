//! Characters to tokens.

use crate::wire::AwsError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword, function or attribute name; which one is the parser's to say.
    Word(&'a str),
    /// `#name`.
    Name(&'a str),
    /// `:value`.
    Value(&'a str),
    Integer(&'a str),
    /// `( ) [ ] . , + - = <> < <= > >=`.
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    pub fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Value(text) | Self::Integer(text) | Self::Symbol(text) => text,
            Self::End => "<EOF>",
        }
    }
}

/// The tokens of a text, each with the offset it starts at; the last is [`Token::End`].
pub fn tokens<'a>(kind: &str, text: &'a str) -> Result<Vec<(Token<'a>, usize)>, AwsError> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let word = |from: usize| from + bytes[from..].iter().take_while(|b| is_word(**b)).count();
        let token = match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' | b':' if word(at + 1) > at + 1 => {
                at = word(at + 1);
                if bytes[start] == b'#' { Token::Name(&text[start..at]) } else { Token::Value(&text[start..at]) }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                at = word(at);
                Token::Word(&text[start..at])
            }
            b'0'..=b'9' => {
                at += bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
                Token::Integer(&text[start..at])
            }
            b'<' | b'>' => {
                let two = matches!(&bytes[at..(at + 2).min(bytes.len())], b"<>" | b"<=" | b">=");
                at += 1 + usize::from(two);
                Token::Symbol(&text[start..at])
            }
            b'(' | b')' | b'[' | b']' | b'.' | b',' | b'+' | b'-' | b'=' => {
                at += 1;
                Token::Symbol(&text[start..at])
            }
            _ => {
                let bad = text[at..].chars().next().map_or("", |c| &text[at..at + c.len_utf8()]);
                return Err(syntax_error(kind, text, bad, at));
            }
        };
        all.push((token, start));
    }
    all.push((Token::End, text.len()));
    Ok(all)
}

/// `Invalid UpdateExpression: Syntax error; token: "x", near: "a x b"`.
pub fn syntax_error(kind: &str, text: &str, token: &str, at: usize) -> AwsError {
    // The service shows the token with its neighbours on both sides.
    let end = (at + token.len()).min(text.len());
    let before = text.get(..at).unwrap_or_default().trim_end();
    let from = before.rfind([' ', '\t', '\n']).map_or(0, |space| space + 1);
    let after = text.get(end..).unwrap_or_default();
    let lead = after.len() - after.trim_start().len();
    let to = after[lead..].find([' ', '\t', '\n']).map_or(text.len(), |space| end + lead + space);
    let near = text.get(from..to).unwrap_or(text);
    AwsError::validation(format!("Invalid {kind}: Syntax error; token: \"{token}\", near: \"{near}\""))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
