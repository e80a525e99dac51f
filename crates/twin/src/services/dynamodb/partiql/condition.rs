//! The WHERE of a statement, as a condition expression.

use super::lexer::Token;
use super::literal;
use super::parser::Parser;
use super::{syntax, unsupported};
use crate::services::dynamodb::value::Value;
use crate::wire::AwsError;

const DEPTH_MAX: usize = 100;

pub fn or(parser: &mut Parser, depth: usize) -> Result<String, AwsError> {
    let mut text = and(parser, depth)?;
    while parser.take_word("OR") {
        text = format!("{text} OR {}", and(parser, depth)?);
    }
    Ok(text)
}

fn and(parser: &mut Parser, depth: usize) -> Result<String, AwsError> {
    let mut text = not(parser, depth)?;
    while parser.take_word("AND") {
        text = format!("{text} AND {}", not(parser, depth)?);
    }
    Ok(text)
}

fn not(parser: &mut Parser, depth: usize) -> Result<String, AwsError> {
    if depth > DEPTH_MAX {
        return Err(syntax("the WHERE nests too deeply"));
    }
    if parser.take_word("NOT") {
        return Ok(format!("NOT ({})", not(parser, depth + 1)?));
    }
    if parser.take_symbol("(") {
        let inner = or(parser, depth + 1)?;
        parser.expect_symbol(")")?;
        return Ok(format!("({inner})"));
    }
    predicate(parser)
}

fn predicate(parser: &mut Parser) -> Result<String, AwsError> {
    if let Some(function) = parser.at_function().filter(|name| name != "size") {
        if !["begins_with", "contains", "attribute_type"].contains(&function.as_str()) {
            return Err(unsupported(&format!("the function {function} in a WHERE")));
        }
        parser.advance();
        parser.expect_symbol("(")?;
        let path = parser.path()?;
        parser.expect_symbol(",")?;
        let part = operand(parser)?;
        parser.expect_symbol(")")?;
        return Ok(format!("{function}({path}, {part})"));
    }
    let left = operand(parser)?;
    if parser.take_word("IS") {
        return is(parser, &left);
    }
    let is_negated = parser.take_word("NOT");
    let text = if parser.take_word("BETWEEN") {
        let low = operand(parser)?;
        parser.expect_word("AND")?;
        format!("{left} BETWEEN {low} AND {}", operand(parser)?)
    } else if parser.take_word("IN") {
        format!("{left} IN ({})", candidates(parser)?)
    } else if is_negated {
        return Err(parser.expected("BETWEEN or IN"));
    } else {
        let Token::Symbol(symbol) = parser.advance() else { return Err(parser.expected("a comparison")) };
        let symbol = if symbol == "!=" { "<>" } else { symbol };
        if !["=", "<>", "<", "<=", ">", ">="].contains(&symbol) {
            return Err(syntax(&format!("{symbol} compares nothing")));
        }
        format!("{left} {symbol} {}", operand(parser)?)
    };
    Ok(if is_negated { format!("NOT ({text})") } else { text })
}

fn is(parser: &mut Parser, left: &str) -> Result<String, AwsError> {
    let is_negated = parser.take_word("NOT");
    let text = if parser.take_word("MISSING") {
        format!("attribute_not_exists({left})")
    } else if parser.take_word("NULL") {
        let kind = parser.bind(Value::S("NULL".to_owned()));
        format!("attribute_type({left}, {kind})")
    } else {
        return Err(parser.expected("MISSING or NULL"));
    };
    Ok(if is_negated { format!("NOT ({text})") } else { text })
}

fn candidates(parser: &mut Parser) -> Result<String, AwsError> {
    let end = if parser.take_symbol("[") { "]" } else { ")" };
    if end == ")" {
        parser.expect_symbol("(")?;
    }
    let mut all = vec![operand(parser)?];
    while parser.take_symbol(",") {
        all.push(operand(parser)?);
    }
    parser.expect_symbol(end)?;
    Ok(all.join(", "))
}

fn operand(parser: &mut Parser) -> Result<String, AwsError> {
    if parser.at_function().as_deref() == Some("size") {
        parser.advance();
        parser.expect_symbol("(")?;
        let path = parser.path()?;
        parser.expect_symbol(")")?;
        return Ok(format!("size({path})"));
    }
    if literal::is_next(parser) {
        let value = literal::value(parser, 0)?;
        return Ok(parser.bind(value));
    }
    parser.path()
}
