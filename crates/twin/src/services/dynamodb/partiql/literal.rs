//! Values as a statement writes them: literals, documents, sets and parameters.

use std::collections::BTreeSet;

use super::lexer::Token;
use super::parser::Parser;
use super::{syntax, unsupported};
use crate::services::dynamodb::number::Number;
use crate::services::dynamodb::value::{Item, Value};
use crate::wire::AwsError;

/// Documents nest no deeper than this: an item may not either.
const DEPTH_MAX: usize = 33;

/// Whether a value starts here, and no name.
pub fn is_next(parser: &Parser) -> bool {
    match parser.peek() {
        Token::Text(_) | Token::Number(_) | Token::Parameter => true,
        Token::Symbol(symbol) => ["{", "[", "<<", "-"].contains(symbol),
        Token::Word(_) => ["TRUE", "FALSE", "NULL"].iter().any(|word| parser.at_word(word)),
        Token::Name(_) | Token::End => false,
    }
}

pub fn value(parser: &mut Parser, depth: usize) -> Result<Value, AwsError> {
    if depth > DEPTH_MAX {
        return Err(syntax("the value nests too deeply"));
    }
    if !is_next(parser) {
        return Err(parser.expected("a value"));
    }
    Ok(match parser.advance() {
        Token::Parameter => parser.parameter()?,
        Token::Text(text) => Value::S(text),
        Token::Number(digits) => Value::N(Number::parse(&digits)?),
        Token::Symbol("-") => match parser.advance() {
            Token::Number(digits) => Value::N(Number::parse(&format!("-{digits}"))?),
            _ => return Err(syntax("a minus sign stands before no number")),
        },
        Token::Symbol("{") => Value::M(members(parser, depth)?),
        Token::Symbol("[") => Value::L(elements(parser, "]", depth)?),
        Token::Symbol("<<") => set(elements(parser, ">>", depth)?)?,
        Token::Word(word) if word.eq_ignore_ascii_case("NULL") => Value::Null,
        Token::Word(word) => Value::Bool(word.eq_ignore_ascii_case("TRUE")),
        _ => return Err(unsupported("such a value")),
    })
}

/// The members of a `{ 'name': value }` behind its brace.
pub fn members(parser: &mut Parser, depth: usize) -> Result<Item, AwsError> {
    let mut item = Item::new();
    while !parser.take_symbol("}") {
        let name = match parser.advance() {
            Token::Text(name) | Token::Name(name) => name,
            _ => return Err(syntax("the name of a member is a text in quotes")),
        };
        parser.expect_symbol(":")?;
        let value = value(parser, depth + 1)?;
        if item.insert(name.clone(), value).is_some() {
            return Err(syntax(&format!("{name} is given twice")));
        }
        if !parser.at_symbol("}") {
            parser.expect_symbol(",")?;
        }
    }
    Ok(item)
}

fn elements(parser: &mut Parser, end: &str, depth: usize) -> Result<Vec<Value>, AwsError> {
    let mut all = Vec::new();
    while !parser.take_symbol(end) {
        all.push(value(parser, depth + 1)?);
        if !parser.at_symbol(end) {
            parser.expect_symbol(",")?;
        }
    }
    Ok(all)
}

fn set(elements: Vec<Value>) -> Result<Value, AwsError> {
    let count = elements.len();
    let (mut texts, mut numbers, mut binaries) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for element in elements {
        match element {
            Value::S(text) => texts.insert(text),
            Value::N(number) => numbers.insert(number),
            Value::B(bytes) => binaries.insert(bytes),
            other => return Err(syntax(&format!("a set holds no {}", other.type_name()))),
        };
    }
    match (texts.len(), numbers.len(), binaries.len()) {
        (found, 0, 0) if found == count && found > 0 => Ok(Value::Ss(texts)),
        (0, found, 0) if found == count && found > 0 => Ok(Value::Ns(numbers)),
        (0, 0, found) if found == count && found > 0 => Ok(Value::Bs(binaries)),
        _ => Err(syntax("a set holds values of one type, each once, and is not empty")),
    }
}
