//! PartiQL: statements become the expressions, names and values of the item API, and nothing else.
//!
//! What is read and written then goes the way of every other request; there is no second evaluator.

mod condition;
mod lexer;
mod literal;
mod parser;
mod statement;

pub use statement::{Operation, Returning, Statement, parse};

use crate::wire::AwsError;

/// A statement that is none.
fn syntax(why: &str) -> AwsError {
    AwsError::validation(format!("Statement wasn't well formed, can't be processed: {why}"))
}

/// A statement the service may know and the twin does not.
fn unsupported(what: &str) -> AwsError {
    AwsError::validation(format!("the embedded twin's PartiQL does not model {what}; see docs/fidelity.md"))
}
