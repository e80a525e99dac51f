//! Tokens on their way to an expression: what has been read, and the placeholders made so far.

use std::collections::BTreeMap;

use super::lexer::{Token, tokens};
use super::syntax;
use crate::services::dynamodb::value::Value;
use crate::wire::AwsError;

pub struct Parser {
    tokens: Vec<Token>,
    at: usize,
    parameters: std::vec::IntoIter<Value>,
    /// `#n0` and so on, by placeholder.
    pub names: BTreeMap<String, String>,
    /// `:v0` and so on, by placeholder.
    pub values: BTreeMap<String, Value>,
}

impl Parser {
    pub fn new(text: &str, parameters: Vec<Value>) -> Result<Self, AwsError> {
        Ok(Self {
            tokens: tokens(text)?,
            at: 0,
            parameters: parameters.into_iter(),
            names: BTreeMap::new(),
            values: BTreeMap::new(),
        })
    }

    pub fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn peek_second(&self) -> &Token {
        self.tokens.get(self.at + 1).unwrap_or(&Token::End)
    }

    pub fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    pub fn expect_word(&mut self, word: &str) -> Result<(), AwsError> {
        if self.take_word(word) { Ok(()) } else { Err(self.expected(word)) }
    }

    pub fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(text) if *text == symbol)
    }

    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Result<(), AwsError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.expected(symbol)) }
    }

    /// The function that starts here, in lower case.
    pub fn at_function(&self) -> Option<String> {
        match (self.peek(), self.peek_second()) {
            (Token::Word(word), Token::Symbol("(")) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    pub fn expected(&self, what: &str) -> AwsError {
        let found = match self.peek() {
            Token::Word(text) | Token::Name(text) | Token::Text(text) | Token::Number(text) => text,
            Token::Parameter => "?",
            Token::Symbol(symbol) => symbol,
            Token::End => "the end",
        };
        syntax(&format!("expected {what}, found {found}"))
    }

    /// An attribute's, table's or index's name.
    pub fn name(&mut self) -> Result<String, AwsError> {
        match self.peek() {
            Token::Word(name) | Token::Name(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.expected("a name")),
        }
    }

    /// A document path, as an expression with placeholders.
    pub fn path(&mut self) -> Result<String, AwsError> {
        let root = self.name()?;
        let mut path = self.alias(root);
        loop {
            if self.take_symbol(".") {
                let field = self.name()?;
                path = format!("{path}.{}", self.alias(field));
            } else if self.take_symbol("[") {
                let Token::Number(index) = self.advance() else { return Err(self.expected("an index")) };
                self.expect_symbol("]")?;
                path = format!("{path}[{index}]");
            } else {
                return Ok(path);
            }
        }
    }

    /// The placeholder of a name.
    pub fn alias(&mut self, name: String) -> String {
        if let Some((alias, _)) = self.names.iter().find(|(_, known)| **known == name) {
            return alias.clone();
        }
        let alias = format!("#n{}", self.names.len());
        self.names.insert(alias.clone(), name);
        alias
    }

    /// The placeholder of a value.
    pub fn bind(&mut self, value: Value) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    pub fn parameter(&mut self) -> Result<Value, AwsError> {
        self.parameters.next().ok_or_else(uneven)
    }

    /// Whether all there was has been read: tokens and parameters.
    pub fn finish(&mut self) -> Result<(), AwsError> {
        self.take_symbol(";");
        if *self.peek() != Token::End {
            return Err(self.expected("the end of the statement"));
        }
        if self.parameters.next().is_some() { Err(uneven()) } else { Ok(()) }
    }
}

fn uneven() -> AwsError {
    AwsError::validation("Number of parameters in request and statement don't match.")
}
