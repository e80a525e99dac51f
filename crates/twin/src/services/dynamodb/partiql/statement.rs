//! SELECT, INSERT, UPDATE and DELETE, each as what the item API would be asked.

use std::collections::BTreeMap;

use super::parser::Parser;
use super::{condition, literal, syntax, unsupported};
use crate::services::dynamodb::value::{Item, Value};
use crate::wire::AwsError;

/// What a write gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returning {
    /// The whole item, or what was modified.
    pub is_all: bool,
    /// As it was, or as it is.
    pub is_old: bool,
}

#[derive(Debug)]
pub enum Operation {
    Select {
        index: Option<String>,
        projection: Option<String>,
        condition: Option<String>,
        /// The key to order by, and whether it falls.
        order: Option<(String, bool)>,
    },
    Insert(Item),
    Update {
        expression: String,
        condition: String,
        returning: Option<Returning>,
    },
    Delete {
        condition: String,
        returning: Option<Returning>,
    },
    /// `EXISTS(SELECT …)`: a condition check, for transactions.
    Check {
        condition: String,
    },
}

/// A statement with its placeholders.
#[derive(Debug)]
pub struct Statement {
    pub table: String,
    pub operation: Operation,
    pub names: BTreeMap<String, String>,
    pub values: BTreeMap<String, Value>,
}

/// Reads a statement.
pub fn parse(text: &str, parameters: Vec<Value>) -> Result<Statement, AwsError> {
    let mut parser = Parser::new(text, parameters)?;
    let (table, operation) = if parser.take_word("SELECT") {
        select(&mut parser)?
    } else if parser.take_word("INSERT") {
        insert(&mut parser)?
    } else if parser.take_word("UPDATE") {
        update(&mut parser)?
    } else if parser.take_word("DELETE") {
        delete(&mut parser)?
    } else if parser.take_word("EXISTS") {
        check(&mut parser)?
    } else {
        return Err(parser.expected("SELECT, INSERT, UPDATE, DELETE or EXISTS"));
    };
    parser.finish()?;
    Ok(Statement { table, operation, names: parser.names, values: parser.values })
}

fn select(parser: &mut Parser) -> Result<(String, Operation), AwsError> {
    let projection = if parser.take_symbol("*") {
        None
    } else {
        if let Some(function) = parser.at_function() {
            return Err(unsupported(&format!("the function {function} in a SELECT list")));
        }
        let mut paths = vec![parser.path()?];
        while parser.take_symbol(",") {
            paths.push(parser.path()?);
        }
        Some(paths.join(", "))
    };
    parser.expect_word("FROM")?;
    let table = parser.name()?;
    let index = if parser.take_symbol(".") { Some(parser.name()?) } else { None };
    let condition = if parser.take_word("WHERE") { Some(condition::or(parser, 0)?) } else { None };
    let mut order = None;
    if parser.take_word("ORDER") {
        parser.expect_word("BY")?;
        let key = parser.name()?;
        let falls = parser.take_word("DESC");
        if !falls {
            parser.take_word("ASC");
        }
        order = Some((key, falls));
    }
    for clause in ["GROUP", "LIMIT", "JOIN", "AS"] {
        if parser.at_word(clause) {
            return Err(unsupported(clause));
        }
    }
    Ok((table, Operation::Select { index, projection, condition, order }))
}

fn insert(parser: &mut Parser) -> Result<(String, Operation), AwsError> {
    parser.expect_word("INTO")?;
    let table = parser.name()?;
    parser.expect_word("VALUE")?;
    let item = match literal::value(parser, 0)? {
        Value::M(item) => item,
        other => return Err(syntax(&format!("INSERT takes a document, not {}", other.type_name()))),
    };
    Ok((table, Operation::Insert(item)))
}

fn update(parser: &mut Parser) -> Result<(String, Operation), AwsError> {
    let table = parser.name()?;
    let (mut set, mut remove, mut add, mut delete) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    loop {
        if parser.take_word("SET") {
            assignment(parser, &mut set, &mut add, &mut delete)?;
            while parser.take_symbol(",") {
                assignment(parser, &mut set, &mut add, &mut delete)?;
            }
        } else if parser.take_word("REMOVE") {
            remove.push(parser.path()?);
            while parser.take_symbol(",") {
                remove.push(parser.path()?);
            }
        } else {
            break;
        }
    }
    let sections = [("SET", set), ("REMOVE", remove), ("ADD", add), ("DELETE", delete)];
    let sections: Vec<String> = sections
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(section, parts)| format!("{section} {}", parts.join(", ")))
        .collect();
    if sections.is_empty() {
        return Err(parser.expected("SET or REMOVE"));
    }
    parser.expect_word("WHERE")?;
    let condition = condition::or(parser, 0)?;
    let returning = returning(parser)?;
    Ok((table, Operation::Update { expression: sections.join(" "), condition, returning }))
}

fn assignment(
    parser: &mut Parser,
    set: &mut Vec<String>,
    add: &mut Vec<String>,
    delete: &mut Vec<String>,
) -> Result<(), AwsError> {
    let path = parser.path()?;
    parser.expect_symbol("=")?;
    let function = parser.at_function();
    if let Some(section) = match function.as_deref() {
        Some("set_add") => Some(add),
        Some("set_delete") => Some(delete),
        _ => None,
    } {
        parser.advance();
        parser.expect_symbol("(")?;
        if parser.path()? != path {
            return Err(unsupported("a set made from another attribute"));
        }
        parser.expect_symbol(",")?;
        let elements = literal::value(parser, 0)?;
        parser.expect_symbol(")")?;
        section.push(format!("{path} {}", parser.bind(elements)));
        return Ok(());
    }
    let mut text = term(parser)?;
    for sign in ["+", "-"] {
        if parser.take_symbol(sign) {
            text = format!("{text} {sign} {}", term(parser)?);
            break;
        }
    }
    set.push(format!("{path} = {text}"));
    Ok(())
}

fn term(parser: &mut Parser) -> Result<String, AwsError> {
    match parser.at_function().as_deref() {
        Some(name @ ("list_append" | "if_not_exists")) => {
            parser.advance();
            parser.expect_symbol("(")?;
            let first = term(parser)?;
            parser.expect_symbol(",")?;
            let second = term(parser)?;
            parser.expect_symbol(")")?;
            Ok(format!("{name}({first}, {second})"))
        }
        Some(name) => Err(unsupported(&format!("the function {name} in a SET"))),
        None if literal::is_next(parser) => {
            let value = literal::value(parser, 0)?;
            Ok(parser.bind(value))
        }
        None => parser.path(),
    }
}

fn delete(parser: &mut Parser) -> Result<(String, Operation), AwsError> {
    parser.expect_word("FROM")?;
    let table = parser.name()?;
    parser.expect_word("WHERE")?;
    let condition = condition::or(parser, 0)?;
    let returning = returning(parser)?;
    if returning.is_some_and(|returning| returning != Returning { is_all: true, is_old: true }) {
        return Err(AwsError::validation("DELETE returns ALL OLD * and nothing else"));
    }
    Ok((table, Operation::Delete { condition, returning }))
}

fn check(parser: &mut Parser) -> Result<(String, Operation), AwsError> {
    parser.expect_symbol("(")?;
    parser.expect_word("SELECT")?;
    let (table, selected) = select(parser)?;
    parser.expect_symbol(")")?;
    match selected {
        Operation::Select { index: None, projection: None, condition: Some(condition), order: None } => {
            Ok((table, Operation::Check { condition }))
        }
        _ => Err(unsupported("an EXISTS that is not EXISTS(SELECT * FROM table WHERE …)")),
    }
}

fn returning(parser: &mut Parser) -> Result<Option<Returning>, AwsError> {
    if !parser.take_word("RETURNING") {
        return Ok(None);
    }
    let is_all = parser.take_word("ALL");
    if !is_all {
        parser.expect_word("MODIFIED")?;
    }
    let is_old = parser.take_word("OLD");
    if !is_old {
        parser.expect_word("NEW")?;
    }
    parser.expect_symbol("*")?;
    Ok(Some(Returning { is_all, is_old }))
}
