//! Tokens to conditions and projections; the recursive descent that updates share.
//!
//! The grammar and its precedence are those of "Condition and filter expressions" in the developer guide:
//! comparators, then NOT, AND, OR.

use super::lexer::{Token, syntax_error, tokens};
use super::reserved;
use super::tree::{Comparator, Condition, Name, Operand, Parsed, Path, Step};
use crate::wire::AwsError;

/// Functions that are conditions by themselves, with the operands each takes.
const FUNCTIONS: &[(&str, usize)] =
    &[("attribute_exists", 1), ("attribute_not_exists", 1), ("attribute_type", 2), ("begins_with", 2), ("contains", 2)];
/// Parentheses and NOT nest no deeper than this: the service allows 300 operators, and stacks end.
const DEPTH_MAX: usize = 200;

/// Parses a condition; `kind` is the request's member, `ConditionExpression` and the like.
pub fn condition(kind: &'static str, text: &str) -> Result<Parsed<Condition>, AwsError> {
    Parser::new(kind, text)?.whole(|parser| parser.or(0))
}

/// Parses a projection: paths separated by commas.
pub fn projection(kind: &'static str, text: &str) -> Result<Parsed<Vec<Path>>, AwsError> {
    Parser::new(kind, text)?.whole(|parser| parser.list(Parser::path))
}

/// Tokens on their way to a tree.
pub struct Parser<'a> {
    kind: &'static str,
    text: &'a str,
    tokens: Vec<(Token<'a>, usize)>,
    at: usize,
    names: Vec<String>,
    values: Vec<String>,
}

impl<'a> Parser<'a> {
    pub fn new(kind: &'static str, text: &'a str) -> Result<Self, AwsError> {
        if text.trim().is_empty() {
            return Err(AwsError::validation(format!("Invalid {kind}: The expression can not be empty;")));
        }
        Ok(Self { kind, text, tokens: tokens(kind, text)?, at: 0, names: Vec::new(), values: Vec::new() })
    }

    /// Parses all there is.
    pub fn whole<T>(mut self, parse: impl FnOnce(&mut Self) -> Result<T, AwsError>) -> Result<Parsed<T>, AwsError> {
        let tree = parse(&mut self)?;
        if self.peek() != Token::End {
            return Err(self.unexpected());
        }
        Ok(Parsed { tree, names: self.names, values: self.values })
    }

    pub fn peek(&self) -> Token<'a> {
        self.tokens.get(self.at).map_or(Token::End, |(token, _)| *token)
    }

    fn peek_second(&self) -> Token<'a> {
        self.tokens.get(self.at + 1).map_or(Token::End, |(token, _)| *token)
    }

    pub fn advance(&mut self) {
        self.at += 1;
    }

    /// Whether a word comes next, in any case.
    pub fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek() == Token::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Result<(), AwsError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub fn unexpected(&self) -> AwsError {
        let (token, at) = self.tokens.get(self.at).copied().unwrap_or((Token::End, self.text.len()));
        syntax_error(self.kind, self.text, token.text(), at)
    }

    pub fn invalid(&self, why: &str) -> AwsError {
        AwsError::validation(format!("Invalid {}: {why}", self.kind))
    }

    /// One or more, separated by commas.
    pub fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, AwsError>) -> Result<Vec<T>, AwsError> {
        let mut all = vec![one(self)?];
        while self.take_symbol(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// The function that starts here, if a word and a parenthesis say so.
    pub fn at_function(&self) -> Option<&'a str> {
        match (self.peek(), self.peek_second()) {
            (Token::Word(word), Token::Symbol("(")) => Some(word),
            _ => None,
        }
    }

    /// A `:value`.
    pub fn value(&mut self) -> Result<String, AwsError> {
        let Token::Value(name) = self.peek() else { return Err(self.unexpected()) };
        self.advance();
        self.values.push(name.to_owned());
        Ok(name.to_owned())
    }

    pub fn path(&mut self) -> Result<Path, AwsError> {
        let root = self.name()?;
        let mut steps = Vec::new();
        loop {
            if self.take_symbol(".") {
                steps.push(Step::Field(self.name()?));
            } else if self.take_symbol("[") {
                let Token::Integer(digits) = self.peek() else { return Err(self.unexpected()) };
                let Ok(index) = digits.parse() else { return Err(self.unexpected()) };
                self.advance();
                self.expect_symbol("]")?;
                steps.push(Step::Index(index));
            } else {
                return Ok(Path { root, steps });
            }
        }
    }

    fn name(&mut self) -> Result<Name, AwsError> {
        let name = match self.peek() {
            Token::Name(alias) => {
                self.names.push(alias.to_owned());
                Name::Alias(alias.to_owned())
            }
            Token::Word(word) if reserved::is_reserved(word) => {
                let why = format!("Attribute name is a reserved keyword; reserved keyword: {word}");
                return Err(self.invalid(&why));
            }
            Token::Word(word) => Name::Plain(word.to_owned()),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(name)
    }

    fn or(&mut self, depth: usize) -> Result<Condition, AwsError> {
        let mut left = self.and(depth)?;
        while self.take_word("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.and(depth)?));
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Result<Condition, AwsError> {
        let mut left = self.not(depth)?;
        while self.take_word("AND") {
            left = Condition::And(Box::new(left), Box::new(self.not(depth)?));
        }
        Ok(left)
    }

    fn not(&mut self, depth: usize) -> Result<Condition, AwsError> {
        if depth > DEPTH_MAX {
            return Err(self.invalid("The expression contains too many operators; it nests too deeply"));
        }
        if self.take_word("NOT") {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.take_symbol("(") {
            let inner = self.or(depth + 1)?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        match self.at_function() {
            Some("size") | None => self.comparison(),
            Some(name) => self.function(name),
        }
    }

    fn function(&mut self, name: &str) -> Result<Condition, AwsError> {
        let Some((_, wanted)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            return Err(self.invalid(&format!("Invalid function name; function: {name}")));
        };
        self.advance();
        self.expect_symbol("(")?;
        let mut operands = self.list(Self::operand)?;
        self.expect_symbol(")")?;
        if operands.len() != *wanted {
            return Err(self.wrong_count(name, operands.len()));
        }
        let second = operands.pop();
        let (first, second) = match operands.pop() {
            Some(first) => (Some(first), second),
            None => (second, None),
        };
        Ok(match (name, first, second) {
            ("attribute_exists", Some(Operand::Path(path)), None) => Condition::Exists(path),
            ("attribute_not_exists", Some(Operand::Path(path)), None) => Condition::NotExists(path),
            ("attribute_type", Some(Operand::Path(path)), Some(Operand::Value(value))) => {
                Condition::HasType(path, value)
            }
            ("begins_with", Some(operand), Some(prefix)) => Condition::BeginsWith(operand, prefix),
            ("contains", Some(operand), Some(part)) => Condition::Contains(operand, part),
            _ => {
                let why = format!("Operator or function requires a document path; operator or function: {name}");
                return Err(self.invalid(&why));
            }
        })
    }

    fn wrong_count(&self, function: &str, count: usize) -> AwsError {
        self.invalid(&format!(
            "Incorrect number of operands for operator or function; operator or function: {function}, number of \
             operands: {count}"
        ))
    }

    fn comparison(&mut self) -> Result<Condition, AwsError> {
        let left = self.operand()?;
        if self.take_word("BETWEEN") {
            let low = self.operand()?;
            if !self.take_word("AND") {
                return Err(self.unexpected());
            }
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.take_word("IN") {
            self.expect_symbol("(")?;
            let candidates = self.list(Self::operand)?;
            self.expect_symbol(")")?;
            return Ok(Condition::In(left, candidates));
        }
        let comparator = match self.peek() {
            Token::Symbol("=") => Comparator::Equal,
            Token::Symbol("<>") => Comparator::NotEqual,
            Token::Symbol("<") => Comparator::Less,
            Token::Symbol("<=") => Comparator::LessOrEqual,
            Token::Symbol(">") => Comparator::Greater,
            Token::Symbol(">=") => Comparator::GreaterOrEqual,
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Condition::Compare(left, comparator, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, AwsError> {
        match (self.at_function(), self.peek()) {
            (Some("size"), _) => {
                self.advance();
                self.expect_symbol("(")?;
                let path = self.path()?;
                self.expect_symbol(")")?;
                Ok(Operand::Size(path))
            }
            (Some(name), _) if FUNCTIONS.iter().any(|(known, _)| *known == name) => Err(self.invalid(&format!(
                "The function is not allowed to be used this way in an expression; function: {name}"
            ))),
            (Some(name), _) => Err(self.invalid(&format!("Invalid function name; function: {name}"))),
            (None, Token::Value(_)) => Ok(Operand::Value(self.value()?)),
            (None, Token::Symbol("(")) => {
                self.advance();
                let operand = self.operand()?;
                self.expect_symbol(")")?;
                Ok(operand)
            }
            _ => Ok(Operand::Path(self.path()?)),
        }
    }
}
