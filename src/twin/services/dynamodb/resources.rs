//! `AWS::DynamoDB::Table` and `AWS::DynamoDB::GlobalTable`.

use crate::twin::formation::ResourceHandler;

pub fn all() -> Vec<Box<dyn ResourceHandler>> {
    Vec::new()
}
