//! Tokens to updates: SET, REMOVE, ADD and DELETE, each at most once, in any order.

use super::lexer::Token;
use super::parse::Parser;
use super::tree::{Parsed, Path, Term, Update};
use crate::wire::AwsError;

const KIND: &str = "UpdateExpression";
const SECTIONS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];
const DEPTH_MAX: usize = 50;

pub fn update(text: &str) -> Result<Parsed<Update>, AwsError> {
    Parser::new(KIND, text)?.whole(|parser| {
        let mut update = Update::default();
        let mut seen = Vec::new();
        while let Some(section) = SECTIONS.into_iter().find(|section| parser.take_word(section)) {
            if seen.contains(&section) {
                let why = format!("The \"{section}\" section can only be used once in an update expression;");
                return Err(parser.invalid(&why));
            }
            seen.push(section);
            match section {
                "SET" => update.set = parser.list(assignment)?,
                "REMOVE" => update.remove = parser.list(Parser::path)?,
                "ADD" => update.add = parser.list(path_and_value)?,
                _ => update.delete = parser.list(path_and_value)?,
            }
        }
        if seen.is_empty() { Err(parser.unexpected()) } else { Ok(update) }
    })
}

fn path_and_value(parser: &mut Parser<'_>) -> Result<(Path, String), AwsError> {
    Ok((parser.path()?, parser.value()?))
}

fn assignment(parser: &mut Parser<'_>) -> Result<(Path, Term), AwsError> {
    let path = parser.path()?;
    parser.expect_symbol("=")?;
    let left = term(parser, 0)?;
    let assigned = if parser.take_symbol("+") {
        Term::Plus(Box::new(left), Box::new(term(parser, 0)?))
    } else if parser.take_symbol("-") {
        Term::Minus(Box::new(left), Box::new(term(parser, 0)?))
    } else {
        left
    };
    Ok((path, assigned))
}

fn term(parser: &mut Parser<'_>, depth: usize) -> Result<Term, AwsError> {
    if depth > DEPTH_MAX {
        return Err(parser.invalid("The expression nests too deeply"));
    }
    match parser.at_function() {
        Some("if_not_exists") => {
            parser.advance();
            parser.expect_symbol("(")?;
            let path = parser.path()?;
            parser.expect_symbol(",")?;
            let otherwise = term(parser, depth + 1)?;
            parser.expect_symbol(")")?;
            return Ok(Term::IfNotExists(path, Box::new(otherwise)));
        }
        Some("list_append") => {
            parser.advance();
            parser.expect_symbol("(")?;
            let first = term(parser, depth + 1)?;
            parser.expect_symbol(",")?;
            let second = term(parser, depth + 1)?;
            parser.expect_symbol(")")?;
            return Ok(Term::ListAppend(Box::new(first), Box::new(second)));
        }
        Some(name) => return Err(parser.invalid(&format!("Invalid function name; function: {name}"))),
        None => {}
    }
    match parser.peek() {
        Token::Value(_) => Ok(Term::Value(parser.value()?)),
        Token::Symbol("(") => {
            parser.advance();
            let mut inner = term(parser, depth + 1)?;
            if parser.take_symbol("+") {
                inner = Term::Plus(Box::new(inner), Box::new(term(parser, depth + 1)?));
            } else if parser.take_symbol("-") {
                inner = Term::Minus(Box::new(inner), Box::new(term(parser, depth + 1)?));
            }
            parser.expect_symbol(")")?;
            Ok(inner)
        }
        _ => Ok(Term::Path(parser.path()?)),
    }
}
