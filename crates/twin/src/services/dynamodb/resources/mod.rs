//! `AWS::DynamoDB::Table` and `AWS::DynamoDB::GlobalTable`: what a template may say, and the calls it becomes.
//!
//! Handlers use the same functions as the API, wait until the table is ready as CloudFormation does, and refuse a
//! property that would need what the twin does not have.

mod global_table;
mod settings;
mod spec;
mod steps;
mod table;

use serde_json::Value;

use crate::formation::{ResourceError, ResourceHandler};

pub fn all() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(table::TableHandler), Box::new(global_table::GlobalTableHandler)]
}

/// Refuses properties whose effect would be missed.
fn refuse(properties: &Value, names: &[(&str, &str)]) -> Result<(), ResourceError> {
    match names.iter().find(|(name, _)| properties.get(name).is_some()) {
        Some((name, why)) => Err(ResourceError(format!(
            "the embedded twin does not model {name} ({why}); leave it out with a condition, or see docs/fidelity.md"
        ))),
        None => Ok(()),
    }
}
